//! Subscriptions: who is told of which events.

use heptad_model::event::MAX_DEPTH;
use heptad_model::id::{InstallId, SubscriptionId};
use heptad_model::manifest::EventWish;
use heptad_model::{Event, Filter, Millis};
use heptad_store::{Row, StoreError, Tx};
use serde_json::json;

use super::lane::lanes_hurry;
use crate::PlatformError;

/// What a subscription's events go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionKind {
    /// A plugin's handler; the owner is the install.
    Plugin,
    /// What a plugin does at times of its own; the owner is the install.
    Schedule,
    /// Requests that a plugin left to be sent; the owner is the install.
    Outbound,
    /// A server of the merchant's or publisher's own; the owner is the endpoint.
    Webhook,
}

/// Whether events are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionState {
    /// They are.
    Active,
    /// They are kept, in their order, until somebody resumes it.
    Paused,
}

words!(
    SubscriptionKind,
    "kind of subscription",
    Plugin = "plugin",
    Schedule = "schedule",
    Outbound = "outbound",
    Webhook = "webhook"
);
words!(SubscriptionState, "state of a subscription", Active = "active", Paused = "paused");

/// Somebody who is told of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The id.
    pub id: SubscriptionId,
    /// What the events go to.
    pub kind: SubscriptionKind,
    /// Of that kind: the install's id.
    pub owner: String,
    /// Its name among those of its owner.
    pub name: String,
    /// The types of events.
    pub types: Vec<String>,
    /// Which of them, in the language of [`Filter`]; all where it is empty.
    pub filter: String,
    /// Whether events are delivered.
    pub state: SubscriptionState,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
}

impl Subscription {
    pub(super) fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            kind: row.parse("kind")?,
            owner: row.text("owner")?,
            name: row.text("name")?,
            types: row.json("types")?,
            filter: row.text("filter")?,
            state: row.parse("state")?,
            created_at: row.millis("created_at")?,
            updated_at: row.millis("updated_at")?,
        })
    }

    /// The filter; one that cannot be read any more lets nothing through.
    pub fn wants(&self) -> Option<Filter> {
        Filter::parse(&self.filter).ok()
    }

    /// Whether an event is for it, which has this filter.
    pub fn is_told_of(&self, event: &Event, filter: Option<&Filter>) -> bool {
        match event.target {
            Some(target) => target == self.id,
            None => {
                // One too deep is told to nobody, and lies with the dead letters of those who would have been told.
                self.types.contains(&event.kind)
                    && (event.depth >= MAX_DEPTH || filter.is_some_and(|filter| filter.matches(event)))
            }
        }
    }
}

/// All subscriptions of the tenant, by owner and name.
///
/// Not paged: manifests and the number of endpoints bound it.
pub async fn subscription_list(tx: &mut Tx) -> Result<Vec<Subscription>, StoreError> {
    const LIST: &str = "select id, kind, owner, name, types, filter, state, created_at, updated_at from subscriptions \
                        where tenant_id = $1 order by owner, name";
    tx.query(LIST).fetch_all(Subscription::of).await
}

/// All subscriptions, and whether what happens is kept for each: not for plugins that are
/// disabled or stopped, but for what is told to
/// them alone.
pub async fn subscription_hearing_list(tx: &mut Tx) -> Result<Vec<(Subscription, bool)>, StoreError> {
    const LIST: &str = "select s.id, s.kind, s.owner, s.name, s.types, s.filter, s.state, s.created_at, s.updated_at, \
                        case when i.state is null or (i.state = 'enabled' and v.killed_at is null) then 1 else 0 end as hears \
                        from subscriptions s left join installs i on i.tenant_id = s.tenant_id and i.id = s.owner \
                        left join plugin_versions v on v.id = i.version_id where s.tenant_id = $1";
    tx.query(LIST).fetch_all(|row| Ok((Subscription::of(row)?, row.flag("hears")?))).await
}

/// Whether its receiver listens: the subscription is not paused, and its plugin runs.
pub async fn subscription_listens(tx: &mut Tx, id: SubscriptionId) -> Result<bool, StoreError> {
    const LISTENS: &str = "select count(*) as open from subscriptions s \
                           left join installs i on i.tenant_id = s.tenant_id and i.id = s.owner \
                           left join plugin_versions v on v.id = i.version_id \
                           where s.tenant_id = $1 and s.id = $2 and s.state = 'active' \
                           and (i.state is null or (i.state = 'enabled' and v.killed_at is null))";
    Ok(tx.query(LISTENS).text(id).fetch_one(|row| row.int("open")).await? > 0)
}

