//! Delivery: what was told in a transaction reaches those who asked for it.
//!
//! The way of an event: its transaction writes it into the outbox; the `relay` matches it with subscriptions and puts it
//! into their lanes; the `queue` holds the lanes that are due, tenant by tenant in turn; the `worker` runs a lane, event
//! by event, and leaves its place to others while it waits for a server elsewhere (`turn`); and the `acks` write down that
//! they were dealt with. Keys are spread over 64 partitions, and a process works on those whose lease it holds
//! (`holdings`). Everything is found again in the database, so a process may die at any moment ([`steps`]); notices between
//! the parts only hurry.
//!
//! What plugins do at times of their own comes the same way: `schedules` tells of a run by an event for one subscription.
//!
//! To add a kind of receiver: a file like `plugin` and `webhook`, its arms in `receiver`.

mod acks;
mod filled;
mod holdings;
mod observe;
mod outbound;
mod plugin;
mod queue;
mod receiver;
mod relay;
mod retry;
mod schedules;
pub mod steps;
mod tenants;
mod told;
mod turn;
mod wakes;
mod webhook;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use heptad_bus::{Bus, Wake};
use heptad_model::event::partition;
use heptad_model::id::TenantId;
use heptad_model::{Env, Event};
use heptad_runtime::Runtime;
use heptad_store::Store;
use heptad_webhook::Sender;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use crate::filled::filled;
pub use crate::tenants::caused;

use crate::acks::Acks;
use crate::holdings::Holdings;
use crate::queue::Queue;
use crate::tenants::Tenants;
use crate::told::Told;
use crate::webhook::Lots;

/// How many lanes are worked on at once in a process.
const RUNNING: u32 = 32;
/// How many more wait for servers elsewhere.
const ASIDE: u32 = 1_024;
/// How long a stop waits for what runs.
const DRAIN: Duration = Duration::from_secs(12);
/// How long giving the leases back may take, and the messages of the day.
const RELEASE: Duration = Duration::from_secs(3);

/// What every part of delivery shares. Cheap to clone.
#[derive(Clone)]
pub struct Delivery(Arc<Shared>);

struct Shared {
    store: Store,
    runtime: Arc<Runtime>,
    env: Env,
    tenants: Tenants,
    holdings: Holdings,
    queue: Queue,
    acks: Acks,
    webhooks: Sender,
    lots: Lots,
    /// Who has told of something.
    told: Told,
    bus: Bus,
    /// How many lanes may still be begun.
    running: Arc<Semaphore>,
    /// How many more may wait for servers elsewhere.
    aside: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
}

impl Delivery {
    /// Puts the parts together. `address` is where this process listens, for people who look at the list of processes.
    pub fn new(store: Store, runtime: Arc<Runtime>, bus: Bus, env: Env, address: &str) -> Self {
        let shared = Arc::new(Shared {
            tenants: Tenants::new(store.clone(), env.clone()),
            holdings: Holdings::new(store.clone(), env.clone(), address),
            queue: Queue::default(),
            acks: Acks::new(),
            webhooks: Sender::new(runtime.outbound().clone(), env.clone()),
            lots: Lots::default(),
            told: Told::default(),
            bus,
            running: Arc::new(Semaphore::new(RUNNING as usize)),
            aside: Arc::new(Semaphore::new(ASIDE as usize)),
            stopping: watch::Sender::new(false),
            store,
            runtime,
            env,
        });
        let listener = Arc::downgrade(&shared);
        shared.store.on_events(move |ctx, events| {
            if let Some(shared) = listener.upgrade() {
                shared.hear(ctx.tenant().id, events);
            }
        });
        Self(shared)
    }

    /// Delivers until [`Delivery::stop`]; the process runs it as a task.
    pub async fn run(self) {
        let mut tasks = JoinSet::new();
        tasks.spawn(holdings::keep(self.0.clone()));
        tasks.spawn(wakes::follow(self.0.clone()));
        tasks.spawn(relay::run(self.0.clone()));
        tasks.spawn(queue::fill(self.0.clone()));
        tasks.spawn(worker::dispatch(self.0.clone()));
        tasks.spawn(acks::run(self.0.clone()));
        tasks.spawn(schedules::run(self.0.clone()));
        while tasks.join_next().await.is_some() {}
    }

    /// The partitions that this process works on at the moment.
    pub fn partitions(&self) -> Vec<u32> {
        self.0.holdings.partitions()
    }

    /// Begins nothing more, waits for what runs, and gives the leases back, so that others go on at once.
    pub async fn stop(&self) {
        let shared = &self.0;
        shared.stopping.send_replace(true);
        let ended = async {
            // Those that wait elsewhere come back to end, so they are waited for first, and nobody else goes there.
            let _elsewhere = shared.aside.acquire_many(ASIDE).await;
            let _here = shared.running.acquire_many(RUNNING).await;
        };
        let _ = tokio::time::timeout(DRAIN, ended).await;
        let leases = tokio::time::timeout(RELEASE, shared.holdings.release_all());
        let messages = tokio::time::timeout(RELEASE, webhook::give_back(shared));
        let (leases, messages) = tokio::join!(leases, messages);
        if leases.is_err() {
            tracing::warn!("leases were not given back in time: others take them when their time is up");
        }
        match messages {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "messages of the day were not given back: {error}"),
            Err(_) => tracing::warn!("messages of the day were not given back in time"),
        }
    }
}

impl Shared {
    /// A transaction of this process has told of something: this process looks at once, and so do those who hold the
    /// other partitions.
    fn hear(&self, tenant: TenantId, events: &[Event]) {
        steps::reached("told");
        let name = tenant.to_string();
        let mut is_own = false;
        for event in events {
            let partition = partition(&name, &event.key);
            if self.holdings.holds(partition) {
                is_own = true;
            } else {
                self.bus.tell(Wake { tenant, partition, event: event.id.to_string() });
            }
        }
        if is_own {
            self.told.by(tenant);
        }
    }

    /// Whether no lane is being run.
    fn is_idle(&self) -> bool {
        let all = |places: &Semaphore, most: u32| places.available_permits() >= most as usize;
        all(&self.running, RUNNING) && all(&self.aside, ASIDE)
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits, unless the process stops; `false` when it does.
    async fn pause(&self, wait: impl Future<Output = ()>) -> bool {
        let mut stopping = self.stopping.subscribe();
        tokio::select! {
            () = wait => true,
            _ = stopping.wait_for(|stopping| *stopping) => false,
        }
    }
}
