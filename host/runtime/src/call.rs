//! One call into a plugin, and the gate that every host function passes.

use std::sync::Arc;

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::types::types::{Error, ErrorKind};
use heptad_capabilities::CapabilityError;
use heptad_model::id::CallId;
use heptad_model::page::PageError;
use heptad_model::permission::Permission;
use heptad_model::{Ctx, Millis};
use heptad_platform::PlatformError;
use heptad_store::{Store, Tx};
use wasmtime::component::ResourceTable;

use crate::imports::wasi::Wasi;
use crate::installs::Installed;
use crate::limits::{Budget, LOG_BYTES, Limiter};

/// The most handles of WASI that a call holds at once: each takes memory of the host, which the guest's limit does not
/// count.
const HANDLES: usize = 1_000;

/// The data of a sandbox: who calls, what it may do, and what it has done so far.
pub struct Call {
    /// The call's id; seeds the guest's randomness.
    pub(crate) id: CallId,
    /// The tenant, the reader and the clock, with the plugin as the actor.
    pub(crate) ctx: Ctx,
    /// The plugin as the tenant has it.
    pub(crate) installed: Arc<Installed>,
    /// The moment at which the guest's clock stands.
    pub(crate) at: Millis,
    /// Memory and tables.
    pub(crate) limiter: Limiter,
    /// WASI, made when the guest first asks.
    pub(crate) wasi: Wasi,
    /// Handles of WASI resources.
    pub(crate) table: ResourceTable,
    /// How many host functions were called.
    pub(crate) host_calls: u32,
    budget: Budget,
    store: Store,
    log: Vec<String>,
    log_bytes: usize,
}

/// The call used up its host calls; ends the call.
#[derive(Debug, thiserror::Error)]
#[error("the plugin made more than {0} host calls: ask for many things at once")]
pub(crate) struct TooManyHostCalls(pub(crate) u32);

impl Call {
    pub(crate) fn new(
        id: CallId,
        ctx: Ctx,
        installed: Arc<Installed>,
        at: Millis,
        budget: Budget,
        store: Store,
        key: [u8; 32],
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        Self {
            id,
            ctx,
            installed,
            at,
            limiter: Limiter::new(budget.memory),
            wasi: Wasi::new(key, id),
            table,
            host_calls: 0,
            budget,
            store,
            log: Vec::new(),
            log_bytes: 0,
        }
    }

    /// Passes a function that needs no permission: it is counted, and nothing else.
    pub(crate) fn pass(&mut self) -> wasmtime::Result<()> {
        self.host_calls += 1;
        if self.host_calls > self.budget.host_calls {
            return Err(TooManyHostCalls(self.budget.host_calls).into());
        }
        Ok(())
    }

    /// Runs a read under a permission, on a snapshot of its own. No connection is held while the guest runs.
    pub(crate) async fn read<T, F>(&mut self, permission: Permission, f: impl FnMut(Tx) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, HostError>>,
    {
        self.enter(permission)?;
        self.store.read(&self.ctx, f).await.map_err(Failure::from)
    }

    /// Passes a write under a permission. Points that only calculate are read-only, and those are all the points there
    /// are yet: what is granted is denied here for another reason than what is not.
    pub(crate) fn write(&mut self, permission: Permission) -> Result<(), Failure> {
        self.enter(permission)?;
        Err(HostError::denied("read-only", "a point that only calculates may not write").into())
    }

    fn enter(&mut self, permission: Permission) -> Result<(), Failure> {
        self.pass().map_err(Failure::Trap)?;
        if self.installed.allowed.contains(permission) {
            return Ok(());
        }
        if self.installed.serving.manifest.wishes().contains(permission) {
            Err(HostError::denied("permission-not-granted", format!("the merchant did not grant `{permission}`"))
                .into())
        } else {
            Err(HostError::denied("permission-not-asked", format!("the manifest does not ask for `{permission}`"))
                .into())
        }
    }

    /// Adds a line to the call's log, as far as the limit goes.
    pub(crate) fn log(&mut self, line: String) {
        if self.log_bytes >= LOG_BYTES {
            return;
        }
        self.log_bytes += line.len();
        if self.log_bytes >= LOG_BYTES {
            let keep = line.len() - (self.log_bytes - LOG_BYTES);
            let end = (0..=keep).rev().find(|end| line.is_char_boundary(*end)).unwrap_or_default();
            self.log.push(format!("{} … the log is cut here: a call keeps {LOG_BYTES} bytes", &line[..end]));
        } else {
            self.log.push(line);
        }
    }

    /// The log, with what the guest wrote to its standard output and error behind it.
    pub(crate) fn take_log(&mut self) -> Vec<String> {
        for line in self.wasi.take_output().lines() {
            self.log(line.to_owned());
        }
        std::mem::take(&mut self.log)
    }
}

/// Why a host function gives no answer: becomes the error of the contract.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct HostError {
    kind: ErrorKind,
    code: String,
    message: String,
}

impl HostError {
    fn new(kind: ErrorKind, code: &str, message: impl ToString) -> Self {
        Self { kind, code: code.to_owned(), message: message.to_string() }
    }

    /// The call may not do that.
    pub(crate) fn denied(code: &str, message: impl ToString) -> Self {
        Self::new(ErrorKind::Denied, code, message)
    }

    /// An argument breaks its rule.
    pub(crate) fn invalid(code: &str, message: impl ToString) -> Self {
        Self::new(ErrorKind::Invalid, code, message)
    }

    /// The plugin learns that the host cannot answer; the cause is for the operator's log.
    fn unavailable(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a host call failed");
        Self::new(ErrorKind::Unavailable, "unavailable", "the host cannot answer now")
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::Answer(Error { kind: error.kind, code: error.code, message: error.message })
    }
}

impl From<heptad_store::StoreError> for HostError {
    fn from(error: heptad_store::StoreError) -> Self {
        Self::unavailable(error)
    }
}

impl From<PageError> for HostError {
    fn from(error: PageError) -> Self {
        Self::invalid("page", error)
    }
}

impl From<CapabilityError> for HostError {
    fn from(error: CapabilityError) -> Self {
        use heptad_capabilities::ErrorClass;
        match error.class() {
            ErrorClass::NotFound => Self::new(ErrorKind::NotFound, error.code(), error),
            ErrorClass::Invalid => Self::invalid(error.code(), error),
            ErrorClass::Conflict => Self::new(ErrorKind::Conflict, error.code(), error),
            ErrorClass::Denied => Self::denied(error.code(), error),
            ErrorClass::Unavailable | ErrorClass::Internal => Self::unavailable(error),
        }
    }
}

impl From<PlatformError> for HostError {
    fn from(error: PlatformError) -> Self {
        use heptad_platform::ErrorClass;
        match error.class() {
            ErrorClass::NotFound => Self::new(ErrorKind::NotFound, error.code(), error),
            ErrorClass::Invalid => Self::invalid(error.code(), error),
            ErrorClass::Conflict => Self::new(ErrorKind::Conflict, error.code(), error),
            ErrorClass::Denied | ErrorClass::Unauthenticated => Self::denied(error.code(), error),
            ErrorClass::Limit => Self::new(ErrorKind::Limit, error.code(), error),
            ErrorClass::Internal => Self::unavailable(error),
        }
    }
}

/// Checks the length of a list from a guest.
pub(crate) fn bounded<T>(list: &[T], most: usize, what: &str) -> Result<(), HostError> {
    if list.len() > most {
        let message = format!("{} {what} asked for at once, at most {most} are allowed", list.len());
        return Err(HostError::invalid("too-many", message));
    }
    Ok(())
}
