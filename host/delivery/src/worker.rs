//! Running a lane: its next events, one after the other, each told and then written down as dealt with.

use std::sync::Arc;

use heptad_model::event::MAX_DEPTH;
use heptad_model::id::{DeadLetterId, DeliveryId, ReplayId, TenantId};
use heptad_model::time::span::{HOUR, SECOND};
use heptad_model::{Ctx, Event, Filter, Millis};
use heptad_platform::PlatformError;
use heptad_platform::delivery::dead_letter::{DeadLetter, DeadLetterState, dead_letter_put};
use heptad_platform::delivery::event::event_causes;
use heptad_platform::delivery::lane::{Advance, DueLane, Fence, Lane, lane_events, lane_get, lane_put_off};
use heptad_platform::delivery::log::{Delivery as Attempt, DeliveryOutcome, deliveries_put};
use heptad_platform::delivery::subscription::{Subscription, subscription_get, subscription_listens};
use heptad_platform::notice::{Audience, NoticeIn, NoticeKind, notice_post};
use heptad_store::{OpenTx, REPLAY_PREFIX, Tx};
use serde_json::json;

use crate::acks::{Ack, acknowledge};
use crate::filled::filled;
use crate::receiver::{Receiver, Then, Told, ToldAs, Took};
use crate::tenants::caused;
use crate::turn::Turn;
use crate::{Shared, observe, retry, steps};

/// How many events of a lane are told before others have their turn.
const EVENTS: u32 = 16;
/// How often a lane is run again at once after its transaction met another one.
const CONFLICTS: u32 = 10;
/// How long a lane rests whose receiver does not listen: whoever lets it listen again hurries the lane.
const RESTS: i64 = HOUR;
/// How long a lane waits when its receiver cannot be told for a reason that passes by itself.
pub(crate) const SOON: i64 = SECOND;

/// Runs lanes that are due until the process stops.
pub(crate) async fn dispatch(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    loop {
        let begin = async {
            let permit = shared.running.clone().acquire_owned().await.ok()?;
            let (tenant, lane) = shared.queue.next().await;
            Some((permit, tenant, lane))
        };
        let begun = tokio::select! {
            begun = begin => begun,
            _ = stopping.wait_for(|stopping| *stopping) => None,
        };
        let Some((permit, tenant, lane)) = begun else { return };
        let shared = shared.clone();
        tokio::spawn(async move {
            let turn = Turn::new(shared.clone(), tenant, lane.lane.subscription, permit);
            let again = match run(&shared, tenant, &lane, &turn).await {
                Ok(again) => again,
                Err(error) => {
                    // The lane stays due, and is found again.
                    tracing::warn!(%error, %tenant, "a lane cannot be run: {error}");
                    false
                }
            };
            shared.queue.done(tenant, lane, again && !shared.is_stopping());
            drop(turn);
        });
    }
}

/// A lane that is being run.
struct Run<'a> {
    shared: &'a Shared,
    ctx: Ctx,
    due: &'a DueLane,
    turn: &'a Turn,
    fence: Fence,
    subscription: Subscription,
    filter: Option<Filter>,
    receiver: Receiver,
    lane: Lane,
    /// What was dealt with and is not written down yet.
    done: Vec<Attempt>,
    /// The last event that was dealt with, written down or not.
    reached: i64,
}

/// What a run begins with.
struct Read {
    lane: Lane,
    subscription: Subscription,
    events: Vec<(i64, Event)>,
}

/// Runs a lane for a while; whether it is still due.
async fn run(shared: &Shared, tenant: TenantId, due: &DueLane, turn: &Turn) -> Result<bool, PlatformError> {
    let Some(fence) = shared.holdings.fence(due.partition) else { return Ok(false) };
    let ctx = shared.tenants.ctx(tenant).await?;
    for _ in 0..CONFLICTS {
        let Some(Read { lane, subscription, events }) = read(shared, &ctx, due).await? else { return Ok(false) };
        let Some(receiver) = Receiver::of(shared, &ctx, &subscription).await? else {
            rest(shared, &ctx, due, lane.last_seq, &fence).await?;
            return Ok(false);
        };
        let (filter, reached) = (subscription.wants(), lane.last_seq);
        let (ctx, fence) = (ctx.clone(), fence.clone());
        let run =
            Run { shared, ctx, due, turn, fence, subscription, filter, receiver, lane, done: Vec::new(), reached };
        match run.events(events).await? {
            Ended::Conflict => {}
            Ended::Due => return Ok(true),
            Ended::Over => return Ok(false),
        }
    }
    Ok(true)
}

/// How a run ended.
enum Ended {
    /// The lane was moved by somebody else, or its transaction met another one.
    Conflict,
    /// There is more to tell.
    Due,
    /// There is nothing to tell now.
    Over,
}

