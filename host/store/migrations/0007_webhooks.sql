-- Endpoints of merchants and publishers who run servers of their own.

-- Types, filter and state are in the endpoint's subscription, whose owner it is. `personal` is 1 where names, e-mail
-- addresses and phone numbers are sent. What failed last stands in the columns from `failures` on: how often in a row, since
-- when, why, and until when the endpoint rests; then one attempt at a time is made, until one succeeds.
create table webhooks (
    tenant_id text not null,
    id text not null,
    subscription_id text not null,
    url text not null,
    description text not null,
    personal bigint not null,
    failures bigint not null,
    failing_since bigint,
    retry_at bigint,
    code text not null,
    message text not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant_id, id)
);

-- What an endpoint's messages are signed with, sealed; all that have not expired sign.
create table webhook_secrets (
    tenant_id text not null,
    id text not null,
    webhook_id text not null,
    sealed {bytes} not null,
    created_at bigint not null,
    expires_at bigint,
    primary key (tenant_id, id)
);

-- Messages of a day (UTC), counted in lots; `told` is 1 when the merchant was told that most of them are used, 2 when all.
create table webhook_usage (
    tenant_id text not null,
    day bigint not null,
    used bigint not null,
    told bigint not null,
    primary key (tenant_id, day)
);

-- What an endpoint answered: the HTTP status, and the first bytes as text.
alter table deliveries add column status bigint;
alter table deliveries add column response text not null default '';
