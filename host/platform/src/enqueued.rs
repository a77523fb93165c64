//! Requests that plugins leave to be sent when what they wrote is committed: one row each, and an event for the engine of
//! delivery, which tells when to send it, tries again, and gives up in the end.

use heptad_model::id::{EventId, InstallId, OutboundRequestId, SubscriptionId};
use heptad_model::{EventType, Manifest, Millis, Permission, retention};
use heptad_store::{Row, StoreError, Tx};
use serde_json::{Value, json};

use crate::PlatformError;
use crate::delivery::subscription::{SubscriptionKind, subscription_create, subscription_delete, subscriptions_of};

/// The name of the subscription by which a plugin's requests are sent; no other of its subscriptions has it.
pub const SUBSCRIPTION: &str = heptad_model::manifest::OUTBOUND;
/// The most requests of an install that wait.
pub const MAX_WAITING: i64 = 10_000;

/// A request to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnqueuedRequest {
    /// The method.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Makes the subscription by which the plugin's requests are sent, if it asks to leave any.
pub(crate) async fn enqueued_subscribe(
    tx: &mut Tx,
    install: InstallId,
    manifest: &Manifest,
) -> Result<(), PlatformError> {
    if manifest.wishes().contains(Permission::PlatformOutboundEnqueue) {
        let (owner, types) = (install.to_string(), [EventType::OutboundDue.name().to_owned()]);
        subscription_create(tx, SubscriptionKind::Outbound, &owner, SUBSCRIPTION, &types, "").await?;
    }
    Ok(())
}

/// The same for another version of the plugin: what was left is still sent, as long as it may leave requests.
pub(crate) async fn enqueued_renew(tx: &mut Tx, install: InstallId, manifest: &Manifest) -> Result<(), PlatformError> {
    let present = subscriptions_of(tx, install, SubscriptionKind::Outbound).await?;
    if manifest.wishes().contains(Permission::PlatformOutboundEnqueue) == present.is_empty() {
        for (id, _) in &present {
            subscription_delete(tx, *id).await?;
            enqueued_forget(tx, install).await?;
        }
        enqueued_subscribe(tx, install, manifest).await?;
    }
    Ok(())
}

/// Leaves requests to be sent after this transaction, each with a key or without: those of one key are sent one after the
/// other, in their order. Their ids; `outbound-full` where too many wait.
pub async fn enqueued_put(
    tx: &mut Tx,
    install: InstallId,
    requests: &[(EnqueuedRequest, Option<String>)],
) -> Result<Vec<OutboundRequestId>, PlatformError> {
    const PUT: &str = "insert into outbound_requests (tenant_id, id, install_id, method, url, headers, body, created_at) \
                       values ($1, $2, $3, $4, $5, $6, $7, $8)";
    const WAITING: &str = "select count(*) as waiting from outbound_requests where tenant_id = $1 and install_id = $2 \
                           and given_up_at is null";
    const SUBSCRIBED: &str = "select id from subscriptions where tenant_id = $1 and owner = $2 and name = $3";
    let subscribed = tx.query(SUBSCRIBED).text(install).bind(SUBSCRIPTION);
    let subscription: Option<SubscriptionId> = subscribed.fetch_optional(|row| row.parse("id")).await?;
    let subscription = subscription.ok_or_else(|| PlatformError::not_found("install", install))?;
    let waiting = tx.query(WAITING).text(install).fetch_one(|row| row.int("waiting")).await?;
    if waiting.saturating_add(i64::try_from(requests.len()).unwrap_or(i64::MAX)) > MAX_WAITING {
        return Err(PlatformError::OutboundFull(MAX_WAITING));
    }
    let (env, now) = (tx.ctx().env.clone(), tx.ctx().now());
    let mut ids = Vec::new();
    for (request, key) in requests {
        let id = OutboundRequestId::generate(&env);
        let put = tx.query(PUT).text(id).text(install).bind(&request.method).bind(&request.url);
        put.json(&request.headers).bind(request.body.as_slice()).bind(now).execute().await?;
        let key = key.as_ref().map_or_else(|| id.to_string(), |key| format!("{install}/{key}"));
        tx.emit(EventType::OutboundDue.about(key, json!({"request": id})).only_for(subscription));
        ids.push(id);
    }
    Ok(ids)
}

/// A request that waits; `None` for one that was sent, or is not kept any more.
pub async fn enqueued_get(tx: &mut Tx, id: OutboundRequestId) -> Result<Option<EnqueuedRequest>, StoreError> {
    const GET: &str = "select method, url, headers, body from outbound_requests where tenant_id = $1 and id = $2";
    let read = |row: &Row| {
        Ok(EnqueuedRequest {
            method: row.text("method")?,
            url: row.text("url")?,
            headers: row.json("headers")?,
            body: row.bytes("body")?,
        })
    };
    tx.query(GET).text(id).fetch_optional(read).await
}

/// Forgets a request that was sent.
pub async fn enqueued_delete(tx: &mut Tx, id: OutboundRequestId) -> Result<(), StoreError> {
    const DELETE: &str = "delete from outbound_requests where tenant_id = $1 and id = $2";
    tx.query(DELETE).text(id).execute().await.map(drop)
}

/// What becomes of the request of an event that is a dead letter now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It does not wait any more.
    GivenUp,
    /// It is to be sent again.
    Waits,
    /// Nobody wants it any more.
    Forgotten,
}

/// Notes what becomes of the request that an event names; nothing for events that name none.
pub(crate) async fn enqueued_fate_put(tx: &mut Tx, event: EventId, fate: Fate) -> Result<(), StoreError> {
    const NAMED: &str = "select data from events where tenant_id = $1 and id = $2 and kind = 'outbound.due'";
    const PUT: &str = "update outbound_requests set given_up_at = $3 where tenant_id = $1 and id = $2";
    let data: Option<Value> = tx.query(NAMED).text(event).fetch_optional(|row| row.json("data")).await?;
    let named = data.as_ref().and_then(|data| data["request"].as_str()).and_then(|id| id.parse().ok());
    let Some(id) = named else { return Ok(()) };
    let given_up_at = match fate {
        Fate::GivenUp => Some(tx.ctx().now()),
        Fate::Waits => None,
        Fate::Forgotten => return enqueued_delete(tx, id).await,
    };
    let statement = tx.query(PUT).text(id).bind(given_up_at.map(Millis::as_millis));
    statement.execute().await.map(drop)
}

/// Removes those of an install.
pub(crate) async fn enqueued_forget(tx: &mut Tx, install: InstallId) -> Result<(), StoreError> {
    const DELETE: &str = "delete from outbound_requests where tenant_id = $1 and install_id = $2";
    tx.query(DELETE).text(install).execute().await.map(drop)
}

/// Removes at most `batch` of those that were given up long ago; how many.
pub async fn enqueued_purge(tx: &mut Tx, batch: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from outbound_requests where tenant_id = $1 and id in (select id from outbound_requests \
                         where tenant_id = $1 and created_at <= $2 order by created_at limit $3)";
    let before = tx.ctx().now().plus(-retention::OUTBOUND_REQUESTS.millis);
    tx.query(PURGE).bind(before).bind(batch).execute().await
}
