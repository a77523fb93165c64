//! Recordings: what a synchronous call saw and answered, so that it can be run again bit for bit.
//!
//! A recording is encrypted with the tenant's own key, which is wrapped by the host's, and kept for seven days.

use std::collections::BTreeMap;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use heptad_capabilities::extensions::{Answer, CartView, Outcome};
use heptad_model::id::{CallId, CustomerId, InstallId};
use heptad_model::time::span::DAY;
use heptad_model::{Env, Limits, Locale, Millis, PermissionSet, Point};
use heptad_platform::PlatformError;
use heptad_store::{Row, StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::tape::Entry;

/// How long a recording is kept.
pub const KEPT_FOR: i64 = 7 * DAY;
/// The most bytes of a recording; a larger one is not kept.
pub const MAX_BYTES: usize = 8 << 20;
/// The name of the tenant's key for recordings.
const KEY: &str = "recordings";
const NONCE_BYTES: usize = 24;

/// The engine that a call ran on: another one may count fuel otherwise.
pub const ENGINE: &str = "wasmtime 48, fuel 1 an instruction and 1 a byte of bulk operations";

/// One call, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The call.
    pub call: CallId,
    /// The install.
    pub install: InstallId,
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// The engine and its table of fuel.
    pub engine: String,
    /// The point.
    pub point: Point,
    /// The cart that was asked about.
    pub cart: CartView,
    /// The reader's language.
    pub reader: Locale,
    /// The plugin's settings as JSON.
    pub settings: String,
    /// What it asked for and was granted.
    pub allowed: PermissionSet,
    /// The limits of the tenant.
    pub limits: Limits,
    /// Memory of the call in MiB.
    pub memory_mib: u32,
    /// What seeded its randomness.
    pub seed: [u8; 32],
    /// When it was made.
    pub at: Millis,
    /// The host calls in order.
    pub entries: Vec<Entry>,
    /// What came of it.
    pub result: RecordedResult,
}

/// What a call gave and cost; what a replay is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedResult {
    /// How it ended.
    pub outcome: Outcome,
    /// The answer as JSON; null when there is none.
    pub answer: serde_json::Value,
    /// Fuel used.
    pub fuel: u64,
    /// Host calls made.
    pub host_calls: u32,
    /// What it logged.
    pub log: Vec<String>,
}

impl RecordedResult {
    /// Of an answer.
    pub(crate) fn of<T: Serialize>(answer: &Answer<T>) -> Self {
        let trace = &answer.trace;
        Self {
            outcome: trace.outcome.clone(),
            answer: serde_json::to_value(&answer.value).unwrap_or_default(),
            fuel: trace.fuel,
            host_calls: trace.host_calls,
            log: trace.log.clone(),
        }
    }
}

/// A row of the list of recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingHead {
    /// The call.
    pub call: CallId,
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The point.
    pub point: Point,
    /// `answered`, or the code of the failure.
    pub outcome: String,
    /// When it was made.
    pub recorded_at: Millis,
}

impl RecordingHead {
    fn of(row: &Row) -> Result<Self, StoreError> {
        let point = row.text("point")?;
        let unknown = || StoreError::Column { column: "point", problem: format!("`{point}` is no point") };
        Ok(Self {
            call: row.parse("id")?,
            plugin: row.text("plugin")?,
            version: row.text("version")?,
            point: Point::parse(&point).ok_or_else(unknown)?,
            outcome: row.text("outcome")?,
            recorded_at: row.millis("recorded_at")?,
        })
    }
}

