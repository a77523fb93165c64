//! A handler that writes whatever a plugin may write: all of it with the event's mark, or nothing.

use heptad_capabilities::mall::annotation::order_marks;
use heptad_capabilities::mall::cart::CartLine;
use heptad_capabilities::mall::order::order_place;
use heptad_capabilities::mall::quote::{QuoteIn, quote_create};
use heptad_capabilities::members::coupons::{
    CouponBatchIn, CouponStatus, Off, Worth, coupon_batch_create, coupons_held,
};
use heptad_capabilities::members::points::points_balances;
use heptad_capabilities::members::{CustomerIn, customer_create, customer_get};
use heptad_model::collection::Collection;
use heptad_model::id::{CustomerId, InstallId, OrderId};
use heptad_model::{EventType, Minor, PageRequest, Permission, PermissionSet};
use heptad_platform::PlatformError;
use heptad_platform::delivery::dead_letter::dead_letter_list;
use heptad_platform::delivery::event::{EventQuery, event_list};
use heptad_platform::delivery::log::delivery_list;
use heptad_platform::document::document_get;
use heptad_store::{Tx, both_databases};
use serde_json::{Value, json};

use crate::shop::{Host, Shop, until};

fn grants() -> PermissionSet {
    use Permission::*;
    [
        MembersPointsRead,
        MembersPointsWrite,
        MembersCouponsRead,
        MembersCouponsWrite,
        MembersTagsWrite,
        MallOrdersAnnotate,
        MallOrdersRead,
        MembersProfileRead,
        PlatformCollectionsRead,
        PlatformCollectionsWrite,
        PlatformEventsEmit,
    ]
    .into_iter()
    .collect()
}

pub(crate) async fn batch(shop: &Shop<'_>) {
    let worth = Worth { off: Off::BasisPoints(1_000), from_total: Minor::ZERO };
    let (code, name) = ("welcome".to_owned(), "Welcome".to_owned());
    let input = CouponBatchIn { code, name, worth, valid_days: 30, ends_at: None, cap: None };
    let create = async |mut tx: Tx| coupon_batch_create(&mut tx, input.clone()).await;
    shop.host.store.write(&shop.ctx, create).await.unwrap();
}

pub(crate) async fn customer(shop: &Shop<'_>) -> CustomerId {
    let create = async |mut tx: Tx| customer_create(&mut tx, CustomerIn::default()).await;
    shop.host.store.write(&shop.ctx, create).await.unwrap().id
}

/// What the clerk has of a customer: points, coupons, tags, its document.
async fn state(
    shop: &Shop<'_>,
    install: InstallId,
    customer: CustomerId,
) -> (i64, i64, Vec<CouponStatus>, Vec<String>, Option<Value>) {
    let visits = Collection { name: "visits".to_owned(), indexes: Vec::new() };
    let ids = [customer.to_string()];
    let read = async |mut tx: Tx| {
        let points = points_balances(&mut tx, &ids).await?.remove(0);
        let mut coupons: Vec<_> = coupons_held(&mut tx, &ids).await?.into_iter().map(|one| one.status).collect();
        coupons.sort_by_key(|status| *status == CouponStatus::Void);
        let tags = customer_get(&mut tx, customer).await?.tags;
        Ok::<_, heptad_capabilities::CapabilityError>((points.available, points.frozen, coupons, tags))
    };
    let (available, frozen, coupons, tags) = shop.host.store.read(&shop.ctx, read).await.unwrap();
    let get = async |mut tx: Tx| document_get(&mut tx, install, &visits, &ids).await;
    let found = shop.host.store.read(&shop.ctx, get).await.unwrap();
    (available, frozen, coupons, tags, found.first().map(|one| serde_json::from_str(&one.body).unwrap()))
}

