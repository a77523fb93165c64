//! The operator's queue: versions that wait for a review, and the decision.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::VersionId;
use heptad_platform::PlatformError;
use heptad_platform::catalog::{PluginVersion, Review, VersionState, version_get, version_queue, version_review};

use super::go;
use super::publisher::{VersionRow, title};
use crate::console::consent::{self, Group, PointWords};
use crate::console::desk::Operating;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::{Asks, Fields, Listing};
use crate::console::shell::{Shell, page, page_with};
use crate::state::AppState;

/// Versions on a page.
const PER_PAGE: u32 = 50;

struct QueueRow {
    url: String,
    slug: String,
    name: String,
    publisher: String,
    row: VersionRow,
    permissions: usize,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    shell: Shell,
    rows: Vec<QueueRow>,
    next: Option<String>,
}

/// `GET /console/operator`.
pub(in crate::console) async fn queue(
    desk: Operating,
    State(state): State<AppState>,
    Asks(listing): Asks<Listing>,
) -> ConsoleResult {
    let asked = listing.page(PER_PAGE)?;
    let found = state.store.platform_read(&desk.origin, async |mut tx| version_queue(&mut tx, &asked).await).await?;
    let row = |version: &PluginVersion| QueueRow {
        url: format!("{}/versions/{}", desk.shell.base, version.id),
        slug: version.plugin.clone(),
        name: title(desk.shell.locale(), version).0,
        publisher: version.manifest.publisher.clone(),
        row: VersionRow::of(desk.shell.words, &desk.look, version),
        permissions: version.manifest.permissions.len(),
    };
    page(&QueuePage { rows: found.items.iter().map(row).collect(), next: found.next, shell: desk.shell })
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    shell: Shell,
    url: String,
    slug: String,
    name: String,
    summary: String,
    publisher: String,
    license: String,
    digest: String,
    signed_by: String,
    row: VersionRow,
    waits: bool,
    points: Vec<PointWords>,
    groups: Vec<Group>,
    imports: Vec<String>,
    manifest: String,
    problem: Option<String>,
    note: String,
}

fn review_page(desk: Operating, version: &PluginVersion) -> ReviewPage {
    let words = desk.shell.words;
    let (name, summary) = title(words.locale(), version);
    ReviewPage {
        url: format!("{}/versions/{}", desk.shell.base, version.id),
        slug: version.plugin.clone(),
        name,
        summary,
        publisher: version.manifest.publisher.clone(),
        license: version.manifest.license.clone(),
        digest: version.digest.clone(),
        signed_by: version.signed_by.clone().unwrap_or_else(|| words.t("version-signed-by-nobody")),
        row: VersionRow::of(words, &desk.look, version),
        waits: version.state == VersionState::Submitted,
        points: consent::points(words, &version.manifest),
        groups: consent::groups(words, &version.manifest, None),
        imports: version.imports.clone(),
        manifest: serde_json::to_string_pretty(&*version.manifest).unwrap_or_default(),
        problem: None,
        note: String::new(),
        shell: desk.shell,
    }
}

/// `GET …/versions/{version}`.
pub(in crate::console) async fn version(desk: Operating, State(state): State<AppState>) -> ConsoleResult {
    let id: VersionId = desk.id("version")?;
    let version = state.store.platform_read(&desk.origin, async |mut tx| version_get(&mut tx, id).await).await?;
    page(&review_page(desk, &version))
}

/// `POST …/versions/{version}`: a rejection says why.
pub(in crate::console) async fn review(
    desk: Operating,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    let id: VersionId = desk.id("version")?;
    let (review, done) = match fields.text("decision") {
        "approve" => (Review::Approve, "approved"),
        "reject" => (Review::Reject, "rejected"),
        _ => return Err(Failure::nowhere()),
    };
    let note = fields.text("note").to_owned();
    let write = async |mut tx| version_review(&mut tx, id, review, &note).await;
    let result = match review {
        Review::Reject if note.is_empty() => Err("rule-note"),
        _ => match state.store.platform_write(&desk.origin, write).await {
            Ok(_) => Ok(()),
            Err(PlatformError::Field { .. }) => Err("rule-note-long"),
            Err(PlatformError::Reviewed(_)) => Err("refusal-already-reviewed"),
            Err(error) => return Err(error.into()),
        },
    };
    match result {
        Ok(()) => Ok(go(format!("{}?done={done}", desk.shell.base))),
        Err(key) => {
            let version =
                state.store.platform_read(&desk.origin, async |mut tx| version_get(&mut tx, id).await).await?;
            let problem = Some(desk.shell.t(key));
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &ReviewPage { problem, note, ..review_page(desk, &version) })
        }
    }
}
