-- What happened, and to whom it is told.

-- The last number that was given to an event of the key.
create table event_keys (
    tenant_id text not null,
    key text not null,
    seq bigint not null,
    primary key (tenant_id, key)
);

-- `data` holds ids, never personal data; `causation` is the event in whose handler this one happened, `correlation` the
-- request in which the chain began, `depth` how long the chain is; `target` is the one subscription that it is for.
create table events (
    tenant_id text not null,
    id text not null,
    kind text not null,
    schema_version bigint not null,
    key text not null,
    seq bigint not null,
    at bigint not null,
    actor text not null,
    causation text,
    correlation text not null,
    depth bigint not null,
    traceparent text,
    target text,
    data text not null,
    primary key (tenant_id, id),
    unique (tenant_id, key, seq)
);

-- Who is told: `kind` is plugin or webhook, `owner` the install or the endpoint, `types` a JSON list of event types.
create table subscriptions (
    tenant_id text not null,
    id text not null,
    kind text not null,
    owner text not null,
    name text not null,
    types text not null,
    filter text not null,
    state text not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, owner, name)
);

-- The next two tables are the workers', who look across tenants: they hold ids and numbers and nothing else.

-- Events that subscriptions have not been told of yet; a row is gone once the lanes know.
create table outbox (
    tenant text not null,
    partition bigint not null,
    key text not null,
    seq bigint not null,
    event_id text not null,
    primary key (tenant, partition, key, seq)
);

-- How far a subscription is with the events of a key. It is behind while `last_seq` is less than `wanted`; then `due_at`
-- says when its next event is tried. `gap` is 1 after an event went to the dead letters. A key that begins with
-- `replay:` is a replay's: its numbers are those of replay_items.
create table lanes (
    tenant text not null,
    subscription_id text not null,
    key text not null,
    partition bigint not null,
    last_seq bigint not null,
    wanted bigint not null,
    gap bigint not null,
    due_at bigint,
    attempts bigint not null,
    failing_since bigint,
    primary key (tenant, subscription_id, key)
);
create index lanes_due on lanes (partition, tenant, due_at) where due_at is not null;

-- Attempts to deliver: `outcome` is ok, failed, dead or skipped, `code` and `message` say why.
create table deliveries (
    tenant_id text not null,
    id text not null,
    subscription_id text not null,
    event_id text not null,
    kind text not null,
    key text not null,
    seq bigint not null,
    attempt bigint not null,
    replay_id text,
    outcome text not null,
    code text not null,
    message text not null,
    micros bigint not null,
    at bigint not null,
    primary key (tenant_id, id)
);
create index deliveries_by_subscription on deliveries (tenant_id, subscription_id, id);
create index deliveries_by_event on deliveries (tenant_id, event_id);

-- Events that were given up: `state` is open, replayed or discarded.
create table dead_letters (
    tenant_id text not null,
    id text not null,
    subscription_id text not null,
    event_id text not null,
    kind text not null,
    key text not null,
    seq bigint not null,
    attempts bigint not null,
    code text not null,
    message text not null,
    state text not null,
    at bigint not null,
    primary key (tenant_id, id)
);
create index dead_letters_by_subscription on dead_letters (tenant_id, subscription_id, id);

-- Events that are told to a subscription once more: `state` is running, done or cancelled.
create table replays (
    tenant_id text not null,
    id text not null,
    subscription_id text not null,
    events bigint not null,
    state text not null,
    created_at bigint not null,
    created_by text not null,
    primary key (tenant_id, id)
);
create table replay_items (
    tenant_id text not null,
    replay_id text not null,
    seq bigint not null,
    event_id text not null,
    primary key (tenant_id, replay_id, seq),
    foreign key (tenant_id, replay_id) references replays (tenant_id, id)
);

-- Who does what at the moment, among the processes: a lease is held until `expires_at`, and `fence` grows each time that
-- it changes hands.
create table leases (
    name text primary key,
    holder text not null,
    fence bigint not null,
    expires_at bigint not null
);
create table processes (
    id text primary key,
    address text not null,
    version text not null,
    started_at bigint not null,
    seen_at bigint not null
);

-- How long the plugin held transactions open, in microseconds.
alter table metering add column write_micros bigint not null default 0;
