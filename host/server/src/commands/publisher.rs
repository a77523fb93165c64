//! `heptad publisher create`: a maker of plugins.

use heptad_platform::publisher::publisher_create;
use heptad_store::PlatformTx;
use serde::Serialize;

use crate::base::{Base, platform};
use crate::error::Result;
use crate::output::Output;

/// What can be done with makers of plugins.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum PublisherCommand {
    /// Register a maker of plugins
    Create {
        /// Its short name, as manifests name it
        slug: String,
        /// The name that people see
        #[arg(long)]
        name: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Serialize)]
struct Made {
    id: String,
    slug: String,
}

/// Runs the command.
pub(crate) async fn run(base: &Base, command: PublisherCommand) -> Result {
    let PublisherCommand::Create { slug, name, output } = command;
    let (store, origin) = (base.store().await?, base.origin("publisher-create"));
    let write = async |mut tx: PlatformTx| publisher_create(&mut tx, &slug, &name).await;
    let publisher = store.platform_write(&origin, write).await.map_err(platform)?;
    let made = Made { id: publisher.id.to_string(), slug: publisher.slug };
    output.print(&made, |made| format!("registered the publisher {} ({})", made.slug, made.id))
}
