//! Running the binary: its folder, its database, its output, and waits that end.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use heptad_store::testing::TestDatabase;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with a folder and a database of its own.
pub(crate) struct Heptad {
    folder: TempDir,
    environment: Vec<(String, String)>,
    program: PathBuf,
    is_guarded: bool,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// The output as JSON, of a command that succeeded.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Checks that standard error has this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no `{text}` in {self:?}");
        self
    }
}

impl Heptad {
    /// With a database that is not there yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("heptad.db").display());
        Self::with(folder, vec![("HEPTAD_DATABASE__URL".to_owned(), url)])
    }

    /// With a migrated database.
    pub(crate) fn on(database: &TestDatabase) -> Self {
        let environment = vec![
            ("HEPTAD_DATABASE__URL".to_owned(), database.url.clone()),
            ("HEPTAD_DATABASE__OWNER_URL".to_owned(), database.owner_url.clone()),
            ("HEPTAD_DATABASE__SERVER_ROLE".to_owned(), database.server_role.clone().unwrap_or_default()),
        ];
        Self::with(tempfile::tempdir().unwrap(), environment)
    }

    fn with(folder: TempDir, mut environment: Vec<(String, String)>) -> Self {
        for (key, value) in [
            ("HEPTAD_SERVER__LISTEN", "127.0.0.1:0".to_owned()),
            ("HEPTAD_SERVER__METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            ("HEPTAD_DATA__FOLDER", folder.path().join("data").display().to_string()),
            ("HEPTAD_DATA__KEY_FILE", folder.path().join("heptad.key").display().to_string()),
        ] {
            environment.push((key.to_owned(), value));
        }
        let program = PathBuf::from(env!("CARGO_BIN_EXE_heptad"));
        Self { folder, environment, program, is_guarded: false }
    }

    /// With a database that somebody made, as this role.
    pub(crate) fn on_url(url: &str, owner_url: &str, server_role: &str) -> Self {
        let environment = vec![
            ("HEPTAD_DATABASE__URL".to_owned(), url.to_owned()),
            ("HEPTAD_DATABASE__OWNER_URL".to_owned(), owner_url.to_owned()),
            ("HEPTAD_DATABASE__SERVER_ROLE".to_owned(), server_role.to_owned()),
        ];
        Self::with(tempfile::tempdir().unwrap(), environment)
    }

    /// Another machine of the same installation: the same configuration, a folder of its own.
    pub(crate) fn another(&self) -> Self {
        let own = ["HEPTAD_DATA__FOLDER", "HEPTAD_DATA__KEY_FILE"];
        let shared = self.environment.iter().filter(|(key, _)| !own.contains(&key.as_str())).cloned().collect();
        let (program, is_guarded) = (self.program.clone(), self.is_guarded);
        Self { program, is_guarded, ..Self::with(tempfile::tempdir().unwrap(), shared) }
    }

    /// With another binary.
    pub(crate) fn program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// So that a write beyond the limit of a file's size fails, as on a full disk, and does not kill the process.
    pub(crate) fn guarded(mut self) -> Self {
        self.is_guarded = true;
        self
    }

    /// Sets a key of the configuration.
    pub(crate) fn set(mut self, variable: &str, value: &str) -> Self {
        self.environment.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self.is_guarded {
            false => Command::new(&self.program),
            true => {
                let mut shell = Command::new("sh");
                shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(&self.program);
                shell
            }
        };
        command.args(arguments).current_dir(self.folder.path()).env_remove("RUST_LOG").env_remove("HEPTAD_CONFIG");
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        self.run_with(arguments, "")
    }

    /// The same, with something on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Done {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // A command that reads nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Done { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Starts a command that goes on until a signal.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).spawn().unwrap();
        let (lines, errors) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Running { child, lines, errors }
    }

    /// Starts `serve` and waits until it listens.
    pub(crate) fn serve(&self) -> Serving {
        let running = self.start(&["serve"]);
        let url = running.line_after("listening on ");
        let metrics = running.line_after("metrics on ");
        Serving { running, url, metrics }
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    receive
}

