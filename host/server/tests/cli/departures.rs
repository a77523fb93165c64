//! What leaves the host and what runs by the clock, under the death of the process: endpoints are told of everything in the
//! order of each key, requests that a plugin left come with one idempotency key each, and a run happens once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use heptad_model::Env;
use heptad_model::id::InstallId;
use heptad_platform::kv::kv_get;
use heptad_store::{Tx, both_databases};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::events::{KEYS, World, call, publish, publish_as, tell};
use crate::support::{Heptad, PATIENCE, Serving};

/// How often the process is killed; each life tells once of each key and runs the schedule once.
const LIVES: usize = 6;

/// What came to a server elsewhere.
#[derive(Default)]
struct Came {
    /// The numbers of the events that the endpoint was told of, by key, in the order in which each came first.
    told: BTreeMap<String, Vec<i64>>,
    /// The idempotency keys of each request that the plugin left, by what it says: the event's key and number.
    carried: BTreeMap<String, BTreeSet<String>>,
}

/// A server elsewhere that takes webhooks, and requests that plugins leave.
#[derive(Clone)]
struct Elsewhere {
    host: String,
    came: Arc<Mutex<Came>>,
}

impl Elsewhere {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let came = Arc::<Mutex<Came>>::default();
        let app = Router::new().fallback(take).with_state(came.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { host, came }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    fn with<T>(&self, f: impl FnOnce(&Came) -> T) -> T {
        f(&self.came.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn take(State(came): State<Arc<Mutex<Came>>>, uri: Uri, headers: HeaderMap, body: Bytes) {
    let mut came = came.lock().unwrap_or_else(PoisonError::into_inner);
    if uri.path() == "/hooks" {
        let event: Value = serde_json::from_slice(&body).unwrap();
        let seq = event["sequence"].as_str().unwrap().parse().unwrap();
        let told = came.told.entry(event["subject"].as_str().unwrap().to_owned()).or_default();
        if !told.contains(&seq) {
            told.push(seq);
        }
    } else {
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        came.carried.entry(String::from_utf8(body.to_vec()).unwrap()).or_default().insert(key);
    }
}

/// Installs and enables a plugin; its id.
async fn install(world: &World, serving: &Serving, body: &Value) -> InstallId {
    let made = call(serving, &world.owner, "POST", "/v1/installs", body).await;
    let id = made["id"].as_str().unwrap();
    call(serving, &world.owner, "POST", &format!("/v1/installs/{id}/enable"), &Value::Null).await;
    id.parse().unwrap()
}

/// A shop whose stock a webhook and a courier carry elsewhere, and whose timetable runs; timetable and schedule.
async fn set_up(world: &World, elsewhere: &Elsewhere) -> (InstallId, String) {
    let serving = world.heptad.serve();
    publish(&world.heptad, &serving, "timetable").await;
    publish_as(&world.heptad, &serving, "courier", |manifest| {
        manifest.hosts[0].name.clone_from(&elsewhere.host);
        manifest.secrets.clear();
    })
    .await;
    let settings = json!({"mode": "post", "url": elsewhere.url("/carrier"), "body": "no ", "size": 0});
    let courier = json!({
        "plugin": "courier", "settings": settings, "hosts": [elsewhere.host],
        "granted": ["mall.inventory.read", "platform.kv.write", "platform.outbound.enqueue"],
    });
    install(world, &serving, &courier).await;
    let timetable =
        json!({"plugin": "timetable", "granted": ["platform.kv.read", "platform.kv.write"], "settings": {}});
    let timetable = install(world, &serving, &timetable).await;
    let webhook = json!({"url": elsewhere.url("/hooks"), "types": ["inventory.changed"]});
    call(&serving, &world.staff, "POST", "/v1/webhooks", &webhook).await;
    let schedules = call(&serving, &world.staff, "GET", "/v1/schedules", &Value::Null).await;
    let nightly = schedules.as_array().unwrap().iter().find(|one| one["name"] == "nightly").unwrap();
    (timetable, nightly["id"].as_str().unwrap().to_owned())
}

/// How often the schedule should have run, and how often the timetable says that it did.
async fn runs(world: &World, serving: &Serving, timetable: InstallId, schedule: &str) -> (usize, usize) {
    let path = format!("/v1/schedules/{schedule}/runs?limit=200");
    let asked = call(serving, &world.staff, "GET", &path, &Value::Null).await;
    let asked = asked["items"].as_array().unwrap().iter().filter(|run| run["asked_by"].is_string()).count();
    let page = async |mut tx: Tx| kv_get(&mut tx, timetable, &["page/nightly".to_owned()]).await;
    let page = world.store.read(&world.ctx, page).await.unwrap();
    let page = page.into_iter().next().map(|entry| String::from_utf8(entry.value).unwrap()).unwrap_or_default();
    (asked, page.split_whitespace().filter(|run| run.ends_with('h')).count())
}

both_databases! {
    async fn killed_at_random_what_leaves_comes_in_order_and_a_run_happens_once(database: TestDatabase) {
        let elsewhere = Elsewhere::start().await;
        let heptad = Heptad::on(&database).set("HEPTAD_OUTBOUND__ALLOWED_RANGES", "[\"127.0.0.0/8\"]");
        let world = World::new(heptad, database.open().await).await;
        let (timetable, schedule) = set_up(&world, &elsewhere).await;
        let (env, mut random) = (Env::fixed(2), [0; 1]);
        for life in 0..LIVES {
            let serving = world.heptad.serve();
            let run = format!("/v1/schedules/{schedule}/run");
            call(&serving, &world.staff, "POST", &run, &Value::Null).await;
            for number in 0..KEYS {
                assert!(tell(&serving.url, &world.staff, &format!("K{number}"), life).await);
            }
            env.fill(&mut random);
            let lives = Duration::from_millis(u64::from(random[0]));
            tokio::time::timeout(lives, std::future::pending::<()>()).await.unwrap_err();
            serving.running.signal(Signal::KILL);
        }
        let serving = world.heptad.serve();
        world.is_whole().await;
        let happened: BTreeMap<String, Vec<i64>> = world.happened().await.into_iter()
            .map(|(key, seqs)| (key, seqs.split_whitespace().map(|seq| seq.parse().unwrap()).collect()))
            .collect();
        let left: usize = happened.values().map(Vec::len).sum();
        let until = Instant::now() + PATIENCE;
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            elsewhere.with(|came| {
                for (key, told) in &came.told {
                    assert!(happened[key].starts_with(told), "{key} was told in the order {told:?}");
                }
                for (said, keys) in &came.carried {
                    assert!(keys.len() <= KEYS, "{said} was left more often than it happened: {keys:?}");
                }
            });
            let told = elsewhere.with(|came| came.told == happened);
            let carried = elsewhere.with(|came| came.carried.values().map(BTreeSet::len).sum::<usize>());
            let (asked, run) = runs(&world, &serving, timetable, &schedule).await;
            if told && carried == left && asked == run && run >= LIVES {
                return;
            }
            assert!(Instant::now() < until, "told: {told}, carried {carried} of {left}, {run} runs of {asked}");
        }
    }
}
