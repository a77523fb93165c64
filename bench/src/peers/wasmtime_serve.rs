//! `wasmtime serve` with its defaults: the discount as a `wasi:http/proxy` component, a fresh instance for each request.

use std::process::Stdio;

use anyhow::Result;
use tokio::process::Command;

use super::{Absent, HELP, Server, find};
use crate::setup::built_file;

/// The column's name.
pub(crate) const NAME: &str = "wasmtime serve";

/// Starts it where it is installed.
pub(crate) async fn start() -> Result<Result<Server, Absent>> {
    let Some(wasmtime) = find("wasmtime", "wasmtime/bin/wasmtime")? else { return Ok(Err(HELP.to_owned())) };
    let component = built_file("wasm32-wasip2", "bench_peer_wasi_http")?;
    let command = |address: std::net::SocketAddr| {
        let mut command = Command::new(wasmtime);
        // The guest's standard library asks for the command-line interfaces, which a proxy does not get by itself.
        command.args(["serve", "-S", "cli", "--addr"]).arg(address.to_string()).arg(component);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    Server::program(command).await.map(Ok)
}
