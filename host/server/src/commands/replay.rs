//! `heptad plugin replay`: runs a recorded call again, and says what differs.

use std::path::{Path, PathBuf};

use heptad_model::id::CallId;
use heptad_model::{Origin, PageRequest};
use heptad_platform::tenant::{TenantRecord, tenant_list};
use heptad_runtime::recording::RecordingError;
use heptad_runtime::{ReplayError, Replayed, Runtime};
use heptad_store::PlatformTx;
use serde::Serialize;

use crate::base::{Base, bound, platform, tenant};
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::lifecycle::start_runtime;
use crate::output::Output;

/// The arguments of `heptad plugin replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The call's id, as traces show it
    call: CallId,
    /// The shop's short name; without it all shops are searched
    #[arg(long, value_name = "SHOP")]
    tenant: Option<String>,
    /// A changed plugin, packed, that runs in place of the recorded one
    #[arg(long = "with", value_name = "FILE")]
    changed: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// What is printed.
#[derive(Serialize)]
struct Report {
    call: CallId,
    plugin: String,
    version: String,
    point: &'static str,
    recorded_digest: String,
    replayed_digest: String,
    fuel_recorded: u64,
    fuel_replayed: u64,
    unused_calls: usize,
    other_engine: bool,
    ended_by_the_clock: bool,
    differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Difference {
    what: &'static str,
    recorded: String,
    replayed: String,
}

/// Replays the call. A replay that differs is told, and is no failure of the command.
pub(crate) async fn run(base: &Base, args: ReplayArgs) -> Result {
    let store = base.store().await?;
    let runtime = start_runtime(base, store.clone()).await?;
    let origin = base.origin("replay");
    let changed = args.changed.as_deref().map(read).transpose()?;
    let replayed = match &args.tenant {
        Some(slug) => {
            let record = tenant(&store, &origin, slug).await?;
            runtime.replay(&bound(origin, &record), args.call, changed).await
        }
        None => search(&runtime, &store, &origin, args.call, changed).await?,
    };
    args.output.print(&report(replayed.map_err(failed)?), human)
}

/// Replays the call in whichever shop has it. A recording belongs to its shop, so each is asked.
async fn search(
    runtime: &Runtime,
    store: &heptad_store::Store,
    origin: &Origin,
    call: CallId,
    changed: Option<Vec<u8>>,
) -> Result<Result<Replayed, ReplayError>> {
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest::new(cursor.as_deref(), None).map_err(|error| CliError::new(Kind::Failure, error))?;
        let list = async |mut tx: PlatformTx| tenant_list(&mut tx, &page).await;
        let tenants = store.platform_read(origin, list).await.map_err(platform)?;
        for record in &tenants.items {
            let record: &TenantRecord = record;
            match runtime.replay(&bound(origin.clone(), record), call, changed.clone()).await {
                Err(ReplayError::Recording(RecordingError::NotFound(_))) => {}
                result => return Ok(result),
            }
        }
        match tenants.next {
            Some(next) => cursor = Some(next),
            None => return Ok(Err(RecordingError::NotFound(call).into())),
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).during(|| format!("cannot read {}", file.display())).kind(Kind::Input)
}

fn failed(error: ReplayError) -> CliError {
    let kind = match &error {
        ReplayError::Recording(RecordingError::NotFound(_)) | ReplayError::Package(_) => Kind::Input,
        _ => Kind::Failure,
    };
    CliError::new(kind, error)
}

fn report(replayed: Replayed) -> Report {
    let differences = replayed.differences.into_iter();
    let recording = replayed.recording;
    Report {
        ended_by_the_clock: recording.was_ended_by_the_clock(),
        call: recording.call,
        plugin: recording.plugin,
        version: recording.version,
        point: recording.point.name(),
        recorded_digest: recording.digest,
        replayed_digest: replayed.digest,
        fuel_recorded: recording.result.fuel,
        fuel_replayed: replayed.result.fuel,
        unused_calls: replayed.unused_calls,
        other_engine: replayed.other_engine,
        differences: differences.map(|(what, (recorded, replayed))| Difference { what, recorded, replayed }).collect(),
    }
}

fn human(report: &Report) -> String {
    let mut text = format!(
        "call         {}\nplugin       {} {} at {}\ncomponent    {}\nfuel         {} recorded, {} replayed ({:+})",
        report.call,
        report.plugin,
        report.version,
        report.point,
        report.replayed_digest,
        report.fuel_recorded,
        report.fuel_replayed,
        i128::from(report.fuel_replayed) - i128::from(report.fuel_recorded),
    );
    if report.other_engine {
        text.push_str("\nengine       another one than recorded: fuel may differ for that alone");
    }
    if report.ended_by_the_clock {
        text.push_str("\nclock        ended the recorded call; a replay is not held to it and goes on from there");
    }
    if report.unused_calls > 0 {
        text.push_str(&format!("\nhost calls   {} recorded ones were not made", report.unused_calls));
    }
    if report.differences.is_empty() {
        text.push_str("\nresult       the same, bit for bit");
    }
    for difference in &report.differences {
        let Difference { what, recorded, replayed } = difference;
        text.push_str(&format!("\n{what} differs\n  recorded   {recorded}\n  replayed   {replayed}"));
    }
    text
}
