//! A host with a shop, some SKUs, and the guest that keeps a diary.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heptad_bus::{Bus, BusOptions};
use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::catalog::{ProductIn, SkuIn, SkuPatch, product_create, sku_create, sku_update};
use heptad_capabilities::mall::inventory::level_set;
use heptad_delivery::Delivery;
use heptad_model::id::{InstallId, ScheduleId, SubscriptionId};
use heptad_model::{
    Actor, Ctx, Currency, Env, Limits, Locale, Manifest, Minor, Origin, PageRequest, Permission, PermissionSet,
};
use heptad_outbound::{Outbound, Ranges};
use heptad_platform::PlatformError;
use heptad_platform::catalog::{Review, VersionIn, version_review, version_submit};
use heptad_platform::delivery::subscription::{Subscription, subscription_list};
use heptad_platform::install::{
    Grants, InstallIn, install_create, install_enable, install_grants_put, install_settings_put,
};
use heptad_platform::kv::kv_get;
use heptad_platform::limit_profile::{limit_profile_put, tenant_limit_profile_put};
use heptad_platform::publisher::{Publisher, publisher_by_slug, publisher_create};
use heptad_platform::schedule::{Run, run_list};
use heptad_platform::tenant::{TenantIn, tenant_create, tenant_of_publisher};
use heptad_platform::vault::Vault;
use heptad_runtime::package::repack;
use heptad_runtime::{Package, Runtime, RuntimeOptions};
use heptad_store::testing::TestDatabase;
use heptad_store::{PlatformTx, Store, Tx};
use serde_json::{Value, json};

const HINT: &str = "run `cargo xtask test`, which builds the guests and passes their folder";
/// How long a test waits for what should come to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One process of the host.
pub(crate) struct Host {
    pub(crate) store: Store,
    pub(crate) env: Env,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) delivery: Delivery,
    _folder: Arc<tempfile::TempDir>,
}

impl Host {
    /// A process that delivers.
    pub(crate) async fn start(database: &TestDatabase) -> Self {
        Self::start_at(database, Env::system()).await
    }

    /// The same by another clock.
    pub(crate) async fn start_at(database: &TestDatabase, env: Env) -> Self {
        Self::start_in(database, Bus::default(), Arc::new(tempfile::tempdir().unwrap()), env).await
    }

    /// A process with another way out.
    pub(crate) async fn start_out(database: &TestDatabase, outbound: Outbound) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::start_with(database, Bus::default(), folder, Env::system(), outbound).await
    }

    async fn start_in(database: &TestDatabase, bus: Bus, folder: Arc<tempfile::TempDir>, env: Env) -> Self {
        let here = Outbound::new(Ranges::parse(&["127.0.0.0/8"]).unwrap(), b"").unwrap();
        Self::start_with(database, bus, folder, env, here).await
    }

    async fn start_with(
        database: &TestDatabase,
        bus: Bus,
        folder: Arc<tempfile::TempDir>,
        env: Env,
        outbound: Outbound,
    ) -> Self {
        let store = database.open().await;
        let options = RuntimeOptions {
            components: folder.path().join("components"),
            bucket: None,
            code: PathBuf::from(std::env::var("HEPTAD_TEST_CACHE").expect(HINT)),
            worker: PathBuf::from(std::env::var("HEPTAD_BIN").expect(HINT)),
            key: [7; 32],
            vault: Vault::new([7; 32], None),
            outbound,
            limits: Limits::default(),
            record_one_in: 0,
        };
        let runtime = Runtime::start(options, store.clone(), env.clone()).await.unwrap();
        tokio::spawn(runtime.clone().watch());
        let delivery = Delivery::new(store.clone(), runtime.clone(), bus, env.clone(), "test");
        tokio::spawn(delivery.clone().run());
        Self { store, env, runtime, delivery, _folder: folder }
    }

    /// Another process on the same database and folder, by the same clock.
    pub(crate) async fn another(&self, database: &TestDatabase) -> Self {
        Self::start_in(database, Bus::default(), self._folder.clone(), self.env.clone()).await
    }

    /// Another process, which is connected to NATS.
    pub(crate) async fn another_on(&self, database: &TestDatabase, bus: &BusOptions) -> Self {
        let bus = Bus::start(bus).await.unwrap();
        tokio::spawn(bus.clone().run());
        Self::start_in(database, bus, self._folder.clone(), self.env.clone()).await
    }

    /// Publishes the guest.
    pub(crate) async fn publish(&self, guest: &str) {
        self.publish_as(guest, |_| {}).await;
    }

    /// The same with another manifest.
    pub(crate) async fn publish_as(&self, guest: &str, change: impl FnOnce(&mut Manifest)) {
        let folder = PathBuf::from(std::env::var("HEPTAD_TEST_GUESTS").expect(HINT));
        let bytes = std::fs::read(folder.join(format!("{guest}.wasm"))).expect(HINT);
        let bytes = repack(&bytes, change).unwrap();
        let version = VersionIn::from(self.runtime.admit(Package::open(bytes).unwrap()).await.unwrap());
        let origin = Origin::system("test", self.env.clone());
        let publish = async |mut tx| {
            let publisher = publisher(&mut tx, "heptad").await?;
            let submitted = version_submit(&mut tx, publisher.id, &version).await?;
            version_review(&mut tx, submitted.version.id, Review::Approve, "").await
        };
        let published: Result<_, PlatformError> = self.store.platform_write(&origin, publish).await;
        published.unwrap();
    }

    /// A publisher, in the tenant of its own.
    pub(crate) async fn publisher(&self, slug: &str) -> Shop<'_> {
        let origin = Origin::new(Actor::Anonymous, Locale::En, self.env.clone());
        let find = async |mut tx| {
            let publisher = publisher(&mut tx, slug).await?;
            tenant_of_publisher(&mut tx, publisher.id).await
        };
        let record: Result<_, PlatformError> = self.store.platform_write(&origin, find).await;
        Shop { host: self, ctx: origin.for_tenant(record.unwrap().tenant) }
    }

    /// A shop with the SKUs `A` to `E`.
    pub(crate) async fn shop(&self, slug: &str) -> Shop<'_> {
        let input = TenantIn {
            slug: slug.to_owned(),
            name: slug.to_owned(),
            currency: Currency::parse("CNY").unwrap(),
            time_zone: "Asia/Shanghai".to_owned(),
            locale: Locale::ZhCn,
        };
        let origin = Origin::new(Actor::Anonymous, Locale::En, self.env.clone());
        let create = async |mut tx| tenant_create(&mut tx, &input).await;
        let record = self.store.platform_write(&origin, create).await.unwrap();
        let shop = Shop { host: self, ctx: origin.for_tenant(record.tenant) };
        let skus = async |mut tx: Tx| {
            let (code, name) = ("P".to_owned(), "P".to_owned());
            let product = ProductIn { code, name, category: String::new(), tags: Vec::new() };
            let product = product_create(&mut tx, product).await?;
            for code in ["A", "B", "C", "D", "E"] {
                let (code, name, price) = (code.to_owned(), code.to_owned(), Minor::new(100)?);
                sku_create(&mut tx, SkuIn { code, name, product: product.id, price }).await?;
            }
            Ok::<_, CapabilityError>(())
        };
        self.store.write(&shop.ctx, skus).await.unwrap();
        shop
    }
}

