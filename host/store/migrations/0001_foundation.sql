-- Tables with a column `tenant_id` belong to a tenant: on PostgreSQL the migrator puts row-level security on them.
-- Tables without one belong to the platform. Types are text, bigint and {bytes}; times are milliseconds since 1970 UTC,
-- amounts are minor units, flags are 0 or 1, documents are JSON. Text columns are ordered by their bytes (collation C).

create table tenants (
    id text primary key,
    slug text not null unique,
    name text not null,
    currency text not null,
    time_zone text not null,
    locale text not null,
    created_at bigint not null
);

create table publishers (
    id text primary key,
    slug text not null unique,
    name text not null,
    created_at bigint not null
);

create table users (
    id text primary key,
    login text not null unique,
    name text not null,
    password_hash text not null,
    created_at bigint not null
);

-- `scope` is the tenant's id for owner and staff, the publisher's for publisher, empty for operator.
create table user_roles (
    user_id text not null references users (id),
    role text not null,
    scope text not null,
    primary key (user_id, role, scope)
);

-- `subject` is the customer's id for the role customer, else empty.
create table tokens (
    id text primary key,
    secret_hash text not null unique,
    name text not null,
    role text not null,
    scope text not null,
    subject text not null,
    created_at bigint not null,
    created_by text not null,
    expires_at bigint not null,
    last_used_at bigint,
    revoked_at bigint
);
create index tokens_by_scope on tokens (scope, id);

create table sessions (
    secret_hash text primary key,
    user_id text not null references users (id),
    csrf text not null,
    created_at bigint not null,
    expires_at bigint not null
);

create table sign_in_links (
    secret_hash text primary key,
    role text not null,
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint
);

-- `latest` is the id of the version that a merchant gets, null before the first approval; `search` is what the catalog's
-- search looks through, in lower case.
create table plugins (
    name text primary key,
    publisher_id text not null references publishers (id),
    latest text,
    search text not null,
    created_at bigint not null
);
create index plugins_by_publisher on plugins (publisher_id, name);

-- `digest` is the SHA-256 of the packed component; `state` is submitted, approved or rejected.
create table plugin_versions (
    id text primary key,
    plugin text not null references plugins (name),
    version text not null,
    digest text not null,
    size bigint not null,
    manifest text not null,
    imports text not null,
    state text not null,
    note text not null,
    submitted_at bigint not null,
    reviewed_at bigint,
    unique (plugin, version)
);
create index plugin_versions_by_state on plugin_versions (state, id);

-- A row's value grows with every change that processes keep in memory; they read it at least every 250 ms.
create table generations (
    name text primary key,
    value bigint not null
);
insert into generations (name, value) values ('installs', 1);

create table platform_audit (
    id text primary key,
    at bigint not null,
    actor text not null,
    action text not null,
    subject text not null,
    detail text not null,
    request_id text not null
);

create table audit (
    tenant_id text not null,
    id text not null,
    at bigint not null,
    actor text not null,
    action text not null,
    subject text not null,
    detail text not null,
    request_id text not null,
    primary key (tenant_id, id)
);

-- `value` counts up: order numbers.
create table counters (
    tenant_id text not null,
    name text not null,
    value bigint not null,
    primary key (tenant_id, name)
);

-- `response` is what the first request was answered with; a repetition gets it again until `expires_at`.
create table idempotency_keys (
    tenant_id text not null,
    actor text not null,
    route text not null,
    key text not null,
    digest text not null,
    response text not null,
    created_at bigint not null,
    expires_at bigint not null,
    primary key (tenant_id, actor, route, key)
);
create index idempotency_keys_by_expiry on idempotency_keys (tenant_id, expires_at);

create table products (
    tenant_id text not null,
    id text not null,
    code text not null,
    name text not null,
    category text not null,
    tags text not null,
    version bigint not null,
    created_at bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, code)
);

-- `price_derived` is 1 where the price was computed from a line total of an imported order.
create table skus (
    tenant_id text not null,
    code text not null,
    product_id text not null,
    name text not null,
    price bigint not null,
    price_derived bigint not null,
    version bigint not null,
    created_at bigint not null,
    primary key (tenant_id, code),
    foreign key (tenant_id, product_id) references products (tenant_id, id)
);
create index skus_by_product on skus (tenant_id, product_id);

