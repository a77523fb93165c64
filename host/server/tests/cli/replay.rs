//! `heptad plugin replay`: a call of a running server, run again by another process.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{PATIENCE, demo_shop, guests};

#[tokio::test]
async fn a_call_of_the_server_is_replayed_bit_for_bit_and_on_a_changed_plugin() {
    let (serving, token, body, heptad) = demo_shop(&[("HEPTAD_SANDBOX__RECORD_ONE_IN", "1")]);
    let request = reqwest::Client::new().post(format!("{}/v1/quotes?include=trace", serving.url)).timeout(PATIENCE);
    let request = request.bearer_auth(token).header("content-type", "application/json").body(body);
    let quote: Value = request.send().await.unwrap().json().await.unwrap();
    let call = &quote["trace"]["calls"][0];
    assert_eq!(call["plugin"], "member-pricing", "{quote:#}");
    let id = call["id"].as_str().unwrap();
    // A clean stop writes what was recorded.
    serving.running.signal(Signal::TERM);
    assert_eq!(serving.running.wait().0, Some(0));

    let same = heptad.run(&["plugin", "replay", id, "--output", "json"]).json();
    assert_eq!(same["differences"], serde_json::json!([]), "{same:#}");
    assert_eq!((&same["fuel_recorded"], &same["fuel_replayed"]), (&call["fuel"], &call["fuel"]));
    let human = heptad.run(&["plugin", "replay", id]).ended(0).stdout;
    assert!(human.contains("the same, bit for bit"), "{human}");

    let other = format!("{}/hello-discount.wasm", guests());
    let text = heptad.run(&["plugin", "replay", id, "--with", &other]).ended(0).stdout;
    assert!(text.contains("answer differs") && text.contains("fuel differs"), "{text}");
    heptad.run(&["plugin", "replay", "cal_00000000000000000000000000000000"]).ended(2).says("there is no recording");
    heptad.run(&["plugin", "replay", "nonsense"]).ended(2);
}
