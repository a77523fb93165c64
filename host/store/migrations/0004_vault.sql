-- Keys of what belongs to no shop, sealed by the master key like those in tenant_keys: `owner` is a publisher's id, or
-- `platform`.
create table platform_keys (
    owner text not null,
    name text not null,
    wrapped {bytes} not null,
    created_at bigint not null,
    primary key (owner, name)
);
