//! People with a console session may use the API: with the CSRF token for what changes something, in one scope.

use axum::http::Method;
use heptad_platform::principal::{Role, Scope};
use heptad_platform::session::session_get;
use heptad_platform::user::HeldRole;
use heptad_store::both_databases;
use heptad_web::auth::session_cookie;
use heptad_web::testing::TestHost;
use serde_json::{Value, json};

both_databases! {
    async fn a_session_reads_and_writes_with_its_csrf_token_in_the_scope_that_it_names(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let (first, second) = (host.shop("one", "CNY").await, host.shop("two", "CNY").await);
        let held = |shop: &heptad_web::testing::TestShop, role| HeldRole { role, scope: Scope::Tenant(shop.record.tenant.id) };
        let person = host.person(&[held(&first, Role::Owner), held(&second, Role::Staff)]).await;
        let signed_in = host.session(&person).await;
        let secret = signed_in.secret.reveal().to_owned();
        let session = async |mut tx| session_get(&mut tx, &secret).await;
        let session = host.state.store.platform_read(&host.origin(), session).await;
        let csrf = session.map_err(|error: heptad_store::StoreError| error).unwrap().unwrap().csrf;
        let cookie = format!("{}={secret}", session_cookie(false));
        let scope = first.record.tenant.id.to_string();
        let get = async |headers: &[(&str, &str)]| host.call_with("", Method::GET, "/v1/me", &Value::Null, headers).await;
        assert_eq!(get(&[("cookie", &cookie)]).await.problem(403), "scope-required");
        assert_eq!(get(&[("cookie", &cookie), ("heptad-scope", "platform")]).await.problem(403), "scope-required");
        assert_eq!(get(&[("cookie", &cookie), ("heptad-scope", &scope)]).await.expect(200)["role"], "owner");
        assert_eq!(get(&[("cookie", "heptad-session=hps_wrong")]).await.problem(401), "unauthenticated");

        let product = json!({"code": "P", "name": "P"});
        let post = async |headers: &[(&str, &str)]| host.call_with("", Method::POST, "/v1/products", &product, headers).await;
        let base = [("cookie", cookie.as_str()), ("heptad-scope", scope.as_str())];
        assert_eq!(post(&base).await.problem(403), "csrf");
        assert_eq!(post(&[base[0], base[1], ("x-csrf-token", "csrf_wrong")]).await.problem(403), "csrf");
        post(&[base[0], base[1], ("x-csrf-token", &csrf)]).await.expect(201);
        host.advance(heptad_platform::session::SESSION_MILLIS);
        assert_eq!(get(&base).await.problem(401), "unauthenticated");
    }
}
