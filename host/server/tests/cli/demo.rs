//! `heptad demo`: what a newcomer sees.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Heptad, guests, repository};

fn arguments(data: &str) -> Vec<String> {
    let (orders, map) = (repository("examples/data/superstore.csv.gz"), repository("examples/data/superstore.toml"));
    ["demo", "--guests", &guests(), "--data-dir", data, "--orders", &orders, "--map", &map].map(str::to_owned).to_vec()
}

#[tokio::test]
async fn the_printed_line_prices_a_cart() {
    let heptad = Heptad::new();
    let arguments = arguments(&heptad.path("demo").display().to_string());
    let running = heptad.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let (mut roles, mut line) = (Vec::new(), None);
    running.find(|text| {
        roles.extend(text.split_whitespace().next().map(str::to_owned).filter(|_| text.starts_with("  ")));
        if text.starts_with("curl ") {
            line = Some(text.to_owned());
        }
        text.starts_with("Ctrl-C ends").then_some(())
    });
    for role in ["operator", "publisher", "owner", "staff", "shop"] {
        assert!(roles.iter().any(|word| word == role), "no {role} in {roles:?}");
    }
    let line = line.expect("a line to paste");
    // As a shell takes it apart: what stands between quotes is address, two headers and the body.
    let words: Vec<&str> = line.split('\'').skip(1).step_by(2).collect();
    let [url, authorization, content_type, body] = words[..] else { panic!("{line}") };
    let mut request = reqwest::Client::new().post(url).body(body.to_owned());
    for header in [authorization, content_type] {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 201);
    let quote: Value = response.json().await.unwrap();
    assert_eq!((&quote["currency"], &quote["subtotal"]), (&"CNY".into(), &65_700.into()));
    // Gold members have 10 % off, and of what is left two pieces have 10 % off, which is more than 50 yuan.
    assert_eq!((&quote["discount"], &quote["total"]), (&12_483.into(), &53_217.into()), "{quote:#}");
    let trace = quote["trace"].to_string();
    assert!(trace.contains("member-pricing") && trace.contains("quantity-breaks"), "{trace}");
    running.signal(Signal::INT);
    let (code, log) = running.wait();
    assert_eq!((code, log.as_str()), (Some(0), ""));
}

#[test]
fn a_demo_begins_afresh_and_once_ends_by_itself() {
    let heptad = Heptad::new();
    let data = heptad.path("demo").display().to_string();
    let mut arguments = arguments(&data);
    arguments.extend(["--once", "--output", "json"].map(str::to_owned));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let report = heptad.run(&arguments).json();
    assert_eq!(report["logins"].as_array().unwrap().len(), 5);
    heptad.run(&arguments).ended(4).says("is not empty").says("hint: ");
}
