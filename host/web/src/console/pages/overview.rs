//! Where a person begins: the first of the places, and a shop at a glance.

use askama::Template;
use axum::extract::State;
use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::catalog::product_list;
use heptad_capabilities::mall::order::order_list;
use heptad_model::PageRequest;
use heptad_platform::install_list;

use super::go;
use super::installs::InstallRow;
use super::orders::OrderRow;
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::shell::{Shell, base, page};
use crate::console::visit::Visit;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "no_place.html")]
struct NoPlacePage {
    shell: Shell,
}

/// `GET /console`: the first place of the person.
pub(in crate::console) async fn home(visit: Visit) -> ConsoleResult {
    let Some(person) = &visit.person else { return Err(Failure::SignIn("/console".to_owned())) };
    match person.places.first() {
        Some(place) => Ok(go(base(place))),
        None => page(&NoPlacePage { shell: Shell::outside(&visit) }),
    }
}

/// Something to do next.
struct Step {
    key: &'static str,
    done: bool,
    url: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    shell: Shell,
    name: String,
    currency: &'static str,
    zone: String,
    steps: Vec<Step>,
    all_done: bool,
    enabled: usize,
    installed: usize,
    plugins: Vec<InstallRow>,
    orders: Vec<OrderRow>,
}

/// How many orders are shown.
const LAST_ORDERS: u32 = 5;

/// `GET /console/shops/{shop}`.
pub(in crate::console) async fn show(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let few = PageRequest::new(None, Some(LAST_ORDERS))?;
    let one = PageRequest::new(None, Some(1))?;
    let read = async |mut tx: heptad_store::Tx| {
        let installs = install_list(&mut tx).await?;
        let orders = order_list(&mut tx, &few).await?;
        let products = product_list(&mut tx, &one).await?;
        Ok::<_, CapabilityError>((installs, orders, products))
    };
    let (installs, orders, products) = state.store.read(&shop.ctx, read).await?;
    let enabled = installs.iter().filter(|install| install.is_enabled()).count();
    let plugins_page = shop.url("/plugins");
    let steps = vec![
        Step { key: "step-products", done: !products.items.is_empty(), url: shop.url("/products") },
        Step { key: "step-install", done: !installs.is_empty(), url: shop.url("/catalog") },
        Step { key: "step-enable", done: enabled > 0, url: plugins_page },
        Step {
            key: "step-cart",
            done: orders.items.iter().any(|order| order.source == "shop"),
            url: shop.url("/carts"),
        },
    ];
    page(&OverviewPage {
        name: shop.record.name.clone(),
        currency: shop.record.tenant.currency.code(),
        zone: shop.record.tenant.time_zone.clone(),
        all_done: steps.iter().all(|step| step.done),
        steps,
        enabled,
        installed: installs.len(),
        plugins: installs.iter().map(|install| InstallRow::of(&shop, install)).collect(),
        orders: orders.items.iter().map(|order| OrderRow::of(&shop, order)).collect(),
        shell: shop.shell,
    })
}
