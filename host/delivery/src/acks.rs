//! Writing down that events were dealt with. What wrote nothing needs no transaction of its own: such acknowledgements are
//! grouped for some milliseconds, and written for a tenant all at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use heptad_model::id::TenantId;
use heptad_platform::PlatformError;
use heptad_platform::delivery::lane::{Advance, LaneKey, lanes_advance};
use heptad_platform::delivery::log::{Delivery as Attempt, deliveries_put};
use heptad_store::Tx;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;

use crate::{Shared, steps};

/// How long an acknowledgement waits for others.
const GROUPED_FOR: Duration = Duration::from_millis(3);
/// How many are written at once at most.
const GROUP: usize = 256;
/// How many may wait.
const QUEUE: usize = 1_024;

/// A lane's step, with what is to be logged about it.
#[derive(Debug, Clone)]
pub(crate) struct Ack {
    pub(crate) step: Advance,
    pub(crate) attempts: Vec<Attempt>,
}

struct Ask {
    tenant: TenantId,
    ack: Ack,
    answer: oneshot::Sender<bool>,
}

/// The way to the one who writes acknowledgements.
pub(crate) struct Acks {
    sender: mpsc::Sender<Ask>,
    receiver: Mutex<Option<mpsc::Receiver<Ask>>>,
}

impl Acks {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }

    /// Writes it down, soon and with others; whether the lane has moved. If not, it was moved by somebody else, or the
    /// database does not answer: the lane is read anew.
    pub(crate) async fn put(&self, tenant: TenantId, ack: Ack) -> bool {
        let (answer, done) = oneshot::channel();
        if self.sender.send(Ask { tenant, ack, answer }).await.is_err() {
            return false;
        }
        done.await.unwrap_or(false)
    }
}

/// Moves lanes on and logs what was done, in the transaction; the lanes that moved.
pub(crate) async fn acknowledge(tx: &mut Tx, acks: &[Ack]) -> Result<HashSet<LaneKey>, PlatformError> {
    let steps: Vec<Advance> = acks.iter().map(|ack| ack.step.clone()).collect();
    let moved: HashSet<LaneKey> = lanes_advance(tx, &steps).await?.into_iter().collect();
    let done = acks.iter().filter(|ack| moved.contains(&ack.step.lane));
    let attempts: Vec<Attempt> = done.flat_map(|ack| ack.attempts.iter().cloned()).collect();
    if !attempts.is_empty() {
        deliveries_put(tx, &attempts).await?;
    }
    Ok(moved)
}

/// Writes acknowledgements until all who ask are gone.
pub(crate) async fn run(shared: Arc<Shared>) {
    let Some(mut waiting) = shared.acks.receiver.lock().await.take() else { return };
    let mut stopping = shared.stopping.subscribe();
    loop {
        let first = tokio::select! {
            first = waiting.recv() => first,
            _ = stopping.wait_for(|stopping| *stopping), if waiting.is_empty() && shared.is_idle() => None,
        };
        let Some(first) = first else { return };
        let until = Instant::now() + GROUPED_FOR;
        let mut group: HashMap<TenantId, Vec<Ask>> = HashMap::new();
        group.entry(first.tenant).or_default().push(first);
        let mut size = 1;
        while size < GROUP {
            let Ok(Some(next)) = tokio::time::timeout_at(until, waiting.recv()).await else { break };
            group.entry(next.tenant).or_default().push(next);
            size += 1;
        }
        for (tenant, asks) in group {
            write(&shared, tenant, asks).await;
        }
    }
}

async fn write(shared: &Shared, tenant: TenantId, asks: Vec<Ask>) {
    let (acks, answers): (Vec<Ack>, Vec<_>) = asks.into_iter().map(|ask| (ask.ack, ask.answer)).unzip();
    let written = async {
        let ctx = shared.tenants.ctx(tenant).await?;
        let write = async |mut tx| {
            let moved = acknowledge(&mut tx, &acks).await?;
            steps::reached("grouped-uncommitted");
            Ok::<_, PlatformError>(moved)
        };
        shared.store.write(&ctx, write).await
    };
    let moved = written.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "acknowledgements cannot be written: {error}");
        HashSet::new()
    });
    for (ack, answer) in acks.iter().zip(answers) {
        let _ = answer.send(moved.contains(&ack.step.lane));
    }
}
