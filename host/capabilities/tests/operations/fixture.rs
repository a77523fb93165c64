//! A shop to test with: a tenant, some SKUs, and plugins that are functions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use heptad_capabilities::CapabilityError;
use heptad_capabilities::extensions::{
    Answer, CallTrace, Candidate, CartView, Denial, Extensions, ExtensionsUnavailable, Operation, Outcome, Serving,
    Strategy, Targets, Value,
};
use heptad_capabilities::mall::cart::CartLine;
use heptad_capabilities::mall::catalog::{ProductIn, SkuIn, product_create, sku_create};
use heptad_capabilities::mall::order::orders_purchased;
use heptad_capabilities::members::{Customer, CustomerIn, customer_create};
use heptad_model::id::{CallId, InstallId, ProductId, TenantId, VersionId};
use heptad_model::text::Argument;
use heptad_model::{Actor, Ctx, Currency, Env, Locale, Manifest, Millis, Minor, Origin, Point, Tenant, Text};
use heptad_store::{Store, Tx};

/// 2026-01-02T03:04:05Z.
pub(crate) const NOW: i64 = 1_767_323_045_000;

pub(crate) fn ctx_of(env: &Env, currency: &str, zone: &str) -> Ctx {
    let tenant = Tenant {
        id: TenantId::generate(env),
        publisher: None,
        currency: Currency::parse(currency).unwrap(),
        time_zone: zone.to_owned(),
        locale: Locale::ZhCn,
    };
    Origin::new(Actor::System("test".to_owned()), Locale::En, env.clone()).for_tenant(Arc::new(tenant))
}

pub(crate) fn ctx(env: &Env) -> Ctx {
    ctx_of(env, "CNY", "Asia/Shanghai")
}

pub(crate) fn minor(amount: i64) -> Minor {
    Minor::new(amount).unwrap()
}

pub(crate) fn lines(lines: &[(&str, u32)]) -> Vec<CartLine> {
    lines.iter().map(|(sku, quantity)| CartLine { sku: (*sku).to_owned(), quantity: *quantity }).collect()
}

/// Runs one operation in a transaction of its own.
macro_rules! run {
    ($store:expr, $ctx:expr, $operation:path $(, $argument:expr)*) => {
        $store.write(&$ctx, async |mut tx: heptad_store::Tx| $operation(&mut tx $(, $argument)*).await).await
    };
}
pub(crate) use run;

/// Makes a product with these SKUs at these prices.
pub(crate) async fn shop(store: &Store, ctx: &Ctx, skus: &[(&str, i64)]) -> ProductId {
    let made = async |mut tx: Tx| {
        let input = ProductIn {
            code: "tea".to_owned(),
            name: "Tea".to_owned(),
            category: String::new(),
            tags: vec!["drinks".to_owned()],
        };
        let product = product_create(&mut tx, input).await?;
        for (code, price) in skus {
            let input = SkuIn {
                code: (*code).to_owned(),
                product: product.id,
                name: format!("Tea {code}"),
                price: minor(*price),
            };
            sku_create(&mut tx, input).await?;
        }
        Ok::<_, CapabilityError>(product.id)
    };
    store.write(ctx, made).await.unwrap()
}

pub(crate) async fn customer(store: &Store, ctx: &Ctx) -> Customer {
    run!(store, ctx, customer_create, CustomerIn { name: Some("Li Lei".to_owned()), ..CustomerIn::default() }).unwrap()
}

const MANIFEST: &str = r#"
name = "NAME"
version = "1.2.3"
publisher = "heptad"
contract = "0.1"
license = "0BSD"
points = ["discount.order"]

[locales.zh-CN]
name = "测试"
summary = "测试"
messages = { off = "减 {amount}", limit = "最多 {n} 件" }

[locales.en]
name = "Test"
summary = "Test"
messages = { off = "{amount} off", limit = "at most {n}" }
"#;

/// What a plugin makes of a cart.
type Offer = dyn Fn(&CartView) -> Vec<Operation> + Send + Sync;

/// What a plugin does when it is asked.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// Offers these operations.
    Offer(Arc<Offer>),
    /// Allows at most so many of each SKU for a customer, over all time.
    Limit(Store, i64),
    /// Fails.
    Fail,
}

#[derive(Clone)]
pub(crate) struct FakePlugin {
    pub(crate) point: Point,
    pub(crate) serving: Serving,
    pub(crate) behaviour: Behaviour,
}

/// Plugins that are functions.
#[derive(Clone, Default)]
pub(crate) struct Fakes {
    pub(crate) plugins: Vec<FakePlugin>,
}

