//! Webhooks from an operation of the shop to a server: signed, in order, tried again, never switched off for failing.

use heptad_capabilities::members::{CustomerIn, customer_create};
use heptad_model::time::span::{DAY, HOUR, MINUTE, SECOND};
use heptad_model::{Env, Limits, PageRequest};
use heptad_platform::PlatformError;
use heptad_platform::delivery::backlog::lanes_waiting;
use heptad_platform::delivery::dead_letter::dead_letter_counts;
use heptad_platform::delivery::event::{EventQuery, event_list};
use heptad_platform::delivery::replay::delivery_redeliver;
use heptad_platform::delivery::subscription::{SubscriptionState, subscription_get, subscription_state_put};
use heptad_platform::install::install_disable;
use heptad_platform::notice::{NoticeKind, platform_notice_list};
use heptad_platform::webhook::secret::{secret_list, secret_retire, secret_rotate};
use heptad_platform::webhook::usage::usage_get;
use heptad_platform::webhook::webhook_create;
use heptad_store::{PlatformTx, Tx, both_databases};
use serde_json::json;

use crate::endpoint::{Endpoint, Says, TAKES, webhook_in};
use crate::shop::{Host, Shop, grants, until};

/// 02:00 UTC on 2 March 2026, in milliseconds since 1970.
const START: i64 = 1_772_416_800_000;
/// It fails.
const FAILS: Says = Says(500, "", "no\u{1b}[31m ink");

/// Waits until the endpoint has failed so often in a row.
async fn fails(shop: &Shop<'_>, id: heptad_model::id::WebhookId, failures: i64) {
    until(async || {
        let health = shop.endpoint(id).await.health;
        (health.failures == failures).then_some(()).ok_or(format!("{health:?}"))
    })
    .await;
}

/// Waits until the next attempt has its time, so that it is reckoned from now and not from when the clock has moved.
async fn put_off(shop: &Shop<'_>, id: heptad_model::id::WebhookId) {
    let (subscription, now) = (shop.endpoint(id).await.subscription, shop.host.env.now());
    let waiting = async |mut tx: Tx| {
        let subscription = subscription_get(&mut tx, subscription).await?;
        Ok::<_, PlatformError>(lanes_waiting(&mut tx, &subscription, 10).await?)
    };
    until(async || {
        let lanes = shop.host.store.read(&shop.ctx, waiting).await.unwrap();
        let is_put_off = lanes.first().is_some_and(|lane| lane.due_at > now);
        is_put_off.then_some(()).ok_or(format!("{lanes:?}"))
    })
    .await;
}

/// Waits until so many messages came, while time goes on: whoever finds that another attempt is being made looks again a
/// second later.
async fn all_come(env: &Env, endpoint: &Endpoint, messages: usize) {
    until(async || {
        env.advance(SECOND);
        let came = endpoint.came().len();
        (came == messages).then_some(()).ok_or(format!("{came} messages, not {messages}"))
    })
    .await;
}

