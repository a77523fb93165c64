//! Keys by which a publisher signs its plugins: registered, rotated by registering the next one, and revoked from a moment.
//!
//! A publisher without a key may submit unsigned plugins; from its first key on everything that it submits is signed.

use heptad_model::id::PublisherId;
use heptad_model::signing::{key_name, public_key};
use heptad_model::{Millis, Page, PageRequest};
use heptad_store::{PlatformTx, Row, StoreError};
use serde_json::json;

use crate::PlatformError;
use crate::catalog::PluginVersion;
use crate::names::name_check;
use crate::publisher::publisher_get;

/// The most keys of a publisher, revoked ones among them.
const MOST: i64 = 50;

/// A key of a publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its name, made of the key.
    pub id: String,
    /// Whose it is.
    pub publisher: PublisherId,
    /// The Ed25519 public key, in 64 hexadecimal digits.
    pub public_key: String,
    /// What people call it.
    pub name: String,
    /// When it was registered.
    pub created_at: Millis,
    /// From when on it does not count any more.
    pub revoked_from: Option<Millis>,
}

impl SigningKey {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text("id")?,
            publisher: row.parse("publisher_id")?,
            public_key: row.text("public_key")?,
            name: row.text("name")?,
            created_at: row.millis("created_at")?,
            revoked_from: row.opt_int("revoked_from")?.map(Millis::new),
        })
    }

    /// Whether what is signed by it at the moment counts.
    pub fn counts_at(&self, at: Millis) -> bool {
        self.revoked_from.is_none_or(|from| at < from)
    }
}

/// Registers a key by its public part; `taken` where any publisher has it, `limit` beyond 50.
pub async fn signing_key_create(
    tx: &mut PlatformTx,
    publisher: PublisherId,
    key: &str,
    name: &str,
) -> Result<SigningKey, PlatformError> {
    const COUNT: &str = "select count(*) as many from publisher_keys where publisher_id = $1";
    const INSERT: &str = "insert into publisher_keys (id, publisher_id, public_key, name, created_at) \
                          values ($1, $2, $3, $4, $5)";
    let public = public_key(key).ok_or_else(|| PlatformError::field("public_key", "64 hexadecimal digits"))?;
    let name = name_check("name", name)?;
    publisher_get(tx, publisher).await?;
    if tx.query(COUNT).text(publisher).fetch_one(|row| row.int("many")).await? >= MOST {
        return Err(PlatformError::field("public_key", format!("a publisher has at most {MOST} keys")));
    }
    let (id, now) = (key_name(&public), tx.origin().now());
    let inserted = tx.query(INSERT).bind(&id).text(publisher).bind(hex::encode(public)).bind(&name).bind(now);
    match inserted.execute().await {
        Err(StoreError::Duplicate(_)) => return Err(PlatformError::Taken { kind: "signing key", name: id }),
        inserted => inserted?,
    };
    tx.audit("signing-key.created", &id, &json!({"publisher": publisher, "name": name})).await?;
    signing_key_get(tx, &id).await
}

/// A key by its name, of whichever publisher.
pub async fn signing_key_get(tx: &mut PlatformTx, id: &str) -> Result<SigningKey, PlatformError> {
    const GET: &str =
        "select id, publisher_id, public_key, name, created_at, revoked_from from publisher_keys where id = $1";
    let found = tx.query(GET).bind(id).fetch_optional(SigningKey::of).await?;
    found.ok_or_else(|| PlatformError::not_found("signing key", id))
}

/// The keys of a publisher, the oldest first.
///
/// Not paged: a publisher has at most 50.
pub async fn signing_key_list(tx: &mut PlatformTx, publisher: PublisherId) -> Result<Vec<SigningKey>, StoreError> {
    const LIST: &str = "select id, publisher_id, public_key, name, created_at, revoked_from from publisher_keys \
                        where publisher_id = $1 order by created_at, id";
    tx.query(LIST).text(publisher).fetch_all(SigningKey::of).await
}

/// Revokes a key from a moment on, which is not in the future: what is submitted after that is refused. An earlier moment
/// may follow a later one, and never the other way round.
pub async fn signing_key_revoke(tx: &mut PlatformTx, id: &str, from: Millis) -> Result<SigningKey, PlatformError> {
    const REVOKE: &str = "update publisher_keys set revoked_from = $2 \
                          where id = $1 and (revoked_from is null or revoked_from > $2)";
    let key = signing_key_get(tx, id).await?;
    if from > tx.origin().now() {
        return Err(PlatformError::field("from", "a moment that is not in the future"));
    }
    if tx.query(REVOKE).bind(id).bind(from).execute().await? == 1 {
        let detail = json!({"publisher": key.publisher, "from": from.rfc3339()});
        tx.audit("signing-key.revoked", id, &detail).await?;
    }
    signing_key_get(tx, id).await
}

/// The versions that a key has signed, in the order of their submission: what an operator looks through when it is revoked.
pub async fn signed_version_list(
    tx: &mut PlatformTx,
    id: &str,
    page: &PageRequest,
) -> Result<Page<PluginVersion>, PlatformError> {
    const LIST: &str = "select id, plugin, version, digest, size, manifest, imports, state, note, signed_by, submitted_at, \
                        reviewed_at, killed_at from plugin_versions where signed_by = $1 and id > $2 order by id limit $3";
    let rows = tx.query(LIST).bind(id).bind(page.after()).bind(page.fetch()).fetch_all(PluginVersion::of).await?;
    Ok(page.page(rows, |version| version.id.to_string()))
}

/// Whether a publisher may submit what this key has signed, or what nobody has.
pub(crate) async fn signature_check(
    tx: &mut PlatformTx,
    publisher: PublisherId,
    signed_by: Option<&str>,
) -> Result<(), PlatformError> {
    let now = tx.origin().now();
    let keys = signing_key_list(tx, publisher).await?;
    match signed_by {
        None if keys.is_empty() => Ok(()),
        None => Err(PlatformError::SignatureRequired),
        Some(id) => match keys.iter().find(|key| key.id == id) {
            Some(key) if key.counts_at(now) => Ok(()),
            Some(_) => Err(PlatformError::SigningKeyRevoked(id.to_owned())),
            None => Err(PlatformError::SigningKeyUnknown(id.to_owned())),
        },
    }
}
