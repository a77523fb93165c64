//! The demo's plugin catalog: what a publisher and an operator do.

use std::path::Path;

use heptad_model::Origin;
use heptad_platform::PlatformError;
use heptad_platform::catalog::{Review, VersionIn, version_review, version_submit};
use heptad_platform::publisher::{Publisher, publisher_create};
use heptad_runtime::{Package, RuntimeError};
use heptad_store::PlatformTx;
use heptad_web::AppState;

use crate::base::platform;
use crate::error::{CliError, Explain as _, Kind, Result};

/// The plugins of the catalog, by their files' names.
const PLUGINS: &[&str] =
    &["member-pricing", "quantity-breaks", "purchase-limits", "hello-discount", "hello-event", "hello-page"];
/// The publisher that their manifests name.
const PUBLISHER: &str = "heptad";

/// Registers the publisher, submits the plugins of the folder and approves them.
pub(super) async fn publish(state: &AppState, origin: &Origin, folder: &Path) -> Result<Publisher> {
    let create = async |mut tx: PlatformTx| publisher_create(&mut tx, PUBLISHER, "Heptad").await;
    let publisher = state.store.platform_write(origin, create).await.map_err(platform)?;
    for name in PLUGINS {
        let file = folder.join(format!("{name}.wasm"));
        let bytes = tokio::fs::read(&file).await.during(|| format!("cannot read the plugin {}", file.display()));
        let bytes =
            bytes.kind(Kind::Input).or_hint(|| "`cargo xtask guests` builds and packs the plugins".to_owned())?;
        let refused = |error: RuntimeError| CliError::new(Kind::Input, format!("{}: {error}", file.display()));
        let package = Package::open(bytes).map_err(|error| refused(error.into()))?;
        let version = VersionIn::from(state.runtime.admit(package).await.map_err(refused)?);
        let publish = async |mut tx: PlatformTx| {
            let submitted = version_submit(&mut tx, publisher.id, &version).await?;
            version_review(&mut tx, submitted.version.id, Review::Approve, "").await?;
            Ok::<_, PlatformError>(())
        };
        state.store.platform_write(origin, publish).await.map_err(platform)?;
    }
    Ok(publisher)
}
