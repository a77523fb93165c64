//! A plugin that serves customers: it writes whatever a plugin may write, all of it in one handler.
//!
//! A new customer gets points, a coupon, a tag and a document, and it tells of the greeting; a placed order gets a note and
//! a tag, and points of its customer are frozen and taken. Of its own greetings it hears, and counts them in the document.
//! Settings let it fail behind all that it wrote, and answer greetings with greetings for ever.

use heptad_sdk::prelude::*;
use heptad_sdk::{
    Annotation, CouponGrant, CouponWithdrawal, Document, Draft, Emission, Equality, Hold, IndexValue, Movement,
    PageRequest, Query, Reversal, TagChange,
};
use serde_json::{Value as Json, json};

/// Serves customers.
pub struct Clerk;

#[derive(serde::Deserialize)]
struct Settings {
    mode: Mode,
    batch: String,
}

#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Serve,
    Fail,
    Echo,
    Confide,
}

#[derive(serde::Deserialize)]
struct Data {
    customer: Option<String>,
    order: Option<String>,
}

impl EventHandler for Clerk {
    fn handle(host: &impl Host, delivery: &Delivery) -> Result<(), Error> {
        let settings: Settings = settings(host)?;
        let event = &delivery.event;
        let Data { customer, order } = event.data()?;
        let Some(customer) = customer else { return Ok(()) };
        match (event.kind.as_str(), order) {
            ("customer.created", _) if settings.mode == Mode::Confide => confide(host, &customer)?,
            ("customer.created", _) => welcome(host, &event.id, &customer, &settings.batch)?,
            ("order.placed", Some(order)) => serve(host, &event.id, &customer, order, event.at)?,
            _ if settings.mode == Mode::Echo => greet(host, &customer)?,
            _ => count(host, &customer)?,
        }
        match settings.mode {
            Mode::Fail => Err(Error::new("tired", "the clerk has gone home")),
            Mode::Serve | Mode::Echo | Mode::Confide => Ok(()),
        }
    }
}

fn welcome(host: &impl Host, event: &str, customer: &str, batch: &str) -> Result<(), Error> {
    let movement = |request: &str, amount| Movement {
        request: format!("{request}-{event}"),
        customer: customer.to_owned(),
        amount,
        reason: "welcome".to_owned(),
    };
    // The second is the same operation, and changes nothing.
    host.points_earn(&[movement("welcome", 500), movement("welcome", 500)])?;
    host.points_spend(&[movement("card", 20)])?;
    host.points_refund(&[Reversal { request: format!("back-{event}"), of: format!("card-{event}"), amount: 5 }])?;
    let grant = |request: &str| CouponGrant {
        request: format!("{request}-{event}"),
        batch: batch.to_owned(),
        customer: customer.to_owned(),
    };
    let coupons = host.coupons_issue(&[grant("first"), grant("second")])?;
    host.coupons_void(&[CouponWithdrawal { coupon: coupons[1].id.clone(), reason: "mistake".to_owned() }])?;
    host.tags_change(&[TagChange { customer: customer.to_owned(), add: vec!["greeted".to_owned()], remove: vec![] }])?;
    let body = json!({"customer": customer, "greetings": 0, "coupon": coupons[0].code}).to_string();
    host.document_put("visits", &[Draft { id: customer.to_owned(), body, version: Some(0) }])?;
    greet(host, customer)
}

fn greet(host: &impl Host, customer: &str) -> Result<(), Error> {
    let data = json!({"customer": customer}).to_string();
    host.emit(&[Emission { kind: "greeted".to_owned(), key: customer.to_owned(), data }])?;
    Ok(())
}

/// Tells of a phone number, to whoever hears of greetings.
fn confide(host: &impl Host, customer: &str) -> Result<(), Error> {
    let data = json!({"phone": "138-0013-8000"}).to_string();
    host.emit(&[Emission { kind: "greeted".to_owned(), key: customer.to_owned(), data }])?;
    Ok(())
}

fn serve(host: &impl Host, event: &str, customer: &str, order: String, at: i64) -> Result<(), Error> {
    let hold = |request: &str, amount| Hold {
        request: format!("{request}-{event}"),
        customer: customer.to_owned(),
        amount,
        reason: "order".to_owned(),
        until: at + 3_600_000,
    };
    host.points_freeze(&[hold("gift", 100), hold("wrapping", 10)])?;
    host.points_confirm(&[format!("gift-{event}")])?;
    host.points_unfreeze(&[format!("wrapping-{event}")])?;
    let balance = host.points_balances(&[customer.to_owned()])?.remove(0);
    let note = Some(format!("{} points left", balance.available));
    host.order_annotate(&[Annotation { order, note, add_tags: vec!["gift".to_owned()], remove_tags: vec![] }])?;
    Ok(())
}

/// Counts a greeting in the customer's document, which is found by its index.
fn count(host: &impl Host, customer: &str) -> Result<(), Error> {
    let all = vec![Equality { field: "customer".to_owned(), value: IndexValue::Text(customer.to_owned()) }];
    let page = PageRequest { cursor: None, limit: 10 };
    let found = host.document_find("visits", &Query { all, range: None }, &page)?;
    let ids: Vec<String> = found.items.into_iter().map(|document| document.id).collect();
    let Some(Document { id, body, version }) = host.document_get("visits", &ids)?.pop() else { return Ok(()) };
    let mut body: Json = serde_json::from_str(&body).map_err(|_| Error::new("document", "it is no JSON"))?;
    body["greetings"] = json!(body["greetings"].as_i64().unwrap_or_default() + 1);
    body["coupons"] = json!(host.coupons_held(&[customer.to_owned()])?.len());
    host.document_put("visits", &[Draft { id, body: body.to_string(), version: Some(version) }])?;
    Ok(())
}

heptad_sdk::plugin!(Clerk: event_handler);

#[cfg(test)]
mod tests {
    use heptad_sdk::fake::Shop;

    use super::*;

    #[test]
    fn a_customer_is_welcomed_and_an_order_served() {
        let shop = Shop::new("CNY")
            .manifest(include_str!("../plugin.toml"))
            .writable()
            .customer("cus_1", "Lin")
            .coupon_batch("ten")
            .settings(&json!({"mode": "serve", "batch": "ten"}));
        let created = shop.event("customer.created", "cus_1", &json!({"customer": "cus_1"}));
        Clerk::handle(&shop, &created.build()).unwrap();
        let placed = shop.event("order.placed", "ord_1", &json!({"customer": "cus_1", "order": "ord_1"}));
        Clerk::handle(&shop, &placed.build()).unwrap();
        assert_eq!(shop.annotations()[0].note.as_deref(), Some("385 points left"));
        assert_eq!(shop.emitted().len(), 1);
        let greeted = shop.event("x.clerk.greeted", "cus_1", &json!({"customer": "cus_1"}));
        Clerk::handle(&shop, &greeted.build()).unwrap();
        let document = shop.document_get("visits", &["cus_1".to_owned()]).unwrap().remove(0);
        let body: Json = serde_json::from_str(&document.body).unwrap();
        assert_eq!((body["greetings"].as_i64(), body["coupons"].as_i64()), (Some(1), Some(2)));
    }
}
