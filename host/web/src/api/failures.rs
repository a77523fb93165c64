//! What happens at each point of a plugin when it fails: breakers and re-arming, and the merchant's choice.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use heptad_model::id::InstallId;
use heptad_model::points::{FailurePolicy, Kind};
use heptad_model::{Millis, Point};
use heptad_platform::breaker::{Breaker, breaker_rearm};
use heptad_platform::install::{Install, install_failure_put, install_get};
use heptad_store::Tx;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::installs::{InstallOut, seen};
use crate::auth::{Owner, Staff};
use crate::error::ApiResult;
use crate::extract::{Body, PathOf};
use crate::state::AppState;

/// What a failure does, by point; points that are not named keep what they have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object, example = json!({"cart.validate-complete": "open"}))]
pub(crate) struct FailureIn(BTreeMap<Point, Option<FailurePolicy>>);

/// What happens when a plugin fails at a point.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailureOut {
    /// The point.
    #[schema(example = "cart.validate-complete")]
    pub point: &'static str,
    /// `open`: the shop goes on without the plugin; `closed`: orders are refused with `plugin-unavailable`.
    #[schema(example = "closed")]
    pub policy: &'static str,
    /// Whether the merchant may choose.
    pub may_choose: bool,
    /// Whether the merchant has chosen.
    pub chosen: bool,
}

/// Whether a plugin is asked at a point, after it failed often.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BreakerOut {
    /// The point.
    #[schema(example = "discount.lines")]
    pub point: &'static str,
    /// `open`: the plugin is not asked; `half-open`: one call at a time is let through; `closed`: it is asked again.
    #[schema(example = "open")]
    pub state: &'static str,
    /// The code of the last failure.
    #[schema(example = "fuel")]
    pub code: String,
    /// What the last failure said, in English, for developers.
    pub message: String,
    /// How often it opened.
    #[schema(example = 2)]
    pub openings: i64,
    /// Since when it is in this state, in RFC 3339.
    pub changed_at: String,
    /// When one call is let through again, in RFC 3339; absent when it is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<String>,
}

impl FailureOut {
    pub(super) fn of(install: &Install, point: Point) -> Self {
        Self {
            point: point.name(),
            policy: match install.failure_at(point) {
                FailurePolicy::Open => "open",
                FailurePolicy::Closed => "closed",
            },
            may_choose: point.row().kind == Kind::Veto,
            chosen: install.failure.contains_key(&point),
        }
    }
}

impl BreakerOut {
    pub(super) fn of(breaker: Breaker, now: Millis) -> Self {
        Self {
            point: breaker.point.name(),
            state: breaker.standing(now),
            retry_at: breaker.is_open().then(|| breaker.retry_at.rfc3339()),
            code: breaker.code,
            message: breaker.message,
            openings: breaker.openings,
            changed_at: breaker.changed_at.rfc3339(),
        }
    }
}

/// Closes the breakers of a plugin: it is asked again at once, at all of its points.
#[utoipa::path(post, path = "/v1/installs/{install}/rearm", tag = "installs", responses((status = OK, body = InstallOut)))]
pub(super) async fn install_rearm(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<InstallId>,
) -> ApiResult<Json<InstallOut>> {
    let write = async |mut tx: Tx| {
        breaker_rearm(&mut tx, id).await?;
        let install = install_get(&mut tx, id).await?;
        seen(&mut tx, install).await
    };
    let install = state.store.write(&staff.ctx, write).await?;
    state.runtime.refresh().await;
    Ok(Json(InstallOut::new(install, &staff.ctx)))
}

/// Chooses what happens when a plugin fails at a point where it may object: `open` goes on without it, `closed` refuses
/// orders until it answers, `null` leaves it to the point's own policy.
#[utoipa::path(put, path = "/v1/installs/{install}/failure", tag = "installs", request_body = FailureIn, responses((status = OK, body = InstallOut)))]
pub(super) async fn install_failure(
    State(state): State<AppState>,
    owner: Owner,
    PathOf(id): PathOf<InstallId>,
    Body(FailureIn(choices)): Body<FailureIn>,
) -> ApiResult<Json<InstallOut>> {
    let put = async |mut tx: Tx| {
        let mut install = install_get(&mut tx, id).await?;
        for (point, policy) in &choices {
            install = install_failure_put(&mut tx, id, *point, *policy).await?;
        }
        seen(&mut tx, install).await
    };
    let install = state.store.write(&owner.ctx, put).await?;
    state.runtime.refresh().await;
    Ok(Json(InstallOut::new(install, &owner.ctx)))
}
