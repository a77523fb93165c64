//! What publishing would refuse, and what a merchant would wonder about, found before: each with the line of `plugin.toml`
//! to change.

use heptad_model::manifest::ManifestError;
use heptad_model::permission::{FREE, Permission};
use heptad_model::{Locale, Manifest};
use heptad_runtime::{PackageError, RuntimeError};

use crate::lines::line_of;
use crate::project::{Built, Project, ProjectError};
use crate::scenario::Report;

/// Something that is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable word for it, such as `permission-not-used`.
    pub code: &'static str,
    /// What it is, and what to do.
    pub message: String,
    /// The line of `plugin.toml`, from 1, where it stands there.
    pub line: Option<usize>,
}

/// Everything that is to be changed in a plugin that was built; nothing where it may be published.
pub fn check(project: &Project, built: &Built) -> Vec<Finding> {
    let Project { text, manifest, .. } = project;
    let mut findings = unused_permissions(text, manifest, &built.inspected.imports);
    findings.extend(languages(text, manifest));
    findings
}

/// What an upload would refuse, where that is why a project cannot be opened or packed; else the error itself.
pub fn refusal(text: &str, error: ProjectError) -> Result<Finding, ProjectError> {
    match error {
        ProjectError::Manifest { error, .. } => Ok(of_package(text, &PackageError::Manifest(error))),
        ProjectError::Package(error) => Ok(of_package(text, &error)),
        ProjectError::NotAsked { interface, permission } => {
            Ok(of_package(text, &PackageError::PermissionNotAsked { function: interface, permission }))
        }
        error => Err(error),
    }
}

/// What an upload would refuse only when it compiles the plugin and tries it.
pub fn refused(text: &str, error: &RuntimeError) -> Finding {
    match error {
        RuntimeError::Package(error) => of_package(text, error),
        error => Finding { code: error.code(), message: error.to_string(), line: line_of(text, "points") },
    }
}

/// Calls that answer otherwise when all is the same: whoever replays them would find another price.
pub fn differing(first: &[Report], second: &[Report]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (one, other) in first.iter().zip(second) {
        let fuel = |report: &Report| report.calls.iter().map(|call| call.fuel.used).collect::<Vec<_>>();
        if one.seen == other.seen && fuel(one) == fuel(other) {
            continue;
        }
        let step = one.seen.iter().zip(&other.seen).position(|(one, other)| one != other);
        let place = step.map_or_else(String::new, |step| format!(" in step {}", step + 1));
        let name = &one.scenario;
        findings.push(Finding {
            code: "not-deterministic",
            message: format!(
                "two runs of the scenario `{name}` differ{place}: let the plugin depend on what the host gives it alone"
            ),
            line: None,
        });
    }
    findings
}

fn of_package(text: &str, error: &PackageError) -> Finding {
    let path = match error {
        PackageError::Manifest(ManifestError::Field { field, .. }) => field.as_str(),
        PackageError::Manifest(ManifestError::Contract { .. }) | PackageError::ContractVersion(_) => "contract",
        PackageError::PermissionNotAsked { .. } => "permissions",
        PackageError::PointNotExported { .. } | PackageError::ExportNotListed(_) => "points",
        PackageError::MemoryTooLarge { .. } => "memory_mib",
        _ => "",
    };
    Finding { code: error.code(), message: error.to_string(), line: line_of(text, path) }
}

/// Permissions that open nothing which the plugin uses: functions that it imports, events that it hears of, and what
/// goes along with those.
fn unused_permissions(text: &str, manifest: &Manifest, imports: &[String]) -> Vec<Finding> {
    let of_functions = imports.iter().filter(|function| !FREE.contains(&function.as_str()));
    let mut used: Vec<Permission> = of_functions.filter_map(|function| Permission::opening(function)).collect();
    let types = manifest.events.iter().flat_map(|wish| &wish.types);
    let known: Vec<_> =
        types.filter_map(|name| heptad_model::EventType::parse(name)).map(heptad_model::EventType::row).collect();
    used.extend(known.iter().filter_map(|row| row.permission));
    if known.iter().any(|row| row.fill.is_some()) {
        used.push(Permission::MembersProfileRead);
    }
    // What may be sent is no function: any host makes it sensible.
    if !manifest.hosts.is_empty() {
        used.push(Permission::PiiExport);
    }
    let idle = manifest.permissions.iter().filter(|wish| !used.contains(&wish.name));
    let finding = |wish: &heptad_model::manifest::PermissionWish| {
        let name = wish.name.to_string();
        Finding {
            code: "permission-not-used",
            message: format!("the plugin asks for `{name}` and uses nothing that it opens: remove it"),
            line: line_of(text, &format!("permissions.{name}.name")),
        }
    };
    idle.map(finding).collect()
}

/// Sentences that stand in one language and not in the other.
fn languages(text: &str, manifest: &Manifest) -> Vec<Finding> {
    let tags = Locale::ALL.map(Locale::tag);
    let keys = |tag: &str| manifest.locales.get(tag).into_iter().flat_map(|locale| locale.messages.keys());
    let mut findings = Vec::new();
    for (tag, other) in
        tags.iter().flat_map(|tag| tags.iter().filter(move |other| *other != tag).map(move |other| (tag, other)))
    {
        for key in keys(tag).filter(|key| !keys(other).any(|known| known == *key)) {
            findings.push(Finding {
                code: "sentence-missing",
                message: format!("`{key}` stands in {tag} and not in {other}: add it to [locales.{other}.messages]"),
                line: line_of(text, &format!("locales.{other}.messages")),
            });
        }
    }
    findings
}
