//! `heptad serve`: the API and the console, until SIGTERM or Ctrl-C.

use heptad_platform::user::operator_exists;
use heptad_store::{PlatformTx, StoreError};

use super::operator_link::new_link;
use crate::base::Base;
use crate::error::Result;
use crate::lifecycle::{Server, signal};
use crate::output;

/// Runs the command.
pub(crate) async fn run(base: &Base) -> Result {
    let stop = signal()?;
    let server = Server::start(base).await?;
    output::line(format!("listening on {}", server.public_url))?;
    if let Some(metrics) = server.metrics {
        output::line(format!("metrics on http://{metrics}/metrics"))?;
    }
    if let Some(apps) = &server.state.options.apps {
        output::line(format!("plugins' own pages on {apps}"))?;
    }
    let store = &server.state.store;
    let origin = base.origin("serve");
    let known = async |mut tx: PlatformTx| operator_exists(&mut tx).await;
    if !store.platform_read(&origin, known).await.map_err(|error: StoreError| error)? {
        // On standard output and not in the log, which others may read.
        let (url, expires_at) = new_link(store, &origin, &server.public_url).await?;
        output::line(format!("there is no operator yet: become it at {url}\n(works once, until {expires_at})"))?;
    }
    tracing::info!(url = server.public_url, version = env!("CARGO_PKG_VERSION"), "serving on {}", server.public_url);
    server.run(stop).await
}
