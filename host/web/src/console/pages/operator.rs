//! The operator's pages: versions that wait for a review, tenants, publishers, and who may act for them.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use heptad_model::id::VersionId;
use heptad_model::{Currency, Locale, PageRequest};
use heptad_platform::catalog::{PluginVersion, Review, VersionState, version_get, version_queue, version_review};
use heptad_platform::publisher::{Publisher, publisher_create, publisher_get, publisher_list};
use heptad_platform::tenant::{TenantIn, TenantRecord, tenant_create, tenant_get, tenant_list};
use heptad_platform::user::{HeldRole, UserIn, role_grant, user_by_login, user_create, user_list};
use heptad_platform::{MIN_PASSWORD, PlatformError, Role, Scope};
use heptad_store::PlatformTx;

use super::go;
use super::publisher::{VersionRow, title};
use crate::console::consent::{self, Group, PointWords};
use crate::console::desk::Operating;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::{Fields, Listing};
use crate::console::i18n::Words;
use crate::console::shell::{Shell, page, page_with};
use crate::state::AppState;

/// Rows on a page.
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
    Query(listing): Query<Listing>,
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
pub(in crate::console) async fn review(desk: Operating, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
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
            let version = state.store.platform_read(&desk.origin, async |mut tx| version_get(&mut tx, id).await).await?;
            let problem = Some(desk.shell.t(key));
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &ReviewPage { problem, note, ..review_page(desk, &version) })
        }
    }
}

struct TenantRow {
    slug: String,
    name: String,
    currency: &'static str,
    zone: String,
    locale: &'static str,
    created: String,
    people: String,
}

#[derive(Template)]
#[template(path = "tenants.html")]
struct TenantsPage {
    shell: Shell,
    rows: Vec<TenantRow>,
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
    };
    Ok(TenantsPage {
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
    Query(listing): Query<Listing>,
) -> ConsoleResult {
    page(&tenants_page(desk, &state, &listing).await?)
}

/// The sentence of a refused field or name.
fn problem(words: Words, error: &PlatformError) -> Option<String> {
    match error {
        PlatformError::Field { field, .. } => {
            Some(words.known(&format!("rule-{}", field.replace('_', "-"))).unwrap_or_else(|| words.t("rule-other")))
        }
        PlatformError::Taken { .. } => Some(words.t("refusal-name-taken")),
        _ => None,
    }
}

/// `POST …/tenants`.
pub(in crate::console) async fn tenant_post(desk: Operating, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
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
    Query(listing): Query<Listing>,
) -> ConsoleResult {
    page(&publishers_page(desk, &state, &listing).await?)
}

/// `POST …/publishers`.
pub(in crate::console) async fn publisher_post(desk: Operating, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
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

struct PersonRow {
    login: String,
    name: String,
    role: String,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    shell: Shell,
    url: String,
    title: String,
    rows: Vec<PersonRow>,
    is_tenant: bool,
    least: usize,
    login: String,
    name: String,
    problem: Option<String>,
}

async fn people_page(desk: Operating, state: &AppState, scope: Scope) -> Result<PeoplePage, Failure> {
    let many = PageRequest::new(None, Some(200))?;
    let read = async |mut tx: PlatformTx| {
        let title = match scope {
            Scope::Tenant(id) => tenant_get(&mut tx, id).await?.name,
            Scope::Publisher(id) => publisher_get(&mut tx, id).await?.name,
            Scope::Platform => String::new(),
        };
        Ok::<_, PlatformError>((title, user_list(&mut tx, scope, &many).await?))
    };
    let (title, people) = state.store.platform_read(&desk.origin, read).await?;
    let row = |(user, held): (heptad_platform::user::User, HeldRole)| PersonRow {
        login: user.login,
        name: user.name,
        role: desk.shell.of_code("role", held.role.name()),
    };
    Ok(PeoplePage {
        url: format!("{}/people/{scope}", desk.shell.base),
        title,
        rows: people.items.into_iter().map(row).collect(),
        is_tenant: matches!(scope, Scope::Tenant(_)),
        least: MIN_PASSWORD,
        login: String::new(),
        name: String::new(),
        problem: None,
        shell: desk.shell,
    })
}

/// `GET …/people/{scope}`: who acts for a tenant or a publisher.
pub(in crate::console) async fn people(desk: Operating, State(state): State<AppState>) -> ConsoleResult {
    let scope: Scope = desk.id("scope")?;
    page(&people_page(desk, &state, scope).await?)
}

/// `POST …/people/{scope}`: a new person with the role, or the role for a person who is known by the login.
pub(in crate::console) async fn person_post(desk: Operating, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let scope: Scope = desk.id("scope")?;
    let role = match scope {
        Scope::Publisher(_) => Role::Publisher,
        _ if fields.text("role") == "staff" => Role::Staff,
        _ => Role::Owner,
    };
    let held = HeldRole { role, scope };
    let login = fields.text("login").to_owned();
    let grant = async |mut tx: PlatformTx| match user_by_login(&mut tx, &login).await {
        Ok(user) => role_grant(&mut tx, user.id, held).await.map(|()| true),
        Err(PlatformError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    };
    let known = state.store.platform_write(&desk.origin, grant).await?;
    let made = match known {
        true => Ok(()),
        false => {
            let password = fields.get("password").unwrap_or_default().to_owned();
            let input = UserIn { login: login.clone(), name: fields.text("name").to_owned(), password };
            user_create(&state.store, &desk.origin, &input, &[held]).await.map(drop)
        }
    };
    match made {
        Ok(()) => Ok(go(format!("{}/people/{scope}?done=person", desk.shell.base))),
        Err(error) => {
            let Some(problem) = problem(desk.shell.words, &error) else { return Err(error.into()) };
            let base = people_page(desk, &state, scope).await?;
            let name = fields.text("name").to_owned();
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &PeoplePage { login, name, problem: Some(problem), ..base })
        }
    }
}
