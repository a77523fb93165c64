-- What was leased of a limit that is sold by the day (UTC): `leased` in all, `lot` by the last lease. What a process has
-- leased and not used is lost with it, until the day ends.
create table quotas (
    tenant_id text not null,
    name text not null,
    day bigint not null,
    leased bigint not null,
    lot bigint not null,
    primary key (tenant_id, name, day)
);
