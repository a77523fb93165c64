//! `heptad keys rotate`: what the old master key sealed opens under the new one, and under the old one no more.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Heptad, PATIENCE, demo_shop};

#[tokio::test]
async fn a_recording_opens_under_the_new_master_key_and_not_under_the_old() {
    let (serving, token, body, heptad) = demo_shop(&[("HEPTAD_SANDBOX__RECORD_ONE_IN", "1")]);
    let request = reqwest::Client::new().post(format!("{}/v1/quotes?include=trace", serving.url)).timeout(PATIENCE);
    let request = request.bearer_auth(token).header("content-type", "application/json").body(body);
    let quote: Value = request.send().await.unwrap().json().await.unwrap();
    let call = quote["trace"]["calls"][0]["id"].as_str().unwrap().to_owned();
    serving.running.signal(Signal::TERM);
    assert_eq!(serving.running.wait().0, Some(0));
    let replay = |heptad: &Heptad| heptad.run(&["plugin", "replay", &call]);

    heptad.run(&["keys", "rotate"]).ended(3).says("no previous master key").says("hint: ");
    let old_file = heptad.path("old.key");
    std::fs::rename(heptad.path("demo/heptad.key"), &old_file).unwrap();
    replay(&heptad).ended(1).says("cannot be opened");
    let old = std::fs::read_to_string(&old_file).unwrap();
    let heptad = heptad.set("HEPTAD_DATA__PREVIOUS_KEY_FILE", &old_file.display().to_string());
    replay(&heptad).ended(0);
    let rotated = heptad.run(&["keys", "rotate", "--output", "json"]).json();
    assert_eq!(rotated, json!({ "sealed": 1, "current": 0, "lost": [] }));
    let again = heptad.run(&["keys", "rotate"]).ended(0);
    assert!(again.stdout.contains("0 keys sealed under the new master key, 1 were already"), "{again:?}");

    let heptad = heptad.set("HEPTAD_DATA__PREVIOUS_KEY_FILE", "");
    replay(&heptad).ended(0);
    let with_the_old = heptad.set("HEPTAD_MASTER_KEY", old.trim());
    replay(&with_the_old).ended(1).says("cannot be opened");
    // Without the key that sealed them, keys are named and left as they are.
    let wrong = with_the_old.set("HEPTAD_PREVIOUS_MASTER_KEY", &"0".repeat(64));
    wrong.run(&["keys", "rotate"]).ended(4).says("/recordings: what they seal cannot be read");
}
