//! Who is told: what a subscription's events go to.

use std::sync::Arc;

use heptad_capabilities::extensions::Serving;
use heptad_model::id::{InstallId, WebhookId};
use heptad_model::{Ctx, Event, Millis, Permission, PermissionSet, Point};
use heptad_platform::PlatformError;
use heptad_platform::delivery::subscription::{Subscription, SubscriptionKind, SubscriptionState};
use heptad_store::OpenTx;

use crate::turn::Turn;
use crate::webhook::Endpoint;
use crate::{Shared, outbound, plugin};

/// What came of telling a receiver.
pub(crate) enum Told {
    /// It took the event; what it wrote is not committed yet.
    Done { written: Option<Box<OpenTx>>, took: Took },
    /// It is to be told again at once.
    Again,
    /// It cannot be told now, through no fault of the event.
    NotNow { until: Millis },
    /// It failed.
    Failed { code: String, message: String, then: Then, took: Took },
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The event is tried again, later and later, and given up in the end.
    Retry,
    /// Another attempt cannot succeed: it is given up now.
    GiveUp,
    /// The receiver as a whole fails or rests: the attempt says nothing about the event, which is tried at this moment.
    Rest(Millis),
}

/// What an attempt took, and what came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Took {
    pub(crate) micros: u64,
    /// The HTTP status that an endpoint answered, and the first bytes of the answer.
    pub(crate) status: Option<u16>,
    pub(crate) response: String,
}

/// How an event is told.
#[derive(Debug, Clone)]
pub(crate) struct ToldAs {
    pub(crate) subscription: String,
    pub(crate) attempt: u32,
    pub(crate) gap: bool,
    pub(crate) replayed: bool,
}

/// Who is told.
pub(crate) enum Receiver {
    /// A plugin that handles events, and what it was granted.
    Plugin(Arc<Serving>, PermissionSet),
    /// A plugin that works at times of its own.
    Schedule(Arc<Serving>),
    /// Servers that a plugin left requests for.
    Outbound(Arc<Serving>),
    /// A server of the merchant's or publisher's own.
    Webhook(Box<Endpoint>),
}

impl Receiver {
    /// The receiver of a subscription; `None` while it does not listen, or this process cannot say.
    pub(crate) async fn of(
        shared: &Shared,
        ctx: &Ctx,
        subscription: &Subscription,
    ) -> Result<Option<Self>, PlatformError> {
        if subscription.state == SubscriptionState::Paused {
            return Ok(None);
        }
        let plugin = async |point| {
            let install = InstallId::parse(&subscription.owner).ok()?;
            shared.runtime.handler(ctx, install, point).await.ok()?
        };
        Ok(match subscription.kind {
            SubscriptionKind::Plugin => {
                plugin(Point::EventHandle).await.map(|(plugin, granted)| Self::Plugin(plugin, granted))
            }
            SubscriptionKind::Schedule => plugin(Point::ScheduleRun).await.map(|(plugin, _)| Self::Schedule(plugin)),
            SubscriptionKind::Outbound => {
                let install = InstallId::parse(&subscription.owner).ok();
                let plugin = match install {
                    Some(install) => shared.runtime.installed(ctx, install).await.ok().flatten(),
                    None => None,
                };
                plugin.map(Self::Outbound)
            }
            SubscriptionKind::Webhook => match WebhookId::parse(&subscription.owner) {
                Ok(id) => Endpoint::of(shared, ctx, id).await?.map(|endpoint| Self::Webhook(Box::new(endpoint))),
                Err(_) => None,
            },
        })
    }

    /// Whether it may be told of a type: a plugin of nothing whose permission the merchant did not grant.
    pub(crate) fn may_hear(&self, kind: &str) -> bool {
        match self {
            Self::Plugin(plugin, granted) => {
                let needs = plugin.manifest.needs_to_hear(kind);
                needs.is_some_and(|permission| permission.is_none_or(|permission| granted.contains(permission)))
            }
            // What is told to an endpoint are ids; what is personal is filled in only where the owner wants it.
            Self::Schedule(_) | Self::Outbound(_) | Self::Webhook(_) => true,
        }
    }

    /// Whether names, e-mail addresses and phone numbers are filled in.
    pub(crate) fn sees_profiles(&self) -> bool {
        match self {
            Self::Plugin(_, granted) => granted.contains(Permission::MembersProfileRead),
            Self::Schedule(_) | Self::Outbound(_) => false,
            Self::Webhook(endpoint) => endpoint.sees_profiles(),
        }
    }

    /// Tells it of an event.
    pub(crate) async fn tell(
        &self,
        shared: &Shared,
        ctx: &Ctx,
        event: &Event,
        how: &ToldAs,
        turn: &Turn,
    ) -> Result<Told, PlatformError> {
        match self {
            Self::Plugin(plugin, _) => Ok(plugin::tell(shared, ctx, plugin, event, how).await),
            Self::Schedule(plugin) => Ok(plugin::run(shared, ctx, plugin, event, how).await),
            Self::Outbound(plugin) => outbound::send(shared, ctx, plugin, event, turn).await,
            Self::Webhook(endpoint) => endpoint.tell(shared, ctx, event, how, turn).await,
        }
    }
}
