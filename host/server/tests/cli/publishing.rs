//! `heptad plugin publish`, `versions`, `release` and `dev`: from a project to a server, and to a shop on this machine.

use std::fs;

use heptad_store::both_databases;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Heptad, guests, shop};

both_databases! {
    async fn a_publisher_publishes_lists_and_withdraws(database: TestDatabase) {
        let heptad = Heptad::on(&database);
        shop(&heptad, "corner");
        heptad.run(&["publisher", "create", "heptad", "--name", "Heptad"]).ended(0);
        let token = heptad.run(&["token", "create", "--role", "publisher", "--publisher", "heptad", "--output", "json"]).json();
        let server = heptad.serve();
        let (url, token) = (server.url.clone(), token["token"].as_str().unwrap().to_owned());
        let built = format!("{}/hello-discount.wasm", guests());
        let key = heptad.path("release.pem").display().to_string();
        let made = heptad.run(&["plugin", "key", &key, "--output", "json"]).json();
        let at = |arguments: &[&str]| heptad.run(&[arguments, &["--server", &url, "--token", &token]].concat());
        let publish = ["plugin", "publish", "--built", &built, "--output", "json"];
        let unknown = at(&[&publish[..], &["--key", &key]].concat()).ended(2);
        unknown.says("[signing-key-unknown]");
        let version = at(&publish).json();
        assert_eq!((&version["plugin"], &version["state"]), (&Value::from("hello-discount"), &Value::from("submitted")));
        // The same bytes are the same version.
        assert_eq!(at(&publish).json()["id"], version["id"]);
        let listed = at(&["plugin", "versions", "hello-discount", "--output", "json"]).json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        at(&["plugin", "versions", "nothing"]).ended(2).says("[not-found]");
        at(&["plugin", "release", "hello-discount", "0.1.0", "--state", "withdrawn"]).ended(2).says("[not-approved]");
        at(&["plugin", "release", "hello-discount", "9.9.9"]).ended(2).says("hint: heptad plugin versions hello-discount");
        let nobody = heptad.run(&["plugin", "versions", "hello-discount", "--server", &url, "--token", "hpt_0"]).ended(2);
        nobody.says("hint: ");
        let nowhere = heptad.run(&["plugin", "versions", "x", "--server", "http://127.0.0.1:1", "--token", "hpt_0"]);
        nowhere.ended(1).says("cannot ask http://127.0.0.1:1");
        assert!(made["public_key"].as_str().unwrap().len() == 64);
    }
}

#[test]
fn a_change_of_the_sources_is_swapped_in_within_a_second_and_a_failed_build_changes_nothing() {
    let cache = std::env::var("HEPTAD_TEST_CACHE").expect("run `cargo xtask test`");
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("tea-club");
    let path = project.display().to_string();
    let heptad =
        Heptad::new().set("CARGO_NET_OFFLINE", "true").set("CARGO_BUILD_BUILD_DIR", &format!("{cache}/projects"));
    heptad.run(&["plugin", "new", &path]).ended(0);
    let dev = heptad.start(&["plugin", "dev", &path, "--port", "0", "--json"]);
    let next = |wanted: &str| -> Value {
        let found = dev.find(|line| {
            let told: Value = serde_json::from_str(line).ok()?;
            (told["event"] == wanted).then_some(told)
        });
        found.unwrap_or_else(|| panic!("the command ended before `{wanted}`"))
    };
    assert!(next("ready")["url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert_eq!(next("swapped")["version"], "0.1.0-dev.1");
    let source = project.join("src/discount.rs");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("cart.pieces() < pieces", "cart.pieces() <= pieces")).unwrap();
    let swapped = next("swapped");
    assert_eq!(swapped["version"], "0.1.0-dev.2");
    assert!(swapped["millis"].as_u64().unwrap() < 1_000, "{swapped}");
    fs::write(&source, "this is no Rust").unwrap();
    assert!(next("build-failed")["error"].as_str().unwrap().contains("cargo"));
    fs::write(&source, text).unwrap();
    assert_eq!(next("swapped")["version"], "0.1.0-dev.3");
    dev.signal(Signal::TERM);
    assert_eq!(dev.wait().0, Some(0));
}
