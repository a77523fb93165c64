//! A publisher's signing keys: registered by their public part, and revoked.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_platform::PlatformError;
use heptad_platform::signing_key::{
    SigningKey, signing_key_create, signing_key_get, signing_key_list, signing_key_revoke,
};
use heptad_store::PlatformTx;

use super::go;
use crate::console::desk::Publishing;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::Fields;
use crate::console::shell::{Shell, page, page_with};
use crate::state::AppState;

struct KeyRow {
    id: String,
    name: String,
    created: String,
    revoked: Option<String>,
}

#[derive(Template)]
#[template(path = "signing_keys.html")]
struct KeysPage {
    shell: Shell,
    rows: Vec<KeyRow>,
    name: String,
    public_key: String,
    problem: Option<String>,
}

async fn keys_page(desk: Publishing, state: &AppState) -> Result<KeysPage, Failure> {
    let publisher = desk.publisher.id;
    let list = async |mut tx: PlatformTx| signing_key_list(&mut tx, publisher).await;
    let row = |key: &SigningKey| KeyRow {
        id: key.id.clone(),
        name: key.name.clone(),
        created: desk.look.time(key.created_at),
        revoked: key.revoked_from.map(|from| desk.look.time(from)),
    };
    let rows = state.store.platform_read(&desk.origin, list).await?.iter().map(row).collect();
    Ok(KeysPage { rows, name: String::new(), public_key: String::new(), problem: None, shell: desk.shell })
}

/// `GET …/keys`.
pub(in crate::console) async fn list(desk: Publishing, State(state): State<AppState>) -> ConsoleResult {
    page(&keys_page(desk, &state).await?)
}

/// `POST …/keys`: registers a key, or revokes one from now on.
pub(in crate::console) async fn change(
    desk: Publishing,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    let (publisher, now) = (desk.publisher.id, desk.origin.now());
    match fields.text("decision") {
        "create" => {
            let (name, public_key) = (fields.text("name").to_owned(), fields.text("public_key").to_owned());
            let create = async |mut tx: PlatformTx| signing_key_create(&mut tx, publisher, &public_key, &name).await;
            let problem = match state.store.platform_write(&desk.origin, create).await {
                Ok(_) => return Ok(go(format!("{}/keys?done=signing-key", desk.shell.base))),
                Err(PlatformError::Taken { .. }) => desk.shell.t("key-taken"),
                Err(PlatformError::Field { field: "name", .. }) => desk.shell.t("rule-name"),
                Err(PlatformError::Field { .. }) => desk.shell.t("key-rule"),
                Err(error) => return Err(error.into()),
            };
            let page = KeysPage { name, public_key, problem: Some(problem), ..keys_page(desk, &state).await? };
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        "revoke" => {
            let id = fields.text("key").to_owned();
            let revoke = async |mut tx: PlatformTx| {
                let key = signing_key_get(&mut tx, &id).await?;
                if key.publisher != publisher {
                    return Err(PlatformError::NotFound { kind: "signing key", name: id.clone() });
                }
                signing_key_revoke(&mut tx, &id, now).await
            };
            state.store.platform_write(&desk.origin, revoke).await?;
            Ok(go(format!("{}/keys?done=signing-key-revoked", desk.shell.base)))
        }
        _ => Err(Failure::nowhere()),
    }
}
