-- The life of a version after its review, and of an install through its upgrades.
alter table plugin_versions add column killed_at bigint;
-- What an install was before its last upgrade, as JSON; null when there is nothing to go back to.
alter table installs add column previous text;

-- What a plugin kept when it was upgraded, for a rollback.
create table plugin_kv_before (
    tenant_id text not null,
    install_id text not null,
    key text not null,
    value {bytes} not null,
    updated_at bigint not null,
    primary key (tenant_id, install_id, key)
);
create table plugin_documents_before (
    tenant_id text not null,
    install_id text not null,
    collection text not null,
    id text not null,
    body text not null,
    version bigint not null,
    updated_at bigint not null,
    primary key (tenant_id, install_id, collection, id)
);
create table plugin_document_index_before (
    tenant_id text not null,
    install_id text not null,
    collection text not null,
    field text not null,
    value text not null,
    document_id text not null,
    primary key (tenant_id, install_id, collection, field, value, document_id)
);

-- By what a plugin of the catalog is found: kind is `industry`, `capability` or `language`.
create table plugin_facets (
    plugin text not null references plugins (name),
    kind text not null,
    value text not null,
    primary key (kind, value, plugin)
);
create index plugin_facets_by_plugin on plugin_facets (plugin);
