//! A server that takes webhooks, or refuses them as it is told.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use heptad_model::PageRequest;
use heptad_model::id::WebhookId;
use heptad_platform::delivery::log::Delivery;
use heptad_platform::delivery::log::delivery_list;
use heptad_platform::notice::notice_list;
use heptad_platform::webhook::{Webhook, WebhookIn, webhook_create, webhook_get};
use heptad_store::Tx;
use serde_json::{Value, json};

use crate::shop::{Shop, until};

/// A message that came.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Came {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether the reference library finds the signature right, unchanged, from npm.
    pub(crate) fn verifies(&self, secret: &str) -> Result<(), String> {
        let hint = "run `cargo xtask test`, which installs the verifier and passes its folder";
        let tools = PathBuf::from(std::env::var("HEPTAD_TEST_TOOLS").expect(hint));
        let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| (name, self.header(name)));
        let headers: Value = headers
            .into_iter()
            .collect::<std::collections::BTreeMap<_, _>>()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        let input = json!({"secret": secret, "headers": headers, "body": self.body}).to_string();
        let mut node = Command::new("node");
        node.arg(tools.join("webhooks/verify.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = node.spawn().expect("node runs");
        running.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let ended = running.wait_with_output().unwrap();
        if ended.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ended.stderr).into_owned()) }
    }
}

/// What an endpoint is to be told.
pub(crate) fn webhook_in(endpoint: &Endpoint, types: &[&str], personal: bool) -> WebhookIn {
    WebhookIn {
        url: endpoint.url.clone(),
        description: "Warehouse".to_owned(),
        types: types.iter().map(|kind| (*kind).to_owned()).collect(),
        filter: String::new(),
        personal,
    }
}

/// How a message is answered: status, `Retry-After`, body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Says(pub(crate) u16, pub(crate) &'static str, pub(crate) &'static str);

/// Takes everything.
pub(crate) const TAKES: Says = Says(204, "", "");

#[derive(Default)]
struct Behaviour {
    came: Vec<Came>,
    /// What is said next; then `always`.
    next: VecDeque<Says>,
    always: Option<Says>,
    /// Events about this are refused, whatever else.
    never: String,
    /// Nothing is answered at all.
    hangs: bool,
}

/// The server.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Endpoint {
    /// A server on this machine that takes everything.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks?from=heptad", listener.local_addr().unwrap());
        let behaviour = Arc::<Mutex<Behaviour>>::default();
        let app = Router::new().fallback(take).with_state(behaviour.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, behaviour }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Behaviour) -> T) -> T {
        f(&mut self.behaviour.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers so from now on.
    pub(crate) fn always(&self, says: Says) {
        self.with(|it| it.always = Some(says));
    }

    /// Answers the next message so.
    pub(crate) fn next(&self, says: Says) {
        self.with(|it| it.next.push_back(says));
    }

    /// Takes messages from now on and never answers.
    pub(crate) fn hangs(&self) {
        self.with(|it| it.hangs = true);
    }

    /// Refuses events about this.
    pub(crate) fn never(&self, key: &str) {
        self.with(|it| key.clone_into(&mut it.never));
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.with(|it| it.came.clone())
    }

    /// The messages that came, as `key number`, with what the headers say of a gap or a replay.
    pub(crate) fn words(&self) -> Vec<String> {
        let word = |came: &Came| {
            let event = came.json();
            let mark = |name, mark| if came.header(name) == "true" { mark } else { "" };
            let (gap, again) = (mark("heptad-gap", "g"), mark("heptad-replayed", "r"));
            format!("{} {}{gap}{again}", event["subject"].as_str().unwrap(), event["sequence"].as_str().unwrap())
        };
        self.came().iter().map(word).collect()
    }

    /// Waits until these came, in this order.
    pub(crate) async fn hears(&self, expected: &[&str]) {
        until(async || {
            let words = self.words();
            (words == expected).then_some(()).ok_or(format!("{words:?}, not {expected:?}"))
        })
        .await;
    }

    /// Waits until so many came.
    pub(crate) async fn counts(&self, expected: usize) {
        until(async || {
            let came = self.with(|it| it.came.len());
            (came == expected).then_some(()).ok_or(format!("{came} messages, not {expected}"))
        })
        .await;
    }
}

async fn take(State(behaviour): State<Arc<Mutex<Behaviour>>>, headers: HeaderMap, body: Bytes) -> Response {
    let came = Came { headers, body: String::from_utf8_lossy(&body).into_owned() };
    let answered = answer(&mut behaviour.lock().unwrap_or_else(PoisonError::into_inner), came);
    match answered {
        Some(response) => response,
        None => std::future::pending().await,
    }
}

fn answer(it: &mut Behaviour, came: Came) -> Option<Response> {
    let is_refused = !it.never.is_empty() && came.json()["subject"] == it.never.as_str();
    it.came.push(came);
    if it.hangs {
        return None;
    }
    let Says(status, after, said) = match it.next.pop_front().or(it.always) {
        _ if is_refused => Says(500, "", "not this one"),
        says => says.unwrap_or(TAKES),
    };
    let mut response = (StatusCode::from_u16(status).unwrap(), said).into_response();
    if !after.is_empty() {
        response.headers_mut().insert("retry-after", after.parse().unwrap());
    }
    Some(response)
}

impl Shop<'_> {
    /// An endpoint of the shop that hears of stock, with its secret.
    pub(crate) async fn webhook(&self, endpoint: &Endpoint) -> (WebhookId, String) {
        self.webhook_of(endpoint, &["inventory.changed"], false).await
    }

    pub(crate) async fn webhook_of(&self, endpoint: &Endpoint, types: &[&str], personal: bool) -> (WebhookId, String) {
        let input = webhook_in(endpoint, types, personal);
        let vault = self.host.runtime.vault();
        let create = async |mut tx: Tx| webhook_create(&mut tx, vault, &input).await;
        let (webhook, secret) = self.host.store.write(&self.ctx, create).await.unwrap();
        (webhook.id, secret.reveal().to_owned())
    }

    pub(crate) async fn endpoint(&self, id: WebhookId) -> Webhook {
        self.host.store.read(&self.ctx, async |mut tx: Tx| webhook_get(&mut tx, id).await).await.unwrap()
    }

    /// The attempts at an endpoint, the latest first.
    pub(crate) async fn attempts(&self, id: WebhookId) -> Vec<Delivery> {
        let subscription = self.endpoint(id).await.subscription;
        let page = PageRequest::new(None, Some(200)).unwrap();
        let list = async |mut tx: Tx| delivery_list(&mut tx, subscription, None, &page).await;
        self.host.store.read(&self.ctx, list).await.unwrap().items
    }

    /// The kinds of the notices in the inbox, how often each happened, by kind.
    pub(crate) async fn notices(&self) -> Vec<String> {
        let page = PageRequest::first();
        let list = async |mut tx: Tx| notice_list(&mut tx, false, &page).await;
        let found = self.host.store.read(&self.ctx, list).await.unwrap().items;
        let mut kinds: Vec<String> = found.iter().map(|one| format!("{} {}", one.kind, one.occurrences)).collect();
        kinds.sort();
        kinds
    }
}
