//! Events under the death of the process: whatever moment it dies at, nothing is lost, nothing happens twice, and the order
//! of each key is kept. Looked at from outside, in the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heptad_model::id::InstallId;
use heptad_model::{Actor, Ctx, Env, Locale, Manifest, Origin};
use heptad_platform::PlatformError;
use heptad_platform::kv::kv_get;
use heptad_platform::tenant::tenant_by_slug;
use heptad_runtime::package::repack;
use heptad_store::{Store, StoreError, Tx, both_databases};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Heptad, PATIENCE, Serving, guests, shop};

/// How many events are told about how many keys, and how often the process is killed meanwhile.
const EVENTS: usize = 120;
pub(crate) const KEYS: usize = 10;
const KILLS: usize = 6;
/// The same, with `cargo xtask test --full`.
const FULL: (usize, usize) = (1_000, 200);

fn size() -> (usize, usize) {
    if std::env::var_os("HEPTAD_TEST_FULL").is_some() { FULL } else { (EVENTS, KILLS) }
}

/// A shop that tells of its stock, and the diary that writes it down.
pub(crate) struct World {
    pub(crate) heptad: Heptad,
    pub(crate) store: Store,
    pub(crate) ctx: Ctx,
    pub(crate) owner: String,
    pub(crate) staff: String,
    pub(crate) shop: String,
    pub(crate) install: InstallId,
}

fn secret(heptad: &Heptad, arguments: &[&str]) -> String {
    let made = heptad.run(&[&["token", "create", "--output", "json"], arguments].concat()).json();
    made["token"].as_str().unwrap().to_owned()
}

