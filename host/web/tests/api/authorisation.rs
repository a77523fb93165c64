//! Every route as every role: who may not is refused, who may is let in to its own things and finds no others'.

use std::collections::BTreeSet;

use axum::http::Method;
use heptad_model::id::DeadLetterId;
use heptad_model::{Ctx, EventType};
use heptad_platform::PlatformError;
use heptad_platform::delivery::dead_letter::{DeadLetter, DeadLetterState, dead_letter_put};
use heptad_platform::principal::Role;
use heptad_platform::tenant::tenant_of_publisher;
use heptad_store::{PlatformTx, Tx, both_databases};
use heptad_web::api::{ROUTES, RouteRow};
use heptad_web::testing::{TestHost, TestPublisher};
use serde_json::{Value, json};

use crate::stock::{Stocked, installed, stocked};

/// The things of one side that a route may name.
struct Side {
    stock: Stocked,
    install: String,
    notice: String,
    told: Told,
    /// What the publisher was told.
    published: Told,
    assets: Assets,
    publisher: TestPublisher,
    version: String,
    signing_key: String,
    uninstall: String,
    plugin: &'static str,
}

impl Side {
    fn token(&self, role: Role, host: &TestHost) -> String {
        match role {
            Role::Operator => host.operator.clone(),
            Role::Publisher => self.publisher.token.clone(),
            Role::Owner => self.stock.shop.owner.clone(),
            Role::Staff => self.stock.shop.staff.clone(),
            Role::Shop => self.stock.shop.shop.clone(),
            Role::Customer => self.stock.shopper.clone(),
        }
    }

    /// What there is about events for a role.
    fn told(&self, role: Role) -> &Told {
        if role == Role::Publisher { &self.published } else { &self.told }
    }

    /// The route's address with this side's things.
    fn address(&self, path: &str, role: Role) -> String {
        let told = self.told(role);
        let parts = path.split('/').map(|part| match part {
            "{tenant}" => self.stock.shop.record.tenant.id.to_string(),
            "{publisher}" => self.publisher.id.to_string(),
            "{token}" => self.stock.token_id.clone(),
            "{plugin}" => self.plugin.to_owned(),
            "{version}" => self.version.clone(),
            "{signing_key}" => self.signing_key.clone(),
            "{uninstall}" => self.uninstall.clone(),
            "{install}" => self.install.clone(),
            "{notice}" => self.notice.clone(),
            "{event}" => told.event.clone(),
            "{subscription}" => told.subscription.clone(),
            "{dead_letter}" => told.dead_letter.clone(),
            "{replay}" => told.replay.clone(),
            "{schedule}" => told.schedule.clone(),
            "{delivery}" => told.delivery.clone(),
            "{webhook}" => told.webhook.clone(),
            "{secret}" => told.secret.clone(),
            "{product}" => self.stock.product.clone(),
            "{sku}" => self.stock.sku.clone(),
            "{batch}" => self.assets.batch.clone(),
            "{coupon}" => self.assets.coupon.clone(),
            "{name}" => "carrier-key".to_owned(),
            "{location}" => "shanghai".to_owned(),
            "{customer}" => self.stock.customer.clone(),
            "{cart}" => self.stock.cart.clone(),
            "{profile}" => "walk".to_owned(),
            "{index}" => "0".to_owned(),
            "{quote}" => self.stock.quote.clone(),
            "{order}" => self.stock.order.clone(),
            part => part.to_owned(),
        });
        let path = parts.collect::<Vec<_>>().join("/");
        if path.ends_with("inventory-levels") { format!("{path}?skus={}", self.stock.sku) } else { path }
    }

    fn movement(&self, number: usize) -> Value {
        json!({"request": format!("m-{number}"), "customer": self.stock.customer, "amount": 1, "reason": "walk"})
    }

