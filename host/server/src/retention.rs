//! Removing what has expired, in small batches, so that no transaction holds others up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use heptad_capabilities::{CapabilityError, idempotency, mall::quote::quote_purge};
use heptad_model::{Env, Origin, PageRequest, metric, retention};
use heptad_platform::PlatformError;
use heptad_platform::delivery::retention::{
    dead_letter_purge, delivery_purge, event_purge, key_purge, position_purge, replay_purge,
};
use heptad_platform::enqueued::enqueued_purge;
use heptad_platform::install::{uninstalled_data_purge, upgrade_snapshot_purge};
use heptad_platform::metering::usage_purge;
use heptad_platform::notice::{notice_purge, platform_notice_purge};
use heptad_platform::plugin_log::plugin_log_purge;
use heptad_platform::recording::recording_purge;
use heptad_platform::retention::{
    app_visit_purge, audit_purge, platform_audit_purge, retention_runs_put, session_purge, sign_in_link_purge,
    token_purge,
};
use heptad_platform::tenant::{TenantRecord, tenant_any_list};
use heptad_platform::webhook::usage::webhook_usage_purge;
use heptad_store::{PlatformTx, Store, Tx};

use crate::config::Retention;

/// How long the round rests after a full batch at least.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a batch may take; then the next one has fewer rows. Those who sell wait for it on SQLite.
const MOMENT: Duration = Duration::from_millis(6);
/// The rows of the first batch of a round, and the fewest of any.
const FIRST: u32 = 50;

/// How many rows go at a time.
struct Pace {
    rows: u32,
    most: u32,
}

impl Pace {
    fn new(most: u32) -> Self {
        Self { rows: FIRST.min(most), most }
    }

    /// After a full batch that took so long: how long to rest. Others have four times as long as it.
    fn rest(&mut self, took: Duration) -> Duration {
        if took > MOMENT {
            self.rows = (self.rows / 2).max(FIRST).min(self.most);
        } else if took < MOMENT / 3 {
            self.rows = self.rows.saturating_mul(2).min(self.most);
        }
        PAUSE.max(took * 4)
    }
}

/// Removes what has expired, again and again; the process runs it as a task. Several processes may do so at once.
pub(crate) async fn run(store: Store, env: Env, config: Retention) {
    let mut ticks = tokio::time::interval(Duration::from_secs(config.interval_seconds.into()));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let origin = Origin::system("retention", env.clone());
        if let Err(error) = purge(&store, &origin, config.batch).await {
            metrics::counter!(metric::RETENTION_FAILURES_TOTAL.name).increment(1);
            tracing::warn!(%error, "what has expired was not removed");
        }
    }
}

/// What was removed, by the names of the registry.
type Removed = BTreeMap<&'static str, u64>;

