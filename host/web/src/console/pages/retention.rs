//! How long things are kept, and what was removed after that.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use heptad_model::retention::{ALL, Kept};
use heptad_platform::retention::{RetentionRun, retention_runs};
use heptad_store::StoreError;

use crate::console::desk::Operating;
use crate::console::failure::ConsoleResult;
use crate::console::look;
use crate::console::shell::{Shell, page};
use crate::state::AppState;

/// Something that is kept for a time.
struct KeptRow {
    sentence: &'static str,
    name: &'static str,
    time: String,
    last: Option<String>,
    removed: String,
    removed_in_all: String,
}

#[derive(Template)]
#[template(path = "retention.html")]
struct RetentionPage {
    shell: Shell,
    rows: Vec<KeptRow>,
}

/// `GET /console/operator/retention`.
pub(in crate::console) async fn show(desk: Operating, State(state): State<AppState>) -> ConsoleResult {
    let read = state.store.platform_read(&desk.origin, async |mut tx| retention_runs(&mut tx).await).await;
    let runs: Vec<RetentionRun> = read.map_err(|error: StoreError| error)?;
    let runs: HashMap<&str, &RetentionRun> = runs.iter().map(|run| (run.name.as_str(), run)).collect();
    let words = desk.shell.words;
    let row = |kept: &Kept| {
        let run = runs.get(kept.name);
        let rows = |count: i64| look::grouped(count.unsigned_abs());
        KeptRow {
            sentence: kept.sentence.get(words.locale()),
            name: kept.name,
            time: match kept.days() {
                0 => words.t1("retention-hours", "n", kept.millis / 3_600_000),
                days => words.t1("retention-days", "n", days),
            },
            last: run.map(|run| desk.look.moment(run.at)),
            removed: run.map(|run| rows(run.removed)).unwrap_or_default(),
            removed_in_all: run.map(|run| rows(run.removed_in_all)).unwrap_or_default(),
        }
    };
    page(&RetentionPage { rows: ALL.iter().map(row).collect(), shell: desk.shell })
}
