//! The vault: seals what must not be read by whoever gets hold of the database.
//!
//! The master key comes from a file or the environment, apart from the data. It seals envelope keys, one for each owner
//! and purpose, made when they are first needed; the envelope keys seal the rest. So a new master key means sealing some
//! keys anew ([`Vault::rotate`]) and not all that they sealed, and what is sealed for one purpose or one shop opens for no
//! other. All of it is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), whose nonces of 24 bytes may be random.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use heptad_model::Env;
use heptad_model::id::PublisherId;
use heptad_store::{AsStoreError, PlatformTx, Row, StoreError, Tx};

const NONCE_BYTES: usize = 24;
/// Bytes of the master key and of each envelope key.
pub const KEY_BYTES: usize = 32;

/// A key, master or envelope.
type KeyBytes = [u8; KEY_BYTES];

/// What something is sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Recordings of calls.
    Recordings,
    /// Secrets that a shop gives to a plugin.
    Secrets,
    /// Secrets that sign webhooks.
    Webhooks,
}

impl Purpose {
    /// The name of its envelope key.
    const fn name(self) -> &'static str {
        match self {
            Self::Recordings => "recordings",
            Self::Secrets => "secrets",
            Self::Webhooks => "webhooks",
        }
    }
}

/// Whose something is that belongs to no shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The platform.
    Platform,
    /// A maker of plugins.
    Publisher(PublisherId),
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Platform => f.write_str("platform"),
            Self::Publisher(publisher) => publisher.fmt(f),
        }
    }
}

/// Why something cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// It was sealed under another key, for another thing, or its bytes were changed.
    #[error("what is sealed cannot be opened: the master key is another one, or the bytes were changed")]
    Sealed,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AsStoreError for VaultError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Sealed => None,
        }
    }
}

/// What a rotation did to one owner's envelope keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotated {
    /// How many were sealed anew under the current master key.
    pub sealed: u32,
    /// How many were under it before.
    pub current: u32,
    /// The names of those that neither key opens: what they seal is lost without the key that sealed them.
    pub lost: Vec<String>,
}

/// Seals and opens. Cheap to clone; its debug form hides the keys.
#[derive(Clone)]
pub struct Vault {
    current: KeyBytes,
    /// The master key before this one, until everything is sealed anew.
    previous: Option<KeyBytes>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

impl Vault {
    /// Under this master key; what the previous one sealed is opened, too.
    pub const fn new(current: KeyBytes, previous: Option<KeyBytes>) -> Self {
        Self { current, previous }
    }

    /// Seals a text of this tenant. `context` says which thing it belongs to, such as an id, and is needed to open it.
    pub async fn seal(&self, tx: &mut Tx, purpose: Purpose, context: &str, text: &[u8]) -> Result<Vec<u8>, VaultError> {
        let env = tx.ctx().env.clone();
        let place = format!("{}/{}", tx.ctx().tenant().id, purpose.name());
        let wrapped = match tenant_key(tx, purpose.name()).await? {
            Some(wrapped) => wrapped,
            None => tenant_key_put(tx, purpose.name(), self.fresh(&env, &place)?).await?,
        };
        seal(&self.unwrapped(&place, &wrapped)?, &env, context, text)
    }

    /// Opens what was sealed for this tenant, purpose and context.
    pub async fn open(
        &self,
        tx: &mut Tx,
        purpose: Purpose,
        context: &str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let place = format!("{}/{}", tx.ctx().tenant().id, purpose.name());
        let wrapped = tenant_key(tx, purpose.name()).await?.ok_or(VaultError::Sealed)?;
        open(&self.unwrapped(&place, &wrapped)?, context, sealed)
    }

    /// [`Vault::seal`] for what belongs to no shop.
    pub async fn seal_of(
        &self,
        tx: &mut PlatformTx,
        owner: Owner,
        purpose: Purpose,
        context: &str,
        text: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let env = tx.origin().env.clone();
        let place = format!("{owner}/{}", purpose.name());
        let wrapped = match platform_key(tx, owner, purpose.name()).await? {
            Some(wrapped) => wrapped,
            None => platform_key_put(tx, owner, purpose.name(), self.fresh(&env, &place)?).await?,
        };
        seal(&self.unwrapped(&place, &wrapped)?, &env, context, text)
    }

    /// [`Vault::open`] for what belongs to no shop.
    pub async fn open_of(
        &self,
        tx: &mut PlatformTx,
        owner: Owner,
        purpose: Purpose,
        context: &str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let place = format!("{owner}/{}", purpose.name());
        let wrapped = platform_key(tx, owner, purpose.name()).await?.ok_or(VaultError::Sealed)?;
        open(&self.unwrapped(&place, &wrapped)?, context, sealed)
    }

    /// Seals this tenant's envelope keys under the current master key.
    pub async fn rotate(&self, tx: &mut Tx) -> Result<Rotated, VaultError> {
        const LIST: &str = "select name, wrapped from tenant_keys where tenant_id = $1 order by name";
        const SET: &str = "update tenant_keys set wrapped = $4 where tenant_id = $1 and name = $2 and wrapped = $3";
        let (tenant, env) = (tx.ctx().tenant().id, tx.ctx().env.clone());
        let mut rotated = Rotated::default();
        for (name, wrapped) in tx.query(LIST).fetch_all(named).await? {
            let place = format!("{tenant}/{name}");
            if let Some(anew) = self.anew(&env, &place, &wrapped, &mut rotated)? {
                tx.query(SET).bind(&name).bind(wrapped).bind(anew).execute().await?;
            }
        }
        Ok(rotated)
    }

