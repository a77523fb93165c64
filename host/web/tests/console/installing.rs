//! From the catalog to the first effect, and a merchant's plugins.

use heptad_store::both_databases;

use crate::browser::Browser;
use crate::fixture::{World, member_pricing_with_four_permissions};

/// What the flow reads in a language.
struct Words {
    language: &'static str,
    search: &'static str,
    install: &'static str,
    agree: &'static str,
    personal: &'static str,
    enable: &'static str,
    try_it: &'static str,
    reason: &'static str,
    off: &'static str,
    why: &'static str,
}

const ZH: Words = Words {
    language: "zh-CN",
    search: "会员价",
    install: "安装…",
    agree: "同意并安装",
    personal: "个人信息",
    enable: "保存并启用",
    try_it: "在购物车里试试",
    reason: "gold 会员价，优惠 10%",
    off: "−¥25.00",
    why: "为什么是这个价格",
};

const EN: Words = Words {
    language: "en",
    search: "member pricing",
    install: "Install…",
    agree: "Agree and install",
    personal: "Personal data",
    enable: "Save and enable",
    try_it: "Try it in a cart",
    reason: "gold member price: 10% off",
    off: "−CN¥25.00",
    why: "Why this price",
};

both_databases! {
    async fn i04_from_catalog_to_first_effect_in_chinese(database: TestDatabase) {
        flow(&World::start(database).await, &ZH).await;
    }

    async fn i04_from_catalog_to_first_effect_in_english(database: TestDatabase) {
        flow(&World::start(database).await, &EN).await;
    }

    async fn settings_keep_what_was_typed_and_say_what_is_wrong(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["member-pricing"]).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        let page = browser.open(&world.at("/catalog/member-pricing/install")).await;
        let page = browser.send(&page.form("/install")).await.expect(200);
        let url = page.path.split('?').next().unwrap().to_owned();
        // Rows come and go by buttons, before anything is saved.
        let form = page.form(&url).set("tag", "sale");
        let page = browser.send(&form.clone().by("Add a row")).await.expect(200);
        let form = page.form(&url);
        assert_eq!((form.get("tag"), form.get("tiers.rows"), form.get("tiers.2.tier")), ("sale", "3", ""));
        let page = browser.send(&form.by("Remove row 1")).await.expect(200);
        assert_eq!(page.form(&url).get("tiers.rows"), "2");
        assert_eq!(page.form(&url).get("tiers.0.tier"), "gold");
        // What is wrong stands at its field, and what was typed stays.
        let wrong = page.form(&url).set("tiers.0.percent", "a lot").set("tiers.1.tier", "").set("tiers.1.percent", "101");
        let page = browser.send(&wrong.by("Save and enable")).await.expect(422);
        page.shows("A whole number from 0 to 100.").shows("Please fill this in.").shows("Nothing was saved");
        assert_eq!(page.form(&url).get("tiers.0.percent"), "a lot");
        let right = page.form(&url).set("tiers.0.percent", "20").set("tiers.1.tier", "vip").set("tiers.1.percent", "30");
        let page = browser.send(&right.by("Save and enable")).await.expect(200);
        page.shows("Enabled.");
        assert_eq!(page.form(&url).get("tiers.1.percent"), "30");
    }

    async fn the_order_is_seen_and_changed(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["member-pricing", "quantity-breaks", "hello-discount"]).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        for plugin in ["member-pricing", "quantity-breaks", "hello-discount"] {
            let page = browser.open(&world.at(&format!("/catalog/{plugin}/install"))).await.expect(200);
            browser.send(&page.form("/install")).await.expect(200);
        }
        let order = |html: &str| {
            let mut places: Vec<_> = ["member-pricing", "quantity-breaks", "hello-discount"].iter().map(|slug| (html.find(&format!("{slug} 0.1.0")), *slug)).collect();
            places.sort_unstable();
            places.into_iter().map(|(_, slug)| slug).collect::<Vec<_>>()
        };
        let page = browser.open(&world.at("/plugins")).await.expect(200);
        assert_eq!(order(&page.html), ["member-pricing", "quantity-breaks", "hello-discount"]);
        let last_up = page.forms().into_iter().rfind(|form| form.get("to") == "up").unwrap();
        let page = browser.send(&last_up).await.expect(200);
        assert_eq!(order(&page.html), ["member-pricing", "hello-discount", "quantity-breaks"]);
        let first_down = page.forms().into_iter().find(|form| form.get("to") == "down").unwrap();
        let page = browser.send(&first_down).await.expect(200);
        assert_eq!(order(&page.html), ["hello-discount", "member-pricing", "quantity-breaks"]);
        // Enable, disable, uninstall with a page that says what will be gone.
        let page = browser.send(&page.form("/enable")).await.expect(200);
        let page = browser.send(&page.form("/disable")).await.expect(200);
        let page = browser.follow(&page, "Uninstall…").await.expect(200);
        page.shows("This will be gone for good").shows("Keep it for 30 days").shows("Remove it now");
        let page = browser.send(&page.form("/uninstall")).await.expect(200);
        page.shows("Uninstalled");
        assert_eq!(order(&page.html).last(), Some(&"quantity-breaks"));
        page.lacks("hello-discount");
    }

    async fn hosts_and_secrets_are_decided_on_and_a_secret_is_never_shown(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["courier"]).await;
        for (language, host, kept, given) in [
            ("en", "Call carrier.example; nothing of your shop's data goes there.", "Kept there for 30 days.", "Given on"),
            ("zh-CN", "访问 carrier.example，不带走店铺数据。", "对方保存 30 天。", "提供。"),
        ] {
            let mut browser = Browser::new(&world.host, language);
            browser.sign_in(&world.owner.login).await.expect(200);
            let page = browser.open(&world.at("/catalog/courier/install")).await.expect(200);
            page.shows(host).shows(kept);
            let consent = page.form("/install");
            let boxes = consent.fields.iter().filter(|(name, _)| name == "allow").map(|(_, value)| value.as_str());
            assert_eq!(boxes.collect::<Vec<_>>(), ["host:backup.example"], "business data alone goes there");
            let page = browser.send(&consent.without("allow", "host:backup.example")).await.expect(200);
            let install = page.path.split('?').next().unwrap().to_owned();
            let refused = browser.send(&page.form("/secrets").set("value", "sh0rt")).await.expect(422);
            assert!(!refused.html.contains("sh0rt"));
            let page = browser.send(&page.form("/secrets").set("value", "open-sesame-42")).await.expect(200);
            page.shows(given);
            assert!(!page.html.contains("sesame"));
            let back = page.forms().into_iter().rfind(|form| form.action.ends_with("/secrets")).unwrap();
            browser.send(&back).await.expect(200).lacks(given);
            let page = browser.open(&format!("{install}/uninstall")).await.expect(200);
            browser.send(&page.form("/uninstall")).await.expect(200);
        }
    }
}

