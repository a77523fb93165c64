//! Products: finding one, and the tags by which plugins choose.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::catalog::{
    Product, ProductPatch, Sku, product_find, product_get, product_list, product_update, sku_of_product,
};
use heptad_model::Page;
use heptad_model::id::ProductId;

use super::customers::tags_of;
use super::go;
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::{Asks, Fields, Listing};
use crate::console::shell::{Shell, page, page_with};
use crate::console::telling;
use crate::state::AppState;

/// Products on a page.
const PER_PAGE: u32 = 50;

struct Row {
    url: String,
    name: String,
    code: String,
    category: String,
    tags: Vec<String>,
}

#[derive(Template)]
#[template(path = "products.html")]
struct ProductsPage {
    shell: Shell,
    search: String,
    rows: Vec<Row>,
    next: Option<String>,
}

/// `GET …/products`.
pub(in crate::console) async fn list(
    shop: Shop,
    State(state): State<AppState>,
    Asks(listing): Asks<Listing>,
) -> ConsoleResult {
    let (search, asked) = (listing.search(), listing.page(PER_PAGE)?);
    let read = async |mut tx: heptad_store::Tx| match search.is_empty() {
        true => product_list(&mut tx, &asked).await,
        false => Ok(Page { items: product_find(&mut tx, &search, PER_PAGE).await?, next: None }),
    };
    let found = state.store.read(&shop.ctx, read).await?;
    let row = |product: &Product| Row {
        url: shop.url(format_args!("/products/{}", product.id)),
        name: product.name.clone(),
        code: product.code.clone(),
        category: product.category.clone(),
        tags: product.tags.clone(),
    };
    page(&ProductsPage { rows: found.items.iter().map(row).collect(), search, next: found.next, shell: shop.shell })
}

struct SkuRow {
    code: String,
    name: String,
    price: String,
    derived: bool,
}

#[derive(Template)]
#[template(path = "product.html")]
struct ProductPage {
    shell: Shell,
    url: String,
    events_url: String,
    name: String,
    code: String,
    category: String,
    tags: String,
    skus: Vec<SkuRow>,
    problem: Option<String>,
}

async fn fetch(state: &AppState, shop: &Shop, id: ProductId) -> Result<(Product, Vec<Sku>), Failure> {
    let read = async |mut tx: heptad_store::Tx| {
        let product = product_get(&mut tx, id).await?;
        let skus = sku_of_product(&mut tx, id).await?;
        Ok::<_, CapabilityError>((product, skus))
    };
    Ok(state.store.read(&shop.ctx, read).await?)
}

fn product_page(shop: Shop, product: &Product, skus: &[Sku]) -> ProductPage {
    let row = |sku: &Sku| SkuRow {
        code: sku.code.clone(),
        name: sku.name.clone(),
        price: shop.money(sku.price),
        derived: sku.price_derived,
    };
    ProductPage {
        url: shop.url(format_args!("/products/{}", product.id)),
        events_url: telling::events_url(&shop, product.id),
        name: product.name.clone(),
        code: product.code.clone(),
        category: product.category.clone(),
        tags: product.tags.join(" "),
        skus: skus.iter().map(row).collect(),
        problem: None,
        shell: shop.shell,
    }
}

/// `GET …/products/{product}`.
pub(in crate::console) async fn show(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let (product, skus) = fetch(&state, &shop, shop.id("product")?).await?;
    page(&product_page(shop, &product, &skus))
}

/// `POST …/products/{product}`.
pub(in crate::console) async fn change(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: ProductId = shop.id("product")?;
    let patch = ProductPatch { tags: Some(tags_of(fields.text("tags"))), ..ProductPatch::default() };
    let write = async |mut tx: heptad_store::Tx| product_update(&mut tx, id, patch.clone()).await;
    match state.store.write(&shop.ctx, write).await {
        Ok(_) => Ok(go(shop.url(format_args!("/products/{id}?done=saved")))),
        Err(CapabilityError::Invalid { .. }) => {
            let (product, skus) = fetch(&state, &shop, id).await?;
            let problem = Some(shop.words().t("rule-tags"));
            let tags = fields.text("tags").to_owned();
            let page = ProductPage { problem, tags, ..product_page(shop, &product, &skus) };
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}
