//! Importing order lines: the real file, quirks and bad rows.

use std::fs::File;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use heptad_capabilities::import::{ImportError, ImportReport, OrderMap, import_orders};
use heptad_capabilities::mall::catalog::{SkuPatch, sku_get, sku_update};
use heptad_capabilities::mall::order::{OrderStatus, order_get, order_list, orders_purchased};
use heptad_capabilities::members::customer_list;
use heptad_model::{Ctx, Env, Millis, PageRequest};
use heptad_store::{Store, StoreError, both_databases};

use crate::fixture::{NOW, ctx_of, minor, run};

// Computed from the file with Python's `decimal`, independently of the importer.
const LINES: u64 = 9_994;
const ORDERS: u64 = 5_009;
const CUSTOMERS: u64 = 793;
const PRODUCTS: u64 = 1_862;
const SKUS: u64 = 1_894;
const QUANTITY: i64 = 37_873;
/// Each line rounded half away from zero to the cent.
const TOTAL_CENTS: i64 = 229_720_107;

fn data(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data").join(name)
}

fn superstore() -> OrderMap {
    OrderMap::from_toml(&std::fs::read_to_string(data("superstore.toml")).unwrap()).unwrap()
}

const MAP: &str = r#"
source = "till"
currency = "USD"
date_format = "%d.%m.%Y"
[columns]
row = "row"
order = "order"
date = "date"
customer = "customer"
product = "product"
product_name = "name"
quantity = "quantity"
total = "total"
"#;

pub(crate) fn till() -> OrderMap {
    OrderMap::from_toml(MAP).unwrap()
}

const HEADER: &str = "row,order,date,customer,product,name,quantity,total\n";

pub(crate) async fn import(store: &Store, ctx: &Ctx, map: &OrderMap, rows: &str) -> ImportReport {
    import_orders(store, ctx, map, format!("{HEADER}{rows}").as_bytes(), |_| {}).await.unwrap()
}

/// Every number that an import could change.
async fn fingerprint(store: &Store, ctx: &Ctx) -> Vec<i64> {
    const SUMS: &str = "select (select count(*) from orders where tenant_id = $1) as orders, \
        (select count(*) from order_lines where tenant_id = $1) as lines, \
        (select cast(sum(quantity) as bigint) from order_lines where tenant_id = $1) as quantity, \
        (select cast(sum(total) as bigint) from order_lines where tenant_id = $1) as line_total, \
        (select cast(sum(total) as bigint) from orders where tenant_id = $1) as total, \
        (select count(*) from skus where tenant_id = $1) as skus, \
        (select cast(sum(version) as bigint) from skus where tenant_id = $1) as sku_versions, \
        (select cast(sum(price) as bigint) from skus where tenant_id = $1) as prices, \
        (select count(*) from products where tenant_id = $1) as products, \
        (select cast(sum(version) as bigint) from customers where tenant_id = $1) as customer_versions, \
        (select count(*) from audit where tenant_id = $1) as audit";
    const COLUMNS: [&str; 11] = [
        "orders",
        "lines",
        "quantity",
        "line_total",
        "total",
        "skus",
        "sku_versions",
        "prices",
        "products",
        "customer_versions",
        "audit",
    ];
    let read = store.read(ctx, async |mut tx| {
        tx.query(SUMS)
            .fetch_one(|row| COLUMNS.iter().map(|column| row.int(column)).collect::<Result<Vec<_>, _>>())
            .await
    });
    read.await.map_err(|error: StoreError| error).unwrap()
}