/// Runs these operations one after the other, for as long as together they removed less than a batch: what each removed, and
/// how long a full batch took.
macro_rules! purge {
    ($tx:ident, $batch:expr, $($kept:ident => $purge:path),+ $(,)?) => {{
        let (mut left, begun) = ($batch, Instant::now());
        let mut removed: Vec<(&'static str, u64)> = Vec::new();
        $(
            if left > 0 {
                let rows = $purge(&mut $tx, left).await?;
                left = left.saturating_sub(u32::try_from(rows).unwrap_or(u32::MAX));
                removed.push((retention::$kept.name, rows));
            }
        )+
        Ok::<_, CapabilityError>((removed, (left == 0).then(|| begun.elapsed())))
    }};
}

/// One round through all tenants and the platform's own tables; how many rows went.
async fn purge(store: &Store, origin: &Origin, batch: u32) -> Result<u64, CapabilityError> {
    let mut removed = retention::ALL.iter().map(|kept| (kept.name, 0)).collect();
    let purged = purge_all(store, origin, batch, &mut removed).await;
    // What went before a failure went.
    for (name, rows) in &removed {
        metrics::counter!(metric::RETENTION_PURGED_TOTAL.name, "table" => *name).increment(*rows);
    }
    let rows: Vec<(&'static str, u64)> = removed.into_iter().collect();
    store.platform_write(origin, async |mut tx| retention_runs_put(&mut tx, &rows).await).await?;
    purged.map(|()| rows.iter().map(|(_, rows)| rows).sum())
}

async fn purge_all(store: &Store, origin: &Origin, batch: u32, removed: &mut Removed) -> Result<(), CapabilityError> {
    let mut pace = Pace::new(batch);
    purge_platform(store, origin, &mut pace, removed).await?;
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest::new(cursor.as_deref(), None)?;
        let list = async |mut tx: PlatformTx| tenant_any_list(&mut tx, &page).await;
        let tenants = match store.platform_read(origin, list).await {
            Ok(tenants) => tenants,
            Err(PlatformError::Store(error)) => return Err(error.into()),
            // A page of tenants has no other reason to fail.
            Err(_) => return Ok(()),
        };
        for tenant in &tenants.items {
            purge_tenant(store, origin, tenant, &mut pace, removed).await?;
        }
        match tenants.next {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}

fn add(removed: &mut Removed, purged: Vec<(&'static str, u64)>) {
    for (name, rows) in purged {
        *removed.entry(name).or_default() += rows;
    }
}

async fn purge_platform(
    store: &Store,
    origin: &Origin,
    pace: &mut Pace,
    removed: &mut Removed,
) -> Result<(), CapabilityError> {
    loop {
        let rows = pace.rows;
        let write = async |mut tx: PlatformTx| {
            purge!(tx, rows,
                NOTICES => platform_notice_purge,
                SESSIONS => session_purge,
                APP_VISITS => app_visit_purge,
                SIGN_IN_LINKS => sign_in_link_purge,
                TOKENS => token_purge,
                AUDIT => platform_audit_purge,
            )
        };
        let (purged, full) = store.platform_write(origin, write).await?;
        add(removed, purged);
        let Some(took) = full else { return Ok(()) };
        tokio::time::sleep(pace.rest(took)).await;
    }
}

async fn purge_tenant(
    store: &Store,
    origin: &Origin,
    tenant: &TenantRecord,
    pace: &mut Pace,
    removed: &mut Removed,
) -> Result<(), CapabilityError> {
    let ctx = origin.clone().for_tenant(tenant.tenant.clone());
    loop {
        let rows = pace.rows;
        let write = async |mut tx: Tx| {
            purge!(tx, rows,
                QUOTES => quote_purge,
                RECORDINGS => recording_purge,
                METERING => usage_purge,
                UPGRADE_SNAPSHOTS => upgrade_snapshot_purge,
                UNINSTALLED_DATA => uninstalled_data_purge,
                IDEMPOTENCY_KEYS => idempotency::purge,
                NOTICES => notice_purge,
                EVENT_POSITIONS => position_purge,
                EVENTS => event_purge,
                EVENT_KEYS => key_purge,
                DELIVERIES => delivery_purge,
                DEAD_LETTERS => dead_letter_purge,
                OUTBOUND_REQUESTS => enqueued_purge,
                PLUGIN_LOGS => plugin_log_purge,
                REPLAYS => replay_purge,
                AUDIT => audit_purge,
                WEBHOOK_USAGE => webhook_usage_purge,
            )
        };
        let (purged, full) = store.write(&ctx, write).await?;
        add(removed, purged);
        let Some(took) = full else { return Ok(()) };
        tokio::time::sleep(pace.rest(took)).await;
    }
}

#[cfg(test)]
mod tests {
    use heptad_model::id::SubscriptionId;
    use heptad_model::time::span::{DAY, HOUR};
    use heptad_model::{Ctx, Currency, EventType, Locale};
    use heptad_platform::delivery::dead_letter::dead_letter_list;
    use heptad_platform::delivery::lane::{LaneKey, Wanted, lane_get, outbox_read, outbox_settle};
    use heptad_platform::retention::retention_runs;
    use heptad_platform::sign_in_link::sign_in_link_create;
    use heptad_platform::tenant::{TenantIn, tenant_create};
    use heptad_store::{StoreError, both_databases};

    use super::*;

    #[test]
    fn a_batch_that_takes_long_is_followed_by_a_smaller_one_and_a_longer_rest() {
        let ms = Duration::from_millis;
        let mut pace = Pace::new(500);
        let mut rows = Vec::new();
        for took in [1, 1, 1, 1, 5, 7, 40, 40, 40] {
            rows.push(pace.rows);
            assert_eq!(pace.rest(ms(took)), PAUSE.max(ms(4 * took)));
        }
        assert_eq!(rows, [50, 100, 200, 400, 500, 500, 250, 125, 62]);
        assert_eq!(pace.rows, FIRST);
        // Operators may want fewer.
        let mut pace = Pace::new(2);
        assert_eq!((pace.rows, pace.rest(ms(40)), pace.rows), (2, ms(160), 2));
    }

    async fn keys(tx: &mut Tx, expires_at: &[i64]) -> Result<(), CapabilityError> {
        const INSERT: &str = "insert into idempotency_keys values ($1, 'a', 'r', $2, 'd', '1', 0, $3)";
        for (number, expires_at) in expires_at.iter().enumerate() {
            tx.query(INSERT).text(number).bind(*expires_at).execute().await?;
        }
        Ok(())
    }

    both_databases! {
        async fn what_has_expired_goes_batch_by_batch_for_every_tenant(database: TestDatabase) {
            let (store, env) = (database.open().await, Env::fixed(1_000));
            let origin = Origin::system("test", env);
            for slug in ["first", "second"] {
                let input = TenantIn {
                    slug: slug.to_owned(),
                    name: slug.to_owned(),
                    currency: Currency::parse("CNY").unwrap(),
                    time_zone: "Asia/Shanghai".to_owned(),
                    locale: Locale::ZhCn,
                };
                let create = async |mut tx: PlatformTx| tenant_create(&mut tx, &input).await;
                let record = store.platform_write(&origin, create).await.unwrap();
                let ctx = origin.clone().for_tenant(record.tenant);
                store.write(&ctx, async |mut tx| keys(&mut tx, &[1, 2, 999, 2_000, 3_000]).await).await.unwrap();
            }
            assert_eq!(purge(&store, &origin, 2).await.unwrap(), 6);
            assert_eq!(purge(&store, &origin, 2).await.unwrap(), 0);
        }

        async fn events_go_after_thirty_days_but_for_those_that_nobody_was_told_of(database: TestDatabase) {
            const RELAYED: &str = "delete from outbox where tenant = $1 and key = 'told'";
            let (store, env) = (database.open().await, Env::fixed(DAY));
            let (origin, ctx) = shop(&store, &env).await;
            let tell = async |mut tx: Tx| {
                for key in ["told", "told", "told", "untold"] {
                    tx.emit(EventType::CatalogImported.about(key, serde_json::json!({"products": 1, "skus": 1})));
                }
                Ok::<_, CapabilityError>(())
            };
            store.write(&ctx, tell).await.unwrap();
            let relayed = async |mut tx: Tx| {
                let tenant = tx.ctx().tenant().id;
                Ok::<_, CapabilityError>(tx.platform_query(RELAYED).text(tenant).execute().await?)
            };
            assert_eq!(store.write(&ctx, relayed).await.unwrap(), 3);
            env.advance(30 * DAY);
            assert_eq!(purge(&store, &origin, 2).await.unwrap(), 0);
            env.advance(1);
            assert_eq!(purge(&store, &origin, 2).await.unwrap(), 3);
        }

        async fn an_event_that_somebody_still_waits_for_becomes_a_dead_letter_and_a_gap(database: TestDatabase) {
            let (store, env) = (database.open().await, Env::fixed(DAY));
            let (origin, ctx) = shop(&store, &env).await;
            let tell = async |mut tx: Tx| {
                for products in 1..=3 {
                    tx.emit(EventType::CatalogImported.about("k", serde_json::json!({"products": products, "skus": 1})));
                }
                Ok::<_, CapabilityError>(())
            };
            store.write(&ctx, tell).await.unwrap();
            let wait = async |mut tx: Tx| {
                let id = SubscriptionId::generate(&tx.ctx().env);
                const SUBSCRIBE: &str = "insert into subscriptions (tenant_id, id, kind, owner, name, types, filter, state, \
                                         created_at, updated_at) values ($1, $2, 'plugin', 'ins_x', 'imports', \
                                         '[\"catalog.imported\"]', 'data.products > 1', 'paused', 0, 0)";
                tx.query(SUBSCRIBE).text(id).execute().await?;
                let partitions: Vec<u32> = (0..64).collect();
                let read = outbox_read(&mut tx, &partitions, 10).await?;
                let lane = LaneKey { subscription: id, key: "k".to_owned() };
                let wanted = Wanted { lane, partition: read[0].partition, first: 1, last: 3 };
                outbox_settle(&mut tx, &read, &[wanted]).await?;
                Ok::<_, CapabilityError>(id)
            };
            let subscription = store.write(&ctx, wait).await.unwrap();
            env.advance(30 * DAY + 1);
            purge(&store, &origin, 2).await.unwrap();
            let look = async |mut tx: Tx| {
                let letters = dead_letter_list(&mut tx, subscription, None, &PageRequest::first()).await;
                let lane = LaneKey { subscription, key: "k".to_owned() };
                Ok::<_, PlatformError>((letters?.items, lane_get(&mut tx, &lane).await?.unwrap()))
            };
            let (mut letters, lane) = store.read(&ctx, look).await.unwrap();
            letters.sort_by_key(|letter| letter.seq);
            // The first one was not asked for.
            assert_eq!(letters.iter().map(|letter| (letter.seq, letter.code.as_str())).collect::<Vec<_>>(), [(2, "expired"), (3, "expired")]);
            assert!(lane.gap);
        }

        async fn the_numbers_of_a_key_never_come_again(database: TestDatabase) {
            let (store, env) = (database.open().await, Env::fixed(DAY));
            let (origin, ctx) = shop(&store, &env).await;
            let tell = async |key: &'static str, times: usize| {
                let tell = async |mut tx: Tx| {
                    for _ in 0..times {
                        tx.emit(EventType::CatalogImported.about(key, serde_json::json!({"products": 1, "skus": 1})));
                    }
                    Ok::<_, CapabilityError>(())
                };
                store.write(&ctx, tell).await.unwrap();
                let relay = async |mut tx: Tx| {
                    let read = outbox_read(&mut tx, &(0..64).collect::<Vec<u32>>(), 10).await?;
                    outbox_settle(&mut tx, &read, &[]).await?;
                    Ok::<_, CapabilityError>(read.iter().map(|one| one.event.seq).collect::<Vec<_>>())
                };
                store.write(&ctx, relay).await.unwrap()
            };
            assert_eq!(tell("much", 5).await, [1, 2, 3, 4, 5]);
            assert_eq!(tell("little", 2).await, [1, 2]);
            env.advance(30 * DAY + 1);
            purge(&store, &origin, 100).await.unwrap();
            // Nothing of it is kept, and its numbers go on; so do those of a key that is heard of again in that while.
            assert_eq!(tell("little", 1).await, [3]);
            env.advance(HOUR + 1);
            purge(&store, &origin, 100).await.unwrap();
            const KEYS: &str = "select key from event_keys where tenant_id = $1 and key <> '' order by key";
            let keys = async |mut tx: Tx| tx.query(KEYS).fetch_all(|row| row.text("key")).await;
            let left: Vec<String> = store.read(&ctx, keys).await.map_err(|error: StoreError| error).unwrap();
            assert_eq!(left, ["little"]);
            // A key that was removed, and one that nobody ever heard of, begin above every number that was removed.
            assert_eq!(tell("much", 2).await, [6, 7]);
            assert_eq!(tell("new", 1).await, [6]);
            assert_eq!(tell("little", 1).await, [4]);
        }

        async fn what_has_expired_on_the_platform_goes_too_and_every_run_is_written_down(database: TestDatabase) {
            let (store, env) = (database.open().await, Env::fixed(DAY));
            let (origin, _) = shop(&store, &env).await;
            let link = async |mut tx: PlatformTx| sign_in_link_create(&mut tx).await.map(drop);
            store.platform_write(&origin, link).await.unwrap();
            purge(&store, &origin, 10).await.unwrap();
            env.advance(25 * HOUR);
            assert_eq!(purge(&store, &origin, 10).await.unwrap(), 1);
            let runs = async |mut tx: PlatformTx| retention_runs(&mut tx).await;
            let runs = store.platform_read(&origin, runs).await.map_err(|error: StoreError| error).unwrap();
            assert_eq!(runs.len(), retention::ALL.len());
            let links = runs.iter().find(|run| run.name == "sign_in_links").unwrap();
            assert_eq!((links.removed, links.removed_in_all, links.at), (1, 1, env.now()));
        }
    }

    /// A shop.
    async fn shop(store: &Store, env: &Env) -> (Origin, Ctx) {
        let origin = Origin::system("test", env.clone());
        let input = TenantIn {
            slug: "shop".to_owned(),
            name: "Shop".to_owned(),
            currency: Currency::parse("CNY").unwrap(),
            time_zone: "Asia/Shanghai".to_owned(),
            locale: Locale::ZhCn,
        };
        let create = async |mut tx: PlatformTx| tenant_create(&mut tx, &input).await;
        let ctx = origin.clone().for_tenant(store.platform_write(&origin, create).await.unwrap().tenant);
        (origin, ctx)
    }
}
