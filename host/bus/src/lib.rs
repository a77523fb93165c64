//! NATS among processes: it hurries what the database decides.
//!
//! A process that has told of something puts a message into a JetStream stream, and whoever holds the event's partition
//! looks into the outbox at once instead of at its next look ([`Bus::tell`], [`Bus::wakes`]). A change that processes keep
//! in memory is told on a plain subject ([`Bus::changed`], [`Bus::changes`]). Messages hold ids and numbers, and nobody
//! believes them: they are a reason to look.
//!
//! So NATS may be absent, slow, or stop at any moment. Nothing here is waited for by those who work: what does not fit is
//! dropped and counted, and found at the next look, a quarter of a second later. The connection comes back by itself.
//!
//! Nothing newer than nats-server 2.9 is needed.

mod keep;
mod observe;
mod publish;
mod receive;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ConnectOptions, Event};
use heptad_model::id::TenantId;
use tokio::sync::{Mutex, mpsc, watch};

pub use crate::receive::Receipt;

/// How many messages and receipts wait in this process at most.
const QUEUE: usize = 4_096;
/// How many messages are on their way to the server at most.
const IN_FLIGHT: usize = 256;
/// How long anything that is asked of the server may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often an idle connection is tried; two silent tries end it.
const PING_EVERY: Duration = Duration::from_secs(2);
/// The longest pause between two attempts to connect.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Where NATS is, and who we are there.
#[derive(Debug, Clone, Default)]
pub struct BusOptions {
    /// `nats://HOST:4222` or `tls://HOST:4222`, with a user and a password perhaps; several are separated by commas.
    pub url: String,
    /// A file of credentials, as `nsc` makes them.
    pub credentials: Option<PathBuf>,
    /// Certificates of authorities that are trusted besides the system's.
    pub ca: Option<PathBuf>,
    /// The name of the stream, and what the subjects begin with: letters, digits, `-` and `_`.
    pub prefix: String,
}

/// Why there is no bus. Whether a server answers is not among the reasons: it may come later.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The file of credentials cannot be read, or is none.
    #[error("the NATS credentials cannot be used: {0}")]
    Credentials(#[source] std::io::Error),
    /// The options are no way to a server.
    #[error("NATS cannot be used: {0}")]
    Options(String),
}

/// How the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusState {
    /// There is to be none.
    Off,
    /// It stands.
    Connected,
    /// It does not; processes find everything by looking.
    Disconnected,
}

impl BusState {
    /// The state's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
        }
    }
}

/// Somebody has told of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    /// Who.
    pub tenant: TenantId,
    /// The partition of its key.
    pub partition: u32,
    /// The event's id, by which the stream drops what it has already.
    pub event: String,
}

/// The way to the other processes; or none, where there is one process alone. Cheap to clone.
#[derive(Clone, Default)]
pub struct Bus(Option<Arc<Inner>>);

struct Inner {
    client: Client,
    jetstream: Context,
    prefix: String,
    connected: watch::Receiver<bool>,
    /// Whether the stream is known to be there.
    ready: watch::Sender<bool>,
    wakes: Queue<Wake>,
    receipts: Queue<async_nats::jetstream::Message>,
}

/// What waits for the one who deals with it.
struct Queue<T> {
    sender: mpsc::Sender<T>,
    receiver: Mutex<Option<mpsc::Receiver<T>>>,
}

impl<T> Queue<T> {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Bus {
    /// Begins to connect and comes back at once, whether or not a server answers. [`Bus::run`] does the rest.
    pub async fn start(options: &BusOptions) -> Result<Self, BusError> {
        let (state, connected) = watch::channel(false);
        let hear = move |event| {
            match event {
                Event::Connected => told(&state, true),
                Event::Disconnected | Event::Closed => told(&state, false),
                other => tracing::debug!("NATS: {other}"),
            }
            async {}
        };
        let mut connect = ConnectOptions::new()
            .name("heptad")
            .retry_on_initial_connect()
            .connection_timeout(PATIENCE)
            .ping_interval(PING_EVERY)
            .request_timeout(Some(PATIENCE))
            .reconnect_delay_callback(|attempt| {
                let pause = Duration::from_millis(50 << attempt.min(5));
                pause.min(RECONNECT_AFTER)
            })
            .event_callback(hear);
        if let Some(file) = &options.credentials {
            connect = connect.credentials_file(file).await.map_err(BusError::Credentials)?;
        }
        if let Some(file) = &options.ca {
            connect = connect.add_root_certificates(file.clone());
        }
        let servers: Vec<&str> = options.url.split(',').map(str::trim).collect();
        let client = connect.connect(servers).await.map_err(|error| BusError::Options(error.to_string()))?;
        let jetstream = ContextBuilder::new()
            .timeout(PATIENCE)
            .ack_timeout(PATIENCE)
            .max_ack_inflight(IN_FLIGHT)
            .backpressure_on_inflight(true)
            .build(client.clone());
        Ok(Self(Some(Arc::new(Inner {
            client,
            jetstream,
            prefix: options.prefix.clone(),
            connected,
            ready: watch::Sender::new(false),
            wakes: Queue::new(),
            receipts: Queue::new(),
        }))))
    }

    /// How the connection stands.
    pub fn state(&self) -> BusState {
        match &self.0 {
            None => BusState::Off,
            Some(inner) if *inner.connected.borrow() => BusState::Connected,
            Some(_) => BusState::Disconnected,
        }
    }

    /// Sends and acknowledges, for ever; the process runs it as a task.
    pub async fn run(self) {
        let Some(inner) = self.0 else { return };
        tokio::join!(keep::keep(&inner), publish::publish(&inner), receive::acknowledge(&inner));
    }

    /// Tells the other processes that there is something in the outbox. It waits for nothing: what does not fit is
    /// dropped, and found by looking.
    pub fn tell(&self, wake: Wake) {
        if let Some(inner) = &self.0
            && inner.wakes.sender.try_send(wake).is_err()
        {
            observe::sent("dropped");
        }
    }

    /// Tells the other processes that something has changed that they keep in memory, unless there is no connection.
    pub async fn changed(&self) {
        if let Some(inner) = &self.0 {
            publish::changed(inner).await;
        }
    }

    /// Calls `hear` for each message about a partition, for ever. Whoever holds a partition runs it, and drops it with the
    /// partition.
    pub async fn wakes(self, partition: u32, hear: impl Fn(TenantId, Receipt)) {
        match &self.0 {
            Some(inner) => receive::wakes(inner, partition, hear).await,
            None => std::future::pending().await,
        }
    }

    /// Calls `hear` after other processes have changed something, for ever; several changes are one call.
    pub async fn changes<F: Future<Output = ()>>(self, hear: impl Fn() -> F) {
        match &self.0 {
            Some(inner) => receive::changes(inner, hear).await,
            None => std::future::pending().await,
        }
    }
}

impl Inner {
    fn is_ready(&self) -> bool {
        *self.ready.borrow() && *self.connected.borrow()
    }

    /// The subject of a partition's messages.
    fn subject(&self, partition: u32) -> String {
        format!("{}.events.{partition:02}", self.prefix)
    }
}

fn told(state: &watch::Sender<bool>, connected: bool) {
    observe::connected(connected);
    match (state.send_replace(connected), connected) {
        (false, true) => tracing::info!("NATS is connected"),
        (true, false) => tracing::warn!("NATS is gone: until it is back, processes look every quarter of a second"),
        _ => {}
    }
}
