//! How many messages a day a tenant's endpoints may have. Processes take them in lots, so the day ends at most one lot of
//! each process early. What is beyond waits in order for the next day, or for a higher limit: nothing is lost or switched
//! off. The merchant is told at 80 %, with the time at which the day's messages will be used up if it goes on so.

use heptad_model::time::span::DAY;
use heptad_model::{Millis, Zone, retention};
use heptad_store::{Row, StoreError, Tx};
use serde_json::json;

use crate::PlatformError;
use crate::notice::{Audience, NoticeIn, NoticeKind, notice_post};

/// Messages of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// When the day began, UTC.
    pub day: Millis,
    /// How many were taken.
    pub used: i64,
    /// How many there may be.
    pub most: i64,
}

impl Usage {
    /// When the next day begins.
    pub const fn resets_at(self) -> Millis {
        self.day.plus(DAY)
    }

    /// When all will be used up if it goes on as it did today; `None` where that is not today.
    pub fn forecast(self, now: Millis) -> Option<Millis> {
        let elapsed = now.as_millis() - self.day.as_millis();
        let lasts = i128::from(elapsed) * i128::from(self.most) / i128::from(self.used.max(1));
        (self.used > 0 && lasts < i128::from(DAY)).then(|| self.day.plus(i64::try_from(lasts).unwrap_or(DAY)).max(now))
    }

    const fn is_near(self) -> bool {
        self.used * 10 >= self.most * 8
    }
}

/// When the day of a moment began, UTC.
fn day_of(now: Millis) -> Millis {
    Millis::new(now.as_millis().div_euclid(DAY) * DAY)
}

/// What was used today.
pub async fn usage_get(tx: &mut Tx, most: i64) -> Result<Usage, StoreError> {
    const GET: &str = "select used from webhook_usage where tenant_id = $1 and day = $2";
    let day = day_of(tx.ctx().now());
    let used = tx.query(GET).bind(day).fetch_optional(|row: &Row| row.int("used")).await?;
    Ok(Usage { day, used: used.unwrap_or_default(), most })
}

/// Takes a lot of today's messages; how many it got, 0 where all are used.
pub async fn usage_take(tx: &mut Tx, most: i64) -> Result<i64, PlatformError> {
    const TAKE: &str = "insert into webhook_usage (tenant_id, day, used, told) values ($1, $2, $3, 0) \
                        on conflict (tenant_id, day) do update set used = webhook_usage.used + excluded.used \
                        where webhook_usage.used + excluded.used <= $4 returning used";
    const TOLD: &str = "update webhook_usage set told = $3 where tenant_id = $1 and day = $2 and told < $3";
    let lot = (most / 100).clamp(1, 100).min(most);
    let now = tx.ctx().now();
    let day = day_of(now);
    let used = match lot {
        // Of none nothing can be taken.
        ..1 => None,
        lot => tx.query(TAKE).bind(day).bind(lot).bind(most).fetch_optional(|row| row.int("used")).await?,
    };
    let usage = Usage { day, used: used.unwrap_or(most), most };
    let kind = match used {
        None => Some((2_i64, NoticeKind::WebhookLimit)),
        Some(_) if usage.is_near() => Some((1, NoticeKind::WebhookLimitNear)),
        Some(_) => None,
    };
    if let Some((told, kind)) = kind
        && tx.query(TOLD).bind(day).bind(told).execute().await? == 1
    {
        let zone = Zone::parse(&tx.ctx().tenant().time_zone);
        let local = |at: Millis| zone.as_ref().map(|zone| zone.wall(at));
        let (forecast, resets) = (usage.forecast(now).and_then(local), local(usage.resets_at()));
        let detail = json!({"used": usage.used, "most": most, "forecast": forecast, "resets": resets});
        let notice = NoticeIn { kind, subject: "webhooks".to_owned(), dedup: kind.to_string(), detail };
        notice_post(tx, Audience::Tenant, &notice).await?;
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

#[cfg(test)]
mod tests {
    use heptad_model::time::span::HOUR;

    use super::*;

    #[test]
    fn the_forecast_goes_on_as_the_day_began() {
        let usage = |used| Usage { day: Millis::new(DAY), used, most: 1_000 };
        let now = Millis::new(DAY + 6 * HOUR);
        assert_eq!(usage(800).forecast(now), Some(Millis::new(DAY + 7 * HOUR + HOUR / 2)));
        assert_eq!((usage(200).forecast(now), usage(0).forecast(now)), (None, None));
        assert_eq!(usage(1_000).forecast(now), Some(now));
        assert!(usage(800).is_near() && !usage(799).is_near());
    }
}
