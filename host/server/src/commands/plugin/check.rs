//! `heptad plugin check`: what publishing would refuse.

use std::fmt::Write as _;

use heptad_devkit::check::{Finding, check, differing, refusal, refused};
use heptad_devkit::project::Project;
use heptad_devkit::scenario::{Bench, ScenarioError};
use serde::Serialize;

use super::project::{ProjectArgs, failed};
use super::test;
use crate::error::{CliError, Explain as _, Kind, Result};

#[derive(Serialize)]
struct Report {
    findings: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

/// Builds a project and says what publishing would refuse.
pub(crate) async fn run(args: ProjectArgs) -> Result {
    let row = |Finding { code, message, line }: Finding| Row { code, message, line };
    let report = Report { findings: findings(&args).await?.into_iter().map(row).collect() };
    args.output.print(&report, |report| {
        let mut text = String::new();
        for Row { code, message, line } in &report.findings {
            let place = line.map(|line| format!("plugin.toml:{line}: ")).unwrap_or_default();
            let _ = writeln!(text, "{place}{message} [{code}]");
        }
        if text.is_empty() { "nothing to change: it may be published".to_owned() } else { text }
    })?;
    match report.findings.len() {
        0 => Ok(()),
        many => Err(CliError::new(Kind::Input, format!("{many} to change before it is published"))),
    }
}

async fn findings(args: &ProjectArgs) -> Result<Vec<Finding>> {
    let text = Project::text(&args.folder).map_err(failed)?;
    let refused_first = |error| refusal(&text, error).map(|finding| vec![finding]).map_err(failed);
    let project = match Project::open(&args.folder) {
        Ok(project) => project,
        Err(error) => return refused_first(error),
    };
    let built = match project.build() {
        Ok(built) => built,
        Err(error) => return refused_first(error),
    };
    let mut findings = check(&project, &built);
    let plugin = std::fs::read(&built.file).during(|| format!("cannot read {}", built.file.display()))?;
    match test::bench(&project, plugin).await {
        Ok(bench) => findings.extend(disagreement(&project, &bench).await?),
        Err(ScenarioError::Runtime(error)) if test::is_of_the_plugin(&error) => findings.push(refused(&text, &error)),
        Err(error) => return Err(test::refused(error)),
    }
    Ok(findings)
}

/// Runs all scenarios twice. Whether they pass is not asked here.
async fn disagreement(project: &Project, bench: &Bench) -> Result<Vec<Finding>> {
    let files = heptad_devkit::scenario::files(&project.folder).map_err(test::refused)?;
    let first = test::run_all(bench, &files).await?;
    let second = test::run_all(bench, &files).await?;
    Ok(differing(&first, &second))
}
