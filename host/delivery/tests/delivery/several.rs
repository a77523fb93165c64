//! Several processes on one database.

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
