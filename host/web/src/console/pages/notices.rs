//! The inboxes of shops, publishers and operators: what is unread, or all, and one click to acknowledge.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use heptad_model::id::{InstallId, NoticeId, PublisherId, SubscriptionId, WebhookId};
use heptad_model::{Origin, Page};
use heptad_platform::notice::{
    Notice, Severity, notice_acknowledge, notice_list, platform_notice_acknowledge, platform_notice_list,
};

use super::go;
use crate::console::desk::{Operating, Publishing, Shop};
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::{Asks, Fields, Listing};
use crate::console::i18n::Words;
use crate::console::look::Look;
use crate::console::notice_sentence;
use crate::console::shell::{Shell, page};
use crate::state::AppState;

/// Notices on a page.
const PER_PAGE: u32 = 50;

/// Whether those that were read are shown, too, and where to go on.
#[derive(Debug, Default, serde::Deserialize)]
pub(in crate::console) struct InboxListing {
    all: Option<String>,
    cursor: Option<String>,
}

struct NoticeRow {
    /// Where it is acknowledged.
    url: String,
    /// The page of what it is about, where the reader has one, and the link's words.
    about: Option<(String, String)>,
    sentence: String,
    severity: String,
    tone: &'static str,
    occurrences: i64,
    first: String,
    last: String,
    /// When it was acknowledged; absent while it is unread.
    read: Option<String>,
}

#[derive(Template)]
#[template(path = "notices.html")]
struct NoticesPage {
    shell: Shell,
    rows: Vec<NoticeRow>,
    next: Option<String>,
    all: bool,
}

fn inbox(
    shell: Shell,
    look: &Look,
    found: Page<Notice>,
    all: bool,
    about: impl Fn(&Notice) -> Option<(String, String)>,
) -> ConsoleResult {
    let words = shell.words;
    let row = |notice: &Notice| NoticeRow {
        url: format!("{}/notices/{}", shell.base, notice.id),
        about: about(notice),
        sentence: notice_sentence(words.locale(), notice),
        severity: words.of_code("severity", notice.severity.name()),
        tone: match notice.severity {
            Severity::Critical => "bad",
            Severity::Warning => "warn",
            Severity::Info => "accent",
        },
        occurrences: notice.occurrences,
        first: look.time(notice.first_at),
        last: look.time(notice.last_at),
        read: notice.acknowledged.as_ref().map(|(at, _)| look.time(*at)),
    };
    page(&NoticesPage { rows: found.items.iter().map(row).collect(), next: found.next, all, shell })
}

impl InboxListing {
    fn all(&self) -> bool {
        self.all.is_some()
    }

    fn page(&self) -> Result<heptad_model::PageRequest, Failure> {
        Listing { cursor: self.cursor.clone(), q: None }.page(PER_PAGE)
    }
}

async fn platform_list(
    state: &AppState,
    origin: &Origin,
    publisher: Option<PublisherId>,
    listing: &InboxListing,
) -> Result<Page<Notice>, Failure> {
    let (unread, asked) = (!listing.all(), listing.page()?);
    let read = async |mut tx| platform_notice_list(&mut tx, publisher, unread, &asked).await;
    Ok(state.store.platform_read(origin, read).await?)
}

async fn platform_read(
    state: &AppState,
    origin: &Origin,
    publisher: Option<PublisherId>,
    id: NoticeId,
) -> Result<(), Failure> {
    let write = async |mut tx| platform_notice_acknowledge(&mut tx, publisher, id).await;
    state.store.platform_write(origin, write).await?;
    Ok(())
}

fn done(shell: &Shell) -> Response {
    go(format!("{}/notices?done=acknowledged", shell.base))
}

/// Where a notice about a subscription or an endpoint leads to, in a shop and at a publisher.
fn heard(base: &str, words: Words, notice: &Notice) -> Option<(String, String)> {
    if let Ok(subscription) = SubscriptionId::parse(&notice.subject) {
        return Some((format!("{base}/subscriptions/{subscription}/dead-letters"), words.t("notices-about-letters")));
    }
    let webhook = WebhookId::parse(&notice.subject).ok()?;
    Some((format!("{base}/webhooks/{webhook}"), words.t("notices-about-webhook")))
}

/// `GET /console/shops/{shop}/notices`.
pub(in crate::console) async fn shop(
    shop: Shop,
    State(state): State<AppState>,
    Asks(listing): Asks<InboxListing>,
) -> ConsoleResult {
    let (unread, asked) = (!listing.all(), listing.page()?);
    let found = state.store.read(&shop.ctx, async |mut tx| notice_list(&mut tx, unread, &asked).await).await?;
    let (base, words) = (shop.shell.base.clone(), shop.words());
    let about = |notice: &Notice| {
        heard(&base, words, notice).or_else(|| {
            let install = InstallId::parse(&notice.subject).ok()?;
            Some((format!("{base}/plugins/{install}"), words.t("notices-about")))
        })
    };
    inbox(shop.shell, &shop.look, found, listing.all(), about)
}

/// `POST /console/shops/{shop}/notices/{notice}`.
pub(in crate::console) async fn shop_post(shop: Shop, State(state): State<AppState>, _fields: Fields) -> ConsoleResult {
    let id: NoticeId = shop.id("notice")?;
    state.store.write(&shop.ctx, async |mut tx| notice_acknowledge(&mut tx, id).await).await?;
    Ok(done(&shop.shell))
}

/// `GET /console/publishers/{publisher}/notices`.
pub(in crate::console) async fn publisher(
    desk: Publishing,
    State(state): State<AppState>,
    Asks(listing): Asks<InboxListing>,
) -> ConsoleResult {
    let found = platform_list(&state, &desk.origin, Some(desk.publisher.id), &listing).await?;
    let (base, words) = (desk.shell.base.clone(), desk.shell.words);
    let about = |notice: &Notice| {
        heard(&base, words, notice).or_else(|| {
            let plugin = notice.detail["plugin"].as_str()?;
            Some((format!("{base}/plugins/{plugin}"), words.t("notices-about")))
        })
    };
    inbox(desk.shell, &desk.look, found, listing.all(), about)
}

/// `POST /console/publishers/{publisher}/notices/{notice}`.
pub(in crate::console) async fn publisher_post(
    desk: Publishing,
    State(state): State<AppState>,
    _fields: Fields,
) -> ConsoleResult {
    platform_read(&state, &desk.origin, Some(desk.publisher.id), desk.id("notice")?).await?;
    Ok(done(&desk.shell))
}

/// `GET /console/operator/notices`.
pub(in crate::console) async fn operator(
    desk: Operating,
    State(state): State<AppState>,
    Asks(listing): Asks<InboxListing>,
) -> ConsoleResult {
    let found = platform_list(&state, &desk.origin, None, &listing).await?;
    inbox(desk.shell, &desk.look, found, listing.all(), |_| None)
}

/// `POST /console/operator/notices/{notice}`.
pub(in crate::console) async fn operator_post(
    desk: Operating,
    State(state): State<AppState>,
    _fields: Fields,
) -> ConsoleResult {
    platform_read(&state, &desk.origin, None, desk.id("notice")?).await?;
    Ok(done(&desk.shell))
}
