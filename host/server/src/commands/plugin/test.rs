//! `heptad plugin test`: runs the scenarios of a project.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use heptad_devkit::project::Project;
use heptad_devkit::scenario::{self, Bench, FOLDER, FUEL, Fuel, Report, ScenarioError, Share, Used};
use heptad_model::Point;
use heptad_runtime::RuntimeError;
use heptad_runtime::limits::UPLOAD_BYTES;
use serde::Serialize;

use super::project::{failed, open};
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::output::Output;
use crate::progress::Progress;

/// The options of `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// The folder of the project
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Only scenarios whose names hold this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Try this packed plugin and build nothing
    #[arg(long, value_name = "FILE")]
    built: Option<PathBuf>,
    /// Keep the fuel of each call in fuel.toml
    #[arg(long)]
    save_fuel: bool,
    /// Fail where a call uses more than so many percent above what fuel.toml keeps
    #[arg(long, value_name = "PERCENT", conflicts_with = "save_fuel")]
    fuel_regression: Option<u32>,
    #[command(flatten)]
    output: Output,
}

/// What `test` prints.
#[derive(Serialize)]
struct Tested {
    size: usize,
    size_limit: usize,
    scenarios: Vec<Report>,
    /// Calls that became dearer than they may.
    fuel_regressions: Vec<String>,
}

/// Runs the scenarios.
pub(crate) async fn run(args: TestArgs) -> Result {
    let project = open(&args.folder)?;
    let file = match &args.built {
        Some(file) => file.clone(),
        None => project.build().map_err(failed)?.file,
    };
    let plugin = std::fs::read(&file).during(|| format!("cannot read {}", file.display())).kind(Kind::Input)?;
    let size = plugin.len();
    let named = scenarios(&project.folder, args.only.as_deref())?;
    let bench = bench(&project, plugin).await.map_err(refused)?;
    let reports = run_all(&bench, &named).await?;
    let fuel = Fuel::of(&reports);
    let fuel_regressions = match args.fuel_regression {
        Some(percent) => {
            let kept = Fuel::read(&project.folder).map_err(|error| CliError::new(Kind::Input, error));
            fuel.beyond(
                &kept.or_hint(|| "keep what is used now by `heptad plugin test --save-fuel`".to_owned())?,
                percent,
            )
        }
        None => Vec::new(),
    };
    let failures = reports.iter().filter(|report| !report.failures.is_empty()).count();
    // What a scenario uses that fails halfway says nothing.
    if args.save_fuel && failures == 0 {
        fuel.save(&project.folder).during(|| format!("cannot keep {FUEL}"))?;
    }
    let tested = Tested { size, size_limit: UPLOAD_BYTES, scenarios: reports, fuel_regressions };
    args.output.print(&tested, human)?;
    match failures + tested.fuel_regressions.len() {
        0 => Ok(()),
        _ if failures > 0 => {
            Err(CliError::new(Kind::Input, format!("{failures} of {} scenarios failed", tested.scenarios.len())))
        }
        _ => Err(CliError::new(Kind::Input, "calls use more fuel than they may")
            .hint("if that is meant: heptad plugin test --save-fuel")),
    }
}

/// A bench with the plugin on it; compiled code stays for the next time.
pub(super) async fn bench(project: &Project, plugin: Vec<u8>) -> Result<Bench, ScenarioError> {
    let worker = std::env::current_exe().map_err(|error| ScenarioError::Io { file: "heptad".into(), error })?;
    Bench::of(plugin, &project.scratch().join("heptad-code"), &worker).await
}

/// Runs the scenarios of these files.
pub(super) async fn run_all(bench: &Bench, files: &[PathBuf]) -> Result<Vec<Report>> {
    let (mut reports, mut progress) = (Vec::new(), Progress::new("running", "scenarios"));
    for (done, file) in files.iter().enumerate() {
        progress.set(done as u64, Some(files.len() as u64));
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let scenario = scenario::read(file).map_err(refused)?;
        let report = bench.run(&name, &scenario).await;
        reports.push(report.map_err(refused).during(|| file.display().to_string())?);
    }
    Ok(reports)
}

