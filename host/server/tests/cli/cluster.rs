//! Several processes as one server: on PostgreSQL, NATS and a folder of components that all share.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use heptad_store::both_databases;
use heptad_store::dialect::Dialect;
use heptad_store::testing::TestDatabase;
use heptad_store::{Store, StoreOptions};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::events::{World, call, publish};
use crate::load::Load;
use crate::serve::half_a_request;
use crate::servers::{Nats, Postgres};
use crate::support::{Heptad, Serving, get, until};

/// How long NATS and PostgreSQL are gone.
const GONE: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(3));
/// The same, with `cargo xtask test --full`.
const GONE_FULL: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// How long a process may take to end after SIGTERM.
const END: Duration = Duration::from_secs(30);
/// The key of the installation: the machines share it.
const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

fn gone() -> (Duration, Duration) {
    if std::env::var_os("HEPTAD_TEST_FULL").is_some() { GONE_FULL } else { GONE }
}

async fn pass(time: Duration) {
    tokio::time::timeout(time, std::future::pending::<()>()).await.unwrap_err();
}

/// One machine of an installation; the folder of components lies in its own folder.
fn machine(heptad: Heptad) -> Heptad {
    let shared = format!("file://{}", heptad.path("shared").display());
    heptad.set("HEPTAD_MASTER_KEY", KEY).set("HEPTAD_COMPONENTS__URL", &shared)
}

fn urls(processes: &[Serving]) -> Vec<String> {
    processes.iter().map(|process| process.url.clone()).collect()
}

