//! What a transaction tells is written with it, in the order of its key; and transactions that stay open.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use heptad_model::event::Cause;
use heptad_model::id::{EventId, TenantId};
use heptad_model::{Actor, Ctx, Currency, Env, EventType, Locale, NewEvent, Origin, Tenant};
use heptad_store::{Store, StoreError, both_databases};
use serde_json::json;

fn ctx(env: &Env) -> Ctx {
    let tenant = Tenant {
        id: TenantId::generate(env),
        publisher: None,
        currency: Currency::parse("CNY").unwrap(),
        time_zone: "Asia/Shanghai".to_owned(),
        locale: Locale::ZhCn,
    };
    Origin::new(Actor::Anonymous, Locale::En, env.clone()).for_tenant(Arc::new(tenant))
}

fn event(key: &str) -> NewEvent {
    EventType::CatalogImported.about(key, json!({"products": 1, "skus": 2}))
}

/// Key and number of each event, and how many are in the outbox.
async fn told(store: &Store, ctx: &Ctx) -> (Vec<(String, i64)>, usize) {
    const EVENTS: &str = "select key, seq from events where tenant_id = $1 order by key, seq";
    const OUTBOX: &str = "select key from outbox where tenant = $1";
    let read = async |mut tx: heptad_store::Tx| {
        let tenant = tx.ctx().tenant().id;
        let events = tx.query(EVENTS).fetch_all(|row| Ok((row.text("key")?, row.int("seq")?))).await?;
        let outbox = tx.platform_query(OUTBOX).text(tenant).fetch_all(|row| row.text("key")).await?;
        Ok::<_, StoreError>((events, outbox.len()))
    };
    store.read(ctx, read).await.unwrap()
}

fn places(of: &[(&str, i64)]) -> Vec<(String, i64)> {
    of.iter().map(|(key, seq)| ((*key).to_owned(), *seq)).collect()
}

