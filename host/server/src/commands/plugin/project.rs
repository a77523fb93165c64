//! `heptad plugin new`, `build` and `vendor`: a project on the maker's own machine.

use std::path::{Path, PathBuf};

use heptad_devkit::language::Language;
use heptad_devkit::project::{Built, Project, ProjectError};
use heptad_devkit::scaffold::{self, ScaffoldError, Wish};
use heptad_devkit::vendor;
use heptad_model::Point;
use serde::Serialize;

use crate::error::{CliError, Explain as _, Kind, Result};
use crate::output::Output;

/// The options of `new`.
#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// The folder of the project, which is made; its last part is the plugin's name
    folder: PathBuf,
    /// The language
    #[arg(long, default_value = "rust", value_name = "LANGUAGE", value_parser = language)]
    language: Language,
    /// A point that the plugin serves; may be given several times
    #[arg(long = "point", default_value = "discount.order", value_name = "POINT", value_parser = point)]
    points: Vec<Point>,
    /// The publisher's short name
    #[arg(long, default_value = "my-company", value_name = "NAME")]
    publisher: String,
    #[command(flatten)]
    output: Output,
}

/// The options of `vendor`.
#[derive(Debug, clap::Args)]
pub(crate) struct VendorArgs {
    /// The folder of the project
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// The options of `build` and `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct ProjectArgs {
    /// The folder of the project
    #[arg(default_value = ".")]
    pub(super) folder: PathBuf,
    #[command(flatten)]
    pub(super) output: Output,
}

fn language(name: &str) -> Result<Language, String> {
    Language::parse(name).ok_or_else(|| {
        let known: Vec<&str> = Language::ALL.iter().map(|language| language.name()).collect();
        format!("the languages are {}", known.join(", "))
    })
}

fn point(name: &str) -> Result<Point, String> {
    Point::parse(name).ok_or_else(|| {
        let known: Vec<&str> = Point::ALL.iter().map(|point| point.name()).collect();
        format!("the points are {}", known.join(", "))
    })
}

/// Begins a project.
pub(crate) fn new(args: &NewArgs) -> Result {
    #[derive(Serialize)]
    struct Made<'a> {
        name: &'a str,
        folder: &'a Path,
    }
    let name = args.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let wish = Wish {
        name: name.to_owned(),
        publisher: args.publisher.clone(),
        language: args.language,
        points: args.points.clone(),
    };
    scaffold::create(&args.folder, &wish).map_err(not_made)?;
    args.output.print(&Made { name, folder: &args.folder }, |made| {
        let first = args.language.first_steps().join("\n  ");
        format!("made {}\n\n  cd {}\n  {first}\n  heptad plugin test", made.name, made.folder.display())
    })
}

fn not_made(error: ScaffoldError) -> CliError {
    let kind = match error {
        ScaffoldError::NotEmpty(_) => Kind::State,
        ScaffoldError::Io(_) | ScaffoldError::Template(_) => Kind::Failure,
        ScaffoldError::NoPoint | ScaffoldError::Manifest(_) => Kind::Input,
    };
    let is_full = matches!(error, ScaffoldError::NotEmpty(_));
    let error = CliError::new(kind, error);
    if is_full { error.hint("name a folder that is not there yet") } else { error }
}

/// Renews the SDK of a project.
pub(crate) fn vendor(args: &VendorArgs) -> Result {
    let project = open(&args.folder)?;
    let language = project.language().map_err(failed)?;
    vendor::vendor(&project.folder, language)
        .during(|| format!("cannot write {}", project.folder.join(vendor::FOLDER).display()))?;
    crate::output::line(format!("renewed {}", project.folder.join(vendor::FOLDER).display()))
}

/// Builds a project.
pub(crate) fn build(args: &ProjectArgs) -> Result {
    #[derive(Serialize)]
    struct Report<'a> {
        file: &'a Path,
        digest: &'a str,
        size: usize,
    }
    let Built { file, inspected } = open(&args.folder)?.build().map_err(failed)?;
    let report = Report { file: &file, digest: &inspected.digest, size: inspected.size };
    args.output.print(&report, |report| {
        format!("built {}, {} bytes, digest {}", report.file.display(), report.size, report.digest)
    })
}

pub(super) fn open(folder: &Path) -> Result<Project> {
    Project::open(folder).map_err(failed)
}

pub(super) fn failed(error: ProjectError) -> CliError {
    let kind = match error {
        ProjectError::Tool { .. } | ProjectError::Io { .. } => Kind::Failure,
        _ => Kind::Input,
    };
    let hint = error.hint();
    let message = match &error {
        ProjectError::Package(cause) => format!("{error} [{}]", cause.code()),
        _ => error.to_string(),
    };
    let error = CliError::new(kind, message);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
