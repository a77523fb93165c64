//! A cart for trying out: a customer, lines, the price with the reason for it, and the order.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_capabilities::mall::cart::{
    Cart, CartLine, MAX_QUANTITY, cart_create, cart_get, cart_lines_add, cart_lines_set,
};
use heptad_capabilities::mall::catalog::{Sku, sku_find, sku_get_many};
use heptad_capabilities::mall::order::order_place;
use heptad_capabilities::mall::quote::{Quote, QuoteIn, quote_create, quote_get, quote_trace};
use heptad_capabilities::mall::trace::{DenialTrace, Trace};
use heptad_capabilities::members::{Customer, customer_find, customer_get};
use heptad_capabilities::{CapabilityError, IdempotencyKey};
use heptad_model::id::{CartId, CustomerId, QuoteId, RequestId};
use heptad_platform::install_list;
use heptad_store::Tx;
use serde::Deserialize;

use super::go;
use super::orders::{LineRow, customer_title, plugin_names, sku_title};
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::{Asks, Fields};
use crate::console::notice;
use crate::console::shell::{Shell, page, page_with};
use crate::console::telling;
use crate::console::why::{Reader, Why};
use crate::state::AppState;

/// What a search shows at most.
const FOUND: u32 = 8;
/// Lines of a sample cart.
const SAMPLE_LINES: usize = 3;

#[derive(Template)]
#[template(path = "carts.html")]
struct StartPage {
    shell: Shell,
    has_skus: bool,
}

/// `GET …/carts`: an empty cart or a sample.
pub(in crate::console) async fn start(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let skus = state.store.read(&shop.ctx, async |mut tx| sku_find(&mut tx, "", 1).await).await?;
    page(&StartPage { has_skus: !skus.is_empty(), shell: shop.shell })
}

/// `POST …/carts`: a new cart; with `sample`, one that shows what the plugins do.
pub(in crate::console) async fn create(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    if fields.has("sample") {
        let (customer, lines) = state.store.read(&shop.ctx, async |mut tx| sample(&mut tx).await).await?;
        if !lines.is_empty() {
            let quoted =
                quote_create(&state.store, &*state.runtime, &shop.ctx, QuoteIn::Lines { customer, lines }).await?;
            return Ok(go(shop.url(format_args!("/carts/{}?quote={}", quoted.quote.cart, quoted.quote.id))));
        }
    }
    let cart = state.store.write(&shop.ctx, async |mut tx| cart_create(&mut tx, None, Vec::new()).await).await?;
    Ok(go(shop.url(format_args!("/carts/{}", cart.id))))
}

/// A customer with a tier and a few SKUs, those with tags first: what discounts usually look at.
async fn sample(tx: &mut Tx) -> Result<(Option<CustomerId>, Vec<CartLine>), CapabilityError> {
    let mut skus: Vec<Sku> = sku_find(tx, "", 200).await?.into_iter().filter(|sku| sku.price.get() > 0).collect();
    skus.sort_by_key(|sku| sku.tags.is_empty());
    let line = |(index, sku): (usize, Sku)| CartLine { sku: sku.code, quantity: if index == 0 { 2 } else { 1 } };
    let customers = customer_find(tx, "", 200).await?;
    let customer = customers.iter().max_by_key(|customer| customer.tier.is_some()).map(|customer| customer.id);
    Ok((customer, skus.into_iter().take(SAMPLE_LINES).enumerate().map(line).collect()))
}

/// What the address of a cart says beside the cart.
#[derive(Debug, Default, Deserialize)]
pub(in crate::console) struct Asked {
    /// The quote that is shown.
    quote: Option<String>,
    /// Search for a SKU.
    q: Option<String>,
    /// Search for a customer.
    who: Option<String>,
}

/// A SKU that was found.
struct SkuRow {
    code: String,
    name: String,
    price: String,
    tags: Vec<String>,
}

/// A customer that was found.
struct CustomerRow {
    id: String,
    title: String,
    code: String,
    tier: Option<String>,
}

impl CustomerRow {
    fn of(customer: &Customer) -> Self {
        Self {
            id: customer.id.to_string(),
            title: customer_title(customer),
            code: customer.code.clone(),
            tier: customer.tier.clone(),
        }
    }
}

