//! Recordings: what a synchronous call saw and answered, so that it can be run again bit for bit.
//!
//! A recording is sealed by the tenant's own key (`heptad_platform::vault`), and kept for seven days.

use std::collections::{BTreeMap, HashMap};

use heptad_capabilities::extensions::{Answer, CartView, Outcome};
use heptad_model::id::{CallId, CustomerId, InstallId};
use heptad_model::time::span::{HOUR, MINUTE};
use heptad_model::{Limit, Limits, Locale, Millis, PermissionSet, Point};
use heptad_platform::PlatformError;
use heptad_platform::recording::{RecordingHead, recording_get, recording_put};
use heptad_platform::vault::{Purpose, Vault, VaultError};
use heptad_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::tape::{Entry, TapeError};

/// How long a recording is kept.
pub const KEPT_FOR: i64 = heptad_model::retention::RECORDINGS.millis;
/// The most bytes of a recording; a larger one is not kept.
pub const MAX_BYTES: usize = 8 << 20;

/// The engine that a call ran on: another one may count fuel otherwise.
pub const ENGINE: &str = "wasmtime 48, random bytes by ChaCha20, host calls counted with those of WASI";
/// The most recordings of an install in a minute, for each process.
const PER_MINUTE: u32 = 20;
/// The most bytes of an install's recordings in an hour, for each process.
const BYTES_PER_HOUR: usize = 16 << 20;
/// How many installs' shares are remembered; while there are more, the others are not recorded.
const INSTALLS: usize = 10_000;
/// Ends that the clock brought: another run of the same call may get further.
const BY_THE_CLOCK: [Limit; 3] = [Limit::WallClock, Limit::QuoteTime, Limit::HostCallRate];

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
    /// The host calls in order. Kept apart from the rest, which is JSON: as JSON they would be four times as large.
    #[serde(skip)]
    pub entries: Vec<Entry>,
    /// What came of it.
    pub result: RecordedResult,
}

impl Recording {
    /// Whether the clock ended it, so that a replay, which is not held to the clock, goes on where it was stopped.
    pub fn was_ended_by_the_clock(&self) -> bool {
        let Outcome::Failed { code, .. } = &self.result.outcome else { return false };
        BY_THE_CLOCK.iter().any(|limit| limit.code() == code)
    }

    fn to_bytes(&self) -> Result<Vec<u8>, RecordingError> {
        Ok(postcard::to_stdvec(&(serde_json::to_vec(self)?, &self.entries)).map_err(TapeError::from)?)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, RecordingError> {
        let (head, entries): (Vec<u8>, Vec<Entry>) = postcard::from_bytes(bytes).map_err(TapeError::from)?;
        Ok(Self { entries, ..serde_json::from_slice(&head)? })
    }
}

/// What installs may still record: a plugin that fails at every call would fill the disk with the same failure.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    installs: HashMap<InstallId, Used>,
}

#[derive(Debug, Default)]
struct Used {
    hour: i64,
    bytes: usize,
    minute: i64,
    recordings: u32,
}

impl Quotas {
    /// Takes a recording of so many bytes, if the install has not had its share.
    pub(crate) fn take(&mut self, install: InstallId, bytes: usize, now: Millis) -> bool {
        let (hour, minute) = (now.as_millis().div_euclid(HOUR), now.as_millis().div_euclid(MINUTE));
        if self.installs.len() >= INSTALLS && !self.installs.contains_key(&install) {
            self.installs.retain(|_, used| used.hour == hour);
            if self.installs.len() >= INSTALLS {
                return false;
            }
        }
        let used = self.installs.entry(install).or_default();
        if used.hour != hour {
            (used.hour, used.bytes) = (hour, 0);
        }
        if used.minute != minute {
            (used.minute, used.recordings) = (minute, 0);
        }
        let fits = used.recordings < PER_MINUTE && used.bytes + bytes <= BYTES_PER_HOUR;
        if fits {
            (used.recordings, used.bytes) = (used.recordings + 1, used.bytes + bytes);
        }
        fits
    }
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

/// A recording cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// There is none of this call, or it has expired.
    #[error("there is no recording of call {0}: a call is recorded when it fails, and by sample otherwise, for 7 days")]
    NotFound(CallId),
    /// It cannot be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The encoding is not this version's.
    #[error("the recording cannot be read: {0}")]
    Encoding(#[from] serde_json::Error),
    /// The same for the host calls.
    #[error("the recording cannot be read: {0}")]
    Tape(#[from] TapeError),
    /// It is larger than what is kept.
    #[error("the recording has {0} bytes, at most {MAX_BYTES} are kept")]
    TooLarge(usize),
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
            Self::Vault(error) => error.as_store_error(),
            _ => None,
        }
    }
}

/// Seals a recording and keeps it in the transaction.
pub(crate) async fn keep(tx: &mut Tx, vault: &Vault, recording: &Recording) -> Result<(), RecordingError> {
    let body = recording.to_bytes()?;
    if body.len() > MAX_BYTES {
        return Err(RecordingError::TooLarge(body.len()));
    }
    let sealed = vault.seal(tx, Purpose::Recordings, &recording.call.to_string(), &body).await?;
    let outcome = match &recording.result.outcome {
        Outcome::Answered => "answered",
        Outcome::Failed { code, .. } | Outcome::Skipped { code, .. } => code,
    };
    let head = RecordingHead {
        call: recording.call,
        install: recording.install,
        plugin: recording.plugin.clone(),
        version: recording.version.clone(),
        digest: recording.digest.clone(),
        point: recording.point,
        customer: recording.cart.customer.as_deref().and_then(|id| CustomerId::parse(id).ok()),
        outcome: outcome.to_owned(),
        recorded_at: recording.at,
        expires_at: recording.at.plus(KEPT_FOR),
    };
    Ok(recording_put(tx, &head, &sealed).await?)
}

/// The recording of a call of this tenant.
pub(crate) async fn read(tx: &mut Tx, vault: &Vault, call: CallId) -> Result<Recording, RecordingError> {
    let body = recording_get(tx, call).await?.ok_or(RecordingError::NotFound(call))?;
    Recording::from_bytes(&vault.open(tx, Purpose::Recordings, &call.to_string(), &body).await?)
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
    use heptad_model::Env;

    use super::*;

    #[test]
    fn an_install_records_twenty_calls_a_minute_and_so_many_bytes_an_hour() {
        let (env, mut quotas) = (Env::fixed(1), Quotas::default());
        let (one, other) = (InstallId::generate(&env), InstallId::generate(&env));
        let kept =
            |quotas: &mut Quotas, bytes, now| (0..30).filter(|_| quotas.take(one, bytes, Millis::new(now))).count();
        assert_eq!(kept(&mut quotas, 1, 0), 20);
        assert!(quotas.take(other, 1, Millis::new(0)));
        assert_eq!(kept(&mut quotas, 1 << 20, MINUTE), 15);
        assert_eq!(kept(&mut quotas, 1 << 20, HOUR), 16);
    }

    #[test]
    fn the_word_for_the_engine_names_the_one_in_use() {
        let lock = include_str!("../../../Cargo.lock");
        let version = lock.split("[[package]]").find_map(|package| {
            package.trim_start().strip_prefix("name = \"wasmtime\"")?.split_once("version = \"").map(|(_, rest)| rest)
        });
        let major = version.and_then(|version| version.split('.').next()).unwrap();
        assert!(ENGINE.starts_with(&format!("wasmtime {major},")), "wasmtime {major} is not in `{ENGINE}`");
    }
}
