//! The inboxes; breakers and what a failure does, as installs show them.

use axum::http::Method;
use heptad_model::id::InstallId;
use heptad_model::{Millis, Point};
use heptad_platform::PlatformError;
use heptad_platform::breaker::{Breaker, BreakerState, breaker_put};
use heptad_platform::install::install_get;
use heptad_platform::notice::{Audience, NoticeIn, NoticeKind, notice_post};
use heptad_store::both_databases;
use heptad_web::testing::{NOW, TestHost, TestShop};
use serde_json::{Value, json};

use crate::stock::installed;

fn opened() -> NoticeIn {
    NoticeIn {
        kind: NoticeKind::BreakerOpened,
        subject: "hello-discount".to_owned(),
        dedup: "breaker hello-discount".to_owned(),
        detail: json!({"plugin": "hello-discount", "version": "0.1.0", "point": "discount.lines", "code": "fuel"}),
    }
}

async fn post(host: &TestHost, shop: &TestShop, audience: Audience<'_>, notice: &NoticeIn) {
    let write = async |mut tx| notice_post(&mut tx, audience, notice).await;
    let posted: Result<(), PlatformError> = host.state.store.write(&host.ctx(shop), write).await;
    posted.unwrap();
}

both_databases! {
    async fn each_reads_its_own_inbox_in_its_own_language(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["hello-discount"]).await;
        let (shop, other) = (host.shop("own", "CNY").await, host.shop("other", "CNY").await);
        let (maker, stranger) = (host.publisher("heptad").await, host.publisher("stranger").await);
        for audience in [Audience::Tenant, Audience::PublisherOf("hello-discount"), Audience::Operators] {
            post(&host, &shop, audience, &opened()).await;
            host.advance(1_000);
            post(&host, &shop, audience, &opened()).await;
        }
        for token in [&shop.owner, &shop.staff, &maker.token, &host.operator] {
            let found = host.get(token, "/v1/notices?unread=true").await.expect(200);
            let notice = &found["items"][0];
            assert_eq!((&notice["code"], &notice["severity"], &notice["occurrences"]), (&json!("breaker-opened"), &json!("critical"), &json!(2)));
            assert_eq!((&notice["subject"], &notice["acknowledged_at"]), (&json!("hello-discount"), &Value::Null));
            assert!(notice["first_at"].as_str() < notice["last_at"].as_str(), "{notice}");
        }
        for token in [&other.owner, &stranger.token] {
            assert_eq!(host.get(token, "/v1/notices").await.expect(200)["items"], json!([]));
        }
        for (language, part) in [("zh-CN", "暂时不会被调用"), ("en", "is not asked for now")] {
            let headers = [("accept-language", language)];
            let found = host.call_with(&shop.staff, Method::GET, "/v1/notices", &Value::Null, &headers).await.expect(200);
            assert!(found["items"][0]["sentence"].as_str().unwrap().contains(part), "{found}");
        }
        // Without a wish the shop's own language is spoken.
        let found = host.get(&shop.staff, "/v1/notices").await.expect(200);
        assert!(found["items"][0]["sentence"].as_str().unwrap().contains("暂时不会被调用"), "{found}");
        assert_eq!(host.get(&shop.staff, "/v1/notices?read=1").await.problem(422), "invalid");
        assert_eq!(host.get(&shop.staff, "/v1/notices?cursor=00").await.problem(422), "invalid-page");
    }

    async fn a_notice_is_acknowledged_by_those_whom_it_tells(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["hello-discount"]).await;
        let shop = host.shop("own", "CNY").await;
        let (maker, stranger) = (host.publisher("heptad").await, host.publisher("stranger").await);
        for audience in [Audience::Tenant, Audience::PublisherOf("hello-discount"), Audience::Operators] {
            post(&host, &shop, audience, &opened()).await;
        }
        for (token, others) in [
            (&shop.staff, [&maker.token, &host.operator]),
            (&maker.token, [&stranger.token, &host.operator]),
            (&host.operator, [&maker.token, &shop.owner]),
        ] {
            let found = host.get(token, "/v1/notices").await.expect(200);
            let path = format!("/v1/notices/{}/acknowledge", found["items"][0]["id"].as_str().unwrap());
            for other in others {
                assert_eq!(host.post(other, &path, &Value::Null).await.problem(404), "not-found");
            }
            let read = host.post(token, &path, &Value::Null).await.expect(200);
            assert!(read["acknowledged_at"].is_string() && read["acknowledged_by"].as_str().unwrap().starts_with("tok_"), "{read}");
            assert_eq!(host.post(token, &path, &Value::Null).await.expect(200), read);
            assert_eq!(host.get(token, "/v1/notices?unread=true").await.expect(200)["items"], json!([]));
            assert_eq!(host.get(token, "/v1/notices").await.expect(200)["items"], json!([read]));
        }
    }

    async fn a_disabled_plugin_arrives_in_the_inbox(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["hello-discount"]).await;
        let shop = host.shop("own", "CNY").await;
        let install = installed(&host, &shop, "hello-discount", json!({})).await;
        host.post(&shop.staff, &format!("/v1/installs/{install}/disable"), &Value::Null).await.expect(200);
        let found = host.get(&shop.owner, "/v1/notices").await.expect(200);
        assert_eq!((&found["items"][0]["code"], &found["items"][0]["subject"]), (&json!("plugin-disabled"), &json!(install)));
        let told = host.get(&host.publisher("heptad").await.token, "/v1/notices").await.expect(200);
        assert_eq!(told["items"][0]["subject"], "hello-discount");
        // The publisher does not learn which shop it was.
        assert!(!told.to_string().contains(&install) && !told.to_string().contains("ten_"), "{told}");
    }

    async fn an_install_shows_its_breakers_until_they_are_re_armed(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["hello-discount"]).await;
        let shop = host.shop("own", "CNY").await;
        let install = installed(&host, &shop, "hello-discount", json!({})).await;
        let path = format!("/v1/installs/{install}");
        assert_eq!(host.get(&shop.staff, &path).await.expect(200)["breakers"], json!([]));
        let breaker = Breaker {
            install: InstallId::parse(&install).unwrap(),
            point: Point::DiscountOrder,
            state: BreakerState::Open,
            code: "fuel".to_owned(),
            message: "the plugin reached its limit".to_owned(),
            openings: 0,
            changed_at: Millis::new(NOW),
            retry_at: Millis::new(NOW + 30_000),
        };
        let put = async |mut tx| {
            let install = install_get(&mut tx, breaker.install).await?;
            breaker_put(&mut tx, &breaker, install.epoch()).await
        };
        let reported: Result<(), PlatformError> = host.state.store.write(&host.ctx(&shop), put).await;
        reported.unwrap();
        let open = json!([{
            "point": "discount.order", "state": "open", "code": "fuel", "message": "the plugin reached its limit",
            "openings": 1, "changed_at": "2026-01-02T03:04:05.678Z", "retry_at": "2026-01-02T03:04:35.678Z",
        }]);
        assert_eq!(host.get(&shop.staff, &path).await.expect(200)["breakers"], open);
        assert_eq!(host.get(&shop.staff, "/v1/installs").await.expect(200)["items"][0]["breakers"], open);
        let rearmed = host.post(&shop.staff, &format!("{path}/rearm"), &Value::Null).await.expect(200);
        assert_eq!((&rearmed["breakers"][0]["state"], &rearmed["breakers"][0]["retry_at"]), (&json!("closed"), &Value::Null));
        assert_eq!(host.get(&shop.staff, &path).await.expect(200), rearmed);
    }

    async fn the_owner_chooses_what_a_failure_does(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["purchase-limits", "hello-discount"]).await;
        let shop = host.shop("own", "CNY").await;
        let install = installed(&host, &shop, "purchase-limits", json!({})).await;
        let path = format!("/v1/installs/{install}/failure");
        let put = async |body: Value| host.call(&shop.owner, Method::PUT, &path, &body).await;
        let row = |policy: &str, chosen: bool| json!([{"point": "cart.validate-complete", "policy": policy, "may_choose": true, "chosen": chosen}]);
        let before = host.get(&shop.owner, &format!("/v1/installs/{install}")).await.expect(200);
        assert_eq!(before["failure"], row("closed", false));
        assert_eq!(put(json!({"cart.validate-complete": "open"})).await.expect(200)["failure"], row("open", true));
        assert_eq!(put(json!({})).await.expect(200)["failure"], row("open", true));
        assert_eq!(put(json!({"cart.validate-complete": null})).await.expect(200)["failure"], row("closed", false));
        assert_eq!(put(json!({"discount.lines": "closed"})).await.problem(422), "invalid-field");
        for wrong in [json!({"nowhere": "open"}), json!({"cart.validate-complete": "maybe"}), json!([])] {
            assert_eq!(put(wrong).await.problem(422), "invalid");
        }
        let hello = installed(&host, &shop, "hello-discount", json!({})).await;
        let body = json!({"discount.order": "closed"});
        let refused = host.call(&shop.owner, Method::PUT, &format!("/v1/installs/{hello}/failure"), &body).await;
        assert_eq!(refused.problem(422), "invalid-field");
    }
}
