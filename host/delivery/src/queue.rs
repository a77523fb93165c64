//! The lanes that are due, in memory: tenant by tenant in turn, so that a long queue of one keeps nobody else waiting.
//!
//! The database knows which lanes are due; what is here is a part of it, filled by the relay and by a look every second.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heptad_model::Origin;
use heptad_model::id::TenantId;
use heptad_platform::delivery::lane::{DueLane, LaneKey, due_lanes, due_tenants};
use heptad_store::StoreError;
use tokio::sync::Notify;

use crate::{RUNNING, Shared, observe};

/// How often the database is asked for lanes that are due.
const EVERY: Duration = Duration::from_secs(1);
/// How many lanes of a tenant are held at most; the others wait in the database.
const HELD: usize = 2_000;
/// How many of a tenant's lanes run at once at most: there is always room for another tenant.
const OF_A_TENANT: u32 = RUNNING * 3 / 4;

/// The lanes that are due.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Something may be begun.
    ready: Notify,
    /// The database should be asked.
    look: Notify,
}

#[derive(Default)]
struct State {
    tenants: HashMap<TenantId, Lanes>,
    /// Tenants with lanes that may begin, the next one first.
    round: VecDeque<TenantId>,
}

#[derive(Default)]
struct Lanes {
    ready: VecDeque<DueLane>,
    /// Those that are ready or running; for a running one, whether it is to run again.
    known: HashMap<LaneKey, bool>,
    running: u32,
    is_in_round: bool,
    /// Whether there are more in the database.
    is_cut: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the database soon.
    pub(crate) fn look(&self) {
        self.look.notify_one();
    }

    /// Adds lanes that are due; one that runs will run again. What is too much stays in the database.
    pub(crate) fn add(&self, tenant: TenantId, due: impl IntoIterator<Item = DueLane>) {
        let mut state = self.lock();
        let lanes = state.tenants.entry(tenant).or_default();
        let mut added = false;
        for one in due {
            let is_full = lanes.known.len() >= HELD;
            match lanes.known.get_mut(&one.lane) {
                Some(again) => *again = true,
                None if is_full => lanes.is_cut = true,
                None => {
                    lanes.known.insert(one.lane.clone(), false);
                    lanes.ready.push_back(one);
                    added = true;
                }
            }
        }
        if added {
            state.offer(tenant);
            drop(state);
            self.ready.notify_one();
        } else if state.tenants.get(&tenant).is_some_and(Lanes::is_empty) {
            state.tenants.remove(&tenant);
        }
    }

    /// Adds lanes that the database says are due, unless they are known: one that runs tells itself whether it goes on.
    fn add_new(&self, tenant: TenantId, due: Vec<DueLane>) {
        let known =
            |one: &DueLane| self.lock().tenants.get(&tenant).is_some_and(|lanes| lanes.known.contains_key(&one.lane));
        let fresh: Vec<DueLane> = due.into_iter().filter(|one| !known(one)).collect();
        self.add(tenant, fresh);
    }

    /// Whether as many lanes of the tenant are held as may be.
    fn is_full(&self, tenant: TenantId) -> bool {
        self.lock().tenants.get(&tenant).is_some_and(|lanes| lanes.known.len() >= HELD)
    }

    /// The next lane, of the tenant whose turn it is; waits until there is one.
    pub(crate) async fn next(&self) -> (TenantId, DueLane) {
        loop {
            if let Some(next) = self.lock().take() {
                return next;
            }
            self.ready.notified().await;
        }
    }

    /// A lane has run; `again` when it is still due.
    pub(crate) fn done(&self, tenant: TenantId, lane: DueLane, again: bool) {
        let mut state = self.lock();
        if let Some(lanes) = state.tenants.get_mut(&tenant) {
            lanes.running = lanes.running.saturating_sub(1);
            let told_again = lanes.known.remove(&lane.lane).unwrap_or_default();
            if again || told_again {
                lanes.known.insert(lane.lane.clone(), false);
                lanes.ready.push_back(lane);
            }
            if lanes.is_cut && lanes.known.len() < HELD / 4 {
                lanes.is_cut = false;
                self.look();
            }
            if lanes.is_empty() {
                state.tenants.remove(&tenant);
            } else {
                state.offer(tenant);
            }
        }
        drop(state);
        self.ready.notify_one();
    }

