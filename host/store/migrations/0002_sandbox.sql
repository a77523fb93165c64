-- What plugins may use, how they fare, and what people are told about it.

-- `limits` holds the values that differ from the published ones.
create table limit_profiles (
    name text primary key,
    limits text not null,
    updated_at bigint not null
);

-- The tenant's profile by name; null is the profile `default`.
alter table tenants add column limit_profile text;

-- `failure` is the merchant's choice for points whose policy is its own to choose: {"cart.validate-complete": "open"}.
-- `rearmed` counts the times that the install's breakers were re-armed.
alter table installs add column failure text not null default '{}';
alter table installs add column rearmed bigint not null default 0;

-- The breaker of an install at a point, once it has opened: `state` is open or closed, `code` and `message` say of what
-- the last failure was, `retry_at` is when the plugin is tried again.
create table breakers (
    tenant_id text not null,
    install_id text not null,
    point text not null,
    state text not null,
    code text not null,
    message text not null,
    openings bigint not null,
    changed_at bigint not null,
    retry_at bigint not null,
    primary key (tenant_id, install_id, point),
    foreign key (tenant_id, install_id) references installs (tenant_id, id)
);

-- What a merchant is told. `dedup` names the matter: the same matter again counts, and is unread again.
create table notices (
    tenant_id text not null,
    id text not null,
    dedup text not null,
    kind text not null,
    severity text not null,
    subject text not null,
    detail text not null,
    occurrences bigint not null,
    first_at bigint not null,
    last_at bigint not null,
    acknowledged_at bigint,
    acknowledged_by text,
    primary key (tenant_id, id),
    unique (tenant_id, dedup)
);
create index notices_by_time on notices (tenant_id, last_at, id);

-- The same for publishers and operators: `scope` is the publisher's id, or empty for the operators.
create table platform_notices (
    id text primary key,
    scope text not null,
    dedup text not null,
    kind text not null,
    severity text not null,
    subject text not null,
    detail text not null,
    occurrences bigint not null,
    first_at bigint not null,
    last_at bigint not null,
    acknowledged_at bigint,
    acknowledged_by text,
    unique (scope, dedup)
);
create index platform_notices_by_time on platform_notices (scope, last_at, id);

-- What plugins used, by the hour: `hour` counts hours since 1970 UTC, `micros` is wall clock, `peak_memory` the largest
-- of any call in bytes.
create table metering (
    tenant_id text not null,
    hour bigint not null,
    plugin text not null,
    version text not null,
    point text not null,
    calls bigint not null,
    failures bigint not null,
    fuel bigint not null,
    micros bigint not null,
    peak_memory bigint not null,
    host_calls bigint not null,
    bytes_in bigint not null,
    bytes_out bigint not null,
    primary key (tenant_id, hour, plugin, version, point)
);

-- Of the failures, how many had each cause.
create table metering_failures (
    tenant_id text not null,
    hour bigint not null,
    plugin text not null,
    version text not null,
    point text not null,
    code text not null,
    calls bigint not null,
    primary key (tenant_id, hour, plugin, version, point, code)
);

-- The tenant's own key, wrapped by the master key.
create table tenant_keys (
    tenant_id text not null,
    name text not null,
    wrapped {bytes} not null,
    created_at bigint not null,
    primary key (tenant_id, name)
);

-- Calls as the plugin saw them; `body` is encrypted with the tenant's key. The id is the call's.
create table recordings (
    tenant_id text not null,
    id text not null,
    install_id text not null,
    plugin text not null,
    version text not null,
    digest text not null,
    point text not null,
    customer_id text,
    outcome text not null,
    recorded_at bigint not null,
    expires_at bigint not null,
    body {bytes} not null,
    primary key (tenant_id, id)
);
create index recordings_by_expiry on recordings (tenant_id, expires_at);
create index recordings_by_install on recordings (tenant_id, install_id, id);
create index recordings_by_customer on recordings (tenant_id, customer_id);
