//! A cart priced and ordered, why it costs what it costs, and the pages about orders, customers and products.

use heptad_store::both_databases;
use heptad_web::testing::guest;

use crate::browser::{Browser, Page};
use crate::fixture::{World, submit};

both_databases! {
    async fn a_cart_becomes_an_order_that_keeps_its_reasons(database: TestDatabase) {
        let world = World::start(database).await;
        enabled(&world, &["member-pricing", "quantity-breaks"]).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        let page = browser.open(&world.at("/carts")).await.expect(200);
        let begin = page.forms().into_iter().find(|form| form.action.ends_with("/carts") && form.get("sample").is_empty()).unwrap();
        let page = browser.send(&begin).await.expect(200);
        // A customer and two SKUs, found by a part of their names.
        let page = browser.open(&format!("{}?who=C1", page.path)).await.expect(200);
        let choose = page.forms().into_iter().find(|form| form.action.ends_with("/customer") && !form.get("customer").is_empty()).unwrap();
        let page = browser.send(&choose).await.expect(200);
        page.shows("金卡顾客");
        let mut page = page;
        for text in ["oolong", "T3"] {
            let cart = page.path.split('?').next().unwrap().to_owned();
            let found = browser.open(&format!("{cart}?q={text}")).await.expect(200);
            page = browser.send(&found.form("/lines")).await.expect(200);
        }
        let cart = page.path.split('?').next().unwrap().to_owned();
        let page = browser.send(&page.form(&cart).set("quantity.0", "4")).await.expect(200);
        // 4 × 50.00 less 10 % for gold, and one teapot of 300.00; then 10 % off from two pieces is the better one.
        page.shows("CN¥500.00").shows("gold member price: 10% off").shows("Discounts on the whole order");
        page.shows("Total CN¥430.00");
        let wrong = browser.send(&page.form(&cart).set("quantity.0", "many")).await.expect(422);
        wrong.shows("whole numbers");
        let place = page.form("/order");
        let order = browser.send(&place).await.expect(200);
        order.shows("The order was placed.").shows("gold member price: 10% off").shows("To pay");
        // The button pressed twice makes no second order.
        let again = browser.send(&place).await.expect(200);
        assert_eq!(again.path.split('?').next(), order.path.split('?').next());
        browser.open(&cart).await.expect(200).shows("has become an order");
        // Paying: too much is refused, all of it is recorded once.
        let pay = order.form("/payments").set("reference", "wx-1");
        assert_eq!(pay.get("amount"), "430.00");
        browser.send(&pay.clone().set("amount", "430.01")).await.expect(422).shows("more than is left");
        browser.send(&pay.clone().set("amount", "1.005")).await.expect(422).shows("An amount in CNY");
        browser.send(&pay).await.expect(200).shows("Paid");
        browser.send(&pay).await.expect(200).shows("Paid: CN¥430.00");
        browser.open(&world.at("/orders")).await.expect(200).shows("1000001").shows("CN¥430.00");
        // The reasons stay when the plugins are gone.
        for install in world.host.get(&world.shop.owner, "/v1/installs").await.expect(200)["items"].as_array().unwrap() {
            let id = install["id"].as_str().unwrap();
            let page = browser.open(&world.at(&format!("/plugins/{id}/uninstall"))).await.expect(200);
            browser.send(&page.form("/uninstall")).await.expect(200);
        }
        browser.open(order.path.split('?').next().unwrap()).await.expect(200).shows("gold member price: 10% off");
    }

    async fn a_failing_plugin_costs_no_price_and_is_named(database: TestDatabase) {
        let world = World::start(database).await;
        submit(&world.host, &guest("misbehaving"), true).await;
        let name = enabled(&world, &[]).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        let page = install(&mut browser, &world, &name).await;
        let url = page.path.split('?').next().unwrap().to_owned();
        let form = page.form(&url);
        let Some((mode, _)) = form.fields.iter().find(|(name, _)| name == "mode") else { panic!("{form:?}") };
        let mode = mode.clone();
        browser.send(&form.set(&mode, "trap").by("Save and enable")).await.expect(200);
        let page = browser.open(&world.at("/carts")).await.expect(200);
        let sample = page.forms().into_iter().find(|form| !form.get("sample").is_empty()).unwrap();
        let page = browser.send(&sample).await.expect(200);
        page.shows("It crashed.").shows("The price was computed without it.").shows("Total CN¥550.00");
    }

    async fn limits_refuse_an_order_in_the_plugins_words(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["purchase-limits"]).await;
        let mut browser = Browser::new(&world.host, "zh-CN");
        browser.sign_in(&world.owner.login).await.expect(200);
        let page = install(&mut browser, &world, "purchase-limits").await;
        let url = page.path.split('?').next().unwrap().to_owned();
        let page = browser.send(&page.form(&url).by("添加一行")).await.expect(200);
        let form = page.form(&url).set("limits.0.sku", "T1").set("limits.0.limit", "1");
        browser.send(&form.by("保存并启用")).await.expect(200);
        let page = browser.open(&world.at("/carts")).await.expect(200);
        let sample = page.forms().into_iter().find(|form| !form.get("sample").is_empty()).unwrap();
        let page = browser.send(&sample).await.expect(200);
        let page = browser.send(&page.form("/order")).await.expect(422);
        page.shows("合计 ¥550.00").shows("没有下单").shows("T1 每人限购 1 件").shows("限购");
    }

    async fn tier_and_tags_are_edited(database: TestDatabase) {
        let world = World::start(database).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        let page = browser.open(&world.at("/customers?q=c1")).await.expect(200);
        let page = browser.follow(&page, "金卡顾客").await.expect(200);
        let url = page.path.clone();
        let page = browser.send(&page.form(&url).set("tier", "Gold!")).await.expect(422);
        page.shows("A tier is up to 40");
        assert_eq!(page.form(&url).get("tier"), "Gold!");
        let page = browser.send(&page.form(&url).set("tier", "silver").set("tags", "vip，new")).await.expect(200);
        assert_eq!((page.form(&url).get("tier"), page.form(&url).get("tags")), ("silver", "new vip"));
        let page = browser.open(&world.at("/products?q=teapot")).await.expect(200);
        let page = browser.follow(&page, "Teapot").await.expect(200);
        let url = page.path.clone();
        page.shows("CN¥300.00");
        let page = browser.send(&page.form(&url).set("tags", "member-price")).await.expect(200);
        assert_eq!(page.form(&url).get("tags"), "member-price");
        browser.open(&world.at("/products?q=nothing-like-it")).await.expect(200).shows("Nothing found for");
    }
}

/// Installs a plugin as the consent page proposes; the page of the install.
async fn install(browser: &mut Browser<'_>, world: &World, plugin: &str) -> Page {
    let page = browser.open(&world.at(&format!("/catalog/{plugin}/install"))).await.expect(200);
    browser.send(&page.form("/install")).await.expect(200)
}

/// Installs these plugins with their defaults and enables them; the name of the first plugin of the catalog.
async fn enabled(world: &World, plugins: &[&str]) -> String {
    world.host.approved(plugins).await;
    let mut browser = Browser::new(&world.host, "en");
    browser.sign_in(&world.owner.login).await.expect(200);
    for plugin in plugins {
        let page = install(&mut browser, world, plugin).await;
        let url = page.path.split('?').next().unwrap().to_owned();
        browser.send(&page.form(&url).by("Save and enable")).await.expect(200);
    }
    let list = world.host.get(&world.shop.owner, "/v1/plugins").await.expect(200);
    list["items"][0]["name"].as_str().unwrap_or_default().to_owned()
}
