//! What passes between the world and a plugin, header by header, through the whole router.

use heptad_platform::principal::Role;
use heptad_store::both_databases;
use heptad_web::testing::options;

use crate::site::Site;

both_databases! {
    async fn a_plugin_speaks_for_its_own_pages_alone(database: TestDatabase) {
        let site = Site::start(database).await;
        let answer = site.get("/headers").await;
        for name in [
            "access-control-allow-origin",
            "access-control-allow-credentials",
            "clear-site-data",
            "service-worker-allowed",
            "strict-transport-security",
        ] {
            assert!(!answer.headers.contains_key(name), "{name}: {}", answer.header(name));
        }
        for (name, value) in [
            ("x-frame-options", "SAMEORIGIN"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("x-own", "kept"),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["own=1; Path=/; SameSite=Lax"]);
        let policies: Vec<_> = answer.headers.get_all("content-security-policy").iter().collect();
        assert_eq!(policies, ["frame-ancestors *", "frame-ancestors 'self'"]);
    }

    async fn a_plugin_sees_no_credentials_of_the_platform(database: TestDatabase) {
        let site = Site::start(database).await;
        let person = site.person(Role::Owner).await;
        let cookie = format!("heptad-session=hps_secret; {}; theirs=1", site.visit(&person).await);
        let told = site.ask("GET", "/visitor", &[
            ("cookie", &cookie),
            ("x-csrf-token", "csrf_secret"),
            ("heptad-scope", "platform"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-theirs", "kept"),
        ], "").await;
        let text = told.text();
        assert!(!text.contains("secret") && !text.contains("hpv_") && !text.contains("10.0.0.1"), "{text}");
        assert!(text.contains("theirs=1") && text.contains("x-theirs"), "{text}");
        let basic = site.ask("POST", "/hook", &[("authorization", "Basic dXNlcjpwYXNz")], "").await;
        assert!(basic.text().contains("dXNlcjpwYXNz"), "what is not ours is the plugin's to check: {}", basic.text());
    }

    async fn where_hosts_are_shared_each_page_is_an_origin_of_its_own(database: TestDatabase) {
        let options = heptad_web::WebOptions { apps: "http://apps.test".parse().ok(), ..options(&database) };
        let site = Site::start_with(database, options, "pages").await;
        let path = |rest: &str| format!("/{}{rest}", Site::label(&site.install));
        let answer = site.get(&path("/headers")).await;
        let policy = answer.headers.get_all("content-security-policy").iter().next_back().unwrap().to_str().unwrap();
        assert!(policy.starts_with("sandbox ") && !policy.contains("allow-same-origin"), "{policy}");
        assert_eq!(answer.header("set-cookie"), format!("own=1; Path={}; SameSite=Lax", path("/")));
        let told = site.get(&path("/visitor?a=b")).await.json();
        assert_eq!((&told["path"], &told["query"]), (&"/visitor".into(), &"a=b".into()));
        assert_eq!(site.get("/visitor").await.status.as_u16(), 404);
    }
}
