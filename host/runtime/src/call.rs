//! One call into a plugin, and the gate that every host function passes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::effects::Effects;
use crate::egress::left::may_leave;
use crate::egress::{Egress, Refusal, Sender};
use crate::imports::wasi::{Seed, Wasi};
use crate::installs::Installed;
use crate::limits::{Budget, Limiter};
use crate::serving::Visitor;
use crate::tape::{Begun, Tape};
use heptad_bindings::Failure;
use heptad_bindings::host::heptad::types::types::{Error, ErrorKind};
use heptad_capabilities::CapabilityError;
use heptad_capabilities::extensions::LimitReached;
use heptad_model::id::CallId;
use heptad_model::page::PageError;
use heptad_model::permission::Permission;
use heptad_model::{Ctx, Limit, Millis};
use heptad_outbound::By;
use heptad_platform::PlatformError;
use heptad_platform::enqueued::EnqueuedRequest;
use heptad_store::dialect::Dialect;
use heptad_store::{AsStoreError, Store, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Where a call's host functions get their answers.
pub(crate) struct Sources {
    /// The database.
    pub(crate) store: Store,
    /// Of the guest's randomness.
    pub(crate) seed: Seed,
    /// Of recorded answers, or for new ones.
    pub(crate) tape: Tape,
    /// What the call may do to the platform.
    pub(crate) effects: Effects,
    /// Who sent the HTTP request that is being answered.
    pub(crate) visitor: Option<Arc<Visitor>>,
    /// What names the delivery that it is told of.
    pub(crate) delivery: Option<String>,
    /// The way to other servers.
    pub(crate) egress: Arc<Egress>,
}

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
    /// How many host functions were called, WASI's among them.
    pub(crate) host_calls: u32,
    /// The limit that a function went beyond which could not refuse: the call fails however it ends.
    pub(crate) beyond: Option<LimitReached>,
    /// What passed the gate.
    pub(crate) tape: Tape,
    /// Bytes that the host handed to the guest.
    pub(crate) bytes_in: u64,
    /// Bytes that the guest handed to the host.
    pub(crate) bytes_out: u64,
    /// Whether the log was cut.
    pub(crate) log_is_cut: bool,
    /// When the call began, for the rate of host calls: looking at the clock at each would cost more than the rest.
    begun: Duration,
    /// When it ends, whatever it does.
    until: Instant,
    /// What it may do to the platform.
    pub(crate) effects: Effects,
    /// Who sent the HTTP request that is being answered.
    pub(crate) visitor: Option<Arc<Visitor>>,
    budget: Budget,
    store: Store,
    egress: Arc<Egress>,
    /// What names the delivery, and how many requests it has sent.
    delivery: Option<String>,
    requests: u32,
    log: Vec<String>,
    log_bytes: usize,
}

impl Call {
    pub(crate) fn new(
        id: CallId,
        ctx: Ctx,
        installed: Arc<Installed>,
        at: Millis,
        budget: Budget,
        sources: Sources,
    ) -> Self {
        let Sources { store, seed, tape, effects, visitor, delivery, egress } = sources;
        let begun = installed.rate.now();
        Self {
            id,
            ctx,
            installed,
            at,
            limiter: Limiter::new(&budget),
            wasi: Wasi::new(seed, budget.handles),
            host_calls: 0,
            beyond: None,
            tape,
            bytes_in: 0,
            bytes_out: 0,
            log_is_cut: false,
            begun,
            until: Instant::now() + budget.wall,
            effects,
            visitor,
            budget,
            store,
            egress,
            delivery,
            requests: 0,
            log: Vec::new(),
            log_bytes: 0,
        }
    }

    /// Passes a function that needs no permission: it is counted, and nothing else.
    pub(crate) fn pass(&mut self) -> wasmtime::Result<()> {
        self.count().map_err(wasmtime::Error::from)
    }

    /// Passes a function that cannot refuse: beyond a limit, the call fails when it ends.
    pub(crate) fn pass_late(&mut self) -> Result<(), LimitReached> {
        let counted = self.count();
        if let Err(reached) = &counted {
            self.beyond.get_or_insert_with(|| reached.clone());
        }
        counted
    }

