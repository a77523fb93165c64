//! Limits that are sold by the day, leased in lots: a process asks for a lot, uses it from memory, and asks for the next.
//!
//! The database never leases more than the limit. What a process has leased and not used is given back by a clean stop; a
//! kill loses it until the day ends. The merchant is told at 80 %, with the time at which the day's will be used up if it
//! goes on so, and when all of it is; what waits goes on the next day.

use heptad_model::time::span::DAY;
use heptad_model::{Limit, Millis, Zone};
use heptad_store::{StoreError, Tx};
use serde_json::json;

use crate::PlatformError;
use crate::notice::{Audience, NoticeIn, NoticeKind, notice_post};

/// What plugins use by the day in a shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// Calls.
    Calls,
    /// Requests to other servers.
    Outbound,
}

impl Quota {
    /// The name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "plugin-calls",
            Self::Outbound => "plugin-outbound",
        }
    }

    /// The limit that it keeps.
    pub const fn limit(self) -> Limit {
        match self {
            Self::Calls => Limit::CallsPerDay,
            Self::Outbound => Limit::OutboundPerDay,
        }
    }
}

/// What was used of a day's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayUse {
    /// When the day began, UTC.
    pub day: Millis,
    /// How much was taken.
    pub used: i64,
    /// How much there may be.
    pub most: i64,
}

impl DayUse {
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

    /// Whether four fifths are used.
    pub const fn is_near(self) -> bool {
        self.used.saturating_mul(10) >= self.most.saturating_mul(8)
    }

    /// Tells the shop of it: `subject` is what the day's are of, `limit` what keeps them, if a plugin's limit does.
    pub(crate) async fn tell(
        self,
        tx: &mut Tx,
        kind: NoticeKind,
        subject: &str,
        limit: Option<Limit>,
    ) -> Result<(), PlatformError> {
        let zone = Zone::parse(&tx.ctx().tenant().time_zone);
        let local = |at: Millis| zone.as_ref().map(|zone| zone.wall(at));
        let (forecast, resets) = (self.forecast(tx.ctx().now()).and_then(local), local(self.resets_at()));
        let limit = limit.map(Limit::code);
        let detail =
            json!({"limit": limit, "used": self.used, "most": self.most, "forecast": forecast, "resets": resets});
        let dedup = limit.map_or_else(|| kind.to_string(), |limit| format!("{kind}:{limit}"));
        notice_post(tx, Audience::Tenant, &NoticeIn { kind, subject: subject.to_owned(), dedup, detail }).await
    }
}

/// When the day of a moment began, UTC.
pub fn day_of(now: Millis) -> Millis {
    Millis::new(now.as_millis().div_euclid(DAY) * DAY)
}

/// How many days a tenant's old rows stay.
const KEPT_DAYS: i64 = 7;

/// What a process got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lot {
    /// How much it may use; 0 when the day's is spent.
    pub granted: i64,
    /// How much of the day's is leased to all processes now.
    pub leased: i64,
}

/// Leases a lot of the tenant's quota of the day, or what is left of it. `most` is the quota as it is now. The lease that
/// reaches four fifths, and the one that reaches all, tell the shop.
pub async fn quota_lease(tx: &mut Tx, quota: Quota, day: i64, lot: i64, most: i64) -> Result<Lot, PlatformError> {
    const OPEN: &str = "insert into quotas (tenant_id, name, day, leased, lot) values ($1, $2, $3, 0, 0) \
                        on conflict (tenant_id, name, day) do nothing";
    const FORGET: &str = "delete from quotas where tenant_id = $1 and name = $2 and day < $3";
    // On the right stands what the row held before.
    const LEASE: &str = "update quotas set lot = case when leased + $4 > $5 then $5 - leased else $4 end, \
                         leased = case when leased + $4 > $5 then $5 else leased + $4 end \
                         where tenant_id = $1 and name = $2 and day = $3 and leased < $5 returning lot, leased";
    let name = quota.name();
    if tx.query(OPEN).bind(name).bind(day).execute().await? > 0 {
        tx.query(FORGET).bind(name).bind(day - KEPT_DAYS).execute().await?;
    }
    let lease = tx.query(LEASE).bind(name).bind(day).bind(lot).bind(most);
    let leased = lease.fetch_optional(|row| Ok(Lot { granted: row.int("lot")?, leased: row.int("leased")? })).await?;
    let Some(lot) = leased else { return Ok(Lot { granted: 0, leased: most }) };
    let after = DayUse { day: Millis::new(day.saturating_mul(DAY)), used: lot.leased, most };
    let before = DayUse { used: lot.leased - lot.granted, ..after };
    let kind = match (before.is_near(), after.is_near()) {
        _ if after.used == most => Some(NoticeKind::DayLimit),
        (false, true) => Some(NoticeKind::DayLimitNear),
        _ => None,
    };
    if let Some(kind) = kind {
        after.tell(tx, kind, name, Some(quota.limit())).await?;
    }
    Ok(lot)
}

/// Gives back what was leased and not used.
pub async fn quota_give_back(tx: &mut Tx, quota: Quota, day: i64, unused: i64) -> Result<(), StoreError> {
    const GIVE_BACK: &str = "update quotas set leased = leased - $4 \
                             where tenant_id = $1 and name = $2 and day = $3 and leased >= $4";
    tx.query(GIVE_BACK).bind(quota.name()).bind(day).bind(unused).execute().await.map(drop)
}

#[cfg(test)]
mod tests {
    use heptad_model::time::span::HOUR;

    use super::*;

    #[test]
    fn the_forecast_goes_on_as_the_day_began() {
        let of = |used| DayUse { day: Millis::new(DAY), used, most: 1_000 };
        let now = Millis::new(DAY + 6 * HOUR);
        assert_eq!(of(800).forecast(now), Some(Millis::new(DAY + 7 * HOUR + HOUR / 2)));
        assert_eq!((of(200).forecast(now), of(0).forecast(now)), (None, None));
        assert_eq!(of(1_000).forecast(now), Some(now));
        assert!(of(800).is_near() && !of(799).is_near());
    }
}
