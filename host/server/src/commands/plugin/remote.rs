//! `heptad plugin publish`, `versions` and `release`: what a publisher does on a server, by its API.

use std::path::PathBuf;

use axum::http::{Method, Request, StatusCode, Uri, header};
use heptad_outbound::{Bounds, By, Outbound, Ranges};
use heptad_runtime::limits::UPLOAD_BYTES;
use heptad_runtime::package::signature;
use hyper::body::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::file::{private_key, read, refused};
use super::project::{failed, open};
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::output::Output;

/// Where the server is, and who asks.
#[derive(Debug, clap::Args)]
pub(crate) struct Server {
    /// The server's address
    #[arg(long, env = "HEPTAD_SERVER", value_name = "URL")]
    server: String,
    /// The publisher's token
    #[arg(long, env = "HEPTAD_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: String,
}

/// The options of `publish`.
#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    /// The folder of the project
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Publish this packed plugin and build nothing
    #[arg(long, value_name = "FILE")]
    built: Option<PathBuf>,
    /// Sign it with this key first
    #[arg(long, value_name = "FILE", env = "HEPTAD_SIGNING_KEY")]
    key: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// The options of `versions`.
#[derive(Debug, clap::Args)]
pub(crate) struct VersionsArgs {
    /// The plugin's name
    plugin: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// The options of `release`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReleaseArgs {
    /// The plugin's name
    plugin: String,
    /// The version, such as 1.2.0
    version: String,
    /// What becomes of it
    #[arg(long, value_enum, default_value_t)]
    state: State,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// What becomes of a version that was approved.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum State {
    /// It is recommended
    #[default]
    Approved,
    /// It can be installed, and its page says that there is something better
    Deprecated,
    /// Nobody new gets it
    Withdrawn,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Deprecated => "deprecated",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Builds, signs and uploads a plugin.
pub(crate) async fn publish(args: PublishArgs) -> Result {
    let file = match &args.built {
        Some(file) => file.clone(),
        None => open(&args.folder)?.build().map_err(failed)?.file,
    };
    let mut bytes = read(&file)?;
    if let Some(key) = &args.key {
        bytes = signature::sign(&bytes, &private_key(key)?).map_err(|error| refused(&file, &error))?;
    }
    let answer = args.server.call(Method::POST, "/v1/versions", "application/wasm", bytes).await?;
    args.output.print(&answer, |version| {
        let text = |name: &str| version[name].as_str().unwrap_or_default().to_owned();
        format!(
            "{} {} is {}\nid      {}\ndigest  {}",
            text("plugin"),
            text("version"),
            text("state"),
            text("id"),
            text("digest")
        )
    })
}

/// Lists the versions of an own plugin.
pub(crate) async fn versions(args: VersionsArgs) -> Result {
    #[derive(Serialize)]
    struct Listed {
        items: Vec<Value>,
    }
    let listed = Listed { items: args.server.versions(&args.plugin).await? };
    args.output.print(&listed, |listed| {
        let line = |version: &Value| {
            let text = |name: &str| version[name].as_str().unwrap_or_default().to_owned();
            format!("{:<12} {:<11} {} {}", text("version"), text("state"), text("submitted_at"), text("note"))
        };
        listed.items.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

/// Deprecates or withdraws a version, or recommends it again.
pub(crate) async fn release(args: ReleaseArgs) -> Result {
    let versions = args.server.versions(&args.plugin).await?;
    let found = versions.iter().find(|version| version["version"] == args.version.as_str());
    let id = found.and_then(|version| version["id"].as_str()).ok_or_else(|| {
        CliError::new(Kind::Input, format!("{} has no version {}", args.plugin, args.version))
            .hint(format!("heptad plugin versions {}", args.plugin))
    })?;
    let body = serde_json::json!({"state": args.state.name()}).to_string();
    let path = format!("/v1/versions/{id}/state");
    let answer = args.server.call(Method::PUT, &path, "application/json", body.into_bytes()).await?;
    args.output.print(&answer, |version| {
        format!("{} {} is {}", args.plugin, args.version, version["state"].as_str().unwrap_or_default())
    })
}

impl Server {
    /// All versions of an own plugin, page by page.
    async fn versions(&self, plugin: &str) -> Result<Vec<Value>> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/own-plugins/{plugin}/versions?limit=200{cursor}");
            let page = self.call(Method::GET, &path, "application/json", Vec::new()).await?;
            all.extend(page["items"].as_array().into_iter().flatten().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// Sends a request; the answer's JSON, or the server's refusal with its code and hint.
    async fn call(&self, method: Method, path: &str, media_type: &str, body: Vec<u8>) -> Result<Value> {
        let address = format!("{}{path}", self.server.trim_end_matches('/'));
        let address: Uri = address.parse().map_err(|_| {
            CliError::new(Kind::Input, format!("`{address}` is no address")).hint("--server http://127.0.0.1:8080")
        })?;
        let request = Request::builder()
            .method(method)
            .uri(address)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, media_type)
            .body(Bytes::from(body))
            .map_err(|_| CliError::new(Kind::Input, "the token is no text of a header"))?;
        // Whose machine it is decides where it goes: servers on the own network are as good as any.
        let everywhere = Ranges::parse(&["0.0.0.0/0", "::/0"])
            .map_err(|(text, error)| CliError::new(Kind::Failure, format!("{text}: {error}")))?;
        let minutes = std::time::Duration::from_secs(300);
        let bounds = Bounds {
            head: minutes,
            total: minutes,
            request_bytes: UPLOAD_BYTES + 1,
            answer_bytes: 16 << 20,
            ..Bounds::default()
        };
        let outbound = Outbound::new(everywhere, b"")?;
        let answer = outbound.send(By::Command, request, &bounds).await;
        let answer = answer.during(|| format!("cannot ask {}", self.server))?;
        let status = answer.status();
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if status.is_success() { Ok(body) } else { Err(refusal(status, &body)) }
    }
}

/// What a server refuses, in its own words.
fn refusal(status: StatusCode, problem: &Value) -> CliError {
    let text = |name: &str| problem[name].as_str().unwrap_or_default();
    let kind = if status.is_server_error() { Kind::Failure } else { Kind::Input };
    let error = match text("code") {
        "" => CliError::new(kind, format!("the server answered {status}")),
        code => CliError::new(kind, format!("{} [{code}]", text("detail"))),
    };
    match (text("hint"), status) {
        ("", StatusCode::UNAUTHORIZED) => error.hint("give a publisher's token: --token or HEPTAD_TOKEN"),
        ("", _) => error,
        (hint, _) => error.hint(hint),
    }
}
