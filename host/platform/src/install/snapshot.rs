//! What a plugin kept when it was upgraded: copied aside in the upgrade's transaction, and put back by a rollback.

use heptad_model::id::InstallId;
use heptad_store::{StoreError, Tx};
use serde::Serialize;

/// The most names of lost writes that are listed.
const LISTED: u32 = 100;

/// Both statements of one that gives names.
macro_rules! differences {
    ($names:literal) => {
        Differences {
            count: concat!("select count(*) as many from (", $names, ") as names"),
            list: concat!($names, " order by name limit $3"),
        }
    };
}
/// Writes since the upgrade that a rollback loses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LostWrites {
    /// Keys of the plugin's store that were set, changed or deleted.
    pub keys: i64,
    /// Documents likewise.
    pub documents: i64,
    /// The first of them: `key NAME`, and `document COLLECTION/ID`.
    pub listed: Vec<String>,
}

/// Copies what the plugin keeps, in place of an older copy.
pub(super) async fn snapshot_take(tx: &mut Tx, install: InstallId) -> Result<(), StoreError> {
    const TAKE: [&str; 3] = [
        "insert into plugin_kv_before (tenant_id, install_id, key, value, updated_at) \
         select $1, install_id, key, value, updated_at from plugin_kv where tenant_id = $1 and install_id = $2",
        "insert into plugin_documents_before (tenant_id, install_id, collection, id, body, version, updated_at) \
         select $1, install_id, collection, id, body, version, updated_at from plugin_documents \
         where tenant_id = $1 and install_id = $2",
        "insert into plugin_document_index_before (tenant_id, install_id, collection, field, value, document_id) \
         select $1, install_id, collection, field, value, document_id from plugin_document_index \
         where tenant_id = $1 and install_id = $2",
    ];
    snapshot_drop(tx, install).await?;
    for copy in TAKE {
        tx.query(copy).text(install).execute().await?;
    }
    Ok(())
}

/// Puts the copy back in place of what the plugin keeps now, and forgets it.
pub(super) async fn snapshot_restore(tx: &mut Tx, install: InstallId) -> Result<(), StoreError> {
    const RESTORE: [&str; 6] = [
        "delete from plugin_kv where tenant_id = $1 and install_id = $2",
        "delete from plugin_document_index where tenant_id = $1 and install_id = $2",
        "delete from plugin_documents where tenant_id = $1 and install_id = $2",
        "insert into plugin_kv (tenant_id, install_id, key, value, updated_at) \
         select $1, install_id, key, value, updated_at from plugin_kv_before \
         where tenant_id = $1 and install_id = $2",
        "insert into plugin_documents (tenant_id, install_id, collection, id, body, version, updated_at) \
         select $1, install_id, collection, id, body, version, updated_at from plugin_documents_before \
         where tenant_id = $1 and install_id = $2",
        "insert into plugin_document_index (tenant_id, install_id, collection, field, value, document_id) \
         select $1, install_id, collection, field, value, document_id from plugin_document_index_before \
         where tenant_id = $1 and install_id = $2",
    ];
    for step in RESTORE {
        tx.query(step).text(install).execute().await?;
    }
    snapshot_drop(tx, install).await.map(drop)
}

/// Gives the copy of one install to another, which keeps nothing yet, and forgets it.
pub(super) async fn snapshot_hand_over(tx: &mut Tx, from: InstallId, to: InstallId) -> Result<(), StoreError> {
    const HAND_OVER: [&str; 3] = [
        "insert into plugin_kv (tenant_id, install_id, key, value, updated_at) \
         select $1, $3, key, value, updated_at from plugin_kv_before where tenant_id = $1 and install_id = $2",
        "insert into plugin_documents (tenant_id, install_id, collection, id, body, version, updated_at) \
         select $1, $3, collection, id, body, version, updated_at from plugin_documents_before \
         where tenant_id = $1 and install_id = $2",
        "insert into plugin_document_index (tenant_id, install_id, collection, field, value, document_id) \
         select $1, $3, collection, field, value, document_id from plugin_document_index_before \
         where tenant_id = $1 and install_id = $2",
    ];
    for step in HAND_OVER {
        tx.query(step).text(from).text(to).execute().await?;
    }
    snapshot_drop(tx, from).await.map(drop)
}

/// Forgets the copy; how many rows it had.
pub(super) async fn snapshot_drop(tx: &mut Tx, install: InstallId) -> Result<u64, StoreError> {
    let mut rows = 0;
    for table in [
        "delete from plugin_kv_before where tenant_id = $1 and install_id = $2",
        "delete from plugin_documents_before where tenant_id = $1 and install_id = $2",
        "delete from plugin_document_index_before where tenant_id = $1 and install_id = $2",
    ] {
        rows += tx.query(table).text(install).execute().await?;
    }
    Ok(rows)
}

/// What a rollback would lose.
pub(super) async fn snapshot_differences(tx: &mut Tx, install: InstallId) -> Result<LostWrites, StoreError> {
    const KEYS: Differences = differences!(
        "select n.key as name from plugin_kv n left join plugin_kv_before b on b.tenant_id = n.tenant_id \
         and b.install_id = n.install_id and b.key = n.key where n.tenant_id = $1 and n.install_id = $2 \
         and (b.key is null or b.value <> n.value) union all \
         select b.key as name from plugin_kv_before b left join plugin_kv n on n.tenant_id = b.tenant_id \
         and n.install_id = b.install_id and n.key = b.key where b.tenant_id = $1 and b.install_id = $2 and n.key is null"
    );
    const DOCUMENTS: Differences = differences!(
        "select n.collection || '/' || n.id as name from plugin_documents n left join plugin_documents_before b \
         on b.tenant_id = n.tenant_id and b.install_id = n.install_id and b.collection = n.collection and b.id = n.id \
         where n.tenant_id = $1 and n.install_id = $2 and (b.id is null or b.body <> n.body) \
         union all select b.collection || '/' || b.id as name from plugin_documents_before b \
         left join plugin_documents n on n.tenant_id = b.tenant_id and n.install_id = b.install_id \
         and n.collection = b.collection and n.id = b.id where b.tenant_id = $1 and b.install_id = $2 and n.id is null"
    );
    let (keys, first_keys) = KEYS.read(tx, install).await?;
    let (documents, first_documents) = DOCUMENTS.read(tx, install).await?;
    let shown = |stored: &String| {
        let bytes = hex::decode(stored).unwrap_or_default();
        format!("key {}", String::from_utf8_lossy(&bytes))
    };
    let listed = first_keys.iter().map(shown).chain(first_documents.iter().map(|name| format!("document {name}")));
    Ok(LostWrites { keys, documents, listed: listed.take(LISTED as usize).collect() })
}

/// How many names differ, and the first of them.
struct Differences {
    count: &'static str,
    list: &'static str,
}

impl Differences {
    async fn read(&self, tx: &mut Tx, install: InstallId) -> Result<(i64, Vec<String>), StoreError> {
        let many = tx.query(self.count).text(install).fetch_one(|row| row.int("many")).await?;
        let first = tx.query(self.list).text(install).bind(LISTED).fetch_all(|row| row.text("name")).await?;
        Ok((many, first))
    }
}