impl Fakes {
    pub(crate) fn with(mut self, env: &Env, name: &str, point: Point, behaviour: Behaviour) -> Self {
        let serving = Serving {
            install: InstallId::generate(env),
            version: VersionId::generate(env),
            manifest: Arc::new(Manifest::from_toml(&MANIFEST.replace("NAME", name)).unwrap()),
            digest: "00".repeat(32),
            revision: "1".to_owned(),
            failure: BTreeMap::new(),
        };
        self.plugins.push(FakePlugin { point, serving, behaviour });
        self
    }

    pub(crate) fn offering(
        self,
        env: &Env,
        name: &str,
        point: Point,
        offer: impl Fn(&CartView) -> Vec<Operation> + Send + Sync + 'static,
    ) -> Self {
        self.with(env, name, point, Behaviour::Offer(Arc::new(offer)))
    }

    fn answer<T>(&self, ctx: &Ctx, serving: &Serving, point: Point, value: Option<T>) -> Answer<T> {
        let outcome = match value {
            Some(_) => Outcome::Answered,
            None => Outcome::Failed { code: "trap".to_owned(), message: "it trapped".to_owned() },
        };
        let trace = CallTrace {
            call: CallId::generate(&ctx.env),
            install: serving.install,
            plugin: serving.manifest.name.clone(),
            version: serving.manifest.version.clone(),
            digest: serving.digest.clone(),
            point,
            outcome,
            fuel: 1,
            micros: 1,
            host_calls: 0,
            log: Vec::new(),
            peak_memory: 0,
            bytes_in: 0,
            bytes_out: 0,
            write_micros: 0,
            limits: Vec::new(),
        };
        Answer { value, trace }
    }

    fn behaviour(&self, serving: &Serving) -> Behaviour {
        self.plugins.iter().find(|plugin| plugin.serving.install == serving.install).unwrap().behaviour.clone()
    }
}

impl Extensions for Fakes {
    async fn serving(&self, _: &Ctx, point: Point) -> Result<Vec<Arc<Serving>>, ExtensionsUnavailable> {
        Ok(self
            .plugins
            .iter()
            .filter(|plugin| plugin.point == point)
            .map(|plugin| Arc::new(plugin.serving.clone()))
            .collect())
    }

    async fn discounts(
        &self,
        ctx: &Ctx,
        serving: &Serving,
        point: Point,
        cart: &CartView,
        _until: Instant,
    ) -> Answer<Vec<Operation>> {
        let value = match self.behaviour(serving) {
            Behaviour::Offer(offer) => Some(offer(cart)),
            _ => None,
        };
        self.answer(ctx, serving, point, value)
    }

    async fn validate(
        &self,
        ctx: &Ctx,
        serving: &Serving,
        point: Point,
        cart: &CartView,
        _until: Instant,
    ) -> Answer<Vec<Denial>> {
        let Behaviour::Limit(store, most) = self.behaviour(serving) else {
            return self.answer(ctx, serving, point, None);
        };
        let codes: Vec<String> = cart.lines.iter().map(|line| line.sku.clone()).collect();
        let customer = cart.customer.clone().unwrap_or_default();
        let bought = async |mut tx: Tx| orders_purchased(&mut tx, &customer, &codes, Millis::new(0)).await;
        let bought = store.read(ctx, bought).await.unwrap();
        let over =
            cart.lines.iter().zip(&bought).find(|(line, bought)| i64::from(line.quantity) + bought.quantity > most);
        let denial = over.map(|(line, _)| Denial {
            reason: Text { code: "limit".to_owned(), arguments: vec![("n".to_owned(), Argument::Number(most))] },
            // The second is no line of the cart; it is left out.
            lines: vec![line.index, 4_000],
        });
        self.answer(ctx, serving, point, Some(denial.into_iter().collect()))
    }
}

/// An operation with one candidate on the whole order.
pub(crate) fn off(value: Value) -> Operation {
    let reason =
        Text { code: "off".to_owned(), arguments: vec![("amount".to_owned(), Argument::Text("some".to_owned()))] };
    Operation {
        candidates: vec![Candidate { targets: Targets::Order, value, reason }],
        strategy: Strategy::All,
        exclusivity_group: None,
    }
}

pub(crate) fn yuan(amount: i64) -> Value {
    Value::Amount { amount, currency: "CNY".to_owned() }
}

/// The futures of the operations that a server spawns can move between threads.
#[test]
fn operations_can_be_spawned() {
    fn movable<T: Send>(_: &T) {}
    fn check(
        store: &Store,
        fakes: &Fakes,
        ctx: &Ctx,
        quote: heptad_model::id::QuoteId,
        cart: heptad_model::id::CartId,
    ) {
        use heptad_capabilities::mall::{
            order::order_place,
            quote::{QuoteIn, quote_create},
        };
        movable(&order_place(store, fakes, ctx, quote, None));
        movable(&quote_create(store, fakes, ctx, QuoteIn::Cart(cart)));
    }
    let _ = check;
}