    /// The same for the envelope keys that belong to no shop.
    pub async fn rotate_platform(&self, tx: &mut PlatformTx) -> Result<Rotated, VaultError> {
        const LIST: &str = "select owner || '/' || name as name, wrapped from platform_keys order by owner, name";
        const SET: &str = "update platform_keys set wrapped = $3 where owner || '/' || name = $1 and wrapped = $2";
        let env = tx.origin().env.clone();
        let mut rotated = Rotated::default();
        for (place, wrapped) in tx.query(LIST).fetch_all(named).await? {
            if let Some(anew) = self.anew(&env, &place, &wrapped, &mut rotated)? {
                tx.query(SET).bind(&place).bind(wrapped).bind(anew).execute().await?;
            }
        }
        Ok(rotated)
    }

    /// A new envelope key, sealed.
    fn fresh(&self, env: &Env, place: &str) -> Result<Vec<u8>, VaultError> {
        let mut key = [0; KEY_BYTES];
        env.fill(&mut key);
        seal(&self.current, env, place, &key)
    }

    /// An envelope key, opened by whichever master key sealed it.
    fn unwrapped(&self, place: &str, wrapped: &[u8]) -> Result<KeyBytes, VaultError> {
        let current = open(&self.current, place, wrapped);
        let opened = match (current, &self.previous) {
            (Err(_), Some(previous)) => open(previous, place, wrapped),
            (current, _) => current,
        };
        opened?.try_into().map_err(|_| VaultError::Sealed)
    }

    /// The envelope key as it must be stored from now on; `None` where it stays as it is.
    fn anew(
        &self,
        env: &Env,
        place: &str,
        wrapped: &[u8],
        rotated: &mut Rotated,
    ) -> Result<Option<Vec<u8>>, VaultError> {
        if open(&self.current, place, wrapped).is_ok() {
            rotated.current += 1;
            return Ok(None);
        }
        match self.unwrapped(place, wrapped) {
            Ok(key) => {
                rotated.sealed += 1;
                seal(&self.current, env, place, &key).map(Some)
            }
            Err(_) => {
                rotated.lost.push(place.to_owned());
                Ok(None)
            }
        }
    }
}

fn named(row: &Row) -> Result<(String, Vec<u8>), StoreError> {
    Ok((row.text("name")?, row.bytes("wrapped")?))
}

async fn tenant_key(tx: &mut Tx, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    const GET: &str = "select wrapped from tenant_keys where tenant_id = $1 and name = $2";
    tx.query(GET).bind(name).fetch_optional(|row| row.bytes("wrapped")).await
}

/// Keeps a key, unless there is one of this name by now; gives the one that is kept.
async fn tenant_key_put(tx: &mut Tx, name: &str, wrapped: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    const PUT: &str = "insert into tenant_keys (tenant_id, name, wrapped, created_at) values ($1, $2, $3, $4) \
                       on conflict (tenant_id, name) do nothing";
    let now = tx.ctx().now();
    tx.query(PUT).bind(name).bind(wrapped.as_slice()).bind(now).execute().await?;
    Ok(tenant_key(tx, name).await?.unwrap_or(wrapped))
}

async fn platform_key(tx: &mut PlatformTx, owner: Owner, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    const GET: &str = "select wrapped from platform_keys where owner = $1 and name = $2";
    tx.query(GET).text(owner).bind(name).fetch_optional(|row| row.bytes("wrapped")).await
}

async fn platform_key_put(
    tx: &mut PlatformTx,
    owner: Owner,
    name: &str,
    wrapped: Vec<u8>,
) -> Result<Vec<u8>, StoreError> {
    const PUT: &str = "insert into platform_keys (owner, name, wrapped, created_at) values ($1, $2, $3, $4) \
                       on conflict (owner, name) do nothing";
    let now = tx.origin().now();
    tx.query(PUT).text(owner).bind(name).bind(wrapped.as_slice()).bind(now).execute().await?;
    Ok(platform_key(tx, owner, name).await?.unwrap_or(wrapped))
}

/// Nonce, then ciphertext with its tag; `context` is authenticated and not stored.
fn seal(key: &KeyBytes, env: &Env, context: &str, text: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut sealed = vec![0; NONCE_BYTES];
    env.fill(&mut sealed);
    let cipher = XChaCha20Poly1305::new(Key::from_slice(key));
    let payload = Payload { msg: text, aad: context.as_bytes() };
    let body = cipher.encrypt(XNonce::from_slice(&sealed), payload).map_err(|_| VaultError::Sealed)?;
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

fn open(key: &KeyBytes, context: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
    let (nonce, body) = sealed.split_at_checked(NONCE_BYTES).ok_or(VaultError::Sealed)?;
    let cipher = XChaCha20Poly1305::new(Key::from_slice(key));
    let payload = Payload { msg: body, aad: context.as_bytes() };
    cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| VaultError::Sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_context_alone() {
        let env = Env::fixed(1);
        let sealed = seal(&[1; 32], &env, "cal_1", b"secret").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(open(&[1; 32], "cal_1", &sealed).unwrap(), b"secret");
        assert!(open(&[2; 32], "cal_1", &sealed).is_err());
        assert!(open(&[1; 32], "cal_2", &sealed).is_err());
        assert!(open(&[1; 32], "cal_1", &sealed[..10]).is_err());
        let mut flipped = sealed;
        flipped[30] ^= 1;
        assert!(open(&[1; 32], "cal_1", &flipped).is_err());
    }

    #[test]
    fn a_vault_shows_no_key() {
        assert_eq!(format!("{:?}", Vault::new([1; 32], Some([2; 32]))), "Vault(…)");
    }
}
