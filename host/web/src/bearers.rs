//! Tokens that were found valid a moment ago, so that not every request reads the database.
//!
//! What is known is at most [`AGE`] old, counted from before it was read, and a revocation in this process forgets all of
//! it at once: a revoked token ends within a second in every process of a fleet, and here with the answer to its
//! revocation. That a token is over is checked at each use. Unknown tokens are not remembered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use heptad_model::Origin;
use heptad_platform::PlatformError;
use heptad_platform::principal::Principal;
use heptad_platform::token::{Token, token_authenticate};
use heptad_store::Store;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

/// The longest that a process relies on what it read of a token; half of the second that is promised.
const AGE: Duration = Duration::from_millis(500);
/// The most tokens that are remembered.
const MOST: u64 = 10_000;

/// The bearers that this process knows.
pub(crate) struct Bearers {
    /// By SHA-256 of the secret: secrets themselves are not kept.
    known: Cache<[u8; 32], Known>,
    /// Grows with each revocation; what was read under another number is not relied on.
    revocations: AtomicU64,
}

#[derive(Clone)]
struct Known {
    token: Arc<Token>,
    read_at: Instant,
    revocations: u64,
}

impl Bearers {
    pub(crate) fn new() -> Self {
        let known = Cache::builder().max_capacity(MOST).time_to_live(AGE).build();
        Self { known, revocations: AtomicU64::new(0) }
    }

    /// Who bears this token; `token-invalid` when it is unknown, revoked or over.
    pub(crate) async fn bearer(
        &self,
        store: &Store,
        origin: &Origin,
        presented: &str,
    ) -> Result<Principal, PlatformError> {
        let key: [u8; 32] = Sha256::digest(presented).into();
        let (read_at, revocations) = (Instant::now(), self.revocations.load(Ordering::Acquire));
        let holds = |known: &Known| {
            known.revocations == revocations
                && read_at.duration_since(known.read_at) < AGE
                && known.token.expires_at > origin.now()
        };
        if let Some(known) = self.known.get(&key).filter(holds) {
            return Ok(known.token.principal());
        }
        let token = Arc::new(token_authenticate(store, origin, presented).await?);
        let principal = token.principal();
        self.known.insert(key, Known { token, read_at, revocations });
        Ok(principal)
    }

    /// Forgets everybody: called after a token was revoked, before that is answered.
    pub(crate) fn forget(&self) {
        self.revocations.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use heptad_model::{Actor, Env, Locale};
    use heptad_platform::principal::{Role, Scope};
    use heptad_platform::token::{TokenIn, token_create, token_revoke};
    use heptad_store::dialect::Dialect;
    use heptad_store::testing::TestDatabase;

    use super::*;

    struct Bearer {
        store: Store,
        origin: Origin,
        token: Token,
        secret: String,
        _database: TestDatabase,
    }

    async fn bearer() -> Bearer {
        let database = TestDatabase::create(Dialect::Sqlite).await;
        let store = database.open().await;
        let origin = Origin::new(Actor::Anonymous, Locale::En, Env::fixed(0));
        let input = TokenIn {
            name: "known".to_owned(),
            role: Role::Operator,
            scope: Scope::Platform,
            customer: None,
            lifetime_millis: Some(1_000),
        };
        let create = async |mut tx| token_create(&mut tx, &Principal::system("test"), &input).await;
        let (token, secret) = store.platform_write(&origin, create).await.unwrap();
        Bearer { store, origin, token, secret: secret.reveal().to_owned(), _database: database }
    }

    impl Bearer {
        async fn asks(&self, bearers: &Bearers) -> Result<Principal, PlatformError> {
            bearers.bearer(&self.store, &self.origin, &self.secret).await
        }

        async fn revoke(&self) {
            let revoke = async |mut tx| token_revoke(&mut tx, Scope::Platform, self.token.id).await;
            self.store.platform_write::<_, PlatformError, _>(&self.origin, revoke).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_known_bearer_costs_no_statement_and_its_end_is_looked_at_each_time() {
        let (known, bearers) = (bearer().await, Bearers::new());
        let mut fewest = u64::MAX;
        // On a busy machine more than the age may pass between two lines.
        for _ in 0..20 {
            known.asks(&bearers).await.unwrap();
            let before = known.store.statement_count();
            assert_eq!(known.asks(&bearers).await.unwrap(), known.token.principal());
            fewest = fewest.min(known.store.statement_count() - before);
        }
        assert_eq!(fewest, 0);
        known.origin.env.advance(1_000);
        assert_eq!(known.asks(&bearers).await.unwrap_err().code(), "token-invalid");
    }

    #[tokio::test]
    async fn a_revocation_is_seen_at_once_here_and_within_a_second_elsewhere() {
        let (known, here, elsewhere) = (bearer().await, Bearers::new(), Bearers::new());
        known.asks(&here).await.unwrap();
        known.asks(&elsewhere).await.unwrap();
        known.revoke().await;
        let revoked = Instant::now();
        here.forget();
        assert_eq!(known.asks(&here).await.unwrap_err().code(), "token-invalid");
        while known.asks(&elsewhere).await.is_ok() {
            assert!(revoked.elapsed() < Duration::from_secs(1), "a revoked token was accepted for a second");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn an_unknown_token_is_not_remembered() {
        let (known, bearers) = (bearer().await, Bearers::new());
        for _ in 0..2 {
            let before = known.store.statement_count();
            let refused = bearers.bearer(&known.store, &known.origin, "hpt_0").await.unwrap_err();
            assert_eq!((refused.code(), known.store.statement_count() - before), ("token-invalid", 1));
        }
    }
}
