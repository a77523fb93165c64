//! Following a shop's events: nothing is missed, and a stream ends when its reader may not read any more.

use std::collections::HashSet;
use std::time::Duration;

use axum::http::Method;
use heptad_store::both_databases;
use heptad_web::WebOptions;
use heptad_web::testing::{Answer, TestHost, TestShop, TestStream, options};
use serde_json::{Value, json};

use crate::stock::{cart, installed, quote, sku};

const PATH: &str = "/v1/events/stream";

async fn follow(host: &TestHost, token: &str, path: &str, after: &str) -> Result<TestStream, Answer> {
    let bearer = format!("Bearer {token}");
    host.follow(path, &[("authorization", &bearer), ("last-event-id", after)]).await
}

/// Changes the stock of a SKU so many times.
async fn stock(host: &TestHost, shop: &TestShop, code: &str, times: i64) {
    for on_hand in 0..times {
        let path = format!("/v1/inventory-levels/{code}/hq");
        host.call(&shop.staff, Method::PUT, &path, &json!({"on_hand": on_hand})).await.expect(200);
    }
}

/// The next events, as `subject on_hand`, and the last one's id.
async fn next(stream: &mut TestStream, events: usize) -> (Vec<String>, String) {
    let (mut seen, mut last) = (Vec::new(), String::new());
    for _ in 0..events {
        let message = stream.next().await.expect("an event");
        let event: Value = serde_json::from_str(&message.data).unwrap();
        seen.push(format!("{} {}", event["subject"].as_str().unwrap(), event["data"]["on_hand"]));
        last = message.id;
    }
    (seen, last)
}