/// The price, where there is one that holds.
struct Price {
    quote: String,
    key: String,
    subtotal: String,
    discount: String,
    total: String,
    why: Why,
    why_empty: String,
}

#[derive(Template)]
#[template(path = "cart.html")]
struct CartPage {
    shell: Shell,
    url: String,
    events_url: String,
    customer: Option<CustomerRow>,
    lines: Vec<LineRow>,
    price: Option<Price>,
    ordered: bool,
    search: String,
    searched: bool,
    skus: Vec<SkuRow>,
    who: String,
    who_searched: bool,
    customers: Vec<CustomerRow>,
    denials: Vec<(String, String)>,
    problem: Option<String>,
}

/// What a cart's page is made of.
struct Found {
    cart: Cart,
    known: Vec<Sku>,
    customer: Option<Customer>,
    quote: Option<(Quote, Trace)>,
    skus: Vec<Sku>,
    customers: Vec<Customer>,
    names: std::collections::HashMap<String, String>,
}

fn cut(text: Option<&str>) -> String {
    text.unwrap_or_default().trim().chars().take(60).collect()
}

async fn fetch(state: &AppState, shop: &Shop, id: CartId, asked: &Asked) -> Result<Found, Failure> {
    let quote = asked.quote.as_deref().and_then(|quote| QuoteId::parse(quote).ok());
    let (search, who) = (cut(asked.q.as_deref()), cut(asked.who.as_deref()));
    let read = async |mut tx: Tx| {
        let cart = cart_get(&mut tx, id).await?;
        let codes: Vec<String> = cart.lines.iter().map(|line| line.sku.clone()).collect();
        let known = sku_get_many(&mut tx, &codes).await?;
        let customer = match cart.customer {
            Some(customer) => Some(customer_get(&mut tx, customer).await?),
            None => None,
        };
        let quote = match quote {
            Some(quote) => match quote_get(&mut tx, quote).await {
                Ok(found) if holds(&found, &cart, tx.ctx().now()) => Some((found, quote_trace(&mut tx, quote).await?)),
                Ok(_) | Err(CapabilityError::NotFound(_)) => None,
                Err(error) => return Err(error),
            },
            None => None,
        };
        let skus = if asked.q.is_some() { sku_find(&mut tx, &search, FOUND).await? } else { Vec::new() };
        let customers = if asked.who.is_some() { customer_find(&mut tx, &who, FOUND).await? } else { Vec::new() };
        let names = plugin_names(shop, &install_list(&mut tx).await?);
        Ok(Found { cart, known, customer, quote, skus, customers, names })
    };
    Ok(state.store.read(&shop.ctx, read).await?)
}

/// Whether the quote is of this cart as it is now, and can still be placed.
fn holds(quote: &Quote, cart: &Cart, now: heptad_model::Millis) -> bool {
    let same = |(line, of): (&heptad_capabilities::mall::quote::PricedLine, &CartLine)| {
        line.sku == of.sku && line.quantity == of.quantity
    };
    quote.cart == cart.id
        && quote.customer == cart.customer
        && quote.lines.len() == cart.lines.len()
        && quote.lines.iter().zip(&cart.lines).all(same)
        && now < quote.expires_at
}

