//! A plugin that reaches for another shop's things, and for its own shop's without a grant.

use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::annotation::{Annotation, order_annotate};
use heptad_capabilities::mall::cart::CartLine;
use heptad_capabilities::mall::catalog::{ProductIn, SkuIn, product_create, sku_create};
use heptad_capabilities::mall::order::order_place;
use heptad_capabilities::mall::quote::{QuoteIn, quote_create};
use heptad_capabilities::members::coupons::{Grant, coupons_issue};
use heptad_capabilities::members::points::{Hold, Movement, points_earn, points_freeze};
use heptad_model::id::InstallId;
use heptad_model::time::span::HOUR;
use heptad_model::{Minor, Permission, PermissionSet};
use heptad_platform::PlatformError;
use heptad_platform::document::{Draft, document_put};
use heptad_platform::kv::{KvEntry, kv_set};
use heptad_platform::notice::{Audience, NoticeIn, NoticeKind, notice_post};
use heptad_store::{Tx, both_databases};
use serde_json::{Value, json};

use crate::shop::{Host, Shop, until};
use crate::writes::{batch, customer};

fn all_grants() -> PermissionSet {
    use Permission::*;
    let reads = [
        MallCatalogRead,
        MallInventoryRead,
        MallOrdersRead,
        MembersProfileRead,
        MembersTierRead,
        MembersTagsRead,
        MembersPointsRead,
        MembersCouponsRead,
        PlatformCollectionsRead,
        PlatformKvRead,
    ];
    let writes = [
        MembersPointsWrite,
        MembersCouponsWrite,
        MembersTagsWrite,
        MallOrdersAnnotate,
        PlatformCollectionsWrite,
        PlatformEventsEmit,
        PlatformOutboundEnqueue,
        PlatformKvWrite,
    ];
    reads.into_iter().chain(writes).collect()
}

/// What is answered where every id is another shop's. What it deletes is its own, of which there is none, and what it tells
/// is told in its own shop.
const OF_ANOTHER_SHOP: &[&str] = &[
    "catalog.skus got 0",
    "inventory.levels got 0",
    "orders.purchased not-found",
    "profiles.get got 0",
    "tiers.get got 0",
    "tags.get got 0",
    "points.balances got 0",
    "coupons.held got 0",
    "collections.get got 0",
    "collections.find got 0",
    "kv.get got 0",
    "points-write.earn not-found",
    "points-write.spend not-found",
    "points-write.freeze not-found",
    "points-write.confirm not-found",
    "points-write.unfreeze not-found",
    "points-write.refund not-found",
    "coupons-write.issue not-found",
    "coupons-write.void-coupons not-found",
    "tags-write.change not-found",
    "orders-write.annotate not-found",
    "collections-write.put document-changed",
    "collections-write.delete got 0",
    "kv-write.delete got 0",
    "events.emit got 0",
    "outbound.enqueue host-not-asked",
];

/// Fills a shop, in which the thief is installed, with one of everything; the ids, as the thief's settings name them.
async fn belongings(shop: &Shop<'_>, install: InstallId) -> Value {
    let host = shop.host;
    batch(shop).await;
    let who = customer(shop).await;
    let fill = async |mut tx: Tx| {
        let input = ProductIn { code: "V".to_owned(), name: "V".to_owned(), category: String::new(), tags: vec![] };
        let product = product_create(&mut tx, input).await?.id;
        let sku = SkuIn { code: "V".to_owned(), product, name: "V".to_owned(), price: Minor::new(100)? };
        sku_create(&mut tx, sku).await?;
        let movement = |request: &str, amount| Movement {
            request: request.to_owned(),
            customer: who.to_string(),
            amount,
            reason: "gift".to_owned(),
        };
        points_earn(&mut tx, &[movement("earned", 100)]).await?;
        let until = tx.ctx().now().plus(HOUR);
        points_freeze(&mut tx, &[Hold { movement: movement("held", 10), until }]).await?;
        let grant = Grant { request: "c".to_owned(), batch: "welcome".to_owned(), customer: who.to_string() };
        Ok::<_, CapabilityError>(coupons_issue(&mut tx, &[grant]).await?.remove(0))
    };
    let coupon = host.store.write(&shop.ctx, fill).await.unwrap().id;
    let input = QuoteIn::Lines { customer: Some(who), lines: vec![CartLine { sku: "V".to_owned(), quantity: 1 }] };
    let quote = quote_create(&host.store, host.runtime.as_ref(), &shop.ctx, input).await.unwrap().quote;
    let order = order_place(&host.store, host.runtime.as_ref(), &shop.ctx, quote.id, None).await.unwrap().value.head.id;
    let note = Annotation { note: Some("its own".to_owned()), ..Annotation::default() };
    let loot = heptad_model::collection::Collection { name: "loot".to_owned(), indexes: Vec::new() };
    let annotate = async |mut tx: Tx| order_annotate(&mut tx, order, &note).await;
    host.store.write(&shop.ctx, annotate).await.unwrap();
    let keep = async |mut tx: Tx| {
        let draft = Draft { id: who.to_string(), body: "{}".to_owned(), version: None };
        document_put(&mut tx, install, &loot, &[draft]).await?;
        let entry = KvEntry { key: "secret".to_owned(), value: b"its own".to_vec() };
        kv_set(&mut tx, install, &[entry]).await?;
        Ok::<_, PlatformError>(())
    };
    host.store.write(&shop.ctx, keep).await.unwrap();
    json!({"customer": who, "order": order, "coupon": coupon, "batch": "welcome", "hold": "held", "sku": "V"})
}

