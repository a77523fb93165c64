//! Every operation that changes something tells of it, in its own transaction.

use std::collections::{BTreeMap, BTreeSet};

use heptad_capabilities::mall::annotation::{Annotation, order_annotate};
use heptad_capabilities::mall::cart::{
    cart_create, cart_lines_add, cart_lines_quantity, cart_lines_remove, cart_lines_set,
};
use heptad_capabilities::mall::catalog::{
    ProductIn, ProductPatch, SkuIn, SkuPatch, product_create, product_update, sku_create, sku_update,
};
use heptad_capabilities::mall::inventory::level_set;
use heptad_capabilities::mall::order::order_place;
use heptad_capabilities::mall::payment::{PaymentIn, payment_record};
use heptad_capabilities::mall::quote::{QuoteIn, quote_create};
use heptad_capabilities::members::coupons::*;
use heptad_capabilities::members::points::*;
use heptad_capabilities::members::{
    CustomerIn, CustomerPatch, TagChange, customer_create, customer_update, tags_change,
};
use heptad_model::{Ctx, Env, EventType, Millis, Money};
use heptad_store::{Store, Tx, both_databases};

use crate::fixture::{Fakes, NOW, ctx_of, lines, minor, run};
use crate::import::{import, till};

/// What was told so far: how many events of each type about each thing.
#[derive(Default)]
struct Heard(BTreeMap<(String, String), i64>);

impl Heard {
    /// What was told since, each as type and thing.
    async fn news(&mut self, store: &Store, ctx: &Ctx) -> Vec<(String, String)> {
        const COUNT: &str = "select kind, key, count(*) as many from events where tenant_id = $1 group by kind, key";
        let count = async |mut tx: Tx| {
            let read = |row: &heptad_store::Row| Ok(((row.text("kind")?, row.text("key")?), row.int("many")?));
            tx.query(COUNT).fetch_all(read).await
        };
        let now: BTreeMap<_, _> = store.read(ctx, count).await.unwrap().into_iter().collect();
        let mut news = Vec::new();
        for (what, many) in &now {
            let before = self.0.get(what).copied().unwrap_or_default();
            news.extend((before..*many).map(|_| what.clone()));
        }
        self.0 = now;
        news
    }
}

