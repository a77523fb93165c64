//! The outbox: what a transaction tells is written with it, and leaves after it.
//!
//! [`Tx::emit`] puts an event aside; just before the commit all that a transaction tells a tenant is written, with three
//! statements however many events they are; on SQLite those who share a commit share these too. The place of an event among
//! those of its key is taken there, in the writing transaction, so that order belongs to the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use heptad_model::event::{MAX_DATA, MAX_KEY, partition};
use heptad_model::id::TenantId;
use heptad_model::{Actor, Ctx, Event, NewEvent, Origin, Tenant};
use serde_json::json;

use crate::statement::Session;
use crate::tx::Addressed;
use crate::{PlatformTx, StoreError, Tx};

/// The keys of lanes that replay events begin so, and no event's own key does.
pub const REPLAY_PREFIX: &str = "replay:";

impl Tx {
    /// Tells of something in this transaction: it is delivered if and when the transaction has committed.
    pub fn emit(&mut self, event: NewEvent) {
        let tenant = self.ctx().tenant().clone();
        self.running.events.push(Addressed { tenant, event });
    }

    /// The same to any tenant. Another one does not learn where it happened, nor who did it, nor in which request.
    pub fn emit_to(&mut self, tenant: &Arc<Tenant>, event: NewEvent) {
        self.running.events.push(Addressed { tenant: tenant.clone(), event });
    }
}

impl PlatformTx {
    /// The same in a transaction of the platform.
    pub fn emit_to(&mut self, tenant: &Arc<Tenant>, event: NewEvent) {
        self.running.events.push(Addressed { tenant: tenant.clone(), event });
    }
}

/// What a transaction tells a tenant, in the context in which it is told.
pub(crate) struct Telling {
    pub(crate) ctx: Ctx,
    events: Vec<NewEvent>,
}

/// What a tenant was told.
pub(crate) struct Told {
    pub(crate) ctx: Ctx,
    pub(crate) events: Vec<Event>,
}

/// What each tenant is told. The tenants come in the order of their ids, as the keys of each do in [`outbox_put`]: those who
/// tell the same tenants never wait for each other in a ring.
pub(crate) fn outbox_of_each(
    origin: &Origin,
    bound: Option<&Ctx>,
    events: Vec<Addressed>,
) -> Result<Vec<Telling>, StoreError> {
    let mut each: BTreeMap<TenantId, Telling> = BTreeMap::new();
    for Addressed { tenant, event } in events {
        check(&event)?;
        let ctx = || match bound {
            Some(own) if own.tenant().id == tenant.id => own.clone(),
            _ => {
                let (env, locale) = (origin.env.clone(), origin.locale);
                Origin::new(Actor::System("platform".to_owned()), locale, env).for_tenant(tenant.clone())
            }
        };
        each.entry(tenant.id).or_insert_with(|| Telling { ctx: ctx(), events: Vec::new() }).events.push(event);
    }
    Ok(each.into_values().collect())
}

/// Lets keys that are new begin above this number. Called in the transaction that marks keys of which nothing is kept any
/// more, a while before they are removed.
pub async fn key_floor_raise(tx: &mut Tx, seq: i64) -> Result<(), StoreError> {
    const RAISE: &str = "insert into event_keys (tenant_id, key, seq) values ($1, '', $2) \
                         on conflict (tenant_id, key) do update set seq = case when event_keys.seq < excluded.seq \
                         then excluded.seq else event_keys.seq end";
    tx.query(RAISE).bind(seq).execute().await.map(drop)
}

/// Writes what some transactions tell one tenant, in their order; the events of each come back with their places.
pub(crate) async fn outbox_put(
    session: &mut Session<'_>,
    tenant: TenantId,
    tellings: Vec<Telling>,
) -> Result<Vec<Told>, StoreError> {
    // A key that is new, or was removed when nothing was kept of it, begins above all numbers that were removed.
    const SEQ: &str = "insert into event_keys (tenant_id, key, seq) \
                       select $1, json_extract(value, '$.key'), cast(json_extract(value, '$.count') as bigint) \
                       + coalesce((select f.seq from event_keys f where f.tenant_id = $1 and f.key = ''), 0) \
                       from json_each($2, '$') where true \
                       on conflict (tenant_id, key) do update set idle_at = null, seq = event_keys.seq + excluded.seq \
                       - coalesce((select f.seq from event_keys f where f.tenant_id = $1 and f.key = ''), 0) \
                       returning key, seq";
    const EVENTS: &str = "insert into events (tenant_id, id, kind, schema_version, key, seq, at, actor, causation, \
                          correlation, depth, traceparent, target, data) \
                          select $1, json_extract(value, '$.id'), json_extract(value, '$.kind'), \
                          cast(json_extract(value, '$.schema_version') as bigint), json_extract(value, '$.key'), \
                          cast(json_extract(value, '$.seq') as bigint), cast(json_extract(value, '$.at') as bigint), \
                          json_extract(value, '$.actor'), json_extract(value, '$.causation'), \
                          json_extract(value, '$.correlation'), cast(json_extract(value, '$.depth') as bigint), \
                          json_extract(value, '$.traceparent'), json_extract(value, '$.target'), \
                          json_extract(value, '$.data') from json_each($2, '$')";
    const OUTBOX: &str = "insert into outbox (tenant, partition, key, seq, event_id) \
                          select $1, cast(json_extract(value, '$.partition') as bigint), json_extract(value, '$.key'), \
                          cast(json_extract(value, '$.seq') as bigint), json_extract(value, '$.id') from json_each($2, '$')";
    let tenant = tenant.to_string();
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for event in tellings.iter().flat_map(|telling| &telling.events) {
        *counts.entry(&event.key).or_default() += 1;
    }
    let keys: Vec<_> = counts.iter().map(|(key, count)| json!({"key": key, "count": count})).collect();
    let seq = session.statement(SEQ).bind(&tenant).json(&keys);
    let last = seq.fetch_all(|row| Ok((row.text("key")?, row.int("seq")?))).await?;
    let mut next: BTreeMap<String, i64> = last
        .into_iter()
        .map(|(key, last)| (counts.get(key.as_str()).map_or(last, |count| last - count + 1), key))
        .map(|(first, key)| (key, first))
        .collect();
    let mut told = |Telling { ctx, events }| {
        let placed = events.into_iter().map(|event: NewEvent| {
            let seq = next.entry(event.key.clone()).or_default();
            let placed = event.placed(ctx.origin(), *seq);
            *seq += 1;
            placed
        });
        Told { events: placed.collect(), ctx }
    };
    let told: Vec<Told> = tellings.into_iter().map(&mut told).collect();
    let row = |event: &Event| {
        let mut row = json!(event);
        row["partition"] = partition(&tenant, &event.key).into();
        row["data"] = event.data.to_string().into();
        row
    };
    let rows: Vec<_> = told.iter().flat_map(|told| &told.events).map(row).collect();
    session.statement(EVENTS).bind(&tenant).json(&rows).execute().await?;
    session.statement(OUTBOX).bind(&tenant).json(&rows).execute().await?;
    Ok(told)
}

/// The bounds of what plugins emit are held where they emit; this is the last wall.
fn check(event: &NewEvent) -> Result<(), StoreError> {
    let problem = if !(1..=MAX_KEY).contains(&event.key.len()) || event.key.starts_with(REPLAY_PREFIX) {
        format!("the key has {} bytes", event.key.len())
    } else if event.data.to_string().len() > MAX_DATA {
        "the data is too large".to_owned()
    } else {
        return Ok(());
    };
    Err(StoreError::Event { kind: event.kind.clone(), problem })
}
