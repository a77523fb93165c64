//! One PostgreSQL server for a run of the tests or the benchmark: fresh, on a free local port, gone with the run.
//!
//! It trusts every local connection and, for tests, does not flush to disk, so it is good for nothing else.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::scratch::Scratch;
use crate::setup::is_root;
use crate::workspace::find_program;

/// The role that migrates: it owns the databases and their tables.
pub(crate) const OWNER: &str = "heptad_owner";

/// The role that serves: it owns nothing, so row-level security binds it.
pub(crate) const SERVER: &str = "heptad_server";

/// The database to connect to for making others.
const DATABASE: &str = "postgres";

/// Each statement on its own line, as single-user mode reads them. The owner may end the server's connections, so that
/// a test's database can be dropped.
const ROLES: &str = "\
create role heptad_owner login createdb nosuperuser nobypassrls;
create role heptad_server login nosuperuser nocreatedb nocreaterole nobypassrls;
grant pg_signal_backend to heptad_owner;
";

/// Room for many parallel tests.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=300",
    "shared_buffers=128MB",
    "log_checkpoints=off",
    "TimeZone=UTC",
];

/// Durability is worth nothing to tests and costs half of their time.
const FORGETFUL: &[&str] =
    &["fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0"];

/// How long the server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often its state is looked at meanwhile.
const POLL: Duration = Duration::from_millis(20);

/// A running server; dropping it stops it and removes its data.
pub(crate) struct Postgres {
    server: Child,
    port: u16,
    // After `server`, since the folder goes when the server has stopped.
    _folder: Scratch,
}

impl Postgres {
    /// A server for tests: it does not flush to disk.
    pub(crate) fn start() -> Result<Self> {
        Self::start_with(FORGETFUL)
    }

    /// A server that keeps what was committed, as one in production does.
    pub(crate) fn durable() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Makes a cluster in the system's folder for temporary files and starts a server on it.
    fn start_with(settings: &[&str]) -> Result<Self> {
        let binaries =
            find_binaries().context("PostgreSQL's initdb and postgres are missing; run cargo xtask setup")?;
        let user = User::choose()?;
        // Not below the target folder: that one may lie where the unprivileged user cannot go.
        let folder = Scratch::new(&env::temp_dir(), "postgres")?;
        user.own(folder.path())?;
        let data = folder.path().join("data");
        let log = folder.path().join("log");
        let cluster = Cluster { binaries: &binaries, user: &user, data: &data, log: &log };
        cluster.create().with_context(|| format!("cannot make a PostgreSQL cluster{}", tail(&log)))?;
        // Another program may take the free port before the server does; then the server ends and the next is tried.
        for _ in 0..5 {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let mut server = cluster.serve(port, settings)?;
            if cluster.wait_until_ready(&mut server)? {
                return Ok(Self { server, port, _folder: folder });
            }
        }
        bail!("PostgreSQL did not start{}", tail(&log))
    }

    /// The URL of the database that always exists, as `role`.
    pub(crate) fn url(&self, role: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{DATABASE}", self.port)
    }

