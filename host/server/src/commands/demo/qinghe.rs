//! The demo's first shop: 青禾, clothes and things for the home, in yuan, with two plugins and a few orders.

use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::cart::CartLine;
use heptad_capabilities::mall::catalog::{ProductIn, SkuIn, product_create, sku_create};
use heptad_capabilities::mall::inventory::level_set;
use heptad_capabilities::mall::order::order_place;
use heptad_capabilities::mall::payment::{PaymentIn, payment_record};
use heptad_capabilities::mall::quote::{QuoteIn, quote_create};
use heptad_capabilities::members::{CustomerIn, customer_create};
use heptad_model::id::CustomerId;
use heptad_model::{Ctx, Currency, Locale, Minor, Money, Origin};
use heptad_platform::catalog::plugin_get;
use heptad_platform::install::{InstallIn, install_create, install_enable};
use heptad_platform::tenant::{TenantIn, TenantRecord, tenant_create};
use heptad_store::{PlatformTx, Tx};
use heptad_web::AppState;
use serde_json::json;

use crate::base::{bound, capability, platform};
use crate::error::Result;

/// The shop, and the customer of the report's cart.
pub(super) struct Qinghe {
    pub(super) record: TenantRecord,
    pub(super) customer: CustomerId,
    pub(super) customer_name: &'static str,
    pub(super) orders: usize,
}

/// Products whose SKUs have the member price.
const MEMBER: &str = "member";

/// A product: code, name, category, tags, and its SKUs with their prices in fen.
type Item =
    (&'static str, &'static str, &'static str, &'static [&'static str], &'static [(&'static str, &'static str, i64)]);

const CATALOG: &[Item] = &[
    (
        "QH-TEE",
        "纯棉圆领T恤",
        "服饰",
        &[MEMBER, "basics"],
        &[("QH-TEE-WHITE-M", "白 M", 9_900), ("QH-TEE-WHITE-L", "白 L", 9_900), ("QH-TEE-INDIGO-M", "靛蓝 M", 10_900)],
    ),
    ("QH-SHIRT", "亚麻衬衫", "服饰", &[MEMBER], &[("QH-SHIRT-M", "本白 M", 25_900), ("QH-SHIRT-L", "本白 L", 25_900)]),
    (
        "QH-TROUSERS",
        "垂感阔腿裤",
        "服饰",
        &[],
        &[("QH-TROUSERS-S", "炭灰 S", 22_900), ("QH-TROUSERS-M", "炭灰 M", 22_900)],
    ),
    ("QH-KNIT", "羊绒混纺针织衫", "服饰", &[MEMBER, "winter"], &[("QH-KNIT-OAT-F", "燕麦 均码", 49_900)]),
    ("QH-SOCKS", "精梳棉袜三双装", "服饰", &["basics"], &[("QH-SOCKS-3", "混色", 3_900)]),
    ("QH-TOTE", "帆布托特包", "配饰", &[], &[("QH-TOTE-NATURAL", "本色", 12_900)]),
    ("QH-SCARF", "真丝方巾", "配饰", &[MEMBER], &[("QH-SCARF-90", "90 厘米", 32_900)]),
    (
        "QH-SHEETS",
        "水洗棉四件套",
        "家居",
        &[MEMBER, "home"],
        &[("QH-SHEETS-15", "1.5 米床", 39_900), ("QH-SHEETS-18", "1.8 米床", 45_900)],
    ),
    (
        "QH-TOWEL",
        "长绒棉毛巾",
        "家居",
        &["home"],
        &[("QH-TOWEL-GREY", "浅灰", 4_900), ("QH-TOWEL-GREEN", "豆绿", 4_900)],
    ),
    ("QH-MUG", "手绘马克杯", "家居", &["home"], &[("QH-MUG-BLUE", "青花", 8_800)]),
    ("QH-CANDLE", "桂花香薰蜡烛", "家居", &[MEMBER, "home"], &[("QH-CANDLE-200", "200 克", 13_900)]),
    ("QH-LAMP", "竹编台灯", "家居", &["home"], &[("QH-LAMP-S", "小号", 35_900)]),
];

/// A customer: code, name, tier, tags.
const CUSTOMERS: &[(&str, &str, Option<&str>, &[&str])] = &[
    ("M10001", "林晓", Some("gold"), &["老客"]),
    ("M10002", "陈默", Some("silver"), &[]),
    ("M10003", "周宁", Some("silver"), &["家居"]),
    ("M10004", "苏禾", None, &["新客"]),
    ("M10005", "何川", Some("gold"), &[]),
];

/// SKUs and how many of each.
type Lines = &'static [(&'static str, u32)];

/// Orders: the customer's place in the list, the lines, and whether it is paid.
const ORDERS: &[(usize, Lines, bool)] = &[
    (0, &[("QH-TEE-WHITE-M", 2), ("QH-SOCKS-3", 1)], true),
    (1, &[("QH-SHEETS-18", 1)], true),
    (2, &[("QH-MUG-BLUE", 4), ("QH-TOWEL-GREY", 2)], true),
    (4, &[("QH-KNIT-OAT-F", 1), ("QH-SCARF-90", 1)], true),
    (3, &[("QH-TOTE-NATURAL", 1)], false),
    (0, &[("QH-CANDLE-200", 2), ("QH-LAMP-S", 1)], false),
];

