//! Compiling in a child process. The serving process never runs the compiler on uploaded code: a small component can
//! take the compiler many seconds and a gigabyte, and wasmtime promises no safety against that.
//!
//! The child ([`worker`]) has an empty environment, limits of time and memory, and no system call that opens, connects,
//! starts or executes anything. The parent feeds it, bounds what it reads from it, and kills it when it takes too long.

mod worker;

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;
use tokio::sync::Semaphore;

pub use worker::worker;

/// The most bytes of compiled code.
const CODE_BYTES: u64 = 256 << 20;
/// The most bytes of the child's explanation that are read.
const MESSAGE_BYTES: u64 = 8 << 10;
/// How many uploads may wait for the compiler or be in it.
const UPLOADS: usize = 4;
/// The wall clock of a compilation, in multiples of its processor time: a child that sleeps ends as well.
const WALL: u32 = 3;

/// What a compile worker may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerLimits {
    /// Processor time in seconds.
    pub cpu_seconds: u64,
    /// Address space in MiB.
    pub address_space_mib: u64,
}

impl Default for WorkerLimits {
    /// Python's interpreter takes 15 s and 330 MiB.
    fn default() -> Self {
        Self { cpu_seconds: 60, address_space_mib: 1024 }
    }
}

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The child could not be started or spoken to.
    #[error("the compile worker does not start: {0}")]
    Start(#[source] std::io::Error),
    /// The child found no way to confine itself, and read nothing.
    #[error("the compile worker refuses to run unconfined: {0}; run heptad where the kernel has seccomp filters")]
    Unconfined(String),
    /// As many uploads as may wait are waiting.
    #[error("the compiler is busy: try again in a minute")]
    Busy,
    /// The child did not get on within its wall clock.
    #[error("the compiler did not finish in {0} s although it had processor time left: try again later")]
    Stalled(u64),
    /// The compiler refuses the component.
    #[error("the component does not compile: {0}")]
    Refused(String),
    /// It takes too long.
    #[error("compiling took more than {0} s of processor time: split large functions, or optimise the build for size")]
    Time(u64),
    /// It takes too much memory.
    #[error("compiling took more than {0} MiB of memory: split large functions, or optimise the build for size")]
    Memory(u64),
    /// It becomes too much code.
    #[error("the compiled code has more than {CODE_BYTES} bytes: optimise the build for size, or split the plugin")]
    TooMuchCode,
    /// The compiler crashed, or wanted something that it may not have.
    #[error("the compiler ended by {0}: build the component by another version of its tools, and tell the operator")]
    Crash(String),
}

impl CompileError {
    /// The stable word for the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Start(_) | Self::Unconfined(_) => "compile-worker",
            Self::Busy | Self::Stalled(_) => "compiler-busy",
            Self::Refused(_) => "does-not-compile",
            Self::Time(_) => "compile-time",
            Self::Memory(_) => "compile-memory",
            Self::TooMuchCode => "compiled-too-large",
            Self::Crash(_) => "compiler-crash",
        }
    }

    /// Whether another attempt may end otherwise, since the component is not the cause.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Start(_) | Self::Unconfined(_) | Self::Busy | Self::Stalled(_))
    }
}

/// Starts compile workers, one at a time.
#[derive(Debug)]
pub struct Compiler {
    program: PathBuf,
    limits: WorkerLimits,
    turn: Semaphore,
    /// The upload that is compiled or next: the others wait here, so that shops' plugins wait for one of them at most.
    upload: Semaphore,
    uploads: Semaphore,
}

impl Compiler {
    /// `program` is the `heptad` binary, whose command `compile-worker` calls [`worker`].
    pub fn new(program: PathBuf) -> Self {
        Self::with_limits(program, WorkerLimits::default())
    }

    /// The same with lower limits; higher ones stay at the default.
    pub fn with_limits(program: PathBuf, limits: WorkerLimits) -> Self {
        Self { program, limits, turn: Semaphore::new(1), upload: Semaphore::new(1), uploads: Semaphore::new(UPLOADS) }
    }

    /// Compiles an upload to code for this machine; refused when too many wait.
    pub async fn compile_upload(&self, component: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        let _place = self.uploads.try_acquire().map_err(|_| CompileError::Busy)?;
        let _next = self.upload.acquire().await.map_err(|_| CompileError::Busy)?;
        self.compile(component).await
    }

    /// Compiles a component that was admitted before, as after an upgrade of the host.
    pub async fn compile(&self, component: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        let _turn = self.turn.acquire().await.map_err(|_| CompileError::Busy)?;
        let child = tokio::process::Command::new(&self.program)
            .arg("compile-worker")
            .arg(self.limits.cpu_seconds.to_string())
            .arg(self.limits.address_space_mib.to_string())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(CompileError::Start)?;
        let wall = Duration::from_secs(self.limits.cpu_seconds) * WALL;
        // The child is killed when its future is dropped.
        let answer = tokio::time::timeout(wall, converse(child, &component)).await;
        let (status, code, message) = answer.map_err(|_| CompileError::Stalled(wall.as_secs()))??;
        if code.len() as u64 > CODE_BYTES {
            return Err(CompileError::TooMuchCode);
        }
        self.judge(status, String::from_utf8_lossy(&message).trim()).map(|()| code)
    }

    fn judge(&self, status: ExitStatus, message: &str) -> Result<(), CompileError> {
        let signal = status.signal();
        Err(match status.code().and_then(|code| u8::try_from(code).ok()) {
            Some(worker::DONE) => return Ok(()),
            Some(worker::REFUSED) => CompileError::Refused(message.to_owned()),
            Some(worker::TOO_MUCH_CODE) => CompileError::TooMuchCode,
            Some(worker::UNCONFINED) => CompileError::Unconfined(message.to_owned()),
            _ if signal == Some(Signal::XCPU.as_raw()) => CompileError::Time(self.limits.cpu_seconds),
            _ if signal == Some(Signal::ABORT.as_raw()) && message.contains("memory allocation of") => {
                CompileError::Memory(self.limits.address_space_mib)
            }
            _ => {
                tracing::warn!(%status, message, "the compile worker ended by {status}");
                CompileError::Crash(status.to_string())
            }
        })
    }
}

/// Feeds the child and reads its answer: status, code, and what it says.
async fn converse(mut child: Child, component: &[u8]) -> Result<(ExitStatus, Vec<u8>, Vec<u8>), CompileError> {
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(CompileError::Start(std::io::ErrorKind::BrokenPipe.into()));
    };
    let feed = async move {
        // A child that died on the way shows by its status.
        let _ = stdin.write_all(component).await;
    };
    let (mut code, mut message) = (Vec::new(), Vec::new());
    let (mut stdout, mut stderr) = (stdout.take(CODE_BYTES + 1), stderr.take(MESSAGE_BYTES));
    let ((), code_read, message_read) =
        tokio::join!(feed, stdout.read_to_end(&mut code), stderr.read_to_end(&mut message));
    code_read.and(message_read).map_err(CompileError::Start)?;
    // A child that says more than is read meets closed pipes.
    drop((stdout, stderr));
    Ok((child.wait().await.map_err(CompileError::Start)?, code, message))
}
