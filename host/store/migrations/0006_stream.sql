-- Following events, and what is kept of them.

-- The order in which a tenant's events became known: the relay gives each the next position of its partition when it
-- takes it out of the outbox. `event_heads` has the last one given; it holds numbers and nothing else, and belongs to no
-- tenant, because processes look across all of them for something new.
create table event_heads (
    tenant text not null,
    partition bigint not null,
    position bigint not null,
    primary key (tenant, partition)
);
create table event_positions (
    tenant_id text not null,
    partition bigint not null,
    position bigint not null,
    event_id text not null,
    primary key (tenant_id, partition, position)
);

-- Since when no event of the key is kept; null while one is. The key '' is none: its number is the highest of all keys
-- that were removed, and new keys begin above it.
alter table event_keys add column idle_at bigint;
create index event_keys_idle on event_keys (tenant_id, idle_at) where idle_at is not null;

-- What was removed of what had expired, by the names of the registry: in the last run, and in all.
create table retention_runs (
    name text primary key,
    at bigint not null,
    removed bigint not null,
    removed_in_all bigint not null
);
