//! The listener: connections with limits on their number, on the head of a request and on how long it takes to come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use heptad_model::metric;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;

/// Beyond the limit of the API, so that it can answer with a problem that names the limit; past this the connection ends.
const HEADER_SLACK: usize = 16 << 10;
/// How long accepting pauses when the machine has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);
/// Streams of one HTTP/2 connection.
const STREAMS: u32 = 100;

/// What a connection may do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many connections at once.
    pub(crate) connections: u32,
    /// How long the head of a request may take to come.
    pub(crate) header_timeout: Duration,
    /// The most bytes of all headers of a request.
    pub(crate) header_bytes: usize,
}

/// Connections that are still open after the listener has closed.
pub(crate) struct Running(GracefulShutdown);

impl Running {
    /// Lets the requests on all connections end, and closes those without one; whether that was in time.
    pub(crate) async fn drain(self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.0.shutdown()).await.is_ok()
    }
}

/// Serves until `stop` is done.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> Running {
    let graceful = GracefulShutdown::new();
    let free = Arc::new(Semaphore::new(limits.connections as usize));
    let accept = async {
        loop {
            let Ok(permit) = free.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let connection = Connection { stream, peer, limits, watcher: graceful.watcher(), permit };
                    tokio::spawn(connection.serve(app.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = stop => {}
    }
    Running(graceful)
}

/// A connection that is counted while it is open.
struct Open(metrics::Gauge);

impl Open {
    fn count() -> Self {
        let open = metrics::gauge!(metric::HTTP_CONNECTIONS.name);
        open.increment(1.0);
        Self(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    limits: Limits,
    watcher: Watcher,
    permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, app: Router) {
        let Self { stream, peer, limits, watcher, permit } = self;
        let _open = Open::count();
        // Answers are small and should not wait for more to send.
        let _ = stream.set_nodelay(true);
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            app.clone().oneshot(request.map(Body::new))
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_buf_size(limits.header_bytes + HEADER_SLACK);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(limits.header_bytes + HEADER_SLACK).unwrap_or(u32::MAX))
            .keep_alive_interval(limits.header_timeout);
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            // The peer's doing: it went away, or it sent what is not HTTP.
            tracing::debug!(%error, "a connection ended early");
        }
        drop(permit);
    }
}
