//! What a handler that fails does to the events of its key, of others, and to the shop.

use std::time::Instant;

use heptad_model::PageRequest;
use heptad_platform::delivery::backlog::lanes_waiting;
use heptad_platform::delivery::dead_letter::{
    DeadLetterState, dead_letter_list, dead_letter_replay, dead_letters_replay,
};
use heptad_platform::delivery::lane::{LaneKey, lanes_hurry, outbox_size};
use heptad_platform::install::{install_disable, install_enable};
use heptad_platform::notice::notice_list;
use heptad_store::{PlatformTx, StoreError, Tx, both_databases};
use serde_json::json;

use crate::shop::{Host, Shop, grants, until};

/// Waits until the only key that is behind has failed so often.
async fn fails(shop: &Shop<'_>, attempts: u32) {
    let subscription = shop.subscription("stock").await;
    let waiting = async |mut tx: Tx| lanes_waiting(&mut tx, &subscription, 10).await;
    until(async || {
        let found = shop.host.store.read(&shop.ctx, waiting).await.unwrap();
        match found.as_slice() {
            [one] if one.attempts >= attempts => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

both_databases! {
    async fn a_failing_event_holds_its_own_key_until_it_succeeds(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        let install = shop.diary(grants(), "fail", "A").await;
        shop.stock("A", 3).await;
        shop.stock("B", 2).await;
        shop.reads(install, "B", "2 3").await;
        fails(&shop, 1).await;
        assert_eq!(shop.page(install, "A").await, "");
        shop.set(install, json!({"mode": "write", "at": ""})).await;
        shop.reads(install, "A", "2 3 4").await;
        let log = shop.log(shop.subscription("stock").await.id).await;
        assert!(log.contains(&"A 2 1 failed plugin-error".to_owned()), "{log:?}");
        assert!(log.iter().any(|line| line.starts_with("A 2 ") && line.ends_with(" ok")), "{log:?}");
    }

    async fn what_cannot_succeed_goes_to_the_dead_letters_and_the_key_goes_on_with_a_gap(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        let install = shop.diary(grants(), "refuse", "A").await;
        shop.stock("A", 1).await;
        let subscription = shop.subscription("stock").await.id;
        let page = PageRequest::first();
        let letters = async |mut tx: Tx| dead_letter_list(&mut tx, subscription, None, &page).await;
        let letter = until(async || {
            let found = host.store.read(&shop.ctx, letters).await.unwrap().items;
            found.into_iter().next().ok_or_else(|| "no dead letter".to_owned())
        }).await;
        assert_eq!((letter.key.as_str(), letter.seq, letter.attempts), ("A", 2, 1));
        assert_eq!(letter.code, "event-refused");
        let notices = async |mut tx: Tx| notice_list(&mut tx, true, &page).await;
        let notices = host.store.read(&shop.ctx, notices).await.unwrap().items;
        assert!(notices.iter().any(|notice| notice.kind.name() == "event-dead"), "{notices:?}");
        shop.set(install, json!({"mode": "write", "at": ""})).await;
        shop.stock("A", 2).await;
        shop.reads(install, "A", "3g 4").await;
        let replay = async |mut tx: Tx| dead_letter_replay(&mut tx, letter.id).await;
        host.store.write(&shop.ctx, replay).await.unwrap();
        shop.reads(install, "A", "3g 4 2r").await;
    }

    async fn all_dead_letters_are_told_again_in_their_order(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        let install = shop.diary(grants(), "refuse", "A").await;
        shop.stock("A", 3).await;
        let subscription = shop.subscription("stock").await.id;
        let page = PageRequest::first();
        let open = async |mut tx: Tx| dead_letter_list(&mut tx, subscription, Some(DeadLetterState::Open), &page).await;
        until(async || {
            let found = host.store.read(&shop.ctx, open).await.unwrap().items.len();
            (found == 3).then_some(()).ok_or(format!("{found} dead letters"))
        }).await;
        shop.set(install, json!({"mode": "write", "at": ""})).await;
        let replay = async |mut tx: Tx| dead_letters_replay(&mut tx, subscription).await;
        assert_eq!(host.store.write(&shop.ctx, replay).await.unwrap().events, 3);
        shop.reads(install, "A", "2r 3r 4r").await;
        assert_eq!(host.store.read(&shop.ctx, open).await.unwrap().items, []);
        assert_eq!(host.store.write(&shop.ctx, replay).await.unwrap_err().code(), "invalid-field");
    }

    async fn what_happens_while_a_plugin_is_disabled_is_passed_by_with_a_gap(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        let install = shop.diary(grants(), "write", "").await;
        shop.stock("A", 1).await;
        shop.stock("B", 1).await;
        shop.reads(install, "A", "2").await;
        shop.reads(install, "B", "2").await;
        let disable = async |mut tx: Tx| install_disable(&mut tx, install).await;
        host.store.write(&shop.ctx, disable).await.unwrap();
        shop.stock("A", 2).await;
        // Those are matched while the plugin does not hear.
        let outbox = async |mut tx: PlatformTx| outbox_size(&mut tx, 1_000).await;
        until(async || {
            let left = host.store.platform_read::<_, StoreError, _>(shop.ctx.origin(), outbox).await.unwrap();
            (left == 0).then_some(()).ok_or(format!("{left} in the outbox"))
        }).await;
        let enable = async |mut tx: Tx| install_enable(&mut tx, install).await;
        host.store.write(&shop.ctx, enable).await.unwrap();
        host.runtime.refresh().await;
        shop.stock("A", 2).await;
        shop.stock("B", 1).await;
        shop.reads(install, "A", "2 5g 6").await;
        shop.reads(install, "B", "2 3").await;
    }

    async fn what_a_failed_call_wrote_is_not_there(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        let install = shop.diary(grants(), "write-and-fail", "").await;
        shop.stock("A", 1).await;
        fails(&shop, 1).await;
        assert_eq!(shop.page(install, "A").await, "");
        shop.set(install, json!({"mode": "trap", "at": ""})).await;
        let subscription = shop.subscription("stock").await.id;
        let hurry = async |mut tx: Tx| lanes_hurry(&mut tx, subscription).await;
        host.store.write(&shop.ctx, hurry).await.unwrap();
        fails(&shop, 2).await;
        assert_eq!(shop.page(install, "A").await, "");
    }

    async fn a_handler_that_writes_and_spins_is_ended_and_holds_no_other_shop_up(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let (shop, other) = (host.shop("first").await, host.shop("other").await);
        let install = shop.diary(grants(), "write-and-spin", "").await;
        for sku in ["A", "B", "C", "D", "E"] {
            shop.stock(sku, 1).await;
        }
        let begun = Instant::now();
        other.stock("A", 50).await;
        let took = begun.elapsed();
        // Five that spin hold the writer for at most 50 ms each, one after the other.
        assert!(took.as_millis() < 5_000, "fifty writes of another shop took {took:?}");
        let subscription = shop.subscription("stock").await.id;
        until(async || {
            let log = shop.log(subscription).await;
            match log.iter().filter(|line| line.contains(" 1 failed write-time")).count() {
                5 => Ok(()),
                _ => Err(format!("{log:?}")),
            }
        }).await;
        assert_eq!(shop.page(install, "A").await, "");
    }

    async fn a_handler_may_wait_before_it_writes(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        let install = shop.diary(grants(), "sleep", "").await;
        let begun = Instant::now();
        shop.stock("A", 1).await;
        shop.reads(install, "A", "2").await;
        assert!(begun.elapsed().as_millis() >= 30);
    }

    async fn a_breaker_keeps_the_backlog_and_gives_it_in_order(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        let install = shop.diary(grants(), "fail", "").await;
        for sku in ["A", "B", "C", "D", "E"] {
            shop.stock(sku, 2).await;
        }
        let subscription = shop.subscription("stock").await.id;
        until(async || {
            let log = shop.log(subscription).await;
            if log.len() >= 5 { Ok(()) } else { Err(format!("{log:?}")) }
        }).await;
        // A change of the install closes the breaker, and the lanes wait no longer than the shortest waits.
        shop.set(install, json!({"mode": "write", "at": ""})).await;
        let hurry = async |mut tx: Tx| lanes_hurry(&mut tx, subscription).await;
        host.store.write(&shop.ctx, hurry).await.unwrap();
        for sku in ["A", "B", "C", "D", "E"] {
            shop.reads(install, sku, "2 3").await;
        }
    }

    async fn a_person_skips_an_event_and_its_key_goes_on_with_a_gap(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        let install = shop.diary(grants(), "fail", "A").await;
        shop.stock("A", 2).await;
        fails(&shop, 1).await;
        let subscription = shop.subscription("stock").await.id;
        let lane = LaneKey { subscription, key: "A".to_owned() };
        let skip = async |mut tx: Tx| heptad_platform::delivery::dead_letter::lane_skip(&mut tx, &lane).await;
        let letter = host.store.write(&shop.ctx, skip).await.unwrap();
        assert_eq!((letter.seq, letter.code.as_str()), (2, "skipped"));
        shop.set(install, json!({"mode": "write", "at": ""})).await;
        shop.reads(install, "A", "3g").await;
    }
}
