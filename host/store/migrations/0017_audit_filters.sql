-- The audit log by thing, by who did it and by what was done, each the newest first.
create index audit_by_subject on audit (tenant_id, subject, id);
create index audit_by_actor on audit (tenant_id, actor, id);
create index audit_by_action on audit (tenant_id, action, id);
