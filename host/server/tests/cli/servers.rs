//! Servers of a test's own, which it may stop: PostgreSQL and NATS.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::PATIENCE;

const HINT: &str = "run `cargo xtask test`, which passes the programs";
/// The roles, as `cargo xtask test` makes them, and a database.
const SQL: &str = "\
create role heptad_owner login createdb nosuperuser nobypassrls;
create role heptad_server login nosuperuser nocreatedb nocreaterole nobypassrls;
create database heptad owner heptad_owner;
";

fn program(variable: &str) -> PathBuf {
    PathBuf::from(std::env::var(variable).expect(HINT))
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Waits without a runtime.
fn wait_for(what: &str, mut check: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !check() {
        assert!(Instant::now() < until, "{what}");
        std::thread::yield_now();
    }
}

/// A PostgreSQL with a database.
pub(crate) struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    /// PostgreSQL refuses the superuser.
    user: Option<(u32, u32)>,
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// Makes it and starts it.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let user = rustix::process::geteuid().is_root().then(unprivileged);
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let programs = program("HEPTAD_TEST_POSTGRES_PROGRAMS");
        let mut postgres = Self { programs, folder, user, port: free_port(), server: None };
        let mut initdb = postgres.command("initdb");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        assert!(initdb.status().unwrap().success());
        // Single-user mode is asked for by the first argument.
        let served = postgres.command("postgres");
        let mut single = Command::new(served.get_program());
        single.arg("--single").args(served.get_args()).args(["-c", "exit_on_error=on", "postgres"]);
        single.current_dir(postgres.folder.path());
        postgres.as_user(&mut single);
        let mut session = single.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(&mut session.stdin.take().unwrap(), SQL.as_bytes()).unwrap();
        assert!(session.wait().unwrap().success());
        postgres.start_again();
        postgres
    }

    /// Starts it where it was.
    pub(crate) fn start_again(&mut self) {
        let mut server = self.command("postgres");
        server.args(["-c", &format!("port={}", self.port), "-c", "listen_addresses=127.0.0.1"]);
        server.args(["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=100"]);
        self.server = Some(server.spawn().unwrap());
        let lock = self.folder.path().join("data/postmaster.pid");
        wait_for("PostgreSQL starts", || {
            let lock = std::fs::read_to_string(&lock).unwrap_or_default();
            lock.lines().nth(7).is_some_and(|state| state.trim() == "ready")
        });
    }

    /// Stops it; its clients are sent away.
    pub(crate) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            kill_process(Pid::from_child(&server), Signal::INT).unwrap();
            server.wait().unwrap();
        }
    }

    /// The database, as this role.
    pub(crate) fn url(&self, role: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/heptad", self.port)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.arg("-D").arg(self.folder.path().join("data")).current_dir(self.folder.path());
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.as_user(&mut command);
        command
    }

    fn as_user(&self, command: &mut Command) {
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The ids of a user who is nobody.
fn unprivileged() -> (u32, u32) {
    let users = std::fs::read_to_string(Path::new("/etc/passwd")).unwrap();
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut parts = line.split(':').skip(2).map(|id| id.parse().ok());
        Some((parts.next()??, parts.next()??))
    };
    ["postgres", "nobody"].into_iter().find_map(ids).expect("PostgreSQL refuses root, and there is no other user")
}

/// A NATS with JetStream.
pub(crate) struct Nats {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Nats {
    /// Starts it.
    pub(crate) fn start() -> Self {
        let mut nats = Self { folder: tempfile::tempdir().unwrap(), port: free_port(), server: None };
        nats.start_again();
        nats
    }

    /// Starts it where it was.
    pub(crate) fn start_again(&mut self) {
        let mut server = Command::new(program("HEPTAD_TEST_NATS_SERVER"));
        server.args(["--addr", "127.0.0.1", "--port", &self.port.to_string(), "--jetstream", "--store_dir"]);
        server.arg(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(server.spawn().unwrap());
    }

    /// Stops it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.stop();
    }
}
