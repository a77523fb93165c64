//! Whether the process lives and may be given work, and what it counts.

use axum::body::Body;
use axum::http::Request;
use heptad_store::both_databases;
use heptad_web::metrics::{install, metrics_app};
use heptad_web::testing::{TestHost, options};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

both_databases! {
    async fn a_process_is_ready_while_its_database_answers(database: TestDatabase) {
        let host = TestHost::start(database).await;
        assert_eq!(host.get("", "/healthz").await.expect(200)["status"], "ok");
        assert_eq!(host.get("", "/readyz").await.expect(200)["status"], "ok");
        host.state.store.close().await;
        let answer = host.get("", "/readyz").await;
        assert_eq!((answer.problem(503).as_str(), answer.fields()), ("not-ready", vec!["database".to_owned()]));
        assert!(!answer.text().contains("pool"), "a cause is shown: {}", answer.text());
        assert_eq!(host.get("", "/healthz").await.expect(200)["status"], "ok");
        // A database that is away is said to be, and its words stay ours.
        let failed = host.get(&host.operator, "/v1/me").await;
        assert_eq!(failed.problem(503), "database-away");
        assert!(!failed.text().contains("pool"), "a cause is shown: {}", failed.text());
    }

    async fn a_schema_that_this_binary_does_not_know_is_not_ready(database: TestDatabase) {
        let mut options = options(&database);
        options.database_url = "sqlite::memory:".to_owned();
        let host = TestHost::start_with(database, options).await;
        let answer = host.get("", "/readyz").await;
        assert_eq!((answer.problem(503).as_str(), answer.fields()), ("not-ready", vec!["schema".to_owned()]));
    }

    async fn requests_are_counted_by_route_and_class_and_never_by_tenant(database: TestDatabase) {
        let handle = install().unwrap();
        let host = TestHost::start(database).await;
        let shop = host.shop("own", "CNY").await;
        let unknown = "/v1/products/prd_00000000000000000000000000000000";
        host.get(&shop.owner, unknown).await.problem(404);
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let response = metrics_app(handle).oneshot(request).await.unwrap();
        let text = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let line = r#"heptad_http_requests_total{method="GET",route="/v1/products/{product}",class="4xx"} "#;
        assert!(text.contains(line), "{text}");
        assert!(text.contains("heptad_http_request_seconds_bucket{route=\"/v1/products/{product}\",le=\"0.001\"}"), "{text}");
        assert!(!text.contains("ten_") && !text.contains("prd_"), "{text}");
    }
}