/// What a process says of its readiness.
async fn readiness(url: &str) -> (u16, Value) {
    let (status, body) = get(&format!("{url}/readyz")).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

/// Waits until a process says that it is ready, and that NATS is as expected.
async fn ready(url: &str, nats: &str) {
    until("a process is ready", async || match readiness(url).await {
        (200, body) if body["parts"]["nats"] == nats => Some(()),
        _ => None,
    })
    .await;
}

/// Waits until a process says that it is not ready because of this.
async fn not_ready(url: &str, part: &str) {
    until("a process is not ready", async || match readiness(url).await {
        (503, body) if body["fields"][0]["field"] == part => Some(()),
        _ => None,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_lose_nothing_while_one_is_killed_and_nats_and_postgresql_stop_and_a_disk_is_full() {
    let (nats_gone, postgres_gone) = gone();
    let (mut postgres, mut nats) = (Postgres::start(), Nats::start());
    let (url, owner) = (postgres.url("heptad_server"), postgres.url("heptad_owner"));
    let heptad = machine(Heptad::on_url(&url, &owner, "heptad_server").guarded());
    let heptad = heptad.set("HEPTAD_NATS__URL", &nats.url());
    heptad.run(&["migrate"]).ended(0);
    let store = Store::open(&StoreOptions::new(url)).await.unwrap();
    let world = World::new(heptad, store).await;
    let machines: Vec<Heptad> = (0..3).map(|_| world.heptad.another()).collect();
    let mut processes: Vec<Serving> = machines.iter().map(Heptad::serve).collect();
    for process in &processes {
        ready(&process.url, "connected").await;
    }
    let load = Load::start(&world, urls(&processes));
    load.goes_on(10).await;

    // One is killed; the others take over what it held.
    processes[0].running.signal(Signal::KILL);
    load.goes_on(10).await;
    processes[0] = machines[0].serve();
    load.send_to(urls(&processes));

    // NATS goes: the processes are ready without it.
    nats.stop();
    for process in &processes {
        ready(&process.url, "disconnected").await;
    }
    load.goes_on(5).await;
    pass(nats_gone).await;
    nats.start_again();
    for process in &processes {
        ready(&process.url, "connected").await;
    }
    load.goes_on(5).await;

    // The disk of one is full: it says so, and the others work.
    processes[1].running.limit_files(Some(0));
    not_ready(&processes[1].url, "data-folder").await;
    assert_eq!(readiness(&processes[2].url).await.0, 200);
    load.goes_on(5).await;
    processes[1].running.limit_files(None);
    ready(&processes[1].url, "connected").await;

    // PostgreSQL goes: nobody is ready until it is back, and then everybody is.
    postgres.stop();
    for process in &processes {
        not_ready(&process.url, "database").await;
        told_soon(process, &world.shop).await;
    }
    pass(postgres_gone).await;
    postgres.start_again();
    for process in &processes {
        ready(&process.url, "connected").await;
    }
    load.goes_on(10).await;
    load.end(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_under_load_fails_no_request_and_loses_nothing() {
    // `cargo xtask rolling` passes the binary of the commit before; else the present one is restarted.
    let previous = std::env::var_os("HEPTAD_PREVIOUS_BIN").map(PathBuf::from);
    let database = TestDatabase::create(Dialect::Postgres).await;
    let nats = Nats::start();
    let heptad = machine(Heptad::on(&database).set("HEPTAD_SERVER__UNREADY_SECONDS", "1"));
    let heptad = heptad.set("HEPTAD_NATS__URL", &nats.url());
    let world = World::new(heptad, database.open().await).await;
    let present: Vec<Heptad> = (0..3).map(|_| world.heptad.another()).collect();
    let before = |heptad: Heptad| match &previous {
        Some(program) => heptad.program(program.clone()),
        None => heptad,
    };
    let mut processes: Vec<Serving> = (0..3).map(|_| before(world.heptad.another()).serve()).collect();
    let load = Load::start(&world, urls(&processes));
    load.goes_on(5).await;
    for number in 0..processes.len() {
        let stops = std::mem::replace(&mut processes[number], present[number].serve());
        // As a load balancer does: no more to one that is not ready.
        let begun = Instant::now();
        stops.running.signal(Signal::TERM);
        until("a process is not ready", async || (readiness(&stops.url).await.0 == 503).then_some(())).await;
        load.send_to(urls(&processes));
        let (code, log) = tokio::task::block_in_place(|| stops.running.wait());
        assert_eq!(code, Some(0), "{log}");
        assert!(begun.elapsed() < END, "{:?}", begun.elapsed());
        load.goes_on(5).await;
    }
    assert_eq!(load.failures(), Vec::<String>::new());
    load.end(&world).await;
}

/// Whoever asks a process whose database is away is told so in two seconds, and when to come back.
async fn told_soon(process: &Serving, token: &str) {
    let asked = Instant::now();
    let lines = json!({"lines": [{"sku": "K0", "quantity": 1}]});
    let request = reqwest::Client::new().post(format!("{}/v1/quotes", process.url)).bearer_auth(token).json(&lines);
    let answer = request.send().await.unwrap();
    let (took, again) = (asked.elapsed(), answer.headers().get("retry-after").cloned());
    let (status, problem) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
    assert_eq!((status, &problem["code"], again.is_some()), (503, &json!("database-away"), true), "{problem}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// Switches a plugin off at one process, and sees how long another one still asks it.
async fn change(nats: Option<&Nats>) {
    let database = TestDatabase::create(Dialect::Postgres).await;
    let mut heptad = machine(Heptad::on(&database));
    if let Some(nats) = nats {
        heptad = heptad.set("HEPTAD_NATS__URL", &nats.url());
    }
    let world = World::new(heptad, database.open().await).await;
    let (here, there) = (world.heptad.another().serve(), world.heptad.another().serve());
    publish(&world.heptad, &here, "hello-discount").await;
    let install = json!({"plugin": "hello-discount", "granted": []});
    let install = call(&here, &world.owner, "POST", "/v1/installs", &install).await;
    let switch = format!("/v1/installs/{}", install["id"].as_str().unwrap());
    let discount = async || {
        let lines = json!({"lines": [{"sku": "K0", "quantity": 20}]});
        call(&there, &world.shop, "POST", "/v1/quotes", &lines).await["discount"].as_i64().unwrap()
    };
    let turns = [("enable", true), ("disable", false), ("enable", true), ("disable", false)];
    for (turn, (action, expected)) in turns.into_iter().enumerate() {
        call(&here, &world.owner, "POST", &format!("{switch}/{action}"), &Value::Null).await;
        let changed = Instant::now();
        let mut ticks = tokio::time::interval(Duration::from_millis(40));
        until("the other process knows", async || {
            ticks.tick().await;
            ((discount().await > 0) == expected).then_some(())
        })
        .await;
        // The first time its code is compiled.
        let took = changed.elapsed();
        assert!(took < Duration::from_secs(1) || turn == 0, "{action} took {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_reaches_the_other_process_within_a_second() {
    change(Some(&Nats::start())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_reaches_the_other_process_within_a_second_with_nats_stopped() {
    let mut nats = Nats::start();
    nats.stop();
    change(Some(&nats)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_a_process_within_half_a_minute_whatever_hangs() {
    let mut postgres = Postgres::start();
    let (url, owner) = (postgres.url("heptad_server"), postgres.url("heptad_owner"));
    let heptad = Heptad::on_url(&url, &owner, "heptad_server");
    heptad.run(&["migrate"]).ended(0);
    let token = crate::serve::token(&heptad);
    let serving = heptad.serve();
    // Said when everything has begun.
    serving.running.line_after("there is no operator yet");
    let _slow = half_a_request(&serving, &token).await;
    postgres.stop();
    let begun = Instant::now();
    serving.running.signal(Signal::TERM);
    let (code, log) = tokio::task::block_in_place(|| serving.running.wait());
    assert_eq!(code, Some(0), "{log}");
    assert!(begun.elapsed() < END, "{:?}: {log}", begun.elapsed());
}

both_databases! {
    async fn a_process_whose_disk_is_full_is_not_ready_until_there_is_room(database: TestDatabase) {
        let heptad = Heptad::on(&database).guarded();
        let serving = heptad.serve();
        ready(&serving.url, "off").await;
        serving.running.limit_files(Some(0));
        not_ready(&serving.url, "data-folder").await;
        assert_eq!(serving.get("/healthz").await.0, 200);
        serving.running.limit_files(None);
        ready(&serving.url, "off").await;
        serving.running.signal(Signal::TERM);
        assert_eq!(serving.running.wait().0, Some(0));
    }
}
