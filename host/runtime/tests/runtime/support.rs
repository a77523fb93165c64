//! A host with one merchant, one publisher and the guests of the test run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::{Answer, CartLineView, CartView, Denial, Extensions as _, Operation, Serving};
use heptad_model::id::InstallId;
use heptad_model::{Actor, Ctx, Currency, Env, Limits, Locale, Millis, Origin, PermissionSet, Point};
use heptad_outbound::{Outbound, Ranges};
use heptad_platform::PlatformError;
use heptad_platform::catalog::{Review, VersionIn, version_review, version_submit};
use heptad_platform::install::{InstallIn, install_create, install_enable, install_settings_put};
use heptad_platform::publisher::publisher_create;
use heptad_platform::tenant::{TenantIn, tenant_create};
use heptad_platform::vault::Vault;
use heptad_runtime::{Inspected, Package, Runtime, RuntimeError, RuntimeOptions};
use heptad_store::Store;
use heptad_store::dialect::Dialect;
use heptad_store::testing::TestDatabase;
use serde_json::Value;

const HINT: &str = "run `cargo xtask test`, which builds the guests and passes their folder";

/// The bytes of a packed guest.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(std::env::var("HEPTAD_TEST_GUESTS").expect(HINT));
    std::fs::read(folder.join(format!("{name}.wasm"))).unwrap_or_else(|error| panic!("{name}: {error}: {HINT}"))
}

/// The published limits, but for a wall clock that a busy machine does not reach.
pub(crate) fn patient() -> Limits {
    Limits { wall_ms: Some(1_000), ..Limits::default() }
}

async fn runtime(components: &Path, limits: Limits, store: &Store, env: &Env) -> Arc<Runtime> {
    let options = RuntimeOptions {
        components: components.to_owned(),
        bucket: None,
        code: PathBuf::from(std::env::var("HEPTAD_TEST_CACHE").expect(HINT)),
        worker: PathBuf::from(std::env::var("HEPTAD_BIN").expect(HINT)),
        key: [7; 32],
        vault: Vault::new([7; 32], None),
        outbound: Outbound::new(Ranges::parse(&["127.0.0.0/8"]).unwrap(), b"").unwrap(),
        limits,
        record_one_in: 1,
    };
    Runtime::start(options, store.clone(), env.clone()).await.unwrap()
}

/// A host in one process.
pub(crate) struct Host {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) store: Store,
    pub(crate) env: Env,
    pub(crate) components: PathBuf,
    _database: TestDatabase,
    _folder: tempfile::TempDir,
}

impl Host {
    pub(crate) async fn start() -> Self {
        Self::start_with(patient()).await
    }

    pub(crate) async fn start_with(limits: Limits) -> Self {
        let database = TestDatabase::create(Dialect::Sqlite).await;
        let (store, env) = (database.open().await, Env::system());
        let folder = tempfile::tempdir().unwrap();
        let components = folder.path().join("components");
        let runtime = runtime(&components, limits, &store, &env).await;
        Self { runtime, store, env, components, _database: database, _folder: folder }
    }

    /// The host as another process finds it, with what the database and the folders hold.
    pub(crate) async fn restarted(self) -> Self {
        let runtime = runtime(&self.components, self.runtime.limits().clone(), &self.store, &self.env).await;
        Self { runtime, ..self }
    }

    /// A merchant with a currency.
    pub(crate) async fn tenant(&self, slug: &str, currency: &str) -> Ctx {
        let input = TenantIn {
            slug: slug.to_owned(),
            name: slug.to_owned(),
            currency: Currency::parse(currency).unwrap(),
            time_zone: "Asia/Shanghai".to_owned(),
            locale: Locale::ZhCn,
        };
        let origin = Origin::new(Actor::Anonymous, Locale::En, self.env.clone());
        let record =
            self.store.platform_write(&origin, async |mut tx| tenant_create(&mut tx, &input).await).await.unwrap();
        origin.for_tenant(Arc::new(record.tenant.as_ref().clone()))
    }

