//! Who is let in: every audience, asked by everybody.

use heptad_platform::principal::Role;
use heptad_store::both_databases;

use crate::site::Site;

both_databases! {
    async fn each_audience_lets_its_own_in_and_nobody_else(database: TestDatabase) {
        let site = Site::start(database).await;
        let other = site.host.shop("other", "CNY").await;
        let (owner, staff) = (site.person(Role::Owner).await, site.person(Role::Staff).await);
        let (owner, staff) = (site.visit(&owner).await, site.visit(&staff).await);
        let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
        let callers = [
            ("anonymous", None, [200, 401, 401, 200]),
            ("customer", Some(bearer(&site.shopper)), [200, 200, 403, 200]),
            ("staff", Some(("cookie", staff)), [200, 403, 200, 200]),
            ("owner", Some(("cookie", owner)), [200, 403, 200, 200]),
            ("owner", Some(bearer(&site.shop.owner)), [200, 403, 200, 200]),
            ("staff", Some(bearer(&site.shop.staff)), [200, 403, 200, 200]),
            // The storefront's server is nobody to a plugin.
            ("anonymous", Some(bearer(&site.shop.shop)), [200, 401, 401, 200]),
            ("", Some(bearer(&other.owner)), [403, 403, 403, 200]),
            ("", Some(bearer(&site.host.operator)), [403, 403, 403, 200]),
            ("", Some(bearer("hpt_unknown")), [401, 401, 401, 200]),
        ];
        for (role, credential, expected) in callers {
            let headers: Vec<(&str, &str)> = credential.iter().map(|(name, value)| (*name, value.as_str())).collect();
            for ((method, path), status) in
                [("GET", "/visitor"), ("GET", "/mine"), ("GET", "/admin/x"), ("POST", "/hook")].into_iter().zip(expected)
            {
                let answer = site.ask(method, path, &headers, "").await;
                assert_eq!(answer.status.as_u16(), status, "{role} {path} {credential:?}: {}", answer.text());
                if status == 200 && path != "/admin/x" {
                    let told = answer.json();
                    let seen = if path == "/hook" { "anonymous" } else { role };
                    assert_eq!(told["visitor"]["role"], seen, "{path}: {told}");
                    assert_eq!(told["visitor"]["route"], path);
                    // Whatever let them in, the plugin does not see it.
                    let secrets = answer.text().contains("hpt_") || answer.text().contains("heptad-visit");
                    assert!(!secrets, "{path}: {}", answer.text());
                }
            }
        }
        let told = site.ask("GET", "/mine", &[("authorization", &format!("Bearer {}", site.shopper))], "").await.json();
        assert_eq!(told["visitor"]["user"], site.customer.as_str());
    }

    async fn a_pass_works_once_for_a_minute_and_for_its_install(database: TestDatabase) {
        let site = Site::start(database).await;
        let person = site.person(Role::Staff).await;
        let pass = site.pass(&person).await;
        let first = site.send_to_entry(&pass).await;
        assert_eq!((first.status.as_u16(), first.header("location")), (303, "/admin/"));
        let cookie = first.header("set-cookie").to_owned();
        assert!(cookie.starts_with("heptad-visit=hpv_"), "{cookie}");
        for attribute in ["; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Max-Age=1800"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        assert_eq!(site.send_to_entry(&pass).await.problem(403), "pass-invalid");
        let late = site.pass(&person).await;
        site.host.advance(61_000);
        assert_eq!(site.send_to_entry(&late).await.problem(403), "pass-invalid");
        // A pass leads nobody elsewhere.
        let away = site.pass(&person).await.replace("to=%2Fadmin%2F", "to=%2F%2Fevil.example");
        assert_eq!(site.send_to_entry(&away).await.header("location"), "/");
        // Another install of the same plugin, in another shop, knows neither the pass nor the visit.
        let other = site.host.shop("other", "CNY").await;
        let (pass, visit) = (site.pass(&person).await, site.visit(&person).await);
        let elsewhere = Site { install: Site::install(&site.host, &other, "pages").await, ..site };
        assert_eq!(elsewhere.send_to_entry(&pass).await.problem(403), "pass-invalid");
        assert_eq!(elsewhere.ask("GET", "/admin/", &[("cookie", &visit)], "").await.problem(401), "staff-only");
    }

    async fn a_visit_ends_by_time_by_signing_out_and_with_the_role(database: TestDatabase) {
        let site = Site::start(database).await;
        let person = site.person(Role::Staff).await;
        let visit = site.visit(&person).await;
        let open = async |visit: &str| site.ask("GET", "/admin/", &[("cookie", visit)], "").await.status.as_u16();
        assert_eq!(open(&visit).await, 200);
        site.host.advance(31 * 60_000);
        assert_eq!(open(&visit).await, 401);
        let visit = site.visit(&person).await;
        assert_eq!(open(&visit).await, 200);
        let held = heptad_platform::user::HeldRole {
            role: Role::Staff,
            scope: heptad_platform::Scope::Tenant(site.shop.record.tenant.id),
        };
        let origin = site.host.origin();
        let revoke = async |mut tx| heptad_platform::user::role_revoke(&mut tx, person.id, held).await;
        site.host.state.store.platform_write(&origin, revoke).await.unwrap();
        assert_eq!(open(&visit).await, 401);
    }

    async fn only_what_a_manifest_names_is_answered_and_only_while_it_is_enabled(database: TestDatabase) {
        let site = Site::start(database).await;
        for (method, path, status, code) in [
            ("GET", "/nothing", 404, "not-found"),
            ("DELETE", "/echo", 405, "method-not-allowed"),
            ("GET", "/page/../admin/x", 400, "path"),
            ("GET", "/page/%2e%2e/admin/x", 400, "path"),
            ("GET", "/page/a%2fb", 400, "path"),
            ("GET", "//page/x", 400, "path"),
        ] {
            assert_eq!(site.ask(method, path, &[], "").await.problem(status), code, "{method} {path}");
        }
        assert_eq!(site.ask("DELETE", "/echo", &[], "").await.header("allow"), "POST");
        assert_eq!(site.get("/").await.status.as_u16(), 200);
        let disable = format!("/v1/installs/{}/disable", site.install);
        site.host.post(&site.shop.owner, &disable, &serde_json::Value::Null).await.expect(200);
        assert_eq!(site.get("/").await.problem(404), "not-found");
        // What the console and the API serve is not here, and what is here is not there.
        for path in ["/v1/me", "/console", "/healthz"] {
            assert_eq!(site.get(path).await.status.as_u16(), 404, "{path}");
        }
        let routes = site.host.get(&site.shop.staff, &format!("/v1/installs/{}/routes", site.install)).await.expect(200);
        let url = format!("http://{}.apps.test/hook", Site::label(&site.install));
        let hook = routes.as_array().unwrap().iter().find(|route| route["path"] == "/hook").unwrap();
        assert_eq!((&hook["audience"], &hook["url"]), (&"webhook".into(), &url.into()));
    }
}