async fn flow(world: &World, words: &Words) {
    member_pricing_with_four_permissions(&world.host).await;
    let mut browser = Browser::new(&world.host, words.language);
    browser.sign_in(&world.owner.login).await.expect(200);
    let page = browser.open(&world.at(&format!("/catalog?q={}", words.search.replace(' ', "+")))).await.expect(200);
    browser.rest();
    let page =
        browser.follow(&page, if words.language == "en" { "Member pricing" } else { "会员价" }).await.expect(200);
    let page = browser.follow(&page, words.install).await.expect(200);
    // Four permissions in the platform's sentences, each with its purpose; the optional ones may be declined.
    let locale = heptad_model::Locale::parse(words.language).unwrap();
    for name in ["members.tier.read", "mall.catalog.read", "members.tags.read", "mall.inventory.read"] {
        page.shows(heptad_model::Permission::parse(name).unwrap().row().sentence.get(locale));
    }
    page.shows(words.personal);
    let consent = page.form("/install");
    let boxes: Vec<&str> =
        consent.fields.iter().filter(|(name, _)| name == "allow").map(|(_, value)| value.as_str()).collect();
    assert_eq!(boxes, ["mall.inventory.read"], "an optional wish about people is not proposed");
    let page = browser.send(&consent.without("allow", "mall.inventory.read").by(words.agree)).await.expect(200);
    let url = page.path.split('?').next().unwrap().to_owned();
    let page = browser.send(&page.form(&url).by(words.enable)).await.expect(200);
    let page = browser.send(&page.form("/carts").by(words.try_it)).await.expect(200);
    assert_eq!(browser.clicks, 5, "from the card to the first effect");
    page.shows(words.reason).shows(words.off).shows(words.why).shows("member-pricing");
    // What was declined is not granted.
    let installs = world.host.get(&world.shop.owner, "/v1/installs").await.expect(200);
    let granted = installs["items"][0]["granted"].as_array().unwrap().clone();
    assert_eq!(granted.len(), 2, "{installs}");
}
