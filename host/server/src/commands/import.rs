//! `heptad import orders`: a merchant's past orders, from a file of order lines.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use heptad_capabilities::import::{ImportError, ImportReport, OrderMap, import_orders};
use heptad_model::{Origin, PageRequest};
use heptad_platform::tenant::{TenantRecord, tenant_list};
use heptad_store::{PlatformTx, Store};

use crate::base::{self, Base};
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::output::Output;
use crate::progress::Progress;

/// What can be imported.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ImportCommand {
    /// Load products, SKUs, customers and orders from a file of order lines; a file again loads only what is missing
    Orders(OrdersArgs),
}

/// The options of `import orders`.
#[derive(Debug, clap::Args)]
pub(crate) struct OrdersArgs {
    /// The file: CSV, plain or packed with gzip
    file: PathBuf,
    /// Which column holds what: see examples/data/superstore.toml
    #[arg(long, value_name = "FILE")]
    map: PathBuf,
    /// The shop's short name; not needed while there is only one shop
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(base: &Base, command: &ImportCommand) -> Result {
    let ImportCommand::Orders(args) = command;
    let text = std::fs::read_to_string(&args.map);
    let text = text.during(|| format!("cannot read the map {}", args.map.display())).kind(Kind::Input)?;
    let map = OrderMap::from_toml(&text).map_err(refused)?;
    let file = File::open(&args.file).during(|| format!("cannot read {}", args.file.display())).kind(Kind::Input)?;
    let store = base.store().await?;
    let origin = base.origin("import");
    let record = match &args.tenant {
        Some(slug) => base::tenant(&store, &origin, slug).await?,
        None => only_tenant(&store, &origin).await?,
    };
    let ctx = base::bound(origin, &record);
    let mut progress = Progress::new("importing", "rows");
    let import = import_orders(&store, &ctx, &map, BufReader::new(file), |step| progress.set(step.done, Some(step.of)));
    let report = tokio::select! {
        report = import => report.map_err(refused)?,
        _ = tokio::signal::ctrl_c() => {
            return Err(CliError::new(Kind::Interrupted, "interrupted; what was loaded stays").hint("import again to load the rest"));
        }
    };
    drop(progress);
    store.close().await;
    args.output.print(&report, human)?;
    match report.failed {
        0 => Ok(()),
        failed => {
            let message = format!("{failed} of {} rows were not loaded", report.rows);
            Err(CliError::new(Kind::Input, message)
                .hint("mend these rows and import the file again: what is loaded stays as it is"))
        }
    }
}

/// The shop, when there is no choice.
async fn only_tenant(store: &Store, origin: &Origin) -> Result<TenantRecord> {
    let page = PageRequest::new(None, Some(20)).map_err(|error| CliError::new(Kind::Failure, error))?;
    let read = async |mut tx: PlatformTx| tenant_list(&mut tx, &page).await;
    let mut tenants = store.platform_read(origin, read).await.map_err(base::platform)?.items;
    match (tenants.pop(), tenants.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => {
            Err(CliError::new(Kind::State, "there is no shop yet").hint("make one: `heptad tenant create --help`"))
        }
        (Some(last), _) => {
            let slugs: Vec<&str> = tenants.iter().chain([&last]).map(|record| record.slug.as_str()).collect();
            let error = CliError::new(Kind::Input, "there are several shops: which of them is it for?");
            Err(error.hint(format!("add --tenant and one of {}", slugs.join(", "))))
        }
    }
}

fn human(report: &ImportReport) -> String {
    let mut text = String::new();
    for error in &report.errors {
        text.push_str(&format!("line {}: {}\n", error.line, error.reason));
    }
    let unnamed = report.failed.saturating_sub(report.errors.len() as u64);
    if unnamed > 0 {
        text.push_str(&format!("and {unnamed} more\n"));
    }
    text.push_str(&format!(
        "loaded {} of {} rows, {} were there already, {} are bad: {} new orders, {} customers, {} products, {} SKUs",
        report.loaded,
        report.rows,
        report.skipped,
        report.failed,
        report.orders,
        report.customers,
        report.products,
        report.skus
    ));
    text
}

fn refused(error: ImportError) -> CliError {
    match error {
        ImportError::Load(error) => base::capability(error),
        error => CliError::new(Kind::Input, error),
    }
}
