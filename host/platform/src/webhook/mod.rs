//! Webhooks: events for servers that merchants and publishers run themselves.
//!
//! An endpoint is a row here and a subscription, whose events are delivered like a plugin's. Its messages are signed with
//! [`secret`]s; how it fares is its [`health`]; how many messages a day it may have is [`usage`]. How a message looks and
//! is sent is the crate `heptad-webhook`.

pub mod health;
pub mod secret;
pub mod usage;

use heptad_model::id::{SubscriptionId, WebhookId};
use heptad_model::plugin_event::is_event_type;
use heptad_model::{EventType, Filter, Millis, Tenant};
use heptad_store::{Row, StoreError, Tx};
use serde_json::json;

use crate::PlatformError;
use crate::delivery::subscription::{
    SubscriptionKind, SubscriptionState, subscription_create, subscription_wishes_put, subscriptions_delete,
};
use crate::vault::Vault;
use health::Health;
use secret::{WebhookSecret, secret_create};

/// The most endpoints of a tenant.
pub const MAX_WEBHOOKS: i64 = 20;
/// The most bytes of an address, and of a description.
pub const MAX_URL: usize = 2_000;
const MAX_DESCRIPTION: usize = 500;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The id.
    pub id: WebhookId,
    /// What its events are delivered to.
    pub subscription: SubscriptionId,
    /// Where its messages are sent.
    pub url: String,
    /// What it is for, in the owner's words.
    pub description: String,
    /// The types of events.
    pub types: Vec<String>,
    /// Which of them, in the language of [`Filter`]; all where it is empty.
    pub filter: String,
    /// Whether names, e-mail addresses and phone numbers are sent.
    pub personal: bool,
    /// Whether events are delivered.
    pub state: SubscriptionState,
    /// How it fares.
    pub health: Health,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
}

impl Webhook {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            subscription: row.parse("subscription_id")?,
            url: row.text("url")?,
            description: row.text("description")?,
            types: row.json("types")?,
            filter: row.text("filter")?,
            personal: row.flag("personal")?,
            state: row.parse("state")?,
            health: Health::of(row)?,
            created_at: row.millis("created_at")?,
            updated_at: row.millis("updated_at")?,
        })
    }

    /// The server and its port, as people know the endpoint.
    pub fn host(&self) -> &str {
        host(&self.url)
    }
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// What an endpoint is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookIn {
    /// Where messages are sent. Whether anybody may be sent to there is for the caller to check.
    pub url: String,
    /// What it is for, in the owner's words.
    pub description: String,
    /// The types of events.
    pub types: Vec<String>,
    /// Which of them; all where it is empty.
    pub filter: String,
    /// Whether names, e-mail addresses and phone numbers are sent.
    pub personal: bool,
}

impl WebhookIn {
    fn check(&self, tenant: &Tenant) -> Result<(), PlatformError> {
        let field = |name: &'static str, problem: String| PlatformError::field(name, problem);
        if self.url.is_empty() || self.url.len() > MAX_URL {
            return Err(field("url", format!("1 to {MAX_URL} bytes")));
        }
        if self.description.len() > MAX_DESCRIPTION {
            return Err(field("description", format!("at most {MAX_DESCRIPTION} bytes")));
        }
        if self.types.is_empty() || self.types.len() > EventType::ALL.len() {
            return Err(field("types", "at least one type of `/v1/event-types`, each once".to_owned()));
        }
        for (index, kind) in self.types.iter().enumerate() {
            let is_publisher = tenant.publisher.is_some();
            let is_told = match EventType::parse(kind) {
                Some(kind) => kind.is_told_to(is_publisher),
                // What plugins tell of is the merchant's.
                None => is_event_type(kind) && !is_publisher,
            };
            if !is_told || self.types[..index].contains(kind) {
                let kind: String = kind.chars().take(64).collect();
                return Err(field(
                    "types",
                    format!("`{kind}` is no type of event that endpoints are told of, or is there twice"),
                ));
            }
        }
        Filter::parse(&self.filter).map(drop).map_err(|error| field("filter", error.to_string()))
    }
}