both_databases! {
    async fn events_come_as_they_become_known_and_go_on_after_an_id(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let (shop, other) = (host.shop("tea", "CNY").await, host.shop("other", "CNY").await);
        for shop in [&shop, &other] {
            sku(&host, shop, "T1", 100, &[]).await;
            host.relay(shop).await;
        }
        let asked = format!("{PATH}?type=inventory.changed,order.paid&filter=data.on_hand%20%3E%200");
        let mut stream = follow(&host, &shop.staff, &asked, "").await.map_err(|answer| answer.text()).unwrap();
        stock(&host, &shop, "T1", 3).await;
        stock(&host, &other, "T1", 3).await;
        host.relay(&other).await;
        host.relay(&shop).await;
        let (seen, last) = next(&mut stream, 2).await;
        assert_eq!(seen, ["T1 1", "T1 2"]);
        drop(stream);
        stock(&host, &shop, "T1", 2).await;
        host.relay(&shop).await;
        let mut stream = follow(&host, &shop.owner, &asked, &last).await.map_err(|answer| answer.text()).unwrap();
        assert_eq!(next(&mut stream, 1).await.0, ["T1 1"]);
        // The address says it, too, and the header comes first.
        let mut stream = follow(&host, &shop.owner, &format!("{PATH}?after={last}"), "").await.map_err(|answer| answer.text()).unwrap();
        assert_eq!(next(&mut stream, 2).await.0, ["T1 0", "T1 1"]);
    }

    async fn what_a_plugin_logs_is_followed_by_those_who_ask_for_it(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["misbehaving"]).await;
        let shop = host.shop("tea", "CNY").await;
        sku(&host, &shop, "T1", 100, &[]).await;
        let install = installed(&host, &shop, "misbehaving", json!({"mode": "log-flood"})).await;
        let asked = format!("{PATH}?type=plugin.logged&subject={install}");
        let mut stream = follow(&host, &shop.staff, &asked, "").await.map_err(|answer| answer.text()).unwrap();
        let mut others = follow(&host, &shop.staff, PATH, "").await.map_err(|answer| answer.text()).unwrap();
        let log = async || {
            let cart = cart(&host, &shop, None, &[("T1", 1)]).await;
            quote(&host, &shop, &cart).await;
            host.state.runtime.flush().await;
            host.relay(&shop).await;
        };
        log().await;
        let first = stream.next().await.expect("a log");
        let event: Value = serde_json::from_str(&first.data).unwrap();
        assert_eq!((&event["type"], &event["subject"]), (&json!("plugin.logged"), &json!(install)));
        let lines = event["data"]["lines"].as_array().unwrap();
        assert!(!lines.is_empty() && event["data"]["call"].as_str().unwrap().starts_with("cal_"), "{event}");
        drop(stream);
        // Whoever comes back goes on behind it.
        log().await;
        let mut stream = follow(&host, &shop.owner, &asked, &first.id).await.map_err(|answer| answer.text()).unwrap();
        let second: Value = serde_json::from_str(&stream.next().await.expect("a log").data).unwrap();
        assert_ne!(second["data"]["call"], event["data"]["call"]);
        // Those who asked for everything hear of the shop, not of its logs.
        stock(&host, &shop, "T1", 1).await;
        host.relay(&shop).await;
        loop {
            let event: Value = serde_json::from_str(&others.next().await.expect("an event").data).unwrap();
            assert_ne!(event["type"], "plugin.logged");
            if event["type"] == "inventory.changed" {
                break;
            }
        }
    }

    async fn an_event_belongs_to_the_trace_of_its_request(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("tea", "CNY").await;
        sku(&host, &shop, "T1", 100, &[]).await;
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for (on_hand, sent, expected) in [(1, trace, json!(trace)), (2, "00-no-trace", Value::Null)] {
            let put = json!({"on_hand": on_hand});
            host.call_with(&shop.staff, Method::PUT, "/v1/inventory-levels/T1/hq", &put, &[("traceparent", sent)]).await.expect(200);
            let told = host.get(&shop.staff, "/v1/events?subject=T1&limit=1").await.expect(200);
            assert_eq!(told["items"][0]["traceparent"], expected, "{told}");
        }
    }

    async fn what_is_asked_for_wrongly_is_named(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("tea", "CNY").await;
        for (asked, after, field) in [
            ("?type=nonsense", "", "type"),
            ("?filter=total", "", "filter"),
            ("", "not an id", "Last-Event-ID"),
            ("?after=-", "", "Last-Event-ID"),
        ] {
            let Err(refused) = follow(&host, &shop.staff, &format!("{PATH}{asked}"), after).await else { panic!("{asked}") };
            refused.expect(422);
            assert_eq!(refused.fields(), [field], "{asked}");
        }
        let Err(refused) = follow(&host, &shop.shop, PATH, "").await else { panic!("a storefront follows events") };
        assert_eq!(refused.problem(403), "forbidden");
    }

    async fn a_place_that_is_not_kept_any_more_is_told(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("tea", "CNY").await;
        sku(&host, &shop, "T1", 100, &[]).await;
        host.relay(&shop).await;
        // Of another database: further than anything here.
        let mut stream = follow(&host, &shop.staff, PATH, &["zz"; 64].join(".")).await.map_err(|answer| answer.text()).unwrap();
        assert_eq!(stream.next().await.unwrap().event, "gap");
        // From the beginning, which is kept.
        let mut stream = follow(&host, &shop.staff, PATH, "0").await.map_err(|answer| answer.text()).unwrap();
        assert_eq!(stream.next().await.unwrap().event, "");
        let purge = async |mut tx: heptad_store::Tx| heptad_platform::delivery::retention::position_purge(&mut tx, 1_000).await;
        host.advance(31 * 86_400_000);
        assert!(host.state.store.write(&host.ctx(&shop), purge).await.unwrap() > 1);
        let token = host.token(heptad_platform::Role::Staff, heptad_platform::Scope::Tenant(shop.record.tenant.id), None).await;
        let mut stream = follow(&host, &token, PATH, "0").await.map_err(|answer| answer.text()).unwrap();
        assert_eq!(stream.next().await.unwrap().event, "gap");
    }

    async fn a_stream_ends_with_its_token_and_with_the_process(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("tea", "CNY").await;
        let made = host.post(&shop.owner, "/v1/tokens", &json!({"name": "screen", "role": "staff"})).await.expect(201);
        let secret = made["secret"].as_str().unwrap();
        let mut stream = follow(&host, secret, PATH, "").await.map_err(|answer| answer.text()).unwrap();
        let revoke = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
        host.call(&shop.owner, Method::DELETE, &revoke, &Value::Null).await.expect(204);
        assert_eq!(stream.next().await, None);
        let mut stream = follow(&host, &shop.staff, PATH, "").await.map_err(|answer| answer.text()).unwrap();
        host.advance(400 * 86_400_000);
        assert_eq!(stream.next().await, None);
        let token = host.token(heptad_platform::Role::Staff, heptad_platform::Scope::Tenant(shop.record.tenant.id), None).await;
        let mut stream = follow(&host, &token, PATH, "").await.map_err(|answer| answer.text()).unwrap();
        host.state.end_streams();
        assert_eq!(stream.next().await, None);
    }

    async fn a_shop_has_so_many_streams_and_gets_its_places_back(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let (shop, other) = (host.shop("tea", "CNY").await, host.shop("other", "CNY").await);
        let mut streams = Vec::new();
        for _ in 0..16 {
            streams.push(follow(&host, &shop.staff, PATH, "").await.map_err(|answer| answer.text()).unwrap());
        }
        let Err(refused) = follow(&host, &shop.staff, PATH, "").await else { panic!("one stream too many") };
        assert_eq!(refused.problem(429), "too-many-streams");
        assert_eq!(refused.header("retry-after"), "10");
        assert!(follow(&host, &other.staff, PATH, "").await.is_ok());
        streams.clear();
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        for _ in 0..1_000 {
            if follow(&host, &shop.staff, PATH, "").await.is_ok() {
                return;
            }
            ticks.tick().await;
        }
        panic!("no place was given back");
    }

    async fn a_slow_reader_is_left_and_misses_nothing(database: TestDatabase) {
        let options = WebOptions { stream_stall: Duration::from_millis(20), ..options(&database) };
        let host = TestHost::start_with(database, options).await;
        let shop = host.shop("tea", "CNY").await;
        for code in ["T1", "T2", "T3"] {
            sku(&host, &shop, code, 100, &[]).await;
        }
        host.relay(&shop).await;
        let asked = format!("{PATH}?type=inventory.changed");
        let first = follow(&host, &shop.staff, &asked, "").await.map_err(|answer| answer.text()).unwrap();
        for code in ["T1", "T2", "T3"] {
            stock(&host, &shop, code, 60).await;
        }
        host.relay(&shop).await;
        let (mut seen, mut last, mut stream, mut streams) = (HashSet::new(), String::new(), first, 1);
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while seen.len() < 180 {
            let mut is_first = true;
            while seen.len() < 180 {
                let Some(message) = stream.next().await else { break };
                let event: Value = serde_json::from_str(&message.data).unwrap();
                assert!(seen.insert(event["id"].as_str().unwrap().to_owned()), "told twice");
                last = message.id;
                // Longer than the stream has patience for, when it has begun.
                ticks.reset();
                for _ in 0..if is_first { 40 } else { 0 } {
                    ticks.tick().await;
                }
                is_first = false;
            }
            if seen.len() < 180 {
                stream = follow(&host, &shop.staff, &asked, &last).await.map_err(|answer| answer.text()).unwrap();
                streams += 1;
            }
        }
        assert!(streams > 1, "nobody was left: the test shows nothing");
    }
}
