-- What calls of plugins logged, for a day; the event `plugin.logged` tells that there is something.
create table plugin_logs (
    tenant_id text not null,
    call_id text not null,
    install_id text not null,
    lines text not null,
    at bigint not null,
    primary key (tenant_id, call_id)
);
create index plugin_logs_by_time on plugin_logs (tenant_id, at);
create index plugin_logs_by_install on plugin_logs (tenant_id, install_id);
