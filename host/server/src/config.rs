//! The configuration: `config.default.toml`, a file over it, the environment over both.

mod services;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use heptad_outbound::Ranges;
use heptad_store::dialect::Dialect;
use heptad_web::apps::{AppsUrl, host_of};
use serde::{Deserialize, Serialize};

pub(crate) use self::services::{Components, Nats};
use crate::error::{CliError, Kind, Result};
use crate::logging::LogFormat;

/// All keys with their defaults and what they mean.
pub(crate) const DEFAULTS: &str = include_str!("../config.default.toml");

/// The configuration of a server; each key is explained in `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) apps: Apps,
    pub(crate) limits: Limits,
    pub(crate) database: Database,
    pub(crate) data: Data,
    pub(crate) components: Components,
    pub(crate) nats: Nats,
    pub(crate) log: Log,
    pub(crate) retention: Retention,
    pub(crate) sandbox: Sandbox,
    pub(crate) outbound: Outbound,
    pub(crate) telemetry: Telemetry,
}

/// `[server]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    pub(crate) listen: String,
    pub(crate) metrics_listen: String,
    pub(crate) public_url: String,
    pub(crate) trust_forwarded_for: bool,
    pub(crate) connections: u32,
    pub(crate) header_timeout_seconds: u32,
    pub(crate) request_timeout_seconds: u32,
    pub(crate) upload_timeout_seconds: u32,
    pub(crate) body_bytes: u32,
    pub(crate) header_bytes: u32,
    pub(crate) unready_seconds: u32,
    pub(crate) drain_seconds: u32,
}

/// `[apps]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Apps {
    pub(crate) listen: String,
    pub(crate) url: String,
}

/// `[limits]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) caller_per_second: u32,
    pub(crate) caller_burst: u32,
    pub(crate) peer_per_second: u32,
    pub(crate) peer_burst: u32,
}

/// `[database]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) connections: u32,
    pub(crate) acquire_timeout_millis: u32,
    pub(crate) owner_url: String,
    pub(crate) server_role: String,
}

/// `[data]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    pub(crate) folder: PathBuf,
    pub(crate) key_file: PathBuf,
    pub(crate) previous_key_file: PathBuf,
}

/// `[log]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) level: String,
}

/// `[retention]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    pub(crate) interval_seconds: u32,
    pub(crate) batch: u32,
}

/// `[sandbox]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sandbox {
    pub(crate) record_one_in: u32,
}

/// `[outbound]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outbound {
    pub(crate) allowed_ranges: Vec<String>,
    pub(crate) roots_file: PathBuf,
}

/// `[telemetry]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Telemetry {
    pub(crate) otlp_endpoint: String,
    pub(crate) sample_ratio: f64,
}

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The key, such as `server.listen`; empty where the file as a whole is wrong.
    pub(crate) key: String,
    /// The rule that it breaks.
    pub(crate) problem: String,
}

impl Problem {
    fn new(key: &str, problem: impl fmt::Display) -> Self {
        Self { key: key.to_owned(), problem: problem.to_string() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.is_empty() {
            true => f.write_str(&self.problem),
            false => write!(f, "`{}`: {}", self.key, self.problem),
        }
    }
}

impl Server {
    /// The host by which browsers know the console.
    fn host(&self) -> &str {
        let url = self.public_url.rsplit("//").next().filter(|authority| !authority.is_empty());
        host_of(url.unwrap_or(&self.listen))
    }
}

impl Apps {
    /// Where browsers reach plugins' routes on a listener that is bound to this address; `None` where they are not served.
    pub(crate) fn url(&self, server: &Server, bound: SocketAddr) -> Option<AppsUrl> {
        match self.url.as_str() {
            _ if self.listen.is_empty() => None,
            // Another name of the machine: to a browser another host, which gets none of the console's cookies.
            "" if server.host() == "localhost" => format!("http://127.0.0.1:{}", bound.port()).parse().ok(),
            "" => format!("http://localhost:{}", bound.port()).parse().ok(),
            url => url.parse().ok(),
        }
    }

