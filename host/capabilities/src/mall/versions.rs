//! What a quote's prices depend on, so that placing an order finds out whether they still hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use heptad_model::id::{CartId, CustomerId, InstallId};
use heptad_model::{Ctx, Point};
use heptad_store::{Tx, by_keys};
use serde::{Deserialize, Serialize};

use crate::CapabilityError;
use crate::extensions::{Extensions, ExtensionsUnavailable, Serving};

/// The points that price a cart, in the order of their stages.
pub(super) const STAGES: [Point; 2] = [Point::DiscountLines, Point::DiscountOrder];

/// The versions that a quote read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Versions {
    pub(super) cart: i64,
    pub(super) customer: Option<i64>,
    pub(super) skus: BTreeMap<String, i64>,
    pub(super) plugins: Vec<PluginVersion>,
}

/// An install that priced the cart, and its generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PluginVersion {
    point: Point,
    install: InstallId,
    revision: String,
}

/// The plugins of each stage, as they serve now.
pub(super) async fn stages(
    extensions: &impl Extensions,
    ctx: &Ctx,
) -> Result<Vec<(Point, Vec<Arc<Serving>>)>, ExtensionsUnavailable> {
    let mut stages = Vec::with_capacity(STAGES.len());
    for point in STAGES {
        stages.push((point, extensions.serving(ctx, point).await?));
    }
    Ok(stages)
}

/// The generations of those plugins.
pub(super) fn plugin_versions(stages: &[(Point, Vec<Arc<Serving>>)]) -> Vec<PluginVersion> {
    let version =
        |point: Point, one: &Serving| PluginVersion { point, install: one.install, revision: one.revision.clone() };
    stages.iter().flat_map(|(point, serving)| serving.iter().map(move |one| version(*point, one))).collect()
}

/// Which of the rows are no longer as the quote read them: `cart`, `customer`, `skus`.
pub(super) async fn changed(
    tx: &mut Tx,
    versions: &Versions,
    cart: CartId,
    customer: Option<CustomerId>,
) -> Result<Vec<&'static str>, CapabilityError> {
    const CART: &str = "select version from carts where tenant_id = $1 and id = $2";
    let mut changed = Vec::new();
    let found = tx.query(CART).text(cart).fetch_optional(|row| row.int("version")).await?;
    if found != Some(versions.cart) {
        changed.push("cart");
    }
    if let Some(customer) = customer
        && customer_version(tx, customer).await? != versions.customer
    {
        changed.push("customer");
    }
    if !skus_hold(tx, versions).await? {
        changed.push("skus");
    }
    Ok(changed)
}

/// The customer's version, if there is such a customer.
pub(super) async fn customer_version(tx: &mut Tx, customer: CustomerId) -> Result<Option<i64>, CapabilityError> {
    const VERSION: &str = "select version from customers where tenant_id = $1 and id = $2";
    Ok(tx.query(VERSION).text(customer).fetch_optional(|row| row.int("version")).await?)
}

/// Whether all SKUs are as the quote read them.
pub(super) async fn skus_hold(tx: &mut Tx, versions: &Versions) -> Result<bool, CapabilityError> {
    const SKUS: (&str, &str) = by_keys!("select code, version from skus where tenant_id = $1 and code", "$2");
    let codes: Vec<&String> = versions.skus.keys().collect();
    let rows = tx.query_of(SKUS).json(&codes).fetch_all(|row| Ok((row.text("code")?, row.int("version")?))).await?;
    Ok(rows.into_iter().collect::<BTreeMap<_, _>>() == versions.skus)
}