both_databases! {
    async fn the_superstore_loads_whole_and_importing_twice_changes_nothing(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx_of(&Env::fixed(NOW), "USD", "America/New_York"));
        let mut seen = Vec::new();
        let file = File::open(data("superstore.csv.gz")).unwrap();
        let report = import_orders(&store, &ctx, &superstore(), file, |progress| seen.push((progress.done, progress.of))).await.unwrap();
        let expected = ImportReport {
            rows: LINES, loaded: LINES, loaded_total: minor(TOTAL_CENTS), orders: ORDERS, customers: CUSTOMERS,
            products: PRODUCTS, skus: SKUS, ..ImportReport::default()
        };
        assert_eq!(report, expected);
        assert_eq!((seen.first(), seen.last()), (Some(&(0, LINES)), Some(&(LINES, LINES))));
        let before = fingerprint(&store, &ctx).await;
        let in_numbers = [ORDERS, LINES].map(|count| i64::try_from(count).unwrap());
        assert_eq!(before[..5], [in_numbers[0], in_numbers[1], QUANTITY, TOTAL_CENTS, TOTAL_CENTS]);

        // One id with two names: a SKU each. The price is the latest line's, 2017-11-19 at 3 for 127.86.
        let second = run!(store, ctx, sku_get, "FUR-FU-10004848~2").unwrap();
        assert_eq!((second.name.as_str(), second.price_derived), ("DAX Solid Wood Frames", true));
        let first = run!(store, ctx, sku_get, "FUR-FU-10004848").unwrap();
        assert_eq!(first.product, second.product);
        assert_eq!(first.tags, ["furnishings", "furniture"]);

        let again = import_orders(&store, &ctx, &superstore(), File::open(data("superstore.csv.gz")).unwrap(), |_| {}).await.unwrap();
        assert_eq!(again, ImportReport { rows: LINES, skipped: LINES, ..ImportReport::default() });
        assert_eq!(fingerprint(&store, &ctx).await, before);
    }

    async fn bad_rows_are_reported_with_their_line_and_the_others_load(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx_of(&Env::fixed(NOW), "USD", "America/New_York"));
        let rows = "1,O-1,02.01.2026,C-1,P-1,Tea,2,3.005\n\
                    2,O-1,02.01.2026,C-1,P-2,\"Pot,\nblue\",x,3.00\n\
                    3,O-1,02.01.2026,C-1,P-2,Pot,1,3.00€\n\
                    4,O-1,2026-01-02,C-1,P-2,Pot,1,3.00\n\
                    5,O-1\n\
                    6,O-1,02.01.2026,C-1,P-2,,1,3.00\n\
                    7,O-1,03.01.2026,C-1,P-2,Pot,1,3.00\n\
                    8,O-1,02.01.2026,C-2,P-2,Pot,1,3.00\n\
                    1,O-1,02.01.2026,C-1,P-2,Pot,1,3.00\n\
                    9,O-1,02.01.2026,C-1,P-1,Tea,0,3.00\n\
                    10,O-1,02.01.2026,C-1,P-1,Tea,1,-3.00\n\
                    11,O-2,02.01.2026,,P-1,Tea,1,1.00\n";
        let report = import(&store, &ctx, &till(), rows).await;
        assert_eq!((report.rows, report.loaded, report.failed, report.orders), (12, 2, 10, 2));
        let reasons: Vec<String> = report.errors.iter().map(|error| format!("{}: {}", error.line, error.reason)).collect();
        let expected = [
            "3: `quantity`: not a whole number of 1 to 1000000",
            "5: `total`: not a decimal number",
            "6: `date`: not a date of the form %d.%m.%Y",
            "7: the row has 2 columns, the header 8",
            "8: `name`: is empty",
            "9: order O-1 has another date on line 2",
            "10: order O-1 has another customer on line 2",
            "11: order O-1 has row 1 twice",
            "12: `quantity`: not a whole number of 1 to 1000000",
            "13: `total`: not within 0 and 1000000000000 minor units",
        ];
        assert_eq!(reasons, expected);

        let orders = run!(store, ctx, order_list, &PageRequest::first()).unwrap().items;
        let first = orders.iter().find(|order| order.number == "O-1").unwrap();
        let order = run!(store, ctx, order_get, first.id).unwrap();
        assert_eq!((order.head.total, order.head.source.as_str(), order.head.status), (minor(301), "till", OrderStatus::Completed));
        assert_eq!(order.head.placed_at.rfc3339(), "2026-01-02T05:00:00.000Z");
        // 3.005 for two is 3.01, so 1.505 each, which is 1.51 and marked.
        assert_eq!((order.lines[0].unit_price, order.lines[0].unit_price_derived), (minor(151), true));
        assert!(orders.iter().any(|order| order.number == "O-2" && order.customer.is_none()));

        // The mended file brings what is missing and nothing twice.
        let mended = "1,O-1,02.01.2026,C-1,P-1,Tea,2,3.005\n2,O-1,02.01.2026,C-1,P-2,Pot,1,3.00\n11,O-2,02.01.2026,,P-1,Tea,1,1.00\n";
        let report = import(&store, &ctx, &till(), mended).await;
        assert_eq!((report.loaded, report.skipped, report.orders, report.products, report.failed), (1, 2, 0, 1, 0));
        let order = run!(store, ctx, order_get, first.id).unwrap();
        assert_eq!((order.head.total, order.lines.len()), (minor(601), 2));
    }

    async fn quirks_lose_nothing(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx_of(&Env::fixed(NOW), "USD", "America/New_York"));
        let rows = "1,O-1,02.01.2026,C-1,P-1,Tea,1,5.00\n\
                    2,O-1,02.01.2026,C-1,P-1,Tea,2,4.00\n\
                    3,O-1,02.01.2026,C-1,P-1,Green tea,1,7.00\n\
                    4,O-2,01.01.2026,C-1,P-1,Tea,1,9.00\n\
                    5,O-3,01.01.2026,C-1,P-1~2,Other,1,8.00\n";
        let report = import(&store, &ctx, &till(), rows).await;
        assert_eq!((report.loaded, report.products, report.skus), (5, 2, 3));
        // The latest day counts, and on it the last line.
        assert_eq!(run!(store, ctx, sku_get, "P-1").unwrap().price, minor(200));
        let names: Vec<String> = [run!(store, ctx, sku_get, "P-1~2"), run!(store, ctx, sku_get, "P-1~2~2")]
            .into_iter()
            .filter_map(|sku| sku.ok().map(|sku| sku.name))
            .collect();
        assert!(names.contains(&"Green tea".to_owned()) && names.contains(&"Other".to_owned()), "{names:?}");
        let buyer = run!(store, ctx, customer_list, &PageRequest::first()).unwrap().items[0].id.to_string();
        let bought = run!(store, ctx, orders_purchased, &buyer, &["P-1".to_owned()], Millis::new(0)).unwrap();
        assert_eq!(bought[0].quantity, 4);

        // An older file does not turn the price back, a newer one moves it, the merchant's own word stays.
        import(&store, &ctx, &till(), "6,O-4,01.12.2025,C-1,P-1,Tea,1,1.00\n").await;
        assert_eq!(run!(store, ctx, sku_get, "P-1").unwrap().price, minor(200));
        import(&store, &ctx, &till(), "7,O-5,03.01.2026,C-1,P-1,Tea,1,3.00\n").await;
        let sku = run!(store, ctx, sku_get, "P-1").unwrap();
        assert_eq!((sku.price, sku.version), (minor(300), 2));
        run!(store, ctx, sku_update, "P-1", SkuPatch { price: Some(minor(999)), ..SkuPatch::default() }).unwrap();
        import(&store, &ctx, &till(), "8,O-6,04.01.2026,C-1,P-1,Tea,1,4.00\n").await;
        assert_eq!(run!(store, ctx, sku_get, "P-1").unwrap().price, minor(999));
    }

    async fn what_cannot_be_imported_at_all_is_refused(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx_of(&Env::fixed(NOW), "USD", "America/New_York"));
        let refused = async |ctx: &Ctx, file: &[u8]| import_orders(&store, ctx, &till(), file, |_| {}).await.unwrap_err().to_string();
        assert_eq!(refused(&ctx, b"row,order\n").await, "the file has no column `date`, which the map names");
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(HEADER.repeat(1_000).as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        assert!(refused(&ctx, &packed[..packed.len() / 2]).await.starts_with("the file: "));
        let yuan = ctx_of(&Env::fixed(NOW), "CNY", "Asia/Shanghai");
        assert_eq!(refused(&yuan, HEADER.as_bytes()).await, "the map's currency is USD, the shop's is CNY");
        let nowhere = ctx_of(&Env::fixed(NOW), "USD", "Nowhere/At_All");
        assert_eq!(refused(&nowhere, HEADER.as_bytes()).await, "`Nowhere/At_All` is no time zone that is known here");
    }

    async fn two_sources_may_use_one_number(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx_of(&Env::fixed(NOW), "USD", "America/New_York"));
        let rows = "1,O-1,02.01.2026,C-1,P-1,Tea,1,5.00\n";
        import(&store, &ctx, &till(), rows).await;
        let report = import(&store, &ctx, &OrderMap { source: "web".to_owned(), ..till() }, rows).await;
        assert_eq!((report.loaded, report.orders, report.skus), (1, 1, 0));
    }

    async fn without_a_column_for_rows_their_place_in_the_order_tells_them_apart(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx_of(&Env::fixed(NOW), "USD", "America/New_York"));
        let map = OrderMap::from_toml(&MAP.replace("row = \"row\"", "")).unwrap();
        let first = "-,O-1,02.01.2026,C-1,P-1,Tea,1,5.00\n";
        let (bad, good) = ("-,O-1,02.01.2026,C-1,P-2,Pot,x,5.00\n", "-,O-1,02.01.2026,C-1,P-2,Pot,1,5.00\n");
        let report = import(&store, &ctx, &map, &format!("{first}{bad}{first}")).await;
        assert_eq!((report.loaded, report.failed), (2, 1));
        let report = import(&store, &ctx, &map, &format!("{first}{good}{first}")).await;
        assert_eq!((report.loaded, report.skipped, report.failed), (1, 2, 0));
    }
}

#[test]
fn a_map_names_what_is_wrong_with_it() {
    for (from, to, expected) in [
        ("source = \"till\"", "source = \"shop\"", "`source`"),
        ("\"USD\"", "\"DOLLAR\"", "ISO 4217"),
        ("total = \"total\"", "", "missing field `total`"),
        ("[columns]", "[columns]\nsurprise = \"x\"", "unknown field `surprise`"),
    ] {
        let error = OrderMap::from_toml(&MAP.replace(from, to)).unwrap_err();
        assert!(matches!(&error, ImportError::Map(problem) if problem.contains(expected)), "{error}");
    }
}
