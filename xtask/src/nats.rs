//! One NATS server with JetStream for a test run: fresh, on a free local port, gone with the run.

use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::scratch::Scratch;
use crate::workspace::find_program;

/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often its state is looked at meanwhile.
const POLL: Duration = Duration::from_millis(20);

/// A running server; dropping it stops it and removes its data.
pub(crate) struct Nats {
    server: Child,
    port: u16,
    // After `server`, since the folder goes when the server has stopped.
    _folder: Scratch,
}

impl Nats {
    /// Starts a server whose streams lie in the system's folder for temporary files.
    pub(crate) fn start() -> Result<Self> {
        let program = find_server().context("nats-server is missing; run cargo xtask setup")?;
        let folder = Scratch::new(&env::temp_dir(), "nats")?;
        let log = folder.path().join("log");
        // Another program may take the free port before the server does; then the server ends and the next is tried.
        for _ in 0..5 {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let mut server = serve(&program, folder.path(), &log, port)?;
            if wait_until_ready(&mut server, port)? {
                return Ok(Self { server, port, _folder: folder });
            }
        }
        bail!("nats-server did not start: {}", fs::read_to_string(&log).unwrap_or_default().trim_end())
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        // Its data goes with it, so there is nothing to wait for.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The program; Debian keeps it where only the superuser looks.
pub(crate) fn find_server() -> Option<PathBuf> {
    let debian = PathBuf::from("/usr/sbin/nats-server");
    find_program("nats-server").or_else(|| debian.is_file().then_some(debian))
}

/// Starts the server, which leads a process group of its own: Ctrl-C must not end it before the tests.
fn serve(program: &Path, folder: &Path, log: &Path, port: u16) -> Result<Child> {
    let out = File::options().create(true).append(true).open(log).context("cannot open the log of nats-server")?;
    let mut server = Command::new(program);
    server.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
    server.arg(folder.join("streams")).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
    server.process_group(0).spawn().context("cannot start nats-server")
}

/// Waits until the server greets whoever connects; false when it ended instead.
fn wait_until_ready(server: &mut Child, port: u16) -> Result<bool> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if server.try_wait()?.is_some() {
            return Ok(false);
        }
        let mut greeting = [0; 4];
        let greeted = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.read_exact(&mut greeting)
        });
        if greeted.is_ok() && &greeting == b"INFO" {
            return Ok(true);
        }
        thread::sleep(POLL);
    }
    let _ = server.kill();
    let _ = server.wait();
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::Nats;

    #[test]
    fn a_server_starts_and_is_gone_after_drop() -> anyhow::Result<()> {
        let server = Nats::start()?;
        let (address, folder) = (("127.0.0.1", server.port), server._folder.path().to_owned());
        assert_eq!(server.url(), format!("nats://127.0.0.1:{}", server.port));
        drop(server);
        assert!(TcpStream::connect(address).is_err(), "the server still listens");
        assert!(!folder.exists(), "the data is still there");
        Ok(())
    }
}
