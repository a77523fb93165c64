//! Every page: it renders in both languages, escapes what people typed, needs no script, and says where nothing is.

use heptad_platform::user::HeldRole;
use heptad_platform::{Role, Scope};
use heptad_store::both_databases;

use crate::browser::{Browser, Page};
use crate::events::told;
use crate::fixture::{World, role};

both_databases! {
    async fn every_page_renders_in_both_languages_without_a_script(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["member-pricing", "hello-discount"]).await;
        let publisher = world.host.publisher("heptad").await;
        let roles = [
            HeldRole { role: Role::Operator, scope: Scope::Platform },
            HeldRole { role: Role::Publisher, scope: Scope::Publisher(publisher.id) },
            role(Role::Owner, &world.shop),
        ];
        let person = world.host.person(&roles).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&person.login).await.expect(200);
        let page = browser.open(&world.at("/catalog/member-pricing/install")).await;
        let install = browser.send(&page.form("/install")).await.expect(200).path;
        let install = install.split('?').next().unwrap().to_owned();
        let page = browser.open(&world.at("/carts")).await.expect(200);
        let sample = page.forms().into_iter().find(|form| !form.get("sample").is_empty()).unwrap();
        let cart = browser.send(&sample).await.expect(200);
        let order = browser.send(&cart.form("/order")).await.expect(200).path;
        let (subscription, events) = told(&world, &mut browser, 2).await;
        let shop = ["", "/catalog", "/catalog?q=zzz", "/catalog/member-pricing", "/catalog/hello-discount/install", "/plugins", "/carts", "/orders", "/customers", "/products", "/notices", "/notices?all=1", "/usage", "/usage?by=day", "/events", "/events?type=order.paid", "/subscriptions", "/webhooks", "/webhooks/new", "/schedules"];
        let mut paths: Vec<String> = shop.iter().map(|end| world.at(end)).collect();
        let tenant = format!("/console/operator/people/{}", world.shop.record.tenant.id);
        paths.extend([install.clone(), format!("{install}/uninstall"), cart.path.clone(), order, tenant]);
        paths.extend(["", "/deliveries", "/dead-letters", "/replays"].map(|end| world.at(&format!("/subscriptions/{subscription}{end}"))));
        paths.push(world.at(&format!("/events/{}", events[0].id)));
        paths.extend(
            ["/console/publishers/heptad", "/console/publishers/heptad/upload", "/console/publishers/heptad/keys", "/console/publishers/heptad/plugins/member-pricing", "/console/publishers/heptad/notices"]
                .map(str::to_owned),
        );
        paths.extend(["/console/operator", "/console/operator/tenants", "/console/operator/publishers", "/console/operator/limits", "/console/operator/limits/default", "/console/operator/retention", "/console/operator/notices"].map(str::to_owned));
        for path in &paths {
            for (language, word) in [("zh-CN", "退出登录"), ("en", "Sign out")] {
                let separator = if path.contains('?') { '&' } else { '?' };
                let page = browser.open(&format!("{path}{separator}lang={language}")).await.expect(200);
                page.shows(word);
                assert!(page.html.contains(&format!("<html lang=\"{language}\"")), "{path}");
                sound(&page);
            }
        }
    }

    async fn what_people_typed_is_text(database: TestDatabase) {
        let world = World::start(database).await;
        let evil = "<script>alert(1)</script>\"'&";
        world.product("X1", evil, 100, &[]).await;
        world.customer("X<1", "<img src=x>", None).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        let page = browser.open(&world.at("/carts")).await.expect(200);
        let sample = page.forms().into_iter().find(|form| !form.get("sample").is_empty()).unwrap();
        let cart = browser.send(&sample).await.expect(200);
        let found = format!("{}?q=%3Cscript%3E&who=%3Cimg", cart.path.split('?').next().unwrap());
        for path in [world.at("/products"), world.at("/customers"), world.at("/products?q=%3Cscript%3Ealert"), found] {
            let page = browser.open(&path).await.expect(200);
            page.shows("<");
            assert!(!page.html.contains("<script>alert") && !page.html.contains("<img src=x>"), "{path}");
            sound(&page);
        }
        // The address cannot say what was done, either.
        let page = browser.open(&world.at("/plugins?done=%3Cb%3Eyou+won%3C%2Fb%3E")).await.expect(200);
        page.lacks("you won");
    }

    async fn the_language_follows_choice_then_browser_then_shop(database: TestDatabase) {
        let world = World::start(database).await;
        let mut browser = Browser::new(&world.host, "");
        browser.sign_in(&world.owner.login).await.expect(200).shows("概览");
        let mut browser = Browser::new(&world.host, "en-GB,en;q=0.9");
        let page = browser.sign_in(&world.owner.login).await.expect(200);
        page.shows("Overview");
        let page = browser.follow(&page, "中文").await.expect(200);
        page.shows("概览");
        assert_eq!(page.path, world.at(""));
        browser.open(&world.at("/orders")).await.expect(200).shows("还没有订单");
    }

    async fn nothing_there_says_why_and_what_to_do(database: TestDatabase) {
        let host = heptad_web::testing::TestHost::start(database).await;
        let shop = host.shop("empty", "CNY").await;
        let owner = host.person(&[role(Role::Owner, &shop)]).await;
        let mut browser = Browser::new(&host, "en");
        browser.sign_in(&owner.login).await.expect(200).shows("Next steps");
        for (end, why) in [
            ("/catalog", "As soon as an operator approves one"),
            ("/plugins", "The catalog has discounts"),
            ("/orders", "Try a cart and place it"),
            ("/customers", "They come with imported orders"),
            ("/products", "heptad import orders"),
            ("/carts", "No products yet"),
            ("/events", "it is told here"),
            ("/subscriptions", "its subscriptions stand here"),
        ] {
            browser.open(&format!("/console/shops/empty{end}")).await.expect(200).shows(why);
        }
    }

    async fn assets_are_kept_by_their_content(database: TestDatabase) {
        let host = heptad_web::testing::TestHost::start(database).await;
        let mut browser = Browser::new(&host, "en");
        let page = browser.open("/console/sign-in").await.expect(200);
        for (from, kind) in [("<link rel=\"stylesheet\" href=\"", "text/css; charset=utf-8"), ("<script src=\"", "text/javascript; charset=utf-8")] {
            let at = page.html.find(from).unwrap() + from.len();
            let path = page.html[at..].split('"').next().unwrap();
            let file = browser.open(path).await.expect(200);
            assert_eq!(file.answer.header("content-type"), kind);
            assert!(file.answer.header("cache-control").contains("immutable"));
            let old = browser.open(&format!("{}?v=0", path.split('?').next().unwrap())).await.expect(200);
            assert_eq!(old.answer.header("cache-control"), "no-cache");
        }
        browser.open("/console/assets/nothing.css").await.expect(404);
    }
}

