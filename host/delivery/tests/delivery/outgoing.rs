//! What plugins send to other servers while they run.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use heptad_model::id::InstallId;
use heptad_model::{EventType, Limits, PageRequest, Permission, PermissionSet};
use heptad_outbound::{Outbound, Ranges, Resolve, Resolving};
use heptad_platform::audit::{AuditQuery, audit_list};
use heptad_platform::delivery::dead_letter::{dead_letter_discard, dead_letter_list};
use heptad_platform::install::{Grants, install_enable, install_secret_delete, install_secret_put};
use heptad_platform::notice::{notice_list, platform_notice_list};
use heptad_platform::quota::{Quota, quota_lease};
use heptad_store::{StoreError, Tx, both_databases};
use serde_json::{Value, json};

use crate::carrier::Carrier;
use crate::shop::{Host, Shop, grants, until};

const PHONE: &str = r#"{"to": "13800138000"}"#;
/// SHA-256 of the phone number, in hexadecimal.
const HASHED: &str = r#"{"to": "a6942f9771d67f34034d2f1926988ed3fad3bf1b4e7cedb9a31f31398dea43bc"}"#;

/// The courier in a shop of a host.
struct Scene<'h> {
    shop: Shop<'h>,
    install: InstallId,
    carrier: Carrier,
}

fn needed() -> PermissionSet {
    [Permission::MallInventoryRead, Permission::PlatformKvWrite, Permission::PlatformOutboundEnqueue]
        .into_iter()
        .collect()
}

impl<'h> Scene<'h> {
    /// A shop that lets the courier call its carrier.
    async fn new(host: &'h Host, carrier: Carrier, permissions: PermissionSet) -> Self {
        let own = carrier.host.clone();
        host.publish_as("courier", |manifest| {
            manifest.hosts[0].name.clone_from(&own);
            manifest.secrets[0].hosts = vec![own.clone()];
        })
        .await;
        Self::of(host.shop("first").await, carrier, permissions).await
    }

    /// The same for another shop.
    async fn of(shop: Shop<'h>, carrier: Carrier, permissions: PermissionSet) -> Self {
        let granted = Grants { permissions, hosts: vec![carrier.host.clone()] };
        let install = shop.install("courier", granted, &json!({})).await;
        Self { shop, install, carrier }
    }

    async fn start(host: &'h Host) -> Self {
        Self::new(host, Carrier::start().await, needed()).await
    }

    /// What the courier says of an event about a SKU, with these settings.
    async fn says(&self, sku: &str, settings: Value) -> String {
        self.shop.set(self.install, settings).await;
        self.shop.stock(sku, 1).await;
        self.answer(sku).await
    }

    async fn answer(&self, sku: &str) -> String {
        let key = format!("answer/{sku}");
        until(async || {
            let said = self.shop.entry(self.install, &key).await;
            if said.is_empty() { Err(format!("nothing is said of {sku}")) } else { Ok(said) }
        })
        .await
    }

    /// The audit log's rows of this action.
    async fn audited(&self, action: &str) -> Vec<Value> {
        self.shop.host.runtime.flush().await;
        let page = PageRequest::new(None, Some(200)).unwrap();
        let query = AuditQuery { action: action.to_owned(), ..AuditQuery::default() };
        let list = async |mut tx: Tx| audit_list(&mut tx, &query, &page).await;
        let mut rows = self.shop.host.store.read(&self.shop.ctx, list).await.unwrap().items;
        // Those of one moment are in no order.
        rows.sort_by_key(|row| row.detail["outcome"].to_string());
        for row in &rows {
            assert_eq!(
                (row.actor.as_str(), row.subject.as_str()),
                (&*self.install.to_string(), &*self.install.to_string())
            );
        }
        rows.into_iter().map(|row| row.detail).collect()
    }

    /// How many requests wait to be sent.
    async fn left(&self) -> i64 {
        self.count("select count(*) as n from outbound_requests where tenant_id = $1").await
    }