    /// A body that the route takes; `number` makes names new.
    fn body(&self, row: &RouteRow, role: Role, number: usize) -> Value {
        let money = json!({"amount": 1, "currency": "CNY"});
        match (row.method, row.path) {
            ("POST", "/v1/tenants") => {
                json!({"slug": format!("t-{number}"), "name": "T", "currency": "CNY", "time_zone": "UTC", "locale": "en"})
            }
            ("POST", "/v1/publishers") => json!({"slug": format!("p-{number}"), "name": "P"}),
            ("POST", "/v1/tokens") => json!({"name": "walk", "role": role.name()}),
            ("POST", "/v1/users") => {
                json!({"login": format!("walk-{number}"), "name": "W", "password": "a long password", "role": role.name()})
            }
            ("POST", "/v1/customer-tokens") => json!({"customer": self.stock.customer}),
            ("POST", "/v1/signing-keys") => json!({"public_key": format!("{number:064x}"), "name": "walk"}),
            ("POST", "/v1/signing-keys/{signing_key}/revoke") => json!({}),
            ("POST", "/v1/installs/{install}/upgrade") => json!({"granted": []}),
            ("PUT", "/v1/versions/{version}/state") => json!({"state": "approved"}),
            ("POST", "/v1/versions/{version}/kill") => json!({"reason": "walk"}),
            ("POST", "/v1/versions/{version}/approve" | "/v1/versions/{version}/reject") => json!({"note": "walk"}),
            ("POST", "/v1/installs") => json!({"plugin": self.plugin, "granted": []}),
            ("PUT", "/v1/installs/{install}/settings") => json!({"settings": {}}),
            ("PUT", "/v1/installs/{install}/secrets/{name}") => json!({"value": "open-sesame"}),
            ("PUT", "/v1/installs/{install}/grants") => json!({"granted": []}),
            ("PUT", "/v1/installs/{install}/failure") => json!({}),
            ("PUT", "/v1/install-order") => json!({"order": [self.install]}),
            ("POST", "/v1/webhooks") | ("PUT", "/v1/webhooks/{webhook}") => {
                json!({"url": "http://127.0.0.1:9/hooks", "types": ["notice.posted"]})
            }
            ("POST", "/v1/webhooks/{webhook}/secrets/rotate") => json!({"keep_hours": 1}),
            ("POST", "/v1/subscriptions/{subscription}/skip") => json!({"key": self.stock.sku}),
            ("POST", "/v1/subscriptions/{subscription}/replays") => json!({"events": [self.told(role).event]}),
            ("POST", "/v1/products") => json!({"code": format!("W-{number}"), "name": "W"}),
            ("POST", "/v1/skus") => {
                json!({"code": format!("W-{number}"), "product": self.stock.product, "name": "W", "price": money})
            }
            ("POST", "/v1/points/earn" | "/v1/points/spend") => json!({"operations": [self.movement(number)]}),
            ("POST", "/v1/points/freeze") => {
                let mut hold = self.movement(number);
                hold["until"] = json!("2026-01-03T00:00:00Z");
                json!({"operations": [hold]})
            }
            ("POST", "/v1/points/refund") => {
                json!({"operations": [{"request": format!("r-{number}"), "of": "none", "amount": 1}]})
            }
            ("POST", "/v1/points/confirm" | "/v1/points/unfreeze") => json!({"requests": ["none"]}),
            ("POST", "/v1/coupon-batches") => {
                json!({"code": format!("w-{number}"), "name": "W", "amount": 1, "valid_days": 1})
            }
            ("POST", "/v1/coupons") => {
                let request = format!("walk-{number}");
                json!({"grants": [{"request": request, "batch": "side", "customer": self.stock.customer}]})
            }
            ("POST", "/v1/coupons/{coupon}/void") => json!({"reason": "walk"}),
            ("POST", "/v1/orders/{order}/annotations") => json!({"note": "walk"}),
            ("PUT", "/v1/inventory-levels/{sku}/{location}") => json!({"on_hand": 1}),
            ("POST", "/v1/carts/{cart}/lines") => json!({"sku": self.stock.sku, "quantity": 1}),
            ("PUT", "/v1/carts/{cart}/lines") => json!({"lines": [{"sku": self.stock.sku, "quantity": 1}]}),
            ("PATCH", "/v1/carts/{cart}/lines/{index}") => json!({"quantity": 2}),
            ("POST", "/v1/quotes") => json!({"cart": self.stock.cart}),
            ("POST", "/v1/orders") => json!({"quote": self.stock.quote}),
            ("POST", "/v1/orders/{order}/payments") => json!({"amount": money, "method": "cash", "reference": "walk"}),
            ("PUT", "/v1/tenants/{tenant}/limit-profile") => json!({"profile": null}),
            ("POST", "/v1/customers" | "/v1/carts") | ("PUT", "/v1/limit-profiles/{profile}") | ("PATCH", _) => {
                json!({})
            }
            // Without the media type of an upload.
            ("POST", "/v1/versions") => json!({}),
            _ => Value::Null,
        }
    }
}