fn cart_page(shop: Shop, found: Found, asked: &Asked) -> CartPage {
    let Found { cart, known, customer, quote, skus, customers, names } = found;
    let currency = shop.record.tenant.currency;
    let name_of = |code: &str| known.iter().find(|sku| sku.code == code);
    let titles: Vec<String> =
        cart.lines.iter().map(|line| name_of(&line.sku).map_or_else(|| line.sku.clone(), sku_title)).collect();
    let reader = Reader {
        words: shop.words(),
        look: &shop.look,
        currency,
        lines: titles.iter().map(String::as_str).collect(),
        names: &names,
    };
    let parts = quote.as_ref().map(|(_, trace)| reader.parts(trace)).unwrap_or_default();
    let line = |(index, line): (usize, &CartLine)| {
        let priced = quote.as_ref().and_then(|(quote, _)| quote.lines.get(index));
        let sku = name_of(&line.sku);
        LineRow {
            name: titles.get(index).cloned().unwrap_or_default(),
            sku: line.sku.clone(),
            quantity: line.quantity,
            unit_price: sku.map(|sku| shop.money(sku.price)).unwrap_or_default(),
            derived: false,
            subtotal: priced.map(|line| shop.money(line.subtotal)).unwrap_or_default(),
            discount: priced.map(|line| shop.look.off(currency, line.discount)).unwrap_or_default(),
            total: priced.map(|line| shop.money(line.total)).unwrap_or_default(),
            parts: parts.get(index).cloned().unwrap_or_default(),
        }
    };
    let lines = cart.lines.iter().enumerate().map(line).collect();
    let price = quote.as_ref().map(|(quote, trace)| Price {
        quote: quote.id.to_string(),
        key: RequestId::generate(&shop.ctx.env).to_string(),
        subtotal: shop.money(quote.subtotal),
        discount: shop.look.off(currency, quote.discount),
        total: shop.money(quote.total),
        why: reader.why(trace),
        why_empty: shop.words().t("why-no-plugins"),
    });
    let sku_row = |sku: &Sku| SkuRow {
        code: sku.code.clone(),
        name: sku_title(sku),
        price: shop.money(sku.price),
        tags: sku.tags.clone(),
    };
    CartPage {
        url: shop.url(format_args!("/carts/{}", cart.id)),
        events_url: telling::events_url(&shop, cart.id),
        customer: customer.as_ref().map(CustomerRow::of),
        lines,
        price,
        ordered: cart.ordered_at.is_some(),
        search: cut(asked.q.as_deref()),
        searched: asked.q.is_some(),
        skus: skus.iter().map(sku_row).collect(),
        who: cut(asked.who.as_deref()),
        who_searched: asked.who.is_some(),
        customers: customers.iter().map(CustomerRow::of).collect(),
        denials: Vec::new(),
        problem: None,
        shell: shop.shell,
    }
}

/// `GET …/carts/{cart}`.
pub(in crate::console) async fn show(
    shop: Shop,
    State(state): State<AppState>,
    Asks(asked): Asks<Asked>,
) -> ConsoleResult {
    let found = fetch(&state, &shop, shop.id("cart")?, &asked).await?;
    page(&cart_page(shop, found, &asked))
}

/// Prices the cart and shows it; a cart without lines has no price.
async fn priced(state: &AppState, shop: &Shop, cart: &Cart, done: &str) -> ConsoleResult {
    let done = if done.is_empty() { String::new() } else { format!("&done={done}") };
    if cart.lines.is_empty() {
        return Ok(go(shop.url(format_args!("/carts/{}", cart.id))));
    }
    let quoted = quote_create(&state.store, &*state.runtime, &shop.ctx, QuoteIn::Cart(cart.id)).await?;
    Ok(go(shop.url(format_args!("/carts/{}?quote={}{done}", cart.id, quoted.quote.id))))
}

