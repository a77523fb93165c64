//! Customers: finding one, tier and tags.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_capabilities::CapabilityError;
use heptad_capabilities::members::{
    Customer, CustomerPatch, customer_find, customer_get, customer_list, customer_update,
};
use heptad_model::Page;
use heptad_model::id::CustomerId;

use super::go;
use super::orders::customer_title;
use crate::console::desk::Shop;
use crate::console::failure::ConsoleResult;
use crate::console::fields::{Asks, Fields, Listing};
use crate::console::shell::{Shell, page, page_with};
use crate::console::telling;
use crate::state::AppState;

/// Customers on a page.
const PER_PAGE: u32 = 50;

struct Row {
    url: String,
    title: String,
    code: String,
    tier: Option<String>,
    tags: Vec<String>,
    since: String,
}

#[derive(Template)]
#[template(path = "customers.html")]
struct CustomersPage {
    shell: Shell,
    search: String,
    rows: Vec<Row>,
    next: Option<String>,
}

/// `GET …/customers`.
pub(in crate::console) async fn list(
    shop: Shop,
    State(state): State<AppState>,
    Asks(listing): Asks<Listing>,
) -> ConsoleResult {
    let (search, asked) = (listing.search(), listing.page(PER_PAGE)?);
    let read = async |mut tx: heptad_store::Tx| match search.is_empty() {
        true => customer_list(&mut tx, &asked).await,
        false => Ok(Page { items: customer_find(&mut tx, &search, PER_PAGE).await?, next: None }),
    };
    let found = state.store.read(&shop.ctx, read).await?;
    let row = |customer: &Customer| Row {
        url: shop.url(format_args!("/customers/{}", customer.id)),
        title: customer_title(customer),
        code: customer.code.clone(),
        tier: customer.tier.clone(),
        tags: customer.tags.clone(),
        since: shop.look.date(customer.since),
    };
    page(&CustomersPage { rows: found.items.iter().map(row).collect(), search, next: found.next, shell: shop.shell })
}

#[derive(Template)]
#[template(path = "customer.html")]
struct CustomerPage {
    shell: Shell,
    url: String,
    events_url: String,
    title: String,
    code: String,
    email: Option<String>,
    phone: Option<String>,
    since: String,
    tier: String,
    tags: String,
    problem: Option<String>,
}

fn customer_page(shop: Shop, customer: &Customer) -> CustomerPage {
    CustomerPage {
        url: shop.url(format_args!("/customers/{}", customer.id)),
        events_url: telling::events_url(&shop, customer.id),
        title: customer_title(customer),
        code: customer.code.clone(),
        email: customer.email.clone(),
        phone: customer.phone.clone(),
        since: shop.look.date(customer.since),
        tier: customer.tier.clone().unwrap_or_default(),
        tags: customer.tags.join(" "),
        problem: None,
        shell: shop.shell,
    }
}

/// Tags as people type them: with blanks or commas between.
pub(super) fn tags_of(text: &str) -> Vec<String> {
    let separator = |c: char| c.is_whitespace() || matches!(c, ',' | '，' | '、' | ';' | '；');
    text.split(separator).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

/// `GET …/customers/{customer}`.
pub(in crate::console) async fn show(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let id: CustomerId = shop.id("customer")?;
    let customer = state.store.read(&shop.ctx, async |mut tx| customer_get(&mut tx, id).await).await?;
    page(&customer_page(shop, &customer))
}

/// `POST …/customers/{customer}`.
pub(in crate::console) async fn change(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: CustomerId = shop.id("customer")?;
    let patch = CustomerPatch {
        tier: Some(fields.opt("tier")),
        tags: Some(tags_of(fields.text("tags"))),
        ..CustomerPatch::default()
    };
    let write = async |mut tx: heptad_store::Tx| customer_update(&mut tx, id, patch.clone()).await;
    match state.store.write(&shop.ctx, write).await {
        Ok(_) => Ok(go(shop.url(format_args!("/customers/{id}?done=saved")))),
        Err(CapabilityError::Invalid { field, .. }) => {
            let customer = state.store.read(&shop.ctx, async |mut tx| customer_get(&mut tx, id).await).await?;
            let field = if field.starts_with("tags") { "tags" } else { "tier" };
            let problem = Some(shop.words().t(&format!("rule-{field}")));
            let (tier, tags) = (fields.text("tier").to_owned(), fields.text("tags").to_owned());
            let page = CustomerPage { problem, tier, tags, ..customer_page(shop, &customer) };
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::tags_of;

    #[test]
    fn tags_are_typed_with_any_separator() {
        assert_eq!(tags_of(" vip, new、a  b；"), ["vip", "new", "a", "b"]);
        assert!(tags_of(" ").is_empty());
    }
}
