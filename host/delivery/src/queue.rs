//! The lanes that are due, in memory: tenant by tenant in turn, so that a long queue of one keeps nobody else waiting.
//!
//! The database knows which lanes are due; what is here is a part of it, filled by the relay and by a look every second.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heptad_model::Origin;
use heptad_model::id::{SubscriptionId, TenantId};
use heptad_platform::delivery::lane::{DueLane, LaneKey, due_lanes, due_tenants, outbox_size};
use heptad_store::StoreError;
use tokio::sync::Notify;

use crate::{RUNNING, Shared, observe};

/// How often the database is asked for lanes that are due.
const EVERY: Duration = Duration::from_secs(1);
/// How far the events in the outbox are counted.
const COUNTED: u32 = 10_000;
/// How many lanes of a tenant are held at most; the others wait in the database.
const HELD: usize = 2_000;
/// How many lanes of a receiver elsewhere run at once at most, once it is known to be elsewhere.
const OF_A_RECEIVER: u32 = 16;
/// How many more of its lanes are held, so that the next one is at hand.
const HELD_OF_A_RECEIVER: usize = 64;
/// With fewer of them the database is asked for more.
const ENOUGH: usize = HELD_OF_A_RECEIVER / 4;

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
    /// How many lanes of all tenants are worked on.
    working: u32,
}

#[derive(Default)]
struct Lanes {
    ready: VecDeque<DueLane>,
    /// Those that are ready, held or running; for a running one, whether it is to run again.
    known: HashMap<LaneKey, bool>,
    receivers: HashMap<SubscriptionId, Receiver>,
    /// How many are worked on: they run, and do not wait for a server elsewhere.
    working: u32,
    /// How many wait for servers elsewhere.
    aside: u32,
    is_in_round: bool,
    /// Whether there are more in the database.
    is_cut: bool,
}

/// What is known of a receiver that has lanes here.
#[derive(Default)]
struct Receiver {
    running: u32,
    /// Whether its lanes wait for a server elsewhere: then only so many run at once, however slow it is.
    is_elsewhere: bool,
    /// Those that wait until others of this receiver have ended.
    held: VecDeque<DueLane>,
    /// Whether there are more in the database.
    is_cut: bool,
}

impl Receiver {
    fn is_full(&self) -> bool {
        self.is_elsewhere && self.running >= OF_A_RECEIVER
    }

    /// Whether enough are held.
    fn holds_enough(&self) -> bool {
        self.is_full() && self.held.len() >= ENOUGH
    }
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
        due.into_iter().for_each(|one| lanes.add(one));
        if lanes.is_empty() {
            state.tenants.remove(&tenant);
        } else {
            state.offer(tenant);
            drop(state);
            self.ready.notify_one();
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
        self.lock().tenants.get(&tenant).is_some_and(Lanes::is_full)
    }

