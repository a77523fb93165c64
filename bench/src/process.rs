//! A process of the real program: `heptad serve`, optimised, on data that a host of this process has made.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hyper::{Method, StatusCode};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::client::Client;
use crate::data::Data;
use crate::setup::{KEY, variable};

/// How long it may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked meanwhile.
const LOOK: Duration = Duration::from_millis(1);
/// A token may ask as often as it likes.
const UNLIMITED: &str = "1000000";

/// A process that is ready; it is killed with this value.
pub(crate) struct Process {
    /// Host and port.
    pub(crate) address: String,
    /// How long it took to be ready.
    pub(crate) ready_after: Duration,
    child: Child,
    /// What it prints goes somewhere for as long as it lives.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts it with the defaults of production but for the rates, and waits until `/readyz` says that it is ready.
    pub(crate) async fn start(data: &Data) -> Result<Self> {
        let mut command = Command::new(variable("HEPTAD_BENCH_SERVER")?);
        command.arg("serve").current_dir(data.folder()).env_remove("RUST_LOG").env_remove("HEPTAD_CONFIG");
        let folder = data.folder().display().to_string();
        let key = KEY.map(|byte| format!("{byte:02x}")).concat();
        for (key, value) in [
            ("HEPTAD_SERVER__LISTEN", "127.0.0.1:0"),
            ("HEPTAD_SERVER__METRICS_LISTEN", "127.0.0.1:0"),
            ("HEPTAD_DATABASE__URL", data.url.as_str()),
            ("HEPTAD_DATABASE__OWNER_URL", data.owner_url.as_str()),
            ("HEPTAD_DATABASE__SERVER_ROLE", data.server_role.as_deref().unwrap_or_default()),
            ("HEPTAD_DATA__FOLDER", folder.as_str()),
            ("HEPTAD_MASTER_KEY", key.as_str()),
            ("HEPTAD_NATS__URL", data.bus.as_ref().map(|bus| bus.url.as_str()).unwrap_or_default()),
            ("HEPTAD_NATS__PREFIX", data.bus.as_ref().map_or("heptad", |bus| bus.prefix.as_str())),
            ("HEPTAD_LIMITS__CALLER_PER_SECOND", UNLIMITED),
            ("HEPTAD_LIMITS__CALLER_BURST", UNLIMITED),
            ("HEPTAD_LOG__LEVEL", "warn"),
        ] {
            command.env(key, value);
        }
        let begun = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut output = BufReader::new(child.stdout.take().context("a child has a standard output")?).lines();
        let address = loop {
            let line = output.next_line().await?.context("the server ended before it listened")?;
            if let Some(address) = line.strip_prefix("listening on http://") {
                break address.to_owned();
            }
        };
        let mut client = Client::connect(&address, None).await?;
        while client.ask(Method::GET, "/readyz", "").await?.0 != StatusCode::OK {
            ensure!(begun.elapsed() < PATIENCE, "the server is not ready");
            tokio::time::sleep(LOOK).await;
        }
        Ok(Self { address, ready_after: begun.elapsed(), child, _output: output })
    }

    /// Its number.
    pub(crate) fn id(&self) -> String {
        self.child.id().map(|id| id.to_string()).unwrap_or_default()
    }
}
