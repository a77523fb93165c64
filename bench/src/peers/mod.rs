//! What Heptad is measured beside. Peers over HTTP are servers on loopback; those that are programs of their own are
//! measured where they are installed.

pub(crate) mod axum;
pub(crate) mod bare;
pub(crate) mod extism;
pub(crate) mod heptad;
pub(crate) mod wasmtime_serve;
pub(crate) mod workerd;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::setup::variable;

/// How to have the peers that are programs of their own.
pub(crate) const HELP: &str = "\
Peers that are programs of their own are measured where they are in PATH or here, below the repository's top folder:
  cargo install wasmtime-cli --version 48.0.8 --locked --no-default-features \\
    --features run,serve,cranelift,component-model,pooling-allocator,parallel-compilation --root target/tools/wasmtime
  npm install --prefix target/tools/workerd workerd";

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// A server on loopback; it ends with this value.
pub(crate) struct Server {
    address: SocketAddr,
    running: Running,
}

enum Running {
    Task(JoinHandle<()>),
    /// Killed when it is dropped.
    Program {
        _child: Child,
    },
}

/// Why a peer is left out: the line that installs it.
pub(crate) type Absent = String;

impl Server {
    /// A router in this process.
    pub(crate) fn task(address: SocketAddr, task: JoinHandle<()>) -> Self {
        Self { address, running: Running::Task(task) }
    }

    /// A program that is told a free address, once it listens there.
    async fn program(command: impl FnOnce(SocketAddr) -> Command) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let mut child = command(address).kill_on_drop(true).spawn()?;
        let begun = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            ensure!(child.try_wait()?.is_none(), "a peer ended before it listened");
            ensure!(begun.elapsed() < PATIENCE, "a peer does not listen on {address}");
            tokio::time::sleep(LOOK).await;
        }
        Ok(Self { address, running: Running::Program { _child: child } })
    }

    /// Host and port.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Running::Task(task) = &self.running {
            task.abort();
        }
    }
}

/// A program in `PATH`, or at this place among the tools.
fn find(name: &str, place: &str) -> Result<Option<PathBuf>> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).map(|folder| folder.join(name)).collect();
    places.push(variable("HEPTAD_BENCH_TOOLS")?.join(Path::new(place)));
    Ok(places.into_iter().find(|file| file.is_file()))
}
