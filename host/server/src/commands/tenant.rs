//! `heptad tenant create`: a shop.

use heptad_model::{Currency, Locale};
use heptad_platform::tenant::{TenantIn, tenant_create};
use heptad_store::PlatformTx;
use serde::Serialize;

use crate::base::{Base, platform};
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::output::Output;

/// What can be done with shops.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a shop; its currency, time zone and language stay as they are
    Create {
        /// Its short name in addresses
        slug: String,
        /// The name that people see
        #[arg(long)]
        name: String,
        /// The ISO 4217 code of its currency
        #[arg(long)]
        currency: String,
        /// The IANA name of its time zone
        #[arg(long, value_name = "ZONE")]
        time_zone: String,
        /// Its language: zh-CN or en
        #[arg(long, default_value = "zh-CN", value_name = "TAG")]
        locale: String,
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
pub(crate) async fn run(base: &Base, command: TenantCommand) -> Result {
    let TenantCommand::Create { slug, name, currency, time_zone, locale, output } = command;
    let currency = Currency::parse(&currency).during(|| "--currency".to_owned()).kind(Kind::Input)?;
    let locale = Locale::parse(&locale).ok_or_else(|| {
        CliError::new(Kind::Input, format!("--locale: `{locale}` is not spoken here; zh-CN and en are"))
    })?;
    let input = TenantIn { slug, name, currency, time_zone, locale };
    let (store, origin) = (base.store().await?, base.origin("tenant-create"));
    let write = async |mut tx: PlatformTx| tenant_create(&mut tx, &input).await;
    let record = store.platform_write(&origin, write).await.map_err(platform)?;
    let made = Made { id: record.tenant.id.to_string(), slug: record.slug };
    output.print(&made, |made| format!("made the shop {} ({})", made.slug, made.id))
}
