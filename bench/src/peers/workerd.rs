//! workerd, the runtime of Cloudflare's workers: the discount in JavaScript, one isolate for all requests.

use std::process::Stdio;

use anyhow::Result;
use tokio::process::Command;

use super::{Absent, HELP, Server, find};

/// The column's name.
pub(crate) const NAME: &str = "workerd";

/// Where npm puts the program itself, without the script around it.
const PLACE: &str = "workerd/node_modules/@cloudflare/workerd-linux-64/bin/workerd";

/// Starts it where it is installed.
pub(crate) async fn start() -> Result<Result<Server, Absent>> {
    let Some(workerd) = find("workerd", PLACE)? else { return Ok(Err(HELP.to_owned())) };
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/workerd/config.capnp");
    let command = |address: std::net::SocketAddr| {
        let mut command = Command::new(workerd);
        command.args(["serve", config, "--socket-addr"]).arg(format!("http={address}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    Server::program(command).await.map(Ok)
}
