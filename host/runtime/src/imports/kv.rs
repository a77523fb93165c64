//! `heptad:platform/kv` and `kv-write`: the plugin's own small store.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::platform::kv::{Entry, Host, KeyPage};
use heptad_bindings::host::heptad::platform::kv_write;
use heptad_bindings::host::heptad::types::types::PageRequest as WitPage;
use heptad_model::{PageRequest, Permission};
use heptad_platform::kv::{KvEntry, MAX_BATCH, kv_delete, kv_get, kv_key_list, kv_set};

use crate::call::{Call, HostError, bounded};

impl Host for Call {
    async fn get(&mut self, keys: Vec<String>) -> Result<Vec<Entry>, Failure> {
        let install = self.installed.serving.install;
        let read = async |mut tx| {
            bounded(&keys, MAX_BATCH, "keys")?;
            let found = kv_get(&mut tx, install, &keys).await?;
            Ok(found.into_iter().map(|KvEntry { key, value }| Entry { key, value }).collect())
        };
        let found: Vec<Entry> = self.read(Permission::PlatformKvRead, "heptad:platform/kv#get", &keys, read).await?;
        if self.effects.may_write() {
            self.effects.saw(
                &keys,
                found.iter().map(|Entry { key, value }| KvEntry { key: key.clone(), value: value.clone() }),
            );
        }
        Ok(found)
    }

    async fn key_list(&mut self, prefix: String, page: WitPage) -> Result<KeyPage, Failure> {
        let install = self.installed.serving.install;
        let read = async |mut tx| {
            let page = PageRequest::new(page.cursor.as_deref(), Some(page.limit)).map_err(HostError::from)?;
            let found = kv_key_list(&mut tx, install, &prefix, &page).await?;
            Ok(KeyPage { keys: found.items, next: found.next })
        };
        let arguments = (&prefix, &page);
        self.read(Permission::PlatformKvRead, "heptad:platform/kv#key-list", &arguments, read).await
    }
}

impl kv_write::Host for Call {
    async fn set(&mut self, entries: Vec<Entry>) -> Result<(), Failure> {
        let install = self.installed.serving.install;
        let write = async |mut tx| {
            let entry = |entry: &Entry| KvEntry { key: entry.key.clone(), value: entry.value.clone() };
            let entries: Vec<KvEntry> = entries.iter().map(entry).collect();
            Ok(kv_set(&mut tx, install, &entries).await?)
        };
        self.write(Permission::PlatformKvWrite, "heptad:platform/kv-write#set", &entries, write).await
    }

    async fn delete(&mut self, keys: Vec<String>) -> Result<(), Failure> {
        let install = self.installed.serving.install;
        let write = async |mut tx| Ok(kv_delete(&mut tx, install, &keys).await.map(drop)?);
        self.write(Permission::PlatformKvWrite, "heptad:platform/kv-write#delete", &keys, write).await
    }
}
