//! Console sessions: a cookie's secret, a CSRF token, an end 12 hours after the sign-in.
//!
//! The end is absolute: a session is not prolonged by use, so that a request writes nothing and a stolen cookie dies.

use heptad_model::time::span::HOUR;
use heptad_model::{Millis, Origin};
use heptad_store::{PlatformTx, Row, Store, StoreError};
use serde_json::json;
use subtle::ConstantTimeEq;

use crate::PlatformError;
use crate::apps::app_visits_end;
use crate::password::{MAX_PASSWORD, password_verify};
use crate::principal::{Principal, Scope};
use crate::secret::{self, Secret};
use crate::user::{HeldRole, User, role_list};

/// How long a session lasts.
pub const SESSION_MILLIS: i64 = 12 * HOUR;
/// The most bytes of a cookie's secret that is looked up.
const MAX_SECRET: usize = 128;

/// A session that has just begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// For the cookie.
    pub secret: Secret,
    /// Who signed in.
    pub user: User,
    /// When it ends.
    pub expires_at: Millis,
}

/// A session that is going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who signed in.
    pub user: User,
    /// The roles that the person holds now, not those at the sign-in.
    pub roles: Vec<HeldRole>,
    /// What forms carry, so that no other site can post them.
    pub csrf: String,
    /// When it ends.
    pub expires_at: Millis,
}

impl Session {
    /// The person acting in this scope, if it holds a role there; the mightiest where it holds two.
    pub fn principal_in(&self, scope: Scope) -> Option<Principal> {
        let held = self.roles.iter().filter(|held| held.scope == scope).min_by_key(|held| held.role)?;
        Some(held.principal(self.user.id))
    }

    /// Whether a form's token is this session's, compared in constant time.
    pub fn csrf_matches(&self, presented: &str) -> bool {
        self.csrf.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

/// Signs a person in. `sign-in-failed` for a wrong password and for an unknown login alike, after the same work.
pub async fn sign_in(store: &Store, origin: &Origin, login: &str, password: &str) -> Result<SignedIn, PlatformError> {
    const FIND: &str = "select id, login, name, created_at, password_hash from users where login = $1";
    let login: String = login.trim().to_lowercase().chars().take(MAX_PASSWORD).collect();
    let found = store
        .platform_read(origin, async |mut tx| {
            let read = |row: &Row| Ok((User::of(row)?, row.text("password_hash")?));
            tx.query(FIND).bind(&login).fetch_optional(read).await
        })
        .await
        .map_err(PlatformError::Store)?;
    let (user, hash) = found.unzip();
    let matches = password_verify(hash, password).await?;
    let user = user.filter(|_| matches).ok_or(PlatformError::SignInFailed)?;
    store.platform_write(origin, async |mut tx| session_create(&mut tx, &user).await).await
}

pub(crate) async fn session_create(tx: &mut PlatformTx, user: &User) -> Result<SignedIn, PlatformError> {
    const PURGE: &str = "delete from sessions where user_id = $1 and expires_at <= $2";
    const INSERT: &str = "insert into sessions (secret_hash, user_id, csrf, created_at, expires_at) \
                          values ($1, $2, $3, $4, $5)";
    let (env, now) = (tx.origin().env.clone(), tx.origin().now());
    let (secret, csrf) = (Secret::generate(&env, "hps"), Secret::generate(&env, "csrf"));
    let expires_at = now.plus(SESSION_MILLIS);
    tx.query(PURGE).text(user.id).bind(now).execute().await?;
    let insert = tx.query(INSERT).bind(secret.hash()).text(user.id).bind(csrf.reveal()).bind(now).bind(expires_at);
    insert.execute().await?;
    tx.audit("session.created", user.id, &json!({})).await?;
    Ok(SignedIn { secret, user: user.clone(), expires_at })
}

/// The session of a cookie's secret; `None` when it is unknown or over.
pub async fn session_get(tx: &mut PlatformTx, presented: &str) -> Result<Option<Session>, StoreError> {
    const GET: &str = "select u.id, u.login, u.name, u.created_at, s.csrf, s.expires_at \
                       from sessions s join users u on u.id = s.user_id \
                       where s.secret_hash = $1 and s.expires_at > $2";
    if presented.len() > MAX_SECRET {
        return Ok(None);
    }
    let now = tx.origin().now();
    let read = |row: &Row| Ok((User::of(row)?, row.text("csrf")?, row.millis("expires_at")?));
    let found = tx.query(GET).bind(secret::hash(presented)).bind(now).fetch_optional(read).await?;
    let Some((user, csrf, expires_at)) = found else { return Ok(None) };
    let roles = role_list(tx, user.id).await?;
    Ok(Some(Session { user, roles, csrf, expires_at }))
}

/// Ends the session of a cookie's secret; ending an unknown one changes nothing.
pub async fn sign_out(tx: &mut PlatformTx, presented: &str) -> Result<(), PlatformError> {
    const DELETE: &str = "delete from sessions where secret_hash = $1 returning user_id";
    let ended = tx.query(DELETE).bind(secret::hash(presented)).fetch_optional(|row| row.text("user_id")).await?;
    if let Some(user) = ended {
        app_visits_end(tx, &user).await?;
        tx.audit("session.ended", user, &json!({})).await?;
    }
    Ok(())
}