both_databases! {
    async fn what_a_handler_writes_is_written_once_and_as_a_whole(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("clerk").await;
        let shop = host.shop("first").await;
        batch(&shop).await;
        let install = shop.install("clerk", grants(), &json!({"mode": "serve", "batch": "welcome"})).await;
        let who = customer(&shop).await;
        let (available, frozen, coupons, tags, document) = until(async || {
            let state = state(&shop, install, who).await;
            match &state.4 {
                Some(document) if document["greetings"] == 1 => Ok(state),
                other => Err(format!("{other:?}")),
            }
        }).await;
        assert_eq!((available, frozen), (485, 0), "500 earned, 20 spent, 5 given back");
        assert_eq!(coupons, [CouponStatus::Issued, CouponStatus::Void]);
        assert_eq!(tags, ["greeted"]);
        assert_eq!(document.unwrap()["coupons"], 2);

        let input = QuoteIn::Lines { customer: Some(who), lines: vec![CartLine { sku: "A".to_owned(), quantity: 2 }] };
        let quote = quote_create(&host.store, host.runtime.as_ref(), &shop.ctx, input).await.unwrap().quote;
        let order = order_place(&host.store, host.runtime.as_ref(), &shop.ctx, quote.id, None).await.unwrap().value.head.id;
        let marks = until(async || {
            let marks = async |mut tx: Tx| order_marks(&mut tx, order).await;
            let marks = host.store.read(&shop.ctx, marks).await.unwrap();
            if marks.notes.is_empty() { Err("no note".to_owned()) } else { Ok(marks) }
        }).await;
        assert_eq!((marks.tags, marks.notes[0].text.as_str()), (vec!["gift".to_owned()], "385 points left"));
        assert_eq!(marks.notes[0].actor, install.to_string());
        let (available, frozen, ..) = state(&shop, install, who).await;
        assert_eq!((available, frozen), (385, 0));

        // What it tells has its own cause and actor, and the data that it gave.
        let query = EventQuery { kind: "x.clerk.greeted".to_owned(), ..EventQuery::default() };
        let told = async |mut tx: Tx| event_list(&mut tx, &query, &PageRequest::first()).await;
        let told = host.store.read(&shop.ctx, told).await.unwrap().items;
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].depth, told[0].actor.as_str()), (1, install.to_string().as_str()));
        assert_eq!(told[0].data, json!({"customer": who}));
    }

    async fn a_handler_that_fails_behind_its_writes_has_written_nothing(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("clerk").await;
        let shop = host.shop("first").await;
        batch(&shop).await;
        let install = shop.install("clerk", grants(), &json!({"mode": "fail", "batch": "welcome"})).await;
        let who = customer(&shop).await;
        let subscription = shop.subscription("customers").await.id;
        until(async || {
            let log = shop.log(subscription).await;
            if log.first().is_some_and(|line| line.ends_with("1 1 failed plugin-error")) { Ok(()) } else { Err(format!("{log:?}")) }
        }).await;
        assert_eq!(state(&shop, install, who).await, (0, 0, vec![], vec![], None));
        shop.set(install, json!({"mode": "serve", "batch": "welcome"})).await;
        until(async || match state(&shop, install, who).await {
            (485, 0, _, _, Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        }).await;
    }

    async fn the_example_gives_a_point_for_each_yuan_of_a_paid_order(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("hello-event").await;
        let shop = host.shop("first").await;
        let granted: PermissionSet = [Permission::MallOrdersRead, Permission::MembersPointsWrite].into_iter().collect();
        let install = shop.install("hello-event", granted, &json!({})).await;
        let who = customer(&shop).await;
        let tell = async |mut tx: Tx| {
            for (total, whose) in [(12_345, Some(who)), (50_000, None), (200, Some(who))] {
                let order = OrderId::generate(&tx.ctx().env);
                let data = json!({"order": order, "customer": whose, "total": total, "currency": "CNY"});
                tx.emit(EventType::OrderPaid.about(order, data));
            }
            Ok::<_, PlatformError>(())
        };
        host.store.write(&shop.ctx, tell).await.unwrap();
        until(async || match state(&shop, install, who).await {
            (125, ..) => Ok(()),
            other => Err(format!("{other:?}")),
        }).await;
    }

    async fn a_phone_number_in_an_event_of_a_plugin_is_refused_without_the_grant(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("clerk").await;
        let shop = host.shop("first").await;
        batch(&shop).await;
        shop.install("clerk", grants(), &json!({"mode": "confide", "batch": "welcome"})).await;
        customer(&shop).await;
        let subscription = shop.subscription("customers").await.id;
        let page = PageRequest::first();
        let attempts = async |mut tx: Tx| delivery_list(&mut tx, subscription, None, &page).await;
        let attempt = until(async || {
            let found = host.store.read(&shop.ctx, attempts).await.unwrap().items;
            found.into_iter().next().ok_or_else(|| "no attempt".to_owned())
        }).await;
        assert!(attempt.message.contains("personal-data"), "{attempt:?}");
        let query = EventQuery { kind: "x.clerk.greeted".to_owned(), ..EventQuery::default() };
        let told = async |mut tx: Tx| event_list(&mut tx, &query, &PageRequest::first()).await;
        assert_eq!(host.store.read(&shop.ctx, told).await.unwrap().items, []);
    }

    async fn plugins_that_answer_events_with_events_end_in_the_dead_letters_with_the_loop_named(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("clerk").await;
        let shop = host.shop("first").await;
        batch(&shop).await;
        let install = shop.install("clerk", grants(), &json!({"mode": "echo", "batch": "welcome"})).await;
        customer(&shop).await;
        let subscription = shop.subscription("greetings").await.id;
        let letters = until(async || {
            let list = async |mut tx: Tx| dead_letter_list(&mut tx, subscription, None, &PageRequest::first()).await;
            let found = host.store.read(&shop.ctx, list).await.unwrap().items;
            if found.is_empty() { Err("no dead letter".to_owned()) } else { Ok(found) }
        }).await;
        // Six events of the customer come first: made, points three times, changed, tagged. Then eight greetings.
        assert_eq!((letters.len(), letters[0].code.as_str(), letters[0].seq), (1, "loop", 14));
        let name = format!("x.clerk.greeted by {install}");
        // As many as a message has room for.
        assert!(letters[0].message.matches(&name).count() >= 7, "{}", letters[0].message);
    }
}
