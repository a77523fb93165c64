//! `heptad serve`: from outside, with real signals.

use heptad_store::both_databases;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Heptad, PATIENCE, Serving, get, shop, until};

/// A token of a new shop's storefront.
pub(crate) fn token(heptad: &Heptad) -> String {
    shop(heptad, "corner");
    let made = heptad.run(&["token", "create", "--role", "shop", "--tenant", "corner", "--output", "json"]).json();
    made["token"].as_str().unwrap().to_owned()
}

/// A request whose head has come and whose body has not: the handler waits for `:[]}`.
pub(crate) async fn half_a_request(serving: &Serving, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(serving.address()).await.unwrap();
    let head = format!(
        "POST /v1/quotes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{{\"lines\""
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

both_databases! {
    async fn it_serves_and_ends_at_sigterm(database: TestDatabase) {
        let heptad = Heptad::on(&database);
        let serving = heptad.serve();
        let link = serving.running.line_after("there is no operator yet: become it at ");
        assert_eq!(serving.get("/healthz").await.0, 200);
        assert_eq!(serving.get("/readyz").await.0, 200);
        assert_eq!(serving.get("/openapi.json").await.0, 200);
        assert_eq!(get(&link).await.0, 200, "{link}");
        let (status, metrics) = get(&serving.metrics).await;
        assert_eq!(status, 200);
        for line in [
            "# HELP heptad_http_requests_total Requests answered",
            "# TYPE heptad_db_begin_seconds histogram",
            "heptad_db_transactions_total{kind=\"read\",outcome=\"committed\"} ",
            "heptad_db_conflicts_total 0",
            "heptad_installs_read_timestamp_seconds 1",
            "heptad_http_connections ",
            "heptad_build_info{release=",
            "process_resident_memory_bytes ",
            "process_open_fds ",
        ] {
            assert!(metrics.contains(line), "no {line} in {metrics}");
        }
        assert_eq!(serving.get("/metrics").await.0, 404);
        serving.running.signal(Signal::TERM);
        let (code, log) = serving.running.wait();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("not ready any more") && log.contains("stopped"), "{log}");
        // The link is a secret.
        assert!(!log.contains("hpl_"), "{log}");
    }

    async fn a_request_that_runs_is_answered_before_the_end(database: TestDatabase) {
        let heptad = Heptad::on(&database).set("HEPTAD_SERVER__UNREADY_SECONDS", "1");
        let token = token(&heptad);
        let serving = heptad.serve();
        let mut slow = half_a_request(&serving, &token).await;
        serving.running.signal(Signal::TERM);
        until("/readyz says 503", async || match serving.get("/readyz").await {
            (503, body) if body.contains("\"stopping\"") => Some(()),
            _ => None,
        })
        .await;
        until("the listener closes", async || TcpStream::connect(serving.address()).await.err()).await;
        slow.write_all(b":[]}").await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, slow.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(answer.contains("lines"), "{answer}");
        assert_eq!(serving.running.wait().0, Some(0));
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let heptad = Heptad::new().set("HEPTAD_SERVER__HEADER_TIMEOUT_SECONDS", "1");
    heptad.run(&["migrate"]).ended(0);
    let serving = heptad.serve();
    let mut slow = TcpStream::connect(serving.address()).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, slow.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_request_that_never_ends_holds_the_end_up_for_a_while_only() {
    let heptad = Heptad::new().set("HEPTAD_SERVER__DRAIN_SECONDS", "1").set("HEPTAD_SERVER__UNREADY_SECONDS", "1");
    heptad.run(&["migrate"]).ended(0);
    let token = token(&heptad);
    let serving = heptad.serve();
    let _slow = half_a_request(&serving, &token).await;
    serving.running.signal(Signal::TERM);
    let (code, log) = serving.running.wait();
    assert_eq!(code, Some(0));
    assert!(log.contains("requests unanswered: they took more than 1 s"), "{log}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let heptad = Heptad::new().set("HEPTAD_SERVER__UNREADY_SECONDS", "300");
    heptad.run(&["migrate"]).ended(0);
    let serving = heptad.serve();
    serving.running.signal(Signal::TERM);
    until("/readyz says 503", async || (serving.get("/readyz").await.0 == 503).then_some(())).await;
    serving.running.signal(Signal::INT);
    assert_eq!(serving.running.wait().0, Some(130));
}

#[test]
fn log_lines_are_json_when_asked_for() {
    let heptad = Heptad::new();
    heptad.run(&["migrate"]).ended(0);
    let running = heptad.start(&["serve", "--log-format", "json"]);
    running.line_after("listening on ");
    running.signal(Signal::TERM);
    let (code, log) = running.wait();
    assert_eq!(code, Some(0));
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["message"].is_string() && line["level"].is_string(), "{line}");
    }
    assert!(log.contains("\"stopped\""), "{log}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let heptad = Heptad::new().set("HEPTAD_SERVER__LISTEN", &address);
    heptad.run(&["migrate"]).ended(0);
    heptad.run(&["serve"]).ended(1).says(&format!("cannot listen on {address}")).says("hint: set `server.listen`");
}