async fn side(host: &TestHost, name: &str, plugin: &'static str) -> Side {
    let stock = stocked(host, name, &name.to_uppercase()).await;
    let install = installed(host, &stock.shop, "hello-discount", json!({})).await;
    host.post(&stock.shop.owner, &format!("/v1/installs/{install}/disable"), &Value::Null).await.expect(200);
    host.post(&stock.shop.owner, &format!("/v1/installs/{install}/enable"), &Value::Null).await.expect(200);
    let notices = host.get(&stock.shop.owner, "/v1/notices").await.expect(200);
    let notice = notices["items"][0]["id"].as_str().unwrap().to_owned();
    let publisher = host.publisher(if name == "own" { "heptad" } else { "somebody" }).await;
    let key = json!({"public_key": hex::encode([name.len() as u8; 32]), "name": name});
    let signing_key =
        host.post(&publisher.token, "/v1/signing-keys", &key).await.expect(201)["id"].as_str().unwrap().to_owned();
    let extra = installed(host, &stock.shop, "hello-event", json!({})).await;
    let gone =
        host.call(&stock.shop.owner, Method::DELETE, &format!("/v1/installs/{extra}?data=keep"), &Value::Null).await;
    let uninstall = gone.expect(200)["id"].as_str().unwrap().to_owned();
    let told = Told::of(host, &stock).await;
    let published = Told::of_publisher(host, &publisher).await;
    let assets = Assets::of(host, &stock).await;
    Side {
        stock,
        install,
        notice,
        told,
        published,
        assets,
        publisher,
        version: String::new(),
        signing_key,
        uninstall,
        plugin,
    }
}

/// An event of a side, and what there is about it.
struct Told {
    event: String,
    subscription: String,
    dead_letter: String,
    replay: String,
    schedule: String,
    delivery: String,
    webhook: String,
    secret: String,
}

impl Told {
    async fn of(host: &TestHost, stock: &Stocked) -> Self {
        let (staff, shop) = (&stock.shop.staff, &stock.shop);
        let diary = installed(host, shop, "diary", json!({})).await;
        let level = format!("/v1/inventory-levels/{}/shanghai", stock.sku);
        host.call(staff, Method::PUT, &level, &json!({"on_hand": 9})).await.expect(200);
        let events = host.get(staff, "/v1/events?type=inventory.changed").await.expect(200);
        let event = events["items"][0]["id"].as_str().unwrap().to_owned();
        let all = host.get(staff, "/v1/subscriptions").await.expect(200);
        let stock_of = |one: &&Value| one["owner"] == diary.as_str() && one["name"] == "stock";
        let subscription = all.as_array().unwrap().iter().find(stock_of).unwrap()["id"].as_str().unwrap().to_owned();
        let replays = format!("/v1/subscriptions/{subscription}/replays");
        let replay = host.post(staff, &replays, &json!({"events": [event]})).await.expect(201);
        let dead_letter = letter(host, &host.ctx(shop), &event, &subscription).await;
        installed(host, shop, "timetable", json!({})).await;
        let schedules = host.get(staff, "/v1/schedules").await.expect(200);
        let schedule = schedules[0]["id"].as_str().unwrap().to_owned();
        let (webhook, secret, delivery, _) = endpoint(host, staff).await;
        let replay = replay["id"].as_str().unwrap().to_owned();
        Self { event, subscription, dead_letter, replay, schedule, delivery, webhook, secret }
    }