/// Lets the thief try everything; what was answered, a line for each function.
async fn tried(shop: &Shop<'_>, install: InstallId) -> Vec<String> {
    let notice = NoticeIn {
        kind: NoticeKind::PluginDisabled,
        subject: "tempting".to_owned(),
        dedup: "tempting".to_owned(),
        detail: json!({}),
    };
    let post = async |mut tx: Tx| notice_post(&mut tx, Audience::Tenant, &notice).await;
    shop.host.store.write(&shop.ctx, post).await.unwrap();
    let said = until(async || {
        let said = shop.entry(install, "tried/tempting").await;
        if said.is_empty() {
            Err(format!("{:?}", shop.log(shop.subscription("notices").await.id).await))
        } else {
            Ok(said)
        }
    })
    .await;
    said.lines().map(str::to_owned).collect()
}

/// All that there is of a shop, but for notices: how many rows of each kind, and what they say.
async fn holdings(shop: &Shop<'_>) -> Vec<String> {
    const HOLDINGS: [&str; 9] = [
        "select count(*) as n, min(available) || ' ' || min(frozen) as said from point_accounts where tenant_id = $1",
        "select count(*) as n, min(state) as said from point_requests where tenant_id = $1",
        "select count(*) as n, min(state) as said from coupons where tenant_id = $1",
        "select count(*) as n, min(tags) as said from customers where tenant_id = $1",
        "select count(*) as n, min(body) as said from order_notes where tenant_id = $1",
        "select count(*) as n, min(body) as said from plugin_documents where tenant_id = $1",
        "select count(*) as n, min(request) as said from point_entries where tenant_id = $1",
        "select count(*) as n, min(kind) as said from events where tenant_id = $1 and kind <> 'notice.posted'",
        "select count(*) as n, min(method) as said from outbound_requests where tenant_id = $1",
    ];
    let mut all = Vec::new();
    for sql in HOLDINGS {
        let read = async |mut tx: Tx| {
            tx.query(sql).fetch_one(|row| Ok(format!("{} {:?}", row.int("n")?, row.opt_text("said")?))).await
        };
        all.push(shop.host.store.read(&shop.ctx, read).await.unwrap());
    }
    all
}

both_databases! {
    async fn of_another_shop_a_plugin_with_every_grant_gets_and_changes_nothing(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("thief").await;
        let (victim, shop) = (host.shop("victim").await, host.shop("shop").await);
        let own = victim.install("thief", all_grants(), &json!({})).await;
        let wanted = belongings(&victim, own).await;
        let install = shop.install("thief", all_grants(), &wanted).await;
        let before = holdings(&victim).await;
        let tried = tried(&shop, install).await;
        assert_eq!(tried, OF_ANOTHER_SHOP);
        assert_eq!(holdings(&victim).await, before);
        assert_eq!(victim.entry(own, "secret").await, "its own");
    }

    async fn of_its_own_shop_a_plugin_without_grants_gets_and_changes_nothing(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("thief").await;
        let shop = host.shop("shop").await;
        let install = shop.install("thief", PermissionSet::from_iter([Permission::PlatformKvWrite]), &json!({})).await;
        let wanted = belongings(&shop, install).await;
        shop.set(install, wanted).await;
        let before = holdings(&shop).await;
        let tried = tried(&shop, install).await;
        assert_eq!(tried.len(), 26);
        // To write its own store is granted.
        let denied = |line: &String| line.ends_with(" permission-not-granted") || line == "kv-write.delete got 0";
        let got: Vec<_> = tried.iter().filter(|line| !denied(line)).collect();
        assert!(got.is_empty(), "{got:?}");
        assert_eq!(holdings(&shop).await, before);
    }
}
