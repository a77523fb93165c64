//! Parts of the benchmark that need a process of their own: this program again, told what to be.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::{load, tables};

/// What a child is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Child {
    /// A generator of requests.
    Load,
    /// A host that was just started and has thousands of installs.
    Installs,
}

impl Child {
    /// Is it: reads what to do from standard input, writes what came of it to standard output, both as JSON.
    pub(crate) async fn run(self) -> Result<()> {
        let given = std::io::read_to_string(std::io::stdin())?;
        let answer = match self {
            Self::Load => serde_json::to_string(&load::generate(&serde_json::from_str(&given)?).await?)?,
            Self::Installs => {
                serde_json::to_string(&tables::installs::ask_everybody(&serde_json::from_str(&given)?).await?)?
            }
        };
        println!("{answer}");
        Ok(())
    }

    /// Starts one and waits for what it says.
    pub(crate) async fn ask<T: DeserializeOwned>(self, given: &impl Serialize) -> Result<T> {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--child").arg(&name).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().context("a child has a standard input")?;
        stdin.write_all(&serde_json::to_vec(given)?).await?;
        drop(stdin);
        let output = child.wait_with_output().await?;
        ensure!(output.status.success(), "the child `{name}` failed ({})", output.status);
        serde_json::from_slice(&output.stdout).with_context(|| format!("the child `{name}` said something else"))
    }
}