/// What lies in the one warehouse, of each SKU.
const ON_HAND: i64 = 200;

/// Makes the shop.
pub(super) async fn fill(state: &AppState, origin: &Origin) -> Result<Qinghe> {
    let input = TenantIn {
        slug: "qinghe".to_owned(),
        name: "青禾".to_owned(),
        currency: Currency::parse("CNY")?,
        time_zone: "Asia/Shanghai".to_owned(),
        locale: Locale::ZhCn,
    };
    let create = async |mut tx: PlatformTx| tenant_create(&mut tx, &input).await;
    let record = state.store.platform_write(origin, create).await.map_err(platform)?;
    let ctx = bound(origin.clone(), &record);
    let customers = state.store.write(&ctx, async |mut tx| shop_create(&mut tx).await).await.map_err(capability)?;
    for (plugin, settings) in [
        (
            "member-pricing",
            json!({"tag": MEMBER, "tiers": [{"tier": "silver", "percent": 5}, {"tier": "gold", "percent": 10}]}),
        ),
        (
            "quantity-breaks",
            json!({"strategy": "best", "pieces": [{"pieces": 2, "percent": 10}], "amounts": [{"threshold": 30_000, "off": 5_000}]}),
        ),
        ("hello-event", json!({})),
        ("hello-page", json!({})),
    ] {
        install(state, &ctx, plugin, settings).await?;
    }
    state.runtime.refresh().await;
    for (place, lines, is_paid) in ORDERS {
        order(state, &ctx, customers[*place], lines, *is_paid).await.map_err(capability)?;
    }
    Ok(Qinghe { record, customer: customers[0], customer_name: CUSTOMERS[0].1, orders: ORDERS.len() })
}

/// Catalog, stock and customers.
async fn shop_create(tx: &mut Tx) -> Result<Vec<CustomerId>, CapabilityError> {
    let owned = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    for (code, name, category, tags, skus) in CATALOG {
        let input = ProductIn {
            code: (*code).to_owned(),
            name: (*name).to_owned(),
            category: (*category).to_owned(),
            tags: owned(tags),
        };
        let product = product_create(tx, input).await?;
        for (code, name, price) in *skus {
            let price = Minor::new(*price)?;
            sku_create(tx, SkuIn { code: (*code).to_owned(), product: product.id, name: (*name).to_owned(), price })
                .await?;
            level_set(tx, code, "hangzhou", ON_HAND).await?;
        }
    }
    let mut customers = Vec::new();
    for (code, name, tier, tags) in CUSTOMERS {
        let input = CustomerIn {
            code: Some((*code).to_owned()),
            name: Some((*name).to_owned()),
            tier: tier.map(str::to_owned),
            tags: owned(tags),
            ..CustomerIn::default()
        };
        customers.push(customer_create(tx, input).await?.id);
    }
    Ok(customers)
}

/// What a merchant does: consents to what the plugin asks for, sets it up, and enables it.
async fn install(state: &AppState, ctx: &Ctx, plugin: &str, settings: serde_json::Value) -> Result {
    let find = async |mut tx: PlatformTx| plugin_get(&mut tx, plugin).await;
    let found = state.store.platform_read(ctx.origin(), find).await.map_err(platform)?;
    let granted = found.latest.manifest.wishes();
    let input =
        InstallIn { plugin: plugin.to_owned(), version: None, granted: granted.into(), settings: Some(settings) };
    let install = async |mut tx: Tx| {
        let install = install_create(&mut tx, &input).await?;
        install_enable(&mut tx, install.id).await.map(drop)
    };
    state.store.write(ctx, install).await.map_err(platform)
}

/// What a shopper does: a priced cart, an order of it, and mostly a payment.
async fn order(
    state: &AppState,
    ctx: &Ctx,
    customer: CustomerId,
    lines: &[(&str, u32)],
    is_paid: bool,
) -> Result<(), CapabilityError> {
    let lines = lines.iter().map(|(sku, quantity)| CartLine { sku: (*sku).to_owned(), quantity: *quantity }).collect();
    let input = QuoteIn::Lines { customer: Some(customer), lines };
    let quoted = quote_create(&state.store, &*state.runtime, ctx, input).await?;
    let order = order_place(&state.store, &*state.runtime, ctx, quoted.quote.id, None).await?.value.head;
    if !is_paid {
        return Ok(());
    }
    let payment = PaymentIn {
        amount: Money { amount: order.total, currency: order.currency },
        method: "wechat-pay".to_owned(),
        reference: format!("demo-{}", order.number),
    };
    state
        .store
        .write(ctx, async |mut tx| payment_record(&mut tx, order.id, payment.clone(), None).await.map(drop))
        .await
}