fn scenarios(project: &Path, only: Option<&str>) -> Result<Vec<PathBuf>> {
    let files = scenario::files(project).map_err(refused)?;
    let is_asked = |file: &PathBuf| {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        only.is_none_or(|only| name.contains(only))
    };
    let named: Vec<PathBuf> = files.into_iter().filter(is_asked).collect();
    match named.is_empty() {
        true => Err(CliError::new(Kind::Input, format!("no scenario in {}", project.join(FOLDER).display()))
            .hint("write one: docs/testing.md says how, and `heptad plugin new` makes one for each point")),
        false => Ok(named),
    }
}

/// Whether the runtime refuses the plugin, and does not fail itself.
pub(super) fn is_of_the_plugin(error: &RuntimeError) -> bool {
    matches!(error, RuntimeError::Package(_) | RuntimeError::Code(_) | RuntimeError::Trial { .. })
}

pub(super) fn refused(error: ScenarioError) -> CliError {
    let kind = match &error {
        ScenarioError::Malformed { .. } | ScenarioError::Shop { .. } => Kind::Input,
        ScenarioError::Runtime(error) if is_of_the_plugin(error) => Kind::Input,
        _ => Kind::Failure,
    };
    CliError::new(kind, error)
}

fn human(tested: &Tested) -> String {
    let mut text = String::new();
    for Report { scenario, failures, calls, .. } in &tested.scenarios {
        let _ = writeln!(text, "{scenario} … {}", if failures.is_empty() { "ok" } else { "FAILED" });
        for failure in failures {
            let _ = writeln!(text, "  {failure}");
        }
        for logged in calls.iter().filter(|_| !failures.is_empty()).flat_map(|call| &call.log) {
            let _ = writeln!(text, "  log: {logged}");
        }
    }
    let _ = writeln!(text, "\n{:<24}{:>22}{:>14}{:>14}{:>14}", "most of a call", "fuel", "ms", "MiB", "host calls");
    for call in dearest(&tested.scenarios) {
        let _ = writeln!(text, "{}", line(&call));
    }
    for regression in &tested.fuel_regressions {
        let _ = writeln!(text, "more fuel than before: {regression}");
    }
    let failed = tested.scenarios.iter().filter(|report| !report.failures.is_empty()).count();
    let _ = write!(
        text,
        "\n{} scenarios, {failed} failed; the plugin has {} of {} KiB",
        tested.scenarios.len(),
        tested.size.div_ceil(1_024),
        tested.size_limit / 1_024
    );
    text
}

/// Of each point the most that a call used of each limit.
fn dearest(reports: &[Report]) -> Vec<Used> {
    let mut most: BTreeMap<Point, Used> = BTreeMap::new();
    for call in reports.iter().flat_map(|report| &report.calls) {
        let known = most.entry(call.point).or_insert_with(|| call.clone());
        known.fuel = known.fuel.max(call.fuel);
        known.micros = known.micros.max(call.micros);
        known.memory = known.memory.max(call.memory);
        known.host_calls = known.host_calls.max(call.host_calls);
    }
    most.into_values().collect()
}

/// What calls at a point used of their limits.
fn line(Used { point, fuel, micros, memory, host_calls, .. }: &Used) -> String {
    let of = |share: Share| format!("{} of {}", share.used, share.limit);
    let tenths = |of: u64, unit: u64| format!("{}.{}", of / unit, of % unit * 10 / unit);
    format!(
        "{:<24}{:>22}{:>14}{:>14}{:>14}",
        point.name(),
        of(*fuel),
        format!("{} of {}", tenths(micros.used, 1_000), micros.limit / 1_000),
        format!("{} of {}", tenths(memory.used, 1 << 20), memory.limit >> 20),
        of(*host_calls)
    )
}
