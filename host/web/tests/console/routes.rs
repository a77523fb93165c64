//! Every route of the console by every kind of person: who gets the page, and for whom it is not there.

use heptad_platform::user::HeldRole;
use heptad_platform::{Role, Scope};
use heptad_store::both_databases;
use heptad_web::testing::repacked;

use crate::browser::{Browser, Form, Page};
use crate::events::told;
use crate::fixture::{World, role, submit};

/// Who may open or send it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Who {
    /// The shop's owner and staff.
    Shop,
    /// The shop's owner; staff is told that it may not.
    Owner,
    /// The publisher.
    Publisher,
    /// The operator.
    Operator,
}
use Who::{Operator, Owner, Publisher, Shop};

/// All routes but those that need nobody to be signed in, as `console/mod.rs` writes them. Those of `listening` are there in a
/// shop and at a publisher.
const ROUTES: &[(&str, Who, &[Who])] = &[
    ("shop /", Shop, &[]),
    ("shop /catalog", Shop, &[]),
    ("shop /catalog/{plugin}", Shop, &[]),
    ("shop /catalog/{plugin}/install", Owner, &[Owner]),
    ("shop /plugins", Shop, &[]),
    ("shop /plugins/{install}", Shop, &[Owner]),
    ("shop /plugins/{install}/uninstall", Owner, &[Owner]),
    ("listening /events", Shop, &[]),
    ("listening /events/live", Shop, &[]),
    ("listening /events/{event}", Shop, &[]),
    ("listening /subscriptions", Shop, &[]),
    ("listening /subscriptions/{subscription}", Shop, &[]),
    ("listening /subscriptions/{subscription}/deliveries", Shop, &[]),
    ("listening /subscriptions/{subscription}/dead-letters", Shop, &[Shop]),
    ("listening /subscriptions/{subscription}/replays", Shop, &[Shop]),
    ("listening /webhooks", Shop, &[Shop]),
    ("listening /webhooks/new", Shop, &[]),
    ("listening /webhooks/{webhook}", Shop, &[Shop]),
    ("shop /schedules", Shop, &[]),
    ("shop /schedules/{schedule}", Shop, &[]),
    ("shop /usage", Shop, &[]),
    ("shop /audit", Owner, &[]),
    ("shop /plugins/{install}/upgrade", Owner, &[Owner]),
    ("shop /plugins/{install}/rollback", Owner, &[Owner]),
    ("shop /notices", Shop, &[]),
    ("shop /carts", Shop, &[Shop]),
    ("shop /carts/{cart}", Shop, &[Shop]),
    ("shop /orders", Shop, &[]),
    ("shop /orders/{order}", Shop, &[]),
    ("shop /customers", Shop, &[]),
    ("shop /customers/{customer}", Shop, &[Shop]),
    ("shop /products", Shop, &[]),
    ("shop /products/{product}", Shop, &[Shop]),
    ("publishing /", Publisher, &[]),
    ("publishing /upload", Publisher, &[]),
    ("publishing /plugins/{plugin}", Publisher, &[]),
    ("publishing /keys", Publisher, &[Publisher]),
    ("publishing /notices", Publisher, &[]),
    ("operating /", Operator, &[]),
    ("operating /versions/{version}", Operator, &[Operator]),
    ("operating /tenants", Operator, &[Operator]),
    ("operating /publishers", Operator, &[Operator]),
    ("operating /limits", Operator, &[Operator]),
    ("operating /limits/{profile}", Operator, &[Operator]),
    ("operating /retention", Operator, &[]),
    ("operating /audit", Operator, &[]),
    ("operating /notices", Operator, &[]),
    ("operating /people/{scope}", Operator, &[Operator]),
];

