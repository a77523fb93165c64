//! Those who write at the same time on SQLite share a commit, and nothing else.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use heptad_model::id::TenantId;
use heptad_model::{Actor, Ctx, Currency, Env, EventType, Locale, Origin, Tenant};
use heptad_store::dialect::Dialect;
use heptad_store::testing::TestDatabase;
use heptad_store::{Store, StoreError, Tx};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, yield_now};

/// A group is open for 5 ms, which a busy machine may let pass: what needs two in one group is tried this often.
const ROUNDS: u32 = 50;

/// A tenant in a database of its own. The runtime has one thread, so what was spawned has asked after a yield.
#[derive(Clone)]
struct Shop {
    database: Arc<TestDatabase>,
    store: Store,
    ctx: Ctx,
}

type Written = JoinHandle<Result<(), StoreError>>;

impl Shop {
    async fn new() -> Self {
        let database = TestDatabase::create(Dialect::Sqlite).await;
        let env = Env::system();
        let tenant = Tenant {
            id: TenantId::generate(&env),
            publisher: None,
            currency: Currency::parse("CNY").unwrap(),
            time_zone: "Asia/Shanghai".to_owned(),
            locale: Locale::ZhCn,
        };
        let ctx = Origin::new(Actor::Anonymous, Locale::En, env).for_tenant(Arc::new(tenant));
        Self { store: database.open().await, database: Arc::new(database), ctx }
    }

    /// Writes a name.
    fn write(&self, name: &str) -> Written {
        let (shop, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move { shop.store.write(&shop.ctx, async |mut tx| put(&mut tx, &name).await).await })
    }

    /// Writes a name, and stays in its closure until the gate opens.
    async fn held(&self, name: &str) -> (Written, Gate) {
        let (shop, name, gate) = (self.clone(), name.to_owned(), Gate::default());
        let (entered, opened) = (gate.entered.clone(), gate.opened.clone());
        let written = tokio::spawn(async move {
            let held = async |mut tx: Tx| {
                put(&mut tx, &name).await?;
                entered.notify_one();
                opened.notified().await;
                Ok(())
            };
            shop.store.write(&shop.ctx, held).await
        });
        yield_now().await;
        (written, gate)
    }

    /// The names that are seen, by a store of its own on the same file; in the order in which they were written.
    async fn names(&self) -> Vec<String> {
        const NAMES: &str = "select name from counters where tenant_id = $1 order by rowid";
        let read = async |mut tx: Tx| tx.query(NAMES).fetch_all(|row| row.text("name")).await;
        let other = self.database.open().await;
        other.read(&self.ctx, read).await.map_err(|error: StoreError| error).unwrap()
    }

    /// Two members of one group: the first has kept what it wrote and waits for the commit, the second is in its closure.
    async fn pair(&self, round: u32) -> Option<(Written, Written, Gate)> {
        let before = self.store.commit_count();
        let (first, gate) = self.held(&format!("first-{round}")).await;
        gate.entered.notified().await;
        let (second, held) = self.held(&format!("second-{round}")).await;
        gate.open();
        held.entered.notified().await;
        if self.store.commit_count() == before {
            return Some((first, second, held));
        }
        held.open();
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        None
    }
}

#[derive(Default)]
struct Gate {
    entered: Arc<Notify>,
    opened: Arc<Notify>,
}

impl Gate {
    fn open(&self) {
        self.opened.notify_one();
    }
}

async fn put(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    const PUT: &str = "insert into counters (tenant_id, name, value) values ($1, $2, 1)";
    tx.query(PUT).bind(name).execute().await.map(drop)
}