/// One subscription.
pub async fn subscription_get(tx: &mut Tx, id: SubscriptionId) -> Result<Subscription, PlatformError> {
    const GET: &str = "select id, kind, owner, name, types, filter, state, created_at, updated_at from subscriptions \
                       where tenant_id = $1 and id = $2";
    let found = tx.query(GET).text(id).fetch_optional(Subscription::of).await?;
    found.ok_or_else(|| PlatformError::not_found("subscription", id))
}

/// Makes the subscriptions that a plugin's manifest asks for, in the transaction that installs it.
pub(crate) async fn subscriptions_create(
    tx: &mut Tx,
    install: InstallId,
    wishes: &[EventWish],
) -> Result<(), PlatformError> {
    let owner = install.to_string();
    for wish in wishes {
        subscription_create(tx, SubscriptionKind::Plugin, &owner, &wish.name, &wish.types, &wish.filter).await?;
    }
    Ok(())
}

/// Makes a subscription of an owner, active.
pub(crate) async fn subscription_create(
    tx: &mut Tx,
    kind: SubscriptionKind,
    owner: &str,
    name: &str,
    types: &[String],
    filter: &str,
) -> Result<SubscriptionId, StoreError> {
    const INSERT: &str = "insert into subscriptions (tenant_id, id, kind, owner, name, types, filter, state, created_at, \
                          updated_at) values ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $8)";
    let (id, now) = (SubscriptionId::generate(&tx.ctx().env), tx.ctx().now());
    let statement = tx.query(INSERT).text(id).bind(kind.name()).bind(owner).bind(name).json(types).bind(filter);
    statement.bind(now).execute().await?;
    Ok(id)
}

/// Makes the subscriptions of an install what another version's manifest asks for: those of the same name go on where they
/// are, new ones begin now, and the others go.
pub(crate) async fn subscriptions_renew(
    tx: &mut Tx,
    install: InstallId,
    wishes: &[EventWish],
) -> Result<(), PlatformError> {
    let present = subscriptions_of(tx, install, SubscriptionKind::Plugin).await?;
    for (id, name) in &present {
        match wishes.iter().find(|wish| wish.name == *name) {
            Some(wish) => subscription_wishes_put(tx, *id, name, &wish.types, &wish.filter).await?,
            None => subscription_delete(tx, *id).await?,
        }
    }
    let new: Vec<EventWish> =
        wishes.iter().filter(|wish| present.iter().all(|(_, name)| *name != wish.name)).cloned().collect();
    subscriptions_create(tx, install, &new).await
}

/// The subscriptions of an install of one kind, by id and name.
pub(crate) async fn subscriptions_of(
    tx: &mut Tx,
    install: InstallId,
    kind: SubscriptionKind,
) -> Result<Vec<(SubscriptionId, String)>, StoreError> {
    const OWN: &str =
        "select id, name from subscriptions where tenant_id = $1 and owner = $2 and kind = $3 order by id";
    let read = |row: &Row| Ok((row.parse("id")?, row.text("name")?));
    tx.query(OWN).text(install).bind(kind.name()).fetch_all(read).await
}

/// Replaces what a subscription is called and asks for.
pub(crate) async fn subscription_wishes_put(
    tx: &mut Tx,
    id: SubscriptionId,
    name: &str,
    types: &[String],
    filter: &str,
) -> Result<(), StoreError> {
    const PUT: &str = "update subscriptions set name = $3, types = $4, filter = $5, updated_at = $6 \
                       where tenant_id = $1 and id = $2";
    let now = tx.ctx().now();
    tx.query(PUT).text(id).bind(name).json(types).bind(filter).bind(now).execute().await.map(drop)
}

/// Removes the subscriptions of an owner with all that is kept about them.
pub(crate) async fn subscriptions_delete(tx: &mut Tx, owner: &str) -> Result<(), StoreError> {
    const OWN: &str = "select id from subscriptions where tenant_id = $1 and owner = $2";
    for id in tx.query(OWN).bind(owner).fetch_all(|row| row.parse("id")).await? {
        subscription_delete(tx, id).await?;
    }
    Ok(())
}

