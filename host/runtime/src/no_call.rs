//! Why a plugin was not called.

use std::sync::Arc;

use heptad_capabilities::extensions::{ExtensionsUnavailable, LimitReached, Outcome};
use heptad_model::{Limit, Millis};

use crate::code::{CodeError, NoCode};
use crate::quota::day;
use crate::ration::BURST;

/// Why a plugin was not called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCall {
    /// It was changed or switched off since the request began.
    #[error("the plugin was changed or switched off meanwhile")]
    Changed,
    /// What the tenant has cannot be read.
    #[error(transparent)]
    Unavailable(#[from] ExtensionsUnavailable),
    /// It failed too often.
    #[error("the plugin failed too often and is not asked for a while: see its breaker")]
    BreakerOpen {
        /// When it is asked again.
        retry_at: Millis,
    },
    /// It kept transactions open for longer than its share, or all plugins of the shop did.
    #[error(
        "the plugin, or all plugins of the shop, kept transactions open for longer than their share: it is asked again soon"
    )]
    WriteShare {
        /// When it may write again.
        retry_at: Millis,
    },
    /// Its code is not ready yet.
    #[error("the plugin's code is being compiled for this machine: it is asked as soon as that is done")]
    Compiling,
    /// Its code cannot be run.
    #[error(transparent)]
    Code(Arc<CodeError>),
    /// A limit keeps it out.
    #[error(transparent)]
    Limit(#[from] LimitReached),
    /// Whoever asked went away before the answer.
    #[error("the request went away before the plugin answered")]
    Cancelled,
}

impl From<NoCode> for NoCall {
    fn from(why: NoCode) -> Self {
        match why {
            NoCode::Failed(error) => Self::Code(error),
            NoCode::Compiling => Self::Compiling,
        }
    }
}

impl NoCall {
    /// The time of all plugins together is up.
    pub(crate) fn out_of_time(quote_ms: u32) -> Self {
        LimitReached { limit: Limit::QuoteTime, most: quote_ms.into() }.into()
    }

    /// When the plugin may be asked again, where that is known.
    pub(crate) fn retry_at(&self, now: Millis) -> Option<Millis> {
        match self {
            Self::BreakerOpen { retry_at } | Self::WriteShare { retry_at } => Some(*retry_at),
            Self::Limit(reached) if reached.limit == Limit::CallsPerDay => Some(day(now).1),
            _ => None,
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unavailable(_) => "unavailable",
            Self::BreakerOpen { .. } => "breaker-open",
            Self::WriteShare { .. } => Limit::WriteShare.code(),
            Self::Compiling => "compiling",
            Self::Code(_) => "code",
            Self::Limit(reached) => reached.limit.code(),
            Self::Cancelled => "cancelled",
        }
    }

    /// The outcome that tells it, and the limit if it is one.
    pub(crate) fn told(&self) -> (Outcome, Option<LimitReached>) {
        let (code, message) = (self.code().to_owned(), self.to_string());
        match self {
            Self::WriteShare { .. } => {
                let most = u64::try_from(BURST.as_millis()).unwrap_or(u64::MAX);
                (Outcome::Skipped { code, message }, Some(LimitReached { limit: Limit::WriteShare, most }))
            }
            Self::Code(_) => (Outcome::Failed { code, message }, None),
            Self::Limit(reached) => (Outcome::Skipped { code, message }, Some(reached.clone())),
            _ => (Outcome::Skipped { code, message }, None),
        }
    }
}
