//! Compiled code on disk: what this host did not write under this very name is never mapped, but made again.

use std::path::{Path, PathBuf};

use heptad_model::Env;
use heptad_outbound::{Outbound, Ranges};
use heptad_platform::vault::Vault;
use heptad_runtime::{Package, Runtime, RuntimeOptions};
use heptad_store::dialect::Dialect;
use heptad_store::testing::TestDatabase;

use crate::support::{guest, patient};

/// A new process on this folder admits the guest; gives the file of its code.
async fn admit(folder: &Path, key: [u8; 32], name: &str) -> PathBuf {
    let database = TestDatabase::create(Dialect::Sqlite).await;
    let options = RuntimeOptions {
        components: folder.join("components"),
        bucket: None,
        code: folder.join("code"),
        worker: PathBuf::from(std::env::var("HEPTAD_BIN").expect("`cargo xtask test` passes the binary")),
        key,
        vault: Vault::new([7; 32], None),
        outbound: Outbound::new(Ranges::NONE, b"").unwrap(),
        limits: patient(),
        record_one_in: 0,
    };
    let runtime = Runtime::start(options, database.open().await, Env::system()).await.unwrap();
    let digest = runtime.admit(Package::open(guest(name)).unwrap()).await.unwrap().digest;
    let files = std::fs::read_dir(folder.join("code")).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> =
        files.filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with(&digest)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

#[tokio::test]
async fn code_that_is_not_ours_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, key) = (folder.path(), [7; 32]);
    let file = admit(folder, key, "hello-discount").await;
    let good = std::fs::read(&file).unwrap();
    let other = std::fs::read(admit(folder, key, "purchase-limits").await).unwrap();
    // The code of this host under its own name is used as it is.
    let written = std::fs::metadata(&file).unwrap().modified().unwrap();
    admit(folder, key, "hello-discount").await;
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), written);
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let bad = [("a flipped byte", flipped), ("cut off", good[..good.len() / 2].to_vec()), ("renamed", other)];
    for (what, bytes) in bad {
        std::fs::write(&file, &bytes).unwrap();
        admit(folder, key, "hello-discount").await;
        assert_ne!(std::fs::read(&file).unwrap(), bytes, "{what}");
    }
    let ours = std::fs::read(&file).unwrap();
    admit(folder, [8; 32], "hello-discount").await;
    assert_ne!(std::fs::read(&file).unwrap(), ours, "another host's key");
}