    async fn waiting(&self) -> i64 {
        self.count("select count(*) as n from outbound_requests where tenant_id = $1 and given_up_at is null").await
    }

    async fn count(&self, sql: &'static str) -> i64 {
        let count = async |mut tx: Tx| tx.query(sql).fetch_one(|row| row.int("n")).await;
        self.shop.host.store.read(&self.shop.ctx, count).await.unwrap()
    }
}

/// Resolves names as it is told, in turn.
struct Names(Mutex<HashMap<String, Vec<IpAddr>>>);

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let addresses = names.get_mut(name).map(|left| if left.len() > 1 { left.remove(0) } else { left[0] });
        Box::pin(
            async move { addresses.map(|address| vec![address]).ok_or_else(|| std::io::ErrorKind::NotFound.into()) },
        )
    }
}

both_databases! {
    async fn i12_a_phone_number_leaves_only_with_the_grant_and_is_told_of(database: TestDatabase) {
        let host = Host::start(&database).await;
        let scene = Scene::start(&host).await;
        let url = scene.carrier.url("/orders");
        let denied = "ErrorKind::Denied outbound-denied";
        assert_eq!(scene.says("A", json!({"url": url, "body": PHONE})).await, denied);
        assert_eq!(scene.says("B", json!({"url": format!("{url}?to=%31%33800138000")})).await, denied);
        assert_eq!(scene.says("C", json!({"url": url, "mode": "gzip", "body": "x"})).await, denied, "not to be looked into");
        assert_eq!(scene.says("D", json!({"url": url, "size": 2 << 20})).await, denied, "too large to be looked into");
        assert!(scene.carrier.came().is_empty(), "{:?}", scene.carrier.came());
        let blocked = scene.audited("outbound.blocked").await;
        let mut codes: Vec<_> = blocked.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
        codes.sort_unstable();
        assert_eq!(codes, ["personal-data", "personal-data", "unreadable", "unreadable"]);
        assert_eq!(blocked[0]["host"], scene.carrier.host);
        let told = blocked[0].to_string();
        assert!(!told.contains(PHONE) && !told.contains("13800138000"), "{told}");
        // The merchant is told of the host, the operators of each way in which the plugin does it.
        let page = PageRequest::first();
        let read = async |mut tx: Tx| notice_list(&mut tx, true, &page).await;
        let merchant = host.store.read(&scene.shop.ctx, read).await.unwrap().items;
        let read = async |mut tx| platform_notice_list(&mut tx, None, true, &page).await;
        let operators = host.store.platform_read(scene.shop.ctx.origin(), read).await.unwrap().items;
        for (notices, matters) in [(merchant, &[4][..]), (operators, &[2, 2])] {
            let told: Vec<_> = notices.iter().map(|notice| notice.occurrences).collect();
            assert_eq!(told, matters);
            assert!(notices.iter().all(|notice| notice.kind.name() == "outbound-blocked"));
            assert_eq!(notices[0].detail["host"], scene.carrier.host);
        }
        assert_eq!(scene.says("E", json!({"url": url, "body": HASHED})).await, "200 taken");
        assert_eq!(scene.carrier.came().len(), 1);
        // With the grant it passes.
        let granted = needed().iter().chain([Permission::PiiExport]).collect();
        let granted = Grants { permissions: granted, hosts: vec![scene.carrier.host.clone()] };
        scene.shop.grant(scene.install, granted).await;
        scene.shop.set(scene.install, json!({"url": url, "body": PHONE})).await;
        scene.shop.stock("E", 2).await;
        until(async || {
            let came = scene.carrier.came();
            came.iter().any(|(_, _, body)| body == PHONE).then_some(()).ok_or(format!("{came:?}"))
        }).await;
    }

    async fn a_plugin_calls_the_hosts_that_it_names_and_the_merchant_granted(database: TestDatabase) {
        let host = Host::start(&database).await;
        let (carrier, other) = (Carrier::start().await, Carrier::start().await);
        let scene = Scene::new(&host, carrier, needed()).await;
        assert_eq!(scene.says("A", json!({"url": scene.carrier.url("/orders"), "body": "one"})).await, "200 taken");
        let denied = "ErrorKind::Denied outbound-denied";
        assert_eq!(scene.says("B", json!({"url": other.url("/")})).await, denied, "not named");
        assert_eq!(scene.says("C", json!({"url": "https://backup.example/"})).await, denied, "not granted");
        // Who reads along on the way is nobody's business.
        assert_eq!(scene.says("D", json!({"url": "http://carrier.example/"})).await, denied, "not named in the clear");
        // A redirect is an answer.
        assert_eq!(scene.says("E", json!({"url": scene.carrier.url("/away")})).await, "302");
        assert!(other.came().is_empty());
        let sent = scene.audited("outbound.sent").await;
        let rows: Vec<_> = sent.iter().map(|row| {
            let text = |name: &str| row[name].to_string().trim_matches('"').to_owned();
            format!("{} {} {} {} {} {}", text("method"), text("host"), text("status"), text("bytes_out"), text("bytes_in"), text("outcome"))
        }).collect();
        let expected = [
            format!("POST {} 200 3 5 answered", scene.carrier.host),
            format!("POST {} 302 0 0 answered", scene.carrier.host),
            format!("POST {} null 0 0 host-not-asked", other.host),
            "POST carrier.example null 0 0 host-not-asked".to_owned(),
            "POST backup.example null 0 0 host-not-granted".to_owned(),
        ];
        assert_eq!(BTreeSet::from_iter(rows), BTreeSet::from(expected));
        assert!(sent.iter().all(|row| row["call"].as_str().unwrap().starts_with("cal_") && row["plugin"] == "courier"));
    }

    async fn addresses_that_are_not_of_the_public_internet_are_refused_however_they_are_come_by(database: TestDatabase) {
        let carrier = Carrier::start().await;
        let names = HashMap::from([("inside.example".to_owned(), vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])]);
        let outbound = Outbound::with_resolver(Ranges::NONE, b"", Arc::new(Names(Mutex::new(names)))).unwrap();
        let host = Host::start_out(&database, outbound).await;
        let hosts = ["inside.example", "127.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]", "[fd00::1]"];
        let own = hosts.map(str::to_owned);
        host.publish_as("courier", |manifest| {
            let wish = manifest.hosts[0].clone();
            manifest.secrets.clear();
            manifest.hosts = own.iter().map(|name| { let mut wish = wish.clone(); wish.name.clone_from(name); wish }).collect();
        }).await;
        let shop = host.shop("first").await;
        let granted = Grants { permissions: needed(), hosts: hosts.map(str::to_owned).to_vec() };
        let install = shop.install("courier", granted, &json!({})).await;
        let scene = Scene { shop, install, carrier };
        let refused = "ErrorKind::Denied outbound-refused";
        for (sku, name) in ["A", "B", "C", "D", "E"].into_iter().zip(hosts) {
            let said = scene.says(sku, json!({"url": format!("https://{name}/")})).await;
            assert_eq!(said, refused, "{name}");
        }
        let outcomes: Vec<_> = scene.audited("outbound.sent").await.iter().map(|row| row["outcome"].clone()).collect();
        assert_eq!(outcomes, ["outbound-refused"; 5]);
    }

    async fn after_its_first_write_a_call_sends_nothing(database: TestDatabase) {
        let host = Host::start(&database).await;
        let scene = Scene::start(&host).await;
        let settings = json!({"url": scene.carrier.url("/"), "mode": "write-first"});
        scene.shop.set(scene.install, settings).await;
        scene.shop.stock("A", 1).await;
        until(async || {
            let said = scene.answer("A").await;
            (said == "ErrorKind::Conflict conflict").then_some(()).ok_or(said)
        }).await;
        assert!(scene.carrier.came().is_empty());
    }

    async fn a_request_has_the_same_key_at_each_attempt_and_a_connection_of_its_own(database: TestDatabase) {
        let host = Host::start(&database).await;
        let scene = Scene::start(&host).await;
        scene.carrier.with(|seen| seen.next = vec![503]);
        assert_eq!(scene.says("A", json!({"url": scene.carrier.url("/"), "mode": "insist"})).await, "200 taken");
        let keys: Vec<_> = scene.carrier.came().into_iter().map(|(_, key, _)| key).collect();
        assert!(keys.len() == 2 && keys[0] == keys[1] && keys[0].ends_with(".stock.1"), "{keys:?}");
        scene.says("B", json!({"url": scene.carrier.url("/"), "mode": "several"})).await;
        let keys: BTreeSet<_> = scene.carrier.came().into_iter().skip(2).map(|(_, key, _)| key).collect();
        let numbers: Vec<_> = keys.iter().map(|key| key.rsplit('.').next().unwrap()).collect();
        assert_eq!(numbers, ["1", "2", "3"]);
        assert_eq!(scene.carrier.with(|seen| seen.peers.len()), 5, "a connection for each request");
    }

    async fn plugins_that_wait_for_a_server_in_two_shops_leave_room_for_a_third(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let first = Scene::start(&host).await;
        let second = Scene::of(host.shop("second").await, first.carrier.clone(), needed()).await;
        let other = host.shop("other").await;
        let diary = other.diary(grants(), "write", "").await;
        let tell = async |mut tx: Tx| {
            for sku in 0..100 {
                let data = json!({"sku": sku.to_string(), "location": "HQ", "on_hand": 1});
                tx.emit(EventType::InventoryChanged.about(sku.to_string(), data));
            }
            Ok::<_, StoreError>(())
        };
        for scene in [&first, &second] {
            scene.shop.limited(Limits { outbound_concurrency: 100, ..Limits::default() }).await;
            scene.shop.set(scene.install, json!({"url": scene.carrier.url("/slow")})).await;
            host.store.write(&scene.shop.ctx, tell).await.unwrap();
        }
        let waits = first.carrier.clone();
        until(async || (waits.came().len() >= 20).then_some(()).ok_or(format!("{} wait", waits.came().len()))).await;
        let begun = Instant::now();
        other.stock("A", 1).await;
        other.reads(diary, "A", "2").await;
        // An answer is waited for 10 s.
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert!(waits.came().len() < 32, "all places were taken");
    }

    async fn a_plugin_sends_as_many_requests_at_once_as_it_may(database: TestDatabase) {
        let host = Host::start(&database).await;
        let scene = Scene::start(&host).await;
        scene.shop.limited(Limits { outbound_concurrency: 1, ..Limits::default() }).await;
        scene.shop.set(scene.install, json!({"url": scene.carrier.url("/slow")})).await;
        scene.shop.stock("A", 1).await;
        until(async || (scene.carrier.came().len() == 1).then_some(()).ok_or("nothing came".to_owned())).await;
        let said = scene.says("B", json!({"url": scene.carrier.url("/")})).await;
        assert_eq!(said, "ErrorKind::Limit outbound-busy");
        assert_eq!(scene.carrier.came().len(), 1);
    }

    async fn requests_have_limits_of_size_time_number_and_day(database: TestDatabase) {
        let host = Host::start(&database).await;
        let scene = Scene::start(&host).await;
        let url = scene.carrier.url("/");
        scene.shop.limited(Limits { outbound_response_bytes: 100_000, ..Limits::default() }).await;
        assert_eq!(scene.says("A", json!({"url": scene.carrier.url("/large")})).await, "ErrorKind::Unavailable outbound-body");
        scene.shop.limited(Limits { outbound_request_bytes: 1_000, outbound_ms: 200, ..Limits::default() }).await;
        assert_eq!(scene.says("B", json!({"url": url, "size": 1_001})).await, "ErrorKind::Limit outbound-too-large");
        assert_eq!(scene.says("C", json!({"url": scene.carrier.url("/slow")})).await, "ErrorKind::Unavailable outbound-http");
        scene.shop.limited(Limits { outbound_per_minute: 2, ..Limits::default() }).await;
        let said = scene.says("D", json!({"url": url, "mode": "several"})).await;
        assert_eq!(said, "200 taken, 200 taken, ErrorKind::Limit outbound-rate");
        let outcomes: Vec<_> = scene.audited("outbound.sent").await.iter().map(|row| row["outcome"].clone()).collect();
        assert_eq!(outcomes, ["answered", "answered", "outbound-timeout", "outbound-too-large", "outbound-too-large"]);
    }

    async fn a_shop_has_so_many_requests_a_day(database: TestDatabase) {
        let host = Host::start(&database).await;
        let scene = Scene::start(&host).await;
        // As if all but two had been sent: lots of ten are leased, and this process goes on for one lot more.
        scene.shop.limited(Limits { outbound_per_day: Some(1_000), ..Limits::default() }).await;
        let day = host.env.now().as_millis().div_euclid(86_400_000);
        let lease = async |mut tx: Tx| quota_lease(&mut tx, Quota::Outbound, day, 1_000, 1_000).await;
        host.store.write(&scene.shop.ctx, lease).await.unwrap();
        let url = scene.carrier.url("/");
        let spent = async || {
            let said = scene.says("A", json!({"url": url, "mode": "several"})).await;
            scene.shop.stock("A", 1).await;
            said.contains("outbound-per-day").then_some(()).ok_or(said)
        };
        until(spent).await;
        assert!(scene.carrier.came().len() <= 10, "{}", scene.carrier.came().len());
    }

    async fn a_secret_goes_into_its_header_for_its_host_and_comes_back_masked(database: TestDatabase) {
        const SECRET: &str = "open-sesame-42";
        let host = Host::start(&database).await;
        let (carrier, backup) = (Carrier::start().await, Carrier::start().await);
        let (own, other) = (carrier.host.clone(), backup.host.clone());
        host.publish_as("courier", |manifest| {
            manifest.hosts[0].name.clone_from(&own);
            manifest.hosts[1].name.clone_from(&other);
            manifest.secrets[0].hosts = vec![own.clone()];
            manifest.secrets[0].optional = false;
        }).await;
        let shop = host.shop("first").await;
        // Without it the plugin is not enabled.
        let (install, refused) = shop.install_only("courier", Grants { permissions: needed(), hosts: vec![own, other] }).await;
        assert_eq!(refused, Err(vec!["/secrets/carrier-key".to_owned()]));
        let vault = host.runtime.vault();
        let put = async |mut tx: Tx| {
            install_secret_put(&mut tx, vault, install, "carrier-key", SECRET).await?;
            install_enable(&mut tx, install).await
        };
        host.store.write(&shop.ctx, put).await.unwrap();
        host.runtime.refresh().await;
        let scene = Scene { shop, install, carrier };
        let said = scene.says("A", json!({"url": scene.carrier.url("/echo")})).await;
        assert_eq!(said, "200 Bearer ********", "the plugin does not see it");
        assert_eq!(scene.carrier.with(|seen| seen.authorized.clone()), [format!("Bearer {SECRET}")]);
        assert_eq!(scene.says("B", json!({"url": backup.url("/echo")})).await, "200", "not for this host");
        assert_eq!(backup.with(|seen| seen.authorized.clone()), [String::new()]);
        // In the database there is none of it, and the audit log names it without the value.
        let rows = async |mut tx: Tx| tx.query("select name, sealed from install_secrets where tenant_id = $1")
            .fetch_all(|row| row.bytes("sealed")).await;
        let sealed = host.store.read(&scene.shop.ctx, rows).await.unwrap();
        assert!(!sealed[0].windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
        let page = PageRequest::new(None, Some(200)).unwrap();
        let log = host.store.read(&scene.shop.ctx, async |mut tx: Tx| audit_list(&mut tx, &AuditQuery::default(), &page).await).await.unwrap();
        let set: Vec<_> = log.items.iter().filter(|row| row.action == "install.secret-set").collect();
        assert!(set.len() == 1 && !set[0].detail.to_string().contains(SECRET));
        // Taken back, it goes nowhere.
        let take = async |mut tx: Tx| install_secret_delete(&mut tx, install, "carrier-key").await;
        host.store.write(&scene.shop.ctx, take).await.unwrap();
        host.runtime.refresh().await;
        assert_eq!(scene.says("C", json!({"url": scene.carrier.url("/echo")})).await, "200");
    }

    async fn what_a_plugin_leaves_is_sent_once_its_writes_are_committed_and_in_order(database: TestDatabase) {
        let host = Host::start(&database).await;
        let scene = Scene::new(&host, Carrier::start().await, needed()).await;
        scene.carrier.with(|seen| seen.next = vec![503]);
        scene.shop.set(scene.install, json!({"url": scene.carrier.url("/"), "mode": "leave", "body": "n"})).await;
        scene.shop.stock("A", 3).await;
        let bodies = || scene.carrier.came().into_iter().map(|(_, _, body)| body).collect::<Vec<_>>();
        until(async || (bodies() == ["n2", "n2", "n3", "n4"]).then_some(()).ok_or(format!("{:?}", bodies()))).await;
        // What the failed attempts left was undone with the rest of them; what was tried twice has one key.
        let keys: Vec<_> = scene.carrier.came().into_iter().map(|(_, key, _)| key).collect();
        assert!(keys[0] == keys[1] && keys[0].starts_with("evt_") && keys[1] != keys[2], "{keys:?}");
        until(async || {
            let left = scene.left().await;
            (left == 0).then_some(()).ok_or(format!("{left} are still kept"))
        }).await;
        let sent = scene.audited("outbound.sent").await;
        let mut statuses: Vec<_> = sent.iter().map(|row| row["status"].as_u64().unwrap()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 503]);
    }

    async fn what_may_not_be_sent_is_not_left_and_what_is_not_taken_lies_with_the_dead_letters(database: TestDatabase) {
        let host = Host::start(&database).await;
        let scene = Scene::new(&host, Carrier::start().await, needed()).await;
        let url = scene.carrier.url("/");
        let said = scene.says("A", json!({"url": url, "mode": "leave", "body": PHONE})).await;
        assert_eq!(said, "ErrorKind::Denied personal-data");
        let said = scene.says("B", json!({"url": "https://backup.example/", "mode": "leave"})).await;
        assert_eq!(said, "ErrorKind::Denied host-not-granted");
        assert_eq!(scene.left().await, 0);
        scene.carrier.with(|seen| seen.next = vec![422]);
        let id = scene.says("C", json!({"url": scene.carrier.url("/rude"), "mode": "leave", "body": "wrong"})).await;
        assert!(id.starts_with("obr_"), "{id}");
        let subscription = scene.shop.subscription("outbound").await.id;
        let page = PageRequest::first();
        let letters = async |mut tx: Tx| dead_letter_list(&mut tx, subscription, None, &page).await;
        until(async || {
            let letters = host.store.read(&scene.shop.ctx, letters).await.unwrap().items;
            let codes: Vec<_> = letters.iter().map(|letter| letter.code.clone()).collect();
            (codes == ["outbound-status"]).then_some(()).ok_or(format!("{codes:?}"))
        }).await;
        assert_eq!(scene.left().await, 1, "it can be sent again");
        // It does not wait any more, and goes with its letter.
        assert_eq!(scene.waiting().await, 0);
        let letter = host.store.read(&scene.shop.ctx, letters).await.unwrap().items.remove(0).id;
        host.store.write(&scene.shop.ctx, async |mut tx: Tx| dead_letter_discard(&mut tx, letter).await).await.unwrap();
        assert_eq!(scene.left().await, 0);
    }
}