/// Routes that take a form and have no page of their own.
const FORMS: &[(&str, Who)] = &[
    ("shop /plugins/{install}/permissions", Owner),
    ("shop /plugins/{install}/secrets", Owner),
    ("shop /plugins/{install}/move", Owner),
    ("shop /plugins/{install}/enable", Owner),
    ("shop /plugins/{install}/disable", Owner),
    ("shop /plugins/{install}/rearm", Shop),
    ("shop /plugins/{install}/failure", Owner),
    ("listening /subscriptions/{subscription}/pause", Shop),
    ("listening /subscriptions/{subscription}/resume", Shop),
    ("listening /subscriptions/{subscription}/skip", Shop),
    ("listening /subscriptions/{subscription}/dead-letters/{letter}", Shop),
    ("listening /subscriptions/{subscription}/replays/{replay}", Shop),
    ("listening /subscriptions/{subscription}/deliveries/{delivery}", Shop),
    ("listening /webhooks/{webhook}/test", Shop),
    ("listening /webhooks/{webhook}/rotate", Shop),
    ("listening /webhooks/{webhook}/retire", Shop),
    ("listening /webhooks/{webhook}/rearm", Shop),
    ("listening /webhooks/{webhook}/state", Shop),
    ("listening /webhooks/{webhook}/delete", Shop),
    ("shop /schedules/{schedule}/run", Shop),
    ("shop /schedules/{schedule}/state", Shop),
    ("shop /notices/{notice}", Shop),
    ("publishing /notices/{notice}", Publisher),
    ("operating /notices/{notice}", Operator),
    ("operating /versions/{version}/life", Operator),
    ("operating /tenants/{tenant}/limits", Operator),
    ("shop /carts/{cart}/lines", Shop),
    ("shop /carts/{cart}/customer", Shop),
    ("shop /carts/{cart}/order", Shop),
    ("shop /orders/{order}/payments", Shop),
];

/// Routes that lead to another origin: the tests of plugins' own pages walk them.
const ELSEWHERE: &[&str] = &["shop /plugins/{install}/open"];

#[test]
fn every_route_is_in_the_table() {
    let source = include_str!("../../src/console/mod.rs");
    let mut found = Vec::new();
    let mut router = "";
    // Between two routes may stand the name of the router to which the second belongs.
    for part in source.split(".route(").map(str::trim_start) {
        if let Some(path) = part.strip_prefix('"').and_then(|rest| rest.split('"').next())
            && router != "console"
            && !path.starts_with("/console")
        {
            found.push(format!("{router} {path}"));
        }
        if let Some((before, _)) = part.rsplit_once("Router::new()") {
            for begin in ["let ", "fn "] {
                if let Some((_, rest)) = before.rsplit_once(begin) {
                    router = rest.split([' ', '(']).next().unwrap_or_default();
                    break;
                }
            }
        }
    }
    let mut listed: Vec<String> = ROUTES
        .iter()
        .map(|(route, ..)| *route)
        .chain(FORMS.iter().map(|(route, _)| *route))
        .chain(ELSEWHERE.iter().copied())
        .map(str::to_owned)
        .collect();
    found.sort();
    listed.sort();
    assert_eq!(found, listed);
}

