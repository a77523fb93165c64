//! Following events while several processes relay them: each comes once, in the order of its key, wherever a reader stops
//! and goes on.

use std::collections::{BTreeMap, HashSet};

use heptad_model::Event;
use heptad_platform::delivery::stream::{Cursor, stream_end, stream_is_broken, stream_read};
use heptad_store::dialect::Dialect;
use heptad_store::{StoreError, Tx, both_databases};

use crate::shop::{Host, Shop, until};

/// Reads a few events and forgets everything but the cursor's text.
async fn some(shop: &Shop<'_>, host: &Host, cursor: &mut String) -> Vec<Event> {
    let mut place: Cursor = cursor.parse().unwrap();
    let read = async |mut tx: Tx| {
        assert!(!stream_is_broken(&mut tx, &place).await?);
        stream_read(&mut tx, &place, 7).await
    };
    let read = host.store.read(&shop.ctx, read).await.unwrap();
    read.iter().for_each(|placed| place.advance(placed));
    *cursor = place.to_string();
    read.into_iter().map(|placed| placed.event).collect()
}

both_databases! {
    async fn nothing_is_missed_by_a_reader_while_many_write_and_many_relay(database: TestDatabase) {
        const TIMES: i64 = 40;
        let first = Host::start(&database).await;
        let shop = first.shop("first").await;
        // SQLite is used by one process at a time.
        let second = match first.store.dialect() {
            Dialect::Postgres => Some(first.another(&database).await),
            Dialect::Sqlite => None,
        };
        let end = async |mut tx: Tx| Ok::<_, StoreError>(stream_end(&mut tx).await?.to_string());
        let mut cursor = first.store.read(&shop.ctx, end).await.unwrap();
        let writing = async {
            tokio::join!(
                shop.stock("A", TIMES), shop.stock("B", TIMES), shop.stock("C", TIMES), shop.stock("D", TIMES),
                shop.stock("E", TIMES),
            )
        };
        let reading = async {
            let (mut ids, mut last): (HashSet<String>, BTreeMap<String, i64>) = Default::default();
            let mut turn = 0;
            while ids.len() < 5 * TIMES as usize {
                turn += 1;
                let host = second.as_ref().filter(|_| turn % 2 == 0).unwrap_or(&first);
                let events = until(async || {
                    let mut ahead = cursor.clone();
                    let events = some(&shop, host, &mut ahead).await;
                    if events.is_empty() { Err(format!("{} events came", ids.len())) } else { Ok((events, ahead)) }
                }).await;
                cursor = events.1;
                for event in events.0.into_iter().filter(|event| event.kind == "inventory.changed") {
                    assert!(ids.insert(event.id.to_string()), "{} came twice", event.id);
                    let before = last.insert(event.key.clone(), event.seq);
                    assert!(before.is_none_or(|before| before + 1 == event.seq), "{} {before:?} {}", event.key, event.seq);
                }
            }
        };
        tokio::join!(writing, reading);
    }
}