    fn problem(&self, server: &Server) -> Option<String> {
        let bound: SocketAddr = self.listen.parse().ok()?;
        if self.url.is_empty() {
            return (!bound.ip().is_loopback()).then(|| "is required where others than this machine come".to_owned());
        }
        match self.url.parse::<AppsUrl>() {
            Err(error) => Some(error.to_string()),
            Ok(url) if server.host() == url.host() || server.host().ends_with(&format!(".{}", url.host())) => Some(
                "needs another host than the console's, since browsers send cookies to every port of a host".to_owned(),
            ),
            Ok(_) => None,
        }
    }
}

impl Config {
    /// Reads and checks the configuration.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        Self::read(file).map_err(|problems| {
            let text = problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n  ");
            let separator = if problems.len() > 1 { "\n  " } else { " " };
            CliError::new(Kind::Config, format!("the configuration:{separator}{text}"))
                .hint("`heptad config check --print` shows all keys")
        })
    }

    /// The same, with each problem by itself.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, Vec<Problem>> {
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        if let Some(file) = file {
            let text = std::fs::read_to_string(file)
                .map_err(|error| vec![Problem::new("", format!("cannot read {}: {error}", file.display()))])?;
            figment = figment.merge(Toml::string(&text));
        }
        // Only names with two underscores are keys: others, such as HEPTAD_MASTER_KEY, mean other things.
        let environment = Env::prefixed("HEPTAD_").filter(|key| key.as_str().contains("__")).split("__");
        let config: Self =
            figment.merge(environment).extract().map_err(|error| error.into_iter().map(told).collect::<Vec<_>>())?;
        match config.problems() {
            problems if problems.is_empty() => Ok(config),
            problems => Err(problems),
        }
    }

    /// The rules that a key's type does not express.
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let Self {
            server,
            apps,
            limits,
            database,
            data,
            components,
            nats,
            log,
            retention,
            sandbox: _,
            outbound,
            telemetry,
        } = self;
        for (key, text, may_be_empty) in [
            ("server.listen", &server.listen, false),
            ("server.metrics_listen", &server.metrics_listen, true),
            ("apps.listen", &apps.listen, true),
        ] {
            if !(may_be_empty && text.is_empty()) && text.parse::<SocketAddr>().is_err() {
                problems
                    .push(Problem::new(key, format!("an address and a port, such as 127.0.0.1:8080, not `{text}`")));
            }
        }
        let is_http = |url: &str, unwanted: &[char]| {
            url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).is_some_and(|rest| {
                !rest.is_empty() && !rest.contains(unwanted) && !rest.chars().any(char::is_whitespace)
            })
        };
        if !server.public_url.is_empty() && !is_http(&server.public_url, &['/', '?', '#', '@']) {
            problems.push(Problem::new(
                "server.public_url",
                "https:// and a host, perhaps a port, without a path or a slash at the end",
            ));
        }
        if let Some(problem) = apps.problem(server) {
            problems.push(Problem::new("apps.url", problem));
        }
        if !telemetry.otlp_endpoint.is_empty() && !is_http(&telemetry.otlp_endpoint, &['?', '#', '@']) {
            let rule = "http:// or https:// and a host, perhaps a port and a path; secrets go into \
                        OTEL_EXPORTER_OTLP_HEADERS";
            problems.push(Problem::new("telemetry.otlp_endpoint", rule));
        }
        if !(0.0..=1.0).contains(&telemetry.sample_ratio) {
            problems.push(Problem::new("telemetry.sample_ratio", format!("0 to 1, not {}", telemetry.sample_ratio)));
        }
        for (key, value, least, most) in [
            ("server.connections", server.connections, 1, 1_000_000),
            ("server.header_timeout_seconds", server.header_timeout_seconds, 1, 300),
            ("server.request_timeout_seconds", server.request_timeout_seconds, 1, 3_600),
            ("server.upload_timeout_seconds", server.upload_timeout_seconds, 1, 3_600),
            ("server.body_bytes", server.body_bytes, 1_024, 64 << 20),
            ("server.header_bytes", server.header_bytes, 8_192, 1 << 20),
            ("server.unready_seconds", server.unready_seconds, 0, 300),
            ("server.drain_seconds", server.drain_seconds, 0, 600),
            ("limits.caller_per_second", limits.caller_per_second, 1, 1_000_000),
            ("limits.caller_burst", limits.caller_burst, 1, 1_000_000),
            ("limits.peer_per_second", limits.peer_per_second, 1, 1_000_000),
            ("limits.peer_burst", limits.peer_burst, 1, 1_000_000),
            ("database.connections", database.connections, 1, 1_000),
            ("database.acquire_timeout_millis", database.acquire_timeout_millis, 1, 600_000),
            ("retention.interval_seconds", retention.interval_seconds, 1, 86_400),
            ("retention.batch", retention.batch, 1, 10_000),
        ] {
            if !(least..=most).contains(&value) {
                problems.push(Problem::new(key, format!("{least} to {most}, not {value}")));
            }
        }
        let dialect = Dialect::of_url(&database.url);
        if dialect.is_none() {
            problems.push(Problem::new("database.url", "begins with `sqlite:` or `postgres:`"));
        }
        if !database.owner_url.is_empty() && Dialect::of_url(&database.owner_url) != dialect {
            problems.push(Problem::new("database.owner_url", "is of the same kind of database as `database.url`"));
        }
        if dialect == Some(Dialect::Postgres) && database.server_role.is_empty() {
            problems.push(Problem::new("database.server_role", "names the role of `database.url` on PostgreSQL"));
        }
        for (key, path) in [("data.folder", &data.folder), ("data.key_file", &data.key_file)] {
            if path.as_os_str().is_empty() {
                problems.push(Problem::new(key, "a path"));
            }
        }
        if let Err((range, error)) = Ranges::parse(&outbound.allowed_ranges) {
            problems.push(Problem::new("outbound.allowed_ranges", format!("{error}, not `{range}`")));
        }
        if let Err(problem) = self.roots() {
            problems.push(Problem::new("outbound.roots_file", problem));
        }
        problems.extend(components.problems());
        problems.extend(nats.problems());
        if let Err(error) = crate::logging::filter(&log.level) {
            problems.push(Problem::new("log.level", error));
        }
        problems
    }

    /// The way out, by `[outbound]`.
    pub(crate) fn outbound(&self) -> Result<heptad_outbound::Outbound> {
        let wrong = |problem: String| CliError::new(Kind::Config, format!("`[outbound]`: {problem}"));
        let allowed = Ranges::parse(&self.outbound.allowed_ranges).map_err(|(_, error)| wrong(error.to_string()))?;
        let roots = self.roots().map_err(wrong)?;
        heptad_outbound::Outbound::new(allowed, &roots).map_err(|error| wrong(error.to_string()))
    }

    /// The certificates that are trusted besides the public ones.
    fn roots(&self) -> Result<Vec<u8>, String> {
        let file = &self.outbound.roots_file;
        if file.as_os_str().is_empty() {
            return Ok(Vec::new());
        }
        let roots = std::fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        heptad_outbound::Outbound::new(Ranges::NONE, &roots).map_err(|error| error.to_string())?;
        Ok(roots)
    }

    /// The URL for migrations.
    pub(crate) fn owner_url(&self) -> &str {
        match self.database.owner_url.as_str() {
            "" => &self.database.url,
            url => url,
        }
    }

    /// The role that migrations grant rights to.
    pub(crate) fn server_role(&self) -> Option<&str> {
        Some(self.database.server_role.as_str()).filter(|role| !role.is_empty())
    }

    /// The folder of packed components of this machine.
    pub(crate) fn components(&self) -> PathBuf {
        self.data.folder.join("components")
    }

    /// The folder of compiled code.
    pub(crate) fn code(&self) -> PathBuf {
        self.data.folder.join("code")
    }

    /// As TOML, passwords covered.
    pub(crate) fn shown(&self) -> Result<String> {
        let mut shown = self.clone();
        shown.database.url = covered(&shown.database.url);
        shown.database.owner_url = covered(&shown.database.owner_url);
        shown.nats.url = shown.nats.url.split(',').map(covered).collect::<Vec<_>>().join(",");
        if !shown.components.secret_access_key.is_empty() {
            shown.components.secret_access_key = "***".to_owned();
        }
        Ok(toml::to_string(&shown)?)
    }
}

