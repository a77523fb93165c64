//! A publisher's plugins: versions and their states, and the upload.

use askama::Template;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use heptad_model::{Locale, PageRequest};
use heptad_platform::PlatformError;
use heptad_platform::catalog::{PluginVersion, Submitted, VersionState, plugin_of_publisher_list, version_list};
use heptad_runtime::limits::UPLOAD_BYTES;
use heptad_store::PlatformTx;

use super::go;
use crate::console::desk::Publishing;
use crate::console::failure::{ConsoleResult, Failure, refusal_key};
use crate::console::i18n::Words;
use crate::console::look::{self, Look};
use crate::console::shell::{Shell, page, page_with};
use crate::console::visit::Visit;
use crate::error::ApiError;
use crate::state::AppState;
use crate::upload;

/// The most bytes of the upload's form: the file and a little around it.
pub(in crate::console) const UPLOAD_FORM: usize = UPLOAD_BYTES + (64 << 10);
/// Versions and plugins that a page shows at most.
const MOST: u32 = 200;

/// A version in a list.
pub(super) struct VersionRow {
    pub(super) version: String,
    pub(super) state: String,
    pub(super) tone: &'static str,
    pub(super) submitted: String,
    pub(super) note: String,
    pub(super) size: String,
    pub(super) digest: String,
}

impl VersionRow {
    pub(super) fn of(words: Words, look: &Look, version: &PluginVersion) -> Self {
        let tone = match version.state {
            VersionState::Submitted => "warn",
            VersionState::Approved => "good",
            VersionState::Deprecated => "warn",
            VersionState::Withdrawn | VersionState::Rejected => "bad",
        };
        Self {
            version: version.version.clone(),
            state: words.of_code("version", version.state.name()),
            tone,
            submitted: look.time(version.submitted_at),
            note: version.note.clone(),
            size: look::bytes(version.size),
            digest: version.digest.chars().take(12).collect(),
        }
    }
}

/// Name and summary of a version in a language.
pub(super) fn title(locale: Locale, version: &PluginVersion) -> (String, String) {
    match version.manifest.words(locale) {
        Some(words) => (words.name.clone(), words.summary.clone()),
        None => (version.plugin.clone(), String::new()),
    }
}

/// A plugin with its newest version.
struct PluginRow {
    url: String,
    slug: String,
    name: String,
    summary: String,
    newest: VersionRow,
}

#[derive(Template)]
#[template(path = "publisher.html")]
struct PublisherPage {
    shell: Shell,
    name: String,
    rows: Vec<PluginRow>,
}

/// `GET /console/publishers/{publisher}`.
pub(in crate::console) async fn list(desk: Publishing, State(state): State<AppState>) -> ConsoleResult {
    let many = PageRequest::new(None, Some(MOST))?;
    let read = async |mut tx: PlatformTx| {
        let mut newest = Vec::new();
        for name in plugin_of_publisher_list(&mut tx, desk.publisher.id, &many).await?.items {
            newest.extend(version_list(&mut tx, &name, &many).await?.items.pop());
        }
        Ok::<_, PlatformError>(newest)
    };
    let newest = state.store.platform_read(&desk.origin, read).await?;
    let row = |version: &PluginVersion| {
        let (name, summary) = title(desk.shell.locale(), version);
        PluginRow {
            url: format!("{}/plugins/{}", desk.shell.base, version.plugin),
            slug: version.plugin.clone(),
            name,
            summary,
            newest: VersionRow::of(desk.shell.words, &desk.look, version),
        }
    };
    page(&PublisherPage {
        rows: newest.iter().map(row).collect(),
        name: desk.publisher.name.clone(),
        shell: desk.shell,
    })
}

#[derive(Template)]
#[template(path = "publisher_plugin.html")]
struct PublisherPluginPage {
    shell: Shell,
    slug: String,
    name: String,
    summary: String,
    rows: Vec<VersionRow>,
}

