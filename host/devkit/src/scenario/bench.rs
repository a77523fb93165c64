//! What all scenarios of a plugin share: a database into which the plugin was taken once, and its compiled code.

use std::path::{Path, PathBuf};
use std::{fs, io};

use heptad_model::{Env, Limits, Manifest, Origin};
use heptad_outbound::Outbound;
use heptad_platform::PlatformError;
use heptad_platform::catalog::{Review, VersionIn, version_review, version_submit};
use heptad_platform::publisher::publisher_create;
use heptad_platform::vault::Vault;
use heptad_runtime::{Package, Runtime, RuntimeError, RuntimeOptions};
use heptad_store::{PlatformTx, Store, StoreOptions, migrate};
use tempfile::TempDir;

use super::servers::Servers;
use super::shop::Shop;
use super::{Report, Scenario, ScenarioError, steps};

/// The keys of a bench: nothing that it seals or signs leaves it.
const KEY: [u8; 32] = [7; 32];
/// The name of the database's file.
const DATABASE: &str = "heptad.db";
/// Memory that looks like a folder, where there is some: the databases of scenarios are small and short-lived.
const MEMORY: &str = "/dev/shm";

/// A plugin that is ready to be tried.
pub struct Bench {
    manifest: Manifest,
    folder: TempDir,
    code: PathBuf,
    worker: PathBuf,
}

impl Bench {
    /// Takes a packed plugin in. `code` is a folder where compiled code stays for the next time, `worker` the `heptad`
    /// binary, which compiles.
    pub async fn of(plugin: Vec<u8>, code: &Path, worker: &Path) -> Result<Self, ScenarioError> {
        let package = Package::open(plugin)?;
        let manifest = package.inspected.manifest.clone();
        let folder = folder().map_err(|error| ScenarioError::Io { file: MEMORY.into(), error })?;
        let bench = Self { manifest, folder, code: code.to_owned(), worker: worker.to_owned() };
        let env = Env::fixed(0);
        let url = bench.url(DATABASE);
        migrate(&url, None, &env).await?;
        let store = open(url).await?;
        let servers = Servers::new(Vec::new());
        let runtime = bench.runtime(&store, &env, servers).await?;
        let version = VersionIn::from(runtime.admit(package).await?);
        let publisher = &bench.manifest.publisher;
        let publish = async |mut tx: PlatformTx| {
            let publisher = publisher_create(&mut tx, publisher, publisher).await?;
            let submitted = version_submit(&mut tx, publisher.id, &version).await?;
            version_review(&mut tx, submitted.version.id, Review::Approve, "").await?;
            Ok::<_, PlatformError>(())
        };
        store.platform_write(&Origin::system("scenario", env.clone()), publish).await?;
        store.close().await;
        Ok(bench)
    }

    /// The plugin's manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Goes through a scenario in a new shop.
    pub async fn run(&self, name: &str, scenario: &Scenario) -> Result<Report, ScenarioError> {
        let database = tempfile::NamedTempFile::new_in(self.folder.path());
        let database = database.map_err(|error| ScenarioError::Io { file: self.folder.path().to_owned(), error })?;
        let copied = fs::copy(self.folder.path().join(DATABASE), database.path());
        copied.map_err(|error| ScenarioError::Io { file: database.path().to_owned(), error })?;
        let store = open(format!("sqlite:{}", database.path().display())).await?;
        let (shop, install) = Shop::make(self, store.clone(), scenario).await?;
        let report = steps::go_through(name, shop, install, scenario).await;
        store.close().await;
        report
    }

    /// A sandbox on a database. Calls have the published budgets, but for the wall clock: whether they come to their end
    /// must not depend on what else the machine does.
    pub(super) async fn runtime(
        &self,
        store: &Store,
        env: &Env,
        servers: Servers,
    ) -> Result<std::sync::Arc<Runtime>, ScenarioError> {
        let outbound = Outbound::staged(std::sync::Arc::new(servers));
        let options = RuntimeOptions {
            components: self.folder.path().join("components"),
            bucket: None,
            code: self.code.clone(),
            worker: self.worker.clone(),
            key: KEY,
            vault: Vault::new(KEY, None),
            outbound: outbound.map_err(|error| RuntimeError::Engine(error.to_string()))?,
            limits: Limits { wall_ms: Some(10_000), quote_ms: 10_000, ..Limits::default() },
            record_one_in: 0,
        };
        Ok(Runtime::start(options, store.clone(), env.clone()).await?)
    }

    fn url(&self, file: &str) -> String {
        format!("sqlite:{}", self.folder.path().join(file).display())
    }
}

fn folder() -> io::Result<TempDir> {
    tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir())
}

async fn open(url: String) -> Result<Store, ScenarioError> {
    Ok(Store::open(&StoreOptions::new(url)).await?)
}