both_databases! {
    async fn every_operation_tells_of_what_it_changes(database: TestDatabase) {
        let (store, fakes) = (database.open().await, Fakes::default());
        let ctx = ctx_of(&Env::fixed(NOW), "USD", "Asia/Shanghai");
        let (mut heard, mut all) = (Heard::default(), BTreeSet::new());
        // The types and things that an operation tells of, in alphabetical order.
        macro_rules! tells {
            ($($kind:literal of $key:expr),* $(,)?) => {
                let news = heard.news(&store, &ctx).await;
                let expected: Vec<(String, String)> = vec![$(($kind.to_owned(), $key.to_string())),*];
                assert_eq!(news, expected);
                all.extend(news.into_iter().map(|(kind, _)| kind));
            };
        }
        let tea = ProductIn { code: "tea".to_owned(), name: "Tea".to_owned(), category: String::new(), tags: Vec::new() };
        let product = run!(store, ctx, product_create, tea.clone()).unwrap().id;
        tells!("product.created" of product);
        let renamed = ProductPatch { name: Some("Green tea".to_owned()), ..ProductPatch::default() };
        run!(store, ctx, product_update, product, renamed.clone()).unwrap();
        tells!("product.updated" of product);
        let sku = |code: &str| SkuIn { code: code.to_owned(), product, name: code.to_owned(), price: minor(100) };
        run!(store, ctx, sku_create, sku("A")).unwrap();
        tells!("sku.created" of "A");
        run!(store, ctx, sku_update, "A", SkuPatch { name: Some("a".to_owned()), ..SkuPatch::default() }).unwrap();
        tells!("sku.updated" of "A");
        run!(store, ctx, sku_update, "A", SkuPatch { price: Some(minor(120)), ..SkuPatch::default() }).unwrap();
        tells!("price.changed" of "A", "sku.updated" of "A");
        run!(store, ctx, level_set, "A", "HQ", 3).unwrap();
        tells!("inventory.changed" of "A");

        let customer = run!(store, ctx, customer_create, CustomerIn::default()).unwrap().id;
        tells!("customer.created" of customer);
        let named = CustomerPatch { name: Some(Some("Li Lei".to_owned())), ..CustomerPatch::default() };
        run!(store, ctx, customer_update, customer, named.clone()).unwrap();
        tells!("customer.updated" of customer);
        let tier = CustomerPatch { tier: Some(Some("gold".to_owned())), ..CustomerPatch::default() };
        run!(store, ctx, customer_update, customer, tier.clone()).unwrap();
        tells!("customer.tier-changed" of customer, "customer.updated" of customer);
        let tagged = TagChange { customer: customer.to_string(), add: vec!["tea".to_owned()], remove: Vec::new() };
        run!(store, ctx, tags_change, std::slice::from_ref(&tagged)).unwrap();
        tells!("customer.tags-changed" of customer, "customer.updated" of customer);
        let id = customer.to_string();
        let movement = |request: &str| Movement { request: request.to_owned(), customer: id.clone(), amount: 10, reason: "test".to_owned() };
        let hold = |request: &str| Hold { movement: movement(request), until: Millis::new(NOW + 1_000) };
        run!(store, ctx, points_earn, &[Movement { amount: 100, ..movement("e1") }]).unwrap();
        tells!("points.changed" of customer);
        run!(store, ctx, points_spend, &[movement("s1")]).unwrap();
        tells!("points.changed" of customer);
        run!(store, ctx, points_freeze, &[hold("f1"), hold("f2")]).unwrap();
        tells!("points.changed" of customer, "points.changed" of customer);
        run!(store, ctx, points_confirm, &["f1".to_owned()]).unwrap();
        tells!("points.changed" of customer);
        run!(store, ctx, points_unfreeze, &["f2".to_owned()]).unwrap();
        tells!("points.changed" of customer);
        run!(store, ctx, points_refund, &[Reversal { request: "r1".to_owned(), of: "s1".to_owned(), amount: 10 }]).unwrap();
        tells!("points.changed" of customer);
        let worth = Worth { off: Off::Amount(minor(10)), from_total: minor(100) };
        let input = CouponBatchIn { code: "autumn".to_owned(), name: "Autumn".to_owned(), worth, valid_days: 30, ends_at: None, cap: None };
        let batch = run!(store, ctx, coupon_batch_create, input.clone()).unwrap().id;
        tells!("coupon-batch.created" of batch);
        let grant = Grant { request: "g1".to_owned(), batch: "autumn".to_owned(), customer: id.clone() };
        let coupon = run!(store, ctx, coupons_issue, std::slice::from_ref(&grant)).unwrap().remove(0).id;
        tells!("coupon.issued" of coupon);
        run!(store, ctx, coupons_void, &[Withdrawal { coupon: coupon.to_string(), reason: "test".to_owned() }]).unwrap();
        tells!("coupon.voided" of coupon);
        run!(store, ctx, coupon_batch_close, batch).unwrap();
        tells!("coupon-batch.closed" of batch);

        let cart = run!(store, ctx, cart_create, Some(customer), lines(&[("A", 1)])).unwrap().id;
        tells!("cart.created" of cart);
        run!(store, ctx, cart_lines_set, cart, lines(&[("A", 2)]), None).unwrap();
        tells!("cart.changed" of cart);
        run!(store, ctx, cart_lines_quantity, cart, 0, 3, None).unwrap();
        tells!("cart.changed" of cart);
        run!(store, ctx, cart_lines_remove, cart, 0, None).unwrap();
        tells!("cart.changed" of cart);
        run!(store, ctx, cart_lines_add, cart, lines(&[("A", 1)]).remove(0), None).unwrap();
        tells!("cart.changed" of cart);
        let quote = quote_create(&store, &fakes, &ctx, QuoteIn::Cart(cart)).await.unwrap().quote;
        tells!();
        let order = order_place(&store, &fakes, &ctx, quote.id, None).await.unwrap().value.head.id;
        tells!("order.placed" of order);
        let paid = |amount| PaymentIn { amount: Money { amount: minor(amount), currency: ctx.tenant().currency }, method: "cash".to_owned(), reference: "1".to_owned() };
        run!(store, ctx, payment_record, order, paid(20), None).unwrap();
        tells!("payment.recorded" of order);
        run!(store, ctx, payment_record, order, paid(100), None).unwrap();
        tells!("order.paid" of order, "payment.recorded" of order);
        run!(store, ctx, order_annotate, order, &Annotation { note: Some("ring twice".to_owned()), ..Annotation::default() }).unwrap();
        tells!("order.annotated" of order);

        import(&store, &ctx, &till(), "1,O-1,01.01.2026,C-1,P-1,Cup,1,2.00\n").await;
        let news = heard.news(&store, &ctx).await;
        let kinds: Vec<&str> = news.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["catalog.imported", "customers.imported", "order.imported"]);
        let imported = news[2].1.clone();
        all.extend(news.into_iter().map(|(kind, _)| kind));
        // Another line of the same order, and another price.
        import(&store, &ctx, &till(), "2,O-1,01.01.2026,C-1,P-1,Cup,1,3.00\n").await;
        tells!("order.extended" of imported, "price.changed" of "P-1", "sku.updated" of "P-1");

        let of_capabilities = EventType::ALL.iter().filter(|kind| kind.row().permission.is_some());
        assert_eq!(all, of_capabilities.map(|kind| kind.name().to_owned()).collect());
    }
}
