//! Customers of a shop.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_capabilities::members::{
    Customer, CustomerIn as NewCustomer, CustomerPatch as Change, customer_create, customer_get, customer_list,
    customer_update,
};
use heptad_model::id::CustomerId;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::shared::PageOut;
use crate::auth::{Shop, Shopper, Staff};
use crate::error::ApiResult;
use crate::extract::{Body, PageQuery, Params, PathOf};
use crate::state::AppState;

/// A new customer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomerIn {
    /// The merchant's own code: 1 to 64 characters without white space; the id when absent.
    pub code: Option<String>,
    /// 1 to 200 characters.
    #[schema(example = "李雷")]
    pub name: Option<String>,
    /// 3 to 254 characters with an `@`.
    #[schema(example = "li.lei@example.com")]
    pub email: Option<String>,
    /// Up to 32 digits, spaces, hyphens and brackets, perhaps a plus before them.
    pub phone: Option<String>,
    /// The member tier's code, up to 40 lower-case letters, digits and hyphens.
    #[schema(example = "gold")]
    pub tier: Option<String>,
    /// At most 20, each up to 40 lower-case letters, digits and hyphens.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// A change of a customer: what is absent stays, `null` removes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomerPatch {
    /// The name.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Option<String>>,
    /// The e-mail address.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Option<String>>,
    /// The phone number.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub phone: Option<Option<String>>,
    /// The member tier's code.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "silver")]
    pub tier: Option<Option<String>>,
    /// Tags, in place of the old.
    pub tags: Option<Vec<String>>,
}

/// Tells `null` from absence, which serde by itself does not.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CustomerOut {
    /// The id.
    #[schema(example = "cus_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// The merchant's own code.
    pub code: String,
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The member tier's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Tags in alphabetical order.
    pub tags: Vec<String>,
    /// Grows with each change and with each order.
    pub version: i64,
    /// When the shop first knew the customer, in RFC 3339.
    pub since: String,
}

impl From<Customer> for CustomerOut {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.id.to_string(),
            code: customer.code,
            name: customer.name,
            email: customer.email,
            phone: customer.phone,
            tier: customer.tier,
            tags: customer.tags,
            version: customer.version,
            since: customer.since.rfc3339(),
        }
    }
}

/// Makes a customer.
#[utoipa::path(post, path = "/v1/customers", tag = "customers", request_body = CustomerIn, responses((status = CREATED, body = CustomerOut)))]
pub(super) async fn customer_post(
    State(state): State<AppState>,
    shop: Shop,
    Body(input): Body<CustomerIn>,
) -> ApiResult<(StatusCode, Json<CustomerOut>)> {
    let CustomerIn { code, name, email, phone, tier, tags } = input;
    let new = NewCustomer { code, name, email, phone, tier, tags };
    let made = state.store.write(&shop.ctx, async |mut tx| customer_create(&mut tx, new.clone()).await).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Lists the shop's customers in the order of their making.
#[utoipa::path(get, path = "/v1/customers", tag = "customers", params(PageQuery), responses((status = OK, body = PageOut<CustomerOut>)))]
pub(super) async fn customer_page(
    State(state): State<AppState>,
    staff: Staff,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<CustomerOut>>> {
    let page = page.request()?;
    let page = state.store.read(&staff.ctx, async |mut tx| customer_list(&mut tx, &page).await).await?;
    Ok(Json(PageOut::of(page, CustomerOut::from)))
}

/// Reads a customer; a shopper reads itself.
#[utoipa::path(get, path = "/v1/customers/{customer}", tag = "customers", responses((status = OK, body = CustomerOut)))]
pub(super) async fn customer_read(
    State(state): State<AppState>,
    shopper: Shopper,
    PathOf(id): PathOf<CustomerId>,
) -> ApiResult<Json<CustomerOut>> {
    shopper.may_see(Some(id), "customer")?;
    Ok(Json(state.store.read(&shopper.ctx, async |mut tx| customer_get(&mut tx, id).await).await?.into()))
}

/// Changes a customer.
#[utoipa::path(patch, path = "/v1/customers/{customer}", tag = "customers", request_body = CustomerPatch, responses((status = OK, body = CustomerOut)))]
pub(super) async fn customer_patch(
    State(state): State<AppState>,
    shop: Shop,
    PathOf(id): PathOf<CustomerId>,
    Body(input): Body<CustomerPatch>,
) -> ApiResult<Json<CustomerOut>> {
    let CustomerPatch { name, email, phone, tier, tags } = input;
    let change = Change { name, email, phone, tier, tags };
    let update = async |mut tx| customer_update(&mut tx, id, change.clone()).await;
    Ok(Json(state.store.write(&shop.ctx, update).await?.into()))
}