/// What holds for every page: no inline script, style or handler; labels, headings and ids as they should be.
fn sound(page: &Page) {
    let html = &page.html;
    for forbidden in [" style=", " onclick=", " onload=", "javascript:", "<style", "<script>"] {
        assert!(!html.contains(forbidden), "{forbidden} in {}", page.path);
    }
    assert_eq!(html.matches("<h1").count(), 1, "{}", page.path);
    // htmx, and where a list keeps up with the shop, what follows it.
    let scripts = 1 + usize::from(html.contains(" data-live="));
    assert_eq!(html.matches("<script").count(), scripts, "{}", page.path);
    for form in page.forms() {
        let posts = !html.contains(&format!("method=\"get\" action=\"{}\"", form.action));
        let is_search = form.fields.iter().any(|(name, _)| name == "q" || name == "who");
        assert!(
            is_search || !posts || !form.get("csrf").is_empty(),
            "a form without a token in {}: {form:?}",
            page.path
        );
        assert!(!form.buttons.is_empty(), "a form that needs a script in {}: {form:?}", page.path);
    }
    let ids: Vec<&str> = html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect();
    for (index, id) in ids.iter().enumerate() {
        assert!(!ids[..index].contains(id), "the id `{id}` stands twice in {}", page.path);
    }
    for label in html.split("<label").skip(1) {
        let target = label.split(" for=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        assert!(ids.contains(&target), "a label for nothing (`{target}`) in {}", page.path);
    }
    // A key that has no sentence would stand there by itself.
    for word in page.text().split(' ') {
        let is_key = word.contains('-') && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let families = [
            "nav-",
            "done-",
            "failure-",
            "refusal-",
            "rule-",
            "outcome-",
            "order-",
            "cart-",
            "step-",
            "why-",
            "class-",
            "point-",
            "plugin-",
            "installs-",
            "notice-",
            "notices-",
            "breaker-",
            "choice-",
            "severity-",
            "limit-name-",
            "events-",
            "fate-",
            "subscription-",
            "subscriptions-",
            "waiting-",
            "deliveries-",
            "delivery-",
            "letters-",
            "letter-",
            "replay-",
            "replays-",
        ];
        assert!(
            !is_key || !families.iter().any(|family| word.starts_with(family)),
            "a key without a sentence in {}: {word}",
            page.path
        );
    }
}
