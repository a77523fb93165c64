//! A plugin that reaches for what is not its own: with each event it tries every function that reads or writes a shop's
//! data, with ids from its settings, and writes down what was answered.
//!
//! At `tried/<key>` of its own store stands a line for each function: its name, and the code of the error, or `got` and how
//! much it got.

use heptad_sdk::prelude::*;
use heptad_sdk::{
    Annotation, CouponGrant, CouponWithdrawal, Draft, Emission, Enqueued, Hold, Movement, PageRequest, Query, Reversal,
    TagChange,
};

/// Reaches for what is not its own.
pub struct Thief;

/// Whose things it wants.
#[derive(serde::Deserialize)]
struct Settings {
    customer: String,
    order: String,
    coupon: String,
    batch: String,
    /// The request of points that are frozen.
    hold: String,
    sku: String,
}

/// What was answered, as it is written down.
fn said<T>(name: &str, answer: Result<T, HostError>, count: impl Fn(&T) -> usize) -> String {
    match answer {
        Ok(got) => format!("{name} got {}", count(&got)),
        Err(error) => format!("{name} {}", error.code),
    }
}

impl EventHandler for Thief {
    fn handle(host: &impl Host, delivery: &Delivery) -> Result<(), Error> {
        let Settings { customer, order, coupon, batch, hold, sku } = settings(host)?;
        let event = &delivery.event;
        let (customers, skus) = ([customer.clone()], [sku]);
        let movement = |request: &str| Movement {
            request: format!("{request}-{}", event.id),
            customer: customer.clone(),
            amount: 1,
            reason: "theft".to_owned(),
        };
        let freeze = Hold {
            request: format!("freeze-{}", event.id),
            customer: customer.clone(),
            amount: 1,
            reason: "theft".to_owned(),
            until: event.at + 3_600_000,
        };
        let back = |of: &str| Reversal { request: format!("{of}-back-{}", event.id), of: of.to_owned(), amount: 1 };
        let grant = CouponGrant { request: event.id.clone(), batch, customer: customer.clone() };
        let withdrawal = CouponWithdrawal { coupon, reason: "theft".to_owned() };
        let tags = TagChange { customer: customer.clone(), add: vec!["stolen".to_owned()], remove: vec![] };
        let note = Annotation { order, note: Some("stolen".to_owned()), add_tags: vec![], remove_tags: vec![] };
        let emission = Emission { kind: "stolen".to_owned(), key: customer.clone(), data: "{}".to_owned() };
        let request = Enqueued {
            method: "POST".to_owned(),
            url: "https://fence.example/".to_owned(),
            headers: vec![],
            body: vec![],
            key: None,
        };
        let all = Query { all: vec![], range: None };
        let page = PageRequest { cursor: None, limit: 10 };
        let draft = Draft { id: customer.clone(), body: "{}".to_owned(), version: Some(1) };
        let none = |(): &()| 0;
        let lines = [
            said("catalog.skus", host.skus(&skus), Vec::len),
            said("inventory.levels", host.levels(&skus), Vec::len),
            said("orders.purchased", host.purchased(&customer, &skus, 0), |all| {
                all.iter().filter(|one| one.quantity > 0).count()
            }),
            said("profiles.get", host.profiles(&customers), Vec::len),
            said("tiers.get", host.tiers(&customers), Vec::len),
            said("tags.get", host.member_tags(&customers), Vec::len),
            said("points.balances", host.points_balances(&customers), Vec::len),
            said("coupons.held", host.coupons_held(&customers), Vec::len),
            said("collections.get", host.document_get("loot", &customers), Vec::len),
            said("collections.find", host.document_find("loot", &all, &page), |page| page.items.len()),
            said("kv.get", host.kv_get(&["secret".to_owned()]), Vec::len),
            said("points-write.earn", host.points_earn(&[movement("earn")]), none),
            said("points-write.spend", host.points_spend(&[movement("spend")]), none),
            said("points-write.freeze", host.points_freeze(&[freeze]), none),
            said("points-write.confirm", host.points_confirm(std::slice::from_ref(&hold)), none),
            said("points-write.unfreeze", host.points_unfreeze(std::slice::from_ref(&hold)), none),
            said("points-write.refund", host.points_refund(&[back(&hold)]), none),
            said("coupons-write.issue", host.coupons_issue(&[grant]), Vec::len),
            said("coupons-write.void-coupons", host.coupons_void(&[withdrawal]), none),
            said("tags-write.change", host.tags_change(&[tags]), none),
            said("orders-write.annotate", host.order_annotate(&[note]), none),
            said("collections-write.put", host.document_put("loot", &[draft]), Vec::len),
            said("collections-write.delete", host.document_delete("loot", &customers), none),
            said("kv-write.delete", host.kv_delete(&["secret".to_owned()]), none),
            said("events.emit", host.emit(&[emission]), none),
            said("outbound.enqueue", host.enqueue(&[request]), Vec::len),
        ];
        let entry = Entry { key: format!("tried/{}", event.key), value: lines.join("\n").into_bytes() };
        host.kv_set(&[entry])?;
        Ok(())
    }
}

heptad_sdk::plugin!(Thief: event_handler);

#[cfg(test)]
mod tests {
    use heptad_sdk::fake::Shop;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_tried_is_written_down() {
        let shop = Shop::new("CNY").manifest(include_str!("../plugin.toml")).writable().settings(&json!({
            "customer": "cus_1", "order": "ord_1", "coupon": "cpn_1", "batch": "ten", "hold": "h", "sku": "A",
        }));
        let event = shop.event("notice.posted", "n", &json!({}));
        Thief::handle(&shop, &event.build()).unwrap();
        let tried = shop.kv_get(&["tried/n".to_owned()]).unwrap().remove(0);
        assert_eq!(String::from_utf8(tried.value).unwrap().lines().count(), 26);
    }
}
