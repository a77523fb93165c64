//! A host with the defaults of production, and merchants to measure with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::serve::ListenerExt as _;
use heptad_bus::{Bus, BusOptions};
use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::catalog::{ProductIn, SkuIn, product_create, sku_create};
use heptad_delivery::Delivery;
use heptad_model::manifest::Manifest;
use heptad_model::{Ctx, Currency, Env, Limits, Locale, Minor, Origin};
use heptad_outbound::{Outbound, Ranges};
use heptad_platform::PlatformError;
use heptad_platform::catalog::{Review, VersionIn, plugin_get, version_review, version_submit};
use heptad_platform::install::{InstallIn, install_create, install_enable};
use heptad_platform::principal::{Principal, Role, Scope};
use heptad_platform::publisher::publisher_create;
use heptad_platform::tenant::{TenantIn, tenant_create};
use heptad_platform::token::{TokenIn, token_create};
use heptad_platform::vault::Vault;
use heptad_runtime::package::pack;
use heptad_runtime::{Package, Runtime, RuntimeOptions};
use heptad_store::{Store, StoreOptions};
use heptad_web::{AppState, WebOptions, app};
use tokio::task::JoinHandle;

use crate::cart::cart;
use crate::data::Data;

/// As the server's default configuration has it.
const RECORD_ONE_IN: u32 = 1_000;
/// The master key.
pub(crate) const KEY: [u8; 32] = [7; 32];
/// The benchmark's guest, and two of the catalog, for rows with three plugins.
pub(crate) const THREE: [&str; 3] = ["bench-guest", "hello-discount", "quantity-breaks"];

/// The limits of production, but for how often one install may call the host in a second: here one install takes the
/// whole machine. The rate is still counted.
pub(crate) fn limits() -> Limits {
    Limits { host_calls_per_second: 100_000_000, ..Limits::default() }
}

/// A host in this process, with its tasks.
pub(crate) struct Host {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) store: Store,
    pub(crate) env: Env,
    url: String,
    bus: Option<BusOptions>,
    tasks: Vec<JoinHandle<()>>,
}

/// A file that `cargo xtask bench` built, by the target and the crate.
pub(crate) fn built_file(target: &str, name: &str) -> Result<PathBuf> {
    Ok(variable("HEPTAD_BENCH_TARGET")?.join(target).join("guest").join(format!("{name}.wasm")))
}

/// Its content.
pub(crate) fn built(target: &str, name: &str) -> Result<Vec<u8>> {
    let file = built_file(target, name)?;
    std::fs::read(&file).with_context(|| format!("{} cannot be read: run `cargo xtask bench`", file.display()))
}

/// A path that `cargo xtask bench` tells.
pub(crate) fn variable(name: &str) -> Result<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).with_context(|| format!("{name} is not set: run `cargo xtask bench`"))
}

/// The benchmark's own guest, packed under this name.
pub(crate) fn bench_guest(name: &str) -> Result<Vec<u8>> {
    let mut manifest = Manifest::from_toml(include_str!("../guest/plugin.toml"))?;
    name.clone_into(&mut manifest.name);
    Ok(pack(&built("wasm32-wasip2", "bench_guest")?, &manifest)?)
}

/// The guest that runs away, packed for so many MiB.
pub(crate) fn runaway(name: &str, memory_mib: u32) -> Result<Vec<u8>> {
    let mut manifest = Manifest::from_toml(include_str!("../runaway/plugin.toml"))?;
    name.clone_into(&mut manifest.name);
    manifest.memory_mib = Some(memory_mib);
    Ok(pack(&built("wasm32-wasip2", "bench_runaway")?, &manifest)?)
}

/// The handler of events, packed to hear of this type. It does nothing, or writes a key, as the subscription's name says.
pub(crate) fn handler(name: &str, subscription: &str, hears: &str) -> Result<Vec<u8>> {
    let mut manifest = Manifest::from_toml(include_str!("../handler/plugin.toml"))?;
    name.clone_into(&mut manifest.name);
    for event in &mut manifest.events {
        subscription.clone_into(&mut event.name);
        event.types = vec![hears.to_owned()];
    }
    Ok(pack(&built("wasm32-wasip2", "bench_handler")?, &manifest)?)
}

