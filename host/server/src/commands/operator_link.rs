//! `heptad operator-link`: the way in for an operator, and the way back when a password is lost.

use heptad_model::Origin;
use heptad_platform::sign_in_link::sign_in_link_create;
use heptad_store::{PlatformTx, Store};
use serde::Serialize;

use crate::base::{Base, platform};
use crate::error::Result;
use crate::output::Output;

/// The options of `operator-link`.
#[derive(Debug, clap::Args)]
pub(crate) struct LinkArgs {
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct MadeLink {
    url: String,
    expires_at: String,
}

/// Runs the command.
pub(crate) async fn run(base: &Base, args: &LinkArgs) -> Result {
    let store = base.store().await?;
    let url = crate::lifecycle::public_url(&base.config, None);
    let (url, expires_at) = new_link(&store, &base.origin("operator-link"), &url).await?;
    let made = MadeLink { url, expires_at };
    args.output.print(&made, |made| format!("{}\n(works once, until {})", made.url, made.expires_at))
}

/// A new one-time link for an operator, and when it ends.
pub(crate) async fn new_link(store: &Store, origin: &Origin, public_url: &str) -> Result<(String, String)> {
    let write = async |mut tx: PlatformTx| sign_in_link_create(&mut tx).await;
    let (secret, expires_at) = store.platform_write(origin, write).await.map_err(platform)?;
    Ok((format!("{public_url}/console/link/{}", secret.reveal()), expires_at.rfc3339()))
}
