//! Looking after what the process stands on: NATS, which it can do without, and the folder of its data, which it cannot.

use std::path::{Path, PathBuf};
use std::time::Duration;

use heptad_bus::Bus;
use heptad_model::metric;
use heptad_web::vitals::{Vital, Vitals};
use metrics::gauge;
use tokio::io::AsyncWriteExt as _;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(1);
/// How much is written to see whether something can be: a block.
const BLOCK: [u8; 4_096] = [0; 4_096];

/// Looks for as long as the process lives.
pub(crate) async fn watch(vitals: Vitals, bus: Bus, folder: PathBuf) {
    let probe = folder.join(format!("probe-{}", std::process::id()));
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        vitals.set("nats", Vital::Well(bus.state().name()));
        let written = write(&probe).await;
        gauge!(metric::DATA_FOLDER_WRITABLE.name).set(f64::from(u8::from(written.is_ok())));
        let vital = match &written {
            Ok(()) => Vital::Well("writable"),
            Err(error) => Vital::Ill(error.to_string()),
        };
        match (vitals.set("data-folder", vital), written) {
            (true, Err(error)) => {
                let folder = folder.display();
                tracing::error!(%error, "not ready: {folder} cannot be written: {error}");
            }
            (true, Ok(())) => tracing::info!("{} can be written", folder.display()),
            (false, _) => {}
        }
    }
}

/// Writes a block and takes it away again.
async fn write(probe: &Path) -> std::io::Result<()> {
    let written = async {
        let mut file = tokio::fs::File::create(probe).await?;
        file.write_all(&BLOCK).await?;
        file.flush().await
    };
    let result = written.await;
    let _ = tokio::fs::remove_file(probe).await;
    result
}
