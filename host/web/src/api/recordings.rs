//! The recorded calls of an install: which there are. What they hold is sealed; `heptad plugin replay` runs them again.

use axum::Json;
use axum::extract::State;
use heptad_model::id::InstallId;
use heptad_platform::PlatformError;
use heptad_platform::install::install_get;
use heptad_platform::recording::{RecordingHead, recording_list};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Staff;
use crate::error::ApiResult;
use crate::extract::PathOf;
use crate::state::AppState;

/// A recorded call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordingOut {
    /// The call's id, which `heptad plugin replay` takes.
    #[schema(example = "cal_01a216219c6f7211a57c10644d9c3041")]
    pub call: String,
    /// The plugin's version that answered.
    #[schema(example = "1.2.0")]
    pub version: String,
    /// The SHA-256 of that version's bytes.
    pub digest: String,
    /// The point.
    #[schema(example = "discount.lines")]
    pub point: &'static str,
    /// `answered`, or the code of the failure.
    #[schema(example = "fuel")]
    pub outcome: String,
    /// When it was made, in RFC 3339.
    pub recorded_at: String,
    /// From when on it is gone, in RFC 3339.
    pub expires_at: String,
}

impl From<RecordingHead> for RecordingOut {
    fn from(head: RecordingHead) -> Self {
        Self {
            call: head.call.to_string(),
            version: head.version,
            digest: head.digest,
            point: head.point.name(),
            outcome: head.outcome,
            recorded_at: head.recorded_at.rfc3339(),
            expires_at: head.expires_at.rfc3339(),
        }
    }
}

/// Lists the latest recorded calls of an install, the newest first, at most a hundred: every call that failed, and of
/// the others a sample. They are kept for seven days.
#[utoipa::path(get, path = "/v1/installs/{install}/recordings", tag = "installs", responses((status = OK, body = Vec<RecordingOut>)))]
pub(super) async fn recording_all(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<InstallId>,
) -> ApiResult<Json<Vec<RecordingOut>>> {
    let list = async |mut tx| {
        install_get(&mut tx, id).await?;
        Ok::<_, PlatformError>(recording_list(&mut tx, id).await?)
    };
    let found = state.store.read(&staff.ctx, list).await?;
    Ok(Json(found.into_iter().map(RecordingOut::from).collect()))
}
