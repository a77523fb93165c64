//! Signing keys: a publisher registers and revokes its own, an operator any.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::Millis;
use heptad_platform::PlatformError;
use heptad_platform::principal::Role;
use heptad_platform::signing_key::{
    SigningKey, signed_version_list, signing_key_create, signing_key_get, signing_key_list, signing_key_revoke,
};
use heptad_store::PlatformTx;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plugins::VersionOut;
use super::shared::{PageOut, moment};
use crate::auth::{Maker, MakerOrOperator};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, PageQuery, Params, PathOf};
use crate::state::AppState;

/// A new key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SigningKeyIn {
    /// The Ed25519 public key, in 64 hexadecimal digits, as `heptad plugin key` prints it.
    pub public_key: String,
    /// What people call it.
    #[schema(example = "release 2026")]
    pub name: String,
}

/// Since when a key does not count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevocationIn {
    /// In RFC 3339, not in the future; now when absent. What the key signed before it was submitted after that is listed.
    #[schema(example = "2026-03-01T00:00:00Z")]
    pub from: Option<String>,
}

/// A key by which a publisher signs its plugins.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SigningKeyOut {
    /// Its name, made of the key.
    #[schema(example = "ed25519-3f0b8e4d1c2a49775e6f8090a1b2c3d4")]
    pub id: String,
    /// The Ed25519 public key, in hexadecimal digits.
    pub public_key: String,
    /// What people call it.
    pub name: String,
    /// When it was registered, in RFC 3339.
    pub created_at: String,
    /// From when on it does not count any more, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_from: Option<String>,
}

impl From<SigningKey> for SigningKeyOut {
    fn from(key: SigningKey) -> Self {
        Self {
            id: key.id,
            public_key: key.public_key,
            name: key.name,
            created_at: key.created_at.rfc3339(),
            revoked_from: moment(key.revoked_from),
        }
    }
}

/// All keys of a publisher.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SigningKeysOut {
    /// The oldest first.
    pub items: Vec<SigningKeyOut>,
}

/// Lists the publisher's own signing keys, the oldest first.
#[utoipa::path(get, path = "/v1/signing-keys", tag = "publishing", responses((status = OK, body = SigningKeysOut)))]
pub(super) async fn signing_key_all(State(state): State<AppState>, maker: Maker) -> ApiResult<Json<SigningKeysOut>> {
    let publisher = maker.publisher()?;
    let list = async |mut tx: PlatformTx| signing_key_list(&mut tx, publisher).await;
    let keys = state.store.platform_read(&maker.origin, list).await?;
    Ok(Json(SigningKeysOut { items: keys.into_iter().map(SigningKeyOut::from).collect() }))
}

/// Registers a signing key; from the first one on, everything that the publisher submits is signed.
#[utoipa::path(post, path = "/v1/signing-keys", tag = "publishing", request_body = SigningKeyIn, responses((status = CREATED, body = SigningKeyOut)))]
pub(super) async fn signing_key_post(
    State(state): State<AppState>,
    maker: Maker,
    Body(input): Body<SigningKeyIn>,
) -> ApiResult<(StatusCode, Json<SigningKeyOut>)> {
    let publisher = maker.publisher()?;
    let create =
        async |mut tx: PlatformTx| signing_key_create(&mut tx, publisher, &input.public_key, &input.name).await;
    let made = state.store.platform_write(&maker.origin, create).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Revokes a signing key: what is submitted from that moment on is refused.
#[utoipa::path(post, path = "/v1/signing-keys/{signing_key}/revoke", tag = "publishing", request_body = RevocationIn, responses((status = OK, body = SigningKeyOut)))]
pub(super) async fn signing_key_revocation(
    State(state): State<AppState>,
    reader: MakerOrOperator,
    PathOf(id): PathOf<String>,
    Body(input): Body<RevocationIn>,
) -> ApiResult<Json<SigningKeyOut>> {
    let from = match &input.from {
        Some(text) => Millis::parse_rfc3339(text).ok_or_else(|| ApiError::invalid("from", "a moment in RFC 3339"))?,
        None => reader.origin.now(),
    };
    own(&state, &reader, &id).await?;
    let revoke = async |mut tx: PlatformTx| signing_key_revoke(&mut tx, &id, from).await;
    Ok(Json(state.store.platform_write(&reader.origin, revoke).await?.into()))
}

/// Lists what a key has signed, in the order of submission: to look through when it is revoked.
#[utoipa::path(get, path = "/v1/signing-keys/{signing_key}/versions", tag = "publishing", params(PageQuery), responses((status = OK, body = PageOut<VersionOut>)))]
pub(super) async fn signed_version_page(
    State(state): State<AppState>,
    reader: MakerOrOperator,
    PathOf(id): PathOf<String>,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<VersionOut>>> {
    let page = page.request()?;
    own(&state, &reader, &id).await?;
    let list = async |mut tx: PlatformTx| signed_version_list(&mut tx, &id, &page).await;
    Ok(Json(PageOut::of(state.store.platform_read(&reader.origin, list).await?, VersionOut::from)))
}

/// 404 unless the key is the publisher's own, or an operator asks.
async fn own(state: &AppState, reader: &MakerOrOperator, id: &str) -> ApiResult<()> {
    let get = async |mut tx: PlatformTx| -> Result<SigningKey, PlatformError> { signing_key_get(&mut tx, id).await };
    let key = state.store.platform_read(&reader.origin, get).await?;
    match reader.principal.role == Role::Operator || reader.principal.publisher() == Some(key.publisher) {
        true => Ok(()),
        false => Err(ApiError::not_found("signing key")),
    }
}
