//! The plugins' own store: keys and values of one install in one tenant, with a quota.
//!
//! Keys stand in the table as the hexadecimal digits of their bytes. So both databases, whatever their collation, order
//! them by bytes, a prefix is a range, and any text is a key, even one with a zero byte.

use std::collections::{BTreeMap, HashSet};

use heptad_model::id::InstallId;
use heptad_model::{Limit, Page, PageRequest};
use heptad_store::{Row, StoreError, Tx, by_keys};

use crate::PlatformError;
use crate::install::install_near_post;
use crate::limit_profile::limits_of_tenant;

/// The most bytes of a key.
pub const MAX_KEY: usize = 256;
/// The most bytes of a value.
pub const MAX_VALUE: usize = 64 * 1024;
/// The most keys in one call.
pub const MAX_BATCH: usize = 200;
/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry {
    /// The key, 1 to 256 bytes.
    pub key: String,
    /// The value, at most 64 KiB.
    pub value: Vec<u8>,
}

/// The entries with these keys, in the order asked for; absent keys, and a key's repetition, are left out.
pub async fn kv_get(tx: &mut Tx, install: InstallId, keys: &[String]) -> Result<Vec<KvEntry>, PlatformError> {
    const GET: (&str, &str) =
        by_keys!("select key, value from plugin_kv where tenant_id = $1 and install_id = $2 and key", "$3");
    let stored = stored_keys(keys.iter())?;
    let read = |row: &Row| Ok((row.text("key")?, row.bytes("value")?));
    let mut found: BTreeMap<String, Vec<u8>> =
        tx.query_of(GET).text(install).json(&stored).fetch_all(read).await?.into_iter().collect();
    let entry = |(key, stored): (&String, &String)| Some(KvEntry { key: key.clone(), value: found.remove(stored)? });
    Ok(keys.iter().zip(&stored).filter_map(entry).collect())
}

/// The keys that begin with the prefix, in byte order.
pub async fn kv_key_list(
    tx: &mut Tx,
    install: InstallId,
    prefix: &str,
    page: &PageRequest,
) -> Result<Page<String>, PlatformError> {
    const LIST: &str = "select key from plugin_kv where tenant_id = $1 and install_id = $2 \
                        and key > $3 and key >= $4 and key < $5 order by key limit $6";
    if prefix.len() > MAX_KEY {
        return Err(PlatformError::KvKey { found: prefix.len(), most: MAX_KEY });
    }
    let from = hex::encode(prefix);
    // Behind every hexadecimal digit: the end of all keys that begin with the prefix.
    let until = format!("{from}g");
    let read = |row: &Row| key_of(&row.text("key")?);
    let rows = tx
        .query(LIST)
        .text(install)
        .bind(hex::encode(page.after()))
        .bind(from)
        .bind(until)
        .bind(page.fetch())
        .fetch_all(read)
        .await?;
    Ok(page.page(rows, Clone::clone))
}

/// Sets all these entries, or none; `kv-quota` when the install would hold more than the shop's profile allows, keys and
/// values together.
pub async fn kv_set(tx: &mut Tx, install: InstallId, entries: &[KvEntry]) -> Result<(), PlatformError> {
    const PUT: &str = "insert into plugin_kv (tenant_id, install_id, key, value, updated_at) values ($1, $2, $3, $4, $5) \
                       on conflict (tenant_id, install_id, key) do update set value = excluded.value, updated_at = excluded.updated_at";
    const REPLACE: &str = "update plugin_kv set value = $4, updated_at = $5 \
                           where tenant_id = $1 and install_id = $2 and key = $3";
    let stored = stored_keys(entries.iter().map(|entry| &entry.key))?;
    let mut seen = HashSet::new();
    for entry in entries {
        if entry.value.len() > MAX_VALUE {
            return Err(PlatformError::KvValue { key: entry.key.clone(), found: entry.value.len(), most: MAX_VALUE });
        }
        if !seen.insert(&entry.key) {
            return Err(PlatformError::KvDuplicate(entry.key.clone()));
        }
    }
    if let ([entry], [key]) = (entries, stored.as_slice())
        && replaced(tx, install, key, &entry.value).await?
    {
        return Ok(());
    }
    let new: usize = entries.iter().map(|entry| entry.key.len() + entry.value.len()).sum();
    let new = i64::try_from(new).unwrap_or(i64::MAX);
    let old = held(tx, install, &stored).await?;
    // Where only values are replaced and the sum stays, nothing is booked, and writers of other keys do not meet at the
    // install's row. Those of the same keys meet at these: an update fails if its row was deleted meanwhile.
    let put = if old.entries == entries.len() && old.bytes == new {
        REPLACE
    } else {
        grow(tx, install, new - old.bytes).await?;
        PUT
    };
    let now = tx.ctx().now();
    for (entry, key) in entries.iter().zip(&stored) {
        tx.query(put).text(install).bind(key).bind(entry.value.as_slice()).bind(now).execute().await?;
    }
    Ok(())
}

