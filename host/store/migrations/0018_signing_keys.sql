-- Keys by which publishers sign their plugins; a version names the one that signed it.
create table publisher_keys (
    id text primary key,
    publisher_id text not null references publishers (id),
    public_key text not null,
    name text not null,
    created_at bigint not null,
    revoked_from bigint
);
create index publisher_keys_by_publisher on publisher_keys (publisher_id, created_at);
alter table plugin_versions add column signed_by text;
create index plugin_versions_by_key on plugin_versions (signed_by, id);
