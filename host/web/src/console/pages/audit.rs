//! The audit logs: what was done in the shop, for its owner, and on the platform, for the operators.

use askama::Template;
use axum::extract::State;
use heptad_model::audit::{self, AuditAction};
use heptad_model::{Page, PageRequest, retention};
use heptad_platform::PlatformError;
use heptad_platform::audit::{AuditQuery, AuditRow, audit_list, platform_audit_list};
use heptad_platform::install::install_list;
use heptad_store::Tx;
use serde_json::Value;

use crate::console::desk::{Operating, Shop};
use crate::console::failure::{ConsoleResult, Failure, query};
use crate::console::fields::{Asks, Listing};
use crate::console::look::Look;
use crate::console::shell::{Shell, page};
use crate::console::telling;
use crate::state::AppState;

/// Rows on a page.
const PER_PAGE: u32 = 50;
/// The most bytes of what is looked for.
const MOST: usize = 256;

/// Which rows, and where to go on.
#[derive(Debug, Default, serde::Deserialize)]
pub(in crate::console) struct AuditListing {
    #[serde(default)]
    action: String,
    #[serde(default)]
    actor: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    cursor: Option<String>,
}

impl AuditListing {
    /// What is asked of a log; what it cannot be asked for asks for nothing.
    fn query(&self, log: &[AuditAction], look: &Look) -> AuditQuery {
        let text = |text: &str| Some(text.trim()).filter(|text| text.len() <= MOST).unwrap_or_default().to_owned();
        AuditQuery {
            action: Some(&self.action).filter(|action| audit::is_known(log, action)).cloned().unwrap_or_default(),
            actor: text(&self.actor),
            subject: text(&self.subject),
            from: look.field_parse(&self.from),
            until: look.field_parse(&self.until),
        }
    }

    fn page(&self) -> Result<PageRequest, Failure> {
        Listing { cursor: self.cursor.clone(), q: None }.page(PER_PAGE)
    }

    /// What is filled in, as an address carries it.
    fn filled(&self) -> Vec<(&'static str, &str)> {
        let fields = [
            ("action", self.action.as_str()),
            ("actor", &self.actor),
            ("subject", &self.subject),
            ("from", &self.from),
            ("until", &self.until),
        ];
        fields.into_iter().filter(|(_, text)| !text.is_empty()).collect()
    }

    /// The address of the next page, with the same filter.
    fn next(&self, cursor: &str) -> String {
        let mut pairs = self.filled();
        pairs.push(("cursor", cursor));
        format!("?{}", query(&pairs))
    }
}

/// All that somebody did, as a list.
pub(super) fn done_by_url(shop: &Shop, actor: impl std::fmt::Display) -> String {
    shop.url(format_args!("/audit?{}", query(&[("actor", &actor.to_string())])))
}

/// An action to choose.
struct ActionChoice {
    name: &'static str,
    sentence: &'static str,
    chosen: bool,
}

struct Row {
    at: String,
    sentence: String,
    action: String,
    subject: String,
    /// The page of what it was done to.
    about: Option<String>,
    /// Who did it, in words, and the page of who did.
    by: (String, Option<String>),
    actor: String,
    /// Names and values that tell more.
    detail: Vec<(String, String)>,
}

impl Row {
    fn new(look: &Look, shell: &Shell, row: AuditRow, about: Option<String>, by: (String, Option<String>)) -> Self {
        let value = |value: Value| match value {
            Value::String(text) => text,
            value => value.to_string(),
        };
        let detail = match row.detail {
            Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, value(field))).collect(),
            other => vec![(String::new(), value(other))],
        };
        Self {
            at: look.moment(row.at),
            sentence: audit::sentence(&row.action, shell.words.locale()).to_owned(),
            action: row.action,
            subject: row.subject,
            about,
            by,
            actor: row.actor,
            detail,
        }
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    lead: String,
    actions: Vec<ActionChoice>,
    listing: AuditListing,
    rows: Vec<Row>,
    next: Option<String>,
}

impl AuditPage {
    fn new(shell: Shell, lead: &str, log: &[AuditAction], listing: AuditListing, found: Page<Row>) -> Self {
        let words = shell.words;
        let choice = |action: &AuditAction| ActionChoice {
            name: action.name,
            sentence: action.sentence.get(words.locale()),
            chosen: action.name == listing.action,
        };
        Self {
            lead: words.t1(lead, "years", retention::AUDIT.days() / 365),
            actions: log.iter().map(choice).collect(),
            next: found.next.map(|cursor| listing.next(&cursor)),
            rows: found.items,
            listing,
            shell,
        }
    }

    fn is_filtered(&self) -> bool {
        !self.listing.filled().is_empty()
    }
}

/// `GET /console/shops/{shop}/audit`.
pub(in crate::console) async fn shop(
    shop: Shop,
    State(state): State<AppState>,
    Asks(listing): Asks<AuditListing>,
) -> ConsoleResult {
    shop.owner()?;
    let (wanted, asked) = (listing.query(audit::OF_TENANTS, &shop.look), listing.page()?);
    let read = async |mut tx: Tx| {
        Ok::<_, PlatformError>((audit_list(&mut tx, &wanted, &asked).await?, install_list(&mut tx).await?))
    };
    let (found, installs) = state.store.read(&shop.ctx, read).await?;
    let row = |row: AuditRow| {
        let about = telling::about(&shop, &row.action, &row.subject);
        let by = telling::actor(&shop, &row.actor, &installs);
        Row::new(&shop.look, &shop.shell, row, about, by)
    };
    let found = found.map(row);
    page(&AuditPage::new(shop.shell, "audit-lead", audit::OF_TENANTS, listing, found))
}

/// `GET /console/operator/audit`.
pub(in crate::console) async fn operator(
    desk: Operating,
    State(state): State<AppState>,
    Asks(listing): Asks<AuditListing>,
) -> ConsoleResult {
    let (wanted, asked) = (listing.query(audit::OF_PLATFORM, &desk.look), listing.page()?);
    let read = async |mut tx| platform_audit_list(&mut tx, &wanted, &asked).await;
    let found = state.store.platform_read(&desk.origin, read).await?;
    let row = |row: AuditRow| {
        let is_version = row.subject.starts_with("ver_");
        let about = is_version.then(|| format!("{}/versions/{}", desk.shell.base, row.subject));
        let by = (telling::actor_kind(desk.shell.words, &row.actor), None);
        Row::new(&desk.look, &desk.shell, row, about, by)
    };
    let found = found.map(row);
    page(&AuditPage::new(desk.shell, "audit-lead-platform", audit::OF_PLATFORM, listing, found))
}