create table inventory_levels (
    tenant_id text not null,
    sku text not null,
    location text not null,
    on_hand bigint not null,
    reserved bigint not null,
    primary key (tenant_id, sku, location),
    foreign key (tenant_id, sku) references skus (tenant_id, code)
);

-- `version` grows with each change of the profile and with each order of the customer.
create table customers (
    tenant_id text not null,
    id text not null,
    code text not null,
    name text,
    email text,
    phone text,
    tier text,
    tags text not null,
    version bigint not null,
    since bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, code)
);

create table carts (
    tenant_id text not null,
    id text not null,
    customer_id text,
    version bigint not null,
    created_at bigint not null,
    ordered_at bigint,
    primary key (tenant_id, id),
    foreign key (tenant_id, customer_id) references customers (tenant_id, id)
);

create table cart_lines (
    tenant_id text not null,
    cart_id text not null,
    position bigint not null,
    sku text not null,
    quantity bigint not null,
    primary key (tenant_id, cart_id, position),
    foreign key (tenant_id, cart_id) references carts (tenant_id, id),
    foreign key (tenant_id, sku) references skus (tenant_id, code)
);

-- `body` is the priced cart, `trace` what the plugins did, `versions` what the price depends on.
create table quotes (
    tenant_id text not null,
    id text not null,
    cart_id text not null,
    customer_id text,
    created_at bigint not null,
    expires_at bigint not null,
    body text not null,
    trace text not null,
    versions text not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, cart_id) references carts (tenant_id, id)
);
create index quotes_by_expiry on quotes (tenant_id, expires_at);

-- `source` is `shop` or the name of an import; `number` is the source's own.
create table orders (
    tenant_id text not null,
    id text not null,
    number text not null,
    source text not null,
    quote_id text,
    cart_id text,
    customer_id text,
    placed_at bigint not null,
    currency text not null,
    subtotal bigint not null,
    discount bigint not null,
    total bigint not null,
    paid bigint not null,
    status text not null,
    trace text not null,
    primary key (tenant_id, id),
    unique (tenant_id, source, number),
    unique (tenant_id, quote_id)
);
create index orders_by_customer on orders (tenant_id, customer_id, placed_at);
create index orders_by_time on orders (tenant_id, placed_at, id);
create index orders_by_cart on orders (tenant_id, cart_id);

-- `unit_price_derived` is 1 where the line total is the truth and the unit price was computed from it.
create table order_lines (
    tenant_id text not null,
    order_id text not null,
    position bigint not null,
    sku text not null,
    name text not null,
    quantity bigint not null,
    unit_price bigint not null,
    unit_price_derived bigint not null,
    discount bigint not null,
    total bigint not null,
    source_row text,
    primary key (tenant_id, order_id, position),
    foreign key (tenant_id, order_id) references orders (tenant_id, id)
);
create index order_lines_by_sku on order_lines (tenant_id, sku, order_id);

create table payments (
    tenant_id text not null,
    id text not null,
    order_id text not null,
    amount bigint not null,
    currency text not null,
    method text not null,
    reference text not null,
    created_at bigint not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, order_id) references orders (tenant_id, id)
);
create index payments_by_order on payments (tenant_id, order_id);

create table ledger_entries (
    tenant_id text not null,
    id text not null,
    order_id text not null,
    payment_id text not null,
    kind text not null,
    amount bigint not null,
    currency text not null,
    at bigint not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, order_id) references orders (tenant_id, id)
);
create index ledger_entries_by_order on ledger_entries (tenant_id, order_id);

-- `state` is enabled or disabled; `position` is the merchant's order of its plugins; `revision` grows with every change
-- that a plugin's answer may depend on; `kv_bytes` is the sum over the keys and values in plugin_kv.
create table installs (
    tenant_id text not null,
    id text not null,
    plugin text not null,
    version_id text not null references plugin_versions (id),
    state text not null,
    position bigint not null,
    granted text not null,
    settings text not null,
    kv_bytes bigint not null,
    revision bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, plugin)
);

-- `key` is the hexadecimal form of the key's bytes, so that both databases order keys by their bytes.
create table plugin_kv (
    tenant_id text not null,
    install_id text not null,
    key text not null,
    value {bytes} not null,
    updated_at bigint not null,
    primary key (tenant_id, install_id, key),
    foreign key (tenant_id, install_id) references installs (tenant_id, id)
);
