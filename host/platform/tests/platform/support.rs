//! What the tests begin with: a shop or two, a publisher, an approved plugin.

use heptad_model::{Ctx, Currency, Env, Locale, Manifest, Origin, Permission, PermissionSet};
use heptad_platform::PlatformError;
use heptad_platform::catalog::{PluginVersion, Review, VersionIn, version_review, version_submit};
use heptad_platform::install::{Install, InstallIn, install_create};
use heptad_platform::publisher::{Publisher, publisher_create};
use heptad_platform::tenant::{TenantIn, TenantRecord, tenant_create};
use heptad_store::Store;
use serde_json::{Value, json};

/// A moment of 2026 in milliseconds since 1970.
pub(crate) const NOW: i64 = 1_767_225_600_000;

pub(crate) fn origin(env: &Env) -> Origin {
    Origin::system("test", env.clone())
}

pub(crate) async fn shop(store: &Store, env: &Env, slug: &str) -> TenantRecord {
    let input = TenantIn {
        slug: slug.to_owned(),
        name: format!("Shop {slug}"),
        currency: Currency::parse("CNY").unwrap(),
        time_zone: "Asia/Shanghai".to_owned(),
        locale: Locale::ZhCn,
    };
    store.platform_write(&origin(env), async |mut tx| tenant_create(&mut tx, &input).await).await.unwrap()
}

pub(crate) async fn ctx(store: &Store, env: &Env, slug: &str) -> Ctx {
    origin(env).for_tenant(shop(store, env, slug).await.tenant)
}

pub(crate) async fn publisher(store: &Store, env: &Env, slug: &str) -> Publisher {
    store
        .platform_write(&origin(env), async |mut tx| publisher_create(&mut tx, slug, "Some maker").await)
        .await
        .unwrap()
}

/// A manifest that requires the catalog, and would like tags and stock.
pub(crate) fn manifest_json(publisher: &str, name: &str, version: &str) -> Value {
    let words = json!({"name": format!("Plugin {name}"), "summary": "Ten percent off 100%"});
    let purpose = json!({"zh-CN": "计算价格", "en": "To compute prices"});
    json!({
        "name": name, "version": version, "publisher": publisher, "contract": heptad_model::manifest::CONTRACT,
        "license": "Apache-2.0", "points": ["discount.lines"],
        "permissions": [
            {"name": "mall.catalog.read", "purpose": purpose},
            {"name": "members.tags.read", "optional": true, "purpose": purpose},
            {"name": "mall.inventory.read", "optional": true, "purpose": purpose},
        ],
        "settings": {"type": "object", "required": ["percent"], "properties": {
            "percent": {"type": "integer", "minimum": 0, "maximum": 100},
            "mode": {"type": "string", "enum": ["all", "best"], "default": "all"},
        }},
        "locales": {"zh-CN": words, "en": words},
    })
}

pub(crate) fn manifest(publisher: &str, name: &str, version: &str) -> Manifest {
    Manifest::from_json(manifest_json(publisher, name, version).to_string().as_bytes()).unwrap()
}

pub(crate) fn version_in(manifest: Manifest, digit: char) -> VersionIn {
    VersionIn {
        signed_by: None,
        manifest,
        digest: digit.to_string().repeat(64),
        size: 1000,
        imports: vec!["heptad:mall/catalog#skus".to_owned()],
    }
}

pub(crate) async fn submit(
    store: &Store,
    env: &Env,
    by: &Publisher,
    input: &VersionIn,
) -> Result<PluginVersion, PlatformError> {
    let submit = async |mut tx| Ok(version_submit(&mut tx, by.id, input).await?.version);
    store.platform_write(&origin(env), submit).await
}

pub(crate) async fn approve(store: &Store, env: &Env, version: &PluginVersion) -> PluginVersion {
    let review = async |mut tx| version_review(&mut tx, version.id, Review::Approve, "").await;
    store.platform_write(&origin(env), review).await.unwrap()
}

/// Submits and approves `name` 1.0.0.
pub(crate) async fn approved(store: &Store, env: &Env, by: &Publisher, name: &str) -> PluginVersion {
    let submitted = submit(store, env, by, &version_in(manifest(&by.slug, name, "1.0.0"), 'a')).await.unwrap();
    approve(store, env, &submitted).await
}

pub(crate) fn granted(permissions: &[Permission]) -> PermissionSet {
    permissions.iter().copied().collect()
}

/// The catalog alone, and a whole setting.
pub(crate) fn install_in(plugin: &str) -> InstallIn {
    InstallIn {
        plugin: plugin.to_owned(),
        version: None,
        granted: granted(&[Permission::MallCatalogRead]).into(),
        settings: Some(json!({"percent": 10})),
    }
}

pub(crate) async fn install(store: &Store, ctx: &Ctx, input: &InstallIn) -> Result<Install, PlatformError> {
    store.write(ctx, async |mut tx| install_create(&mut tx, input).await).await
}

/// Runs again while the database reports a conflict, as a caller that is told to try again would. A macro, because the
/// compiler does not yet see that an async closure which borrows may be sent to another thread.
macro_rules! until_settled {
    ($run:expr) => {
        loop {
            match $run.await {
                Err(error) if error.code() == "busy" => {}
                result => break result,
            }
        }
    };
}
pub(crate) use until_settled;

/// What the server spawns has to be sendable; the compiler checks it here.
pub(crate) fn sendable<F: Future + Send>(future: F) -> F {
    future
}
