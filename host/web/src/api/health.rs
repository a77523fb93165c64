//! Whether this process lives, and whether it may be given work.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use heptad_store::{MigrationState, migration_state};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::state::AppState;

/// How this process stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthOut {
    /// `ok`.
    #[schema(example = "ok")]
    pub status: &'static str,
    /// The server's version.
    #[schema(example = "0.1.0")]
    pub version: &'static str,
    /// How what the process depends on is, by name, such as `nats` and `data-folder`; only where readiness was asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = HashMap<String, String>)]
    pub parts: BTreeMap<&'static str, String>,
}

impl HealthOut {
    const fn ok(parts: BTreeMap<&'static str, String>) -> Self {
        Self { status: "ok", version: env!("CARGO_PKG_VERSION"), parts }
    }
}

/// How long the checks may take together: whoever asks wants to know now.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells that the process lives.
///
/// It asks nothing of anybody: a process that does not answer this is to be replaced.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = OK, body = HealthOut)))]
pub(super) async fn healthz() -> Json<HealthOut> {
    Json(HealthOut::ok(BTreeMap::new()))
}

/// Tells whether the process can serve: the database answers, its schema fits, the installs are known, the folder for its
/// data can be written.
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = OK, body = HealthOut)))]
pub(super) async fn readyz(State(state): State<AppState>) -> Response {
    let checked = tokio::time::timeout(PATIENCE, check(&state)).await;
    let checked = checked.unwrap_or_else(|_| Err(("database", format!("no answer in {} s", PATIENCE.as_secs()))));
    match checked {
        Ok(()) => Json(HealthOut::ok(state.vitals.parts())).into_response(),
        Err((name, cause)) => {
            let detail = format!("the check `{name}` fails");
            let error = ApiError::unavailable("not-ready", &detail, cause).with_field(name, "fails");
            debug_assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
            error.into_response()
        }
    }
}

/// The name of the first check that fails, and why.
async fn check(state: &AppState) -> Result<(), (&'static str, String)> {
    state.store.ping().await.map_err(|error| ("database", error.to_string()))?;
    match migration_state(&state.options.database_url).await {
        Ok(MigrationState::Current | MigrationState::Ahead(_)) => {}
        Ok(other) => return Err(("schema", format!("{other:?}"))),
        Err(error) => return Err(("schema", error.to_string())),
    }
    if !state.runtime.ready() {
        return Err(("plugins", "the installs were not read for 5 s".to_owned()));
    }
    state.vitals.check()
}
