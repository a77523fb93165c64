//! Which partitions this process works on: it holds a lease on each.
//!
//! Processes are equal, and nobody leads. Each says every second that it is alive, renews what it holds, takes what is free
//! up to its share (all partitions by all living processes), and gives back what it has beyond. A lease lasts five seconds;
//! whoever could not renew it in time works on it no more, and its fence keeps it from writing if it does not know yet.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use heptad_model::event::PARTITIONS;
use heptad_model::id::RequestId;
use heptad_model::time::span::SECOND;
use heptad_model::{Env, Millis, Origin};
use heptad_platform::delivery::lane::Fence;
use heptad_platform::lease::{Lease, Process, leases_release, leases_renew, leases_take, process_gone, process_seen};
use heptad_store::dialect::Dialect;
use heptad_store::{Store, StoreError};

use crate::{Shared, observe};

/// How long a lease lasts.
const LASTS: Duration = Duration::from_secs(5);
/// How often leases are renewed.
const EVERY: Duration = Duration::from_secs(1);
/// How long a process that is silent counts as alive.
const ALIVE: i64 = 5 * SECOND;
/// How long a process that is silent stays on the list.
const LISTED: i64 = 600 * SECOND;

/// The leases of this process.
pub(crate) struct Holdings {
    store: Store,
    env: Env,
    process: Process,
    held: RwLock<Held>,
}

#[derive(Default)]
struct Held {
    /// The fence of each partition.
    fences: BTreeMap<u32, i64>,
    /// Until when they are held, by this machine's clock.
    until: Option<Instant>,
}

fn name(partition: u32) -> String {
    format!("partition/{partition:02}")
}

fn partition(lease: &Lease) -> Option<(u32, i64)> {
    Some((lease.name.strip_prefix("partition/")?.parse().ok()?, lease.fence))
}

impl Holdings {
    pub(crate) fn new(store: Store, env: Env, address: &str) -> Self {
        let now = env.now();
        let process = Process {
            // A request's id is as good as any: new with each start, and it sorts by time.
            id: RequestId::generate(&env).to_string().replace("req_", "prc_"),
            address: address.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: now,
            seen_at: now,
        };
        Self { store, env, process, held: RwLock::default() }
    }

    /// The partitions that this process holds at the moment.
    pub(crate) fn partitions(&self) -> Vec<u32> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        match held.until {
            Some(until) if Instant::now() < until => held.fences.keys().copied().collect(),
            _ => Vec::new(),
        }
    }

    /// Whether this process works on a partition at the moment.
    pub(crate) fn holds(&self, partition: u32) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.until.is_some_and(|until| Instant::now() < until) && held.fences.contains_key(&partition)
    }

    /// What lets this process write about a partition; `None` where it does not hold it.
    pub(crate) fn fence(&self, partition: u32) -> Option<Fence> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let is_held = held.until.is_some_and(|until| Instant::now() < until);
        let fence = held.fences.get(&partition).filter(|_| is_held)?;
        Some(Fence { lease: name(partition), fence: *fence })
    }

    /// Renews, takes and gives back; whether what it holds has grown.
    async fn turn(&self, is_first: bool) -> Result<bool, StoreError> {
        // The lease is counted from before it was asked for.
        let until = Instant::now() + LASTS;
        let origin = Origin::system("leases", self.env.clone());
        let now = self.env.now();
        let expires = now.plus(i64::try_from(LASTS.as_millis()).unwrap_or(i64::MAX));
        let process = Process { seen_at: now, ..self.process.clone() };
        // SQLite is used by one process at a time: whoever held a lease is gone.
        let force = is_first && self.store.dialect() == Dialect::Sqlite;
        let before = self.partitions().len();
        let turn = async |mut tx| {
            let listed = process_seen(&mut tx, &process, now.plus(-LISTED)).await?;
            let alive = listed.iter().filter(|one| one.seen_at > now.plus(-ALIVE)).count().max(1);
            let mut held = leases_renew(&mut tx, &process.id, expires).await?;
            let share = if force { PARTITIONS as usize } else { (PARTITIONS as usize).div_ceil(alive) };
            if held.len() < share {
                let mut free: Vec<String> = (0..PARTITIONS).map(name).collect();
                free.retain(|name| held.iter().all(|lease| lease.name != *name));
                // Each begins elsewhere, so that two who start together do not take the same ones first.
                let start = self.start(free.len());
                free.rotate_left(start);
                let free = if force { free } else { free_ones(&mut tx, free, now, share - held.len()).await? };
                held.extend(leases_take(&mut tx, &free, &process.id, expires, force).await?);
            }
            let extra: Vec<String> = held.drain(share.min(held.len())..).map(|lease| lease.name).collect();
            if !extra.is_empty() {
                leases_release(&mut tx, &process.id, &extra).await?;
            }
            Ok::<_, StoreError>(held)
        };
        let held = self.store.platform_write(&origin, turn).await?;
        let fences: BTreeMap<u32, i64> = held.iter().filter_map(partition).collect();
        observe::holds(fences.len());
        let grown = fences.len() > before;
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Held { fences, until: Some(until) };
        Ok(grown)
    }

    fn start(&self, of: usize) -> usize {
        let sum: usize = self.process.id.bytes().map(usize::from).sum();
        sum.checked_rem(of).unwrap_or_default()
    }

    /// Gives everything back, and takes the process off the list.
    pub(crate) async fn release_all(&self) {
        let held = std::mem::take(&mut *self.held.write().unwrap_or_else(PoisonError::into_inner));
        let names: Vec<String> = held.fences.keys().copied().map(name).collect();
        let origin = Origin::system("leases", self.env.clone());
        let id = &self.process.id;
        let release = async |mut tx| {
            leases_release(&mut tx, id, &names).await?;
            process_gone(&mut tx, id).await
        };
        if let Err(error) = self.store.platform_write(&origin, release).await {
            tracing::warn!(%error, "leases were not given back: others take them when their time is up");
        }
    }
}

/// Of these leases at most so many that nobody holds.
async fn free_ones(
    tx: &mut heptad_store::PlatformTx,
    names: Vec<String>,
    now: Millis,
    most: usize,
) -> Result<Vec<String>, StoreError> {
    let taken = heptad_platform::lease::leases_held(tx, now).await?;
    Ok(names.into_iter().filter(|name| !taken.contains(name)).take(most).collect())
}

/// Holds the process's leases until it stops.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let mut is_first = true;
    while !shared.is_stopping() {
        let turn = tokio::time::timeout(LASTS, shared.holdings.turn(is_first)).await;
        match turn {
            Ok(Ok(grown)) => {
                is_first = false;
                if grown {
                    // There may be work of others to go on with.
                    shared.told.look();
                    shared.queue.look();
                }
            }
            Ok(Err(error)) => tracing::warn!(%error, "leases cannot be renewed: {error}"),
            Err(_) => tracing::warn!("leases were not renewed in time: the database does not answer"),
        }
        shared.pause(tokio::time::sleep(EVERY)).await;
    }
}
