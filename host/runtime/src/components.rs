//! Packed components on disk, by digest. An object store takes this place when there are many machines.

use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt as _;

/// A folder of components.
#[derive(Debug, Clone)]
pub struct Components {
    folder: PathBuf,
}

/// The SHA-256 of the bytes in hexadecimal: what names a version, its cache entry and its audit rows.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Components {
    /// In this folder, which is made when it is absent.
    pub fn open(folder: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Stores the bytes; the same bytes again change nothing.
    pub async fn put(&self, digest: &str, bytes: &[u8]) -> std::io::Result<()> {
        write_atomically(&self.path(digest), bytes).await
    }

    /// The bytes of a digest, if they are there and still what they were.
    pub async fn get(&self, digest: &str) -> std::io::Result<Vec<u8>> {
        let bytes = tokio::fs::read(self.path(digest)).await?;
        if self::digest(&bytes) != digest {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                format!("component {digest} was changed on disk"),
            ));
        }
        Ok(bytes)
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }
}

/// Writes beside the target, then renames, so that a reader never meets half a file.
pub(crate) async fn write_atomically(target: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let temporary = target.with_extension(format!("tmp-{}-{number}", std::process::id()));
    let written = async {
        let mut file = tokio::fs::File::create_new(&temporary).await?;
        file.write_all(bytes).await?;
        // The content is on disk before it has its name, and the name before anybody relies on it.
        file.sync_all().await?;
        drop(file);
        tokio::fs::rename(&temporary, target).await?;
        match target.parent() {
            Some(folder) => tokio::fs::File::open(folder).await?.sync_all().await,
            None => Ok(()),
        }
    };
    let result = written.await;
    if result.is_err() {
        let _ = tokio::fs::remove_file(&temporary).await;
    }
    result
}
