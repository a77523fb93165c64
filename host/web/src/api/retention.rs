//! How long things are kept.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use heptad_model::retention;
use heptad_platform::Role;
use heptad_platform::retention::{RetentionRun, retention_runs};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::SignedIn;
use crate::error::ApiResult;
use crate::state::AppState;

/// Something that is kept for a time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetentionOut {
    /// The name.
    #[schema(example = "events")]
    pub name: &'static str,
    /// What it is and from when the time counts, in the reader's language.
    #[schema(example = "Events, from when they happened")]
    pub sentence: &'static str,
    /// For how long, in seconds.
    #[schema(example = 2592000)]
    pub seconds: i64,
    /// What was removed after that; for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<RemovedOut>,
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemovedOut {
    /// When the last run ended, in RFC 3339.
    pub at: String,
    /// How many rows went in it.
    #[schema(example = 120)]
    pub rows: i64,
    /// How many rows went in all runs so far.
    #[schema(example = 480000)]
    pub rows_in_all: i64,
}

impl From<&RetentionRun> for RemovedOut {
    fn from(run: &RetentionRun) -> Self {
        Self { at: run.at.rfc3339(), rows: run.removed, rows_in_all: run.removed_in_all }
    }
}

/// Lists what is kept and for how long; for operators also what was removed after that.
#[utoipa::path(get, path = "/v1/retention", tag = "registry", responses((status = OK, body = Vec<RetentionOut>)))]
pub(super) async fn retention_all(
    State(state): State<AppState>,
    anyone: SignedIn,
) -> ApiResult<Json<Vec<RetentionOut>>> {
    let mut runs: HashMap<String, RetentionRun> = HashMap::new();
    if anyone.principal.role == Role::Operator {
        let found = state.store.platform_read(&anyone.origin, async |mut tx| retention_runs(&mut tx).await);
        let found: Result<_, heptad_store::StoreError> = found.await;
        runs = found?.into_iter().map(|run| (run.name.clone(), run)).collect();
    }
    let show = |kept: &retention::Kept| RetentionOut {
        name: kept.name,
        sentence: kept.sentence.get(anyone.origin.locale),
        seconds: kept.millis / 1_000,
        removed: runs.get(kept.name).map(RemovedOut::from),
    };
    Ok(Json(retention::ALL.iter().map(show).collect()))
}
