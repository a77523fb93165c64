//! Orders: the list, and an order with its lines, its payments and why its prices are what they are.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_capabilities::mall::catalog::{Sku, sku_get_many};
use heptad_capabilities::mall::order::{Order, OrderHead, OrderLine, OrderStatus, order_get, order_list, order_trace};
use heptad_capabilities::mall::payment::{Payment, PaymentIn, payment_list, payment_record};
use heptad_capabilities::mall::trace::Trace;
use heptad_capabilities::members::{Customer, customer_get};
use heptad_capabilities::{CapabilityError, IdempotencyKey};
use heptad_model::id::OrderId;
use heptad_model::{Minor, Money};
use heptad_platform::install_list;

use super::{catalog, go};
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::{Asks, Fields, Listing};
use crate::console::look;
use crate::console::shell::{Shell, page, page_with};
use crate::console::telling;
use crate::console::why::{LinePart, Reader, Why};
use crate::state::AppState;

/// Orders on a page.
const PER_PAGE: u32 = 50;

/// An order in a list.
pub(super) struct OrderRow {
    pub(super) url: String,
    pub(super) number: String,
    pub(super) placed: String,
    pub(super) status: String,
    pub(super) tone: &'static str,
    pub(super) discount: String,
    pub(super) total: String,
    pub(super) source: String,
}

impl OrderRow {
    pub(super) fn of(shop: &Shop, order: &OrderHead) -> Self {
        let (status, tone) = status(shop, order.status);
        Self {
            url: shop.url(format_args!("/orders/{}", order.id)),
            number: order.number.clone(),
            placed: shop.look.time(order.placed_at),
            status,
            tone,
            discount: shop.look.off(order.currency, order.discount),
            total: shop.look.money(order.currency, order.total),
            source: source(shop, &order.source),
        }
    }
}

fn source(shop: &Shop, source: &str) -> String {
    if source == "shop" {
        shop.words().t("order-source-shop")
    } else {
        shop.words().t1("order-source-import", "name", source)
    }
}

fn status(shop: &Shop, status: OrderStatus) -> (String, &'static str) {
    let tone = match status {
        OrderStatus::Created => "warn",
        OrderStatus::Paid | OrderStatus::Completed => "good",
        OrderStatus::Cancelled => "bad",
    };
    let key = match status {
        OrderStatus::Created => "order-created",
        OrderStatus::Paid => "order-paid-status",
        OrderStatus::Completed => "order-completed",
        OrderStatus::Cancelled => "order-cancelled",
    };
    (shop.words().t(key), tone)
}

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersPage {
    shell: Shell,
    orders: Vec<OrderRow>,
    next: Option<String>,
}

/// `GET …/orders`.
pub(in crate::console) async fn list(
    shop: Shop,
    State(state): State<AppState>,
    Asks(listing): Asks<Listing>,
) -> ConsoleResult {
    let asked = listing.page(PER_PAGE)?;
    let found = state.store.read(&shop.ctx, async |mut tx| order_list(&mut tx, &asked).await).await?;
    let orders = found.items.iter().map(|order| OrderRow::of(&shop, order)).collect();
    page(&OrdersPage { orders, next: found.next, shell: shop.shell })
}

/// A line with what was given on it.
pub(super) struct LineRow {
    pub(super) name: String,
    pub(super) sku: String,
    pub(super) quantity: u32,
    pub(super) unit_price: String,
    pub(super) derived: bool,
    pub(super) subtotal: String,
    pub(super) discount: String,
    pub(super) total: String,
    pub(super) parts: Vec<LinePart>,
}

struct PaymentRow {
    at: String,
    method: String,
    reference: String,
    amount: String,
}

/// The form of a payment, as it was typed.
#[derive(Default)]
struct PaymentForm {
    amount: String,
    method: String,
    reference: String,
    key: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    shell: Shell,
    url: String,
    events_url: String,
    number: String,
    placed: String,
    status: String,
    tone: &'static str,
    source: String,
    customer: Option<(String, String)>,
    lines: Vec<LineRow>,
    subtotal: String,
    discount: String,
    total: String,
    paid: String,
    left: Option<String>,
    currency: &'static str,
    payments: Vec<PaymentRow>,
    form: PaymentForm,
    why: Why,
    why_empty: String,
}

struct Found {
    order: Order,
    trace: Trace,
    payments: Vec<Payment>,
    customer: Option<Customer>,
    names: HashMap<String, String>,
    skus: Vec<Sku>,
}

/// A SKU with its product: the SKU's own name often says only which variant it is.
pub(super) fn sku_title(sku: &Sku) -> String {
    match sku.name.contains(&sku.product_name) {
        true => sku.name.clone(),
        false => format!("{} · {}", sku.product_name, sku.name),
    }
}

/// The names of the shop's plugins for people.
pub(super) fn plugin_names(shop: &Shop, installs: &[heptad_platform::Install]) -> HashMap<String, String> {
    installs.iter().map(|install| (install.plugin.clone(), catalog::title(shop, &install.manifest).0)).collect()
}

async fn fetch(state: &AppState, shop: &Shop, id: OrderId) -> Result<Found, Failure> {
    let read = async |mut tx: heptad_store::Tx| {
        let order = order_get(&mut tx, id).await?;
        let trace = order_trace(&mut tx, id).await?;
        let payments = payment_list(&mut tx, id).await?;
        let customer = match order.head.customer {
            Some(customer) => Some(customer_get(&mut tx, customer).await?),
            None => None,
        };
        let names = plugin_names(shop, &install_list(&mut tx).await?);
        let codes: Vec<String> = order.lines.iter().map(|line| line.sku.clone()).collect();
        let skus = sku_get_many(&mut tx, &codes).await?;
        Ok::<_, CapabilityError>(Found { order, trace, payments, customer, names, skus })
    };
    Ok(state.store.read(&shop.ctx, read).await?)
}

