//! Lanes are moved only by whoever holds the lease of their partition.

use heptad_model::event::PARTITIONS;
use heptad_model::id::SubscriptionId;
use heptad_model::{Env, EventType, Millis};
use heptad_platform::delivery::lane::{
    Advance, Fence, LaneKey, Wanted, lane_get, lane_put_off, lanes_advance, outbox_read, outbox_settle,
};
use heptad_platform::lease::leases_take;
use heptad_store::{PlatformTx, StoreError, Tx, both_databases};
use serde_json::json;

use crate::support::*;

both_databases! {
    async fn who_lost_the_lease_neither_moves_a_lane_nor_puts_it_off(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(1_000));
        let ctx = ctx(&store, &env, "shop").await;
        let lane = LaneKey { subscription: SubscriptionId::generate(&env), key: "A".to_owned() };
        let tell = async |mut tx: Tx| {
            tx.emit(EventType::CatalogImported.about("A", json!({"products": 1, "skus": 1})));
            Ok::<_, StoreError>(())
        };
        store.write(&ctx, tell).await.unwrap();
        let relay = async |mut tx: Tx| {
            let read = outbox_read(&mut tx, &(0..PARTITIONS).collect::<Vec<u32>>(), 10).await?;
            let wanted = Wanted { lane: lane.clone(), partition: read[0].partition, first: 1, last: 1 };
            outbox_settle(&mut tx, &read, &[wanted]).await
        };
        store.write(&ctx, relay).await.unwrap();
        let take = async |holder: &str| {
            let names = ["partition/00".to_owned()];
            let take = async |mut tx: PlatformTx| leases_take(&mut tx, &names, holder, Millis::new(60_000), true).await;
            let held: Result<_, StoreError> = store.platform_write(&origin(&env), take).await;
            held.map(|mut held| Fence { lease: held[0].name.clone(), fence: held.remove(0).fence }).unwrap()
        };
        let (late, holds) = (take("first").await, take("second").await);
        let put_off = async |fence: &Fence| {
            let put_off = async |mut tx: Tx| lane_put_off(&mut tx, &lane, 0, Millis::new(9_000), true, fence).await;
            store.write(&ctx, put_off).await.unwrap()
        };
        let advance = async |fence: &Fence| {
            let step = Advance { lane: lane.clone(), from: 0, to: 1, gap: false, fence: fence.clone() };
            let advance = async |mut tx: Tx| lanes_advance(&mut tx, std::slice::from_ref(&step)).await;
            !store.write(&ctx, advance).await.unwrap().is_empty()
        };
        let look = async || {
            let look = async |mut tx: Tx| lane_get(&mut tx, &lane).await;
            let lane = store.read(&ctx, look).await.unwrap().unwrap();
            (lane.last_seq, lane.attempts, lane.due_at.map(Millis::as_millis))
        };
        assert!(!put_off(&late).await && !advance(&late).await);
        assert_eq!(look().await, (0, 0, Some(1_000)));
        assert!(put_off(&holds).await);
        assert_eq!(look().await, (0, 1, Some(9_000)));
        assert!(advance(&holds).await);
        assert_eq!(look().await, (1, 0, None));
    }
}