/// Removes a subscription with all that is kept about it.
pub(crate) async fn subscription_delete(tx: &mut Tx, id: SubscriptionId) -> Result<(), StoreError> {
    const LANES: &str = "delete from lanes where tenant = $1 and subscription_id = $2";
    let tenant = tx.ctx().tenant().id;
    tx.platform_query(LANES).text(tenant).text(id).execute().await?;
    for rest in [
        "delete from deliveries where tenant_id = $1 and subscription_id = $2",
        "delete from dead_letters where tenant_id = $1 and subscription_id = $2",
        "delete from replay_items where tenant_id = $1 and replay_id in \
         (select id from replays where tenant_id = $1 and subscription_id = $2)",
        "delete from replays where tenant_id = $1 and subscription_id = $2",
        "delete from subscriptions where tenant_id = $1 and id = $2",
    ] {
        tx.query(rest).text(id).execute().await?;
    }
    Ok(())
}

/// Lets what waits for an install be tried now: it was changed.
pub(crate) async fn subscriptions_hurry(tx: &mut Tx, install: InstallId) -> Result<(), StoreError> {
    const OWN: &str = "select id from subscriptions where tenant_id = $1 and owner = $2 and state = 'active'";
    for id in tx.query(OWN).text(install).fetch_all(|row| row.parse("id")).await? {
        lanes_hurry(tx, id).await?;
    }
    Ok(())
}

/// Lets an install go on that did not listen for a while: what waited is tried now, and what happened meanwhile is passed by.
pub(crate) async fn subscriptions_go_on(tx: &mut Tx, install: InstallId) -> Result<(), StoreError> {
    subscriptions_hurry(tx, install).await?;
    subscriptions_pass_by(tx, install).await
}

/// Lets the lanes of an install that is enabled again begin behind what happened meanwhile: that is passed by, and the next
/// event of such a key says that there is a gap. What waited before waits on, with what came after it.
pub(crate) async fn subscriptions_pass_by(tx: &mut Tx, install: InstallId) -> Result<(), StoreError> {
    const OWN: &str = "select id, types from subscriptions where tenant_id = $1 and owner = $2 and kind = 'plugin'";
    const PASS: &str = "update lanes set gap = 1, last_seq = (select k.seq from event_keys k \
                        where k.tenant_id = $1 and k.key = lanes.key) \
                        where tenant = $1 and subscription_id = $2 and due_at is null and exists (select 1 from events e \
                        where e.tenant_id = $1 and e.key = lanes.key and e.seq > lanes.last_seq and e.target is null \
                        and e.kind in (select value from json_each($3))) \
                        and exists (select 1 from event_keys k where k.tenant_id = $1 and k.key = lanes.key \
                        and k.seq > lanes.last_seq)";
    let read = |row: &Row| Ok((row.text("id")?, row.json("types")?));
    let own: Vec<(String, Vec<String>)> = tx.query(OWN).text(install).fetch_all(read).await?;
    for (id, types) in own {
        tx.query(PASS).bind(id).json(&types).execute().await?;
    }
    Ok(())
}

/// Pauses or resumes a subscription. While it is paused its events are kept in their order.
pub async fn subscription_state_put(
    tx: &mut Tx,
    id: SubscriptionId,
    state: SubscriptionState,
) -> Result<Subscription, PlatformError> {
    const PUT: &str = "update subscriptions set state = $3, updated_at = $4 where tenant_id = $1 and id = $2";
    let before = subscription_get(tx, id).await?;
    if before.state == state {
        return Ok(before);
    }
    let now = tx.ctx().now();
    tx.query(PUT).text(id).bind(state.name()).bind(now).execute().await?;
    let action = match state {
        SubscriptionState::Active => "subscription.resumed",
        SubscriptionState::Paused => "subscription.paused",
    };
    tx.audit(action, id, &json!({"owner": before.owner, "name": before.name})).await?;
    if state == SubscriptionState::Active {
        lanes_hurry(tx, id).await?;
    }
    Ok(Subscription { state, updated_at: now, ..before })
}