/// A recording cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// There is none of this call, or it has expired.
    #[error("there is no recording of call {0}: a call is recorded when it fails, and by sample otherwise, for 7 days")]
    NotFound(CallId),
    /// The master key is another one than when it was recorded, or the bytes were changed.
    #[error("the recording cannot be decrypted: the master key is another one, or the bytes were changed")]
    Sealed,
    /// The encoding is not this version's.
    #[error("the recording cannot be read: {0}")]
    Encoding(#[from] serde_json::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The platform.
    #[error(transparent)]
    Platform(#[from] PlatformError),
}

impl heptad_store::AsStoreError for RecordingError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

/// Keeps a recording in the transaction.
pub(crate) async fn recording_put(tx: &mut Tx, master: &[u8; 32], recording: &Recording) -> Result<(), RecordingError> {
    const PUT: &str = "insert into recordings (tenant_id, id, install_id, plugin, version, digest, point, customer_id, \
                       outcome, recorded_at, expires_at, body) \
                       select $1, $2, i.id, $4, $5, $6, $7, $8, $9, $10, $11, $12 from installs i \
                       where i.tenant_id = $1 and i.id = $3 on conflict (tenant_id, id) do nothing";
    let body = serde_json::to_vec(recording)?;
    if body.len() > MAX_BYTES {
        tracing::warn!(call = %recording.call, bytes = body.len(), "call {} is not recorded: it is too large", recording.call);
        return Ok(());
    }
    let key = tenant_key(tx, master).await?;
    let sealed = seal(&key, &tx.ctx().env.clone(), recording.call.to_string().as_bytes(), &body)?;
    let outcome = match &recording.result.outcome {
        Outcome::Answered => "answered",
        Outcome::Failed { code, .. } | Outcome::Skipped { code, .. } => code,
    };
    let customer = recording.cart.customer.as_deref().and_then(|id| CustomerId::parse(id).ok());
    tx.query(PUT)
        .text(recording.call)
        .text(recording.install)
        .bind(&recording.plugin)
        .bind(&recording.version)
        .bind(&recording.digest)
        .text(recording.point)
        .opt_text(customer)
        .bind(outcome)
        .bind(recording.at)
        .bind(recording.at.plus(KEPT_FOR))
        .bind(sealed)
        .execute()
        .await?;
    Ok(())
}

/// The recording of a call of this tenant.
pub async fn recording_get(tx: &mut Tx, master: &[u8; 32], call: CallId) -> Result<Recording, RecordingError> {
    const GET: &str = "select body from recordings where tenant_id = $1 and id = $2 and expires_at > $3";
    let now = tx.ctx().now();
    let body = tx.query(GET).text(call).bind(now).fetch_optional(|row| row.bytes("body")).await?;
    let body = body.ok_or(RecordingError::NotFound(call))?;
    let key = tenant_key(tx, master).await?;
    Ok(serde_json::from_slice(&open(&key, call.to_string().as_bytes(), &body)?)?)
}

/// The latest recordings of an install, at most a hundred.
pub async fn recording_list(tx: &mut Tx, install: InstallId) -> Result<Vec<RecordingHead>, StoreError> {
    const LIST: &str = "select id, plugin, version, point, outcome, recorded_at from recordings \
                        where tenant_id = $1 and install_id = $2 and expires_at > $3 order by id desc limit 100";
    let now = tx.ctx().now();
    tx.query(LIST).text(install).bind(now).fetch_all(RecordingHead::of).await
}

/// Removes a customer's recordings: part of erasing the customer. How many there were.
pub async fn recording_erase(tx: &mut Tx, customer: CustomerId) -> Result<u64, StoreError> {
    tx.query("delete from recordings where tenant_id = $1 and customer_id = $2").text(customer).execute().await
}

/// Removes at most `batch` recordings that have expired. How many there were.
pub async fn recording_purge(tx: &mut Tx, batch: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from recordings where tenant_id = $1 and id in (select id from recordings \
                         where tenant_id = $1 and expires_at <= $2 order by expires_at limit $3)";
    let now = tx.ctx().now();
    tx.query(PURGE).bind(now).bind(batch).execute().await
}

/// The tenant's key for recordings, made when it is first asked for.
async fn tenant_key(tx: &mut Tx, master: &[u8; 32]) -> Result<[u8; 32], RecordingError> {
    const GET: &str = "select wrapped from tenant_keys where tenant_id = $1 and name = $2";
    const PUT: &str = "insert into tenant_keys (tenant_id, name, wrapped, created_at) values ($1, $2, $3, $4) \
                       on conflict (tenant_id, name) do nothing";
    let context = format!("{}/{KEY}", tx.ctx().tenant().id);
    let found = async |tx: &mut Tx| tx.query(GET).bind(KEY).fetch_optional(|row| row.bytes("wrapped")).await;
    let wrapped = match found(tx).await? {
        Some(wrapped) => wrapped,
        None => {
            let (env, now) = (tx.ctx().env.clone(), tx.ctx().now());
            let mut key = [0; 32];
            env.fill(&mut key);
            let wrapped = seal(master, &env, context.as_bytes(), &key)?;
            tx.query(PUT).bind(KEY).bind(wrapped.as_slice()).bind(now).execute().await?;
            found(tx).await?.unwrap_or(wrapped)
        }
    };
    open(master, context.as_bytes(), &wrapped)?.try_into().map_err(|_| RecordingError::Sealed)
}

/// Nonce, then ciphertext with its tag; `context` is authenticated and not stored.
fn seal(key: &[u8; 32], env: &Env, context: &[u8], text: &[u8]) -> Result<Vec<u8>, RecordingError> {
    let mut sealed = vec![0; NONCE_BYTES];
    env.fill(&mut sealed);
    let cipher = XChaCha20Poly1305::new(Key::from_slice(key));
    let payload = Payload { msg: text, aad: context };
    let body = cipher.encrypt(XNonce::from_slice(&sealed), payload).map_err(|_| RecordingError::Sealed)?;
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

fn open(key: &[u8; 32], context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, RecordingError> {
    let Some((nonce, body)) = sealed.split_at_checked(NONCE_BYTES) else { return Err(RecordingError::Sealed) };
    let cipher = XChaCha20Poly1305::new(Key::from_slice(key));
    let payload = Payload { msg: body, aad: context };
    cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| RecordingError::Sealed)
}

/// Which answers of two results differ, by name; empty when they are the same.
pub fn differences(recorded: &RecordedResult, replayed: &RecordedResult) -> BTreeMap<&'static str, (String, String)> {
    let mut all = BTreeMap::new();
    let mut compare = |name, one: String, other: String| {
        if one != other {
            all.insert(name, (one, other));
        }
    };
    let outcome = |result: &RecordedResult| match &result.outcome {
        Outcome::Answered => "answered".to_owned(),
        Outcome::Failed { code, message } | Outcome::Skipped { code, message } => format!("{code}: {message}"),
    };
    compare("outcome", outcome(recorded), outcome(replayed));
    compare("answer", recorded.answer.to_string(), replayed.answer.to_string());
    compare("fuel", recorded.fuel.to_string(), replayed.fuel.to_string());
    compare("host calls", recorded.host_calls.to_string(), replayed.host_calls.to_string());
    compare("log", recorded.log.join("\n"), replayed.log.join("\n"));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_context_alone() {
        let env = Env::fixed(1);
        let sealed = seal(&[1; 32], &env, b"cal_1", b"secret").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(open(&[1; 32], b"cal_1", &sealed).unwrap(), b"secret");
        assert!(open(&[2; 32], b"cal_1", &sealed).is_err());
        assert!(open(&[1; 32], b"cal_2", &sealed).is_err());
        assert!(open(&[1; 32], b"cal_1", &sealed[..10]).is_err());
        let mut flipped = sealed;
        flipped[30] ^= 1;
        assert!(open(&[1; 32], b"cal_1", &flipped).is_err());
    }
}