    /// Forgets the lanes that are ready, of partitions that are not held any more.
    pub(crate) fn keep(&self, partitions: &HashSet<u32>) {
        let mut state = self.lock();
        for lanes in state.tenants.values_mut() {
            let (kept, gone): (VecDeque<_>, VecDeque<_>) =
                std::mem::take(&mut lanes.ready).into_iter().partition(|lane| partitions.contains(&lane.partition));
            lanes.ready = kept;
            for lane in gone {
                lanes.known.remove(&lane.lane);
            }
        }
    }
}

impl State {
    /// Puts a tenant into the round, if it has something that may begin.
    fn offer(&mut self, tenant: TenantId) {
        if let Some(lanes) = self.tenants.get_mut(&tenant)
            && !lanes.is_in_round
            && !lanes.ready.is_empty()
            && lanes.running < OF_A_TENANT
        {
            lanes.is_in_round = true;
            self.round.push_back(tenant);
        }
    }

    fn take(&mut self) -> Option<(TenantId, DueLane)> {
        while let Some(tenant) = self.round.pop_front() {
            let Some(lanes) = self.tenants.get_mut(&tenant) else { continue };
            lanes.is_in_round = false;
            let Some(lane) = lanes.ready.pop_front() else { continue };
            lanes.running += 1;
            // What was told before it begins is found when it runs.
            lanes.known.insert(lane.lane.clone(), false);
            self.offer(tenant);
            return Some((tenant, lane));
        }
        None
    }
}

impl Lanes {
    fn is_empty(&self) -> bool {
        self.known.is_empty() && self.running == 0
    }
}

/// Asks the database for lanes that are due, until the process stops.
pub(crate) async fn fill(shared: Arc<Shared>) {
    while !shared.is_stopping() {
        if let Err(error) = look(&shared).await {
            tracing::warn!(%error, "lanes that are due cannot be read: {error}");
        }
        let wait = async {
            let _ = tokio::time::timeout(EVERY, shared.queue.look.notified()).await;
        };
        shared.pause(wait).await;
    }
}

async fn look(shared: &Shared) -> Result<(), StoreError> {
    let partitions = shared.holdings.partitions();
    shared.queue.keep(&partitions.iter().copied().collect());
    let origin = Origin::system("delivery", shared.env.clone());
    let now = shared.env.now();
    let tenants = async |mut tx| due_tenants(&mut tx, &partitions, now).await;
    let tenants = shared.store.platform_read(&origin, tenants).await?;
    observe::due(tenants.iter().map(|(_, lanes)| *lanes).sum());
    for (tenant, _) in tenants {
        if shared.queue.is_full(tenant) {
            continue;
        }
        // Those that are known may be among the first, so as many are read as are held at most.
        let due = async |mut tx| due_lanes(&mut tx, tenant, &partitions, now, HELD as u32).await;
        let due = shared.store.platform_read(&origin, due).await?;
        shared.queue.add_new(tenant, due);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use heptad_model::Env;
    use heptad_model::id::SubscriptionId;

    use super::*;

    fn lane(env: &Env, key: &str) -> DueLane {
        DueLane { lane: LaneKey { subscription: SubscriptionId::generate(env), key: key.to_owned() }, partition: 1 }
    }

    #[tokio::test]
    async fn tenants_take_turns_and_none_takes_all() {
        let env = Env::fixed(1);
        let queue = Queue::default();
        let (busy, quiet) = (TenantId::generate(&env), TenantId::generate(&env));
        queue.add(busy, (0..100).map(|number| lane(&env, &number.to_string())));
        queue.add(quiet, [lane(&env, "only")]);
        let mut taken = Vec::new();
        for _ in 0..3 {
            taken.push(queue.next().await.0);
        }
        assert_eq!(taken, [busy, quiet, busy]);
        let mut of_busy = 2;
        while queue.lock().take().is_some_and(|(tenant, _)| tenant == busy) {
            of_busy += 1;
        }
        assert_eq!(of_busy, OF_A_TENANT);
    }

    #[tokio::test]
    async fn a_lane_that_is_told_again_while_it_runs_runs_again_and_never_twice_at_once() {
        let env = Env::fixed(1);
        let queue = Queue::default();
        let tenant = TenantId::generate(&env);
        let one = lane(&env, "a");
        queue.add(tenant, [one.clone()]);
        let (_, running) = queue.next().await;
        queue.add(tenant, [one.clone()]);
        assert!(queue.lock().take().is_none());
        queue.done(tenant, running, false);
        let (_, running) = queue.next().await;
        queue.done(tenant, running, false);
        assert!(queue.lock().tenants.is_empty());
    }
}
