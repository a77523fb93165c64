//! A whole host in process, for tests: the real router, database and sandbox, with guests that `cargo xtask test` built.
//!
//! The clock stands still until a test moves it. Every role of a shop has a token of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use heptad_model::event::PARTITIONS;
use heptad_model::id::{CustomerId, PublisherId};
use heptad_model::{Actor, Ctx, Currency, Env, Limits, Locale, Manifest, Origin};
use heptad_outbound::{Outbound, Ranges};
use heptad_platform::PlatformError;
use heptad_platform::catalog::{PluginVersion, Review, VersionIn, version_review, version_submit};
use heptad_platform::delivery::lane::{outbox_read, outbox_settle};
use heptad_platform::principal::{Principal, Role, Scope};
use heptad_platform::publisher::{publisher_by_slug, publisher_create};
use heptad_platform::session::{SignedIn, sign_in};
use heptad_platform::tenant::{TenantIn, TenantRecord, tenant_create};
use heptad_platform::token::{TokenIn, token_create};
use heptad_platform::user::{HeldRole, User, UserIn, user_create};
use heptad_platform::vault::Vault;
use heptad_runtime::package::repack;
use heptad_runtime::{Package, Runtime, RuntimeOptions};
use heptad_store::testing::TestDatabase;
use heptad_store::{StoreError, Tx};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use crate::rate::Limit;
use crate::{AppState, WebOptions, app, apps};

/// 2026-01-02T03:04:05.678Z.
pub const NOW: i64 = 1_767_323_045_678;
/// The password of every person of a test.
pub const PASSWORD: &str = "correct horse battery";
const HINT: &str = "run `cargo xtask test`";

/// A host with nothing in it but an operator.
pub struct TestHost {
    /// What handlers share.
    pub state: AppState,
    /// The router.
    pub app: Router,
    /// The router of plugins' origins.
    pub apps: Router,
    /// An operator's token.
    pub operator: String,
    /// The database; it lives as long as the host.
    pub database: TestDatabase,
    watch: JoinHandle<()>,
    logins: AtomicU32,
    folder: TempDir,
}

impl Drop for TestHost {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// A merchant with a token for each role.
#[derive(Debug, Clone)]
pub struct TestShop {
    /// The merchant.
    pub record: TenantRecord,
    /// The owner's token.
    pub owner: String,
    /// A staff member's token.
    pub staff: String,
    /// The storefront's token.
    pub shop: String,
}

/// A publisher with a token.
#[derive(Debug, Clone)]
pub struct TestPublisher {
    /// The publisher's id.
    pub id: PublisherId,
    /// Its token.
    pub token: String,
}

/// A stream of Server-Sent Events, read message by message.
pub struct TestStream {
    body: Body,
    read: String,
}

/// A message of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Where to go on.
    pub id: String,
    /// The kind; empty for the usual one.
    pub event: String,
    /// The data.
    pub data: String,
}

impl TestStream {
    /// The next message with data; `None` at the end. Fails after ten seconds.
    pub async fn next(&mut self) -> Option<Message> {
        let message = async {
            loop {
                while let Some((block, rest)) = self.read.split_once("\n\n") {
                    let mut message = Message::default();
                    for (name, value) in block.lines().filter_map(|line| line.split_once(": ")) {
                        match name {
                            "id" => message.id = value.to_owned(),
                            "event" => message.event = value.to_owned(),
                            "data" => message.data = value.to_owned(),
                            _ => {}
                        }
                    }
                    self.read = rest.to_owned();
                    if !message.data.is_empty() {
                        return Some(message);
                    }
                }
                let frame = self.body.frame().await?.expect("the stream is read");
                self.read.push_str(&String::from_utf8_lossy(frame.data_ref().map_or(&[], |data| data)));
            }
        };
        tokio::time::timeout(Duration::from_secs(10), message).await.expect("a message or the end within ten seconds")
    }
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// A header's text; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body, which must have come with this status.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }

