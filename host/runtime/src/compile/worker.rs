//! The child: takes everything from itself that compiling does not need, and only then reads a component.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{CODE_BYTES, WorkerLimits};
use crate::limits::UPLOAD_BYTES;
use crate::{engine, os};

/// The exit status for compiled code.
pub(super) const DONE: u8 = 0;
/// For a component that the compiler refuses.
pub(super) const REFUSED: u8 = 1;
/// For code larger than it may be.
pub(super) const TOO_MUCH_CODE: u8 = 2;
/// For a kernel that does not confine the worker: nothing was read.
pub(super) const UNCONFINED: u8 = 3;

/// Seconds between the signal that says "time is up" and the one that cannot be survived.
const GRACE_SECONDS: u64 = 2;

/// Limits itself, reads a component from standard input, writes compiled code to standard output.
///
/// `arguments` are processor seconds and MiB of address space; they may lower the limits and never raise them. Gives the
/// exit status; the reason is on standard error.
pub fn worker(arguments: impl Iterator<Item = OsString>) -> u8 {
    let (status, reason) = match run(arguments) {
        Ok(()) => return DONE,
        Err(failure) => failure,
    };
    let _ = writeln!(std::io::stderr(), "{reason}");
    status
}

fn run(arguments: impl Iterator<Item = OsString>) -> Result<(), (u8, String)> {
    // The engine knows nothing of the input; to make it asks for signal handlers, which the filter need not allow for.
    let engine = engine::compiling().map_err(|error| (UNCONFINED, format!("{error:#}")))?;
    WorkerLimits::lowered(arguments).impose().map_err(|error| (UNCONFINED, error.to_string()))?;
    os::confine().map_err(|reason| (UNCONFINED, reason))?;
    let refused = |reason| (REFUSED, reason);
    let mut component = Vec::new();
    let limit = UPLOAD_BYTES as u64 + 1;
    std::io::stdin().take(limit).read_to_end(&mut component).map_err(|error| refused(error.to_string()))?;
    if component.len() as u64 == limit {
        return Err(refused(format!("the component has more than {UPLOAD_BYTES} bytes")));
    }
    let code = engine.precompile_component(&component).map_err(|error| refused(format!("{error:#}")))?;
    if code.len() as u64 > CODE_BYTES {
        return Err((TOO_MUCH_CODE, format!("{} bytes of code", code.len())));
    }
    std::io::stdout().write_all(&code).map_err(|error| refused(error.to_string()))
}

impl WorkerLimits {
    fn lowered(arguments: impl Iterator<Item = OsString>) -> Self {
        let most = Self::default();
        let mut numbers = arguments.map(|text| text.to_str().and_then(|text| text.parse::<u64>().ok()));
        let mut next = |most: u64| numbers.next().flatten().map_or(most, |number| number.min(most));
        Self { cpu_seconds: next(most.cpu_seconds), address_space_mib: next(most.address_space_mib) }
    }

    fn impose(self) -> Result<(), rustix::io::Errno> {
        let cpu = self.cpu_seconds;
        for (resource, soft, hard) in [
            (Resource::As, self.address_space_mib << 20, self.address_space_mib << 20),
            (Resource::Cpu, cpu, cpu + GRACE_SECONDS),
            (Resource::Core, 0, 0),
            (Resource::Fsize, CODE_BYTES, CODE_BYTES),
            (Resource::Nofile, 0, 0),
            (Resource::Nproc, 0, 0),
        ] {
            // A limit that is lower already stays.
            let present = getrlimit(resource);
            let least = |limit: u64, present: Option<u64>| Some(present.map_or(limit, |present| present.min(limit)));
            let (current, maximum) = (least(soft, present.current), least(hard, present.maximum));
            setrlimit(resource, Rlimit { current, maximum })?;
        }
        Ok(())
    }
}