    fn count(&mut self) -> Result<(), LimitReached> {
        self.host_calls = self.host_calls.saturating_add(1);
        if self.host_calls > self.budget.host_calls {
            return Err(LimitReached { limit: Limit::HostCalls, most: self.budget.host_calls.into() });
        }
        let taken = self.installed.rate.take_at(self.begun);
        taken.map_err(|most| LimitReached { limit: Limit::HostCallRate, most: most.into() })
    }

    /// Counts bytes that the host hands to the guest.
    pub(crate) fn hand_in(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.bytes_in += bytes as u64;
        if self.bytes_in > self.budget.bytes_in {
            return Err(reached(Limit::BytesIn, self.budget.bytes_in));
        }
        Ok(())
    }

    /// Counts bytes that the guest hands to the host.
    pub(crate) fn hand_out(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.bytes_out += bytes as u64;
        if self.bytes_out > self.budget.bytes_out {
            return Err(reached(Limit::BytesOut, self.budget.bytes_out));
        }
        Ok(())
    }

    /// Runs a read under a permission, and records it: on a snapshot of its own, so that no connection is held while the
    /// guest runs, or in the call's transaction if it has written. In a replay the recorded answer stands in for the read.
    pub(crate) async fn read<T, F>(
        &mut self,
        permission: Permission,
        function: &'static str,
        arguments: &impl Serialize,
        f: impl FnMut(Tx) -> F,
    ) -> Result<T, Failure>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, HostError>>,
    {
        debug_assert_eq!(Permission::opening(function), Some(permission), "{function}");
        self.enter(permission)?;
        match self.tape.begin(function, arguments).map_err(Failure::Trap)? {
            Begun::Replayed { bytes, value, result_bytes } => {
                self.hand_out(bytes).and_then(|()| self.hand_in(result_bytes)).map_err(Failure::Trap)?;
                let answer: Result<T, Error> = value;
                answer.map_err(Failure::Answer)
            }
            Begun::Record { bytes } => {
                self.hand_out(bytes).map_err(Failure::Trap)?;
                let answer = self.effects.read(&self.store, &self.ctx, f).await;
                let answer = answered(answer)?;
                let bytes = self.tape.end(function, &answer).map_err(Failure::Trap)?;
                self.hand_in(bytes).map_err(Failure::Trap)?;
                answer.map_err(Failure::Answer)
            }
        }
    }

    /// Runs a write under a permission, in the call's transaction, which the first write begins; an error undoes what this
    /// write did, and the call goes on. Points that only calculate are read-only: what is granted is denied there for
    /// another reason than what is not.
    pub(crate) async fn write<T, F>(
        &mut self,
        permission: Permission,
        function: &'static str,
        arguments: &impl Serialize,
        f: impl FnOnce(Tx) -> F,
    ) -> Result<T, Failure>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, HostError>>,
    {
        debug_assert_eq!(Permission::opening(function), Some(permission), "{function}");
        self.enter(permission)?;
        if !self.effects.may_write() {
            return Err(HostError::denied("read-only", "a point that only calculates may not write").into());
        }
        if let Begun::Record::<()> { bytes } = self.tape.begin(function, arguments).map_err(Failure::Trap)? {
            self.hand_out(bytes).map_err(Failure::Trap)?;
        }
        let answer = answered(self.effects.write(&self.store, &self.ctx, &self.installed.serving, f).await)?;
        let bytes = self.tape.end(function, &answer).map_err(Failure::Trap)?;
        self.hand_in(bytes).map_err(Failure::Trap)?;
        answer.map_err(Failure::Answer)
    }

    /// Ends the transaction before the head of an answer goes out: commits what was written if there is an answer.
    pub(crate) async fn before_head(&mut self, commits: bool) -> wasmtime::Result<()> {
        self.pass()?;
        match self.effects.end(commits, self.until).await {
            Ok(()) => Ok(()),
            Err(error) if error.is_transient() => Err(Conflict.into()),
            Err(error) => {
                tracing::error!(%error, "what a plugin wrote was not committed");
                Err(NotCommitted.into())
            }
        }
    }

