//! The two registries that plugin authors and merchants read: points and permissions.

use axum::Json;
use heptad_model::{Locale, Permission, Point};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::auth::Anyone;

/// An extension point.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PointOut {
    /// The name in manifests.
    #[schema(example = "discount.lines")]
    pub name: &'static str,
    /// The WIT interface that a plugin exports.
    #[schema(example = "heptad:points/discount@0.1.0")]
    pub interface: &'static str,
    /// The capability that asks.
    #[schema(example = "mall")]
    pub owner: &'static str,
    /// `calc` returns operations, `veto` allows or denies.
    #[schema(value_type = String, example = "calc")]
    pub kind: Value,
    /// Wall clock of one call in milliseconds.
    #[schema(example = 20)]
    pub budget_ms: u32,
    /// What happens when a plugin fails: `open` goes on without it, `closed` blocks.
    #[schema(value_type = String, example = "open")]
    pub failure: Value,
    /// How several plugins agree: `ordered` or `veto-any`.
    #[schema(value_type = String, example = "ordered")]
    pub conflict: Value,
    /// `experimental` or `stable`.
    #[schema(value_type = String, example = "experimental")]
    pub maturity: Value,
}

/// Something that a plugin may ask for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PermissionOut {
    /// The name in manifests and grants.
    #[schema(example = "mall.catalog.read")]
    pub name: &'static str,
    /// What it allows, in the reader's language.
    #[schema(example = "See products, prices and tags")]
    pub sentence: &'static str,
    /// How delicate the data is: `none`, `business`, `personal` or `sensitive`.
    #[schema(value_type = String, example = "business")]
    pub class: Value,
    /// `read` or `write`.
    #[schema(value_type = String, example = "read")]
    pub access: Value,
    /// The WIT functions that it opens.
    pub functions: &'static [&'static str],
}

/// The word under which an enum of the registry is known.
fn word(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

impl PermissionOut {
    /// A row of the table in the reader's language.
    pub(crate) fn new(permission: Permission, reader: Locale) -> Self {
        let row = permission.row();
        Self {
            name: row.name,
            sentence: row.sentence.get(reader),
            class: word(row.class),
            access: word(row.access),
            functions: row.functions,
        }
    }
}

/// Lists every extension point that this host knows.
#[utoipa::path(get, path = "/v1/points", tag = "registry", responses((status = OK, body = Vec<PointOut>)))]
pub(super) async fn point_list(_anyone: Anyone) -> Json<Vec<PointOut>> {
    let show = |point: Point| {
        let row = point.row();
        PointOut {
            name: row.name,
            interface: row.interface,
            owner: row.owner,
            kind: word(row.kind),
            budget_ms: row.budget_ms,
            failure: word(row.failure),
            conflict: word(row.conflict),
            maturity: word(row.maturity),
        }
    };
    Json(Point::ALL.into_iter().map(show).collect())
}

/// Lists every permission that a plugin may ask for, in the reader's language.
#[utoipa::path(get, path = "/v1/permissions", tag = "registry", responses((status = OK, body = Vec<PermissionOut>)))]
pub(super) async fn permission_list(anyone: Anyone) -> Json<Vec<PermissionOut>> {
    Json(Permission::ALL.iter().map(|permission| PermissionOut::new(*permission, anyone.origin.locale)).collect())
}