    /// Publishes a guest; the publisher is made at the first time.
    pub(crate) async fn publish(&self, name: &str) {
        self.publish_packed(guest(name)).await.unwrap();
    }

    /// Takes an upload in, as the host does before its catalog has it.
    pub(crate) async fn admit(&self, packed: Vec<u8>) -> Result<Inspected, RuntimeError> {
        self.runtime.admit(Package::open(packed)?).await
    }

    /// Publishes a packed component, if the host takes it.
    pub(crate) async fn publish_packed(&self, packed: Vec<u8>) -> Result<(), RuntimeError> {
        let version = VersionIn::from(self.admit(packed).await?);
        let origin = Origin::system("test", self.env.clone());
        let submitted = async {
            let publisher = self
                .store
                .platform_write(&origin, async |mut tx| publisher_create(&mut tx, "heptad", "Heptad").await)
                .await;
            let publisher = match publisher {
                Ok(publisher) => publisher,
                Err(_) => {
                    let found = async |mut tx| heptad_platform::publisher::publisher_by_slug(&mut tx, "heptad").await;
                    self.store.platform_read(&origin, found).await?
                }
            };
            self.store
                .platform_write(&origin, async |mut tx| {
                    let submitted = version_submit(&mut tx, publisher.id, &version).await?;
                    version_review(&mut tx, submitted.version.id, Review::Approve, "").await
                })
                .await
        };
        let result: Result<_, PlatformError> = submitted.await;
        result.unwrap();
        Ok(())
    }

    /// Installs and enables a published plugin with these grants and settings.
    pub(crate) async fn install(
        &self,
        ctx: &Ctx,
        plugin: &str,
        granted: PermissionSet,
        settings: Option<Value>,
    ) -> InstallId {
        let input = InstallIn { plugin: plugin.to_owned(), version: None, granted: granted.into(), settings };
        let install = self
            .store
            .write(ctx, async |mut tx| {
                let install = install_create(&mut tx, &input).await?;
                install_enable(&mut tx, install.id).await
            })
            .await
            .unwrap();
        self.runtime.refresh().await;
        install.id
    }

    pub(crate) async fn set(&self, ctx: &Ctx, install: InstallId, settings: Value) {
        self.store.write(ctx, async |mut tx| install_settings_put(&mut tx, install, &settings).await).await.unwrap();
        self.runtime.refresh().await;
    }

    async fn only(&self, ctx: &Ctx, point: Point) -> Arc<Serving> {
        let serving = self.runtime.serving(ctx, point).await.unwrap();
        assert_eq!(serving.len(), 1, "one plugin serves {point}");
        serving.into_iter().next().unwrap()
    }

    pub(crate) async fn discounts(&self, ctx: &Ctx, point: Point, cart: &CartView) -> Answer<Vec<Operation>> {
        let serving = self.only(ctx, point).await;
        self.runtime.discounts(ctx, &serving, point, cart, Instant::now() + Duration::from_secs(20)).await
    }

    pub(crate) async fn validate(&self, ctx: &Ctx, cart: &CartView) -> Answer<Vec<Denial>> {
        let point = Point::CartValidateComplete;
        let serving = self.only(ctx, point).await;
        self.runtime.validate(ctx, &serving, point, cart, Instant::now() + Duration::from_secs(20)).await
    }
}

/// A cart with a line for each pair of unit price and what remains.
pub(crate) fn cart(currency: &str, amounts: &[(i64, i64)]) -> CartView {
    let lines = amounts.iter().enumerate().map(|(index, (unit_price, remaining))| CartLineView {
        index: u32::try_from(index).unwrap(),
        sku: format!("SKU-{index}"),
        quantity: 1,
        unit_price: *unit_price,
        remaining: *remaining,
    });
    CartView {
        id: "crt_test".to_owned(),
        currency: currency.to_owned(),
        customer: None,
        at: Millis::new(1_700_000_000_000),
        lines: lines.collect(),
    }
}

pub(crate) fn permissions(names: &[heptad_model::Permission]) -> PermissionSet {
    names.iter().copied().collect()
}