/// `POST …/carts/{cart}`: new quantities, or without a line; then the price.
pub(in crate::console) async fn change(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: CartId = shop.id("cart")?;
    let remove = fields.get("remove").and_then(|index| index.parse::<usize>().ok());
    let write = async |mut tx: Tx| {
        let cart = cart_get(&mut tx, id).await?;
        let quantity = |index: usize, line: &CartLine| {
            let typed = fields.get(&format!("quantity.{index}")).map(|typed| typed.trim().parse::<u32>());
            match typed {
                None => Ok(line.quantity),
                Some(Ok(quantity)) => Ok(quantity),
                Some(Err(_)) => Err(CapabilityError::invalid("quantity", format!("0 to {MAX_QUANTITY}"))),
            }
        };
        let mut lines = Vec::new();
        for (index, line) in cart.lines.iter().enumerate() {
            let quantity = quantity(index, line)?;
            // None of it is as good as no line.
            if quantity > 0 && remove != Some(index) {
                lines.push(CartLine { sku: line.sku.clone(), quantity });
            }
        }
        match lines == cart.lines {
            true => Ok(cart),
            false => cart_lines_set(&mut tx, id, lines, Some(cart.version)).await,
        }
    };
    match state.store.write(&shop.ctx, write).await {
        Ok(cart) => priced(&state, &shop, &cart, "").await,
        Err(CapabilityError::Invalid { .. }) => {
            let problem = shop.words().t1("rule-quantity", "most", MAX_QUANTITY);
            refused(shop, &state, id, None, problem, Vec::new()).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The cart's page with the reason why something was refused.
async fn refused(
    shop: Shop,
    state: &AppState,
    id: CartId,
    quote: Option<QuoteId>,
    problem: String,
    denials: Vec<(String, String)>,
) -> ConsoleResult {
    let asked = Asked { quote: quote.map(|quote| quote.to_string()), ..Asked::default() };
    let found = fetch(state, &shop, id, &asked).await?;
    let page = CartPage { problem: Some(problem), denials, ..cart_page(shop, found, &asked) };
    page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// `POST …/carts/{cart}/lines`: one more of a SKU.
pub(in crate::console) async fn add(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: CartId = shop.id("cart")?;
    let line = CartLine { sku: fields.text("sku").to_owned(), quantity: 1 };
    let cart =
        state.store.write(&shop.ctx, async |mut tx| cart_lines_add(&mut tx, id, line.clone(), None).await).await?;
    priced(&state, &shop, &cart, "").await
}

/// `POST …/carts/{cart}/customer`: the same lines for somebody else, in a new cart: a cart keeps its customer.
pub(in crate::console) async fn customer(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: CartId = shop.id("cart")?;
    let customer = match fields.text("customer") {
        "" => None,
        text => Some(CustomerId::parse(text).map_err(|_| Failure::nowhere())?),
    };
    let write = async |mut tx: Tx| {
        let cart = cart_get(&mut tx, id).await?;
        cart_create(&mut tx, customer, cart.lines).await
    };
    let cart = state.store.write(&shop.ctx, write).await?;
    priced(&state, &shop, &cart, "").await
}

/// `POST …/carts/{cart}/order`: places the quote that was shown.
pub(in crate::console) async fn order(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: CartId = shop.id("cart")?;
    let quote = QuoteId::parse(fields.text("quote")).map_err(|_| Failure::nowhere())?;
    let key = IdempotencyKey::new("console order", fields.text("key"), quote.to_string().as_bytes())?;
    match order_place(&state.store, &*state.runtime, &shop.ctx, quote, Some(&key)).await {
        Ok(placed) => Ok(go(shop.url(format_args!("/orders/{}?done=placed", placed.value.head.id)))),
        Err(CapabilityError::AlreadyOrdered { order }) => Ok(go(shop.url(format_args!("/orders/{order}")))),
        Err(CapabilityError::QuoteStale { .. } | CapabilityError::QuoteExpired) => {
            let cart = state.store.read(&shop.ctx, async |mut tx| cart_get(&mut tx, id).await).await?;
            priced(&state, &shop, &cart, "repriced").await
        }
        Err(CapabilityError::CartDenied(denials)) => {
            let locale = shop.locale();
            let installs = state.store.read(&shop.ctx, async |mut tx| install_list(&mut tx).await);
            let installs: Result<_, heptad_store::StoreError> = installs.await;
            let names = plugin_names(&shop, &installs?);
            let sentence = |denial: DenialTrace| {
                let name = names.get(&denial.plugin).cloned().unwrap_or(denial.plugin);
                (name, denial.reason.sentence(locale).to_owned())
            };
            let denials = denials.into_iter().map(sentence).collect();
            let problem = shop.words().t("cart-denied");
            refused(shop, &state, id, Some(quote), problem, denials).await
        }
        Err(CapabilityError::PluginUnavailable { plugin, code }) => {
            let why = notice::known_cause(shop.words(), &code).unwrap_or_else(|| shop.words().t("outcome-failed"));
            let problem = shop.words().t2("cart-plugin-unavailable", "plugin", plugin, "why", why);
            refused(shop, &state, id, Some(quote), problem, Vec::new()).await
        }
        Err(error) => Err(error.into()),
    }
}