async fn read(shared: &Shared, ctx: &Ctx, due: &DueLane) -> Result<Option<Read>, PlatformError> {
    let now = shared.env.now();
    let read = async |mut tx| {
        let Some(lane) = lane_get(&mut tx, &due.lane).await? else { return Ok(None) };
        if lane.due_at.is_none_or(|at| at > now) {
            return Ok(None);
        }
        let subscription = match subscription_get(&mut tx, due.lane.subscription).await {
            Ok(subscription) => subscription,
            Err(PlatformError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let events = lane_events(&mut tx, &due.lane, &lane, &subscription.types, EVENTS).await?;
        Ok(Some(Read { lane, subscription, events }))
    };
    shared.store.read(ctx, read).await
}

/// Puts a lane off whose receiver does not listen; shortly, where this process is only late to know that it does.
async fn rest(shared: &Shared, ctx: &Ctx, due: &DueLane, at: i64, fence: &Fence) -> Result<(), PlatformError> {
    let now = shared.env.now();
    let rest = async |mut tx| {
        let listens = subscription_listens(&mut tx, due.lane.subscription).await?;
        let until = now.plus(if listens { SOON } else { RESTS });
        lane_put_off(&mut tx, &due.lane, at, until, false, fence).await
    };
    Ok(shared.store.write(ctx, rest).await.map(drop)?)
}

impl Run<'_> {
    async fn events(mut self, events: Vec<(i64, Event)>) -> Result<Ended, PlatformError> {
        let is_cut = events.len() >= EVENTS as usize;
        for (place, event) in events {
            if !self.is_wanted(&event) {
                self.reached = place;
                continue;
            }
            if event.depth >= MAX_DEPTH {
                let message = self.loop_named(&event).await?;
                if !self.give_up(place, &event, "loop", &message, Took::default()).await? {
                    return Ok(Ended::Conflict);
                }
                continue;
            }
            let told = self.tell(&event).await?;
            match told {
                Told::Done { written: None, took } => {
                    let attempt = self.attempt(&event, DeliveryOutcome::Ok, "", "", took);
                    self.done.push(attempt);
                    self.moved_to(place);
                }
                Told::Done { written: Some(open), took } => {
                    if !self.commit(place, &event, *open, took).await? {
                        return Ok(Ended::Conflict);
                    }
                }
                Told::Again => {
                    return Ok(if self.flush().await? { Ended::Due } else { Ended::Conflict });
                }
                Told::NotNow { until } => {
                    return self.put_off(until, None, false).await;
                }
                Told::Failed { code, message, then, took } => {
                    let now = self.shared.env.now();
                    let until = match then {
                        Then::Retry => retry::next(self.lane.attempts + 1, now, &self.shared.env),
                        Then::GiveUp => None,
                        Then::Rest(until) => Some(until),
                    };
                    let Some(until) = until else {
                        if !self.give_up(place, &event, &code, &message, took).await? {
                            return Ok(Ended::Conflict);
                        }
                        continue;
                    };
                    let attempt = self.attempt(&event, DeliveryOutcome::Failed, &code, &message, took);
                    return self.put_off(until, Some(attempt), then == Then::Retry).await;
                }
            }
        }
        if !is_cut {
            // What lies between is of types that nobody asked for, or was purged.
            self.reached = self.reached.max(self.lane.wanted);
        }
        if !self.write_down().await? {
            return Ok(Ended::Conflict);
        }
        // Whoever told of more meanwhile has said so to the queue.
        Ok(if is_cut { Ended::Due } else { Ended::Over })
    }

    fn is_wanted(&self, event: &Event) -> bool {
        let is_told_of = self.replay().is_some() || self.subscription.is_told_of(event, self.filter.as_ref());
        is_told_of && self.receiver.may_hear(&event.kind)
    }

    async fn tell(&self, event: &Event) -> Result<Told, PlatformError> {
        let ctx = caused(&self.ctx, event);
        let how = ToldAs {
            subscription: self.subscription.name.clone(),
            attempt: self.lane.attempts + 1,
            gap: self.lane.gap,
            replayed: self.replay().is_some(),
        };
        let event = match self.receiver.sees_profiles() {
            true => filled(&self.shared.store, &self.ctx, event).await?,
            false => event.clone(),
        };
        let told = self.receiver.tell(self.shared, &ctx, &event, &how, self.turn).await?;
        steps::reached("handled");
        Ok(told)
    }

    fn replay(&self) -> Option<ReplayId> {
        ReplayId::parse(self.due.lane.key.strip_prefix(REPLAY_PREFIX)?).ok()
    }

    fn attempt(&self, event: &Event, outcome: DeliveryOutcome, code: &str, message: &str, took: Took) -> Attempt {
        let now = self.shared.env.now();
        observe::delivered(self.subscription.kind.name(), outcome.name(), now.as_millis() - event.at.as_millis());
        Attempt {
            id: DeliveryId::generate(&self.shared.env),
            subscription: self.subscription.id,
            event: event.id,
            kind: event.kind.clone(),
            key: event.key.clone(),
            seq: event.seq,
            attempt: self.lane.attempts + 1,
            replay: self.replay(),
            outcome,
            code: code.to_owned(),
            message: message.to_owned(),
            status: took.status,
            response: took.response,
            micros: took.micros,
            at: now,
        }
    }

    fn moved_to(&mut self, place: i64) {
        self.reached = place;
        (self.lane.attempts, self.lane.gap) = (0, false);
    }

    fn step(&self, to: i64, gap: bool) -> Advance {
        Advance { lane: self.due.lane.clone(), from: self.lane.last_seq, to, gap, fence: self.fence.clone() }
    }

    /// Writes down what was dealt with, together with others; `false` when the lane was moved by somebody else.
    async fn flush(&mut self) -> Result<bool, PlatformError> {
        if self.reached == self.lane.last_seq { Ok(true) } else { self.write_down().await }
    }

    async fn write_down(&mut self) -> Result<bool, PlatformError> {
        let ack = Ack { step: self.step(self.reached, self.lane.gap), attempts: std::mem::take(&mut self.done) };
        let moved = self.shared.acks.put(self.ctx.tenant().id, ack).await;
        self.lane.last_seq = self.reached;
        if moved {
            steps::reached("acknowledged");
        }
        Ok(moved)
    }

    /// Commits what the receiver wrote, together with the mark that the event was dealt with.
    async fn commit(&mut self, place: i64, event: &Event, mut open: OpenTx, took: Took) -> Result<bool, PlatformError> {
        let attempt = self.attempt(event, DeliveryOutcome::Ok, "", "", took);
        let mut attempts = std::mem::take(&mut self.done);
        attempts.push(attempt);
        let ack = Ack { step: self.step(place, false), attempts };
        let acknowledged = async |mut tx: Tx| acknowledge(&mut tx, std::slice::from_ref(&ack)).await;
        let committed = async {
            let moved = open.read(acknowledged).await?;
            steps::reached("acknowledged-uncommitted");
            if moved.is_empty() {
                return Ok(false);
            }
            open.commit().await?;
            Ok::<_, PlatformError>(true)
        };
        match committed.await {
            Ok(true) => {
                steps::reached("acknowledged");
                self.lane.last_seq = place;
                self.moved_to(place);
                Ok(true)
            }
            Ok(false) => Ok(false),
            Err(PlatformError::Store(error)) if error.is_transient() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts the lane off, with what is to be logged about it; `counts` where the attempt brings the event nearer to being
    /// given up.
    async fn put_off(&mut self, until: Millis, failed: Option<Attempt>, counts: bool) -> Result<Ended, PlatformError> {
        if !self.flush().await? {
            return Ok(Ended::Conflict);
        }
        let at = self.lane.last_seq;
        let put_off = async |mut tx: Tx| {
            let moved = lane_put_off(&mut tx, &self.due.lane, at, until, counts, &self.fence).await?;
            if moved && let Some(attempt) = &failed {
                deliveries_put(&mut tx, std::slice::from_ref(attempt)).await?;
            }
            Ok::<_, PlatformError>(())
        };
        self.shared.store.write(&self.ctx, put_off).await?;
        Ok(Ended::Over)
    }

    /// Gives an event up: it goes to the dead letters, the merchant is told, and the lane goes on behind it.
    async fn give_up(
        &mut self,
        place: i64,
        event: &Event,
        code: &str,
        message: &str,
        took: Took,
    ) -> Result<bool, PlatformError> {
        let attempt = self.attempt(event, DeliveryOutcome::Dead, code, message, took);
        let letter = DeadLetter {
            id: DeadLetterId::generate(&self.shared.env),
            subscription: self.subscription.id,
            event: event.id,
            kind: event.kind.clone(),
            key: event.key.clone(),
            seq: event.seq,
            attempts: self.lane.attempts + 1,
            code: code.to_owned(),
            message: message.to_owned(),
            state: DeadLetterState::Open,
            at: self.shared.env.now(),
        };
        let notice = NoticeIn {
            kind: NoticeKind::EventDead,
            subject: self.subscription.id.to_string(),
            dedup: format!("{} {}", NoticeKind::EventDead, self.subscription.id),
            detail: json!({"subscription": self.subscription.name, "event": event.kind, "code": code, "message": message}),
        };
        let mut attempts = std::mem::take(&mut self.done);
        attempts.push(attempt);
        let ack = Ack { step: self.step(place, true), attempts };
        let give_up = async |mut tx: Tx| {
            let moved = acknowledge(&mut tx, std::slice::from_ref(&ack)).await?;
            if !moved.is_empty() {
                dead_letter_put(&mut tx, &letter).await?;
                notice_post(&mut tx, Audience::Tenant, &notice).await?;
            }
            Ok::<_, PlatformError>(!moved.is_empty())
        };
        let moved = self.shared.store.write(&self.ctx, give_up).await?;
        self.lane.last_seq = place;
        self.moved_to(place);
        self.lane.gap = true;
        Ok(moved)
    }

    /// The plugins and types of the chain that led to an event, the first cause first.
    async fn loop_named(&self, event: &Event) -> Result<String, PlatformError> {
        let causes = async |mut tx: Tx| event_causes(&mut tx, event, MAX_DEPTH as usize).await;
        let causes = self.shared.store.read(&self.ctx, causes).await?;
        let chain: Vec<String> =
            causes.iter().rev().chain([event]).map(|one| format!("{} by {}", one.kind, one.actor)).collect();
        Ok(format!("events lead to each other without end: {}", chain.join(" → ")))
    }
}
