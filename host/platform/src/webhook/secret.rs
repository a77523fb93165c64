//! What an endpoint's messages are signed with: `whsec_` and 32 random bytes in Base64, as Standard Webhooks has them.
//!
//! They are sealed in the vault, because signing needs them whole. Two may be live at a time, so that a receiver can be
//! given the new one while the old one still signs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use heptad_model::Millis;
use heptad_model::id::{WebhookId, WebhookSecretId};
use heptad_store::{Row, StoreError, Tx};
use serde_json::json;

use super::webhook_get;
use crate::PlatformError;
use crate::vault::{Purpose, Vault};

/// Before the Base64.
const PREFIX: &str = "whsec_";
/// The random bytes of a secret.
const BYTES: usize = 32;
/// The most secrets that sign at a time.
pub const MAX_LIVE: usize = 2;

/// A new secret, for the one answer that shows it. Its debug form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// A secret that signs, without the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSecret {
    /// The id.
    pub id: WebhookSecretId,
    /// When it was made.
    pub created_at: Millis,
    /// When it stops signing; absent for the newest one.
    pub expires_at: Option<Millis>,
}

/// The bytes that sign. Its debug form hides them.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// For tests: a key of these bytes.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// Makes a secret of an endpoint.
pub(super) async fn secret_create(
    tx: &mut Tx,
    vault: &Vault,
    webhook: WebhookId,
) -> Result<WebhookSecret, PlatformError> {
    const INSERT: &str = "insert into webhook_secrets (tenant_id, id, webhook_id, sealed, created_at) \
                          values ($1, $2, $3, $4, $5)";
    let (env, now) = (tx.ctx().env.clone(), tx.ctx().now());
    let mut random = [0; BYTES];
    env.fill(&mut random);
    let id = WebhookSecretId::generate(&env);
    let sealed = vault.seal(tx, Purpose::Webhooks, &id.to_string(), &random).await?;
    tx.query(INSERT).text(id).text(webhook).bind(sealed).bind(now).execute().await?;
    Ok(WebhookSecret(format!("{PREFIX}{}", STANDARD.encode(random))))
}

/// The secrets of an endpoint that sign, the newest first.
pub async fn secret_list(tx: &mut Tx, webhook: WebhookId) -> Result<Vec<LiveSecret>, StoreError> {
    const LIST: &str = "select id, created_at, expires_at from webhook_secrets where tenant_id = $1 and webhook_id = $2 \
                        and (expires_at is null or expires_at > $3) \
                        order by case when expires_at is null then 0 else 1 end, id desc";
    let now = tx.ctx().now();
    let read = |row: &Row| {
        let expires_at = row.opt_int("expires_at")?.map(Millis::new);
        Ok(LiveSecret { id: row.parse("id")?, created_at: row.millis("created_at")?, expires_at })
    };
    tx.query(LIST).text(webhook).bind(now).fetch_all(read).await
}

/// The keys with which an endpoint's messages are signed now, the newest first.
pub async fn signing_keys(tx: &mut Tx, vault: &Vault, webhook: WebhookId) -> Result<Vec<SigningKey>, PlatformError> {
    const KEYS: &str = "select id, sealed from webhook_secrets where tenant_id = $1 and webhook_id = $2 \
                        and (expires_at is null or expires_at > $3) \
                        order by case when expires_at is null then 0 else 1 end, id desc";
    let now = tx.ctx().now();
    let read = |row: &Row| Ok((row.text("id")?, row.bytes("sealed")?));
    let sealed = tx.query(KEYS).text(webhook).bind(now).fetch_all(read).await?;
    let mut keys = Vec::new();
    for (id, sealed) in sealed {
        keys.push(SigningKey(vault.open(tx, Purpose::Webhooks, &id, &sealed).await?));
    }
    Ok(keys)
}

/// Makes a new secret, shown now and never again; the one before signs as well for `keep` milliseconds more.
///
/// `secrets-full` while two are live: retire the old one first.
pub async fn secret_rotate(
    tx: &mut Tx,
    vault: &Vault,
    webhook: WebhookId,
    keep: i64,
) -> Result<WebhookSecret, PlatformError> {
    const EXPIRE: &str = "update webhook_secrets set expires_at = $3 where tenant_id = $1 and webhook_id = $2 \
                          and expires_at is null";
    const FORGET: &str = "delete from webhook_secrets where tenant_id = $1 and webhook_id = $2 and expires_at <= $3";
    webhook_get(tx, webhook).await?;
    let now = tx.ctx().now();
    if secret_list(tx, webhook).await?.len() >= MAX_LIVE {
        return Err(PlatformError::SecretsFull);
    }
    tx.query(EXPIRE).text(webhook).bind(now.plus(keep)).execute().await?;
    tx.query(FORGET).text(webhook).bind(now).execute().await?;
    let secret = secret_create(tx, vault, webhook).await?;
    tx.audit("webhook.secret-rotated", webhook, &json!({"keep_ms": keep})).await?;
    Ok(secret)
}

/// Ends a secret at once, unless it is the newest one.
pub async fn secret_retire(tx: &mut Tx, webhook: WebhookId, id: WebhookSecretId) -> Result<(), PlatformError> {
    const RETIRE: &str = "delete from webhook_secrets where tenant_id = $1 and webhook_id = $2 and id = $3";
    webhook_get(tx, webhook).await?;
    let live = secret_list(tx, webhook).await?;
    if !live.iter().any(|one| one.id == id) {
        return Err(PlatformError::not_found("secret", id));
    }
    if live.first().is_some_and(|newest| newest.id == id) {
        return Err(PlatformError::SecretLast);
    }
    tx.query(RETIRE).text(webhook).text(id).execute().await?;
    tx.audit("webhook.secret-retired", webhook, &json!({"secret": id})).await?;
    Ok(())
}
