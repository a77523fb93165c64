//! A server elsewhere that plugins send to.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

#[derive(Default)]
pub(crate) struct Seen {
    /// Path, `Idempotency-Key`, and body.
    pub(crate) came: Vec<(String, String, String)>,
    /// Where requests came from: a connection each.
    pub(crate) peers: BTreeSet<SocketAddr>,
    /// `Authorization` headers.
    pub(crate) authorized: Vec<String>,
    /// Statuses that are answered next.
    pub(crate) next: Vec<u16>,
}

/// A carrier's server on this machine.
#[derive(Clone)]
pub(crate) struct Carrier {
    pub(crate) host: String,
    pub(crate) seen: Arc<Mutex<Seen>>,
}

impl Carrier {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen = Arc::<Mutex<Seen>>::default();
        let app = Router::new().fallback(take).with_state(seen.clone());
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { host, seen }
    }

    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut Seen) -> T) -> T {
        f(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn came(&self) -> Vec<(String, String, String)> {
        self.with(|seen| seen.came.clone())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }
}

async fn take(
    State(seen): State<Arc<Mutex<Seen>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let status = {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.came.push((uri.path().to_owned(), text("idempotency-key"), String::from_utf8_lossy(&body).into_owned()));
        seen.peers.insert(peer);
        if uri.path() == "/echo" {
            seen.authorized.push(text("authorization"));
        }
        if seen.next.is_empty() { 200 } else { seen.next.remove(0) }
    };
    let status = StatusCode::from_u16(status).unwrap();
    match uri.path() {
        "/large" => "x".repeat(5 << 20).into_response(),
        "/echo" => text("authorization").into_response(),
        "/slow" => std::future::pending().await,
        "/away" => (StatusCode::FOUND, [("location", "http://169.254.169.254/latest/meta-data")]).into_response(),
        // What no text of a database may hold.
        "/rude" => (status, "\0no\x1b").into_response(),
        _ => (status, "taken").into_response(),
    }
}