    /// Who sends the call's next request to another server, if it may send any now.
    pub(crate) fn sender(&mut self) -> Result<Sender, Refusal> {
        if !self.effects.may_write() {
            return Err(Refusal::Calculating);
        }
        if self.effects.is_open() {
            return Err(Refusal::Writing);
        }
        self.requests += 1;
        Ok(Sender {
            egress: self.egress.clone(),
            ctx: self.ctx.clone(),
            installed: self.installed.clone(),
            call: Some(self.id),
            by: By::Plugin,
            until: self.until,
            key: self.delivery.as_ref().map(|delivery| format!("{delivery}.{}", self.requests)),
        })
    }

    /// Whether the call may leave a request to be sent.
    pub(crate) fn may_leave(&self, request: &EnqueuedRequest) -> Result<(), HostError> {
        may_leave(&self.egress, &self.installed, request).map_err(|refusal| match &refusal {
            Refusal::Malformed(_) | Refusal::Sending(_) => HostError::invalid(refusal.code(), refusal),
            refusal => HostError::denied(refusal.code(), refusal),
        })
    }

    /// Which database it writes to.
    pub(crate) fn dialect(&self) -> Dialect {
        self.store.dialect()
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
        let most = self.budget.log;
        if self.log_is_cut {
            return;
        }
        self.log_bytes += line.len();
        if self.log_bytes > most {
            self.log_is_cut = true;
            let keep = line.len() - (self.log_bytes - most);
            let end = (0..=keep).rev().find(|end| line.is_char_boundary(*end)).unwrap_or_default();
            self.log.push(format!("{} … the log is cut here: a call keeps {most} bytes", &line[..end]));
        } else {
            self.log.push(line);
        }
    }

    /// The log, with what the guest wrote to its standard output and error behind it.
    pub(crate) fn take_log(&mut self) -> Vec<String> {
        for line in self.wasi.take_refusals() {
            self.log(line);
        }
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
    /// The transaction cannot go on: the call ends and is run again.
    is_transient: bool,
}

/// The call's transaction met another one: nothing of it is there, and the call may be run again.
#[derive(Debug, thiserror::Error)]
#[error("the transaction met another one: the call is run again")]
pub(crate) struct Conflict;

/// What the call wrote could not be committed.
#[derive(Debug, thiserror::Error)]
#[error("what the plugin wrote could not be committed")]
pub(crate) struct NotCommitted;

/// A host function's answer; a conflict of the whole transaction ends the call.
fn answered<T>(answer: Result<T, HostError>) -> Result<Result<T, Error>, Failure> {
    match answer {
        Err(error) if error.is_transient => Err(Failure::Trap(Conflict.into())),
        answer => Ok(answer.map_err(Error::from)),
    }
}

impl HostError {
    fn new(kind: ErrorKind, code: &str, message: impl ToString) -> Self {
        Self { kind, code: code.to_owned(), message: message.to_string(), is_transient: false }
    }

    /// What the call read is not so any more.
    pub(crate) fn conflicting() -> Self {
        let error = Self::new(ErrorKind::Conflict, "changed", "what the call read has changed since");
        Self { is_transient: true, ..error }
    }

    /// This is the wrong moment.
    pub(crate) fn conflict(code: &str, message: impl ToString) -> Self {
        Self::new(ErrorKind::Conflict, code, message)
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
    fn unavailable(error: impl std::fmt::Display + AsStoreError) -> Self {
        let is_transient = error.as_store_error().is_some_and(heptad_store::StoreError::is_transient);
        if !is_transient {
            tracing::error!(%error, "a host call failed");
        }
        Self { is_transient, ..Self::new(ErrorKind::Unavailable, "unavailable", "the host cannot answer now") }
    }
}

impl From<HostError> for Error {
    fn from(error: HostError) -> Self {
        Self { kind: error.kind, code: error.code, message: error.message }
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::Answer(error.into())
    }
}

fn reached(limit: Limit, most: u64) -> wasmtime::Error {
    LimitReached { limit, most }.into()
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
            ErrorClass::TooMany => Self::new(ErrorKind::Limit, error.code(), error),
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
