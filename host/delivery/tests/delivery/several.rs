//! Several processes on one database.

use heptad_bus::BusOptions;
use heptad_model::Env;
use heptad_store::dialect::Dialect;
use heptad_store::testing::TestDatabase;

use crate::shop::{Host, grants, until};

fn numbers(upto: i64) -> String {
    (2..=upto + 1).map(|seq| seq.to_string()).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_the_work_and_take_over_from_one_that_stops_postgres() {
    let database = TestDatabase::create(Dialect::Postgres).await;
    let first = Host::start(&database).await;
    first.publish("diary").await;
    let shop = first.shop("first").await;
    let install = shop.diary(grants(), "write", "").await;
    let second = first.another(&database).await;
    let third = first.another(&database).await;
    let held = async |host: &Host| host.delivery.partitions().len();
    until(async || {
        let held = [held(&first).await, held(&second).await, held(&third).await];
        let is_shared = held.iter().sum::<usize>() == 64 && held.iter().all(|one| (20..=22).contains(one));
        is_shared.then_some(()).ok_or(format!("{held:?}"))
    })
    .await;
    tokio::join!(shop.stock("A", 30), shop.stock("B", 30), shop.stock("C", 30), async {
        until(async || {
            let begun = !shop.page(install, "A").await.is_empty();
            begun.then_some(()).ok_or("nothing was handled".to_owned())
        })
        .await;
        second.delivery.stop().await;
        third.delivery.stop().await;
    });
    for sku in ["A", "B", "C"] {
        shop.reads(install, sku, &numbers(30)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_others_are_acknowledged_once_the_lanes_know_on_postgres() {
    let database = TestDatabase::create(Dialect::Postgres).await;
    let mut random = [0; 8];
    Env::system().fill(&mut random);
    let url = std::env::var("HEPTAD_TEST_NATS").expect("run `cargo xtask test`, which starts a NATS");
    let prefix = format!("test-{}", hex::encode(random));
    let bus = BusOptions { url: url.clone(), prefix: prefix.clone(), ..BusOptions::default() };
    // The first process has no NATS; it tells of nothing after this.
    let first = Host::start(&database).await;
    first.publish("diary").await;
    let (second, third) = (first.another_on(&database, &bus).await, first.another_on(&database, &bus).await);
    let shop = second.shop("first").await;
    let install = shop.diary(grants(), "write", "").await;
    first.delivery.stop().await;
    until(async || {
        let held = [&second, &third].map(|host| host.delivery.partitions().len());
        (held == [32, 32]).then_some(()).ok_or(format!("{held:?}"))
    })
    .await;
    let skus = ["A", "B", "C", "D", "E"];
    for sku in skus {
        shop.stock(sku, 20).await;
    }
    for sku in skus {
        shop.reads(install, sku, &numbers(20)).await;
    }
    let context = async_nats::jetstream::new(async_nats::connect(url).await.unwrap());
    until(async || {
        let stream = context.get_stream(&prefix).await.map_err(|error| error.to_string())?;
        let state = &stream.cached_info().state;
        let all_done = state.last_sequence > 0 && state.messages == 0;
        all_done.then_some(()).ok_or(format!("{} of {} messages", state.messages, state.last_sequence))
    })
    .await;
}