/// The name that stands for a customer.
pub(super) fn customer_title(customer: &Customer) -> String {
    customer.name.clone().unwrap_or_else(|| customer.code.clone())
}

fn order_page(shop: Shop, found: Found, form: PaymentForm) -> OrderPage {
    let Found { order, trace, payments, customer, names, skus } = found;
    let head = &order.head;
    // The order keeps the SKU's name of its day; a SKU that still has it is shown with its product.
    let known = |line: &OrderLine| skus.iter().find(|sku| sku.code == line.sku && sku.name == line.name);
    let titles: Vec<String> =
        order.lines.iter().map(|line| known(line).map_or_else(|| line.name.clone(), sku_title)).collect();
    let reader = Reader {
        words: shop.words(),
        look: &shop.look,
        currency: head.currency,
        lines: titles.iter().map(String::as_str).collect(),
        names: &names,
    };
    let money = |amount: Minor| shop.look.money(head.currency, amount);
    let lines = order.lines.iter().zip(&titles).zip(reader.parts(&trace)).map(|((line, title), parts)| LineRow {
        name: title.clone(),
        sku: line.sku.clone(),
        quantity: line.quantity,
        unit_price: money(line.unit_price),
        derived: line.unit_price_derived,
        subtotal: line.total.plus(line.discount).map_or_else(|_| String::new(), money),
        discount: shop.look.off(head.currency, line.discount),
        total: money(line.total),
        parts,
    });
    let row = |payment: &Payment| PaymentRow {
        at: shop.look.time(payment.created_at),
        method: shop.words().of_code("method", &payment.method),
        reference: payment.reference.clone(),
        amount: shop.look.money(payment.currency, payment.amount),
    };
    let left = head.total.minus(head.paid).ok().filter(|_| head.status == OrderStatus::Created);
    let (status, tone) = status(&shop, head.status);
    let imported = head.source != "shop";
    OrderPage {
        url: shop.url(format_args!("/orders/{}", head.id)),
        events_url: telling::events_url(&shop, head.id),
        number: head.number.clone(),
        placed: shop.look.time(head.placed_at),
        status,
        tone,
        source: source(&shop, &head.source),
        customer: customer
            .map(|customer| (shop.url(format_args!("/customers/{}", customer.id)), customer_title(&customer))),
        lines: lines.collect(),
        subtotal: money(head.subtotal),
        discount: shop.look.off(head.currency, head.discount),
        total: money(head.total),
        paid: money(head.paid),
        form: PaymentForm {
            amount: match (&form.amount, left) {
                (typed, Some(left)) if typed.is_empty() => look::amount_field(head.currency, left),
                (typed, _) => typed.clone(),
            },
            key: heptad_model::id::RequestId::generate(&shop.ctx.env).to_string(),
            ..form
        },
        left: left.map(money),
        currency: head.currency.code(),
        payments: payments.iter().map(row).collect(),
        why: reader.why(&trace),
        why_empty: shop.words().t(if imported { "why-imported" } else { "why-no-plugins" }),
        shell: shop.shell,
    }
}

/// `GET …/orders/{order}`.
pub(in crate::console) async fn show(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let found = fetch(&state, &shop, shop.id("order")?).await?;
    page(&order_page(shop, found, PaymentForm::default()))
}

/// `POST …/orders/{order}/payments`.
pub(in crate::console) async fn pay(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: OrderId = shop.id("order")?;
    let currency = shop.record.tenant.currency;
    let typed = |problem: Option<String>| PaymentForm {
        amount: fields.text("amount").to_owned(),
        method: fields.text("method").to_owned(),
        reference: fields.text("reference").to_owned(),
        key: String::new(),
        problem,
    };
    let Some(amount) = look::amount_parse(currency, fields.text("amount")) else {
        let problem = shop.words().t1("rule-amount", "currency", currency.code());
        let found = fetch(&state, &shop, id).await?;
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &order_page(shop, found, typed(Some(problem))));
    };
    let input = PaymentIn {
        amount: Money { amount, currency },
        method: fields.text("method").to_owned(),
        reference: fields.text("reference").to_owned(),
    };
    let request = format!("{id} {amount} {} {}", input.method, input.reference);
    // The key was made with the form: a second press of the button pays nothing twice.
    let key = IdempotencyKey::new("console payment", fields.text("key"), request.as_bytes())?;
    let write = async |mut tx: heptad_store::Tx| payment_record(&mut tx, id, input.clone(), Some(&key)).await;
    match state.store.write(&shop.ctx, write).await {
        Ok(_) => Ok(go(shop.url(format_args!("/orders/{id}?done=paid")))),
        Err(CapabilityError::Overpaid { left }) => {
            let left = Minor::new(left).map_or_else(|_| left.to_string(), |left| shop.money(left));
            let problem = shop.words().t1("rule-overpaid", "left", left);
            let found = fetch(&state, &shop, id).await?;
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &order_page(shop, found, typed(Some(problem))))
        }
        Err(CapabilityError::Invalid { field, .. }) => {
            let words = shop.words();
            let problem = words.known(&format!("rule-{field}")).unwrap_or_else(|| words.t("rule-other"));
            let found = fetch(&state, &shop, id).await?;
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &order_page(shop, found, typed(Some(problem))))
        }
        Err(error) => Err(error.into()),
    }
}
