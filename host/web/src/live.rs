//! Answers that go on: a shop's events as they become known, to those who follow them.
//!
//! A stream reads from the database behind its own cursor, so a process keeps nothing for a reader, and any process can go
//! on where another one stopped. One statement four times a second tells for all streams of the process whose shop has
//! something new. A stream ends when the process stops, when its reader's token or session is over, and when its reader
//! does not take what is sent: whoever wants more comes back with the id of the last event.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use heptad_model::id::TenantId;
use heptad_model::{Ctx, Event, EventType, Filter, Origin, metric};
use heptad_platform::PlatformError;
use heptad_platform::delivery::stream::{Cursor, stream_end, stream_is_broken, stream_lengths, stream_read};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::api::EventOut;
use crate::auth::Standing;
use crate::error::{ApiError, ApiResult};
use crate::state::AppState;

/// Streams of a process at once.
const OF_THE_PROCESS: usize = 512;
/// Streams of a shop at once, in a process.
const OF_A_SHOP: usize = 16;
/// How often the database is asked whether there is something new.
const EVERY: Duration = Duration::from_millis(250);
/// How often a comment is sent where nothing else is, so that whatever lies between keeps the connection.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often it is asked whether the reader may still read.
const STANDING: Duration = Duration::from_millis(500);
/// Events that are read at a time.
const BATCH: u32 = 64;
/// Frames that wait for the reader.
const WAITING: usize = 64;
/// What browsers wait before they come back, in milliseconds.
const RETRY: u32 = 2_000;

/// The streams of a process.
pub(crate) struct Live {
    places: Arc<Semaphore>,
    shops: Arc<Mutex<Shops>>,
    stopping: watch::Sender<bool>,
}

/// The shops that somebody follows.
#[derive(Default)]
struct Shops {
    followed: HashMap<TenantId, Followed>,
    /// Whether somebody looks for what is new.
    is_looked_at: bool,
}

/// A shop that somebody follows.
struct Followed {
    streams: usize,
    length: watch::Sender<i64>,
}

fn lock(shops: &Mutex<Shops>) -> MutexGuard<'_, Shops> {
    shops.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which events a reader wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Of these types; all but the logs of plugins when empty.
    pub(crate) types: Vec<String>,
    /// About this thing; all when empty.
    pub(crate) key: String,
    /// Of which this holds.
    pub(crate) filter: Option<Filter>,
}

impl Wanted {
    fn holds(&self, event: &Event) -> bool {
        (if self.types.is_empty() {
            event.kind != EventType::PluginLogged.name()
        } else {
            self.types.contains(&event.kind)
        }) && (self.key.is_empty() || self.key == event.key)
            && self.filter.as_ref().is_none_or(|filter| filter.matches(event))
    }
}

/// A reader's place in the process and the shop; given back when it falls.
struct Place {
    shops: Arc<Mutex<Shops>>,
    tenant: TenantId,
    length: watch::Receiver<i64>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!(metric::EVENT_STREAMS.name).decrement(1.0);
        let mut shops = lock(&self.shops);
        if let Some(followed) = shops.followed.get_mut(&self.tenant) {
            followed.streams -= 1;
            if followed.streams == 0 {
                shops.followed.remove(&self.tenant);
            }
        }
    }
}

impl Live {
    pub(crate) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(OF_THE_PROCESS)),
            shops: Arc::default(),
            stopping: watch::Sender::new(false),
        }
    }

    /// Ends all streams: the process stops.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    fn place(&self, state: &AppState, tenant: TenantId) -> ApiResult<Place> {
        let busy = |whose: &str| {
            let detail = format!("{whose} has as many event streams open as it may");
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too-many-streams", detail).with_retry_after(10)
        };
        let permit = self.places.clone().try_acquire_owned().map_err(|_| busy("the server"))?;
        let mut shops = lock(&self.shops);
        let fresh = || Followed { streams: 0, length: watch::Sender::new(0) };
        let followed = shops.followed.entry(tenant).or_insert_with(fresh);
        if followed.streams >= OF_A_SHOP {
            return Err(busy("the shop"));
        }
        followed.streams += 1;
        let length = followed.length.subscribe();
        if !std::mem::replace(&mut shops.is_looked_at, true) {
            tokio::spawn(look(state.clone()));
        }
        drop(shops);
        metrics::gauge!(metric::EVENT_STREAMS.name).increment(1.0);
        Ok(Place { shops: self.shops.clone(), tenant, length, _permit: permit })
    }
}

/// Tells the streams whose shop has something new, for as long as there are streams.
async fn look(state: AppState) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let tenants: Vec<TenantId> = {
            let mut shops = lock(&state.live.shops);
            if shops.followed.is_empty() {
                shops.is_looked_at = false;
                return;
            }
            shops.followed.keys().copied().collect()
        };
        let origin = Origin::system("streams", state.env.clone());
        let lengths = async |mut tx| stream_lengths(&mut tx, &tenants).await;
        match state.store.platform_read(&origin, lengths).await {
            Ok(lengths) => {
                let shops = lock(&state.live.shops);
                for (tenant, length) in lengths {
                    if let Some(followed) = shops.followed.get(&tenant) {
                        followed.length.send_if_modified(|known| std::mem::replace(known, length) != length);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "streams cannot be told what is new: {error}"),
        }
    }
}

