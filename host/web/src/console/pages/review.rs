//! The operator's queue: versions that wait for a review, and the decision.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::VersionId;
use heptad_model::{Permission, Point};
use heptad_platform::PlatformError;
use heptad_platform::catalog::{
    Fate, PluginVersion, Review, VersionDiff, VersionState, version_before, version_diff, version_fate_put,
    version_get, version_kill, version_killed_tell, version_queue, version_review, version_revived_go_on,
};
use heptad_store::PlatformTx;

use super::go;
use super::publisher::{VersionRow, title};
use crate::console::consent::{self, Group, PointWords, Reach};
use crate::console::desk::Operating;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::{Asks, Fields, Listing};
use crate::console::i18n::Words;
use crate::console::look;
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
    changes: Changes,
    reach: Reach,
    fates: Vec<(&'static str, String)>,
    is_killed: bool,
    row: VersionRow,
    waits: bool,
    points: Vec<PointWords>,
    groups: Vec<Group>,
    imports: Vec<String>,
    manifest: String,
    problem: Option<String>,
    note: String,
}

/// What a version changes against the one before.
struct Changes {
    from: String,
    lines: Vec<(bool, String)>,
    sizes: String,
}

impl Changes {
    fn of(words: Words, diff: &VersionDiff) -> Self {
        let permission = |permission: &Permission| permission.row().sentence.get(words.locale()).to_owned();
        let point = |point: &Point| consent::point_title(words, *point);
        let added = diff.permissions_added.iter().map(permission).chain(diff.points_added.iter().map(point));
        let added = added.chain(diff.hosts_added.iter().cloned()).chain(diff.imports_added.iter().cloned());
        let removed = diff.permissions_removed.iter().map(permission).chain(diff.points_removed.iter().map(point));
        let removed = removed.chain(diff.hosts_removed.iter().cloned()).chain(diff.imports_removed.iter().cloned());
        let lines = added.map(|line| (true, line)).chain(removed.map(|line| (false, line))).collect();
        let sizes = format!("{} → {}", look::bytes(diff.sizes.0), look::bytes(diff.sizes.1));
        Self { from: diff.from.clone(), lines, sizes }
    }
}

async fn fetch(state: &AppState, desk: &Operating, id: VersionId) -> Result<(PluginVersion, VersionDiff), Failure> {
    let read = async |mut tx: PlatformTx| {
        let version = version_get(&mut tx, id).await?;
        let before = version_before(&mut tx, &version).await?;
        let diff = version_diff(before.as_ref(), &version);
        Ok::<_, PlatformError>((version, diff))
    };
    Ok(state.store.platform_read(&desk.origin, read).await?)
}

/// What may become of a version, by the words of the form.
fn fates(desk: &Operating, version: &PluginVersion) -> Vec<(&'static str, String)> {
    let words: &[&'static str] = match version.state {
        VersionState::Approved => &["deprecated", "withdrawn"],
        VersionState::Deprecated => &["approved", "withdrawn"],
        VersionState::Withdrawn => &["approved"],
        VersionState::Submitted | VersionState::Rejected => &[],
    };
    words.iter().map(|word| (*word, desk.shell.t(&format!("life-{word}")))).collect()
}

/// `POST …/versions/{version}/life`: deprecates, withdraws, stops in all shops, or the other way round.
pub(in crate::console) async fn life(desk: Operating, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: VersionId = desk.id("version")?;
    let decision = fields.text("decision").to_owned();
    let reason = fields.text("reason").trim().to_owned();
    let url = format!("{}/versions/{id}", desk.shell.base);
    if let Some(fate) = Fate::parse(&decision) {
        let put = async |mut tx: PlatformTx| version_fate_put(&mut tx, id, fate, true).await;
        state.store.platform_write(&desk.origin, put).await?;
        return Ok(go(format!("{url}?done=life")));
    }
    let stopped = match decision.as_str() {
        "kill" if reason.is_empty() || reason.len() > 500 => {
            let (version, diff) = fetch(&state, &desk, id).await?;
            let problem = Some(desk.shell.t("rule-reason"));
            return page_with(
                StatusCode::UNPROCESSABLE_ENTITY,
                &ReviewPage { problem, ..review_page(desk, &version, &diff) },
            );
        }
        "kill" => Some(reason.as_str()),
        "revive" => None,
        _ => return Err(Failure::nowhere()),
    };
    let write = async |mut tx: PlatformTx| version_kill(&mut tx, id, stopped).await;
    let version = state.store.platform_write(&desk.origin, write).await?;
    state.runtime.refresh().await;
    let done = match stopped {
        Some(reason) => {
            version_killed_tell(&state.store, &desk.origin, &version, reason).await?;
            "killed"
        }
        None => {
            version_revived_go_on(&state.store, &desk.origin, id).await?;
            "revived"
        }
    };
    Ok(go(format!("{url}?done={done}")))
}

fn review_page(desk: Operating, version: &PluginVersion, diff: &VersionDiff) -> ReviewPage {
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
        changes: Changes::of(words, diff),
        reach: Reach::of(words, &version.manifest),
        fates: fates(&desk, version),
        is_killed: version.killed_at.is_some(),
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
    let (version, diff) = fetch(&state, &desk, id).await?;
    page(&review_page(desk, &version, &diff))
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
            let (version, diff) = fetch(&state, &desk, id).await?;
            let problem = Some(desk.shell.t(key));
            let page = ReviewPage { problem, note, ..review_page(desk, &version, &diff) };
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
