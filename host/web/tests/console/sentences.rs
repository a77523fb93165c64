//! Every sentence stands in every language, with the same placeholders, and everything that the code asks for is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The sentences of a language by key, with the names of their placeholders.
fn sentences(tag: &str) -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(tag);
    let mut sentences: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut last = String::new();
    for file in std::fs::read_dir(folder).unwrap() {
        for line in std::fs::read_to_string(file.unwrap().path()).unwrap().lines() {
            if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.starts_with([' ', '#'])) {
                assert!(!sentences.contains_key(key), "`{key}` stands twice in {tag}");
                last = key.to_owned();
                sentences.insert(last.clone(), BTreeSet::new());
            }
            let names =
                line.split('$').skip(1).map(|rest| rest.split([' ', '}']).next().unwrap_or_default().to_owned());
            sentences.entry(last.clone()).or_default().extend(names);
        }
    }
    sentences.remove("");
    sentences
}

/// The texts of all files of a folder, by path.
fn files(folder: &Path, end: &str, into: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, end, into);
        } else if path.to_string_lossy().ends_with(end) {
            into.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_sentence_stands_in_both_languages() {
    let (zh, en) = (sentences("zh-CN"), sentences("en"));
    let missing: Vec<_> =
        zh.keys().filter(|key| !en.contains_key(*key)).chain(en.keys().filter(|key| !zh.contains_key(*key))).collect();
    assert!(missing.is_empty(), "in one language only: {missing:?}");
    for (key, names) in &zh {
        assert_eq!(names, &en[key], "placeholders of `{key}`");
    }
    assert!(zh.len() > 300, "{}", zh.len());
}

#[test]
fn every_key_that_the_code_names_has_a_sentence() {
    let known = sentences("en");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    files(&root.join("templates"), ".html", &mut sources);
    files(&root.join("src/console"), ".rs", &mut sources);
    let mut asked = BTreeSet::new();
    for (path, source) in &sources {
        for call in [".t(\"", ".t1(\"", ".t2(\""] {
            for rest in source.split(call).skip(1) {
                let key = rest.split('"').next().unwrap_or_default();
                assert!(known.contains_key(key), "{path}: `{key}` has no sentence");
                asked.insert(key.to_owned());
            }
        }
    }
    assert!(asked.len() > 200, "{}", asked.len());
}

#[test]
fn every_sentence_is_asked_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    files(&root.join("templates"), ".html", &mut sources);
    files(&root.join("src/console"), ".rs", &mut sources);
    files(&root.join("src/apps"), ".rs", &mut sources);
    let all: String = sources.into_iter().map(|(_, source)| source).collect();
    // Their keys are put together from data: codes, states, points, what was done.
    let families = [
        "done-",
        "refusal-",
        "rule-",
        "outcome-",
        "class-",
        "point-",
        "method-",
        "version-",
        "failure-",
        "dropped-",
        "step-",
        "role-",
        "limit-name-",
        "limit-field-",
        "severity-",
        "choice-",
        "breaker-effect-",
        "fate-",
        "delivery-",
        "letter-",
        "replay-",
        "webhook-health-",
        "schedule-state-",
        "schedule-missed-",
        "app-",
        "route-audience-",
        "facet-",
        "industry-",
        "capability-",
        "language-",
        "life-",
        "reach-",
    ];
    let idle: Vec<_> = sentences("en")
        .into_keys()
        .filter(|key| !families.iter().any(|family| key.starts_with(family)) && !all.contains(&format!("\"{key}\"")))
        .collect();
    assert!(idle.is_empty(), "nobody asks for {idle:?}");
}
