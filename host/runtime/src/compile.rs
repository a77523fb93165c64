//! Compiling in a child process. The serving process never runs the compiler on uploaded code: a small component can
//! take the compiler many seconds and a gigabyte, and wasmtime promises no safety against that.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;

use crate::engine;
use crate::limits::UPLOAD_BYTES;

/// Address space of the child.
const ADDRESS_SPACE: u64 = 1 << 30;
/// Processor time of the child in seconds.
const CPU_SECONDS: u64 = 60;
/// The most bytes of compiled code.
const CODE_BYTES: u64 = 256 << 20;
/// The most bytes of the child's explanation that are read.
const MESSAGE_BYTES: u64 = 8 << 10;

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The child could not be started.
    #[error("the compile worker does not start: {0}")]
    Start(#[source] std::io::Error),
    /// The compiler refuses the component.
    #[error("the component does not compile: {0}")]
    Refused(String),
    /// The child hit its limit of time or memory.
    #[error("compiling took more than {CPU_SECONDS} s of processor time or 1 GiB of memory")]
    Limits,
}

/// Starts compile workers, one at a time.
#[derive(Debug)]
pub struct Compiler {
    program: PathBuf,
    turn: Semaphore,
}

impl Compiler {
    /// `program` is the `heptad` binary, whose command `compile-worker` calls [`worker`].
    pub fn new(program: PathBuf) -> Self {
        Self { program, turn: Semaphore::new(1) }
    }

    /// Compiles a component to code for this machine.
    pub async fn compile(&self, component: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        let _turn = self.turn.acquire().await.map_err(|_| CompileError::Limits)?;
        let mut child = tokio::process::Command::new(&self.program)
            .arg("compile-worker")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(CompileError::Start)?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(CompileError::Limits);
        };
        let (mut code, mut message) = (Vec::new(), Vec::new());
        let feed = async {
            // A child that died on the way shows by its status.
            let _ = stdin.write_all(&component).await;
            drop(stdin);
        };
        let (mut stdout, mut stderr) = (stdout.take(CODE_BYTES + 1), stderr.take(MESSAGE_BYTES));
        let ((), code_read, message_read) =
            tokio::join!(feed, stdout.read_to_end(&mut code), stderr.read_to_end(&mut message));
        code_read.and(message_read).map_err(CompileError::Start)?;
        if code.len() as u64 > CODE_BYTES {
            return Err(CompileError::Limits);
        }
        let status = child.wait().await.map_err(CompileError::Start)?;
        match status.code() {
            Some(0) => Ok(code),
            Some(1) => Err(CompileError::Refused(String::from_utf8_lossy(&message).trim().to_owned())),
            _ => Err(CompileError::Limits),
        }
    }
}

/// The child: limits itself, reads a component from standard input, writes compiled code to standard output.
///
/// Gives the exit status: 0 for code, 1 for a component that the compiler refuses, with its reason on standard error.
pub fn worker() -> u8 {
    limit_self();
    match compile_standard_input() {
        Ok(()) => 0,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "{reason}");
            1
        }
    }
}

fn limit_self() {
    for (resource, most) in [(Resource::As, ADDRESS_SPACE), (Resource::Cpu, CPU_SECONDS), (Resource::Core, 0)] {
        // A limit that is lower already stays.
        let _ = setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    }
}

fn compile_standard_input() -> Result<(), String> {
    let mut component = Vec::new();
    let limit = UPLOAD_BYTES as u64 + 1;
    std::io::stdin().take(limit).read_to_end(&mut component).map_err(|error| error.to_string())?;
    if component.len() as u64 == limit {
        return Err(format!("the component has more than {UPLOAD_BYTES} bytes"));
    }
    let engine = engine::compiling().map_err(|error| error.to_string())?;
    let code = engine.precompile_component(&component).map_err(|error| format!("{error:#}"))?;
    std::io::stdout().write_all(&code).map_err(|error| error.to_string())
}
