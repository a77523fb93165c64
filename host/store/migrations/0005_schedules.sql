-- What plugins do at times of their own.

-- A schedule of an install, as its manifest has it; its runs are events for the subscription alone. `time_zone` is the
-- shop's where the manifest names none; `missed` is skip, once or all.
create table schedules (
    tenant_id text not null,
    id text not null,
    install_id text not null,
    subscription_id text not null,
    name text not null,
    cron text not null,
    time_zone text not null,
    jitter_ms bigint not null,
    missed text not null,
    created_at bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, install_id, name)
);

-- When each schedule is due. The workers', who look across tenants: ids and numbers and nothing else. `planned_at` is the
-- time that the expression gives, `due_at` that time with what is left to chance; both move on by one conditional update,
-- in the transaction that tells of the run. `missed` counts the times that were left out since the last run.
create table schedule_turns (
    tenant text not null,
    schedule_id text not null,
    planned_at bigint not null,
    due_at bigint,
    missed bigint not null,
    primary key (tenant, schedule_id)
);
create index schedule_turns_due on schedule_turns (due_at) where due_at is not null;
