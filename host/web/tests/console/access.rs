//! Who comes in, who does not, and what keeps other sites out.

use heptad_platform::sign_in_link::sign_in_link_create;
use heptad_platform::user::HeldRole;
use heptad_platform::{PlatformError, Role, Scope};
use heptad_store::both_databases;
use heptad_web::testing::{TestHost, options};

use crate::browser::Browser;
use crate::fixture::{World, role};

both_databases! {
    async fn a_sign_in_leads_where_one_wanted_to_go_and_a_sign_out_ends_it(database: TestDatabase) {
        let world = World::start(database).await;
        let mut browser = Browser::new(&world.host, "en");
        let page = browser.open(&world.at("/orders?x=1")).await.expect(200);
        page.shows("Sign in");
        let form = page.form("/sign-in").set("login", &world.owner.login.to_uppercase());
        let page = browser.send(&form.clone().set("password", "wrong wrong wrong")).await.expect(422);
        page.shows("Login and password do not go together");
        let page = browser.send(&form.set("password", heptad_web::testing::PASSWORD)).await.expect(200);
        assert_eq!(page.path, world.at("/orders?x=1"));
        assert!(browser.cookie("heptad-session").is_some_and(|secret| secret.starts_with("hps_")));
        browser.send(&page.form("/sign-out")).await.expect(200).shows("Sign in");
        assert_eq!(browser.cookie("heptad-session"), None);
        assert_eq!(browser.open(&world.at("")).await.expect(200).path.split('?').next(), Some("/console/sign-in"));
    }

    async fn guessing_a_password_is_slowed_down(database: TestDatabase) {
        let world = World::start(database).await;
        let mut browser = Browser::new(&world.host, "en");
        let form = browser.open("/console/sign-in").await.form("/sign-in").set("login", &world.owner.login);
        for _ in 0..10 {
            browser.send(&form.clone().set("password", "a wrong password")).await.expect(422);
        }
        let right = form.set("password", heptad_web::testing::PASSWORD);
        let page = browser.send(&right).await.expect(429);
        page.shows("Too many attempts. Try again in 15 minutes.");
        assert_eq!(page.answer.header("retry-after"), "901");
        world.host.advance(15 * 60 * 1_000);
        browser.send(&right).await.expect(200);
    }

    async fn a_form_without_the_token_changes_nothing(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["hello-discount"]).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        let page = browser.open(&world.at("/catalog/hello-discount/install")).await;
        for token in ["", "csrf_0", &"x".repeat(500)] {
            let page = browser.send(&page.form("/install").set("csrf", token)).await.expect(403);
            page.shows("Please send the form again").shows("req_");
        }
        let mut forgotten = page.form("/install");
        forgotten.fields.retain(|(name, _)| name != "csrf");
        browser.send(&forgotten).await.expect(403);
        assert_eq!(world.host.get(&world.shop.owner, "/v1/installs").await.expect(200)["items"].as_array().unwrap().len(), 0);
        // Another browser's token before the sign-in is none, either.
        let mut other = Browser::new(&world.host, "en");
        let stolen = other.open("/console/sign-in").await.form("/sign-in");
        let mut fresh = Browser::new(&world.host, "en");
        fresh.send(&stolen.set("login", &world.owner.login).set("password", heptad_web::testing::PASSWORD)).await.expect(403);
    }

    async fn another_shop_is_not_there(database: TestDatabase) {
        let world = World::start(database).await;
        let other = world.host.shop("other", "USD").await;
        let stranger = world.host.person(&[role(Role::Owner, &other)]).await;
        world.host.approved(&["hello-discount"]).await;
        let mut owner = Browser::new(&world.host, "en");
        owner.sign_in(&world.owner.login).await.expect(200);
        let page = owner.open(&world.at("/catalog/hello-discount/install")).await;
        let page = owner.send(&page.form("/install")).await.expect(200);
        let install = page.path.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&stranger.login).await.expect(200).shows("Shop other");
        for end in ["", "/catalog", "/plugins", "/orders", "/customers", "/products", "/carts"] {
            browser.open(&world.at(end)).await.expect(404).shows("This page is not here");
        }
        for end in [format!("/plugins/{install}"), format!("/plugins/{install}/uninstall"), "/orders/ord_1".to_owned()] {
            browser.open(&format!("/console/shops/other{end}")).await.expect(404);
        }
        for path in ["/console/operator", "/console/operator/tenants", "/console/publishers/heptad", "/console/nothing"] {
            browser.open(path).await.expect(404).shows("This page is not here");
        }
    }

    async fn staff_sees_and_does_not_decide(database: TestDatabase) {
        let world = World::start(database).await;
        let staff = world.host.person(&[role(Role::Staff, &world.shop)]).await;
        world.host.approved(&["hello-discount"]).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&staff.login).await.expect(200);
        let page = browser.open(&world.at("/catalog/hello-discount")).await.expect(200);
        page.shows("Only the shop's owner decides").lacks("Install…");
        browser.open(&world.at("/catalog/hello-discount/install")).await.expect(403).shows("only the shop's owner can change it");
        browser.open(&world.at("/orders")).await.expect(200);
    }

    async fn a_person_switches_between_places(database: TestDatabase) {
        let world = World::start(database).await;
        let publisher = world.host.publisher("heptad").await;
        let second = world.host.shop("second", "JPY").await;
        let roles = [
            HeldRole { role: Role::Operator, scope: Scope::Platform },
            HeldRole { role: Role::Publisher, scope: Scope::Publisher(publisher.id) },
            role(Role::Staff, &world.shop),
            role(Role::Owner, &second),
        ];
        let person = world.host.person(&roles).await;
        let mut browser = Browser::new(&world.host, "en");
        let page = browser.sign_in(&person.login).await.expect(200);
        assert_eq!(page.path, "/console/operator");
        let page = browser.follow(&page, "Shop second").await.expect(200);
        page.shows("Prices in JPY");
        let page = browser.follow(&page, "Shop tea").await.expect(200);
        page.shows("Staff");
        browser.follow(&page, "heptad").await.expect(200).shows("What you have submitted");
    }

    async fn a_link_makes_an_operator_once(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let create = async |mut tx| sign_in_link_create(&mut tx).await;
        let made: Result<_, PlatformError> = host.state.store.platform_write(&host.origin(), create).await;
        let path = format!("/console/link/{}", made.unwrap().0.reveal());
        let mut browser = Browser::new(&host, "en");
        let form = browser.open(&path).await.expect(200).form(&path).set("login", "root").set("name", "Root");
        let short = browser.send(&form.clone().set("password", "short").set("again", "short")).await.expect(422);
        short.shows("at least 12 characters");
        browser.send(&form.clone().set("password", "long enough for me").set("again", "another")).await.expect(422).shows("not the same");
        let form = form.set("password", "long enough for me").set("again", "long enough for me");
        assert_eq!(browser.send(&form).await.expect(200).path, "/console/operator");
        let mut second = Browser::new(&host, "en");
        second.open(&path).await.expect(404).shows("heptad operator-link");
    }

    async fn the_browser_is_told_to_trust_nothing_else(database: TestDatabase) {
        let host = TestHost::start_with_secure_cookies(database).await;
        let mut browser = Browser::new(&host, "en");
        let page = browser.open("/console/sign-in").await.expect(200);
        let policy = page.answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.answer.header("cache-control"), "no-store");
        assert_eq!(page.answer.header("x-content-type-options"), "nosniff");
        let cookie = page.answer.header("set-cookie");
        assert!(cookie.starts_with("__Host-heptad-before="), "{cookie}");
        for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
            assert!(cookie.contains(part), "{part}: {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}

/// A host as it runs behind HTTPS.
trait Secure: Sized {
    async fn start_with_secure_cookies(database: heptad_store::testing::TestDatabase) -> Self;
}

impl Secure for TestHost {
    async fn start_with_secure_cookies(database: heptad_store::testing::TestDatabase) -> Self {
        let options = heptad_web::WebOptions { secure_cookies: true, ..options(&database) };
        Self::start_with(database, options).await
    }
}
