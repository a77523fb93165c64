//! Who is told: what a subscription's events go to.

use std::sync::Arc;

use heptad_capabilities::extensions::Serving;
use heptad_model::id::InstallId;
use heptad_model::{Ctx, Event, Millis, Permission, PermissionSet, Point};
use heptad_platform::delivery::subscription::{Subscription, SubscriptionKind, SubscriptionState};
use heptad_store::OpenTx;

use crate::{Shared, plugin};

/// What came of telling a receiver.
pub(crate) enum Told {
    /// It took the event; what it wrote is not committed yet.
    Done { written: Option<Box<OpenTx>>, micros: u64 },
    /// It is to be told again at once.
    Again,
    /// It cannot be told now, through no fault of the event.
    NotNow { until: Millis },
    /// It failed; `is_final` when another attempt cannot succeed.
    Failed { code: String, message: String, is_final: bool, micros: u64 },
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
}

impl Receiver {
    /// The receiver of a subscription; `None` while it does not listen, or this process cannot say.
    pub(crate) async fn of(shared: &Shared, ctx: &Ctx, subscription: &Subscription) -> Option<Self> {
        if subscription.state == SubscriptionState::Paused {
            return None;
        }
        let plugin = async |point| {
            let install = InstallId::parse(&subscription.owner).ok()?;
            shared.runtime.handler(ctx, install, point).await.ok()?
        };
        match subscription.kind {
            SubscriptionKind::Plugin => {
                plugin(Point::EventHandle).await.map(|(plugin, granted)| Self::Plugin(plugin, granted))
            }
            SubscriptionKind::Schedule => plugin(Point::ScheduleRun).await.map(|(plugin, _)| Self::Schedule(plugin)),
        }
    }

    /// Whether it may be told of a type: a plugin of nothing whose permission the merchant did not grant.
    pub(crate) fn may_hear(&self, permission: Option<Permission>) -> bool {
        match self {
            Self::Plugin(_, granted) => permission.is_none_or(|permission| granted.contains(permission)),
            Self::Schedule(_) => true,
        }
    }

    /// Whether names, e-mail addresses and phone numbers are filled in.
    pub(crate) fn sees_profiles(&self) -> bool {
        match self {
            Self::Plugin(_, granted) => granted.contains(Permission::MembersProfileRead),
            Self::Schedule(_) => false,
        }
    }

    /// Tells it of an event.
    pub(crate) async fn tell(&self, shared: &Shared, ctx: &Ctx, event: &Event, how: &ToldAs) -> Told {
        match self {
            Self::Plugin(plugin, _) => plugin::tell(shared, ctx, plugin, event, how).await,
            Self::Schedule(plugin) => plugin::run(shared, ctx, plugin, event, how).await,
        }
    }
}
