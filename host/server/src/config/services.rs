//! What stands beside the server: where components lie, and NATS.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Problem;

/// `[components]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Components {
    pub(crate) url: String,
    pub(crate) endpoint: String,
    pub(crate) region: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) secret_access_key_file: PathBuf,
}

impl Components {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let is_known = ["s3://", "file:///"]
            .iter()
            .any(|scheme| self.url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
        if !self.url.is_empty() && !is_known {
            problems.push(Problem::new("components.url", "s3:// with a bucket, or file:/// with a folder"));
        }
        if !self.endpoint.is_empty() && !["http://", "https://"].iter().any(|scheme| self.endpoint.starts_with(scheme))
        {
            problems.push(Problem::new("components.endpoint", "http:// or https:// and a host, perhaps a port"));
        }
        if !self.secret_access_key.is_empty() && !self.secret_access_key_file.as_os_str().is_empty() {
            let rule = "either this or `components.secret_access_key`, not both";
            problems.push(Problem::new("components.secret_access_key_file", rule));
        }
        problems
    }
}

/// `[nats]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nats {
    pub(crate) url: String,
    pub(crate) credentials_file: PathBuf,
    pub(crate) ca_file: PathBuf,
    pub(crate) prefix: String,
}

impl Nats {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let is_server = |url: &str| {
            ["nats://", "tls://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
        };
        if !self.url.is_empty() && !self.url.split(',').map(str::trim).all(is_server) {
            let rule = "nats:// or tls:// and a host, perhaps a port; several are separated by commas";
            problems.push(Problem::new("nats.url", rule));
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=32).contains(&self.prefix.len()) || !self.prefix.bytes().all(is_name) {
            problems.push(Problem::new("nats.prefix", "1 to 32 letters, digits, `-` and `_`"));
        }
        problems
    }
}
