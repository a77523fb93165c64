//! Who asks, for which tenant, at what time: the first argument of every operation.
//!
//! Only request extractors, the job runner, commands and tests make an [`Origin`] or a [`Ctx`].

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::entropy::{Entropy, SecureEntropy, SeededEntropy};
use crate::event::Cause;
use crate::id::{CustomerId, InstallId, PublisherId, RequestId, TenantId, TokenId, UserId};
use crate::locale::Locale;
use crate::money::Currency;
use crate::time::{Clock, ManualClock, Millis, SystemClock};
use crate::trace_context::TraceParent;

/// The clock and the randomness of a process or a test.
#[derive(Clone)]
pub struct Env {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    manual: Option<Arc<ManualClock>>,
}

impl Env {
    /// The machine's clock and secure randomness.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), entropy: Arc::new(SecureEntropy), manual: None }
    }

    /// For tests: a clock that stands still at this moment until [`Env::advance`], and repeatable randomness.
    pub fn fixed(millis: i64) -> Self {
        let clock = Arc::new(ManualClock::at(millis));
        Self { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(7)), manual: Some(clock) }
    }

    /// The present moment.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Fills the buffer with random bytes.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.entropy.fill(bytes);
    }

    /// Moves a fixed clock forward; the machine's clock is not moved.
    pub fn advance(&self, millis: i64) {
        if let Some(clock) = &self.manual {
            clock.advance(millis);
        }
    }
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// Who acts. Stored in audit rows, and the scope of idempotency keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "kebab-case")]
pub enum Actor {
    /// A person in the console.
    User(UserId),
    /// A program with an API token.
    Token(TokenId),
    /// A shopper, by a token that the storefront minted.
    Customer(CustomerId),
    /// A plugin.
    Plugin(InstallId),
    /// The platform itself: commands and jobs, with a word that names which.
    System(String),
    /// Nobody known: public routes.
    Anonymous,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Token(id) => id.fmt(f),
            Self::Customer(id) => id.fmt(f),
            Self::Plugin(id) => id.fmt(f),
            Self::System(word) => write!(f, "system:{word}"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// One request or job: who asks, in which language, with which clock.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Who acts.
    pub actor: Actor,
    /// The request's id, in logs, audit rows and error answers.
    pub request: RequestId,
    /// The reader's language.
    pub locale: Locale,
    /// The clock and the randomness.
    pub env: Env,
    /// The event whose delivery this is, if it is one.
    pub cause: Option<Cause>,
    /// The trace that this belongs to, if whoever asks said so.
    pub trace: Option<TraceParent>,
}

impl Origin {
    /// An origin with a new request id.
    pub fn new(actor: Actor, locale: Locale, env: Env) -> Self {
        Self { actor, request: RequestId::generate(&env), locale, env, cause: None, trace: None }
    }

    /// A command or job of the platform, named by a word such as `import`.
    pub fn system(word: &str, env: Env) -> Self {
        Self::new(Actor::System(word.to_owned()), Locale::default(), env)
    }

    /// The present moment.
    pub fn now(&self) -> Millis {
        self.env.now()
    }

    /// Binds the origin to a tenant.
    pub fn for_tenant(self, tenant: Arc<Tenant>) -> Ctx {
        Ctx { tenant, origin: self }
    }
}

/// What is fixed about a tenant from its creation: a merchant, or what a publisher has of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// The tenant's id.
    pub id: TenantId,
    /// The publisher whose events and endpoints the tenant holds; absent for a merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<PublisherId>,
    /// The currency of its prices.
    pub currency: Currency,
    /// The IANA name of its time zone, such as `Asia/Shanghai`.
    pub time_zone: String,
    /// Its language, when a reader's is not supported.
    pub locale: Locale,
}

/// An [`Origin`] bound to one tenant. No function of a capability takes a bare tenant id.
#[derive(Debug, Clone)]
pub struct Ctx {
    tenant: Arc<Tenant>,
    origin: Origin,
}

impl Ctx {
    /// The tenant.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// The origin without the tenant.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Deref for Ctx {
    type Target = Origin;
    fn deref(&self) -> &Origin {
        &self.origin
    }
}
