//! The benchmark: Heptad beside its peers in one run. Ratios are judged, absolutes are printed.
//!
//! `cargo xtask bench` builds the guests and runs it; `bench/README.md` says what each row means and keeps the results.
//! There is a file for each table in `tables/`, one for each peer in `peers/`; `setup` makes a host to measure, in this
//! process, `process` starts the real program on what such a host has made; `load` is the generator of requests, which runs
//! in a process of its own, and `watch` sees in the database what became of events.

mod allocations;
mod cart;
mod child;
mod client;
mod data;
mod load;
mod machine;
mod peers;
mod process;
mod report;
mod series;
mod setup;
mod tables;
mod watch;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::child::Child;
use crate::report::Report;
use crate::tables::{Scale, Table};

#[derive(Parser)]
#[command(name = "cargo xtask bench --", bin_name = "cargo xtask bench --", about = "Heptad beside its peers", after_help = peers::HELP)]
struct Cli {
    /// Fewer and shorter rounds, to see that everything works; the figures mean little
    #[arg(long)]
    quick: bool,
    /// Only this table; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<Table>,
    /// Where to write the results as JSON
    #[arg(long, value_name = "FILE", default_value = "bench/results/latest.json")]
    json: PathBuf,
    /// The day of the run, for the results
    #[arg(long, value_name = "DAY", default_value = "not given")]
    date: String,
    /// The class of the machine, for the results
    #[arg(long, value_name = "TEXT", default_value = "not given")]
    machine: String,
    /// Runs a part of the benchmark that needs a process of its own
    #[arg(long, hide = true)]
    child: Option<Child>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let mut runtime = match cli.child {
        // The generator takes one core at the most, whatever it is asked for.
        Some(Child::Load) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build()?;
    // Asked of a task, as a server does: the thread that waits here is none of the workers.
    runtime.block_on(async { tokio::spawn(run(cli)).await? })
}

async fn run(cli: Cli) -> Result<()> {
    if let Some(child) = cli.child {
        return child.run().await;
    }
    heptad_web::metrics::install()?;
    let mut report = Report::new(machine::facts(cli.machine, cli.date), cli.quick);
    report.print_head();
    let scale = if cli.quick { Scale::QUICK } else { Scale::FULL };
    let chosen = if cli.only.is_empty() { Table::ALL.to_vec() } else { cli.only };
    for table in chosen {
        table.measure(&scale, &mut report).await?;
    }
    report.print_verdict();
    report.write(&cli.json)
}
