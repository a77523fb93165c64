//! Sending to an endpoint.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use heptad_model::id::{TenantId, WebhookId};
use heptad_model::time::span::{DAY, HOUR, MINUTE};
use heptad_model::{Ctx, Event, Millis};
use heptad_platform::PlatformError;
use heptad_platform::delivery::subscription::{SubscriptionState, subscription_state_put};
use heptad_platform::webhook::health::{
    Failure, Health, webhook_attempt, webhook_failed, webhook_gone, webhook_recovered,
};
use heptad_platform::webhook::secret::{SigningKey, signing_keys};
use heptad_platform::webhook::usage::{usage_give_back, usage_take};
use heptad_platform::webhook::{Webhook, webhook_get};
use heptad_store::Tx;
use heptad_webhook::{How, Message, Verdict};

use crate::Shared;
use crate::receiver::{Then, Told, ToldAs, Took};
use crate::turn::Turn;
use crate::worker::SOON;

/// How long the events of a tenant wait that has used all its messages of the day: a higher limit may come before the next
/// day does.
const LOOK_AGAIN: i64 = 15 * MINUTE;

/// An endpoint with what signs its messages.
pub(crate) struct Endpoint {
    webhook: Webhook,
    keys: Vec<SigningKey>,
    /// How it fares, as far as this run of a lane knows.
    health: Mutex<Health>,
}

/// Messages that this process has taken and not sent yet, by tenant, each with the day that they are of.
#[derive(Default)]
pub(crate) struct Lots(Mutex<HashMap<TenantId, (i64, i64)>>);

impl Lots {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, (i64, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One message of the day, if there is one left here.
    fn one(&self, tenant: TenantId, day: i64) -> bool {
        match self.lock().get_mut(&tenant) {
            Some((of, left)) if *of == day && *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    fn put(&self, tenant: TenantId, day: i64, more: i64) {
        let mut lots = self.lock();
        lots.retain(|_, (of, left)| *of == day && *left > 0);
        lots.entry(tenant).or_insert((day, 0)).1 += more;
    }
}

/// Gives back what this process has taken and not sent: it stops.
pub(crate) async fn give_back(shared: &Shared) -> Result<(), PlatformError> {
    let lots = std::mem::take(&mut *shared.lots.lock());
    for (tenant, (day, left)) in lots.into_iter().filter(|(_, (_, left))| *left > 0) {
        let ctx = shared.tenants.ctx(tenant).await?;
        let day = Millis::new(day * DAY);
        shared.store.write(&ctx, async |mut tx: Tx| usage_give_back(&mut tx, day, left).await).await?;
    }
    Ok(())
}

impl Endpoint {
    /// The endpoint with this id; `None` where it is gone.
    pub(crate) async fn of(shared: &Shared, ctx: &Ctx, id: WebhookId) -> Result<Option<Self>, PlatformError> {
        let read = async |mut tx: Tx| {
            let webhook = webhook_get(&mut tx, id).await?;
            let keys = signing_keys(&mut tx, shared.runtime.vault(), id).await?;
            Ok((webhook, keys))
        };
        match shared.store.read(ctx, read).await {
            Ok((webhook, keys)) => {
                let health = Mutex::new(webhook.health.clone());
                Ok(Some(Self { webhook, keys, health }))
            }
            Err(PlatformError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) const fn sees_profiles(&self) -> bool {
        self.webhook.personal
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an event, unless the endpoint rests or the day's messages are used up.
    pub(crate) async fn tell(
        &self,
        shared: &Shared,
        ctx: &Ctx,
        event: &Event,
        how: &ToldAs,
        turn: &Turn,
    ) -> Result<Told, PlatformError> {
        let now = shared.env.now();
        let resting = self.health().retry_at;
        if let Some(at) = resting {
            if at > now {
                return Ok(Told::NotNow { until: at });
            }
            let attempt = async |mut tx: Tx| webhook_attempt(&mut tx, &self.webhook, at).await;
            if !shared.store.write(ctx, attempt).await? {
                return Ok(Told::NotNow { until: now.plus(SOON) });
            }
        }
        if let Some(until) = used_up(shared, ctx, now).await? {
            return Ok(Told::NotNow { until });
        }
        let how = How {
            subscription: self.webhook.subscription,
            attempt: how.attempt,
            gap: how.gap,
            replayed: how.replayed,
            at: now,
        };
        let message = Message::new(event, ctx.tenant().id, &how, &self.keys);
        let answer = turn.aside(shared.webhooks.send(&self.webhook.url, message)).await;
        let took = Took { micros: answer.micros, status: answer.status, response: answer.text };
        match answer.verdict {
            Verdict::Taken => {
                self.taken(shared, ctx).await?;
                Ok(Told::Done { written: None, took })
            }
            Verdict::Gone => {
                let gone = async |mut tx: Tx| {
                    subscription_state_put(&mut tx, self.webhook.subscription, SubscriptionState::Paused).await?;
                    webhook_gone(&mut tx, &self.webhook).await
                };
                shared.store.write(ctx, gone).await?;
                let (code, message) = ("webhook-gone".to_owned(), "the endpoint answered 410".to_owned());
                Ok(Told::Failed { code, message, then: Then::Rest(now.plus(HOUR)), took })
            }
            Verdict::Failed(failure) => self.failed(shared, ctx, failure, resting.is_some(), took).await,
        }
    }

    /// Lets everything flow again, if this was the first success after failures.
    async fn taken(&self, shared: &Shared, ctx: &Ctx) -> Result<(), PlatformError> {
        if self.health().failures > 0 {
            let recover = async |mut tx: Tx| webhook_recovered(&mut tx, &self.webhook).await;
            shared.store.write(ctx, recover).await?;
            *self.health() = Health::default();
            shared.queue.look();
        }
        Ok(())
    }

    async fn failed(
        &self,
        shared: &Shared,
        ctx: &Ctx,
        failure: Failure,
        resting: bool,
        took: Took,
    ) -> Result<Told, PlatformError> {
        let note = async |mut tx: Tx| webhook_failed(&mut tx, &self.webhook, &failure, resting).await;
        let rests = shared.store.write(ctx, note).await?;
        let then = match rests {
            // One that is behind the others: if it is this event that the endpoint does not take, they get their turn.
            Some(until) => Then::Rest(until.plus(SOON)),
            None => Then::Retry,
        };
        Ok(Told::Failed { code: failure.code, message: failure.message, then, took })
    }
}

/// Until when nothing is sent because the day's messages are used up; takes one otherwise.
async fn used_up(shared: &Shared, ctx: &Ctx, now: Millis) -> Result<Option<Millis>, PlatformError> {
    let (tenant, day) = (ctx.tenant().id, now.as_millis().div_euclid(DAY));
    if shared.lots.one(tenant, day) {
        return Ok(None);
    }
    let most = i64::from(shared.runtime.limits_of(ctx).await.webhooks_per_day);
    let taken = shared.store.write(ctx, async |mut tx: Tx| usage_take(&mut tx, most).await).await?;
    if taken == 0 {
        return Ok(Some(now.plus(LOOK_AGAIN).min(Millis::new((day + 1) * DAY))));
    }
    shared.lots.put(tenant, day, taken - 1);
    Ok(None)
}
