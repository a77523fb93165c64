//! Lists of the console that keep up with the shop, in a real browser.

use serde_json::json;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_events_shows_what_happens_while_it_is_open() {
    let mut world = World::start("http://{install}.localhost:PORT").await;
    let tab = world.sign_in().await;
    let list = format!("{}/console/shops/flowers/events", world.console);
    world.browser.go(&tab, &list).await;
    // The mark says that the stream is open; nothing of the page is loaded again but the list.
    world.browser.until(&tab, "document.querySelector('[data-live-mark]').hidden === false").await;
    world.browser.run(&tab, "window.isTheSamePage = true").await;
    // The shop has a customer already; the second one comes without a hand of the reader's.
    let rows =
        "[...document.querySelectorAll('#events .code')].filter(code => code.innerText === 'customer.created').length";
    assert_eq!(world.browser.run(&tab, rows).await, 1);
    let (host, shop) = (&world.site.host, &world.site.shop);
    host.post(&shop.shop, "/v1/customers", &json!({"name": "Han Meimei"})).await.expect(201);
    host.relay(shop).await;
    world.browser.until(&tab, &format!("{rows} === 2 && window.isTheSamePage")).await;
}