/// How a stream ended, for the metric.
#[derive(Debug, Clone, Copy)]
enum Ended {
    Gone,
    Slow,
    Stopping,
    Standing,
    Failed,
}

impl Ended {
    const fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Slow => "slow",
            Self::Stopping => "stopping",
            Self::Standing => "standing",
            Self::Failed => "failed",
        }
    }
}

/// A stream of the shop's events after `after`, or from now on: Server-Sent Events, each with its cursor as the id and the
/// event as CloudEvents.
pub(crate) async fn follow(
    state: &AppState,
    ctx: &Ctx,
    standing: Standing,
    wanted: Wanted,
    after: Option<Cursor>,
) -> ApiResult<Response> {
    let place = state.live.place(state, ctx.tenant().id)?;
    let begin = async |mut tx| {
        let end = stream_end(&mut tx).await?;
        Ok::<_, PlatformError>(match &after {
            None => (end, false),
            Some(after) if stream_is_broken(&mut tx, after).await? => (end, true),
            Some(after) => (after.clone(), false),
        })
    };
    let (cursor, is_broken) = state.store.read(ctx, begin).await?;
    let (sender, mut frames) = mpsc::channel::<Bytes>(WAITING);
    let reader = Reader { state: state.clone(), ctx: ctx.clone(), standing, wanted, place, cursor, sender };
    let (mut stopping, gone) = (state.live.stopping.subscribe(), reader.sender.clone());
    tokio::spawn(async move {
        let stopped = async { stopping.wait_for(|stopping| *stopping).await.map(|_| ()).unwrap_or_default() };
        let ended = tokio::select! {
            ended = reader.run(is_broken) => ended,
            () = stopped => Ended::Stopping,
            () = gone.closed() => Ended::Gone,
        };
        metrics::counter!(metric::EVENT_STREAMS_ENDED_TOTAL.name, "reason" => ended.name()).increment(1);
    });
    let frames = stream::poll_fn(move |cx| frames.poll_recv(cx).map(|frame| frame.map(Ok::<_, Infallible>)));
    let mut response = Response::new(Body::from_stream(frames));
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that gather answers before they pass them on are asked not to.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// Somebody who follows a shop's events.
struct Reader {
    state: AppState,
    ctx: Ctx,
    standing: Standing,
    wanted: Wanted,
    place: Place,
    cursor: Cursor,
    sender: mpsc::Sender<Bytes>,
}

impl Reader {
    async fn run(mut self, is_broken: bool) -> Ended {
        match self.follow(is_broken).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }

    async fn follow(&mut self, is_broken: bool) -> Result<Infallible, Ended> {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let mut standing = tokio::time::interval(STANDING);
        // Both say when they begin, which is now.
        heartbeat.tick().await;
        standing.tick().await;
        let begin = if is_broken { "event: gap\ndata: {}\n" } else { "" };
        self.send(format!("retry: {RETRY}\nid: {}\n{begin}\n", self.cursor)).await?;
        loop {
            self.place.length.mark_unchanged();
            self.tell().await?;
            loop {
                tokio::select! {
                    changed = self.place.length.changed() => {
                        changed.map_err(|_| Ended::Failed)?;
                        break;
                    }
                    _ = heartbeat.tick() => self.send(format!(": nothing new\nid: {}\n\n", self.cursor)).await?,
                    _ = standing.tick() => {
                        if !self.standing.holds(&self.state).await {
                            return Err(Ended::Standing);
                        }
                    }
                }
            }
        }
    }

    /// Sends what is new, until there is nothing more.
    async fn tell(&mut self) -> Result<(), Ended> {
        let tenant = self.ctx.tenant().id;
        loop {
            let read = async |mut tx| stream_read(&mut tx, &self.cursor, BATCH).await;
            let batch = self.state.store.read(&self.ctx, read).await.map_err(|error: heptad_store::StoreError| {
                tracing::warn!(%error, "a stream of events ends: {error}");
                Ended::Failed
            })?;
            let is_last = batch.len() < BATCH as usize;
            for placed in batch {
                self.cursor.advance(&placed);
                if self.wanted.holds(&placed.event) {
                    let shown =
                        serde_json::to_string(&EventOut::new(placed.event, tenant)).map_err(|_| Ended::Failed)?;
                    self.send(format!("id: {}\ndata: {shown}\n\n", self.cursor)).await?;
                }
            }
            if is_last {
                return Ok(());
            }
            if !self.standing.holds(&self.state).await {
                return Err(Ended::Standing);
            }
        }
    }

    /// Sends a frame; a reader that takes none for too long is left.
    async fn send(&self, frame: String) -> Result<(), Ended> {
        match tokio::time::timeout(self.state.options.stream_stall, self.sender.send(frame.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ended::Gone),
            Err(_) => Err(Ended::Slow),
        }
    }
}
