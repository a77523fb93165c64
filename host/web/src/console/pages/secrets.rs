//! The panel of a plugin's secrets on its page: which it asks for, which were given; to give one and to take it back.

use axum::extract::State;
use heptad_model::id::InstallId;
use heptad_platform::PlatformError;
use heptad_platform::install::{GivenSecret, Install, install_secret_delete, install_secret_put};
use heptad_store::Tx;

use super::{go, installs};
use crate::console::desk::Shop;
use crate::console::failure::ConsoleResult;
use crate::console::fields::Fields;
use crate::state::AppState;

/// A secret that a plugin asks for.
pub(super) struct SecretView {
    pub(super) name: String,
    pub(super) purpose: String,
    pub(super) hosts: String,
    pub(super) optional: bool,
    /// When it was given, in words; empty while it is not.
    pub(super) set_at: String,
    /// Whether what was typed just now is no secret.
    pub(super) is_refused: bool,
}

pub(super) fn secrets(shop: &Shop, install: &Install, given: &[GivenSecret]) -> Vec<SecretView> {
    let comma = shop.words().t("list-comma");
    let view = |wish: &heptad_model::SecretWish| {
        let given = given.iter().find(|one| one.name == wish.name);
        SecretView {
            name: wish.name.clone(),
            purpose: wish.purpose(shop.words().locale()).to_owned(),
            hosts: wish.hosts.join(&comma),
            optional: wish.optional,
            set_at: given.map(|one| shop.look.time(one.set_at)).unwrap_or_default(),
            is_refused: false,
        }
    };
    install.manifest.secrets.iter().map(view).collect()
}

/// `POST …/plugins/{install}/secrets`: gives the secret of the field `name`, or takes it back where `value` is empty.
pub(in crate::console) async fn secrets_post(
    shop: Shop,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    shop.owner()?;
    let id: InstallId = shop.id("install")?;
    let (name, value) = (fields.text("name"), fields.text("value").trim());
    let vault = state.runtime.vault();
    let write = async |mut tx: Tx| match value {
        "" => install_secret_delete(&mut tx, id, name).await,
        value => install_secret_put(&mut tx, vault, id, name, value).await,
    };
    match state.store.write(&shop.ctx, write).await {
        Ok(_) => {
            state.runtime.refresh().await;
            Ok(go(shop.url(format_args!("/plugins/{id}?done=secret"))))
        }
        // What was typed is not shown again.
        Err(PlatformError::Field { .. }) => installs::with_refused_secret(shop, &state, name).await,
        Err(error) => Err(error.into()),
    }
}