/// Replaces the value of a key by one that is as long, if that is what is there: the commonest write, in one statement.
async fn replaced(tx: &mut Tx, install: InstallId, key: &str, value: &[u8]) -> Result<bool, StoreError> {
    const REPLACE: &str = "update plugin_kv set value = $4, updated_at = $5 \
                           where tenant_id = $1 and install_id = $2 and key = $3 and length(value) = $6";
    let now = tx.ctx().now();
    let statement = tx.query(REPLACE).text(install).bind(key).bind(value).bind(now);
    let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
    Ok(statement.bind(length).execute().await? == 1)
}

/// Deletes these keys; absent ones are no error. How many there were.
pub async fn kv_delete(tx: &mut Tx, install: InstallId, keys: &[String]) -> Result<u64, PlatformError> {
    const DELETE: &str = "delete from plugin_kv where tenant_id = $1 and install_id = $2 \
                          and key in (select value from json_each($3))";
    let stored = stored_keys(keys.iter())?;
    let old = held(tx, install, &stored).await?;
    grow(tx, install, -old.bytes).await?;
    Ok(tx.query(DELETE).text(install).json(&stored).execute().await?)
}

/// How many bytes an install holds, keys and values together.
pub async fn kv_bytes(tx: &mut Tx, install: InstallId) -> Result<i64, PlatformError> {
    const BYTES: &str = "select kv_bytes from installs where tenant_id = $1 and id = $2";
    let found = tx.query(BYTES).text(install).fetch_optional(|row| row.int("kv_bytes")).await?;
    found.ok_or_else(|| PlatformError::not_found("install", install))
}

/// Books the growth if the quota allows it. The row is written even for a growth of 0 if keys come or go: so of two who do
/// that at once, one fails at the commit and runs again, and the sum stays true.
async fn grow(tx: &mut Tx, install: InstallId, growth: i64) -> Result<(), PlatformError> {
    const GROW: &str = "update installs set kv_bytes = kv_bytes + $3 \
                        where tenant_id = $1 and id = $2 and (kv_bytes + $3 <= $4 or $3 <= 0) \
                        returning kv_bytes";
    let limits = limits_of_tenant(tx).await?.unwrap_or_default();
    let quota = i64::try_from(limits.kv_bytes).unwrap_or(i64::MAX);
    let grow = tx.query(GROW).text(install).bind(growth).bind(quota);
    let Some(holds) = grow.fetch_optional(|row| row.int("kv_bytes")).await? else {
        kv_bytes(tx, install).await?;
        return Err(PlatformError::KvQuota(quota));
    };
    install_near_post(tx, install, Limit::Kv, holds - growth, holds, quota).await
}

/// What is there of some keys.
struct Held {
    entries: usize,
    /// Keys and values together.
    bytes: i64,
}

/// What is there of these keys now. A stored key has two digits a byte.
async fn held(tx: &mut Tx, install: InstallId, stored: &[String]) -> Result<Held, StoreError> {
    const HELD: (&str, &str) = by_keys!(
        "select cast(length(value) + length(key) / 2 as bigint) as bytes from plugin_kv \
         where tenant_id = $1 and install_id = $2 and key",
        "$3"
    );
    let held = tx.query_of(HELD).text(install).json(stored).fetch_all(|row| row.int("bytes")).await?;
    Ok(Held { entries: held.len(), bytes: held.iter().sum() })
}

/// The keys as they stand in the table, if each and their number are allowed.
fn stored_keys<'a>(keys: impl ExactSizeIterator<Item = &'a String>) -> Result<Vec<String>, PlatformError> {
    if keys.len() > MAX_BATCH {
        return Err(PlatformError::KvBatch { found: keys.len(), most: MAX_BATCH });
    }
    keys.map(|key| match (1..=MAX_KEY).contains(&key.len()) {
        true => Ok(hex::encode(key)),
        false => Err(PlatformError::KvKey { found: key.len(), most: MAX_KEY }),
    })
    .collect()
}

fn key_of(stored: &str) -> Result<String, StoreError> {
    let problem = |problem: String| StoreError::Column { column: "key", problem };
    let bytes = hex::decode(stored).map_err(|error| problem(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| problem(error.to_string()))
}
