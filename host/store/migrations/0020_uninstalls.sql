-- What was uninstalled: a certificate of what was removed, or is kept for a while in the tables of copies.
create table uninstalls (
    tenant_id text not null,
    id text not null,
    install_id text not null,
    plugin text not null,
    version text not null,
    actor text not null,
    at bigint not null,
    kv_entries bigint not null,
    kv_bytes bigint not null,
    documents bigint not null,
    document_bytes bigint not null,
    kept_until bigint,
    purged_at bigint,
    restored_to text,
    primary key (tenant_id, id)
);
create index uninstalls_by_plugin on uninstalls (tenant_id, plugin, id);
create index uninstalls_kept on uninstalls (tenant_id, kept_until);
-- What an operator withdrew or deprecated is not the publisher's to bring back.
alter table plugin_versions add column held_by_operator bigint not null default 0;