/// Makes an endpoint with its first secret, which is shown now and never again.
pub async fn webhook_create(
    tx: &mut Tx,
    vault: &Vault,
    input: &WebhookIn,
) -> Result<(Webhook, WebhookSecret), PlatformError> {
    const COUNT: &str = "select count(*) as many from webhooks where tenant_id = $1";
    const INSERT: &str = "insert into webhooks (tenant_id, id, subscription_id, url, description, personal, failures, code, \
                          message, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, 0, '', '', $7, $7)";
    input.check(tx.ctx().tenant())?;
    if tx.query(COUNT).fetch_one(|row| row.int("many")).await? >= MAX_WEBHOOKS {
        return Err(PlatformError::WebhookFull(MAX_WEBHOOKS));
    }
    let (id, now) = (WebhookId::generate(&tx.ctx().env), tx.ctx().now());
    let (owner, name) = (id.to_string(), host(&input.url));
    let subscription =
        subscription_create(tx, SubscriptionKind::Webhook, &owner, name, &input.types, &input.filter).await?;
    let statement = tx.query(INSERT).text(id).text(subscription).bind(&input.url).bind(&input.description);
    statement.bind(input.personal).bind(now).execute().await?;
    let detail = json!({"host": name, "types": input.types, "personal": input.personal});
    tx.audit("webhook.created", id, &detail).await?;
    let secret = secret_create(tx, vault, id).await?;
    Ok((webhook_get(tx, id).await?, secret))
}

/// The tenant's endpoints, the eldest first.
///
/// Not paged: there are at most [`MAX_WEBHOOKS`].
pub async fn webhook_list(tx: &mut Tx) -> Result<Vec<Webhook>, StoreError> {
    const LIST: &str = "select w.id, w.subscription_id, w.url, w.description, s.types, s.filter, w.personal, s.state, \
                        w.failures, w.failing_since, w.retry_at, w.code, w.message, w.created_at, w.updated_at \
                        from webhooks w join subscriptions s on s.tenant_id = w.tenant_id and s.id = w.subscription_id \
                        where w.tenant_id = $1 order by w.id";
    tx.query(LIST).fetch_all(Webhook::of).await
}

/// One endpoint.
pub async fn webhook_get(tx: &mut Tx, id: WebhookId) -> Result<Webhook, PlatformError> {
    const GET: &str = "select w.id, w.subscription_id, w.url, w.description, s.types, s.filter, w.personal, s.state, \
                       w.failures, w.failing_since, w.retry_at, w.code, w.message, w.created_at, w.updated_at \
                       from webhooks w join subscriptions s on s.tenant_id = w.tenant_id and s.id = w.subscription_id \
                       where w.tenant_id = $1 and w.id = $2";
    let found = tx.query(GET).text(id).fetch_optional(Webhook::of).await?;
    found.ok_or_else(|| PlatformError::not_found("webhook", id))
}

/// Replaces what an endpoint is. A new address is another server: what the old one did says nothing about it, and what waits
/// is tried now.
pub async fn webhook_put(tx: &mut Tx, id: WebhookId, input: &WebhookIn) -> Result<Webhook, PlatformError> {
    const PUT: &str = "update webhooks set url = $3, description = $4, personal = $5, updated_at = $6 \
                       where tenant_id = $1 and id = $2";
    input.check(tx.ctx().tenant())?;
    let before = webhook_get(tx, id).await?;
    let now = tx.ctx().now();
    let statement = tx.query(PUT).text(id).bind(&input.url).bind(&input.description).bind(input.personal);
    statement.bind(now).execute().await?;
    subscription_wishes_put(tx, before.subscription, host(&input.url), &input.types, &input.filter).await?;
    if before.url != input.url {
        health::webhook_again(tx, &before).await?;
    }
    let detail = json!({"host": host(&input.url), "types": input.types, "personal": input.personal});
    tx.audit("webhook.changed", id, &detail).await?;
    webhook_get(tx, id).await
}

/// Removes an endpoint with its secrets and all that is kept about its deliveries.
pub async fn webhook_delete(tx: &mut Tx, id: WebhookId) -> Result<(), PlatformError> {
    let webhook = webhook_get(tx, id).await?;
    tx.query("delete from webhook_secrets where tenant_id = $1 and webhook_id = $2").text(id).execute().await?;
    tx.query("delete from webhooks where tenant_id = $1 and id = $2").text(id).execute().await?;
    subscriptions_delete(tx, &id.to_string()).await?;
    tx.audit("webhook.deleted", id, &json!({"host": webhook.host()})).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_known_by_its_server() {
        for (url, expected) in [
            ("https://shop.example/hooks?a=b", "shop.example"),
            ("http://127.0.0.1:9000", "127.0.0.1:9000"),
            ("https://shop.example?x", "shop.example"),
        ] {
            assert_eq!(host(url), expected);
        }
    }
}