both_databases! {
    async fn every_route_by_every_person(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["member-pricing", "purchase-limits"]).await;
        submit(&world.host, &repacked("hello-discount", |manifest| manifest.version = "9.0.0".to_owned()), false).await;
        let other = world.host.shop("other", "CNY").await;
        let publisher = world.host.publisher("heptad").await.id;
        let stranger_publisher = world.host.publisher("stranger").await.id;
        let people = [
            ("owner", vec![role(Role::Owner, &world.shop)]),
            ("staff", vec![role(Role::Staff, &world.shop)]),
            ("stranger", vec![role(Role::Owner, &other), HeldRole { role: Role::Publisher, scope: Scope::Publisher(stranger_publisher) }]),
            ("publisher", vec![HeldRole { role: Role::Publisher, scope: Scope::Publisher(publisher) }]),
            ("operator", vec![HeldRole { role: Role::Operator, scope: Scope::Platform }]),
        ];
        let things = things(&world).await;
        for (name, roles) in people {
            let person = world.host.person(&roles).await;
            let mut browser = Browser::new(&world.host, "en");
            let csrf = browser.sign_in(&person.login).await.expect(200).form("/sign-out").get("csrf").to_owned();
            let pages = ROUTES.iter().map(|(route, who, _)| (*route, *who, false));
            let forms = ROUTES.iter().flat_map(|(route, _, forms)| forms.iter().map(|who| (*route, *who, true)));
            let all = pages.chain(forms).chain(FORMS.iter().map(|(route, who)| (*route, *who, true)));
            for (route, who, sends) in all.flat_map(|(route, who, sends)| places(route, who).into_iter().map(move |(route, who)| (route, who, sends))) {
                let path = address(&things, &route);
                let allowed = matches!(
                    (who, name),
                    (Shop, "owner" | "staff") | (Owner, "owner") | (Publisher, "publisher") | (Operator, "operator")
                );
                let page = match sends {
                    false => browser.open(&path).await,
                    // Nothing but the token: what is allowed goes on to the form's own checks, and changes nothing.
                    true if allowed => continue,
                    true => browser.send(&Form { action: path.clone(), fields: vec![("csrf".to_owned(), csrf.clone())], ..Form::default() }).await,
                };
                let expected = match (allowed, who, name) {
                    (true, ..) => 200,
                    (false, Owner, "staff") => 403,
                    _ => 404,
                };
                assert_eq!(page.answer.status.as_u16(), expected, "{name} {route} {}\n{}", if sends { "POST" } else { "GET" }, page.text());
            }
        }
        // Nobody is asked to sign in, and forms of nobody do nothing.
        let mut nobody = Browser::new(&world.host, "en");
        for (route, _) in ROUTES.iter().flat_map(|(route, who, _)| places(route, *who)) {
            let path = address(&things, &route);
            let page = nobody.open(&path).await.expect(200);
            assert!(page.path.starts_with("/console/sign-in?next="), "{route}: {}", page.path);
        }
        for (route, _) in FORMS.iter().flat_map(|(route, who)| places(route, *who)) {
            let path = address(&things, &route);
            let page = nobody.send(&Form { action: path, ..Form::default() }).await.expect(200);
            assert_eq!(page.path, "/console/sign-in?next=%2Fconsole", "{route}");
            nobody.open(&address(&things, &route)).await.expect(405).shows("This page is not here");
        }
    }
}

/// Where a route is: at one place, or at two.
fn places(route: &str, who: Who) -> Vec<(String, Who)> {
    match route.strip_prefix("listening ") {
        Some(rest) => vec![(format!("shop {rest}"), Shop), (format!("publishing {rest}"), Publisher)],
        None => vec![(route.to_owned(), who)],
    }
}

/// The route with its holes filled.
fn address(things: &[(&str, String)], route: &str) -> String {
    let path = things.iter().fold(route.to_owned(), |path, (hole, value)| path.replace(hole, value));
    path.trim_end_matches('/').to_owned()
}

