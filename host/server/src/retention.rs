//! Removing what has expired, in small batches, so that no transaction holds others up.

use std::time::Duration;

use heptad_capabilities::{CapabilityError, idempotency, mall::quote::quote_purge};
use heptad_model::{Env, Origin, PageRequest, metric};
use heptad_platform::PlatformError;
use heptad_platform::delivery::retention::{dead_letter_purge, delivery_purge, event_purge};
use heptad_platform::metering::usage_purge;
use heptad_platform::notice::{notice_purge, platform_notice_purge};
use heptad_platform::recording::recording_purge;
use heptad_platform::tenant::{TenantRecord, tenant_list};
use heptad_store::{PlatformTx, Store};

use crate::config::Retention;

/// Removes what has expired, again and again; the process runs it as a task. Several processes may do so at once.
pub(crate) async fn run(store: Store, env: Env, retention: Retention) {
    let mut ticks = tokio::time::interval(Duration::from_secs(retention.interval_seconds.into()));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let origin = Origin::system("retention", env.clone());
        if let Err(error) = purge(&store, &origin, retention.batch).await {
            metrics::counter!(metric::RETENTION_FAILURES_TOTAL.name).increment(1);
            tracing::warn!(%error, "what has expired was not removed");
        }
    }
}

/// One round through all tenants and the platform's own tables; how many rows went.
async fn purge(store: &Store, origin: &Origin, batch: u32) -> Result<u64, CapabilityError> {
    let mut removed = purge_platform(store, origin, batch).await?;
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest::new(cursor.as_deref(), None)?;
        let list = async |mut tx: PlatformTx| tenant_list(&mut tx, &page).await;
        let tenants = match store.platform_read(origin, list).await {
            Ok(tenants) => tenants,
            Err(PlatformError::Store(error)) => return Err(error.into()),
            // A page of tenants has no other reason to fail.
            Err(_) => return Ok(removed),
        };
        for tenant in &tenants.items {
            removed += purge_tenant(store, origin, tenant, batch).await?;
        }
        match tenants.next {
            Some(next) => cursor = Some(next),
            None => return Ok(removed),
        }
    }
}

async fn purge_platform(store: &Store, origin: &Origin, batch: u32) -> Result<u64, CapabilityError> {
    let mut removed = 0;
    loop {
        let purge = async |mut tx: PlatformTx| platform_notice_purge(&mut tx, batch).await;
        let rows = store.platform_write(origin, purge).await?;
        metrics::counter!(metric::RETENTION_PURGED_TOTAL.name, "table" => "platform_notices").increment(rows);
        removed += rows;
        if rows < u64::from(batch) {
            return Ok(removed);
        }
    }
}

async fn purge_tenant(
    store: &Store,
    origin: &Origin,
    tenant: &TenantRecord,
    batch: u32,
) -> Result<u64, CapabilityError> {
    let ctx = origin.clone().for_tenant(tenant.tenant.clone());
    let mut removed = 0;
    loop {
        let purged = store
            .write(&ctx, async |mut tx| {
                let quotes = quote_purge(&mut tx, batch).await?;
                let recordings = recording_purge(&mut tx, batch).await?;
                let usage = usage_purge(&mut tx, batch).await?;
                let keys = idempotency::purge(&mut tx, batch).await?;
                let notices = notice_purge(&mut tx, batch).await?;
                let events = event_purge(&mut tx, batch).await?;
                let deliveries = delivery_purge(&mut tx, batch).await?;
                let dead_letters = dead_letter_purge(&mut tx, batch).await?;
                Ok::<_, CapabilityError>([
                    ("quotes", quotes),
                    ("recordings", recordings),
                    ("metering", usage),
                    ("idempotency_keys", keys),
                    ("notices", notices),
                    ("events", events),
                    ("deliveries", deliveries),
                    ("dead_letters", dead_letters),
                ])
            })
            .await?;
        for (table, rows) in purged {
            metrics::counter!(metric::RETENTION_PURGED_TOTAL.name, "table" => table).increment(rows);
        }
        let round: u64 = purged.iter().map(|(_, rows)| rows).sum();
        removed += round;
        if round < u64::from(batch) {
            return Ok(removed);
        }
    }
}

#[cfg(test)]
mod tests {
    use heptad_model::time::span::DAY;
    use heptad_model::{Currency, EventType, Locale};
    use heptad_platform::tenant::{TenantIn, tenant_create};
    use heptad_store::{Tx, both_databases};

    use super::*;

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
    }
}