impl Host {
    /// A host on an empty database.
    pub(crate) async fn empty(data: &Data) -> Result<Self> {
        heptad_store::migrate(&data.owner_url, data.server_role.as_deref(), &Env::system()).await?;
        Self::open(data, limits()).await
    }

    /// The same, with the plugins of [`THREE`] in its catalog.
    pub(crate) async fn start(data: &Data) -> Result<Self> {
        let host = Self::empty(data).await?;
        host.publish(bench_guest(THREE[0])?).await?;
        for name in &THREE[1..] {
            let file = variable("HEPTAD_TEST_GUESTS")?.join(name).with_extension("wasm");
            host.publish(std::fs::read(&file).with_context(|| file.display().to_string())?).await?;
        }
        Ok(host)
    }

    /// A host that starts on data that is there, with the defaults of production but for the limits.
    pub(crate) async fn open(data: &Data, limits: Limits) -> Result<Self> {
        let (url, env, folder) = (data.url.clone(), Env::system(), data.folder());
        let store = Store::open(&StoreOptions::new(url.clone())).await?;
        let options = RuntimeOptions {
            components: folder.join("components"),
            bucket: None,
            code: folder.join("code"),
            worker: variable("HEPTAD_BIN")?,
            key: KEY,
            vault: Vault::new(KEY, None),
            outbound: Outbound::new(Ranges::NONE, b"")?,
            limits,
            record_one_in: RECORD_ONE_IN,
        };
        let runtime = Runtime::start(options, store.clone(), env.clone()).await?;
        let tasks = vec![tokio::spawn(runtime.clone().watch()), tokio::spawn(runtime.clone().report())];
        Ok(Self { runtime, store, env, url, bus: data.bus.clone(), tasks })
    }

    /// Listens on loopback: the router of production, with no limit on how often a token may ask.
    pub(crate) async fn listen(&mut self) -> Result<SocketAddr> {
        let unlimited = heptad_web::rate::Limit { per_second: 1_000_000, burst: 1_000_000 };
        let (database_url, caller_limit, peer_limit) = (self.url.clone(), unlimited, unlimited);
        let options = WebOptions { database_url, caller_limit, peer_limit, ..WebOptions::default() };
        let state = AppState::new(self.store.clone(), self.runtime.clone(), self.env.clone(), options);
        let (address, task) = serve(app(state)).await?;
        self.tasks.push(task);
        Ok(address)
    }

    /// Delivers events until what it gives is told to stop. Once in a host's life, since a store tells one listener.
    pub(crate) async fn deliver(&mut self) -> Result<Delivery> {
        let bus = match &self.bus {
            Some(options) => Bus::start(options).await?,
            None => Bus::default(),
        };
        self.tasks.push(tokio::spawn(bus.clone().run()));
        let delivery = Delivery::new(self.store.clone(), self.runtime.clone(), bus, self.env.clone(), "bench");
        self.tasks.push(tokio::spawn(delivery.clone().run()));
        Ok(delivery)
    }

    /// Ends it, so that nothing of it runs beside what is measured next.
    pub(crate) async fn close(self) {
        self.runtime.flush().await;
        self.store.close().await;
    }

    /// Who asks.
    pub(crate) fn origin(&self) -> Origin {
        Origin::system("bench", self.env.clone())
    }

