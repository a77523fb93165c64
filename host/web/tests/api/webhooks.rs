//! Endpoints by the API: the secret shown once, who may have personal data sent, what addresses are taken, a test message,
//! rotation, usage.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use heptad_store::both_databases;
use heptad_web::testing::TestHost;
use serde_json::{Value, json};

type Came = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// A server on this machine that takes what comes, with thanks.
async fn server() -> (String, Came) {
    async fn take(State(came): State<Came>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
        came.lock().unwrap().push((headers, serde_json::from_slice(&body).unwrap()));
        (StatusCode::OK, "thank you")
    }
    let came = Came::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let app = Router::new().fallback(take).with_state(came.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, came)
}

both_databases! {
    async fn an_endpoint_is_made_tried_changed_and_removed(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("own", "CNY").await;
        let (url, came) = server().await;
        let body = json!({"url": url, "types": ["order.paid"], "description": "Warehouse"});
        let made = host.post(&shop.staff, "/v1/webhooks", &body).await.expect(201);
        let secret = made["secret"].as_str().unwrap().to_owned();
        assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
        let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
        // The secret is never shown again, nor is it in the database as it is.
        let shown = host.get(&shop.staff, &path).await.expect(200);
        assert!(!shown.to_string().contains("whsec_"));
        assert_eq!((shown["secrets"].as_array().unwrap().len(), &shown["health"]["state"]), (1, &json!("good")));
        let subscriptions = host.get(&shop.staff, "/v1/subscriptions").await.expect(200);
        assert_eq!((&subscriptions[0]["kind"], &subscriptions[0]["id"]), (&json!("webhook"), &made["subscription"]));
        let test = host.post(&shop.staff, &format!("{path}/test"), &Value::Null).await.expect(200);
        assert_eq!((&test["taken"], &test["status"], &test["response"]), (&json!(true), &json!(200), &json!("thank you")));
        let (headers, event) = came.lock().unwrap().remove(0);
        assert_eq!((&event["type"], &event["id"]), (&json!("webhook.test"), &test["event"]));
        assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));
        let log = format!("/v1/subscriptions/{}/deliveries", made["subscription"].as_str().unwrap());
        let log = host.get(&shop.staff, &log).await.expect(200);
        assert_eq!((&log["items"][0]["status"], &log["items"][0]["response"]), (&json!(200), &json!("thank you")));
        let rotated = host.post(&shop.staff, &format!("{path}/secrets/rotate"), &json!({})).await.expect(200);
        assert_ne!(rotated["secret"], made["secret"]);
        assert_eq!(host.post(&shop.staff, &format!("{path}/secrets/rotate"), &json!({})).await.problem(409), "secrets-full");
        assert_eq!(host.post(&shop.staff, &format!("{path}/secrets/rotate"), &json!({"keep_hours": 169})).await.problem(422), "invalid");
        let secrets = host.get(&shop.staff, &path).await.expect(200)["secrets"].clone();
        let of = |index: usize| format!("{path}/secrets/{}", secrets[index]["id"].as_str().unwrap());
        assert_eq!(host.call(&shop.staff, Method::DELETE, &of(0), &Value::Null).await.problem(409), "secret-last");
        host.call(&shop.staff, Method::DELETE, &of(1), &Value::Null).await.expect(204);
        let paused = host.post(&shop.staff, &format!("{path}/pause"), &Value::Null).await.expect(200);
        assert_eq!(paused["state"], "paused");
        let changed = json!({"url": url, "types": ["order.placed", "order.paid"], "filter": "data.total > 0"});
        let changed = host.call(&shop.staff, Method::PUT, &path, &changed).await.expect(200);
        assert_eq!((&changed["state"], &changed["filter"]), (&json!("paused"), &json!("data.total > 0")));
        let usage = host.get(&shop.staff, "/v1/webhook-usage").await.expect(200);
        assert_eq!((&usage["used"], &usage["most"], usage.get("forecast_at")), (&json!(0), &json!(100_000), None));
        host.call(&shop.staff, Method::DELETE, &path, &Value::Null).await.expect(204);
        assert_eq!(host.get(&shop.staff, &path).await.problem(404), "not-found");
        assert_eq!(host.get(&shop.staff, "/v1/subscriptions").await.expect(200), json!([]));
    }

    async fn addresses_and_wishes_are_checked(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("own", "CNY").await;
        let post = async |body: Value| host.post(&shop.owner, "/v1/webhooks", &body).await;
        for url in [
            "", "shop.example/hooks", "ftp://shop.example", "http://shop.example/hooks", "http://8.8.8.8/", "https://10.0.0.1/hooks",
            "https://[::1]/", "https://169.254.169.254/latest", "https://user:pass@shop.example/", &format!("https://a.example/{}", "x".repeat(2_000)),
        ] {
            let answer = post(json!({"url": url, "types": ["order.paid"]})).await;
            assert_eq!(answer.status.as_u16(), 422, "{url}: {}", answer.text());
        }
        for types in [json!([]), json!(["order.lost"]), json!(["order.paid", "order.paid"]), json!(["schedule.due"]), json!(["webhook.test"])] {
            assert_eq!(post(json!({"url": "https://shop.example/", "types": types})).await.problem(422), "invalid-field");
        }
        let filter = json!({"url": "https://shop.example/", "types": ["order.paid"], "filter": "total >"});
        assert_eq!(post(filter).await.problem(422), "invalid-field");
        for _ in 0..20 {
            post(json!({"url": "https://shop.example/", "types": ["order.paid"]})).await.expect(201);
        }
        assert_eq!(post(json!({"url": "https://shop.example/", "types": ["order.paid"]})).await.problem(409), "webhook-full");
    }

    async fn the_owner_alone_has_personal_data_sent(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("own", "CNY").await;
        let body = |personal: bool| json!({"url": "https://shop.example/", "types": ["order.paid"], "personal": personal});
        assert_eq!(host.post(&shop.staff, "/v1/webhooks", &body(true)).await.problem(403), "forbidden");
        let made = host.post(&shop.owner, "/v1/webhooks", &body(true)).await.expect(201);
        let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
        // Who may not begin it may leave it so, and may end it.
        for (personal, status) in [(true, 200), (false, 200), (true, 403)] {
            let answer = host.call(&shop.staff, Method::PUT, &path, &body(personal)).await;
            assert_eq!(answer.status.as_u16(), status, "{personal}: {}", answer.text());
        }
    }
}
