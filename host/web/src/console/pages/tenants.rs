//! The operator's tenants and publishers: lists, and making new ones.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::{Currency, Locale};
use heptad_platform::PlatformError;
use heptad_platform::limit_profile::DEFAULT;
use heptad_platform::publisher::{Publisher, publisher_create, publisher_list};
use heptad_platform::tenant::{TenantIn, TenantRecord, tenant_create, tenant_list};

use super::{go, limits};
use crate::console::desk::Operating;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::{Asks, Fields, Listing};
use crate::console::i18n::Words;
use crate::console::shell::{Shell, page, page_with};
use crate::state::AppState;

/// Rows on a page.
const PER_PAGE: u32 = 50;

struct TenantRow {
    slug: String,
    name: String,
    currency: &'static str,
    zone: String,
    locale: &'static str,
    created: String,
    people: String,
    /// Where its limit profile is chosen.
    limits: String,
    limit_profile: String,
}

#[derive(Template)]
#[template(path = "tenants.html")]
struct TenantsPage {
    shell: Shell,
    rows: Vec<TenantRow>,
    profiles: Vec<String>,
    next: Option<String>,
    slug: String,
    name: String,
    currency: String,
    zone: String,
    problem: Option<String>,
}

async fn tenants_page(desk: Operating, state: &AppState, listing: &Listing) -> Result<TenantsPage, Failure> {
    let asked = listing.page(PER_PAGE)?;
    let found = state.store.platform_read(&desk.origin, async |mut tx| tenant_list(&mut tx, &asked).await).await?;
    let row = |record: &TenantRecord| TenantRow {
        slug: record.slug.clone(),
        name: record.name.clone(),
        currency: record.tenant.currency.code(),
        zone: record.tenant.time_zone.clone(),
        locale: record.tenant.locale.tag(),
        created: desk.look.date(record.created_at),
        people: format!("{}/people/{}", desk.shell.base, record.tenant.id),
        limits: format!("{}/tenants/{}/limits", desk.shell.base, record.tenant.id),
        limit_profile: record.limit_profile.clone().unwrap_or_else(|| DEFAULT.to_owned()),
    };
    Ok(TenantsPage {
        profiles: limits::names(&desk, state).await?,
        rows: found.items.iter().map(row).collect(),
        next: found.next,
        slug: String::new(),
        name: String::new(),
        currency: "CNY".to_owned(),
        zone: "Asia/Shanghai".to_owned(),
        problem: None,
        shell: desk.shell,
    })
}

/// `GET …/tenants`.
pub(in crate::console) async fn tenants(
    desk: Operating,
    State(state): State<AppState>,
    Asks(listing): Asks<Listing>,
) -> ConsoleResult {
    page(&tenants_page(desk, &state, &listing).await?)
}

/// The sentence of a refused field or name.
pub(super) fn problem(words: Words, error: &PlatformError) -> Option<String> {
    match error {
        PlatformError::Field { field, .. } => {
            Some(words.known(&format!("rule-{}", field.replace('_', "-"))).unwrap_or_else(|| words.t("rule-other")))
        }
        PlatformError::Taken { .. } => Some(words.t("refusal-name-taken")),
        _ => None,
    }
}

/// `POST …/tenants`.
pub(in crate::console) async fn tenant_post(
    desk: Operating,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    let words = desk.shell.words;
    let input = Currency::parse(fields.text("currency")).map(|currency| TenantIn {
        slug: fields.text("slug").to_owned(),
        name: fields.text("name").to_owned(),
        currency,
        time_zone: fields.text("zone").to_owned(),
        locale: Locale::parse(fields.text("locale")).unwrap_or_default(),
    });
    let problem = match input {
        Err(_) => words.t("rule-currency"),
        Ok(input) => {
            let write = async |mut tx| tenant_create(&mut tx, &input).await;
            match state.store.platform_write(&desk.origin, write).await {
                Ok(made) => return Ok(go(format!("{}/people/{}?done=tenant", desk.shell.base, made.tenant.id))),
                Err(error) => match problem(words, &error) {
                    Some(problem) => problem,
                    None => return Err(error.into()),
                },
            }
        }
    };
    let page = TenantsPage {
        slug: fields.text("slug").to_owned(),
        name: fields.text("name").to_owned(),
        currency: fields.text("currency").to_owned(),
        zone: fields.text("zone").to_owned(),
        problem: Some(problem),
        ..tenants_page(desk, &state, &Listing::default()).await?
    };
    page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

struct PublisherRow {
    slug: String,
    name: String,
    created: String,
    people: String,
}

#[derive(Template)]
#[template(path = "publishers.html")]
struct PublishersPage {
    shell: Shell,
    rows: Vec<PublisherRow>,
    next: Option<String>,
    slug: String,
    name: String,
    problem: Option<String>,
}

async fn publishers_page(desk: Operating, state: &AppState, listing: &Listing) -> Result<PublishersPage, Failure> {
    let asked = listing.page(PER_PAGE)?;
    let found = state.store.platform_read(&desk.origin, async |mut tx| publisher_list(&mut tx, &asked).await).await?;
    let row = |publisher: &Publisher| PublisherRow {
        slug: publisher.slug.clone(),
        name: publisher.name.clone(),
        created: desk.look.date(publisher.created_at),
        people: format!("{}/people/{}", desk.shell.base, publisher.id),
    };
    let rows = found.items.iter().map(row).collect();
    let (slug, name) = (String::new(), String::new());
    Ok(PublishersPage { rows, next: found.next, slug, name, problem: None, shell: desk.shell })
}

/// `GET …/publishers`.
pub(in crate::console) async fn publishers(
    desk: Operating,
    State(state): State<AppState>,
    Asks(listing): Asks<Listing>,
) -> ConsoleResult {
    page(&publishers_page(desk, &state, &listing).await?)
}

/// `POST …/publishers`.
pub(in crate::console) async fn publisher_post(
    desk: Operating,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    let (slug, name) = (fields.text("slug").to_owned(), fields.text("name").to_owned());
    let write = async |mut tx| publisher_create(&mut tx, &slug, &name).await;
    match state.store.platform_write(&desk.origin, write).await {
        Ok(made) => Ok(go(format!("{}/people/{}?done=publisher", desk.shell.base, made.id))),
        Err(error) => {
            let Some(problem) = problem(desk.shell.words, &error) else { return Err(error.into()) };
            let base = publishers_page(desk, &state, &Listing::default()).await?;
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &PublishersPage { slug, name, problem: Some(problem), ..base })
        }
    }
}