    /// Uploads a plugin and approves it.
    pub(crate) async fn publish(&self, bytes: Vec<u8>) -> Result<()> {
        let version = VersionIn::from(self.runtime.admit(Package::open(bytes)?).await?);
        let create = async |mut tx| publisher_create(&mut tx, "heptad", "Heptad").await.map(|publisher| publisher.id);
        let id = match self.store.platform_write(&self.origin(), create).await {
            Ok(id) => id,
            Err(_) => {
                let find = async |mut tx| heptad_platform::publisher::publisher_by_slug(&mut tx, "heptad").await;
                self.store.platform_read(&self.origin(), find).await?.id
            }
        };
        let submit = async |mut tx| {
            let submitted = version_submit(&mut tx, id, &version).await?;
            version_review(&mut tx, submitted.version.id, Review::Approve, "").await
        };
        let approved: Result<_, PlatformError> = self.store.platform_write(&self.origin(), submit).await;
        approved?;
        Ok(())
    }

    /// A merchant with nothing.
    pub(crate) async fn empty_tenant(&self, slug: &str) -> Result<Ctx> {
        let input = TenantIn {
            slug: slug.to_owned(),
            name: slug.to_owned(),
            currency: Currency::parse("CNY")?,
            time_zone: "Asia/Shanghai".to_owned(),
            locale: Locale::ZhCn,
        };
        let record =
            self.store.platform_write(&self.origin(), async |mut tx| tenant_create(&mut tx, &input).await).await?;
        Ok(self.origin().for_tenant(record.tenant))
    }

    /// A merchant with ten SKUs, and these plugins enabled.
    pub(crate) async fn tenant(&self, slug: &str, plugins: &[&str]) -> Result<Ctx> {
        let ctx = self.empty_tenant(slug).await?;
        let lines = cart().lines;
        let stock = async |mut tx| {
            let input = ProductIn {
                code: "BENCH".to_owned(),
                name: "Bench".to_owned(),
                category: "bench".to_owned(),
                tags: Vec::new(),
            };
            let product = product_create(&mut tx, input).await?.id;
            for line in &lines {
                let price = Minor::new(line.unit_price)?;
                sku_create(&mut tx, SkuIn { code: line.sku.clone(), product, name: line.sku.clone(), price }).await?;
            }
            Ok::<_, CapabilityError>(())
        };
        self.store.write(&ctx, stock).await?;
        self.install(&ctx, plugins).await?;
        Ok(ctx)
    }

    /// Installs and enables plugins with all that they ask for, in one transaction.
    pub(crate) async fn install(&self, ctx: &Ctx, plugins: &[&str]) -> Result<()> {
        let mut inputs = Vec::new();
        for plugin in plugins {
            let find = async |mut tx| plugin_get(&mut tx, plugin).await;
            let granted = self.store.platform_read(&self.origin(), find).await?.latest.manifest.wishes();
            inputs.push(InstallIn {
                plugin: (*plugin).to_owned(),
                version: None,
                granted: granted.into(),
                settings: None,
            });
        }
        let add = async |mut tx| {
            for input in &inputs {
                let install = install_create(&mut tx, input).await?;
                install_enable(&mut tx, install.id).await?;
            }
            Ok(())
        };
        let installed: Result<_, PlatformError> = self.store.write(ctx, add).await;
        installed?;
        self.runtime.refresh().await;
        Ok(())
    }

    /// A storefront's token.
    pub(crate) async fn token(&self, ctx: &Ctx) -> Result<String> {
        self.token_of(ctx, Role::Shop).await
    }

    /// A token of a merchant.
    pub(crate) async fn token_of(&self, ctx: &Ctx, role: Role) -> Result<String> {
        let by = Principal::system("bench");
        let scope = Scope::Tenant(ctx.tenant().id);
        let input = TokenIn { name: "bench".to_owned(), role, scope, customer: None, lifetime_millis: None };
        let create = async |mut tx| token_create(&mut tx, &by, &input).await;
        Ok(self.store.platform_write(&self.origin(), create).await?.1.reveal().to_owned())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Serves a router on any free port of loopback.
pub(crate) async fn serve(router: axum::Router) -> Result<(SocketAddr, JoinHandle<()>)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // Answers are small and should not wait for more to send; the production listener does the same.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
    Ok((address, task))
}