    async fn of_publisher(host: &TestHost, publisher: &TestPublisher) -> Self {
        let token = &publisher.token;
        let (webhook, secret, delivery, subscription) = endpoint(host, token).await;
        let find = async |mut tx: PlatformTx| tenant_of_publisher(&mut tx, publisher.id).await;
        let tenant: Result<_, PlatformError> = host.state.store.platform_read(&host.origin(), find).await;
        let ctx = host.origin().for_tenant(tenant.unwrap().tenant);
        let notice = json!({"kind": "limit-near", "severity": "warning", "subject": "hello-discount"});
        let tell = async |mut tx: Tx| {
            tx.emit(EventType::NoticePosted.about("hello-discount", notice.clone()));
            Ok::<_, PlatformError>(())
        };
        host.state.store.write(&ctx, tell).await.unwrap();
        let events = host.get(token, "/v1/events?type=notice.posted").await.expect(200);
        let event = events["items"][0]["id"].as_str().unwrap().to_owned();
        let replays = format!("/v1/subscriptions/{subscription}/replays");
        let replay = host.post(token, &replays, &json!({"events": [event]})).await.expect(201);
        let dead_letter = letter(host, &ctx, &event, &subscription).await;
        // Publishers have no schedules.
        let schedule = format!("sch_{}", "0".repeat(32));
        let replay = replay["id"].as_str().unwrap().to_owned();
        Self { event, subscription, dead_letter, replay, schedule, delivery, webhook, secret }
    }
}

/// An endpoint that was tried: its id, that of its secret, of the delivery, and of the subscription.
async fn endpoint(host: &TestHost, token: &str) -> (String, String, String, String) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let webhook = json!({"url": "http://127.0.0.1:9/hooks", "types": ["notice.posted"]});
    let webhook = text(&host.post(token, "/v1/webhooks", &webhook).await.expect(201)["id"]);
    host.post(token, &format!("/v1/webhooks/{webhook}/test"), &Value::Null).await.expect(200);
    let shown = host.get(token, &format!("/v1/webhooks/{webhook}")).await.expect(200);
    let subscription = text(&shown["subscription"]);
    let deliveries = host.get(token, &format!("/v1/subscriptions/{subscription}/deliveries")).await.expect(200);
    (webhook, text(&shown["secrets"][0]["id"]), text(&deliveries["items"][0]["id"]), subscription)
}

/// A batch of coupons and a coupon of it.
struct Assets {
    batch: String,
    coupon: String,
}

