//! Admission: a bounded number of turns, handed out fairly between keys.
//!
//! Whoever asks for a free turn gets it at once. When none is free, or the key has as many as it may, the request waits in
//! its key's queue; turns that become free go round robin to the keys that wait. So a key that floods waits for its own
//! turns, and another finds the next free one. A queue that is full refuses at once: that is what a 429 is for.

use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

/// How many turns a key may have at the same time, and how many may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// Turns.
    pub(crate) running: u32,
    /// Requests in the queue.
    pub(crate) waiting: u32,
}

/// Why there is no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The key's queue is full.
    #[error("too many requests wait already")]
    QueueFull,
    /// The time was up before the turn came.
    #[error("the turn did not come in time")]
    OutOfTime,
}

impl Refused {
    /// The label in metrics.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::QueueFull => "queue-full",
            Self::OutOfTime => "out-of-time",
        }
    }
}

/// Hands out turns. Cheap to clone.
pub(crate) struct Admission<K: Eq + Hash + Clone> {
    shared: Arc<Mutex<State<K>>>,
}

impl<K: Eq + Hash + Clone> Clone for Admission<K> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

struct State<K: Eq + Hash + Clone> {
    turns: u32,
    free: u32,
    waiting: usize,
    keys: FxHashMap<K, Queue<K>>,
    /// Keys with somebody in their queue, the next one first.
    round: VecDeque<K>,
}

struct Queue<K: Eq + Hash + Clone> {
    running: u32,
    most: u32,
    waiters: VecDeque<oneshot::Sender<Permit<K>>>,
}

/// A turn; it ends when this is dropped.
pub(crate) struct Permit<K: Eq + Hash + Clone> {
    turn: Option<(Arc<Mutex<State<K>>>, K)>,
}

impl<K: Eq + Hash + Clone> Admission<K> {
    /// So many turns in all.
    pub(crate) fn new(turns: u32) -> Self {
        let state = State { turns, free: turns, waiting: 0, keys: FxHashMap::default(), round: VecDeque::new() };
        Self { shared: Arc::new(Mutex::new(state)) }
    }

    /// How many requests have their turn.
    pub(crate) fn running(&self) -> u32 {
        let state = lock(&self.shared);
        state.turns - state.free
    }

    /// How many requests wait.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.shared).waiting
    }

    /// A turn for the key, at once or when it comes, at most until `until`.
    pub(crate) async fn enter(&self, key: K, share: Share, until: Instant) -> Result<Permit<K>, Refused> {
        let waiter = {
            let mut state = lock(&self.shared);
            let free = state.free > 0;
            let queue = state.keys.entry(key.clone()).or_insert_with(|| Queue {
                running: 0,
                most: share.running,
                waiters: VecDeque::new(),
            });
            queue.most = share.running;
            if free && queue.waiters.is_empty() && queue.running < queue.most {
                queue.running += 1;
                state.free -= 1;
                return Ok(self.permit(key));
            }
            if queue.waiters.len() >= share.waiting as usize {
                if queue.running == 0 && queue.waiters.is_empty() {
                    state.keys.remove(&key);
                }
                return Err(Refused::QueueFull);
            }
            let (sender, receiver) = oneshot::channel();
            if queue.waiters.is_empty() {
                state.round.push_back(key.clone());
            }
            if let Some(queue) = state.keys.get_mut(&key) {
                queue.waiters.push_back(sender);
            }
            state.waiting += 1;
            receiver
        };
        match tokio::time::timeout_at(until.into(), waiter).await {
            Ok(Ok(permit)) => Ok(permit),
            // The sender stays in the queue and is passed over: nobody listens to it any more.
            _ => Err(Refused::OutOfTime),
        }
    }

    fn permit(&self, key: K) -> Permit<K> {
        Permit { turn: Some((self.shared.clone(), key)) }
    }
}

fn lock<K: Eq + Hash + Clone>(shared: &Mutex<State<K>>) -> MutexGuard<'_, State<K>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Eq + Hash + Clone> State<K> {
    /// The next waiter whose key may run, its turn already counted.
    fn next(&mut self) -> Option<(K, oneshot::Sender<Permit<K>>)> {
        for _ in 0..self.round.len() {
            let key = self.round.pop_front()?;
            let Some(queue) = self.keys.get_mut(&key) else { continue };
            let before = queue.waiters.len();
            queue.waiters.retain(|waiter| !waiter.is_closed());
            self.waiting -= before - queue.waiters.len();
            let chosen = if queue.running < queue.most { queue.waiters.pop_front() } else { None };
            if chosen.is_some() {
                self.waiting -= 1;
                queue.running += 1;
                self.free -= 1;
            }
            if !queue.waiters.is_empty() {
                self.round.push_back(key.clone());
            } else if queue.running == 0 {
                self.keys.remove(&key);
            }
            if let Some(waiter) = chosen {
                return Some((key, waiter));
            }
        }
        None
    }

    fn end(&mut self, key: &K) {
        self.free += 1;
        if let Some(queue) = self.keys.get_mut(key) {
            queue.running -= 1;
            if queue.running == 0 && queue.waiters.is_empty() {
                self.keys.remove(key);
            }
        }
    }
}

