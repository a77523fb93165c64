//! How an upload becomes a version in the catalog, for the API and the console alike.

use heptad_model::Origin;
use heptad_model::id::PublisherId;
use heptad_platform::catalog::{Submitted, VersionIn, version_check, version_submit};
use heptad_runtime::{Package, RuntimeError};

use crate::error::{ApiError, ApiResult};
use crate::state::AppState;

/// Reads the bytes, holds them against the catalog, compiles them apart and tries them, and only then stores and submits
/// them for the publisher: what is refused on the way leaves nothing behind.
pub(crate) async fn submit(
    state: &AppState,
    origin: &Origin,
    publisher: PublisherId,
    bytes: Vec<u8>,
) -> ApiResult<Submitted> {
    let opened = tokio::task::spawn_blocking(move || Package::open(bytes)).await.map_err(ApiError::internal)?;
    let package = opened.map_err(RuntimeError::from)?;
    let input = VersionIn::from(package.inspected.clone());
    state.store.platform_read(origin, async |mut tx| version_check(&mut tx, publisher, &input).await).await?;
    state.runtime.admit(package).await?;
    Ok(state.store.platform_write(origin, async |mut tx| version_submit(&mut tx, publisher, &input).await).await?)
}