    /// The tenant's receivers that have enough lanes here: nobody need ask the database for more of them.
    fn full_receivers(&self, tenant: TenantId) -> Vec<SubscriptionId> {
        let state = self.lock();
        let receivers = state.tenants.get(&tenant).into_iter().flat_map(|lanes| &lanes.receivers);
        receivers.filter(|(_, receiver)| receiver.holds_enough()).map(|(id, _)| *id).collect()
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

    /// A lane that runs waits for a server elsewhere from now on, and others are worked on; `room` is how many more may
    /// wait so in this process. `false` where the tenant has its share of them: then the lane keeps its place meanwhile.
    pub(crate) fn step_aside(&self, tenant: TenantId, receiver: SubscriptionId, room: usize) -> bool {
        let mut state = self.lock();
        let Some(lanes) = state.tenants.get_mut(&tenant) else { return false };
        lanes.receivers.entry(receiver).or_default().is_elsewhere = true;
        // As much as is left for the others: however many tenants wait for slow servers, there is room for one more.
        if lanes.aside as usize >= room {
            return false;
        }
        lanes.working = lanes.working.saturating_sub(1);
        lanes.aside += 1;
        state.working = state.working.saturating_sub(1);
        state.offer(tenant);
        drop(state);
        self.ready.notify_one();
        true
    }

    /// The lane is worked on again.
    pub(crate) fn come_back(&self, tenant: TenantId) {
        let mut state = self.lock();
        if let Some(lanes) = state.tenants.get_mut(&tenant) {
            lanes.aside = lanes.aside.saturating_sub(1);
            lanes.working += 1;
            state.working += 1;
        }
    }

    /// A lane has run; `again` when it is still due.
    pub(crate) fn done(&self, tenant: TenantId, lane: DueLane, again: bool) {
        let mut state = self.lock();
        state.working = state.working.saturating_sub(1);
        if let Some(lanes) = state.tenants.get_mut(&tenant) {
            lanes.working = lanes.working.saturating_sub(1);
            let told_again = lanes.known.remove(&lane.lane).unwrap_or_default();
            if lanes.ended(lane.lane.subscription) {
                self.look();
            }
            if again || told_again {
                lanes.add(lane);
            }
            if lanes.is_cut && lanes.count() < HELD / 4 {
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
            let Lanes { ready, receivers, known, .. } = lanes;
            // Of whom nothing runs, nothing will end.
            let idle = receivers.values_mut().filter(|receiver| receiver.running == 0);
            idle.for_each(|receiver| ready.extend(receiver.held.drain(..)));
            for waiting in std::iter::once(ready).chain(receivers.values_mut().map(|receiver| &mut receiver.held)) {
                let (kept, gone): (VecDeque<_>, VecDeque<_>) =
                    std::mem::take(waiting).into_iter().partition(|lane| partitions.contains(&lane.partition));
                *waiting = kept;
                for lane in gone {
                    known.remove(&lane.lane);
                }
            }
        }
    }
}

impl State {
    /// Puts a tenant into the round, if something of it waits.
    fn offer(&mut self, tenant: TenantId) {
        if let Some(lanes) = self.tenants.get_mut(&tenant)
            && !lanes.is_in_round
            && !lanes.ready.is_empty()
        {
            lanes.is_in_round = true;
            self.round.push_back(tenant);
        }
    }

    /// The next lane, of the next tenant that may have another one worked on: one, or as many as there are places left for the
    /// others. So a few tenants whose plugins take their time leave room for the next one, which has half of what is left.
    fn take(&mut self) -> Option<(TenantId, DueLane)> {
        let free = RUNNING.saturating_sub(self.working);
        for _ in 0..self.round.len() {
            let tenant = self.round.pop_front()?;
            let Some(lanes) = self.tenants.get_mut(&tenant) else { continue };
            if lanes.working > 0 && lanes.working >= free {
                self.round.push_back(tenant);
                continue;
            }
            lanes.is_in_round = false;
            let Some(lane) = lanes.begin() else { continue };
            self.working += 1;
            self.offer(tenant);
            return Some((tenant, lane));
        }
        None
    }
}

impl Lanes {
    fn add(&mut self, one: DueLane) {
        let is_full = self.is_full();
        match self.known.get_mut(&one.lane) {
            Some(again) => *again = true,
            None if is_full => self.is_cut = true,
            None => {
                self.known.insert(one.lane.clone(), false);
                self.ready.push_back(one);
            }
        }
    }

    /// The next lane that may run. Those of a receiver that is full are held, or left to the database.
    fn begin(&mut self) -> Option<DueLane> {
        while let Some(lane) = self.ready.pop_front() {
            let receiver = self.receivers.entry(lane.lane.subscription).or_default();
            if !receiver.is_full() {
                receiver.running += 1;
                self.working += 1;
                // What was told before it begins is found when it runs.
                self.known.insert(lane.lane.clone(), false);
                return Some(lane);
            }
            if receiver.held.len() < HELD_OF_A_RECEIVER {
                receiver.held.push_back(lane);
            } else {
                self.known.remove(&lane.lane);
                receiver.is_cut = true;
            }
        }
        None
    }

    /// A lane of a receiver has ended, and the next one that was held may begin; whether the database has more.
    fn ended(&mut self, id: SubscriptionId) -> bool {
        let Some(receiver) = self.receivers.get_mut(&id) else { return false };
        receiver.running = receiver.running.saturating_sub(1);
        self.ready.extend(receiver.held.pop_front());
        let is_short = receiver.held.len() < ENOUGH;
        let more = is_short && std::mem::take(&mut receiver.is_cut);
        if receiver.running == 0 && receiver.held.is_empty() {
            self.receivers.remove(&id);
        }
        more
    }

    /// How many lanes are here; those that are held for receivers elsewhere do not count.
    fn count(&self) -> usize {
        let held: usize = self.receivers.values().map(|receiver| receiver.held.len()).sum();
        self.known.len().saturating_sub(held)
    }

    /// Whether as many lanes are here as may be.
    fn is_full(&self) -> bool {
        // Mostly there is nothing to be counted.
        self.known.len() >= HELD && self.count() >= HELD
    }

    fn is_empty(&self) -> bool {
        self.known.is_empty() && self.working == 0 && self.aside == 0
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
    let tenants = async |mut tx| {
        let outbox = outbox_size(&mut tx, COUNTED).await?;
        Ok::<_, StoreError>((outbox, due_tenants(&mut tx, &partitions, now).await?))
    };
    let (outbox, tenants) = shared.store.platform_read(&origin, tenants).await?;
    observe::outbox(outbox);
    observe::due(tenants.iter().map(|(_, lanes)| *lanes).sum());
    for (tenant, _) in tenants {
        if shared.queue.is_full(tenant) {
            continue;
        }
        // Those that are known may be among the first, so as many are read as are held at most.
        let full = shared.queue.full_receivers(tenant);
        let due = async |mut tx| due_lanes(&mut tx, tenant, &partitions, &full, now, HELD as u32).await;
        let due = shared.store.platform_read(&origin, due).await?;
        shared.queue.add_new(tenant, due);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use heptad_model::Env;

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
        let all = |queue: &Queue| std::iter::from_fn(|| queue.lock().take()).collect::<Vec<_>>();
        assert_eq!(all(&queue).len() + taken.len(), RUNNING as usize / 2 + 1);
        // None of these ever ends, and the next tenant has a place.
        for places in [8, 4, 2, 1] {
            let slow = TenantId::generate(&env);
            queue.add(slow, (0..100).map(|number| lane(&env, &number.to_string())));
            let taken = all(&queue);
            assert!(taken.iter().all(|(tenant, _)| *tenant == slow));
            assert_eq!(taken.len(), places);
        }
        let last = TenantId::generate(&env);
        queue.add(last, [lane(&env, "one"), lane(&env, "two")]);
        let (tenant, one) = queue.next().await;
        assert_eq!(tenant, last);
        assert_eq!(all(&queue), []);
        queue.done(last, one, false);
        assert_eq!(queue.next().await.0, last);
    }

    #[tokio::test]
    async fn lanes_that_wait_elsewhere_leave_their_place_and_a_slow_receiver_holds_up_nobody() {
        let env = Env::fixed(1);
        let queue = Queue::default();
        let tenant = TenantId::generate(&env);
        let slow = SubscriptionId::generate(&env);
        let of =
            |subscription, key: u32| DueLane { lane: LaneKey { subscription, key: key.to_string() }, partition: 1 };
        queue.add(tenant, (0..200).map(|key| of(slow, key)));
        let begun: Vec<DueLane> = std::iter::from_fn(|| queue.lock().take()).map(|(_, lane)| lane).collect();
        assert_eq!(begun.len(), RUNNING as usize / 2);
        for _ in &begun {
            assert!(queue.step_aside(tenant, slow, 1_000));
        }
        // The receiver is known by now, and others find a place at once.
        assert!(queue.lock().take().is_none());
        let quick = SubscriptionId::generate(&env);
        queue.add(tenant, [of(quick, 1)]);
        assert_eq!(queue.next().await.1.lane.subscription, quick);
        assert_eq!(queue.full_receivers(tenant), [slow]);
        // One ends and the next one begins.
        for lane in begun {
            queue.come_back(tenant);
            queue.done(tenant, lane, false);
            let (_, next) = queue.next().await;
            assert_eq!(next.lane.subscription, slow);
            assert!(queue.step_aside(tenant, slow, 1_000));
        }
        // No more wait elsewhere than there is room for the others.
        assert!(!queue.step_aside(tenant, slow, OF_A_RECEIVER as usize));
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
