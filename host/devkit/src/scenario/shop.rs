//! The shop of a scenario: made as the scenario says, with the plugin installed and enabled.

use std::sync::{Arc, Mutex, PoisonError};

use heptad_capabilities::CapabilityError;
use heptad_capabilities::extensions::CallTrace;
use heptad_capabilities::mall::cart::CartLine;
use heptad_capabilities::mall::catalog::{ProductIn, SkuIn, product_create, sku_create};
use heptad_capabilities::mall::inventory::level_set;
use heptad_capabilities::mall::order::{Order, order_place};
use heptad_capabilities::mall::payment::{PaymentIn, payment_record};
use heptad_capabilities::mall::quote::{QuoteIn, Quoted, quote_create};
use heptad_capabilities::members::points::{Movement, points_earn};
use heptad_capabilities::members::{CustomerIn, customer_create};
use heptad_model::id::CustomerId;
use heptad_model::{Actor, Ctx, Currency, Env, Event, Locale, Millis, Minor, Money, Origin};
use heptad_platform::PlatformError;
use heptad_platform::install::{Grants, Install, InstallIn, install_create, install_enable, install_secret_put};
use heptad_platform::tenant::{TenantIn, tenant_create};
use heptad_runtime::Runtime;
use heptad_runtime::limits::Budget;
use heptad_store::{PlatformTx, Store, Tx};
use serde_json::Value;

use super::file::{self, CartIn, Scenario, ShopIn};
use super::names::Names;
use super::servers::Servers;
use super::{Bench, ScenarioError};

/// The location where a shop's stock lies.
pub(super) const LOCATION: &str = "main";

/// What a call into the plugin was, and how much it might have used.
pub(super) type Called = (CallTrace, Option<Budget>);

