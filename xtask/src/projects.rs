//! The examples in JavaScript, TypeScript and Python, built as a partner builds them: copied into a folder of their own, with
//! the SDK out of the binary, and their dependencies from the registries. What the registries gave stays in the tools' folder,
//! so that tests make projects of their own without network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::foreign::{sorted, unless_done};
use crate::process;
use crate::workspace::Workspace;

/// What each template pins.
const PINS: (&str, &str) =
    ("sdk/templates/typescript/base/package.json.template", "sdk/templates/python/base/requirements.txt.template");
/// The files that say in which language an example is.
const NPM: &str = "package.json";
const PIP: &str = "requirements.txt";

/// Builds the examples, and gives their plugins; `heptad` must have been built.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let wheels = wheels(workspace)?;
    packages(workspace)?;
    for example in sorted(&workspace.root.join("examples"))? {
        let name = example.file_name().context("an example has a name")?.to_owned();
        let plugin = workspace.guests().join(&name).with_extension("wasm");
        let inputs = [example.clone(), workspace.root.join("sdk"), workspace.root.join("wit")];
        let project = workspace.target.join("projects").join(&name);
        let stamp = project.with_extension("stamp");
        if example.join(NPM).is_file() {
            unless_done(&stamp, &inputs, || npm_project(workspace, &example, &project, &plugin))?;
        } else if example.join(PIP).is_file() {
            unless_done(&stamp, &inputs, || pip_project(workspace, &example, &project, &wheels, &plugin))?;
        }
    }
    Ok(())
}

fn npm_project(workspace: &Workspace, example: &Path, project: &Path, plugin: &Path) -> Result<()> {
    begin(workspace, example, project)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"]);
    npm.arg("--cache").arg(workspace.tools().join("npm-cache")).current_dir(project);
    process::run(npm.stdout(Stdio::null()))?;
    finish(workspace, project, plugin)
}

fn pip_project(workspace: &Workspace, example: &Path, project: &Path, wheels: &Path, plugin: &Path) -> Result<()> {
    begin(workspace, example, project)?;
    process::run(Command::new("python3").args(["-m", "venv", ".venv"]).current_dir(project))?;
    let mut pip = Command::new(project.join(".venv/bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-index", "--find-links"]).arg(wheels);
    process::run(pip.args(["--requirement", PIP]).current_dir(project))?;
    finish(workspace, project, plugin)
}

/// A copy of the example, with the SDK in it.
fn begin(workspace: &Workspace, example: &Path, project: &Path) -> Result<()> {
    if project.exists() {
        fs::remove_dir_all(project).with_context(|| format!("cannot remove {}", project.display()))?;
    }
    copy(example, project)?;
    process::capture(Command::new(workspace.heptad()).args(["plugin", "vendor"]).arg(project)).map(drop)
}

/// Builds the project, and puts the plugin beside the other guests.
fn finish(workspace: &Workspace, project: &Path, plugin: &Path) -> Result<()> {
    let mut build = Command::new(workspace.heptad());
    process::capture(build.args(["plugin", "build"]).arg(project))?;
    let name = plugin.file_name().context("a plugin has a name")?;
    fs::create_dir_all(workspace.guests()).context("cannot make the folder of guests")?;
    fs::copy(project.join("target").join(name), plugin).with_context(|| format!("cannot copy {}", plugin.display()))?;
    Ok(())
}

/// Fills npm's cache with what new projects depend on; its folder.
pub(crate) fn packages(workspace: &Workspace) -> Result<PathBuf> {
    let (template, tools) = (workspace.root.join(PINS.0), workspace.tools());
    unless_done(&tools.join("npm-cache.stamp"), std::slice::from_ref(&template), || {
        println!("guests: fetching what projects in JavaScript depend on");
        let text = fs::read_to_string(&template).context("cannot read the template of package.json")?;
        // The SDK is not in any registry.
        let own = text.lines().filter(|line| !line.contains("@heptad/sdk")).collect::<Vec<_>>().join("\n");
        let folder = tools.join("npm-fetch");
        fs::create_dir_all(&folder).context("cannot make a folder for npm")?;
        fs::write(folder.join(NPM), own.replace("{{name}}", "fetch")).context("cannot write package.json")?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]);
        npm.arg("--cache").arg(tools.join("npm-cache")).current_dir(folder);
        process::run(npm.stdout(Stdio::null()))
    })?;
    Ok(tools.join("npm-cache"))
}

/// The folder with the wheels that new projects depend on.
fn wheels(workspace: &Workspace) -> Result<PathBuf> {
    let (template, tools) = (workspace.root.join(PINS.1), workspace.tools());
    let wheels = tools.join("wheels");
    unless_done(&tools.join("wheels.stamp"), std::slice::from_ref(&template), || {
        println!("guests: fetching what projects in Python depend on");
        let text = fs::read_to_string(&template).context("cannot read the template of requirements.txt")?;
        let foreign = text.lines().filter(|line| !line.starts_with("./"));
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest"]).arg(&wheels);
        process::run(pip.args(foreign))
    })?;
    Ok(wheels)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {}", from.display()));
    }
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in sorted(from)? {
        if let Some(name) = entry.file_name() {
            copy(&entry, &to.join(name))?;
        }
    }
    Ok(())
}