both_databases! {
    async fn messages_are_signed_so_that_an_unmodified_verifier_takes_them(database: TestDatabase) {
        // The verifier goes by the machine's clock.
        let host = Host::start(&database).await;
        let shop = host.shop("first").await;
        let endpoint = Endpoint::start().await;
        let (id, first) = shop.webhook(&endpoint).await;
        assert!(first.starts_with("whsec_"), "{first}");
        shop.stock("A", 1).await;
        endpoint.hears(&["A 2"]).await;
        let came = endpoint.came().remove(0);
        came.verifies(&first).unwrap();
        assert!(came.verifies("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_err());
        let event = came.json();
        assert_eq!((event["specversion"].as_str(), event["type"].as_str()), (Some("1.0"), Some("inventory.changed")));
        assert_eq!(event["data"], json!({"sku": "A", "location": "HQ", "on_hand": 0}));
        assert_eq!(came.header("webhook-id"), event["id"].as_str().unwrap());
        assert_eq!(came.header("content-type"), "application/cloudevents+json; charset=utf-8");
        assert!(came.header("idempotency-key").starts_with(event["id"].as_str().unwrap()));
        // Both keys sign until the old one is retired.
        let vault = host.runtime.vault();
        let rotate = async |mut tx: Tx| secret_rotate(&mut tx, vault, id, HOUR).await;
        let second = host.store.write(&shop.ctx, rotate).await.unwrap().reveal().to_owned();
        assert_eq!(host.store.write(&shop.ctx, rotate).await.unwrap_err().code(), "secrets-full");
        shop.stock("A", 1).await;
        endpoint.counts(2).await;
        let both = endpoint.came().remove(1);
        both.verifies(&first).unwrap();
        both.verifies(&second).unwrap();
        assert_eq!(both.header("webhook-signature").split(' ').count(), 2);
        let live = host.store.read(&shop.ctx, async |mut tx: Tx| secret_list(&mut tx, id).await).await.unwrap();
        let retire = async |secret| host.store.write(&shop.ctx, async |mut tx: Tx| secret_retire(&mut tx, id, secret).await).await;
        assert_eq!(retire(live[0].id).await.unwrap_err().code(), "secret-last");
        retire(live[1].id).await.unwrap();
        shop.stock("A", 1).await;
        endpoint.counts(3).await;
        let last = endpoint.came().remove(2);
        last.verifies(&second).unwrap();
        assert!(last.verifies(&first).is_err());
    }

    async fn a_publisher_hears_of_its_plugins_and_never_of_whose_shop(database: TestDatabase) {
        let host = Host::start(&database).await;
        let shop = host.shop("first").await;
        let maker = host.publisher("heptad").await;
        let endpoint = Endpoint::start().await;
        let types = ["version.submitted", "version.reviewed", "plugin.installed", "plugin.enabled", "notice.posted"];
        let (_, secret) = maker.webhook_of(&endpoint, &types, false).await;
        host.publish("diary").await;
        let install = shop.diary(grants(), "write", "").await;
        let disable = async |mut tx: Tx| install_disable(&mut tx, install).await;
        host.store.write(&shop.ctx, disable).await.unwrap();
        endpoint.counts(5).await;
        let came = endpoint.came();
        let of = |about: &str| -> Vec<(String, String)> {
            let about = came.iter().map(|came| came.json()).filter(|event| event["subject"] == about);
            about.map(|event| (event["type"].as_str().unwrap().to_owned(), event["sequence"].as_str().unwrap().to_owned())).collect()
        };
        let placed = |types: &[&str]| -> Vec<(String, String)> {
            types.iter().zip(1..).map(|(kind, seq)| ((*kind).to_owned(), seq.to_string())).collect()
        };
        assert_eq!(of("diary"), placed(&["version.submitted", "version.reviewed", "notice.posted"]));
        assert_eq!(of(&install.to_string()), placed(&["plugin.installed", "plugin.enabled"]));
        let (tenant, actor) = (shop.ctx.tenant().id.to_string(), shop.ctx.actor.to_string());
        for came in &came {
            came.verifies(&secret).unwrap();
            let message = format!("{:?} {}", came.headers, came.body);
            assert!(!message.contains(&tenant) && !message.contains(&actor), "{message}");
        }
        // The shop hears of its install as before, and of none of the reviews.
        let events = async |mut tx: Tx| event_list(&mut tx, &EventQuery::default(), &PageRequest::first()).await;
        let own = host.store.read(&shop.ctx, events).await.unwrap().items;
        assert!(own.iter().any(|event| event.kind == "plugin.enabled" && event.actor == actor));
        assert!(!own.iter().any(|event| event.kind.starts_with("version.")));
    }

    async fn a_publisher_is_told_in_its_own_inbox_that_its_endpoint_fails(database: TestDatabase) {
        let env = Env::fixed(START);
        let host = Host::start_at(&database, env.clone()).await;
        let maker = host.publisher("heptad").await;
        let endpoint = Endpoint::start().await;
        let (id, _) = maker.webhook_of(&endpoint, &["version.reviewed"], false).await;
        endpoint.always(FAILS);
        host.publish("diary").await;
        fails(&maker, id, 1).await;
        for failures in 2..=5 {
            put_off(&maker, id).await;
            env.advance(20 * MINUTE);
            fails(&maker, id, failures).await;
        }
        let publisher = maker.ctx.tenant().publisher;
        let inbox = async |mut tx: PlatformTx| platform_notice_list(&mut tx, publisher, true, &PageRequest::first()).await;
        let notices = host.store.platform_read(maker.ctx.origin(), inbox).await.unwrap().items;
        assert_eq!(notices.iter().map(|notice| notice.kind).collect::<Vec<_>>(), [NoticeKind::WebhookFailing]);
        // What a publisher may not ask for: a shop's events, and those of plugins.
        for kind in ["order.placed", "x.diary.entry", "webhook.test"] {
            let input = webhook_in(&endpoint, &[kind], false);
            let create = async |mut tx: Tx| webhook_create(&mut tx, host.runtime.vault(), &input).await;
            assert_eq!(host.store.write(&maker.ctx, create).await.unwrap_err().code(), "invalid-field", "{kind}");
        }
    }

    async fn servers_that_never_answer_hold_up_nobody_else(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let (slow, other) = (host.shop("slow").await, host.shop("other").await);
        let endpoint = Endpoint::start().await;
        endpoint.hangs();
        // Fifty keys of receivers, more than lanes may be worked on at a time.
        for _ in 0..10 {
            slow.webhook(&endpoint).await;
        }
        for sku in ["A", "B", "C", "D", "E"] {
            slow.stock(sku, 1).await;
        }
        endpoint.counts(50).await;
        let (own, others) = (slow.diary(grants(), "write", "").await, other.diary(grants(), "write", "").await);
        let begun = std::time::Instant::now();
        slow.stock("A", 1).await;
        other.stock("A", 1).await;
        slow.reads(own, "A", "3").await;
        other.reads(others, "A", "2").await;
        // An endpoint is waited for 15 s.
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    async fn an_old_secret_signs_until_it_expires(database: TestDatabase) {
        let env = Env::fixed(START);
        let host = Host::start_at(&database, env.clone()).await;
        let shop = host.shop("first").await;
        let endpoint = Endpoint::start().await;
        let (id, _) = shop.webhook(&endpoint).await;
        let vault = host.runtime.vault();
        let rotate = async |mut tx: Tx| secret_rotate(&mut tx, vault, id, HOUR).await;
        host.store.write(&shop.ctx, rotate).await.unwrap();
        let signatures = async |sent: usize| {
            shop.stock("A", 1).await;
            endpoint.counts(sent).await;
            endpoint.came()[sent - 1].header("webhook-signature").split(' ').count()
        };
        assert_eq!(signatures(1).await, 2);
        env.advance(HOUR);
        assert_eq!(signatures(2).await, 1);
        host.store.write(&shop.ctx, rotate).await.unwrap();
        assert_eq!(signatures(3).await, 2);
    }

    async fn an_endpoint_that_fails_rests_comes_back_by_itself_and_gets_its_backlog_in_order(database: TestDatabase) {
        let env = Env::fixed(START);
        let host = Host::start_at(&database, env.clone()).await;
        let shop = host.shop("first").await;
        let endpoint = Endpoint::start().await;
        let (id, _) = shop.webhook(&endpoint).await;
        endpoint.always(FAILS);
        shop.stock("A", 2).await;
        fails(&shop, id, 1).await;
        for failures in 2..=5 {
            put_off(&shop, id).await;
            env.advance(20 * MINUTE);
            fails(&shop, id, failures).await;
        }
        let health = shop.endpoint(id).await.health;
        assert_eq!((health.state(), health.code.as_str()), ("resting", "webhook-status"));
        assert_eq!(health.retry_at.unwrap().as_millis() - env.now().as_millis(), 30 * SECOND);
        assert_eq!(shop.notices().await, ["webhook-failing 1"]);
        let log = shop.attempts(id).await;
        assert_eq!((log[0].outcome.name(), log[0].status, log[0].response.as_str()), ("failed", Some(500), "no [31m ink"));
        // While it rests, nothing is sent, and everything is kept.
        shop.stock("A", 1).await;
        shop.stock("B", 3).await;
        let sent = endpoint.came().len();
        assert_eq!(sent, 5);
        // When the rest is over one message is sent, whichever; the next rest is longer.
        env.advance(31 * SECOND);
        fails(&shop, id, 6).await;
        let rests = shop.endpoint(id).await.health.retry_at.unwrap().as_millis() - env.now().as_millis();
        assert_eq!((endpoint.came().len(), rests), (6, 60 * SECOND));
        for _ in 0..200 {
            env.advance(HOUR);
        }
        until(async || (shop.endpoint(id).await.health.failures > 6).then_some(()).ok_or("no attempt was made".to_owned())).await;
        endpoint.always(TAKES);
        let before = endpoint.came().len();
        env.advance(11 * MINUTE);
        all_come(&env, &endpoint, before + 6).await;
        let words = endpoint.words().split_off(before);
        let of = |key: &str| -> Vec<String> { words.iter().filter(|word| word.starts_with(key)).cloned().collect() };
        assert_eq!(of("A"), ["A 2", "A 3", "A 4"]);
        assert_eq!(of("B"), ["B 2", "B 3", "B 4"]);
        fails(&shop, id, 0).await;
        // Days of failing have given up nothing and switched off nothing.
        let letters = host.store.read(&shop.ctx, async |mut tx: Tx| dead_letter_counts(&mut tx).await).await.unwrap();
        assert_eq!(letters, []);
        assert_eq!(shop.endpoint(id).await.state, SubscriptionState::Active);
    }

    async fn an_event_that_alone_is_not_taken_goes_to_the_dead_letters_and_its_key_goes_on(database: TestDatabase) {
        let env = Env::fixed(START);
        let host = Host::start_at(&database, env.clone()).await;
        let shop = host.shop("first").await;
        let endpoint = Endpoint::start().await;
        let (id, _) = shop.webhook(&endpoint).await;
        endpoint.never("A");
        shop.stock("A", 1).await;
        endpoint.counts(1).await;
        // Another key is taken between the attempts: the endpoint as a whole works.
        for attempt in 2..=13 {
            let before = endpoint.words().iter().filter(|word| word.starts_with('B')).count();
            shop.stock("B", 1).await;
            until(async || {
                let taken = endpoint.words().iter().filter(|word| word.starts_with('B')).count();
                (taken > before).then_some(()).ok_or("B is not taken".to_owned())
            }).await;
            fails(&shop, id, 0).await;
            env.advance(14 * HOUR);
            until(async || {
                let tried = endpoint.words().iter().filter(|word| word.starts_with('A')).count();
                (tried == attempt).then_some(()).ok_or(format!("{tried} attempts, not {attempt}"))
            }).await;
        }
        until(async || {
            let letters = host.store.read(&shop.ctx, async |mut tx: Tx| dead_letter_counts(&mut tx).await).await.unwrap();
            (letters.len() == 1).then_some(()).ok_or(format!("{letters:?}"))
        }).await;
        endpoint.never("");
        shop.stock("A", 1).await;
        until(async || endpoint.words().contains(&"A 3g".to_owned()).then_some(()).ok_or(format!("{:?}", endpoint.words()))).await;
    }

    async fn an_endpoint_says_when_it_wants_to_be_asked_again(database: TestDatabase) {
        let env = Env::fixed(START);
        let host = Host::start_at(&database, env.clone()).await;
        let shop = host.shop("first").await;
        let endpoint = Endpoint::start().await;
        let (id, _) = shop.webhook(&endpoint).await;
        endpoint.next(Says(429, "120", "slow down"));
        shop.stock("A", 1).await;
        fails(&shop, id, 1).await;
        let health = shop.endpoint(id).await.health;
        assert_eq!((health.code.as_str(), health.retry_at.unwrap().as_millis() - START), ("webhook-throttled", 120 * SECOND));
        shop.stock("B", 1).await;
        env.advance(60 * SECOND);
        shop.stock("B", 1).await;
        assert_eq!(endpoint.words(), ["A 2"]);
        env.advance(62 * SECOND);
        all_come(&env, &endpoint, 4).await;
        assert_eq!(shop.notices().await, [""; 0]);
    }

    async fn an_endpoint_that_is_gone_is_paused_and_told_of_and_keeps_its_events(database: TestDatabase) {
        let env = Env::fixed(START);
        let host = Host::start_at(&database, env.clone()).await;
        let shop = host.shop("first").await;
        let endpoint = Endpoint::start().await;
        let (id, _) = shop.webhook(&endpoint).await;
        endpoint.next(Says(410, "", "gone"));
        shop.stock("A", 2).await;
        until(async || {
            let state = shop.endpoint(id).await.state;
            (state == SubscriptionState::Paused).then_some(()).ok_or("it is not paused".to_owned())
        }).await;
        assert_eq!(shop.notices().await, ["webhook-gone 1"]);
        env.advance(3 * HOUR);
        shop.stock("A", 1).await;
        assert_eq!(endpoint.words(), ["A 2"]);
        let subscription = shop.endpoint(id).await.subscription;
        let resume = async |mut tx: Tx| subscription_state_put(&mut tx, subscription, SubscriptionState::Active).await;
        host.store.write(&shop.ctx, resume).await.unwrap();
        // Whoever was about to wait for the pause to end looks again a second later.
        all_come(&env, &endpoint, 4).await;
        endpoint.hears(&["A 2", "A 2", "A 3", "A 4"]).await;
    }

    async fn what_is_beyond_the_days_messages_waits_and_the_merchant_sees_it_coming(database: TestDatabase) {
        let env = Env::fixed(START);
        let host = Host::start_at(&database, env.clone()).await;
        let shop = host.shop("first").await;
        let limits = Limits { webhooks_per_day: 10, ..Limits::default() };
        shop.limited(limits).await;
        let endpoint = Endpoint::start().await;
        shop.webhook(&endpoint).await;
        shop.stock("A", 7).await;
        endpoint.counts(7).await;
        assert_eq!(shop.notices().await, [""; 0]);
        shop.stock("A", 1).await;
        endpoint.counts(8).await;
        assert_eq!(shop.notices().await, ["webhook-limit-near 1"]);
        let usage = host.store.read(&shop.ctx, async |mut tx: Tx| usage_get(&mut tx, 10).await).await.unwrap();
        // Eight in two hours of the day: ten in two and a half.
        assert_eq!(usage.forecast(env.now()).unwrap().as_millis() - START, HOUR / 2);
        shop.stock("A", 5).await;
        endpoint.counts(10).await;
        until(async || {
            let notices = shop.notices().await;
            (notices == ["webhook-limit 1", "webhook-limit-near 1"]).then_some(()).ok_or(format!("{notices:?}"))
        }).await;
        env.advance(HOUR);
        shop.stock("B", 1).await;
        assert_eq!(endpoint.came().len(), 10);
        // The next day everything that waited comes, in order.
        env.advance(DAY);
        endpoint.counts(14).await;
        let words = endpoint.words();
        let of_a: Vec<&str> = words.iter().filter_map(|word| word.strip_prefix("A ")).collect();
        assert_eq!(of_a, ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"]);
    }

    async fn personal_fields_are_sent_where_the_owner_wants_it_alone(database: TestDatabase) {
        let host = Host::start(&database).await;
        let shop = host.shop("first").await;
        let (plain, personal) = (Endpoint::start().await, Endpoint::start().await);
        shop.webhook_of(&plain, &["customer.created"], false).await;
        shop.webhook_of(&personal, &["customer.created"], true).await;
        let input = CustomerIn { name: Some("Lin".to_owned()), ..CustomerIn::default() };
        let create = async |mut tx: Tx| customer_create(&mut tx, input.clone()).await;
        let id = host.store.write(&shop.ctx, create).await.unwrap().id.to_string();
        plain.counts(1).await;
        personal.counts(1).await;
        assert_eq!(plain.came()[0].json()["data"], json!({"customer": id}));
        assert_eq!(personal.came()[0].json()["data"], json!({"customer": id, "profile": {"name": "Lin"}}));
    }

    async fn one_delivery_is_sent_again_marked_with_the_same_id(database: TestDatabase) {
        let host = Host::start(&database).await;
        let shop = host.shop("first").await;
        let endpoint = Endpoint::start().await;
        let (id, _) = shop.webhook(&endpoint).await;
        endpoint.always(Says(200, "", "thank you"));
        shop.stock("A", 1).await;
        let attempt = until(async || {
            let log = shop.attempts(id).await;
            log.into_iter().next().ok_or("nothing is in the log".to_owned())
        }).await;
        assert_eq!((attempt.outcome.name(), attempt.status, attempt.response.as_str()), ("ok", Some(200), "thank you"));
        let again = async |mut tx: Tx| delivery_redeliver(&mut tx, attempt.id).await;
        assert_eq!(host.store.write(&shop.ctx, again).await.unwrap().events, 1);
        endpoint.hears(&["A 2", "A 2r"]).await;
        let came = endpoint.came();
        for name in ["webhook-id", "idempotency-key"] {
            assert_eq!(came[0].header(name), came[1].header(name), "{name}");
        }
    }
}
