//! Compiled code: one `InstancePre` per digest and process, kept on disk between processes.
//!
//! A file on disk is the code behind a MAC of this host's own key: mapped code runs with the host's rights, and wasmtime
//! does not check its content.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use heptad_bindings::{cart_validation, discount, event_handler, schedule_handler};
use hmac::{Hmac, KeyInit as _, Mac as _};
use moka::future::Cache;
use sha2::Sha256;
use tokio::sync::watch;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::call::Call;
use crate::compile::{CompileError, Compiler};
use crate::components::{ComponentError, Components, write_atomically};
use crate::engine;
use crate::observe;

/// The bytes of a MAC (HMAC-SHA256).
const MAC_BYTES: usize = 32;
/// How many components stay ready in memory.
const READY: u64 = 1_000;
/// How long it is remembered that a component was not to be had: it costs one attempt in so long, and not one a call.
const MISSED_FOR: Duration = Duration::from_secs(5);

/// Why a component cannot be run. Kept for a while, so that a bad component costs one attempt and not one a call.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The component's bytes are not there, or were changed.
    #[error("the component cannot be read: {0}")]
    Component(#[from] ComponentError),
    /// It does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The compiled code does not load, or does not fit the host's imports or the pool.
    #[error("the component does not fit this host: {0}")]
    Load(String),
}

/// The code of a component, or why it cannot be run.
type Loaded = Result<Arc<Code>, Arc<CodeError>>;

/// Why there is no code at this moment.
#[derive(Debug)]
pub(crate) enum NoCode {
    /// It cannot be run.
    Failed(Arc<CodeError>),
    /// It is being read or compiled.
    Compiling,
}

impl From<Arc<CodeError>> for NoCode {
    fn from(error: Arc<CodeError>) -> Self {
        Self::Failed(error)
    }
}

/// A component that is ready to be instantiated, and the points that it can serve.
pub struct Code {
    /// Present when the component exports the interface.
    pub(crate) discount: Option<discount::DiscountPointPre<Call>>,
    /// Present when the component exports the interface.
    pub(crate) cart_validation: Option<cart_validation::CartValidationPointPre<Call>>,
    /// Present when the component exports the interface.
    pub(crate) event_handler: Option<event_handler::EventHandlerPointPre<Call>>,
    /// Present when the component exports the interface.
    pub(crate) schedule_handler: Option<schedule_handler::ScheduleHandlerPointPre<Call>>,
    /// Present when the component exports the interface.
    pub(crate) incoming_handler: Option<ProxyPre<Call>>,
}

/// The code of an upload that is not kept yet.
pub(crate) struct Checked {
    /// Ready for a trial.
    pub(crate) code: Arc<Code>,
    /// What is to be written; `None` where the file is there already.
    compiled: Option<Vec<u8>>,
}

/// All code of a process.
pub struct Codes {
    engine: Engine,
    linker: Linker<Call>,
    components: Components,
    compiler: Compiler,
    folder: PathBuf,
    key: [u8; 32],
    fingerprint: String,
    ready: Cache<String, Loaded>,
    /// Components that were not to be had a moment ago.
    missed: Cache<String, Arc<CodeError>>,
    /// What is being read or compiled, by digest.
    loading: Mutex<HashMap<String, watch::Receiver<Option<Loaded>>>>,
}

