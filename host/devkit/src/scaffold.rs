//! A new project: files made of the templates, and the SDK beside them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use heptad_model::Point;
use heptad_model::manifest::CONTRACT;
use toml_edit::{DocumentMut, Item, Table};

use crate::embedded;
use crate::language::Language;
use crate::scenario::FOLDER;
use crate::vendor::{self, write};

/// What a project is to be.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The plugin's name: lower-case letters, digits and hyphens.
    pub name: String,
    /// The publisher's short name.
    pub publisher: String,
    /// The language.
    pub language: Language,
    /// The points that it serves; at least one.
    pub points: Vec<Point>,
}

/// Why no project was made.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// There is something in the folder.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// Nothing to serve.
    #[error("a plugin serves at least one point")]
    NoPoint,
    /// A template is wrong, which a test rules out.
    #[error("a template is wrong: {0}")]
    Template(String),
    /// The project would not be read: a name breaks its rule.
    #[error(transparent)]
    Manifest(#[from] heptad_model::manifest::ManifestError),
    /// The folder cannot be written.
    #[error("cannot write the project: {0}")]
    Io(#[from] io::Error),
}

/// A kind of point, for which there is a template in each language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Discount,
    Validation,
    Event,
    Schedule,
    Page,
}

impl Kind {
    const fn of(point: Point) -> Self {
        match point {
            Point::DiscountLines | Point::DiscountOrder => Self::Discount,
            Point::CartValidateComplete => Self::Validation,
            Point::EventHandle => Self::Event,
            Point::ScheduleRun => Self::Schedule,
            Point::HttpRoute => Self::Page,
        }
    }

    /// The name of its templates.
    const fn name(self) -> &'static str {
        match self {
            Self::Discount => "discount",
            Self::Validation => "validation",
            Self::Event => "event",
            Self::Schedule => "schedule",
            Self::Page => "page",
        }
    }

    /// What the SDK for Rust calls it; the others' words are made of that.
    const fn export(self) -> &'static str {
        match self {
            Self::Discount => "discount",
            Self::Validation => "cart_validation",
            Self::Event => "event_handler",
            Self::Schedule => "schedule_handler",
            Self::Page => "http_handler",
        }
    }
}

impl Kind {
    /// The name of its interface, as a class is called.
    const fn class(self) -> &'static str {
        match self {
            Self::Discount => "Discount",
            Self::Validation => "CartValidation",
            Self::Event => "EventHandler",
            Self::Schedule => "ScheduleHandler",
            Self::Page => "IncomingHandler",
        }
    }
}

/// Makes a project in a folder that is empty or not there yet.
pub fn create(folder: &Path, wish: &Wish) -> Result<(), ScaffoldError> {
    let manifest = manifest(wish)?;
    heptad_model::Manifest::from_toml(&manifest)?;
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        return Err(ScaffoldError::NotEmpty(folder.to_owned()));
    }
    let kinds = kinds(&wish.points);
    let base = format!("sdk/templates/{}/base", wish.language.name());
    for (path, bytes) in embedded::below(&base) {
        let path = path.strip_suffix(".template").unwrap_or(path);
        write(&folder.join(path), filled(text(bytes)?, wish, &kinds).as_bytes())?;
    }
    for kind in &kinds {
        let module = format!("{}.{}", kind.name(), wish.language.ending());
        let source = embedded::text(&format!("sdk/templates/{}/points/{module}", wish.language.name()));
        write(&folder.join("src").join(module), filled(source, wish, &kinds).as_bytes())?;
    }
    for kind in &kinds {
        let file = format!("{}.toml", kind.name());
        let scenario = filled(embedded::text(&format!("sdk/templates/scenarios/{file}")), wish, &kinds);
        write(&folder.join(FOLDER).join(file), scenario.as_bytes())?;
    }
    write(&folder.join("plugin.toml"), manifest.as_bytes())?;
    vendor::vendor(folder, wish.language)?;
    Ok(())
}

