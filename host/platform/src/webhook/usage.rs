//! How many messages a day a tenant's endpoints may have. Processes take them in lots, so the day ends at most one lot of
//! each process early. What is beyond waits in order for the next day, or for a higher limit: nothing is lost or switched
//! off. The merchant is told at 80 %, with the time at which the day's messages will be used up if it goes on so.

use heptad_model::time::span::DAY;
use heptad_model::{Millis, retention};
use heptad_store::{Row, StoreError, Tx};

use crate::PlatformError;
use crate::notice::NoticeKind;
use crate::quota::{DayUse, day_of};

/// What was used today.
pub async fn usage_get(tx: &mut Tx, most: i64) -> Result<DayUse, StoreError> {
    const GET: &str = "select used from webhook_usage where tenant_id = $1 and day = $2";
    let day = day_of(tx.ctx().now());
    let used = tx.query(GET).bind(day).fetch_optional(|row: &Row| row.int("used")).await?;
    Ok(DayUse { day, used: used.unwrap_or_default(), most })
}

/// Takes a lot of today's messages; how many it got, 0 where all are used.
pub async fn usage_take(tx: &mut Tx, most: i64) -> Result<i64, PlatformError> {
    const TAKE: &str = "insert into webhook_usage (tenant_id, day, used, told) values ($1, $2, $3, 0) \
                        on conflict (tenant_id, day) do update set used = webhook_usage.used + excluded.used \
                        where webhook_usage.used + excluded.used <= $4 returning used";
    const TOLD: &str = "update webhook_usage set told = $3 where tenant_id = $1 and day = $2 and told < $3";
    let lot = (most / 100).clamp(1, 100).min(most);
    let day = day_of(tx.ctx().now());
    let used = match lot {
        // Of none nothing can be taken.
        ..1 => None,
        lot => tx.query(TAKE).bind(day).bind(lot).bind(most).fetch_optional(|row| row.int("used")).await?,
    };
    let usage = DayUse { day, used: used.unwrap_or(most), most };
    let kind = match used {
        None => Some((2_i64, NoticeKind::WebhookLimit)),
        Some(_) if usage.is_near() => Some((1, NoticeKind::WebhookLimitNear)),
        Some(_) => None,
    };
    if let Some((told, kind)) = kind
        && tx.query(TOLD).bind(day).bind(told).execute().await? == 1
    {
        usage.tell(tx, kind, "webhooks", None).await?;
    }
    Ok(used.map_or(0, |_| lot))
}

/// Gives messages of a day back that were taken and not sent.
pub async fn usage_give_back(tx: &mut Tx, day: Millis, messages: i64) -> Result<(), StoreError> {
    const GIVE: &str = "update webhook_usage set used = used - $3 where tenant_id = $1 and day = $2 and used >= $3";
    tx.query(GIVE).bind(day).bind(messages).execute().await.map(drop)
}

/// Removes up to `most` counts of days that ended a day ago; how many there were.
pub async fn webhook_usage_purge(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from webhook_usage where tenant_id = $1 and day in (select day from webhook_usage \
                         where tenant_id = $1 and day <= $2 order by day limit $3)";
    let before = tx.ctx().now().plus(-DAY - retention::WEBHOOK_USAGE.millis);
    tx.query(PURGE).bind(before).bind(most).execute().await
}
