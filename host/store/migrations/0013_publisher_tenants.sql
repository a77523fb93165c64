-- A publisher has a tenant of its own, which holds its endpoints and what it is told. It is no shop.
alter table tenants add column publisher_id text;
create unique index tenants_by_publisher on tenants (publisher_id);
insert into tenants (id, slug, name, currency, time_zone, locale, created_at, publisher_id)
select 'ten_' || substr(id, 5), '~' || slug, name, 'CNY', 'UTC', 'zh-CN', created_at, id from publishers;