fn text(bytes: &'static [u8]) -> Result<&'static str, ScaffoldError> {
    std::str::from_utf8(bytes).map_err(|error| ScaffoldError::Template(error.to_string()))
}

/// The kinds of the points, each once, in the order of the registry.
fn kinds(points: &[Point]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = points.iter().map(|point| Kind::of(*point)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// The line by which the plugin's main file takes a kind of point in.
fn module(language: Language, kind: Kind) -> String {
    let (name, class) = (kind.name(), kind.class());
    match language {
        Language::Rust => format!("mod {name};\n"),
        Language::JavaScript | Language::TypeScript => {
            let export = class[..1].to_lowercase() + &class[1..];
            format!("export {{ {export} }} from \"./{name}.js\";\n")
        }
        Language::Python => format!("from {name} import {class}\n"),
    }
}

fn filled(template: &str, wish: &Wish, kinds: &[Kind]) -> String {
    let points: Vec<String> = wish.points.iter().map(|point| format!("\"{}\"", point.name())).collect();
    let modules: String = kinds.iter().map(|kind| module(wish.language, *kind)).collect();
    let exports: Vec<&str> = kinds.iter().map(|kind| kind.export()).collect();
    let classes: Vec<String> = kinds.iter().map(|kind| format!("\"{}\"", kind.class())).collect();
    // Who serves both points of discounts gives the template's ten percent twice.
    let discounts = wish.points.iter().filter(|point| Kind::of(**point) == Kind::Discount).count();
    template
        .replace("{{name}}", &wish.name)
        .replace("{{publisher}}", &wish.publisher)
        .replace("{{contract}}", CONTRACT)
        .replace("{{points}}", &format!("[{}]", points.join(", ")))
        .replace("{{modules}}", &modules)
        .replace("{{exports}}", &exports.join(", "))
        .replace("{{classes}}", &classes.join(", "))
        .replace("{{after}}", if discounts > 1 { "16200" } else { "18000" })
}

/// `plugin.toml`: the base, and what each kind of point adds.
fn manifest(wish: &Wish) -> Result<String, ScaffoldError> {
    if wish.points.is_empty() {
        return Err(ScaffoldError::NoPoint);
    }
    let kinds = kinds(&wish.points);
    let read = |text: &str| text.parse::<DocumentMut>().map_err(|error| ScaffoldError::Template(error.to_string()));
    let mut whole = read(&filled(embedded::text("sdk/templates/plugin.toml"), wish, &kinds))?;
    for kind in &kinds {
        let part = read(embedded::text(&format!("sdk/templates/points/{}.toml", kind.name())))?;
        merge(whole.as_table_mut(), part.as_table());
    }
    if let Some(mib) = wish.language.memory_mib() {
        whole["memory_mib"] = toml_edit::value(i64::from(mib));
    }
    arrange(whole.as_table_mut());
    Ok(whole.to_string())
}

/// Puts each table behind the one that it belongs to, and the sentences last.
fn arrange(whole: &mut Table) {
    const SENTENCES: &str = "locales";
    let mut next = 0;
    for wants_sentences in [false, true] {
        for (_, item) in whole.iter_mut().filter(|(key, _)| (key.get() == SENTENCES) == wants_sentences) {
            place(item, &mut next);
        }
    }
}

fn place(item: &mut Item, next: &mut isize) {
    match item {
        Item::Table(table) => place_table(table, next),
        Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|table| place_table(table, next)),
        _ => {}
    }
}

fn place_table(table: &mut Table, next: &mut isize) {
    table.set_position(Some(*next));
    *next += 1;
    table.iter_mut().for_each(|(_, item)| place(item, next));
}

/// Joins tables and appends to arrays of tables; a permission that is asked for already stays as it is.
fn merge(whole: &mut Table, part: &Table) {
    for (key, item) in part {
        match (whole.get_mut(key), item) {
            (Some(Item::Table(known)), Item::Table(more)) => merge(known, more),
            (Some(Item::ArrayOfTables(known)), Item::ArrayOfTables(more)) => {
                let name = |table: &Table| table.get("name").and_then(Item::as_str).map(str::to_owned);
                for table in more {
                    if !known.iter().any(|one| name(one).is_some() && name(one) == name(table)) {
                        known.push(table.clone());
                    }
                }
            }
            (Some(_), _) => {}
            (None, item) => {
                whole.insert(key, item.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use heptad_model::Manifest;

    use super::*;

    fn wish(points: &[Point]) -> Wish {
        let (name, publisher) = ("tea-club".to_owned(), "tea-house".to_owned());
        Wish { name, publisher, language: Language::Rust, points: points.to_vec() }
    }

    #[test]
    fn a_project_serves_each_point_alone_and_all_together() {
        let each = Point::ALL.iter().map(std::slice::from_ref);
        for points in each.chain([&Point::ALL[..]]) {
            let folder = tempfile::tempdir().unwrap();
            create(folder.path(), &wish(points)).unwrap();
            let text = fs::read_to_string(folder.path().join("plugin.toml")).unwrap();
            let manifest = Manifest::from_toml(&text).unwrap();
            assert_eq!((manifest.name.as_str(), &manifest.points[..]), ("tea-club", points), "{text}");
            let library = fs::read_to_string(folder.path().join("src/lib.rs")).unwrap();
            for kind in kinds(points) {
                assert!(library.contains(&format!("mod {};", kind.name())), "{library}");
                assert!(folder.path().join(format!("src/{}.rs", kind.name())).is_file());
            }
            assert!(!library.contains("{{") && folder.path().join(".gitignore").is_file());
        }
    }

    #[test]
    fn a_folder_with_something_in_it_and_a_name_that_is_none_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mine.txt"), "mine").unwrap();
        let refused = create(folder.path(), &wish(&[Point::DiscountOrder])).unwrap_err();
        assert!(matches!(refused, ScaffoldError::NotEmpty(_)), "{refused}");
        let other = folder.path().join("other");
        let wrong = Wish { name: "Tea Club".to_owned(), ..wish(&[Point::DiscountOrder]) };
        assert!(matches!(create(&other, &wrong), Err(ScaffoldError::Manifest(_))));
        assert!(matches!(create(&other, &wish(&[])), Err(ScaffoldError::NoPoint)));
        assert!(!other.exists());
    }
}