both_databases! {
    async fn events_are_numbered_by_key_and_go_with_their_transaction(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(0)));
        let heard: Arc<Mutex<Vec<(String, i64)>>> = Arc::default();
        let hears = heard.clone();
        store.on_events(move |_, events| {
            hears.lock().unwrap().extend(events.iter().map(|event| (event.key.clone(), event.seq)));
        });
        let tell = async |mut tx: heptad_store::Tx| {
            for key in ["b", "a", "b"] {
                tx.emit(event(key));
            }
            Ok::<_, StoreError>(())
        };
        store.write(&ctx, tell).await.unwrap();
        let failed: Result<(), StoreError> = store.write(&ctx, async |mut tx| {
            tx.emit(event("a"));
            Err(StoreError::Schema("changed its mind".to_owned()))
        }).await;
        assert!(failed.is_err());
        store.write(&ctx, tell).await.unwrap();
        let all = places(&[("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 3), ("b", 4)]);
        assert_eq!(told(&store, &ctx).await, (all, 6));
        assert_eq!(*heard.lock().unwrap(), places(&[("b", 1), ("a", 1), ("b", 2), ("b", 3), ("a", 2), ("b", 4)]));
    }

    async fn another_tenant_is_told_in_the_same_transaction_and_not_by_whom(database: TestDatabase) {
        const TOLD: &str = "select actor, causation, depth, traceparent, correlation from events where tenant_id = $1";
        let env = Env::fixed(0);
        let store = database.open().await;
        // Whichever of the two has the lower id: their events are written in that order.
        for maker_first in [true, false] {
            let (one, another) = (ctx(&env), ctx(&env));
            let one_first = one.tenant().id < another.tenant().id;
            let (maker, shop) = if one_first == maker_first { (one, another) } else { (another, one) };
            let tenant = maker.tenant().clone();
            let cause = Some(Cause { event: EventId::generate(&env), correlation: shop.request, depth: 3 });
            let caused = Origin { cause, ..shop.origin().clone() }.for_tenant(shop.tenant().clone());
            let tell = async |mut tx: heptad_store::Tx| {
                tx.emit_to(&tenant, event("plugin"));
                tx.emit(event("own"));
                Ok::<_, StoreError>(())
            };
            store.write(&caused, tell).await.unwrap();
            let failed: Result<(), StoreError> = store.write(&shop, async |mut tx| {
                tx.emit_to(&tenant, event("plugin"));
                Err(StoreError::Schema("changed its mind".to_owned()))
            }).await;
            assert!(failed.is_err());
            let mut open = store.open_write(&shop).await.unwrap();
            open.write(tell).await.unwrap();
            open.commit().await.unwrap();
            let review = async |mut tx: heptad_store::PlatformTx| {
                tx.emit_to(&tenant, event("plugin"));
                Ok::<_, StoreError>(())
            };
            store.platform_write(shop.origin(), review).await.unwrap();
            assert_eq!(told(&store, &shop).await, (places(&[("own", 1), ("own", 2)]), 2));
            assert_eq!(told(&store, &maker).await, (places(&[("plugin", 1), ("plugin", 2), ("plugin", 3)]), 3));
            let read = |row: &heptad_store::Row| {
                let (actor, causation) = (row.text("actor")?, row.opt_text("causation")?);
                Ok((actor, causation, row.int("depth")?, row.opt_text("traceparent")?, row.text("correlation")?))
            };
            let rows = async |mut tx: heptad_store::Tx| tx.query(TOLD).fetch_all(read).await;
            for (actor, causation, depth, trace, correlation) in store.read(&maker, rows).await.unwrap() {
                assert_eq!((actor.as_str(), causation, depth, trace), ("system:platform", None, 0, None));
                assert_ne!(correlation, shop.request.to_string());
            }
        }
    }

    async fn many_writers_of_a_key_leave_no_gap(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::system()));
        let tasks: Vec<_> = (0..20).map(|_| {
            let (store, ctx) = (store.clone(), ctx.clone());
            tokio::spawn(async move {
                let tell = async |mut tx: heptad_store::Tx| { tx.emit(event("hot")); Ok::<_, StoreError>(()) };
                while store.write(&ctx, tell).await.is_err_and(|error| error.is_transient()) {}
            })
        }).collect();
        for task in tasks {
            task.await.unwrap();
        }
        let all: Vec<(String, i64)> = (1..=20).map(|seq| ("hot".to_owned(), seq)).collect();
        assert_eq!(told(&store, &ctx).await, (all, 20));
    }

    async fn an_event_out_of_bounds_fails_its_transaction(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(0)));
        for key in [String::new(), "k".repeat(257), "replay:1".to_owned()] {
            let tell = async |mut tx: heptad_store::Tx| { tx.emit(event(&key)); Ok::<_, StoreError>(()) };
            assert!(matches!(store.write(&ctx, tell).await, Err(StoreError::Event { .. })), "{key}");
        }
        assert_eq!(told(&store, &ctx).await, (vec![], 0));
    }

    async fn an_open_transaction_sees_its_own_writes_undoes_a_failed_step_and_commits_all_at_once(database: TestDatabase) {
        const PUT: &str = "insert into counters (tenant_id, name, value) values ($1, $2, 1)";
        const NAMES: &str = "select name from counters where tenant_id = $1 order by name";
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(0)));
        let names = async |mut tx: heptad_store::Tx| tx.query(NAMES).fetch_all(|row| row.text("name")).await;
        let mut open = store.open_write(&ctx).await.unwrap();
        let step = async |mut tx: heptad_store::Tx| {
            tx.emit(event("kept"));
            tx.query(PUT).bind("kept").execute().await
        };
        open.write(step).await.unwrap();
        let undone: Result<(), StoreError> = open.write(async |mut tx| {
            tx.emit(event("undone"));
            tx.query(PUT).bind("undone").execute().await?;
            tx.query(PUT).bind("kept").execute().await.map(drop)
        }).await;
        assert!(matches!(undone, Err(StoreError::Duplicate(_))));
        assert_eq!(open.read(names).await.unwrap(), ["kept"]);
        assert_eq!(store.read(&ctx, names).await.unwrap(), [""; 0]);
        open.commit().await.unwrap();
        assert_eq!(store.read(&ctx, names).await.unwrap(), ["kept"]);
        assert_eq!(told(&store, &ctx).await.0, places(&[("kept", 1)]));

        let mut dropped = store.open_write(&ctx).await.unwrap();
        dropped.write(async |mut tx| tx.query(PUT).bind("dropped").execute().await).await.unwrap();
        drop(dropped);
        assert_eq!(store.read(&ctx, names).await.unwrap(), ["kept"]);
    }

    async fn an_open_transaction_dropped_within_a_step_holds_nobody_up(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(0)));
        let mut open = store.open_write(&ctx).await.unwrap();
        let endless = open.write(async |tx| {
            std::future::pending::<()>().await;
            drop(tx);
            Ok::<_, StoreError>(())
        });
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), endless).await.is_err());
        assert!(matches!(open.commit().await, Err(StoreError::Leaked)));
        store.write(&ctx, async |mut tx| { tx.emit(event("a")); Ok::<_, StoreError>(()) }).await.unwrap();
        assert_eq!(told(&store, &ctx).await.0, places(&[("a", 1)]));
    }
}