impl Assets {
    async fn of(host: &TestHost, stock: &Stocked) -> Self {
        let staff = &stock.shop.staff;
        let batch = json!({"code": "side", "name": "Side", "amount": 100, "valid_days": 30});
        let batch = host.post(staff, "/v1/coupon-batches", &batch).await.expect(201);
        let grants = json!({"grants": [{"request": "r", "batch": "side", "customer": stock.customer}]});
        let issued = host.post(staff, "/v1/coupons", &grants).await.expect(200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { batch: text(&batch["id"]), coupon: text(&issued["items"][0]["id"]) }
    }
}

/// A dead letter, as delivery would have left one.
async fn letter(host: &TestHost, ctx: &Ctx, event: &str, subscription: &str) -> String {
    let letter = DeadLetter {
        id: DeadLetterId::generate(&ctx.env),
        subscription: subscription.parse().unwrap(),
        event: event.parse().unwrap(),
        kind: "notice.posted".to_owned(),
        key: "hello-discount".to_owned(),
        seq: 1,
        attempts: 13,
        code: "trap".to_owned(),
        message: String::new(),
        state: DeadLetterState::Open,
        at: ctx.now(),
    };
    host.state.store.write(ctx, async |mut tx| dead_letter_put(&mut tx, &letter).await).await.unwrap();
    letter.id.to_string()
}

/// Routes whose body names a thing of a tenant.
const BY_BODY: &[&str] = &[
    "/v1/points/earn",
    "/v1/points/spend",
    "/v1/points/freeze",
    "/v1/points/refund",
    "/v1/points/confirm",
    "/v1/points/unfreeze",
    "/v1/coupons",
    "/v1/customer-tokens",
    "/v1/skus",
    "/v1/quotes",
    "/v1/orders",
];

/// Whether the address or the body names a thing of a tenant or a publisher; what is in the catalog is everybody's.
fn names_a_thing(row: &RouteRow) -> bool {
    let by_body = row.method == "POST" && BY_BODY.contains(&row.path);
    by_body || (row.path.contains('{') && !row.path.starts_with("/v1/plugins/"))
}

async fn call(host: &TestHost, token: &str, row: &RouteRow, role: Role, to: &Side, number: usize) -> (u16, String) {
    let method: Method = row.method.parse().unwrap();
    let key = format!("walk-{number}");
    let (path, body) = (to.address(row.path, role), to.body(row, role, number));
    let answer = host.call_with(token, method, &path, &body, &[("idempotency-key", &key)]).await;
    (answer.status.as_u16(), format!("{} {path}: {} {}", row.method, answer.status, answer.text()))
}

both_databases! {
    async fn every_route_lets_in_only_who_may_and_only_to_its_own(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let approved = host.approved(&["hello-discount", "hello-event", "diary", "timetable"]).await;
        let (mut own, mut other) = (side(&host, "own", "hello-discount").await, side(&host, "other", "hello-discount").await);
        own.version = approved[0].id.to_string();
        other.version.clone_from(&own.version);
        let mut number = 0;
        for row in ROUTES {
            let Some(allowed) = row.roles else {
                let (status, told) = call(&host, "", row, Role::Operator, &own, number).await;
                assert_eq!(status, 200, "{told}");
                continue;
            };
            for token in ["", "hpt_0000"] {
                let (status, told) = call(&host, token, row, Role::Operator, &own, number).await;
                assert_eq!(status, 401, "{told}");
            }
            for role in Role::ALL {
                number += 1;
                let token = own.token(role, &host);
                if !allowed.contains(&role) {
                    let (status, told) = call(&host, &token, row, role, &own, number).await;
                    assert_eq!(status, 403, "{role}: {told}");
                    continue;
                }
                // First what is not its own, while all of it is there.
                if names_a_thing(row) && role != Role::Operator {
                    let foreign = if role == Role::Publisher { other.token(role, &host) } else { token.clone() };
                    let of = if role == Role::Publisher { &own } else { &other };
                    let (status, told) = call(&host, &foreign, row, role, of, number).await;
                    assert_eq!(status, 404, "{role} to another's: {told}");
                }
                number += 1;
                let (status, told) = call(&host, &token, row, role, &own, number).await;
                assert!(!matches!(status, 401 | 403) && status < 500, "{role}: {told}");
            }
        }
    }
}

#[tokio::test]
async fn the_table_of_routes_is_that_of_the_description() {
    let database = heptad_store::testing::TestDatabase::create(heptad_store::dialect::Dialect::Sqlite).await;
    let host = TestHost::start(database).await;
    let document = host.get("", "/openapi.json").await.expect(200);
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        described.extend(methods.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    let table: BTreeSet<_> = ROUTES.iter().map(|row| (row.method.to_owned(), row.path.to_owned())).collect();
    assert_eq!(described, table);
    assert_eq!(table.len(), ROUTES.len(), "a route stands twice");
}
