//! What a shop's plugins used: calls, failures, fuel, time, memory and bytes, by hour or by day.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use heptad_model::time::span::{DAY, HOUR};
use heptad_model::{Millis, Point};
use heptad_platform::metering::{By, UsageAsk, UsageRow, usage_read};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Staff;
use crate::error::{ApiError, ApiResult};
use crate::extract::Params;
use crate::state::AppState;

/// How finely the usage is told.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ByIn {
    /// Hours, at most 744.
    #[default]
    Hour,
    /// Days of the shop's time zone, at most 92.
    Day,
}

/// Which usage.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// From the hour or day of this moment, in RFC 3339; a day before `to`, or 30 days by day, when absent.
    pub from: Option<String>,
    /// Up to this moment, in RFC 3339; now when absent. What it has begun is told as a whole.
    pub to: Option<String>,
    /// `hour` or `day`; `hour` when absent.
    #[serde(default)]
    #[param(inline, value_type = Option<ByIn>)]
    pub by: ByIn,
    /// Only this plugin's, by its name.
    pub plugin: Option<String>,
    /// Only this version's.
    pub version: Option<String>,
    /// Only at this point.
    pub point: Option<String>,
}

impl UsageQuery {
    fn ask(self, now: Millis) -> ApiResult<UsageAsk> {
        let (by, before) = match self.by {
            ByIn::Hour => (By::Hour, DAY),
            ByIn::Day => (By::Day, 30 * DAY),
        };
        let to = self.to.map_or(Ok(now), |text| moment("to", &text))?;
        let from = self.from.map_or(Ok(to.plus(HOUR - before)), |text| moment("from", &text))?;
        let unknown = || ApiError::invalid("point", "there is no such point");
        let point = self.point.map(|name| Point::parse(&name).ok_or_else(unknown)).transpose()?;
        Ok(UsageAsk { from, to, by, plugin: self.plugin, version: self.version, point })
    }
}

fn moment(field: &'static str, text: &str) -> ApiResult<Millis> {
    let read = text.parse::<jiff::Timestamp>();
    let read = read.map_err(|_| ApiError::invalid(field, "a moment in RFC 3339, such as 2026-01-02T03:04:05Z"))?;
    Ok(Millis::new(read.as_millisecond()))
}

/// What a version of a plugin used at a point in an hour or on a day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageOut {
    /// When the hour or the day begins, in RFC 3339.
    pub at: String,
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The point.
    #[schema(example = "discount.lines")]
    pub point: String,
    /// How many calls.
    pub calls: u64,
    /// How many of them failed, by the outcome's code.
    #[schema(example = json!({"fuel": 2}))]
    pub failures: BTreeMap<String, u64>,
    /// Units of fuel.
    pub fuel: u64,
    /// Wall clock in microseconds.
    pub micros: u64,
    /// The most memory of any one call, in bytes.
    pub peak_memory: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Bytes from the host to the plugin.
    pub bytes_in: u64,
    /// Bytes from the plugin to the host.
    pub bytes_out: u64,
    /// How long it held transactions open, in microseconds: others wait to write meanwhile.
    pub write_micros: u64,
}

impl From<UsageRow> for UsageOut {
    fn from(row: UsageRow) -> Self {
        let usage = row.usage;
        Self {
            at: row.at.rfc3339(),
            plugin: row.plugin,
            version: row.version,
            point: row.point,
            calls: usage.calls,
            failures: usage.failures,
            fuel: usage.fuel,
            micros: usage.micros,
            peak_memory: usage.peak_memory,
            host_calls: usage.host_calls,
            bytes_in: usage.bytes_in,
            bytes_out: usage.bytes_out,
            write_micros: usage.write_micros,
        }
    }
}

/// Lists what the shop's plugins used, the oldest first. Hours and days without a call have no row; usage is kept for
/// 90 days.
#[utoipa::path(get, path = "/v1/usage", tag = "usage", params(UsageQuery), responses((status = OK, body = Vec<UsageOut>)))]
pub(super) async fn usage_all(
    State(state): State<AppState>,
    staff: Staff,
    Params(query): Params<UsageQuery>,
) -> ApiResult<Json<Vec<UsageOut>>> {
    let ask = query.ask(staff.ctx.now())?;
    let rows = state.store.read(&staff.ctx, async |mut tx| usage_read(&mut tx, &ask).await).await?;
    Ok(Json(rows.into_iter().map(UsageOut::from).collect()))
}
