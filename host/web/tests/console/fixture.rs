//! Shops, people and plugins for the tests.

use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::catalog::{ProductIn, SkuIn, product_create, sku_create};
use heptad_capabilities::members::{Customer, CustomerIn, customer_create};
use heptad_model::manifest::PermissionWish;
use heptad_model::{Minor, Permission};
use heptad_platform::catalog::{Review, VersionIn, version_review, version_submit};
use heptad_platform::user::{HeldRole, User};
use heptad_platform::{PlatformError, Role, Scope};
use heptad_runtime::Package;
use heptad_store::testing::TestDatabase;
use heptad_web::testing::{TestHost, TestShop, repacked};

/// A host with one shop and its owner.
pub(crate) struct World {
    pub(crate) host: TestHost,
    pub(crate) shop: TestShop,
    pub(crate) owner: User,
}

impl World {
    /// A shop in CNY with two tagged products, one plain, and a gold customer.
    pub(crate) async fn start(database: TestDatabase) -> Self {
        let host = TestHost::start(database).await;
        let shop = host.shop("tea", "CNY").await;
        let owner = host.person(&[role(Role::Owner, &shop)]).await;
        let world = Self { host, shop, owner };
        world.product("T1", "龙井 <b>250g</b>", 10_000, &["member-price"]).await;
        world.product("T2", "Oolong & friends", 5_000, &["member-price"]).await;
        world.product("T3", "Teapot", 30_000, &[]).await;
        world.customer("C1", "金卡顾客", Some("gold")).await;
        world
    }

    /// The address of a page of the shop.
    pub(crate) fn at(&self, end: &str) -> String {
        format!("/console/shops/tea{end}")
    }

    pub(crate) async fn product(&self, code: &str, name: &str, price: i64, tags: &[&str]) {
        let ctx = self.host.ctx(&self.shop);
        let input = ProductIn {
            code: format!("P-{code}"),
            name: name.to_owned(),
            category: "Tea".to_owned(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        let write = async |mut tx: heptad_store::Tx| {
            let product = product_create(&mut tx, input.clone()).await?;
            let sku =
                SkuIn { code: code.to_owned(), product: product.id, name: name.to_owned(), price: Minor::new(price)? };
            sku_create(&mut tx, sku).await
        };
        let made: Result<_, CapabilityError> = self.host.state.store.write(&ctx, write).await;
        made.unwrap();
    }

    pub(crate) async fn customer(&self, code: &str, name: &str, tier: Option<&str>) -> Customer {
        let ctx = self.host.ctx(&self.shop);
        let input = CustomerIn {
            code: Some(code.to_owned()),
            name: Some(name.to_owned()),
            tier: tier.map(str::to_owned),
            ..CustomerIn::default()
        };
        let write = async |mut tx: heptad_store::Tx| customer_create(&mut tx, input.clone()).await;
        self.host.state.store.write(&ctx, write).await.unwrap()
    }
}

/// A role in a shop.
pub(crate) fn role(role: Role, shop: &TestShop) -> HeldRole {
    HeldRole { role, scope: Scope::Tenant(shop.record.tenant.id) }
}

/// Member pricing with two more wishes that it does not need, both optional: four in all.
pub(crate) async fn member_pricing_with_four_permissions(host: &TestHost) {
    let packed = repacked("member-pricing", |manifest| {
        for name in [Permission::MembersTagsRead, Permission::MallInventoryRead] {
            let purpose = [("zh-CN", "以后按标签定价"), ("en", "for prices by tag, later")];
            let purpose = purpose.into_iter().map(|(tag, text)| (tag.to_owned(), text.to_owned())).collect();
            manifest.permissions.push(PermissionWish { name, optional: true, purpose });
        }
    });
    submit(host, &packed, true).await;
}

/// Submits a packed plugin by the publisher that it names, and approves it if wanted.
pub(crate) async fn submit(host: &TestHost, packed: &[u8], approve: bool) {
    let package = Package::open(packed.to_vec()).unwrap();
    let input = VersionIn::from(host.state.runtime.admit(package).await.unwrap());
    let publisher = host.publisher(&input.manifest.publisher).await.id;
    let write = async |mut tx| {
        let submitted = version_submit(&mut tx, publisher, &input).await?;
        if approve {
            version_review(&mut tx, submitted.version.id, Review::Approve, "").await?;
        }
        Ok::<_, PlatformError>(())
    };
    host.state.store.platform_write(&host.origin(), write).await.unwrap();
}
