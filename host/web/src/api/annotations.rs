//! Notes and tags of orders.

use axum::Json;
use axum::extract::State;
use heptad_capabilities::mall::annotation::{Annotation, OrderMarks, OrderNote, order_annotate, order_marks};
use heptad_model::id::OrderId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Staff;
use crate::error::ApiResult;
use crate::extract::{Body, PathOf};
use crate::state::AppState;

/// What is written to an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnnotationIn {
    /// A note, 1 to 500 characters.
    #[schema(example = "Ring twice")]
    pub note: Option<String>,
    /// Tags that the order gets, each up to 40 lower-case letters, digits and hyphens; at most 20 on an order.
    #[serde(default)]
    pub add_tags: Vec<String>,
    /// Tags that the order loses.
    #[serde(default)]
    pub remove_tags: Vec<String>,
}

/// A note at an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderNoteOut {
    /// The id.
    #[schema(example = "nte_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// What it says.
    pub text: String,
    /// Who wrote it: a plugin's install, a token, a user.
    pub actor: String,
    /// When, in RFC 3339.
    pub at: String,
}

/// What is written at an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderMarksOut {
    /// Tags in alphabetical order.
    pub tags: Vec<String>,
    /// Notes, the earliest first.
    pub notes: Vec<OrderNoteOut>,
}

impl From<OrderMarks> for OrderMarksOut {
    fn from(OrderMarks { tags, notes }: OrderMarks) -> Self {
        let note = |OrderNote { id, text, actor, at }: OrderNote| OrderNoteOut {
            id: id.to_string(),
            text,
            actor,
            at: at.rfc3339(),
        };
        Self { tags, notes: notes.into_iter().map(note).collect() }
    }
}

/// Reads the notes and tags of an order.
#[utoipa::path(get, path = "/v1/orders/{order}/annotations", tag = "orders", responses((status = OK, body = OrderMarksOut)))]
pub(super) async fn marks_read(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<OrderId>,
) -> ApiResult<Json<OrderMarksOut>> {
    Ok(Json(state.store.read(&staff.ctx, async |mut tx| order_marks(&mut tx, id).await).await?.into()))
}

/// Writes a note and tags to an order.
#[utoipa::path(post, path = "/v1/orders/{order}/annotations", tag = "orders", request_body = AnnotationIn, responses((status = OK, body = OrderMarksOut)))]
pub(super) async fn annotate(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<OrderId>,
    Body(input): Body<AnnotationIn>,
) -> ApiResult<Json<OrderMarksOut>> {
    let AnnotationIn { note, add_tags, remove_tags } = input;
    let annotation = Annotation { note, add_tags, remove_tags };
    let annotate = async |mut tx| order_annotate(&mut tx, id, &annotation).await;
    Ok(Json(state.store.write(&staff.ctx, annotate).await?.into()))
}
