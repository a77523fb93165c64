//! What staff and plugins write to an order: notes and tags. Neither changes what was bought or what it costs.

use heptad_model::id::{OrderId, OrderNoteId};
use heptad_model::{EventType, Millis};
use heptad_store::{Row, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{CapabilityError, bounds};

/// The most notes of an order.
pub const MAX_NOTES: i64 = 100;
/// The most orders of a call.
pub const MAX_ORDERS: usize = 100;

/// What is written to an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotation {
    /// A note, 1 to 500 characters.
    pub note: Option<String>,
    /// Tags that the order gets, each up to 40 lower-case letters, digits and hyphens.
    pub add_tags: Vec<String>,
    /// Tags that the order loses.
    pub remove_tags: Vec<String>,
}

/// A note at an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderNote {
    /// The id.
    pub id: OrderNoteId,
    /// What it says.
    pub text: String,
    /// Who wrote it.
    pub actor: String,
    /// When.
    pub at: Millis,
}

/// What is written at an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderMarks {
    /// Tags in alphabetical order.
    pub tags: Vec<String>,
    /// Notes, the earliest first.
    pub notes: Vec<OrderNote>,
}

/// Writes notes and tags to an order; a tag that is added and removed at once is removed.
///
/// `not-found`, `order-notes-full` at 100 notes, `invalid` for more than 20 tags.
pub async fn order_annotate(tx: &mut Tx, order: OrderId, input: &Annotation) -> Result<OrderMarks, CapabilityError> {
    const TAGS: &str = "update orders set tags = $3 where tenant_id = $1 and id = $2";
    const NOTE: &str = "insert into order_notes (tenant_id, id, order_id, body, actor, at) \
                        select $1, $2, $3, $4, $5, $6 \
                        where (select count(*) from order_notes where tenant_id = $1 and order_id = $3) < $7";
    let ctx = tx.ctx().clone();
    let before = order_tags(tx, order).await?;
    if let Some(note) = &input.note {
        bounds::sentence("note", note, 500)?;
        let insert = tx.query(NOTE).text(OrderNoteId::generate(&ctx.env)).text(order).bind(note);
        if insert.text(&ctx.actor).bind(ctx.now()).bind(MAX_NOTES).execute().await? == 0 {
            return Err(CapabilityError::OrderNotesFull);
        }
    }
    let tags = bounds::tags_changed(&before, &input.add_tags, &input.remove_tags)?;
    if tags != before {
        tx.query(TAGS).text(order).json(&tags).execute().await?;
    }
    if input.note.is_some() || tags != before {
        let (added, removed) = (bounds::tags_without(&tags, &before), bounds::tags_without(&before, &tags));
        let notes = i64::from(input.note.is_some());
        tx.audit("order.annotated", order, &json!({"notes": notes, "added": added, "removed": removed})).await?;
        let data = json!({"order": order, "notes": notes, "added": added, "removed": removed});
        tx.emit(EventType::OrderAnnotated.about(order, data));
    }
    Ok(OrderMarks { tags, notes: order_notes(tx, order).await? })
}

/// What is written at an order.
pub async fn order_marks(tx: &mut Tx, order: OrderId) -> Result<OrderMarks, CapabilityError> {
    let tags = order_tags(tx, order).await?;
    Ok(OrderMarks { tags, notes: order_notes(tx, order).await? })
}

async fn order_tags(tx: &mut Tx, order: OrderId) -> Result<Vec<String>, CapabilityError> {
    const TAGS: &str = "select tags from orders where tenant_id = $1 and id = $2";
    let tags = tx.query(TAGS).text(order).fetch_optional(|row| row.json("tags")).await?;
    tags.ok_or(CapabilityError::NotFound("order"))
}

async fn order_notes(tx: &mut Tx, order: OrderId) -> Result<Vec<OrderNote>, CapabilityError> {
    const NOTES: &str =
        "select id, body, actor, at from order_notes where tenant_id = $1 and order_id = $2 order by id";
    let note = |row: &Row| {
        Ok(OrderNote {
            id: row.parse("id")?,
            text: row.text("body")?,
            actor: row.text("actor")?,
            at: row.millis("at")?,
        })
    };
    Ok(tx.query(NOTES).text(order).fetch_all(note).await?)
}
