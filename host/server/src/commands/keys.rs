//! `heptad keys rotate`: a new master key takes over what the one before it sealed.

use heptad_model::{Origin, PageRequest};
use heptad_platform::tenant::tenant_any_list;
use heptad_platform::vault::{Rotated, Vault, VaultError};
use heptad_store::{PlatformTx, Store, Tx};
use serde::Serialize;

use crate::base::{Base, bound, platform};
use crate::error::{CliError, Kind, Result};
use crate::key;
use crate::output::Output;

/// What can be done with keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum KeysCommand {
    /// Seal the keys in the database under the new master key
    ///
    /// To change the master key: move its file away, name it as `data.previous_key_file`, and start the servers again,
    /// one after the other; the first makes a new key in `data.key_file`, which the others have to be given where they do
    /// not share it, and all open what either key sealed. Then run this, while they run, until it says that 0 keys were
    /// sealed. Afterwards the previous key opens nothing: take the setting away, and keep the old key only as long as
    /// backups from before.
    Rotate {
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Serialize, Default)]
struct Report {
    sealed: u32,
    current: u32,
    lost: Vec<String>,
}

impl Report {
    fn add(&mut self, rotated: Rotated) {
        self.sealed += rotated.sealed;
        self.current += rotated.current;
        self.lost.extend(rotated.lost);
    }
}

/// Runs the command.
pub(crate) async fn run(base: &Base, command: &KeysCommand) -> Result {
    let KeysCommand::Rotate { output } = command;
    let data = &base.config.data;
    if key::previous(data)?.is_none() {
        let error = CliError::new(Kind::Config, "no previous master key is given, so there is nothing to rotate from");
        return Err(error.hint("set `data.previous_key_file` to the key that sealed what is in the database"));
    }
    let (store, origin) = (base.store().await?, base.origin("keys-rotate"));
    let report = rotate(&store, &origin, &key::vault(data, &base.env)?).await?;
    output.print(&report, |report| {
        format!("{} keys sealed under the new master key, {} were already", report.sealed, report.current)
    })?;
    if report.lost.is_empty() {
        return Ok(());
    }
    let message = format!("neither key opens {}: what they seal cannot be read", report.lost.join(", "));
    Err(CliError::new(Kind::State, message)
        .hint("run it again with the master key that sealed them as the previous one"))
}

async fn rotate(store: &Store, origin: &Origin, vault: &Vault) -> Result<Report> {
    let mut report = Report::default();
    let write = async |mut tx: PlatformTx| {
        let rotated = vault.rotate_platform(&mut tx).await?;
        tx.audit("keys.rotated", "platform", &serde_json::json!({ "sealed": rotated.sealed })).await?;
        Ok(rotated)
    };
    report.add(store.platform_write(origin, write).await.map_err(failed)?);
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest::new(cursor.as_deref(), None).map_err(|error| CliError::new(Kind::Failure, error))?;
        let list = async |mut tx: PlatformTx| tenant_any_list(&mut tx, &page).await;
        let tenants = store.platform_read(origin, list).await.map_err(platform)?;
        for record in &tenants.items {
            let ctx = bound(origin.clone(), record);
            let write = async |mut tx: Tx| vault.rotate(&mut tx).await;
            report.add(store.write(&ctx, write).await.map_err(failed)?);
        }
        match tenants.next {
            Some(next) => cursor = Some(next),
            None => return Ok(report),
        }
    }
}

fn failed(error: VaultError) -> CliError {
    CliError::new(Kind::Failure, error)
}
