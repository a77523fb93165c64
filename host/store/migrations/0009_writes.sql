-- What plugins and the API write beside orders: points, coupons, notes and tags of orders, documents of plugins.

-- What a customer has of points: `available` to spend, `frozen` for what is not decided yet.
create table point_accounts (
    tenant_id text not null,
    customer_id text not null,
    available bigint not null,
    frozen bigint not null,
    primary key (tenant_id, customer_id),
    foreign key (tenant_id, customer_id) references customers (tenant_id, id)
);

-- One row for each request: `scope` says whose request id it is. `kind` is earn, spend, freeze or refund; `state` is
-- done, frozen, confirmed, unfrozen. A refund names the request that it gives back in `of_request`; `refunded` is what
-- was given back of this one.
create table point_requests (
    tenant_id text not null,
    scope text not null,
    request text not null,
    kind text not null,
    customer_id text not null,
    amount bigint not null,
    reason text not null,
    of_request text not null,
    state text not null,
    until bigint,
    refunded bigint not null,
    at bigint not null,
    primary key (tenant_id, scope, request),
    foreign key (tenant_id, customer_id) references customers (tenant_id, id)
);
create index point_requests_frozen on point_requests (tenant_id, customer_id, until) where state = 'frozen';

-- The ledger: `amount` is what `available` changed by, `frozen_amount` what `frozen` changed by; the balances are those
-- after it.
create table point_entries (
    tenant_id text not null,
    id text not null,
    customer_id text not null,
    change text not null,
    amount bigint not null,
    frozen_amount bigint not null,
    available bigint not null,
    frozen bigint not null,
    request text not null,
    reason text not null,
    actor text not null,
    at bigint not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, customer_id) references customers (tenant_id, id)
);
create index point_entries_by_customer on point_entries (tenant_id, customer_id, id);

-- `worth` is JSON: an amount or basis points, and from which order total on. `cap` is the most coupons, null for no bound.
create table coupon_batches (
    tenant_id text not null,
    id text not null,
    code text not null,
    name text not null,
    worth text not null,
    valid_days bigint not null,
    ends_at bigint,
    cap bigint,
    issued bigint not null,
    state text not null,
    created_at bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, code)
);

-- `state` is issued or void.
create table coupons (
    tenant_id text not null,
    id text not null,
    code text not null,
    batch_id text not null,
    customer_id text not null,
    scope text not null,
    request text not null,
    state text not null,
    reason text not null,
    issued_at bigint not null,
    expires_at bigint not null,
    voided_at bigint,
    primary key (tenant_id, id),
    unique (tenant_id, code),
    unique (tenant_id, scope, request),
    foreign key (tenant_id, batch_id) references coupon_batches (tenant_id, id),
    foreign key (tenant_id, customer_id) references customers (tenant_id, id)
);
create index coupons_by_customer on coupons (tenant_id, customer_id, id);
create index coupons_by_batch on coupons (tenant_id, batch_id, id);

alter table orders add column tags text not null default '[]';

create table order_notes (
    tenant_id text not null,
    id text not null,
    order_id text not null,
    body text not null,
    actor text not null,
    at bigint not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, order_id) references orders (tenant_id, id)
);
create index order_notes_by_order on order_notes (tenant_id, order_id, id);

-- Documents of plugins. `documents` and `document_bytes` of an install are the sums over its documents.
create table plugin_documents (
    tenant_id text not null,
    install_id text not null,
    collection text not null,
    id text not null,
    body text not null,
    version bigint not null,
    updated_at bigint not null,
    primary key (tenant_id, install_id, collection, id)
);

-- By which documents are found: `value` is a letter for the kind and then text whose order is that of the values.
create table plugin_document_index (
    tenant_id text not null,
    install_id text not null,
    collection text not null,
    field text not null,
    value text not null,
    document_id text not null,
    primary key (tenant_id, install_id, collection, field, value, document_id)
);
create index plugin_document_index_by_document on plugin_document_index
    (tenant_id, install_id, collection, document_id);

alter table installs add column documents bigint not null default 0;
alter table installs add column document_bytes bigint not null default 0;