    /// Returns on Ctrl-C; fails when the server ends before.
    pub(crate) fn wait_for_interrupt(&mut self) -> Result<()> {
        while !process::interrupted() {
            if let Some(status) = self.server.try_wait()? {
                bail!("PostgreSQL ended ({status})");
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown: it ends the sessions and does not wait for their clients.
        process::interrupt(self.server.id());
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            match self.server.try_wait() {
                Ok(None) => thread::sleep(POLL),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The newest folder that holds both `initdb` and `postgres`.
pub(crate) fn find_binaries() -> Option<PathBuf> {
    let complete = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    // Debian and Red Hat keep the server's programs out of PATH, a folder per major version.
    let mut versions: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, prefix) in [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")] {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let version = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse().ok());
            versions.extend(version.map(|version| (version, entry.path().join("bin"))));
        }
    }
    versions.retain(|(_, folder)| complete(folder));
    if let Some((_, folder)) = versions.into_iter().max() {
        return Some(folder);
    }
    let beside = |program: &str| find_program(program)?.canonicalize().ok()?.parent().map(Path::to_owned);
    ["initdb", "postgres", "pg_ctl"].into_iter().filter_map(beside).find(complete)
}

/// Whom the server runs as: PostgreSQL refuses the superuser.
struct User {
    ids: Option<(u32, u32)>,
}

impl User {
    fn choose() -> Result<Self> {
        if !is_root() {
            return Ok(Self { ids: None });
        }
        // Debian's package makes `postgres`; `nobody` is everywhere and does as well.
        let ids = ["postgres", "nobody"].into_iter().find_map(|name| Some((id("-u", name)?, id("-g", name)?)));
        Ok(Self { ids: Some(ids.context("PostgreSQL refuses root, and there is no user postgres or nobody")?) })
    }

    fn own(&self, path: &Path) -> Result<()> {
        match self.ids {
            Some((user, group)) => chown(path, Some(user), Some(group))
                .with_context(|| format!("cannot give {} to another user", path.display())),
            None => Ok(()),
        }
    }

    fn run_as(&self, command: &mut Command) {
        if let Some((user, group)) = self.ids {
            // Dropping the user id as root drops the supplementary groups, too.
            command.uid(user).gid(group);
        }
    }
}

fn id(kind: &str, name: &str) -> Option<u32> {
    process::capture(Command::new("id").args([kind, name])).ok()?.trim().parse().ok()
}

/// What every program of the cluster is called with.
struct Cluster<'a> {
    binaries: &'a Path,
    user: &'a User,
    data: &'a Path,
    log: &'a Path,
}

impl Cluster<'_> {
    /// Makes the files and, in single-user mode, the roles; so no client program is needed.
    fn create(&self) -> Result<()> {
        let mut initdb = self.program("initdb")?;
        initdb.arg("--pgdata").arg(self.data).args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        process::run(&mut initdb)?;

        let mut roles = self.program("postgres")?;
        roles.arg("--single").arg("-D").arg(self.data).args(["-c", "exit_on_error=on", DATABASE]);
        let mut session = roles.stdin(Stdio::piped()).spawn().context("cannot start postgres")?;
        if let Some(mut input) = session.stdin.take() {
            input.write_all(ROLES.as_bytes()).context("cannot write to postgres")?;
        }
        if !session.wait()?.success() {
            bail!("cannot create the roles");
        }
        Ok(())
    }

    /// Starts the server, which leads a process group of its own: Ctrl-C must not end it before the tests.
    fn serve(&self, port: u16, settings: &[&str]) -> Result<Child> {
        let mut server = self.program("postgres")?;
        server.arg("-D").arg(self.data).args(["-c", &format!("port={port}")]);
        server.args(SETTINGS.iter().chain(settings).flat_map(|setting| ["-c", setting]));
        server.process_group(0).spawn().context("cannot start postgres")
    }

    /// Waits for the state that the server writes into its lock file; false when it ended instead.
    fn wait_until_ready(&self, server: &mut Child) -> Result<bool> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if server.try_wait()?.is_some() {
                return Ok(false);
            }
            let lock = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
            if lock.lines().nth(7).is_some_and(|state| state.trim() == "ready") {
                return Ok(true);
            }
            thread::sleep(POLL);
        }
        let _ = server.kill();
        let _ = server.wait();
        Ok(false)
    }

    fn program(&self, name: &str) -> Result<Command> {
        let log = File::options().create(true).append(true).open(self.log).context("cannot open PostgreSQL's log")?;
        let mut command = Command::new(self.binaries.join(name));
        // The unprivileged user may not enter the folder that this program runs in.
        command.current_dir(self.data.parent().unwrap_or(self.data));
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.user.run_as(&mut command);
        Ok(command)
    }
}

/// The end of the log as part of a message.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().rev().take(10).collect();
    lines.into_iter().rev().fold(String::new(), |message, line| message + "\n    " + line)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::{OWNER, Postgres};

    #[test]
    fn a_server_starts_as_any_user_answers_and_is_gone_after_drop() -> anyhow::Result<()> {
        let server = Postgres::start()?;
        let address = ("127.0.0.1", server.port);
        let folder = server._folder.path().to_owned();
        assert!(server.url(OWNER).starts_with("postgres://heptad_owner@127.0.0.1:"));
        TcpStream::connect(address)?;
        drop(server);
        assert!(TcpStream::connect(address).is_err(), "the server still listens");
        assert!(!folder.exists(), "the data is still there");
        Ok(())
    }
}
