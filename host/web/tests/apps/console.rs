//! The console: a plugin's page lists its routes, and links lead to those that a person can open.

use axum::body::Body;
use axum::http::{Request, header};
use heptad_platform::principal::Role;
use heptad_store::both_databases;

use crate::site::{Site, installed};

both_databases! {
    async fn a_plugins_page_lists_its_routes_with_links(database: TestDatabase) {
        let site = Site::start(database).await;
        let session = site.host.session(&site.person(Role::Staff).await).await;
        let open = async |path: &str, more: &[(&str, &str)]| {
            let path = format!("/console/shops/flowers/plugins/{}{path}", site.install);
            let mut request = Request::builder().uri(path);
            request = request.header(header::COOKIE, format!("heptad-session={}", session.secret.reveal()));
            for (name, value) in more {
                request = request.header(*name, *value);
            }
            site.host.send(request.header(header::ACCEPT_LANGUAGE, "en").body(Body::empty()).unwrap()).await
        };
        let page = open("", &[]).await;
        let url = format!("http://{}.apps.test", Site::label(&site.install));
        let text = page.text();
        for shown in [&format!("{url}/hook"), &format!("href=\"{url}/\""), "open?to=%2Fadmin%2F", "for your team"] {
            assert!(text.contains(shown), "{shown}");
        }
        // A route for the shop's people that has nothing to fill in, and no other.
        for (to, status) in [("%2Fadmin%2F", 303), ("%2F", 404), ("%2Fadmin%2Fsave", 404), ("%2F%2Fevil.example", 404)] {
            assert_eq!(open(&format!("/open?to={to}"), &[]).await.status.as_u16(), status, "{to}");
        }
        // For anybody but the shop's people the shop is not there.
        let stranger = site.host.person(&[]).await;
        let secret = site.host.session(&stranger).await.secret.reveal().to_owned();
        for (cookie, status) in [(format!("heptad-session={secret}"), 404), (String::new(), 303)] {
            let path = format!("/console/shops/flowers/plugins/{}/open?to=/admin/", site.install);
            let request = Request::builder().uri(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap();
            let answer = site.host.send(request).await;
            assert_eq!(answer.status.as_u16(), status);
            assert!(!answer.header("location").contains("apps.test"), "{}", answer.header("location"));
        }
        // Another site cannot make a person go there.
        let from_elsewhere = open("/open?to=%2Fadmin%2F", &[("sec-fetch-site", "cross-site")]).await;
        assert!(from_elsewhere.header("location").starts_with("/console/shops/"), "{}", from_elsewhere.header("location"));
        let hello = Site { install: installed(&site.host, &site.shop, "hello-page").await, ..site };
        assert!(hello.get("/").await.text().contains("You are number 1"));
        let token = hello.host.token(Role::Staff, heptad_platform::Scope::Tenant(hello.shop.record.tenant.id), None).await;
        let bearer = format!("Bearer {token}");
        assert!(hello.ask("GET", "/desk", &[("authorization", &bearer)], "").await.text().contains("1 came"));
        let refused = hello.ask("GET", "/desk", &[("accept", "text/html"), ("accept-language", "en")], "").await;
        assert_eq!(refused.status.as_u16(), 401);
        assert!(refused.text().contains("href=\"http://heptad.test/console\""), "{}", refused.text());
    }
}