impl Codes {
    /// `folder` is made when it is absent; `key` is the host's own.
    pub(crate) fn open(
        engine: Engine,
        linker: Linker<Call>,
        components: Components,
        compiler: Compiler,
        folder: PathBuf,
        key: [u8; 32],
    ) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let fingerprint = engine::fingerprint(&engine::compiling().map_err(std::io::Error::other)?);
        let ready = Cache::builder().max_capacity(READY).build();
        let missed = Cache::builder().max_capacity(READY).time_to_live(MISSED_FOR).build();
        let loading = Mutex::default();
        Ok(Self { engine, linker, components, compiler, folder, key, fingerprint, ready, missed, loading })
    }

    /// The code of a digest: from memory, from disk, or compiled now. It is waited for until `until`; the work goes on
    /// without those who wait, once for all of them.
    pub(crate) async fn get(self: &Arc<Self>, digest: &str, until: Instant) -> Result<Arc<Code>, NoCode> {
        if let Some(known) = self.ready.get(digest).await {
            return Ok(known?);
        }
        if let Some(missed) = self.missed.get(digest).await {
            return Err(missed.into());
        }
        let mut loading = self.load_apart(digest);
        let loaded = tokio::time::timeout_at(until.into(), loading.wait_for(Option::is_some)).await;
        match loaded.map(|done| done.ok().and_then(|loaded| loaded.clone())) {
            Ok(Some(loaded)) => Ok(loaded?),
            Ok(None) | Err(_) => Err(NoCode::Compiling),
        }
    }

    /// Starts a task that loads the code, unless there is one.
    fn load_apart(self: &Arc<Self>, digest: &str) -> watch::Receiver<Option<Loaded>> {
        let mut loading = self.loading();
        if let Some(receiver) = loading.get(digest) {
            return receiver.clone();
        }
        let (sender, receiver) = watch::channel(None);
        loading.insert(digest.to_owned(), receiver.clone());
        let load = Load { codes: self.clone(), digest: digest.to_owned() };
        tokio::spawn(async move {
            let loaded = load.codes.load(&load.digest).await;
            let loaded = loaded.map(Arc::new).map_err(Arc::new);
            match &loaded {
                // What is the host's own passing trouble is told and not remembered, or for a moment only.
                Err(error) if matches!(&**error, CodeError::Compile(error) if error.is_passing()) => {}
                Err(error) if matches!(**error, CodeError::Component(_)) => {
                    tracing::warn!(digest = load.digest, %error, "{error}");
                    load.codes.missed.insert(load.digest.clone(), error.clone()).await;
                }
                _ => load.codes.ready.insert(load.digest.clone(), loaded.clone()).await,
            }
            drop(load);
            sender.send_replace(Some(loaded));
        });
        receiver
    }

    fn loading(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<Option<Loaded>>>> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compiles and links the bytes of an upload, and keeps nothing: the check of an upload is the very thing that a call
    /// does later.
    pub(crate) async fn check(&self, digest: &str, component: Vec<u8>) -> Result<Checked, CodeError> {
        let (compiled, fresh) = match self.read_disk(digest).await {
            Some(compiled) => (compiled, false),
            None => (observe::compilation(self.compiler.compile_upload(component)).await?, true),
        };
        Ok(Checked { code: Arc::new(self.link(&compiled)?), compiled: fresh.then_some(compiled) })
    }

    /// Keeps the code of an upload that was admitted.
    pub(crate) async fn keep(&self, digest: &str, checked: Checked) {
        if let Some(compiled) = checked.compiled {
            self.write_disk(digest, &compiled).await;
        }
        self.ready.insert(digest.to_owned(), Ok(checked.code)).await;
    }

    async fn load(&self, digest: &str) -> Result<Code, CodeError> {
        if let Some(code) = self.read_disk(digest).await {
            return self.link(&code);
        }
        let component = self.components.get(digest).await?;
        let code = observe::compilation(self.compiler.compile(component)).await?;
        self.write_disk(digest, &code).await;
        self.link(&code)
    }

    async fn write_disk(&self, digest: &str, code: &[u8]) {
        let mut file = self.mac(digest, code).finalize().into_bytes().to_vec();
        file.extend_from_slice(code);
        // Without the file the next process compiles again; nothing is wrong but the time.
        if let Err(error) = write_atomically(&self.path(digest), &file).await {
            tracing::warn!(digest, %error, "compiled code is not kept");
        }
    }

    /// The code on disk, if it is there and ours.
    async fn read_disk(&self, digest: &str) -> Option<Vec<u8>> {
        let mut file = tokio::fs::read(self.path(digest)).await.ok()?;
        if file.len() <= MAC_BYTES {
            return None;
        }
        let code = file.split_off(MAC_BYTES);
        if self.mac(digest, &code).verify_slice(&file).is_err() {
            tracing::warn!(digest, "compiled code on disk is not ours and is made again");
            return None;
        }
        Some(code)
    }

    fn link(&self, code: &[u8]) -> Result<Code, CodeError> {
        let failed = |error: wasmtime::Error| CodeError::Load(format!("{error:#}"));
        let component = self.deserialize(code).map_err(failed)?;
        let instance = self.linker.instantiate_pre(&component).map_err(failed)?;
        Ok(Code {
            discount: discount::DiscountPointPre::new(instance.clone()).ok(),
            cart_validation: cart_validation::CartValidationPointPre::new(instance.clone()).ok(),
            event_handler: event_handler::EventHandlerPointPre::new(instance.clone()).ok(),
            schedule_handler: schedule_handler::ScheduleHandlerPointPre::new(instance.clone()).ok(),
            incoming_handler: ProxyPre::new(instance).ok(),
        })
    }

    #[expect(unsafe_code, reason = "mapping compiled code is unsafe; only code behind our own MAC comes here")]
    fn deserialize(&self, code: &[u8]) -> wasmtime::Result<Component> {
        // SAFETY: the bytes come from our compile worker, directly or through a file whose MAC was just verified.
        unsafe { Component::deserialize(&self.engine, code) }
    }

    /// Over the name as well: code under another component's name is not ours.
    fn mac(&self, digest: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for part in ["heptad-code-v1", digest, &self.fingerprint] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac.update(code);
        mac
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}-{}.cwasm", self.fingerprint))
    }
}

/// A task that loads code; another may begin when this is dropped.
struct Load {
    codes: Arc<Codes>,
    digest: String,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.codes.loading().remove(&self.digest);
    }
}
