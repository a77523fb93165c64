//! Who acts for a tenant or a publisher, as the operator sees and changes it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::PageRequest;
use heptad_platform::publisher::publisher_get;
use heptad_platform::tenant::tenant_get;
use heptad_platform::user::{HeldRole, UserIn, role_grant, user_by_login, user_create, user_list};
use heptad_platform::{MIN_PASSWORD, PlatformError, Role, Scope};
use heptad_store::PlatformTx;

use super::go;
use super::tenants::problem;
use crate::console::desk::Operating;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::Fields;
use crate::console::shell::{Shell, page, page_with};
use crate::state::AppState;

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
pub(in crate::console) async fn person_post(
    desk: Operating,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
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