    /// A problem's code, which must have come with this status.
    pub fn problem(&self, status: u16) -> String {
        let body = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json", "{body}");
        assert_eq!(body["status"], status, "{body}");
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The paths of the fields that a problem blames.
    pub fn fields(&self) -> Vec<String> {
        let fields = self.json()["fields"].as_array().cloned().unwrap_or_default();
        fields.iter().map(|field| field["field"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// What `cargo xtask test` puts into the environment.
fn environment(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: {HINT}")))
}

/// The packed guest of this name, such as `hello-discount`.
pub fn guest(name: &str) -> Vec<u8> {
    let file = environment("HEPTAD_TEST_GUESTS").join(name).with_extension("wasm");
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}: {HINT}", file.display()))
}

/// The packed guest with another manifest.
pub fn repacked(name: &str, change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
    repack(&guest(name), change).expect("the manifest fits")
}

/// The way out of a test: to servers on this machine.
fn outbound() -> Outbound {
    let here = Ranges::parse(&["127.0.0.0/8"]).expect("a range");
    Outbound::new(here, b"").expect("no roots are no wrong ones")
}

/// The options of a test's router: limits that a test does not meet by accident.
pub fn options(database: &TestDatabase) -> WebOptions {
    let generous = Limit { per_second: 100_000, burst: 100_000 };
    WebOptions {
        public_url: "http://heptad.test".to_owned(),
        apps: "http://{install}.apps.test".parse().ok(),
        database_url: database.url.clone(),
        secure_cookies: false,
        caller_limit: generous,
        peer_limit: generous,
        ..WebOptions::default()
    }
}

impl TestHost {
    /// Starts one on this database.
    pub async fn start(database: TestDatabase) -> Self {
        let options = options(&database);
        Self::start_with(database, options).await
    }

    /// Starts one with other options.
    pub async fn start_with(database: TestDatabase, options: WebOptions) -> Self {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let folder = tempfile::tempdir().expect("a temporary directory");
        let runtime = RuntimeOptions {
            components: folder.path().join("components"),
            bucket: None,
            // Shared by all tests, so that each guest is compiled once.
            code: environment("HEPTAD_TEST_CACHE"),
            worker: environment("HEPTAD_BIN"),
            key: [7; 32],
            vault: Vault::new([7; 32], None),
            outbound: outbound(),
            // A busy machine must not decide over a test.
            limits: Limits { wall_ms: Some(1_000), ..Limits::default() },
            record_one_in: 1,
        };
        let runtime = Runtime::start(runtime, store.clone(), env.clone()).await.expect("the runtime starts");
        let watch = tokio::spawn(runtime.clone().watch());
        let state = AppState::new(store, runtime, env, options);
        let (app, apps) = (app(state.clone()), apps::app(state.clone()));
        let mut host =
            Self { state, app, apps, operator: String::new(), database, watch, logins: AtomicU32::new(0), folder };
        host.operator = host.token(Role::Operator, Scope::Platform, None).await;
        host
    }

    /// How many components are stored.
    pub fn stored_components(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("components")).map(Iterator::count).unwrap_or_default()
    }

    /// An origin for operations that a test calls by itself.
    pub fn origin(&self) -> Origin {
        Origin::new(Actor::System("test".to_owned()), Locale::En, self.state.env.clone())
    }

    /// A context of a shop for operations that a test calls by itself.
    pub fn ctx(&self, shop: &TestShop) -> Ctx {
        self.origin().for_tenant(shop.record.tenant.clone())
    }

    /// Moves the clock forward.
    pub fn advance(&self, millis: i64) {
        self.state.env.advance(millis);
    }

    /// A token's secret.
    pub async fn token(&self, role: Role, scope: Scope, customer: Option<CustomerId>) -> String {
        let input = TokenIn { name: role.name().to_owned(), role, scope, customer, lifetime_millis: None };
        let by = Principal::system("test");
        let create = async |mut tx| token_create(&mut tx, &by, &input).await;
        let made = self.state.store.platform_write(&self.origin(), create).await;
        made.expect("a token is made").1.reveal().to_owned()
    }

    /// A merchant with a token for each role.
    pub async fn shop(&self, slug: &str, currency: &str) -> TestShop {
        let input = TenantIn {
            slug: slug.to_owned(),
            name: format!("Shop {slug}"),
            currency: Currency::parse(currency).expect("a currency"),
            time_zone: "Asia/Shanghai".to_owned(),
            locale: Locale::ZhCn,
        };
        let create = async |mut tx| tenant_create(&mut tx, &input).await;
        let record = self.state.store.platform_write(&self.origin(), create).await.expect("a tenant is made");
        let scope = Scope::Tenant(record.tenant.id);
        let owner = self.token(Role::Owner, scope, None).await;
        let staff = self.token(Role::Staff, scope, None).await;
        let shop = self.token(Role::Shop, scope, None).await;
        TestShop { record, owner, staff, shop }
    }

    /// A publisher with a token; the one that is there, if there is one.
    pub async fn publisher(&self, slug: &str) -> TestPublisher {
        let origin = self.origin();
        let find = async |mut tx| publisher_by_slug(&mut tx, slug).await;
        let publisher = match self.state.store.platform_read(&origin, find).await {
            Ok(publisher) => publisher,
            Err(_) => {
                let create = async |mut tx| publisher_create(&mut tx, slug, slug).await;
                self.state.store.platform_write(&origin, create).await.expect("a publisher is made")
            }
        };
        TestPublisher {
            id: publisher.id,
            token: self.token(Role::Publisher, Scope::Publisher(publisher.id), None).await,
        }
    }

    /// Puts guests into the catalog, submitted by the publisher that their manifests name, and approved.
    pub async fn approved(&self, guests: &[&str]) -> Vec<PluginVersion> {
        let mut versions = Vec::new();
        for name in guests {
            versions.push(self.publish(guest(name)).await);
        }
        versions
    }

    /// Puts a packed plugin into the catalog in the same way.
    pub async fn publish(&self, packed: Vec<u8>) -> PluginVersion {
        let package = Package::open(packed).expect("a plugin is whole");
        let input = VersionIn::from(self.state.runtime.admit(package).await.expect("a plugin is taken in"));
        let publisher = self.publisher(&input.manifest.publisher).await.id;
        let submit = async |mut tx| {
            let submitted = version_submit(&mut tx, publisher, &input).await?;
            version_review(&mut tx, submitted.version.id, Review::Approve, "").await
        };
        let approved: Result<_, PlatformError> = self.state.store.platform_write(&self.origin(), submit).await;
        approved.expect("a version is approved")
    }

    /// A person with roles, whose password is [`PASSWORD`].
    pub async fn person(&self, roles: &[HeldRole]) -> User {
        let number = self.logins.fetch_add(1, Ordering::Relaxed);
        let input = UserIn {
            login: format!("person-{number}"),
            name: format!("Person {number}"),
            password: PASSWORD.to_owned(),
        };
        user_create(&self.state.store, &self.origin(), &input, roles).await.expect("a user is made")
    }

    /// Signs a person in.
    pub async fn session(&self, user: &User) -> SignedIn {
        sign_in(&self.state.store, &self.origin(), &user.login, PASSWORD).await.expect("the password is right")
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        Self::answered(&self.app, request).await
    }

    /// Sends a request as it is to the origins of plugins; the body must come to its end.
    pub async fn send_to_app(&self, request: Request<Body>) -> Answer {
        Self::answered(&self.apps, request).await
    }

    async fn answered(router: &Router, request: Request<Body>) -> Answer {
        let response = router.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        // One that goes on for ever is not read whole.
        let is_stream = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let bytes = match is_stream {
            true => Vec::new(),
            false => body.collect().await.expect("the body is read").to_bytes().to_vec(),
        };
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    /// Opens a stream of events; the answer itself where there is none.
    pub async fn follow(&self, path: &str, headers: &[(&str, &str)]) -> Result<TestStream, Answer> {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = self.app.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::OK {
            return Ok(TestStream { body, read: String::new() });
        }
        let bytes = body.collect().await.expect("the body is read").to_bytes().to_vec();
        Err(Answer { status: parts.status, headers: parts.headers, bytes })
    }

    /// Lets what a shop told reach those who follow it, as delivery would; nobody is told of it.
    pub async fn relay(&self, shop: &TestShop) {
        let partitions: Vec<u32> = (0..PARTITIONS).collect();
        let relay = async |mut tx: Tx| {
            let read = outbox_read(&mut tx, &partitions, 256).await?;
            outbox_settle(&mut tx, &read, &[]).await?;
            Ok::<_, StoreError>(read.len())
        };
        while self.state.store.write(&self.ctx(shop), relay).await.expect("the outbox is read") > 0 {}
    }

    /// Sends JSON with a token; an empty token is none, and `null` is no body.
    pub async fn call(&self, token: &str, method: Method, path: &str, body: &Value) -> Answer {
        self.call_with(token, method, path, body, &[]).await
    }

    /// The same with more headers.
    pub async fn call_with(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Value::Null => Body::empty(),
            value => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(value.to_string())
            }
        };
        self.send(request.body(body).expect("a request")).await
    }

    /// `GET` with a token.
    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.call(token, Method::GET, path, &Value::Null).await
    }

    /// `POST` with a token.
    pub async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.call(token, Method::POST, path, body).await
    }
}
