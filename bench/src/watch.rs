//! What became of events, as the database knows it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use heptad_model::{Ctx, Env, Origin};
use heptad_store::{PlatformTx, Store, StoreError, Tx};

/// How long events may be on their way.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often [`settled`] looks. A look takes part of a millisecond of the database, whose time is what is measured.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until all events are dealt with. It leaves the processor to those who do that.
pub(crate) async fn settled(store: &Store) -> Result<()> {
    watch(store, || tokio::time::sleep(LOOK)).await
}

/// The same for one event in an idle host: one look follows the other, so that nothing is added but a look's time.
pub(crate) async fn delivered(store: &Store) -> Result<()> {
    watch(store, tokio::task::yield_now).await
}

async fn watch<F: Future<Output = ()>>(store: &Store, pause: impl Fn() -> F) -> Result<()> {
    const WAIT: &str = "select cast(case when exists (select 1 from outbox) \
                        or exists (select 1 from lanes where due_at is not null) then 1 else 0 end as bigint) as waits";
    let (origin, begun) = (Origin::system("bench", Env::system()), Instant::now());
    let wait = async |mut tx: PlatformTx| tx.query(WAIT).fetch_one(|row| row.flag("waits")).await;
    while store.platform_read::<_, StoreError, _>(&origin, wait).await? {
        ensure!(begun.elapsed() < PATIENCE, "events are not dealt with");
        pause().await;
    }
    Ok(())
}

/// How many events of a shop were handled.
pub(crate) async fn handled(store: &Store, ctx: &Ctx) -> Result<i64> {
    const HANDLED: &str = "select count(*) as n from deliveries where tenant_id = $1 and outcome = 'ok'";
    let count = async |mut tx: Tx| tx.query(HANDLED).fetch_one(|row| row.int("n")).await;
    Ok(store.read::<_, StoreError, _>(ctx, count).await?)
}
