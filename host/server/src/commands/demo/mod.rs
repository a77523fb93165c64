//! `heptad demo`: two shops with plugins on this machine, until Ctrl-C.
//!
//! Everything is made through the operations that the API uses: a publisher submits the plugins, an operator approves
//! them, a merchant installs two of them ([`catalog`]), customers place orders in one shop ([`qinghe`]), and the other
//! is filled from a file ([`superstore`]).

mod catalog;
mod people;
mod qinghe;
mod report;
mod superstore;

use std::path::{Path, PathBuf};

use heptad_store::migrate;

use crate::base::{Base, Global};
use crate::config::{Config, DEFAULTS};
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::lifecycle::{Server, signal};
use crate::logging;
use crate::output::Output;
use crate::telemetry::Telemetry;
use report::Report;

/// The options of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// The folder of packed plugins
    #[arg(long, value_name = "DIR")]
    guests: PathBuf,
    /// The folder of the demo's data, which is made and must be empty; the demo does not remove it
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The port of the API and the console; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The orders of the second shop
    #[arg(long, default_value = "examples/data/superstore.csv.gz", value_name = "FILE")]
    orders: PathBuf,
    /// How to read them
    #[arg(long, default_value = "examples/data/superstore.toml", value_name = "FILE")]
    map: PathBuf,
    /// Start, print, and end at once
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(global: Global, args: DemoArgs) -> Result {
    let config = config(&args)?;
    logging::init(&config.log, global.log_format, &Telemetry::off())?;
    empty(&args.data_dir)?;
    let mut stop = Box::pin(signal()?);
    let base = Base::of(config);
    let begin = async {
        migrate(&base.config.database.url, None, &base.env).await?;
        let server = Server::start(&base).await?;
        let report = stage(&base, &server, &args).await?;
        Ok::<_, CliError>((server, report))
    };
    let (server, report) = tokio::select! {
        begun = begin => begun?,
        () = &mut stop => return Err(CliError::new(Kind::Interrupted, "interrupted before the demo was ready")),
    };
    args.output.print(&report, Report::human)?;
    if args.once {
        return server.run(std::future::ready(())).await;
    }
    server.run(stop).await
}

/// Fills the platform; what to do with it.
async fn stage(base: &Base, server: &Server, args: &DemoArgs) -> Result<Report> {
    let store = &server.state.store;
    let origin = base.origin("demo");
    // The compiler works in processes of its own, so the import costs no time of its own.
    let (plugins, superstore) = tokio::join!(
        catalog::publish(&server.state, &origin, &args.guests),
        superstore::fill(store, &origin, &args.orders, &args.map),
    );
    let (publisher, superstore) = (plugins?, superstore?);
    let qinghe = qinghe::fill(&server.state, &origin).await?;
    let logins = people::create(store, &origin, &publisher, &qinghe.record, &superstore.record).await?;
    let token = people::shop_token(store, &origin, &qinghe.record).await?;
    Ok(Report::new(&server.public_url, logins, &qinghe, &superstore, &token))
}

/// The defaults, with everything in the demo's folder and on this machine alone.
fn config(args: &DemoArgs) -> Result<Config> {
    let mut config: Config = toml::from_str(DEFAULTS)?;
    config.server.listen = format!("127.0.0.1:{}", args.port);
    config.server.metrics_listen = "127.0.0.1:0".to_owned();
    config.apps.listen = "127.0.0.1:0".to_owned();
    config.database.url = format!("sqlite:{}", args.data_dir.join("heptad.db").display());
    config.data.folder = args.data_dir.join("data");
    config.data.key_file = args.data_dir.join("heptad.key");
    config.log.level = "warn".to_owned();
    Ok(config)
}

fn empty(folder: &Path) -> Result {
    let what = || format!("cannot make {}", folder.display());
    std::fs::create_dir_all(folder).during(what)?;
    match std::fs::read_dir(folder).during(what)?.next() {
        None => Ok(()),
        Some(_) => Err(CliError::new(Kind::State, format!("{} is not empty", folder.display()))
            .hint("name a new folder: a demo begins afresh")),
    }
}
