//! Idempotency keys: a repeated request gets the first answer and has no second effect.
//!
//! Inside the transaction of the effect: [`begin`] gives the stored answer if there is one, and [`finish`] stores the
//! answer. Both do nothing without a key. Of two parallel requests with one key, one commits; the other finds its row
//! taken, is run again by the store, and replays.

use heptad_store::Tx;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::CapabilityError;

/// How long an answer is kept: 24 hours.
const KEPT: i64 = heptad_model::retention::IDEMPOTENCY_KEYS.millis;

/// A key as a client sent it, for one route and one body. The scope is completed by tenant and actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    route: &'static str,
    key: String,
    digest: String,
}

impl IdempotencyKey {
    /// Reads a key of 1 to 255 printable ASCII characters. `route` is the route's pattern, such as
    /// `POST /v1/orders`; `request` is everything that makes the request what it is: path parameters and body.
    pub fn new(route: &'static str, key: &str, request: &[u8]) -> Result<Self, CapabilityError> {
        if key.is_empty() || key.len() > 255 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CapabilityError::invalid("Idempotency-Key", "1 to 255 printable ASCII characters"));
        }
        Ok(Self { route, key: key.to_owned(), digest: hex::encode(Sha256::digest(request)) })
    }
}

/// The result of an operation that may have been repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once<T> {
    /// The result of the first time.
    pub value: T,
    /// Whether the effect was there already.
    pub replayed: bool,
}

impl<T> Once<T> {
    /// The effect happened now.
    pub fn fresh(value: T) -> Self {
        Self { value, replayed: false }
    }
}

/// The stored answer, or `None` if the effect is still to be had.
///
/// Another request under the same key is `idempotency-mismatch`.
pub async fn begin<T: DeserializeOwned>(
    tx: &mut Tx,
    key: Option<&IdempotencyKey>,
) -> Result<Option<Once<T>>, CapabilityError> {
    const FIND: &str = "select digest, response from idempotency_keys \
                        where tenant_id = $1 and actor = $2 and route = $3 and key = $4 and expires_at > $5";
    let Some(key) = key else { return Ok(None) };
    let (actor, now) = (tx.ctx().actor.to_string(), tx.ctx().now());
    let statement = tx.query(FIND).bind(actor).bind(key.route).bind(&key.key).bind(now);
    let found = statement.fetch_optional(|row| Ok((row.text("digest")?, row.json("response")?))).await?;
    match found {
        None => Ok(None),
        Some((digest, _)) if digest != key.digest => Err(CapabilityError::IdempotencyMismatch),
        Some((_, value)) => Ok(Some(Once { value, replayed: true })),
    }
}

/// Stores the answer with the effect.
pub async fn finish<T: Serialize>(
    tx: &mut Tx,
    key: Option<&IdempotencyKey>,
    value: T,
) -> Result<Once<T>, CapabilityError> {
    // An expired row under the key is written over; a living one was committed since `begin` looked.
    const KEEP: &str = "insert into idempotency_keys (tenant_id, actor, route, key, digest, response, created_at, expires_at) \
                        values ($1, $2, $3, $4, $5, $6, $7, $8) \
                        on conflict (tenant_id, actor, route, key) do update set digest = excluded.digest, \
                        response = excluded.response, created_at = excluded.created_at, expires_at = excluded.expires_at \
                        where idempotency_keys.expires_at <= excluded.created_at";
    let Some(key) = key else { return Ok(Once::fresh(value)) };
    let (actor, now) = (tx.ctx().actor.to_string(), tx.ctx().now());
    let statement = tx.query(KEEP).bind(actor).bind(key.route).bind(&key.key).bind(&key.digest);
    match statement.json(&value).bind(now).bind(now.plus(KEPT)).execute().await? {
        0 => Err(CapabilityError::IdempotencyRunning),
        _ => Ok(Once::fresh(value)),
    }
}

/// Removes up to `most` answers that have expired; how many there were.
pub async fn purge(tx: &mut Tx, most: u32) -> Result<u64, CapabilityError> {
    const PURGE: &str = "delete from idempotency_keys where tenant_id = $1 and (actor, route, key) in \
                         (select actor, route, key from idempotency_keys where tenant_id = $1 and expires_at <= $2 limit $3)";
    let now = tx.ctx().now();
    Ok(tx.query(PURGE).bind(now).bind(most).execute().await?)
}
