//! Replaying a recorded call on the host: the same question, the same answers of host functions, the same randomness.
//!
//! On the recorded component the result is the same bit for bit: operations, fuel, log. On a changed one the differences
//! are what the change does. The recorded result is not looked at before the replay is done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::Serving;
use heptad_model::id::{CallId, VersionId};
use heptad_model::{Actor, Ctx, Origin, Point};
use serde::Serialize;

use crate::call::{Call, Sources};
use crate::code::Code;
use crate::components::ComponentError;
use crate::effects::Effects;
use crate::imports::wasi::Seed;
use crate::installs::Installed;
use crate::limits::Budget;
use crate::package::{PackageError, inspect};
use crate::points::Ask;
use crate::points::cart_validation::Validation;
use crate::points::discount::Discounts;
use crate::rate::Rate;
use crate::recording::{self, ENGINE, RecordedResult, Recording, RecordingError, differences};
use crate::runtime::Runtime;
use crate::sandbox;
use crate::tape::Tape;

/// A replay is not held to the wall clock of the recorded call, whose time says nothing about this machine's.
const WALL: Duration = Duration::from_secs(30);

/// A replay and what it is compared with.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// The recording.
    pub recording: Recording,
    /// The component that was run.
    pub digest: String,
    /// What came of it this time.
    pub result: RecordedResult,
    /// What differs: recorded, replayed.
    pub differences: BTreeMap<&'static str, (String, String)>,
    /// Recorded host calls that it did not make.
    pub unused_calls: usize,
    /// Whether the recording was made on another engine, whose fuel may differ.
    pub other_engine: bool,
}

/// Why a call cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The component of the recording is gone.
    #[error("the component of the recording cannot be read: {0}")]
    Component(#[from] ComponentError),
    /// The component is not a plugin.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// It does not compile or load.
    #[error("{0}")]
    Code(String),
    /// Calls at this point write and see the machine's clock, so they are not recorded.
    #[error("calls at `{0}` are not replayed")]
    NotReplayable(Point),
}

impl Runtime {
    /// Replays a call of the tenant, on the recorded component or on `changed`, a packed component.
    pub async fn replay(&self, ctx: &Ctx, call: CallId, changed: Option<Vec<u8>>) -> Result<Replayed, ReplayError> {
        let recording = self.store.read(ctx, async |mut tx| recording::read(&mut tx, &self.vault, call).await).await?;
        let bytes = match changed {
            Some(bytes) => bytes,
            None => self.components.get(&recording.digest).await?,
        };
        let inspected = inspect(&bytes)?;
        let checked = self.codes.check(&inspected.digest, bytes).await;
        let code = checked.map_err(|error| ReplayError::Code(error.to_string()))?.code;
        let serving = Serving {
            install: recording.install,
            version: VersionId::generate(&self.env),
            manifest: Arc::new(inspected.manifest),
            digest: inspected.digest.clone(),
            revision: "replay".to_owned(),
            failure: BTreeMap::new(),
        };
        let limits = Arc::new(recording.limits.clone());
        let installed = Arc::new(Installed {
            allowed: recording.allowed,
            settings: recording.settings.as_str().into(),
            memory_mib: recording.memory_mib,
            rate: Arc::new(Rate::per_second(u32::MAX)),
            ..Installed::trial(Arc::new(serving), limits)
        });
        let (point, cart) = (recording.point, &recording.cart);
        let (result, unused_calls) = match point {
            Point::DiscountLines | Point::DiscountOrder => {
                self.replay_on(ctx, &recording, installed, &code, &Discounts { point, cart }).await
            }
            Point::CartValidateComplete => {
                self.replay_on(ctx, &recording, installed, &code, &Validation { point, cart }).await
            }
            Point::EventHandle | Point::ScheduleRun | Point::HttpRoute => {
                return Err(ReplayError::NotReplayable(point));
            }
        };
        Ok(Replayed {
            differences: differences(&recording.result, &result),
            digest: inspected.digest,
            result,
            unused_calls,
            other_engine: recording.engine != ENGINE,
            recording,
        })
    }

    async fn replay_on<A>(
        &self,
        ctx: &Ctx,
        recording: &Recording,
        installed: Arc<Installed>,
        code: &Code,
        ask: &A,
    ) -> (RecordedResult, usize)
    where
        A: Ask,
        A::Reply: Serialize,
    {
        let lines = recording.cart.lines.len();
        let budget =
            Budget { wall: WALL, ..Budget::new(&recording.limits, recording.point, recording.memory_mib, lines) };
        let actor = Actor::Plugin(recording.install);
        let ctx = Origin { actor, locale: recording.reader, ..ctx.origin().clone() }.for_tenant(ctx.tenant().clone());
        let tape = Tape::replaying(recording.entries.clone());
        let seed = Seed::Recorded(recording.seed);
        let sources = Sources {
            store: self.store.clone(),
            seed,
            tape,
            effects: Effects::None,
            visitor: None,
            delivery: None,
            egress: self.egress.clone(),
        };
        let call = Call::new(recording.call, ctx, installed, recording.cart.at, budget, sources);
        let until = Instant::now() + WALL;
        let (answer, call) = sandbox::run(&self.engine, code, call, budget, recording.point, until, ask).await;
        (RecordedResult::of(&answer), call.tape.unused())
    }
}