/// A shop.
pub(super) struct Shop {
    pub(super) store: Store,
    pub(super) runtime: Arc<Runtime>,
    pub(super) env: Env,
    pub(super) ctx: Ctx,
    pub(super) names: Names,
    pub(super) servers: Servers,
    customers: Vec<String>,
    orders: usize,
    calls: Arc<Mutex<Vec<Called>>>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Shop {
    /// Makes the shop, and installs the plugin in it.
    pub(super) async fn make(
        bench: &Bench,
        store: Store,
        scenario: &Scenario,
    ) -> Result<(Self, Install), ScenarioError> {
        let (env, tenant) = founded(&scenario.shop)?;
        let origin = Origin::new(Actor::System("scenario".to_owned()), tenant.locale, env.clone());
        let create = async |mut tx: PlatformTx| tenant_create(&mut tx, &tenant).await;
        let record = store.platform_write(&origin, create).await?;
        let ctx = origin.for_tenant(record.tenant.clone());
        let servers = Servers::new(scenario.servers.clone());
        let runtime = bench.runtime(&store, &env, servers.clone()).await?;
        let mut names = Names::default();
        for (code, id) in furnish(&store, &ctx, scenario).await? {
            names.add(&code, id);
        }
        let (calls, events) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let customers = scenario.customers.iter().map(|customer| customer.code.clone()).collect();
        let mut shop = Self {
            customers,
            orders: 0,
            calls: calls.clone(),
            events: events.clone(),
            store,
            runtime,
            env,
            ctx,
            names,
            servers,
        };
        for (at, cart) in scenario.orders.iter().enumerate() {
            let placed = shop.order(cart).await?;
            placed.map_err(|error| ScenarioError::shop(format!("orders[{at}]"), error))?;
        }
        let install = installed(&shop, bench, &scenario.plugin).await?;
        shop.runtime.refresh().await;
        shop.runtime.on_calls(move |trace, budget| lock(&calls).push((trace.clone(), budget)));
        let tenant = shop.ctx.tenant().id;
        shop.store.on_events(move |ctx, told| {
            if ctx.tenant().id == tenant {
                lock(&events).extend(told.iter().cloned());
            }
        });
        Ok((shop, install))
    }

    /// The calls since the last time.
    pub(super) fn take_calls(&self) -> Vec<Called> {
        std::mem::take(&mut *lock(&self.calls))
    }

    /// What was told since the last time.
    pub(super) fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *lock(&self.events))
    }

    /// The codes of the customers.
    pub(super) fn customers(&self) -> &[String] {
        &self.customers
    }

    /// Prices a cart; the inner error is the shop's refusal.
    pub(super) async fn quote(&self, cart: &CartIn) -> Result<Result<Quoted, CapabilityError>, ScenarioError> {
        let customer = cart.customer.as_deref().map(|code| self.customer(code)).transpose()?;
        let line = |line: &file::LineIn| CartLine { sku: line.sku.clone(), quantity: line.quantity };
        let input = QuoteIn::Lines { customer, lines: cart.lines.iter().map(line).collect() };
        Ok(quote_create(&self.store, &*self.runtime, &self.ctx, input).await)
    }

    /// Orders a cart, and pays it where the scenario says so; the inner error is the shop's refusal.
    pub(super) async fn order(&mut self, cart: &CartIn) -> Result<Result<Order, CapabilityError>, ScenarioError> {
        let quoted = match self.quote(cart).await? {
            Ok(quoted) => quoted,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let placed = order_place(&self.store, &*self.runtime, &self.ctx, quoted.quote.id, None).await;
        let order = match placed {
            Ok(placed) => placed.value,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.orders += 1;
        let head = &order.head;
        self.names.add(&format!("order-{}", self.orders), head.id);
        if cart.paid {
            let payment = PaymentIn {
                amount: Money { amount: head.total, currency: head.currency },
                method: "scenario".to_owned(),
                reference: format!("scenario-{}", self.orders),
            };
            let pay = async |mut tx: Tx| payment_record(&mut tx, head.id, payment.clone(), None).await.map(drop);
            self.store.write(&self.ctx, pay).await?;
        }
        Ok(Ok(order))
    }

    /// A customer by the scenario's code.
    pub(super) fn customer(&self, code: &str) -> Result<CustomerId, ScenarioError> {
        let id = self.names.id(code).and_then(|id| CustomerId::parse(id).ok());
        id.ok_or_else(|| ScenarioError::shop(format!("customer `{code}`"), "is not among [[customers]]"))
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clock and the shop's own words.
fn founded(input: &ShopIn) -> Result<(Env, TenantIn), ScenarioError> {
    let wrong = |name: &str, problem: String| ScenarioError::shop(format!("shop.{name}"), problem);
    let now = Millis::parse_rfc3339(&input.now);
    let now = now.ok_or_else(|| wrong("now", "is a moment such as 2026-01-01T12:00:00+08:00".to_owned()))?;
    let currency = Currency::parse(&input.currency).map_err(|error| wrong("currency", error.to_string()))?;
    let locale = Locale::parse(&input.locale);
    let locale = locale.ok_or_else(|| wrong("locale", "is `zh-CN` or `en`".to_owned()))?;
    let tenant = TenantIn {
        slug: "scenario".to_owned(),
        name: "Scenario".to_owned(),
        currency,
        time_zone: input.time_zone.clone(),
        locale,
    };
    Ok((Env::fixed(now.as_millis()), tenant))
}

/// Puts a scenario's SKUs and customers into a shop that is there; the customers' ids by their codes.
pub async fn furnish(
    store: &Store,
    ctx: &Ctx,
    scenario: &Scenario,
) -> Result<Vec<(String, CustomerId)>, ScenarioError> {
    stock(store, ctx, &scenario.skus).await?;
    let mut customers = Vec::new();
    for (at, customer) in scenario.customers.iter().enumerate() {
        let id = welcome(store, ctx, customer).await;
        let id = id.map_err(|error| ScenarioError::shop(format!("customers[{at}]"), error))?;
        customers.push((customer.code.clone(), id));
    }
    Ok(customers)
}

async fn stock(store: &Store, ctx: &Ctx, skus: &[file::SkuIn]) -> Result<(), ScenarioError> {
    for (at, sku) in skus.iter().enumerate() {
        let put = async |mut tx: Tx| {
            let name = sku.name.clone().unwrap_or_else(|| sku.code.clone());
            let (code, tags) = (sku.code.clone(), sku.tags.clone());
            let category = sku.category.clone();
            let product = product_create(&mut tx, ProductIn { code: code.clone(), name: name.clone(), category, tags });
            let product = product.await?.id;
            let price = Minor::new(sku.price)?;
            sku_create(&mut tx, SkuIn { code: code.clone(), product, name, price }).await?;
            level_set(&mut tx, &code, LOCATION, sku.stock).await?;
            Ok::<_, CapabilityError>(())
        };
        store.write(ctx, put).await.map_err(|error| ScenarioError::shop(format!("skus[{at}]"), error))?;
    }
    Ok(())
}

async fn welcome(store: &Store, ctx: &Ctx, customer: &file::CustomerIn) -> Result<CustomerId, CapabilityError> {
    let file::CustomerIn { code, name, email, phone, tier, tags, points } = customer.clone();
    let input = CustomerIn { code: Some(code), name, email, phone, tier, tags };
    let create = async |mut tx: Tx| {
        let id = customer_create(&mut tx, input.clone()).await?.id;
        if points > 0 {
            let (request, reason) = (format!("scenario-{id}"), "scenario".to_owned());
            points_earn(&mut tx, &[Movement { request, customer: id.to_string(), amount: points, reason }]).await?;
        }
        Ok(id)
    };
    store.write(ctx, create).await
}

/// Installs the plugin with all that is not declined, and enables it.
async fn installed(shop: &Shop, bench: &Bench, input: &file::PluginIn) -> Result<Install, ScenarioError> {
    let manifest = bench.manifest();
    let is_granted = |name: &str| !input.declined.iter().any(|declined| declined == name);
    let known = |name: &String| {
        manifest.permissions.iter().any(|wish| wish.name.to_string() == *name) || manifest.wishes_host(name)
    };
    if let Some(unknown) = input.declined.iter().find(|name| !known(name)) {
        return Err(ScenarioError::shop("plugin.declined", format!("the manifest does not ask for `{unknown}`")));
    }
    let permissions = manifest.permissions.iter().map(|wish| wish.name).filter(|name| is_granted(&name.to_string()));
    let hosts = manifest.hosts.iter().map(|wish| wish.name.clone()).filter(|name| is_granted(name));
    let input_of = InstallIn {
        plugin: manifest.name.clone(),
        version: None,
        granted: Grants { permissions: permissions.collect(), hosts: hosts.collect() },
        settings: manifest.settings.is_some().then(|| Value::Object(input.settings.clone())),
    };
    let vault = shop.runtime.vault();
    let install = async |mut tx: Tx| {
        let install = install_create(&mut tx, &input_of).await?;
        for (name, value) in &input.secrets {
            install_secret_put(&mut tx, vault, install.id, name, value).await?;
        }
        install_enable(&mut tx, install.id).await
    };
    let done: Result<Install, PlatformError> = shop.store.write(&shop.ctx, install).await;
    done.map_err(|error| match error {
        PlatformError::Settings(fields) => {
            let fields = fields.iter().map(|field| format!("{}: {}", field.pointer, field.message));
            ScenarioError::shop("plugin.settings", fields.collect::<Vec<_>>().join("; "))
        }
        error => ScenarioError::shop("plugin", error),
    })
}