/// `GET …/plugins/{plugin}`; another publisher's plugin is not there.
pub(in crate::console) async fn show(desk: Publishing, State(state): State<AppState>) -> ConsoleResult {
    let slug: String = desk.id("plugin")?;
    let many = PageRequest::new(None, Some(MOST))?;
    let read = async |mut tx| version_list(&mut tx, &slug, &many).await;
    let versions = state.store.platform_read(&desk.origin, read).await?.items;
    // The first submission of a name claimed it, and a version's publisher was checked when it was submitted.
    let newest = versions.last().filter(|version| version.manifest.publisher == desk.publisher.slug);
    let (name, summary) = title(desk.shell.locale(), newest.ok_or_else(Failure::nowhere)?);
    let rows = versions.iter().rev().map(|version| VersionRow::of(desk.shell.words, &desk.look, version)).collect();
    page(&PublisherPluginPage { slug, name, summary, rows, shell: desk.shell })
}

/// Why an upload was refused.
struct Refusal {
    code: String,
    sentence: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "upload.html")]
struct UploadPage {
    shell: Shell,
    publisher: String,
    most: String,
    refusal: Option<Refusal>,
}

fn upload_page(desk: Publishing, refusal: Option<Refusal>) -> UploadPage {
    UploadPage {
        publisher: desk.publisher.slug,
        most: format!("{} MiB", UPLOAD_BYTES >> 20),
        refusal,
        shell: desk.shell,
    }
}

/// `GET …/upload`.
pub(in crate::console) async fn upload(desk: Publishing) -> ConsoleResult {
    page(&upload_page(desk, None))
}

/// `POST …/upload`: the token comes before the file, so that nothing is read for a form of another site.
pub(in crate::console) async fn upload_post(
    desk: Publishing,
    visit: Visit,
    State(state): State<AppState>,
    mut form: Multipart,
) -> ConsoleResult {
    let _place = match state.upload_place() {
        Ok(place) => place,
        Err(error) => return refused(desk, error),
    };
    let mut trusted = false;
    let mut bytes = None;
    loop {
        let field = match form.next_field().await {
            Ok(Some(field)) => field,
            Ok(None) => break,
            Err(error) => return refused(desk, of_form(&error)),
        };
        match field.name() {
            Some("csrf") => {
                let token = field.text().await.unwrap_or_default();
                trusted = visit.token_matches(&token);
            }
            Some("file") if trusted => match field.bytes().await {
                Ok(read) => bytes = Some(read),
                Err(error) => return refused(desk, of_form(&error)),
            },
            _ => {}
        }
    }
    if !trusted {
        return Err(Failure::Csrf);
    }
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
        let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "no-file", "no file was chosen");
        return refused(desk, error);
    };
    match upload::submit(&state, &desk.origin, desk.publisher.id, bytes.to_vec()).await {
        Ok(Submitted { version, created }) => {
            let done = if created { "submitted" } else { "submitted-before" };
            Ok(go(format!("{}/plugins/{}?done={done}", desk.shell.base, version.plugin)))
        }
        Err(error) => refused(desk, error),
    }
}

fn of_form(error: &MultipartError) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("the file is larger than {} MiB", UPLOAD_BYTES >> 20);
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "upload-too-large", detail)
        }
        status => ApiError::new(status, "invalid-form", error.body_text()),
    }
}

/// The form again, with code and sentence; what is not the file's fault is a page of its own.
fn refused(desk: Publishing, error: ApiError) -> ConsoleResult {
    if error.status().is_server_error() {
        return Err(error.into());
    }
    let words = desk.shell.words;
    let sentence = words.known(&refusal_key(error.code()));
    let refusal = Refusal {
        code: error.code().to_owned(),
        sentence: sentence.unwrap_or_else(|| words.t("refusal")),
        detail: error.detail().to_owned(),
    };
    page_with(error.status(), &upload_page(desk, Some(refusal)))
}
