//! Breakers as the database knows them: which plugins of a tenant are not asked for a while, and why.
//!
//! The machine that opens and closes them is the runtime's, in each process. It reports here, so that people see it, and
//! reads here that somebody has re-armed them.

use std::str::FromStr;

use heptad_model::id::InstallId;
use heptad_model::{EventType, Millis, Point};
use heptad_store::{Row, StoreError, Tx};
use serde_json::json;

use crate::PlatformError;
use crate::generation::generation_raise;
use crate::install::{Install, install_get};

/// The most characters of what the last failure said; what is longer is cut.
const MAX_MESSAGE: usize = 500;

/// Whether the plugin is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// It is not, until it is tried again.
    Open,
    /// It is, after it was not for a while.
    Closed,
}

impl BreakerState {
    /// The word in the database and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

impl FromStr for BreakerState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Open, Self::Closed]
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| format!("`{text}` is not the state of a breaker"))
    }
}

/// The breaker of an install at a point, once it has opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// The install.
    pub install: InstallId,
    /// The point.
    pub point: Point,
    /// Whether the plugin is asked.
    pub state: BreakerState,
    /// The code of the last failure.
    pub code: String,
    /// What it said.
    pub message: String,
    /// How often it went open. The database counts: what is put here is not read.
    pub openings: i64,
    /// Since when it is in this state.
    pub changed_at: Millis,
    /// When the plugin is tried again, if it is open.
    pub retry_at: Millis,
}

impl Breaker {
    /// Whether the plugin is not asked.
    pub fn is_open(&self) -> bool {
        self.state == BreakerState::Open
    }

    /// How it stands, in a word: `closed`, `open`, or `half-open` once its wait is over, when one call at a time is let
    /// through.
    pub fn standing(&self, now: Millis) -> &'static str {
        match self.state {
            BreakerState::Open if now >= self.retry_at => "half-open",
            state => state.name(),
        }
    }

    fn of(row: &Row) -> Result<Self, StoreError> {
        let point = row.text("point")?;
        let unknown = || StoreError::Column { column: "point", problem: format!("`{point}` is not a point") };
        Ok(Self {
            install: row.parse("install_id")?,
            point: Point::parse(&point).ok_or_else(unknown)?,
            state: row.parse("state")?,
            code: row.text("code")?,
            message: row.text("message")?,
            openings: row.int("openings")?,
            changed_at: row.millis("changed_at")?,
            retry_at: row.millis("retry_at")?,
        })
    }
}

/// Writes down how a breaker stands; `openings` grows when it goes from closed to open. `epoch` is the install's revision
/// and re-armings when it was asked; `not-found` for an install that is gone, changed or re-armed since.
pub async fn breaker_put(tx: &mut Tx, breaker: &Breaker, epoch: i64) -> Result<(), PlatformError> {
    const PUT: &str = "insert into breakers (tenant_id, install_id, point, state, code, message, openings, changed_at, retry_at) \
                       select $1, id, $3, $4, $5, $6, $7, $8, $9 from installs where tenant_id = $1 and id = $2 \
                       and revision + rearmed = $10 on conflict (tenant_id, install_id, point) do update set state = excluded.state, \
                       code = excluded.code, message = excluded.message, openings = breakers.openings + \
                       case when breakers.state = 'open' then 0 else excluded.openings end, \
                       changed_at = excluded.changed_at, retry_at = excluded.retry_at";
    let message: String = breaker.message.chars().take(MAX_MESSAGE).collect();
    let rows = tx
        .query(PUT)
        .text(breaker.install)
        .bind(breaker.point.name())
        .bind(breaker.state.name())
        .bind(&breaker.code)
        .bind(message)
        .bind(i64::from(breaker.state == BreakerState::Open))
        .bind(breaker.changed_at)
        .bind(breaker.retry_at)
        .bind(epoch)
        .execute()
        .await?;
    match rows {
        0 => Err(PlatformError::not_found("install", breaker.install)),
        _ => Ok(()),
    }
}

/// All breakers of the tenant that have ever opened, by install and point.
///
/// Not paged: there is at most one for each point of an install.
pub async fn breaker_list(tx: &mut Tx) -> Result<Vec<Breaker>, PlatformError> {
    const LIST: &str = "select install_id, point, state, code, message, openings, changed_at, retry_at from breakers \
                        where tenant_id = $1 order by install_id, point";
    Ok(tx.query(LIST).fetch_all(Breaker::of).await?)
}

/// Closes the breakers of an install in the transaction that changes it; how many were open.
pub(crate) async fn breakers_close(tx: &mut Tx, install: InstallId) -> Result<u64, StoreError> {
    const CLOSE: &str = "update breakers set state = 'closed', changed_at = $3, retry_at = $3 \
                         where tenant_id = $1 and install_id = $2 and state = 'open'";
    let now = tx.ctx().now();
    tx.query(CLOSE).text(install).bind(now).execute().await
}

/// Closes all breakers of an install: the plugin is asked again at once. Every process learns of it by the generation.
pub async fn breaker_rearm(tx: &mut Tx, install: InstallId) -> Result<(), PlatformError> {
    const COUNT: &str = "update installs set rearmed = rearmed + 1 where tenant_id = $1 and id = $2";
    let Install { plugin, version, .. } = install_get(tx, install).await?;
    let closed = breakers_close(tx, install).await?;
    // Counted even where the database knows of none that is open: a process may know of one that it has not reported yet.
    if tx.query(COUNT).text(install).execute().await? != 1 {
        return Err(PlatformError::not_found("install", install));
    }
    tx.audit("install.rearmed", install, &json!({"plugin": plugin, "closed": closed})).await?;
    let data = json!({"install": install, "plugin": plugin, "version": version, "what": "rearmed"});
    tx.emit(EventType::PluginChanged.about(install, data));
    Ok(generation_raise(tx).await?)
}
