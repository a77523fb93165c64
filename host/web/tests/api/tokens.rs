//! Tokens: who makes which, how they end.

use axum::http::Method;
use heptad_model::time::span::{DAY, MINUTE};
use heptad_store::both_databases;
use heptad_web::testing::TestHost;
use serde_json::{Value, json};

use crate::stock::stocked;

both_databases! {
    async fn a_token_says_who_it_is_until_it_is_revoked_or_over(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let own = stocked(&host, "own", "A").await;
        let make = async |body: Value| host.post(&own.shop.owner, "/v1/tokens", &body).await.expect(201);
        let token = make(json!({"name": "front", "role": "shop", "lifetime_seconds": 3600})).await;
        let secret = token["secret"].as_str().unwrap().to_owned();
        let me = host.get(&secret, "/v1/me").await.expect(200);
        assert_eq!((&me["role"], &me["tenant"]), (&json!("shop"), &json!(own.shop.record.tenant.id.to_string())));
        assert_eq!(host.get(&own.shopper, "/v1/me").await.expect(200)["customer"], own.customer);
        let listed = host.get(&own.shop.owner, "/v1/tokens?limit=200").await.text();
        assert!(listed.contains(token["id"].as_str().unwrap()) && !listed.contains("hpt_"), "{listed}");

        let path = format!("/v1/tokens/{}", token["id"].as_str().unwrap());
        host.call(&own.shop.owner, Method::DELETE, &path, &Value::Null).await.expect(204);
        assert_eq!(host.get(&secret, "/v1/me").await.problem(401), "token-invalid");
        let short = make(json!({"name": "short", "role": "staff", "lifetime_seconds": 60})).await;
        let short = short["secret"].as_str().unwrap();
        host.get(short, "/v1/me").await.expect(200);
        host.advance(MINUTE);
        let refused = host.get(short, "/v1/me").await;
        assert_eq!((refused.problem(401).as_str(), refused.header("www-authenticate")), ("token-invalid", "Bearer"));
        host.advance(15 * MINUTE);
        assert_eq!(host.get(&own.shopper, "/v1/me").await.problem(401), "token-invalid");
        host.advance(90 * DAY);
        assert_eq!(host.get(&own.shop.owner, "/v1/me").await.problem(401), "token-invalid");
    }

    async fn nobody_makes_a_token_above_itself(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let own = stocked(&host, "own", "A").await;
        let publisher = host.publisher("heptad").await;
        for (token, role, status) in [
            (&own.shop.owner, "operator", 403),
            (&own.shop.owner, "publisher", 403),
            (&own.shop.owner, "owner", 201),
            (&own.shop.owner, "customer", 422),
            (&publisher.token, "publisher", 201),
            (&publisher.token, "shop", 403),
            (&host.operator, "operator", 201),
            (&host.operator, "shop", 422),
            (&own.shop.shop, "shop", 403),
        ] {
            let answer = host.post(token, "/v1/tokens", &json!({"name": "x", "role": role})).await;
            assert_eq!(answer.status.as_u16(), status, "{role}: {}", answer.text());
        }
        let unknown = json!({"customer": "cus_00000000000000000000000000000000"});
        assert_eq!(host.post(&own.shop.shop, "/v1/customer-tokens", &unknown).await.problem(404), "not-found");
    }
    async fn people_are_made_within_the_makers_own_scope(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let own = stocked(&host, "own", "A").await;
        let publisher = host.publisher("heptad").await;
        let tenant = own.shop.record.tenant.id.to_string();
        for (number, (token, role, at, status)) in [
            (&own.shop.owner, "staff", None, 201),
            (&own.shop.owner, "operator", None, 403),
            (&own.shop.owner, "shop", None, 422),
            (&own.shop.staff, "staff", None, 403),
            (&publisher.token, "publisher", None, 201),
            (&publisher.token, "owner", Some(&tenant), 404),
            (&host.operator, "owner", Some(&tenant), 201),
            (&host.operator, "owner", None, 422),
        ]
        .into_iter()
        .enumerate()
        {
            let body = json!({"login": format!("p-{number}"), "name": "P", "password": "a long password", "role": role, "tenant": at});
            let answer = host.post(token, "/v1/users", &body).await;
            assert_eq!(answer.status.as_u16(), status, "{role}: {}", answer.text());
            assert!(!answer.text().contains("a long password"));
        }
        let people = host.get(&own.shop.owner, "/v1/users").await.expect(200);
        let mut roles: Vec<&str> = people["items"].as_array().unwrap().iter().filter_map(|person| person["role"].as_str()).collect();
        roles.sort_unstable();
        assert_eq!(roles, ["owner", "staff"]);
        let short = json!({"login": "short", "name": "P", "password": "short", "role": "staff"});
        let refused = host.post(&own.shop.owner, "/v1/users", &short).await;
        assert_eq!((refused.problem(422).as_str(), refused.fields()), ("invalid-field", vec!["password".to_owned()]));
    }
}
