//! SQL binds the tenant: every statement on a tenant's table is filtered, joined or inserted by the tenant in `$1`, which
//! `Tx::query` binds; and statements stand only where a transaction is at hand.

use std::collections::BTreeSet;

use crate::sql::{is_statement, mentioned, tables, unbound};
use crate::strings::strings_outside_tests;
use crate::tree::{assert_none, read, those};

/// Where statements stand.
const PLACES: [&str; 3] = ["host/capabilities/src/", "host/platform/src/", "host/store/src/"];

fn tenant_tables() -> BTreeSet<String> {
    let schema: String = those("host/store/migrations/", ".sql").map(read).collect();
    let tables = tables(&schema).into_iter().filter(|(_, columns)| columns.iter().any(|column| column == "tenant_id"));
    tables.map(|(name, _)| name).collect()
}

fn violations(file: &str, text: &str, tables: &BTreeSet<String>) -> Vec<String> {
    let found = strings_outside_tests(file, text);
    let mut problems = Vec::new();
    let mut say = |line: usize, problem: &str| problems.push(format!("{file}:{line}: {problem}"));
    for string in found.all.iter().filter(|string| is_statement(&string.text)) {
        let named = mentioned(&string.text, tables);
        if string.is_platform && !named.is_empty() {
            say(string.line, &format!("a platform transaction does not see {named:?}"));
            continue;
        }
        for problem in unbound(&string.text, tables) {
            say(string.line, &problem);
        }
    }
    for call in found.calls.iter().filter(|call| call.function == "platform_query") {
        let string = &found.all[call.string];
        if !mentioned(&string.text, tables).is_empty() {
            say(string.line, "`platform_query` is for the platform's tables: `query` binds the tenant");
        }
    }
    problems
}

#[test]
fn every_statement_on_a_tenants_table_binds_the_tenant() {
    let tables = tenant_tables();
    assert!(tables.contains("orders") && tables.contains("plugin_kv") && !tables.contains("tokens"), "{tables:?}");
    let files = PLACES.iter().flat_map(|place| those(place, ".rs"));
    let mut statements = 0;
    let mut found = Vec::new();
    for file in files {
        let text = read(file);
        let all = strings_outside_tests(file, &text).all;
        statements += all
            .iter()
            .filter(|string| is_statement(&string.text) && !mentioned(&string.text, &tables).is_empty())
            .count();
        found.extend(violations(file, &text, &tables));
    }
    assert_none("a statement does not bind its tenant", &found);
    assert!(statements > 50, "only {statements} statements were found: the reader lost them");
}

#[test]
fn statements_stand_only_where_a_transaction_is() {
    let tables: BTreeSet<String> =
        tables(&those("host/store/migrations/", ".sql").map(read).collect::<String>()).into_keys().collect();
    let elsewhere = those("host/", ".rs")
        .filter(|file| file.contains("/src/") && !PLACES.iter().any(|place| file.starts_with(place)));
    let mut found = Vec::new();
    for file in elsewhere.filter(|file| !file.contains("/tests/")) {
        for string in strings_outside_tests(file, &read(file)).all {
            if is_statement(&string.text) && !mentioned(&string.text, &tables).is_empty() {
                found.push(format!("{file}:{}: {}", string.line, string.text));
            }
        }
    }
    assert_none("a statement stands outside of the crates that hold them", &found);
}

#[test]
fn every_key_of_a_tenants_table_begins_with_the_tenant() {
    let schema: String = those("host/store/migrations/", ".sql").map(read).collect();
    let tenants = tenant_tables();
    let mut found = Vec::new();
    let (mut table, mut key) = (String::new(), true);
    for line in schema.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("create table ") {
            (table, key) = (name.trim_end_matches(" (").to_owned(), false);
        }
        if !tenants.contains(&table) {
            continue;
        }
        let keys = ["primary key (", "unique (", "foreign key ("];
        if let Some(columns) = keys.iter().find_map(|start| line.strip_prefix(start)) {
            key |= line.starts_with("primary");
            if !columns.starts_with("tenant_id,") {
                found.push(format!("{table}: {line}"));
            }
        }
        if line == ");" && !key {
            found.push(format!("{table} has no primary key of its tenant"));
        }
        if line.ends_with("not null unique,") || line.contains("primary key,") {
            found.push(format!("{table}: {line}"));
        }
    }
    assert_none("two tenants could not hold the same, or could point at each other", &found);
}

#[test]
fn statements_that_forget_the_tenant_are_found() {
    let tables: BTreeSet<String> = ["orders", "lines"].map(str::to_owned).into();
    let bad = [
        "select id from orders where id = $2",
        "select id from orders where tenant_id = $2",
        "select id from orders where tenant_id = $1 or id = $2",
        "select id from orders where (tenant_id = $1 or id = $2)",
        "select id from orders where not tenant_id = $1",
        "select o.id from orders o join lines l on l.order_id = o.id where o.tenant_id = $1",
        "select o.id from orders o, lines l where o.tenant_id = $1",
        "select (select count(*) from lines) from orders where tenant_id = $1",
        "delete from orders where id in (select id from lines where tenant_id = $1)",
        "update orders set tenant_id = $1 where id = $2",
        "insert into orders (id, tenant_id) values ($2, $1)",
        "insert into orders (tenant_id, id) values ($2, $1)",
        "insert into orders (tenant_id, id) values ($1, $2), ($3, $4)",
        "insert into orders values ($1, $2)",
        "insert into orders (tenant_id, id) select tenant_id, id from lines where tenant_id = $1",
        "insert into orders (tenant_id, id) values ($1, $2) on conflict (id) do nothing",
        "select id from orders where tenant_id = $1 union select id from lines",
        "with x as (select id from orders) select id from x",
    ];
    for sql in bad {
        assert!(!unbound(sql, &tables).is_empty(), "{sql}");
    }
    let good = [
        "select id from orders where tenant_id = $1 and (id = $2 or id = $3)",
        "select 1 from platform where id = $1",
        "select o.id from orders o left join lines as l on l.tenant_id = o.tenant_id and l.o = o.id where o.tenant_id = $1",
        "select id from orders o where o.tenant_id = $1 and exists (select 1 from lines l where l.tenant_id = o.tenant_id)",
        "update orders set paid = 1 where tenant_id = $1 and id = $2 returning id",
        "insert into orders (tenant_id, id) values ($1, $2) on conflict (tenant_id, id) do update set id = excluded.id where orders.id = $2",
        "insert into orders (tenant_id, id) select $1, l.id from lines l where l.tenant_id = $1",
        "delete from lines where tenant_id = $1 and id in (select id from orders where tenant_id = $1 limit $2)",
    ];
    for sql in good {
        assert_eq!(unbound(sql, &tables), Vec::<String>::new(), "{sql}");
    }
    let source = r#"
        fn a(tx: &mut PlatformTx) { tx.query("delete from orders where tenant_id = $1"); }
        fn b(tx: &mut Tx) { const B: &str = "select id from lines where tenant_id = $1"; tx.platform_query(B); }
    "#;
    assert_eq!(violations("a.rs", source, &tables).len(), 2);
}