pub(crate) async fn call(serving: &Serving, token: &str, method: &str, path: &str, body: &Value) -> Value {
    let url = format!("{}{path}", serving.url);
    let request = reqwest::Client::new().request(method.parse().unwrap(), url).bearer_auth(token).json(body);
    let answer = request.timeout(PATIENCE).send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{method} {path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// Uploads a plugin of ours, and approves it.
pub(crate) async fn publish(heptad: &Heptad, serving: &Serving, guest: &str) {
    publish_as(heptad, serving, guest, |_| {}).await;
}

/// The same with another manifest.
pub(crate) async fn publish_as(heptad: &Heptad, serving: &Serving, guest: &str, change: impl FnOnce(&mut Manifest)) {
    let operator = secret(heptad, &["--role", "operator"]);
    let maker = secret(heptad, &["--role", "publisher", "--publisher", "heptad"]);
    let bytes = std::fs::read(format!("{}/{guest}.wasm", guests())).unwrap();
    let bytes = repack(&bytes, change).unwrap();
    let upload = reqwest::Client::new().post(format!("{}/v1/versions", serving.url)).bearer_auth(&maker);
    let upload = upload.header("content-type", "application/wasm").body(bytes).timeout(PATIENCE).send().await.unwrap();
    let version: Value = upload.json().await.unwrap();
    let approve = format!("/v1/versions/{}/approve", version["id"].as_str().unwrap());
    call(serving, &operator, "POST", &approve, &json!({"note": ""})).await;
}

impl World {
    pub(crate) async fn new(heptad: Heptad, store: Store) -> Self {
        shop(&heptad, "corner");
        heptad.run(&["publisher", "create", "heptad", "--name", "Heptad"]).ended(0);
        let owner = secret(&heptad, &["--role", "owner", "--tenant", "corner"]);
        let staff = secret(&heptad, &["--role", "staff", "--tenant", "corner"]);
        let storefront = secret(&heptad, &["--role", "shop", "--tenant", "corner"]);
        let serving = heptad.serve();
        publish(&heptad, &serving, "diary").await;
        let granted = ["platform.kv.read", "platform.kv.write", "mall.inventory.read"];
        let settings = json!({"mode": "read", "at": "R"});
        let install = json!({"plugin": "diary", "granted": granted, "settings": settings});
        let install = call(&serving, &owner, "POST", "/v1/installs", &install).await;
        let install = install["id"].as_str().unwrap().to_owned();
        call(&serving, &owner, "POST", &format!("/v1/installs/{install}/enable"), &Value::Null).await;
        let product = call(&serving, &staff, "POST", "/v1/products", &json!({"code": "P", "name": "P"})).await;
        let origin = Origin::new(Actor::Anonymous, Locale::En, Env::system());
        let tenant = async |mut tx| tenant_by_slug(&mut tx, "corner").await;
        let tenant: Result<_, PlatformError> = store.platform_read(&origin, tenant).await;
        let ctx = origin.for_tenant(tenant.unwrap().tenant);
        let currency = ctx.tenant().currency;
        for number in 0..KEYS {
            let price = json!({"amount": 100, "currency": currency});
            let sku = json!({"code": format!("K{number}"), "name": "K", "product": product["id"], "price": price});
            call(&serving, &staff, "POST", "/v1/skus", &sku).await;
        }
        let read =
            json!({"code": "R", "name": "R", "product": product["id"], "price": {"amount": 1, "currency": currency}});
        call(&serving, &staff, "POST", "/v1/skus", &read).await;
        Self { heptad, store, ctx, owner, staff, shop: storefront, install: install.parse().unwrap() }
    }

    /// The numbers of the events that the diary should have written down, by key: what the database says has happened.
    pub(crate) async fn happened(&self) -> BTreeMap<String, String> {
        const HAPPENED: &str = "select key, seq from events where tenant_id = $1 and kind = 'inventory.changed' \
                                and key <> 'R' order by key, seq";
        let read = async |mut tx: Tx| tx.query(HAPPENED).fetch_all(|row| Ok((row.text("key")?, row.int("seq")?))).await;
        let rows: Result<Vec<(String, i64)>, StoreError> = self.store.read(&self.ctx, read).await;
        let mut pages: BTreeMap<String, String> = BTreeMap::new();
        for (key, seq) in rows.unwrap() {
            pages.entry(key).or_default().push_str(&format!("{seq} "));
        }
        pages
    }

    /// The pages of the diary, by key.
    async fn written(&self) -> BTreeMap<String, String> {
        let keys: Vec<String> = (0..KEYS).map(|number| format!("page/K{number}")).collect();
        let read = async |mut tx: Tx| kv_get(&mut tx, self.install, &keys).await;
        let found = self.store.read(&self.ctx, read).await.unwrap();
        let page = |key: String| key.trim_start_matches("page/").to_owned();
        found.into_iter().map(|entry| (page(entry.key), String::from_utf8(entry.value).unwrap())).collect()
    }

    /// Waits until the diary holds what has happened, each event once and in order, and at no time anything else.
    pub(crate) async fn is_whole(&self) {
        let until = Instant::now() + PATIENCE;
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            let written = self.written().await;
            let happened = self.happened().await;
            for (key, page) in &written {
                let all = &happened[key];
                assert!(all.starts_with(page.as_str()), "the page of {key}: {page}\nwhat happened: {all}");
            }
            if written == happened {
                return;
            }
            assert!(Instant::now() < until, "the diary: {written:#?}\nwhat happened: {happened:#?}");
        }
    }
}

/// Changes the stock of a SKU, unless the server dies.
pub(crate) async fn tell(url: &str, staff: &str, sku: &str, on_hand: usize) -> bool {
    let url = format!("{url}/v1/inventory-levels/{sku}/HQ");
    let request = reqwest::Client::new().put(url).bearer_auth(staff).json(&json!({"on_hand": on_hand}));
    request.timeout(PATIENCE).send().await.is_ok_and(|answer| answer.status().is_success())
}

both_databases! {
    async fn killed_at_random_it_loses_nothing_and_does_nothing_twice(database: TestDatabase) {
        let (events, kills) = size();
        let world = World::new(Heptad::on(&database), database.open().await).await;
        let url = Arc::new(std::sync::RwLock::new(String::new()));
        // How many may have been told: so many more with each life, so that there is something to tell in the last one.
        let (allowed, mut allowance) = tokio::sync::watch::channel(0);
        let teller = {
            let (url, staff) = (url.clone(), world.staff.clone());
            tokio::spawn(async move {
                let mut told = 0;
                while told < events {
                    allowance.wait_for(|most| told < *most).await.unwrap();
                    let url = url.read().unwrap().clone();
                    if tell(&url, &staff, &format!("K{}", told % KEYS), told).await {
                        told += 1;
                    } else {
                        tokio::task::yield_now().await;
                    }
                }
            })
        };
        let (env, mut random) = (Env::fixed(1), [0; 2]);
        for life in 1..=kills {
            let serving = world.heptad.serve();
            url.write().unwrap().clone_from(&serving.url);
            allowed.send_replace(events * life / kills);
            env.fill(&mut random);
            // Half of them die somewhere in their first moments, the others in the midst of their work.
            if random[0] % 2 == 0 {
                let before = world.written().await;
                let mut ticks = tokio::time::interval(Duration::from_millis(5));
                let until = Instant::now() + PATIENCE;
                while world.written().await == before && Instant::now() < until {
                    ticks.tick().await;
                }
            }
            let lives = Duration::from_millis(u64::from(random[1]));
            tokio::time::timeout(lives, std::future::pending::<()>()).await.unwrap_err();
            serving.running.signal(Signal::KILL);
        }
        let serving = world.heptad.serve();
        url.write().unwrap().clone_from(&serving.url);
        teller.await.unwrap();
        world.is_whole().await;
        let written = world.written().await;
        assert!(written.values().map(|page| page.split_whitespace().count()).sum::<usize>() >= events);
    }

    async fn killed_at_each_step_it_loses_nothing_and_does_nothing_twice(database: TestDatabase) {
        let mut world = World::new(Heptad::on(&database), database.open().await).await;
        for (number, step) in heptad_delivery::steps::STEPS.into_iter().enumerate() {
            world.heptad = world.heptad.set("STOP_AT_STEP", step);
            let serving = world.heptad.serve();
            let (url, staff) = (serving.url.clone(), world.staff.clone());
            // The answer does not come: the process stops.
            let telling = tokio::spawn(async move {
                for sku in ["K0", "K1", "R"] {
                    tell(&url, &staff, sku, number).await;
                }
            });
            let stopped = tokio::task::block_in_place(|| serving.running.error_with(&format!("stopped at {step}")));
            assert!(stopped.is_some(), "the process did not come to `{step}`");
            serving.running.signal(Signal::KILL);
            telling.await.unwrap();
            world.heptad = world.heptad.set("STOP_AT_STEP", "");
            let serving = world.heptad.serve();
            tell(&serving.url, &world.staff, "K0", 1_000 + number).await;
            world.is_whole().await;
        }
    }
}