#[tokio::test]
async fn many_writers_share_few_commits_and_each_sees_what_it_wrote() {
    let shop = Shop::new().await;
    let mut fewest = u64::MAX;
    for round in 0..ROUNDS {
        let before = shop.store.commit_count();
        let writers: Vec<_> = (0..40)
            .map(|number| {
                let shop = shop.clone();
                tokio::spawn(async move {
                    let name = format!("{round}-{number}");
                    shop.store.write(&shop.ctx, async |mut tx| put(&mut tx, &name).await).await.unwrap();
                    const SEEN: &str = "select name from counters where tenant_id = $1 and name = $2";
                    let seen = async |mut tx: Tx| tx.query(SEEN).bind(&name).fetch_one(|row| row.text("name")).await;
                    assert_eq!(
                        shop.store.read(&shop.ctx, seen).await.map_err(|error: StoreError| error).unwrap(),
                        name
                    );
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        fewest = fewest.min(shop.store.commit_count() - before);
        if fewest <= 10 {
            break;
        }
    }
    assert!(fewest <= 10, "40 writers took at least {fewest} commits");
}

#[tokio::test]
async fn a_lone_writer_commits_at_once_and_statements_are_counted_as_before() {
    let shop = Shop::new().await;
    for number in 1..=3 {
        shop.write(&number.to_string()).await.unwrap().unwrap();
        assert_eq!((shop.store.commit_count(), shop.store.statement_count()), (number, number));
    }
}

#[tokio::test]
async fn members_run_in_the_order_in_which_they_asked_and_an_error_undoes_its_own_only() {
    let shop = Shop::new().await;
    let (first, gate) = shop.held("first").await;
    let mut writers = vec![first];
    for number in 0..6 {
        writers.push(shop.write(&number.to_string()));
        let failing = shop.clone();
        writers.push(tokio::spawn(async move {
            let fail = async |mut tx: Tx| {
                put(&mut tx, "undone").await?;
                tx.query("update counters set value = 9 where tenant_id = $1").execute().await?;
                Err(StoreError::Schema("changed its mind".to_owned()))
            };
            failing.store.write(&failing.ctx, fail).await
        }));
    }
    gate.open();
    for (index, writer) in writers.into_iter().enumerate() {
        let result = writer.await.unwrap();
        assert_eq!(result.is_ok(), index == 0 || index % 2 == 1, "{index}: {result:?}");
        assert!(result.is_ok() || matches!(result, Err(StoreError::Schema(_))));
    }
    assert_eq!(shop.names().await, ["first", "0", "1", "2", "3", "4", "5"]);
    const CHANGED: &str = "select count(*) as n from counters where tenant_id = $1 and value <> 1";
    let changed = async |mut tx: Tx| tx.query(CHANGED).fetch_one(|row| row.int("n")).await;
    assert_eq!(shop.store.read(&shop.ctx, changed).await.map_err(|error: StoreError| error).unwrap(), 0);
}

#[tokio::test]
async fn what_the_members_of_a_group_tell_is_written_together_in_their_order() {
    const TELLERS: u64 = 4;
    let shop = Shop::new().await;
    let heard: Arc<Mutex<Vec<i64>>> = Arc::default();
    let hears = heard.clone();
    shop.store.on_events(move |_, events| hears.lock().unwrap().extend(events.iter().map(|event| event.seq)));
    for round in 0..ROUNDS {
        let before = shop.store.statement_count();
        let (first, gate) = shop.held(&format!("first-{round}")).await;
        let tell = |keeps: bool| {
            let shop = shop.clone();
            tokio::spawn(async move {
                let tell = async |mut tx: Tx| {
                    tx.emit(EventType::CatalogImported.about("same", serde_json::json!({"products": 1, "skus": 2})));
                    if keeps { Ok(()) } else { Err(StoreError::Schema("changed its mind".to_owned())) }
                };
                shop.store.write(&shop.ctx, tell).await
            })
        };
        let failed = tell(false);
        let tellers: Vec<_> = (0..TELLERS).map(|_| tell(true)).collect();
        gate.open();
        first.await.unwrap().unwrap();
        assert!(failed.await.unwrap().is_err());
        for teller in tellers {
            teller.await.unwrap().unwrap();
        }
        let last = TELLERS * u64::from(round + 1);
        assert_eq!(*heard.lock().unwrap(), (1..=last.cast_signed()).collect::<Vec<_>>());
        // One of the first member, and three for all that is told.
        if shop.store.statement_count() - before == 4 {
            return;
        }
    }
    panic!("those who told never shared a group");
}

#[tokio::test]
async fn nothing_of_an_open_group_is_seen_and_nobody_is_answered_before_its_commit() {
    let shop = Shop::new().await;
    for round in 0..ROUNDS {
        let before = shop.names().await;
        let Some((first, second, gate)) = shop.pair(round).await else { continue };
        // Another process would see this, too, and so would the next one after a crash.
        assert_eq!(shop.names().await, before);
        assert!(!first.is_finished() && !second.is_finished());
        gate.open();
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(shop.names().await.len(), before.len() + 2);
        return;
    }
    panic!("no two writers shared a group");
}

#[tokio::test]
async fn a_caller_that_goes_while_it_waits_for_the_commit_has_written() {
    let shop = Shop::new().await;
    for round in 0..ROUNDS {
        let Some((first, second, gate)) = shop.pair(round).await else { continue };
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        gate.open();
        second.await.unwrap().unwrap();
        assert!(shop.names().await.contains(&format!("first-{round}")));
        return;
    }
    panic!("no two writers shared a group");
}

#[tokio::test]
async fn a_caller_that_goes_while_its_closure_runs_is_undone_and_the_others_stay() {
    let shop = Shop::new().await;
    for round in 0..ROUNDS {
        let Some((first, second, _gate)) = shop.pair(round).await else { continue };
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        first.await.unwrap().unwrap();
        shop.write("after").await.unwrap().unwrap();
        let names = shop.names().await;
        assert!(names.contains(&format!("first-{round}")) && !names.contains(&format!("second-{round}")), "{names:?}");
        return;
    }
    panic!("no two writers shared a group");
}

#[tokio::test]
async fn a_caller_that_goes_in_the_queue_or_in_a_statement_holds_nobody_up() {
    let shop = Shop::new().await;
    let (first, gate) = shop.held("first").await;
    gate.entered.notified().await;
    let queued = shop.write("queued");
    yield_now().await;
    queued.abort();
    let busy = shop.clone();
    const LONG: &str = "insert into counters (tenant_id, name, value) with recursive n(i) as \
                        (select 1 union all select i + 1 from n where i < 200000) select $1, 'long-' || i, i from n";
    let started = Arc::new(Notify::new());
    let told = started.clone();
    let long = tokio::spawn(async move {
        let run = async |mut tx: Tx| {
            told.notify_one();
            tx.query(LONG).execute().await.map(drop)
        };
        busy.store.write(&busy.ctx, run).await
    });
    gate.open();
    started.notified().await;
    yield_now().await;
    long.abort();
    assert!(long.await.unwrap_err().is_cancelled());
    first.await.unwrap().unwrap();
    shop.write("after").await.unwrap().unwrap();
    assert_eq!(shop.names().await, ["first", "after"]);
}

#[tokio::test]
async fn a_panic_in_a_closure_is_undone_and_the_others_stay() {
    let shop = Shop::new().await;
    let (first, gate) = shop.held("first").await;
    let panicking = shop.clone();
    let panicking = tokio::spawn(async move {
        let panic = async |mut tx: Tx| {
            put(&mut tx, "undone").await?;
            assert!(tx.ctx().request.to_string().is_empty(), "on purpose");
            Ok::<_, StoreError>(())
        };
        panicking.store.write(&panicking.ctx, panic).await
    });
    let third = shop.write("third");
    gate.open();
    assert!(panicking.await.unwrap_err().is_panic());
    first.await.unwrap().unwrap();
    third.await.unwrap().unwrap();
    assert_eq!(shop.names().await, ["first", "third"]);
}

#[tokio::test]
async fn a_transaction_that_escapes_is_refused_and_others_write_when_it_has_gone() {
    let shop = Shop::new().await;
    let escaped = Arc::new(Mutex::new(None));
    let (first, gate) = shop.held("first").await;
    let (leaking, place) = (shop.clone(), escaped.clone());
    let leaking = tokio::spawn(async move {
        let leak = async |mut tx: Tx| {
            put(&mut tx, "undone").await?;
            *place.lock().unwrap() = Some(tx);
            Ok::<_, StoreError>(())
        };
        leaking.store.write(&leaking.ctx, leak).await
    });
    gate.entered.notified().await;
    // Once for this run, once for the next: what shared its group with the transaction that escaped runs again.
    gate.open();
    gate.open();
    assert!(matches!(leaking.await.unwrap(), Err(StoreError::Leaked)));
    let waiting = shop.write("after");
    yield_now().await;
    drop(escaped.lock().unwrap().take());
    first.await.unwrap().unwrap();
    waiting.await.unwrap().unwrap();
    let mut names = shop.names().await;
    names.sort();
    assert_eq!(names, ["after", "first"]);
}

#[tokio::test]
async fn after_a_failed_commit_each_member_runs_alone_and_only_the_culprit_fails() {
    const ORPHAN: &str = "insert into skus (tenant_id, code, product_id, name, price, price_derived, version, created_at) \
                          values ($1, 'orphan', 'none', 'orphan', 1, 0, 1, 0)";
    let shop = Shop::new().await;
    for round in 0..ROUNDS {
        let (first, gate) = shop.held(&format!("first-{round}")).await;
        gate.entered.notified().await;
        let runs = Arc::new(AtomicU32::new(0));
        let (culprit, counted) = (shop.clone(), runs.clone());
        let culprit = tokio::spawn(async move {
            let orphan = async |mut tx: Tx| {
                counted.fetch_add(1, Ordering::Relaxed);
                tx.platform_query("pragma defer_foreign_keys = on").execute().await?;
                tx.query(ORPHAN).execute().await
            };
            culprit.store.write(&culprit.ctx, orphan).await
        });
        let third = shop.write(&format!("third-{round}"));
        yield_now().await;
        // Once for this run, once for the next.
        gate.open();
        gate.open();
        first.await.unwrap().unwrap();
        let failed = culprit.await.unwrap().unwrap_err();
        assert!(failed.to_string().contains("FOREIGN KEY"), "{failed}");
        third.await.unwrap().unwrap();
        let names = shop.names().await;
        for name in ["first", "third"] {
            assert!(names.contains(&format!("{name}-{round}")), "{name}: {names:?}");
        }
        if runs.load(Ordering::Relaxed) > 1 {
            return;
        }
    }
    panic!("the culprit never shared a group");
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let shop = Shop::new().await;
    shop.write("before").await.unwrap().unwrap();
    shop.store.close().await;
    assert!(matches!(shop.write("after").await.unwrap(), Err(StoreError::Away(sqlx::Error::PoolClosed))));
    assert_eq!(shop.names().await, ["before"]);
}