/// A command that goes on; it is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Running {
    /// The rest of the first line of standard output that begins with this text.
    #[track_caller]
    pub(crate) fn line_after(&self, start: &str) -> String {
        self.find(|line| line.strip_prefix(start).map(str::to_owned)).unwrap_or_else(|| {
            let errors: Vec<String> = self.errors.try_iter().collect();
            panic!("no line `{start}…`; standard error: {errors:#?}")
        })
    }

    /// The first thing that is found in a line of standard output, if it comes in time.
    pub(crate) fn find<T>(&self, mut find: impl FnMut(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?;
            if let Some(found) = find(&line) {
                return Some(found);
            }
        }
    }

    /// The first line of standard error that holds this text, if it comes in time.
    pub(crate) fn error_with(&self, text: &str) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.errors.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?;
            if line.contains(text) {
                return Some(line);
            }
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How many bytes a file of the process may have from now on; `None`: as many as fit.
    pub(crate) fn limit_files(&self, most: Option<u64>) {
        let pid = Pid::from_child(&self.child);
        let limit = rustix::process::Rlimit { current: most, maximum: None };
        rustix::process::prlimit(Some(pid), rustix::process::Resource::Fsize, limit).unwrap();
    }

    /// Waits for the end: the exit code, and what stood on standard error.
    #[track_caller]
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + PATIENCE;
        // Standard error is closed when the process ends.
        let mut errors = String::new();
        while let Ok(line) = self.errors.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            errors.push_str(&line);
            errors.push('\n');
        }
        assert!(Instant::now() < deadline, "the command did not end: {errors}");
        (self.child.wait().unwrap().code(), errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server.
pub(crate) struct Serving {
    pub(crate) running: Running,
    pub(crate) url: String,
    pub(crate) metrics: String,
}

impl Serving {
    /// The address without its scheme.
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// The status and the body of an answer.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        get(&format!("{}{path}", self.url)).await
    }
}

/// The status and the body of an answer.
pub(crate) async fn get(url: &str) -> (u16, String) {
    let response = reqwest::Client::new().get(url).timeout(PATIENCE).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Asks again and again until the answer is there.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        tokio::task::yield_now().await;
    }
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).display().to_string()
}

/// The folder of packed plugins.
pub(crate) fn guests() -> String {
    std::env::var("HEPTAD_TEST_GUESTS").expect("this test needs packed plugins: run `cargo xtask test`")
}

/// Makes a shop in US dollars.
pub(crate) fn shop(heptad: &Heptad, slug: &str) {
    let arguments = [
        "tenant",
        "create",
        slug,
        "--name",
        slug,
        "--currency",
        "USD",
        "--time-zone",
        "America/New_York",
        "--locale",
        "en",
    ];
    heptad.run(&arguments).ended(0);
}

/// A map for [`ORDERS`].
pub(crate) const MAP: &str = r#"
source = "till"
currency = "USD"
date_format = "%Y-%m-%d"
[columns]
order = "order"
date = "date"
customer = "customer"
product = "product"
product_name = "name"
quantity = "quantity"
total = "total"
"#;

/// A file of orders, two of whose rows are bad.
pub(crate) const ORDERS: &str = "\
order,date,customer,product,name,quantity,total
1,2024-01-02,ann,mug,Mug,2,17.00
1,2024-01-02,ann,tee,Tee,1,9.99
2,2024-13-02,bob,mug,Mug,1,8.50
3,2024-01-03,bob,mug,Mug,none,8.50
4,2024-01-04,,mug,Mug,1,8.50
";

/// A server on the data of a demo, and the demo's line: token and body.
pub(crate) fn demo_shop(variables: &[(&str, &str)]) -> (Serving, String, String, Heptad) {
    let heptad = Heptad::new();
    let data = heptad.path("demo").display().to_string();
    let (orders, map) = (repository("examples/data/superstore.csv.gz"), repository("examples/data/superstore.toml"));
    let demo = ["demo", "--guests", &guests(), "--data-dir", &data, "--orders", &orders, "--map", &map];
    let report = heptad.run(&[&demo[..], &["--once", "--output", "json"]].concat()).json();
    let body = report["curl"].as_str().unwrap().split('\'').rfind(|word| word.starts_with('{')).unwrap().to_owned();
    let mut heptad = heptad
        .set("HEPTAD_DATABASE__URL", &format!("sqlite:{data}/heptad.db"))
        .set("HEPTAD_DATA__FOLDER", &format!("{data}/data"))
        .set("HEPTAD_DATA__KEY_FILE", &format!("{data}/heptad.key"));
    for (name, value) in variables {
        heptad = heptad.set(name, value);
    }
    (heptad.serve(), report["token"].as_str().unwrap().to_owned(), body, heptad)
}