/// Something for each hole of the routes, all of the first shop, or of the publisher where it has the page as well.
async fn things(world: &World) -> Vec<(&'static str, String)> {
    let mut browser = Browser::new(&world.host, "en");
    browser.sign_in(&world.owner.login).await.expect(200);
    let last = |page: &Page| page.path.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    let page = browser.open(&world.at("/catalog/member-pricing/install")).await.expect(200);
    let install = last(&browser.send(&page.form("/install")).await.expect(200));
    let sample = |page: &Page| page.forms().into_iter().find(|form| !form.get("sample").is_empty()).unwrap();
    let page = browser.open(&world.at("/carts")).await.expect(200);
    let cart = browser.send(&sample(&page)).await.expect(200);
    let order = last(&browser.send(&cart.form("/order")).await.expect(200));
    let cart = last(&browser.send(&sample(&page)).await.expect(200));
    let customer = browser.open(&world.at("/customers")).await.expect(200).link("金卡顾客");
    let product = browser.open(&world.at("/products")).await.expect(200).link("Teapot");
    let operator = world.host.person(&[HeldRole { role: Role::Operator, scope: Scope::Platform }]).await;
    let mut reviewer = Browser::new(&world.host, "en");
    let version = reviewer.sign_in(&operator.login).await.expect(200).link("Hello discount");
    let tail = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let (subscription, events) = told(world, &mut browser, 1).await;
    world.host.approved(&["timetable"]).await;
    let page = browser.open(&world.at("/catalog/timetable/install")).await.expect(200);
    browser.send(&page.form("/install")).await.expect(200);
    let schedule = browser.open(&world.at("/schedules")).await.expect(200).link("nightly");
    let page = browser.open(&world.at("/webhooks/new")).await.expect(200);
    let form = page.form("/webhooks").set("url", "https://shop.example/hooks").set("types", "order.paid");
    browser.send(&form).await.expect(200);
    let webhook = browser.open(&world.at("/webhooks")).await.expect(200).link("shop.example");
    let publisher = world.host.publisher("heptad").await.id;
    let publisher = world.host.person(&[HeldRole { role: Role::Publisher, scope: Scope::Publisher(publisher) }]).await;
    let mut maker = Browser::new(&world.host, "en");
    maker.sign_in(&publisher.login).await.expect(200);
    let page = maker.open("/console/publishers/heptad/webhooks/new").await.expect(200);
    let form = page.form("/webhooks").set("url", "https://maker.example/hooks").set("types", "version.reviewed");
    maker.send(&form).await.expect(200);
    let own_webhook = maker.open("/console/publishers/heptad/webhooks").await.expect(200).link("maker.example");
    let first = |page: &Page, area: &str| {
        let begin = format!("/console/publishers/heptad/{area}/");
        let (_, rest) = page.html.split_once(&begin).unwrap_or_else(|| panic!("no {area}: {}", page.text()));
        rest.split(['"', '/', '?']).next().unwrap().to_owned()
    };
    let own_subscription = first(&maker.open(&own_webhook).await.expect(200), "subscriptions");
    let own_event = first(&maker.open("/console/publishers/heptad/events").await.expect(200), "events");
    vec![
        ("shop /", "/console/shops/tea/".to_owned()),
        ("publishing /", "/console/publishers/heptad/".to_owned()),
        ("heptad/webhooks/{webhook}", format!("heptad/webhooks/{}", tail(&own_webhook))),
        ("heptad/subscriptions/{subscription}", format!("heptad/subscriptions/{own_subscription}")),
        ("heptad/events/{event}", format!("heptad/events/{own_event}")),
        ("operating /", "/console/operator/".to_owned()),
        ("tea/catalog/{plugin}/install", "tea/catalog/purchase-limits/install".to_owned()),
        ("{plugin}", "member-pricing".to_owned()),
        ("{install}", install),
        ("{event}", events[0].id.to_string()),
        ("{subscription}", subscription.to_string()),
        ("{delivery}", "dlv_00000000000000000000000000000000".to_owned()),
        ("{webhook}", tail(&webhook)),
        ("{schedule}", tail(&schedule)),
        ("{letter}", "ded_00000000000000000000000000000000".to_owned()),
        ("{replay}", "rpl_00000000000000000000000000000000".to_owned()),
        ("{notice}", "ntc_00000000000000000000000000000000".to_owned()),
        ("{cart}", cart),
        ("{order}", order),
        ("{customer}", tail(&customer)),
        ("{product}", tail(&product)),
        ("{version}", tail(&version)),
        ("{profile}", "default".to_owned()),
        ("{tenant}", world.shop.record.tenant.id.to_string()),
        ("{scope}", world.shop.record.tenant.id.to_string()),
    ]
}