/// The publisher with this short name, new where there is none.
async fn publisher(tx: &mut PlatformTx, slug: &str) -> Result<Publisher, PlatformError> {
    match publisher_by_slug(tx, slug).await {
        Err(PlatformError::NotFound { .. }) => publisher_create(tx, slug, slug).await,
        found => found,
    }
}

/// A shop of a host, or a publisher.
pub(crate) struct Shop<'h> {
    pub(crate) host: &'h Host,
    pub(crate) ctx: Ctx,
}

/// What the diary needs, and what it would like.
pub(crate) fn all_grants() -> PermissionSet {
    let optional = [Permission::MallCatalogRead, Permission::MembersProfileRead];
    grants().iter().chain(optional).collect()
}

/// What the diary needs.
pub(crate) fn grants() -> PermissionSet {
    [Permission::PlatformKvRead, Permission::PlatformKvWrite, Permission::MallInventoryRead].into_iter().collect()
}

impl Shop<'_> {
    /// Installs and enables the diary in a mode.
    pub(crate) async fn diary(&self, granted: PermissionSet, mode: &str, at: &str) -> InstallId {
        self.install("diary", granted, &json!({"mode": mode, "at": at})).await
    }

    /// Installs and enables the guest that runs at times of its own.
    pub(crate) async fn timetable(&self, mode: &str, at: &str) -> InstallId {
        let granted: PermissionSet = [Permission::PlatformKvRead, Permission::PlatformKvWrite].into_iter().collect();
        self.install("timetable", granted, &json!({"mode": mode, "at": at})).await
    }

    /// Installs and enables a plugin.
    pub(crate) async fn install(&self, plugin: &str, granted: impl Into<Grants>, settings: &Value) -> InstallId {
        let (granted, settings) = (granted.into(), Some(settings.clone()));
        let input = InstallIn { plugin: plugin.to_owned(), version: None, granted, settings };
        let install = async |mut tx: Tx| {
            let install = install_create(&mut tx, &input).await?;
            install_enable(&mut tx, install.id).await
        };
        let install = self.host.store.write(&self.ctx, install).await.unwrap();
        self.host.runtime.refresh().await;
        install.id
    }

    pub(crate) async fn set(&self, install: InstallId, settings: Value) {
        let put = async |mut tx: Tx| install_settings_put(&mut tx, install, &settings).await;
        self.host.store.write(&self.ctx, put).await.unwrap();
        self.host.runtime.refresh().await;
    }

    /// Installs a plugin and tries to enable it; the fields that keep it from it.
    pub(crate) async fn install_only(&self, plugin: &str, granted: Grants) -> (InstallId, Result<(), Vec<String>>) {
        let input = InstallIn { plugin: plugin.to_owned(), version: None, granted, settings: None };
        let create = async |mut tx: Tx| install_create(&mut tx, &input).await;
        let install = self.host.store.write(&self.ctx, create).await.unwrap().id;
        let enable = async |mut tx: Tx| install_enable(&mut tx, install).await;
        let enabled = self.host.store.write(&self.ctx, enable).await.map(drop);
        (install, enabled.map_err(|error| error.fields().into_iter().map(|field| field.pointer).collect()))
    }

    /// Allows a plugin this and nothing else.
    pub(crate) async fn grant(&self, install: InstallId, granted: Grants) {
        let put = async |mut tx: Tx| install_grants_put(&mut tx, install, &granted).await;
        self.host.store.write(&self.ctx, put).await.unwrap();
        self.host.runtime.refresh().await;
    }

    /// Gives the shop other limits.
    pub(crate) async fn limited(&self, limits: Limits) {
        let tenant = self.ctx.tenant().id;
        let profile = async |mut tx| {
            limit_profile_put(&mut tx, "small", &limits).await?;
            tenant_limit_profile_put(&mut tx, tenant, Some("small")).await
        };
        self.host.store.platform_write(self.ctx.origin(), profile).await.unwrap();
        self.host.runtime.refresh().await;
    }

    /// Changes the stock of a SKU so many times, each in a transaction of its own.
    pub(crate) async fn stock(&self, sku: &str, times: i64) {
        for on_hand in 0..times {
            let set = async |mut tx: Tx| level_set(&mut tx, sku, "HQ", on_hand).await;
            while self.host.store.write(&self.ctx, set).await.is_err_and(|error| error.code() == "busy") {}
        }
    }

    /// Changes the price of a SKU.
    pub(crate) async fn price(&self, sku: &str, price: i64) {
        let patch = SkuPatch { price: Some(Minor::new(price).unwrap()), ..SkuPatch::default() };
        let update = async |mut tx: Tx| sku_update(&mut tx, sku, patch.clone()).await;
        self.host.store.write(&self.ctx, update).await.unwrap();
    }

    /// What the diary says of a key.
    pub(crate) async fn page(&self, install: InstallId, key: &str) -> String {
        self.entry(install, &format!("page/{key}")).await.trim_end().to_owned()
    }

    pub(crate) async fn entry(&self, install: InstallId, key: &str) -> String {
        let keys = [key.to_owned()];
        let get = async |mut tx: Tx| kv_get(&mut tx, install, &keys).await;
        let found = self.host.store.read(&self.ctx, get).await.unwrap();
        found.into_iter().next().map(|entry| String::from_utf8(entry.value).unwrap()).unwrap_or_default()
    }

    /// Waits until the diary says this of a key.
    pub(crate) async fn reads(&self, install: InstallId, key: &str, expected: &str) {
        until(async || {
            let page = self.page(install, key).await;
            (page == expected).then_some(()).ok_or(format!("the page of {key}: `{page}`, not `{expected}`"))
        })
        .await;
    }

    pub(crate) async fn subscription(&self, name: &str) -> Subscription {
        let all = self.host.store.read(&self.ctx, async |mut tx| subscription_list(&mut tx).await).await.unwrap();
        all.into_iter().find(|one| one.name == name).unwrap()
    }

    /// The attempts of a subscription, the first one first, as `key seq attempt outcome code`.
    pub(crate) async fn log(&self, subscription: SubscriptionId) -> Vec<String> {
        let page = PageRequest::new(None, Some(200)).unwrap();
        let list =
            async |mut tx: Tx| heptad_platform::delivery::log::delivery_list(&mut tx, subscription, None, &page).await;
        let mut found = self.host.store.read(&self.ctx, list).await.unwrap().items;
        found.sort_by_key(|one| one.at);
        let line = |one: &heptad_platform::delivery::log::Delivery| {
            format!("{} {} {} {} {}", one.key, one.seq, one.attempt, one.outcome.name(), one.code).trim_end().to_owned()
        };
        found.iter().map(line).collect()
    }
}

/// The runs of a schedule, the latest first.
pub(crate) async fn runs(shop: &Shop<'_>, schedule: ScheduleId) -> Vec<Run> {
    let page = PageRequest::first();
    let list = async |mut tx: Tx| run_list(&mut tx, schedule, &page).await;
    shop.host.store.read(&shop.ctx, list).await.unwrap().items
}

/// Waits until it is so; panics with the last reason when that takes too long.
pub(crate) async fn until<T>(check: impl AsyncFn() -> Result<T, String>) -> T {
    let until = Instant::now() + PATIENCE;
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    loop {
        ticks.tick().await;
        match check().await {
            Ok(value) => return value,
            Err(reason) if Instant::now() >= until => panic!("{reason}"),
            Err(_) => {}
        }
    }
}
