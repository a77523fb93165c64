-- The hosts that the merchant lets the plugin call, as a JSON array.
alter table installs add column hosts text not null default '[]';

-- What a merchant gave to a plugin, such as a key for its maker's server; sealed, and bound to the install and the name.
create table install_secrets (
    tenant_id text not null,
    install_id text not null,
    name text not null,
    sealed {bytes} not null,
    set_at bigint not null,
    primary key (tenant_id, install_id, name),
    foreign key (tenant_id, install_id) references installs (tenant_id, id)
);

-- Requests that plugins left to be sent: until they are sent, or not kept any more.
create table outbound_requests (
    tenant_id text not null,
    id text not null,
    install_id text not null,
    method text not null,
    url text not null,
    headers text not null,
    body {bytes} not null,
    created_at bigint not null,
    primary key (tenant_id, id)
);
create index outbound_requests_by_install on outbound_requests (tenant_id, install_id);
create index outbound_requests_by_time on outbound_requests (tenant_id, created_at);
