//! Thousands of installs in the memory of one process.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use heptad_capabilities::extensions::Outcome;
use heptad_model::Ctx;
use heptad_model::page::PageRequest;
use heptad_platform::tenant::tenant_list;
use serde::{Deserialize, Serialize};

use super::Scale;
use crate::cart::cart;
use crate::child::Child;
use crate::data::Data;
use crate::machine::resident_kib;
use crate::peers::heptad::HeptadGuest;
use crate::report::{Row, Sheet};
use crate::setup::{Host, bench_guest, limits};

/// Plugins of the catalog: one component under so many names, each of its own digest and with code of its own.
const PLUGINS: usize = 100;
/// Installs of a tenant.
const EACH: usize = 10;
/// The most resident memory, in MiB.
const MOST_MIB: f64 = 1_024.0;

/// What the child is told.
#[derive(Serialize, Deserialize)]
pub(crate) struct Folder(PathBuf);

/// What the child found, in KiB.
#[derive(Serialize, Deserialize)]
pub(crate) struct Resident {
    started: u64,
    asked: u64,
    most: u64,
    calls: u64,
}

/// In the child: starts a host on the data, asks every plugin of every tenant once, and looks at its own memory.
pub(crate) async fn ask_everybody(folder: &Folder) -> Result<Resident> {
    let host = Host::open(&Data::at(&folder.0), limits()).await?;
    let (started, _) = resident_kib("self");
    let mut calls = 0;
    for ctx in everybody(&host).await? {
        let guest = HeptadGuest { runtime: host.runtime.clone(), ctx, cart: cart() };
        for answer in guest.ask_all().await? {
            ensure!(answer.trace.outcome == Outcome::Answered, "{:?}", answer.trace.outcome);
            calls += 1;
        }
    }
    let (asked, most) = resident_kib("self");
    Ok(Resident { started, asked, most, calls })
}

async fn everybody(host: &Host) -> Result<Vec<Ctx>> {
    let (mut all, mut after): (_, Option<String>) = (Vec::new(), None);
    loop {
        let page = PageRequest::new(after.as_deref(), None)?;
        let list = async |mut tx| tenant_list(&mut tx, &page).await;
        let found = host.store.platform_read(&host.origin(), list).await?;
        all.extend(found.items.into_iter().map(|record| host.origin().for_tenant(record.tenant)));
        after = found.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Fills a database, and asks everybody in a process of its own.
pub(super) async fn measure(scale: &Scale) -> Result<Sheet> {
    let data = Data::new()?;
    let host = Host::start(&data).await?;
    let names: Vec<String> = (0..PLUGINS).map(|number| format!("bench-{number:03}")).collect();
    for name in &names {
        host.publish(bench_guest(name)?).await?;
    }
    for number in 0..scale.tenants {
        let ctx = host.empty_tenant(&format!("tenant-{number:04}")).await?;
        let plugins: Vec<&str> = (0..EACH).map(|place| names[(number * EACH + place) % PLUGINS].as_str()).collect();
        host.install(&ctx, &plugins).await?;
    }
    host.close().await;
    let found: Resident = Child::Installs.ask(&Folder(data.folder().to_owned())).await?;
    let installs = scale.tenants * EACH;
    ensure!(found.calls == installs as u64, "{} calls for {installs} installs", found.calls);
    let mib = |kib: u64| Some(kib as f64 / 1_024.0);
    let title = format!(
        "{installs} installs of {PLUGINS} plugins, {EACH} for each of {} tenants, in a process that asked each once",
        scale.tenants
    );
    let mut sheet = Sheet::new("installs", title, ["Heptad"]);
    sheet.row(Row::new("resident when started", "MiB", [mib(found.started)]));
    sheet.row(Row::new("resident when all were asked", "MiB", [mib(found.asked)]));
    let most = found.most as f64 / 1_024.0;
    sheet.row(Row::new("the most meanwhile", "MiB", [Some(most)]).at_most("MiB", most, MOST_MIB));
    let each = found.asked.saturating_sub(found.started) as f64 / installs as f64;
    sheet.row(Row::new("for each install, code included", "KiB", [Some(each)]));
    Ok(sheet)
}