/// Figment's words for a wrong value, with the key as people write it.
fn told(error: figment::Error) -> Problem {
    let place = match &error.metadata {
        Some(metadata) if metadata.name.contains("environment") => " (from the environment)",
        _ => "",
    };
    Problem::new(&error.path.join("."), format!("{}{place}", error.kind))
}

/// A database URL with its password covered.
fn covered(url: &str) -> String {
    let covered = || {
        let (scheme, rest) = url.split_once("://")?;
        let (user, host) = rest.rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        Some(format!("{scheme}://{name}:***@{host}"))
    };
    covered().unwrap_or_else(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("heptad.toml");
        std::fs::write(&file, text).unwrap();
        Config::read(Some(&file)).err().unwrap_or_default().iter().map(Problem::to_string).collect()
    }

    #[test]
    fn the_defaults_are_whole_and_valid() {
        let config = Config::read(None).unwrap();
        assert_eq!((config.server.drain_seconds, config.owner_url()), (20, "sqlite:heptad.db"));
        let again: Config = toml::from_str(&config.shown().unwrap()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{config:?}"));
    }

    #[test]
    fn each_key_is_explained() {
        let lines: Vec<&str> = DEFAULTS.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(lines[number - 1].starts_with('#'), "no comment above: {line}");
            }
        }
    }

    #[test]
    fn each_rule_names_its_key() {
        for (text, expected) in [
            ("[server]\nlisten = \"here\"", "`server.listen`: an address and a port"),
            ("[server]\nlisten = 1", "`server.listen`: invalid type: found signed int `1`, expected a string"),
            ("[server]\nlistn = \"x\"", "`server.listn`: unknown field: found `listn`"),
            ("[servr]\nx = 1", "`servr`: unknown field"),
            ("[server]\npublic_url = \"https://x.example/\"", "`server.public_url`: https://"),
            ("[server]\npublic_url = \"shop.example\"", "`server.public_url`: https://"),
            ("[server]\nconnections = 0", "`server.connections`: 1 to 1000000, not 0"),
            ("[server]\ndrain_seconds = -1", "`server.drain_seconds`: invalid"),
            ("[apps]\nlisten = \"here\"", "`apps.listen`: an address and a port"),
            ("[apps]\nlisten = \"0.0.0.0:1\"", "`apps.url`: is required"),
            ("[apps]\nlisten = \"127.0.0.1:1\"\nurl = \"apps.example\"", "`apps.url`: https:// and a host"),
            ("[apps]\nlisten = \"127.0.0.1:1\"\nurl = \"http://127.0.0.1:1\"", "`apps.url`: needs another host"),
            (
                "[server]\npublic_url = \"https://a.x.example\"\n[apps]\nlisten = \"0.0.0.0:1\"\nurl = \"https://{install}.x.example\"",
                "`apps.url`: needs another host",
            ),
            ("[database]\nurl = \"mysql://x\"", "`database.url`: begins with"),
            ("[database]\nurl = \"postgres://u@h/d\"", "`database.server_role`: names the role"),
            ("[database]\nowner_url = \"postgres://u@h/d\"", "`database.owner_url`: is of the same kind"),
            ("[log]\nformat = \"xml\"", "`log.format`: unknown variant"),
            ("[log]\nlevel = \"a=b=c\"", "`log.level`:"),
            ("[telemetry]\notlp_endpoint = \"collector:4318\"", "`telemetry.otlp_endpoint`: http:// or https://"),
            ("[telemetry]\notlp_endpoint = \"http://u:p@c\"", "`telemetry.otlp_endpoint`: http:// or https://"),
            ("[telemetry]\nsample_ratio = 1.5", "`telemetry.sample_ratio`: 0 to 1, not 1.5"),
            ("[data]\nkey_file = \"\"", "`data.key_file`: a path"),
            ("[outbound]\nallowed_ranges = [\"10.0.0.1/8\"]", "`outbound.allowed_ranges`: a range of addresses"),
            ("[outbound]\nroots_file = \"/absent\"", "`outbound.roots_file`: cannot read /absent"),
            ("[nats]\nurl = \"nats://a, b:4222\"", "`nats.url`: nats:// or tls://"),
            ("[nats]\nprefix = \"a.b\"", "`nats.prefix`: 1 to 32"),
            ("[components]\nurl = \"gs://x\"", "`components.url`: s3://"),
            ("[components]\nendpoint = \"minio:9000\"", "`components.endpoint`: http://"),
            (
                "[components]\nsecret_access_key = \"x\"\nsecret_access_key_file = \"y\"",
                "`components.secret_access_key_file`: either",
            ),
            ("[server", "TOML parse error"),
        ] {
            let found = problems(text);
            assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
        }
    }

    #[test]
    fn passwords_are_covered() {
        assert_eq!(covered("postgres://u:secret@h:5432/d"), "postgres://u:***@h:5432/d");
        assert_eq!(covered("postgres://u@h/d"), "postgres://u@h/d");
        assert_eq!(covered("sqlite:x.db"), "sqlite:x.db");
        assert_eq!(covered("nats://u:secret@h:4222"), "nats://u:***@h:4222");
    }
}
