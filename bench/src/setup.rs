//! A host on SQLite with the defaults of production, and merchants to measure with.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::catalog::{ProductIn, SkuIn, product_create, sku_create};
use heptad_model::manifest::Manifest;
use heptad_model::{Ctx, Currency, Env, Locale, Minor, Origin};
use heptad_platform::PlatformError;
use heptad_platform::catalog::{Review, VersionIn, plugin_get, version_review, version_submit};
use heptad_platform::install::{InstallIn, install_create, install_enable};
use heptad_platform::principal::{Principal, Role, Scope};
use heptad_platform::publisher::publisher_create;
use heptad_platform::tenant::{TenantIn, tenant_create};
use heptad_platform::token::{TokenIn, token_create};
use heptad_runtime::limits::Profile;
use heptad_runtime::package::pack;
use heptad_runtime::{Runtime, RuntimeOptions};
use heptad_store::{Store, StoreOptions};

/// A host in this process.
pub(crate) struct Host {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) store: Store,
    pub(crate) env: Env,
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

fn variable(name: &str) -> Result<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).with_context(|| format!("{name} is not set: run `cargo xtask bench`"))
}

impl Host {
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite:{}", folder.path().join("bench.db").display());
        let env = Env::system();
        heptad_store::migrate(&url, None, &env).await?;
        let store = Store::open(&StoreOptions::new(url.clone())).await?;
        let options = RuntimeOptions {
            components: folder.path().join("components"),
            code: folder.path().join("code"),
            worker: variable("HEPTAD_BIN")?,
            key: [7; 32],
            profile: Profile::default(),
        };
        let runtime = Runtime::start(options, store.clone(), env.clone()).await?;
        tokio::spawn(runtime.clone().watch());
        let host = Self { runtime, store, env, url, _folder: folder };
        host.publish(host.bench_guest()?).await?;
        for name in ["hello-discount", "quantity-breaks", "member-pricing"] {
            let file = variable("HEPTAD_TEST_GUESTS")?.join(name).with_extension("wasm");
            host.publish(std::fs::read(&file).with_context(|| file.display().to_string())?).await?;
        }
        Ok(host)
    }

    fn origin(&self) -> Origin {
        Origin::system("bench", self.env.clone())
    }

    /// The benchmark's own guest, packed.
    pub(crate) fn bench_guest(&self) -> Result<Vec<u8>> {
        let manifest = Manifest::from_toml(include_str!("../guest/plugin.toml"))?;
        Ok(pack(&std::fs::read(variable("HEPTAD_BENCH_GUEST")?)?, &manifest)?)
    }

    async fn publish(&self, bytes: Vec<u8>) -> Result<()> {
        let inspected = self.runtime.admit(bytes).await?;
        let version = VersionIn {
            manifest: inspected.manifest,
            digest: inspected.digest,
            size: inspected.size as u64,
            imports: inspected.imports,
        };
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

    /// A merchant with ten SKUs.
    pub(crate) async fn tenant(&self, slug: &str) -> Result<Ctx> {
        let input = TenantIn {
            slug: slug.to_owned(),
            name: slug.to_owned(),
            currency: Currency::parse("CNY")?,
            time_zone: "Asia/Shanghai".to_owned(),
            locale: Locale::ZhCn,
        };
        let record = self.store.platform_write(&self.origin(), async |mut tx| tenant_create(&mut tx, &input).await).await?;
        let ctx = self.origin().for_tenant(record.tenant);
        let lines = crate::cart().lines;
        let stock = async |mut tx| {
            let input = ProductIn { code: "BENCH".to_owned(), name: "Bench".to_owned(), category: "bench".to_owned(), tags: Vec::new() };
            let product = product_create(&mut tx, input).await?.id;
            for line in &lines {
                let price = Minor::new(line.unit_price)?;
                sku_create(&mut tx, SkuIn { code: line.sku.clone(), product, name: line.sku.clone(), price }).await?;
            }
            Ok::<_, CapabilityError>(())
        };
        self.store.write(&ctx, stock).await?;
        Ok(ctx)
    }

    /// Installs and enables a plugin with all that it asks for.
    pub(crate) async fn install(&self, ctx: &Ctx, plugin: &str) -> Result<()> {
        let find = async |mut tx| plugin_get(&mut tx, plugin).await;
        let granted = self.store.platform_read(&self.origin(), find).await?.latest.manifest.wishes();
        let input = InstallIn { plugin: plugin.to_owned(), version: None, granted, settings: None };
        let add = async |mut tx| {
            let install = install_create(&mut tx, &input).await?;
            install_enable(&mut tx, install.id).await
        };
        let installed: Result<_, PlatformError> = self.store.write(ctx, add).await;
        installed?;
        self.runtime.refresh().await;
        Ok(())
    }

    /// A storefront's token.
    pub(crate) async fn token(&self, ctx: &Ctx) -> Result<String> {
        let by = Principal::system("bench");
        let scope = Scope::Tenant(ctx.tenant().id);
        let input = TokenIn { name: "bench".to_owned(), role: Role::Shop, scope, customer: None, lifetime_millis: None };
        let create = async |mut tx| token_create(&mut tx, &by, &input).await;
        Ok(self.store.platform_write(&self.origin(), create).await?.1.reveal().to_owned())
    }
}