impl<K: Eq + Hash + Clone> Drop for Permit<K> {
    fn drop(&mut self) {
        let Some((shared, mut ended)) = self.turn.take() else { return };
        loop {
            let next = {
                let mut state = lock(&shared);
                state.end(&ended);
                state.next()
            };
            let Some((key, waiter)) = next else { return };
            let permit = Self { turn: Some((shared.clone(), key)) };
            // Whoever waited may have gone away just now: the turn goes to the next one, here and not by recursion.
            match waiter.send(permit).map_err(|mut unheard| unheard.turn.take()) {
                Err(Some((_, key))) => ended = key,
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    const SHARE: Share = Share { running: 2, waiting: 3 };

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn turns_go_round_robin_and_a_key_has_no_more_than_its_share() {
        let admission = Admission::new(2);
        let enter = async || admission.enter("a", SHARE, soon()).await.ok().unwrap();
        let (first, second) = (enter().await, enter().await);
        let mut waiting: Vec<_> = Vec::new();
        for key in ["a", "a", "a", "b"] {
            let mut wait = Box::pin(admission.enter(key, SHARE, soon()));
            assert!(wait.as_mut().now_or_never().is_none(), "{key} has no turn yet");
            waiting.push(wait);
        }
        assert_eq!(admission.enter("a", SHARE, soon()).await.err().unwrap(), Refused::QueueFull);
        drop(first);
        // The flood has its turn, and then the other key, before the rest of the flood.
        let again = waiting[0].as_mut().now_or_never().unwrap().ok().unwrap();
        drop(second);
        assert!(waiting[1].as_mut().now_or_never().is_none());
        let other = waiting[3].as_mut().now_or_never().unwrap().ok().unwrap();
        drop((again, other));
        assert!(waiting[1].as_mut().now_or_never().is_some() && waiting[2].as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_key_at_its_share_leaves_free_turns_to_others() {
        let admission = Admission::new(3);
        let share = Share { running: 1, waiting: 1 };
        let held = admission.enter(1, share, soon()).await.ok().unwrap();
        let mut wait = Box::pin(admission.enter(1, share, soon()));
        assert!(wait.as_mut().now_or_never().is_none());
        let other = admission.enter(2, share, soon()).await.ok().unwrap();
        drop(other);
        assert!(wait.as_mut().now_or_never().is_none(), "its own turn is still held");
        drop(held);
        assert!(wait.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_goes_away_while_waiting_takes_no_turn() {
        let admission = Admission::new(1);
        let held = admission.enter("a", SHARE, soon()).await.ok().unwrap();
        let mut gone = Box::pin(admission.enter("a", SHARE, soon()));
        assert!(gone.as_mut().now_or_never().is_none());
        let mut stays = Box::pin(admission.enter("b", SHARE, soon()));
        assert!(stays.as_mut().now_or_never().is_none());
        drop(gone);
        drop(held);
        drop(stays.as_mut().now_or_never().unwrap().ok().unwrap());
        assert_eq!(admission.waiting(), 0);
        assert!(admission.enter("c", SHARE, soon()).now_or_never().is_some());
    }

    #[tokio::test]
    async fn nothing_is_remembered_of_who_came_in_vain() {
        let admission = Admission::new(1);
        let held = admission.enter("a", SHARE, soon()).await.ok().unwrap();
        let nobody_waits = Share { waiting: 0, ..SHARE };
        assert_eq!(admission.enter("b", nobody_waits, soon()).await.err().unwrap(), Refused::QueueFull);
        assert_eq!(admission.enter("c", SHARE, Instant::now()).await.err().unwrap(), Refused::OutOfTime);
        drop(held);
        assert!(lock(&admission.shared).keys.is_empty());
    }

    #[tokio::test]
    async fn a_turn_that_does_not_come_in_time_is_refused() {
        let admission = Admission::new(1);
        let _held = admission.enter("a", SHARE, soon()).await.ok().unwrap();
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(admission.enter("b", SHARE, soon).await.err().unwrap(), Refused::OutOfTime);
    }
}
