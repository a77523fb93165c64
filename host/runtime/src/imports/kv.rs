//! `heptad:platform/kv` and `kv-write`: the plugin's own small store.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::platform::kv::{Entry, Host, KeyPage};
use heptad_bindings::host::heptad::platform::kv_write;
use heptad_bindings::host::heptad::types::types::PageRequest as WitPage;
use heptad_model::{PageRequest, Permission};
use heptad_platform::kv::{KvEntry, MAX_BATCH, kv_get, kv_key_list};

use crate::call::{Call, HostError, bounded};

impl Host for Call {
    async fn get(&mut self, keys: Vec<String>) -> Result<Vec<Entry>, Failure> {
        let install = self.installed.serving.install;
        let read = async |mut tx| {
            bounded(&keys, MAX_BATCH, "keys")?;
            let found = kv_get(&mut tx, install, &keys).await?;
            Ok(found.into_iter().map(|KvEntry { key, value }| Entry { key, value }).collect())
        };
        self.read(Permission::PlatformKvRead, "heptad:platform/kv#get", &keys, read).await
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
    async fn set(&mut self, _entries: Vec<Entry>) -> Result<(), Failure> {
        self.write(Permission::PlatformKvWrite)
    }

    async fn delete(&mut self, _keys: Vec<String>) -> Result<(), Failure> {
        self.write(Permission::PlatformKvWrite)
    }
}
