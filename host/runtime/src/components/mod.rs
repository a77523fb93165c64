//! Packed components, by digest: in a folder, and where processes run on several machines, in a bucket that they share.
//! Then the folder holds what this machine has asked for.

mod bucket;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt as _;

pub use self::bucket::{Bucket, BucketError, BucketOptions};

use crate::package::signature;

/// Where components lie.
#[derive(Debug, Clone)]
pub struct Components {
    folder: PathBuf,
    bucket: Option<Bucket>,
}

/// Why a component is not to be had, or not kept.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// The file cannot be read or written.
    #[error("component {digest}: {source}")]
    Folder {
        /// Which.
        digest: String,
        /// Why.
        source: std::io::Error,
    },
    /// The bytes are not those that the digest is of.
    #[error("component {0} was changed where it is stored")]
    Changed(String),
    /// The bucket does not answer, or refuses.
    #[error("component {digest}: {source}")]
    Bucket {
        /// Which.
        digest: String,
        /// Why.
        source: BucketError,
    },
}

/// The SHA-256 of the bytes in hexadecimal: what names a version, its cache entry and its audit rows.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Components {
    /// In this folder, which is made when it is absent, and in the bucket, if there is one.
    pub fn open(folder: PathBuf, bucket: Option<Bucket>) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, bucket })
    }

    /// Stores the bytes; the same bytes again change nothing.
    pub async fn put(&self, digest: &str, bytes: &[u8]) -> Result<(), ComponentError> {
        let Some(bucket) = &self.bucket else {
            let written = write_atomically(&self.path(digest), bytes).await;
            return written.map_err(|source| ComponentError::Folder { digest: digest.to_owned(), source });
        };
        let put = bucket.put(&name(digest), bytes).await;
        put.map_err(|source| ComponentError::Bucket { digest: digest.to_owned(), source })?;
        self.keep(digest, bytes).await;
        Ok(())
    }

    /// The bytes of a digest, if they are there and still what they were.
    pub async fn get(&self, digest: &str) -> Result<Vec<u8>, ComponentError> {
        let read = tokio::fs::read(self.path(digest)).await;
        let Some(bucket) = &self.bucket else {
            let bytes = read.map_err(|source| ComponentError::Folder { digest: digest.to_owned(), source })?;
            return checked(digest, bytes);
        };
        if let Ok(bytes) = read.map_err(drop).and_then(|bytes| checked(digest, bytes).map_err(drop)) {
            return Ok(bytes);
        }
        let got = bucket.get(&name(digest)).await;
        let bytes =
            checked(digest, got.map_err(|source| ComponentError::Bucket { digest: digest.to_owned(), source })?)?;
        self.keep(digest, &bytes).await;
        Ok(bytes)
    }

    /// Fetches what the folder lacks of the bucket; how many.
    pub async fn fetch_all(&self) -> Result<usize, ComponentError> {
        let Some(bucket) = &self.bucket else { return Ok(0) };
        let failed = |source| ComponentError::Bucket { digest: "list".to_owned(), source };
        let mut fetched = 0;
        for name in bucket.list().await.map_err(failed)? {
            let Some(digest) = name.strip_suffix(".wasm") else { continue };
            if !self.path(digest).exists() {
                self.get(digest).await?;
                fetched += 1;
            }
        }
        Ok(fetched)
    }

    /// Sends everything in the folder to the bucket; how much.
    pub async fn send_all(&self) -> Result<usize, ComponentError> {
        if self.bucket.is_none() {
            return Ok(0);
        }
        let failed = |source| ComponentError::Folder { digest: "list".to_owned(), source };
        let mut sent = 0;
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let digest = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".wasm"));
            let Some(digest) = digest else { continue };
            self.put(digest, &tokio::fs::read(&path).await.map_err(failed)?).await?;
            sent += 1;
        }
        Ok(sent)
    }

    /// Keeps a copy at hand. Without it the next process on this machine asks the bucket again.
    async fn keep(&self, digest: &str, bytes: &[u8]) {
        if let Err(error) = write_atomically(&self.path(digest), bytes).await {
            tracing::warn!(digest, %error, "no copy of a component is kept on this machine");
        }
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(name(digest))
    }
}

fn name(digest: &str) -> String {
    format!("{digest}.wasm")
}

fn checked(digest: &str, bytes: Vec<u8>) -> Result<Vec<u8>, ComponentError> {
    // What names the component leaves its signature out, which is verified by itself.
    match signature::open(&bytes) {
        Ok(opened) if opened.digest == digest => Ok(bytes),
        _ => Err(ComponentError::Changed(digest.to_owned())),
    }
}

/// Writes beside the target, then renames, so that a reader never meets half a file.
pub(crate) async fn write_atomically(target: &Path, bytes: &[u8]) -> std::io::Result<()> {
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
