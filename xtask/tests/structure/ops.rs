//! What stands in `ops/` names settings that there are, gives a process the time that it needs to stop, and holds no
//! secret.

use std::collections::BTreeSet;

use yaml_rust2::{Yaml, YamlLoader};

use crate::tree::{read, those};

/// Variables that are no setting: of the master key, of the file of settings, and of compose itself.
const OTHERS: [&str; 4] = ["HEPTAD_MASTER_KEY", "HEPTAD_PREVIOUS_MASTER_KEY", "HEPTAD_CONFIG", "HEPTAD_IMAGE"];

/// In how many seconds of SIGTERM a process has ended.
const STOP: i64 = 30;

/// The variables of all settings, with their defaults.
fn settings() -> Vec<(String, String)> {
    let (mut section, mut found) = (String::new(), Vec::new());
    for line in read("host/server/config.default.toml").lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_uppercase();
        } else if let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            found.push((format!("HEPTAD_{section}__{}", key.to_uppercase()), value.to_owned()));
        }
    }
    found
}

fn number(variable: &str) -> i64 {
    let all = settings();
    let (_, value) = all.iter().find(|(name, _)| name == variable).expect(variable);
    value.parse().expect(variable)
}

/// The names of variables in a text.
fn variables(text: &str) -> BTreeSet<&str> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_word(letter));
    words.filter(|word| word.starts_with("HEPTAD_") && *word == word.to_uppercase()).collect()
}

fn unknown<'t>(text: &'t str, known: &[(String, String)]) -> Vec<&'t str> {
    let is_known = |name: &&str| known.iter().any(|(setting, _)| setting == name) || OTHERS.contains(name);
    variables(text).into_iter().filter(|name| !is_known(name)).collect()
}

fn yaml(file: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn every_variable_is_a_setting() {
    let (known, mut seen) = (settings(), 0);
    assert!(known.len() > 25, "{known:?}");
    for file in those("ops/", "") {
        let text = read(file);
        assert_eq!(unknown(&text, &known), Vec::<&str>::new(), "{file}");
        seen += variables(&text).len();
    }
    assert!(seen > 20, "{seen}");
    assert_eq!(
        unknown("HEPTAD_SERVER__LISTEN=1 HEPTAD_SERVER__LISTENS=2 $HEPTAD_NOTHING", &known),
        ["HEPTAD_NOTHING", "HEPTAD_SERVER__LISTENS"]
    );
}

#[test]
fn whoever_stops_a_process_waits_until_it_has_stopped() {
    // Beside its drain a process delivers for `DRAIN` and `RELEASE` of `delivery/src/lib.rs`; after both it has `FLUSH` and
    // `CLOSE` of `server/src/lifecycle.rs`.
    let stop = |unready: i64, drain: i64| unready + drain.max(12 + 3) + 5 + 2;
    let usual = stop(number("HEPTAD_SERVER__UNREADY_SECONDS"), number("HEPTAD_SERVER__DRAIN_SECONDS"));
    let unit = read("ops/heptad.service");
    let patience = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).expect("TimeoutStopSec");
    assert!(usual <= STOP && patience.parse::<i64>().expect("seconds") > usual, "{usual}");
    let documents = yaml("ops/kubernetes.yaml");
    let pod = &documents[0]["spec"]["template"]["spec"];
    let env = pod["containers"][0]["env"].as_vec().expect("variables");
    let value = |variable: &str| {
        let named = env.iter().find(|one| one["name"].as_str() == Some(variable)).expect(variable);
        named["value"].as_str().expect("a value").to_owned()
    };
    let seconds = |text: &str| text.parse::<i64>().expect("seconds");
    let longest =
        stop(seconds(&value("HEPTAD_SERVER__UNREADY_SECONDS")), seconds(&value("HEPTAD_SERVER__DRAIN_SECONDS")));
    assert!(longest <= STOP && pod["terminationGracePeriodSeconds"].as_i64() > Some(longest), "{longest}");
    let compose = yaml("ops/compose.yaml");
    let process = &compose[0]["x-heptad"];
    let value = |variable: &str| seconds(process["environment"][variable].as_str().expect(variable));
    let longest = stop(value("HEPTAD_SERVER__UNREADY_SECONDS"), value("HEPTAD_SERVER__DRAIN_SECONDS"));
    let grace = process["stop_grace_period"].as_str().and_then(|text| text.strip_suffix('s')).expect("seconds");
    assert!(longest <= STOP && seconds(grace) > longest, "{longest}");
}

#[test]
fn pages_of_plugins_are_served_where_many_processes_run() {
    for file in ["ops/compose.yaml", "ops/kubernetes.yaml"] {
        let text = read(file);
        let named = variables(&text);
        assert!(named.contains("HEPTAD_APPS__LISTEN") && named.contains("HEPTAD_APPS__URL"), "{file}");
        assert!(text.contains("{install}."), "{file}");
    }
}

#[test]
fn nothing_secret_stands_in_the_files() {
    for document in yaml("ops/kubernetes.yaml") {
        assert_ne!(document["kind"].as_str(), Some("Secret"));
        for kind in ["initContainers", "containers"] {
            for container in document["spec"]["template"]["spec"][kind].as_vec().into_iter().flatten() {
                for one in container["env"].as_vec().into_iter().flatten() {
                    let name = one["name"].as_str().unwrap_or_default();
                    let is_secret =
                        name.ends_with("_KEY") || name.starts_with("HEPTAD_DATABASE__") && name.ends_with("URL");
                    assert!(!is_secret || one["valueFrom"]["secretKeyRef"]["key"].as_str().is_some(), "{name}");
                }
            }
        }
    }
    let compose = read("ops/compose.yaml");
    for line in compose.lines().filter(|line| line.contains("PASSWORD:") || line.contains("_KEY:")) {
        assert!(line.contains("${"), "{line}");
    }
}
