//! Lanes: how far each subscription is with the events of each key. The workers' side of delivery.
//!
//! `outbox` and `lanes` belong to no tenant, because a worker looks across all of them; they hold ids and numbers.

use heptad_model::id::{SubscriptionId, TenantId};
use heptad_model::{Event, Millis};
use heptad_store::{PlatformTx, Row, StoreError, Tx};

use super::event::{event, with_events};
use super::stream::positions_put;

/// A lane's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneKey {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// What the events are about; `replay:` and an id for a replay.
    pub key: String,
}

/// How far a lane is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The last event that was dealt with.
    pub last_seq: i64,
    /// The last event that is to be told.
    pub wanted: i64,
    /// Whether an event before the next one was given up.
    pub gap: bool,
    /// When the next event is tried; `None` when there is none.
    pub due_at: Option<Millis>,
    /// How often the next event was tried.
    pub attempts: u32,
    /// Since when it fails.
    pub failing_since: Option<Millis>,
}

/// An event that a subscription is to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where.
    pub lane: LaneKey,
    /// The key's partition.
    pub partition: u32,
    /// The first number in this batch.
    pub first: i64,
    /// The last number in this batch.
    pub last: i64,
}

/// Who may move lanes of a partition: a lease that was not taken over since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The lease's name.
    pub lease: String,
    /// Its number when it was taken.
    pub fence: i64,
}

/// The tenants that have told of something lately, each once.
pub async fn outbox_tenants(tx: &mut PlatformTx, most: u32) -> Result<Vec<TenantId>, StoreError> {
    // From tenant to tenant over the key, so that a long queue of one costs nothing.
    const TENANTS: &str = "with recursive found (tenant) as (select min(tenant) from outbox union all \
                           select (select min(o.tenant) from outbox o where o.tenant > found.tenant) \
                           from found where found.tenant is not null) \
                           select tenant from found where tenant is not null limit $1";
    tx.query(TENANTS).bind(most).fetch_all(|row| row.parse("tenant")).await
}

/// How many events are in the outbox, counted up to `most`.
pub async fn outbox_size(tx: &mut PlatformTx, most: u32) -> Result<i64, StoreError> {
    const SIZE: &str = "select count(*) as size from (select 1 as one from outbox limit $1) as counted";
    tx.query(SIZE).bind(most).fetch_one(|row| row.int("size")).await
}

/// An event in the outbox, with its partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The partition.
    pub partition: u32,
    /// The event.
    pub event: Event,
}

/// The next events of the tenant in these partitions, in the order of partition, key and number.
pub async fn outbox_read(tx: &mut Tx, partitions: &[u32], most: u32) -> Result<Vec<Outgoing>, StoreError> {
    // First these rows of the outbox by its key: `= true` keeps the partitions from becoming a join.
    const READ: (&str, &str) = with_events!(
        "with next as materialized (select partition, key, seq, event_id from outbox where tenant = $1 \
         and (partition in (select cast(value as bigint) from json_each($2))) = true \
         order by partition, key, seq limit $3) \
         select next.partition, e.id, e.kind, e.schema_version, e.key, e.seq, e.at, e.actor, e.causation, e.correlation, \
         e.depth, e.traceparent, e.target, e.data from next",
        // Both keys, so that PostgreSQL finds one event by whichever of the two indexes it takes.
        "next.event_id and e.key = next.key and e.seq = next.seq",
        "order by next.partition, next.key, next.seq"
    );
    let read = |row: &Row| Ok(Outgoing { partition: row.count("partition")?, event: event(row)? });
    tx.query_of(READ).json(partitions).bind(most).fetch_all(read).await
}

/// Puts what is wanted into the lanes, gives what was read its place in the stream, and takes it out of the outbox.
pub async fn outbox_settle(tx: &mut Tx, read: &[Outgoing], wanted: &[Wanted]) -> Result<(), StoreError> {
    const LANES: &str = "insert into lanes (tenant, subscription_id, key, partition, last_seq, wanted, gap, due_at, attempts) \
                         select $1, json_extract(value, '$.subscription'), json_extract(value, '$.key'), \
                         cast(json_extract(value, '$.partition') as bigint), \
                         cast(json_extract(value, '$.first') as bigint) - 1, \
                         cast(json_extract(value, '$.last') as bigint), 0, $3, 0 from json_each($2, '$') where true \
                         on conflict (tenant, subscription_id, key) do update set \
                         wanted = case when lanes.wanted < excluded.wanted then excluded.wanted else lanes.wanted end, \
                         due_at = case when excluded.wanted > lanes.last_seq \
                         then coalesce(lanes.due_at, excluded.due_at) else lanes.due_at end";
    const TAKE: &str = "delete from outbox where tenant = $1 \
                        and partition in (select cast(value as bigint) from json_each($2)) \
                        and (partition, key, seq) <= ($3, $4, $5)";
    let Some(last) = read.last() else { return Ok(()) };
    positions_put(tx, read).await?;
    let (tenant, now) = (tx.ctx().tenant().id, tx.ctx().now());
    if !wanted.is_empty() {
        let row = |one: &Wanted| {
            serde_json::json!({
                "subscription": one.lane.subscription, "key": one.lane.key, "partition": one.partition,
                "first": one.first, "last": one.last,
            })
        };
        let rows: Vec<_> = wanted.iter().map(row).collect();
        tx.platform_query(LANES).text(tenant).json(&rows).bind(now).execute().await?;
    }
    let mut partitions: Vec<u32> = read.iter().map(|one| one.partition).collect();
    partitions.dedup();
    let take = tx.platform_query(TAKE).text(tenant).json(&partitions).bind(last.partition);
    take.bind(&last.event.key).bind(last.event.seq).execute().await.map(drop)
}

/// A lane that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueLane {
    /// Which.
    pub lane: LaneKey,
    /// The key's partition.
    pub partition: u32,
}

/// The tenants with lanes that are due in these partitions, and how many lanes each has.
pub async fn due_tenants(
    tx: &mut PlatformTx,
    partitions: &[u32],
    now: Millis,
) -> Result<Vec<(TenantId, i64)>, StoreError> {
    const TENANTS: &str = "select tenant, count(*) as lanes from lanes where due_at is not null and due_at <= $2 \
                           and partition in (select cast(value as bigint) from json_each($1)) group by tenant";
    let read = |row: &Row| Ok((row.parse("tenant")?, row.int("lanes")?));
    tx.query(TENANTS).json(partitions).bind(now).fetch_all(read).await
}

/// The lanes of a tenant that are due in these partitions, but for those of some receivers, those that wait longest first.
pub async fn due_lanes(
    tx: &mut PlatformTx,
    tenant: TenantId,
    partitions: &[u32],
    but_for: &[SubscriptionId],
    now: Millis,
    most: u32,
) -> Result<Vec<DueLane>, StoreError> {
    const LANES: &str = "select subscription_id, key, partition from lanes where tenant = $1 and due_at is not null \
                         and due_at <= $3 and partition in (select cast(value as bigint) from json_each($2)) \
                         and subscription_id not in (select value from json_each($5)) order by due_at limit $4";
    let read = |row: &Row| {
        let lane = LaneKey { subscription: row.parse("subscription_id")?, key: row.text("key")? };
        Ok(DueLane { lane, partition: row.count("partition")? })
    };
    let statement = tx.query(LANES).text(tenant).json(partitions).bind(now).bind(most).json(but_for);
    statement.fetch_all(read).await
}

/// How far a lane is; `None` for one that is gone.
pub async fn lane_get(tx: &mut Tx, lane: &LaneKey) -> Result<Option<Lane>, StoreError> {
    const GET: &str = "select last_seq, wanted, gap, due_at, attempts, failing_since from lanes \
                       where tenant = $1 and subscription_id = $2 and key = $3";
    let tenant = tx.ctx().tenant().id;
    let statement = tx.platform_query(GET).text(tenant).text(lane.subscription).bind(&lane.key);
    let read = |row: &Row| {
        Ok(Lane {
            last_seq: row.int("last_seq")?,
            wanted: row.int("wanted")?,
            gap: row.flag("gap")?,
            due_at: row.opt_int("due_at")?.map(Millis::new),
            attempts: row.count("attempts")?,
            failing_since: row.opt_int("failing_since")?.map(Millis::new),
        })
    };
    statement.fetch_optional(read).await
}

/// The next events of a lane, with their numbers in it: those of its key, of these types or for this subscription alone.
pub async fn lane_events(
    tx: &mut Tx,
    key: &LaneKey,
    lane: &Lane,
    types: &[String],
    most: u32,
) -> Result<Vec<(i64, Event)>, StoreError> {
    const EVENTS: &str = "select seq as place, id, kind, schema_version, key, seq, at, actor, causation, correlation, depth, \
                          traceparent, target, data from events where tenant_id = $1 and key = $2 and seq > $3 and seq <= $4 \
                          and ((target is null and kind in (select value from json_each($5))) or target = $6) \
                          order by seq limit $7";
    const REPLAYED: (&str, &str) = with_events!(
        "with item as materialized (select seq, event_id from replay_items where tenant_id = $1 and replay_id = $2 \
         and seq > $3 and seq <= $4 order by seq limit $5) \
         select item.seq as place, e.id, e.kind, e.schema_version, e.key, e.seq, e.at, e.actor, e.causation, e.correlation, \
         e.depth, e.traceparent, e.target, e.data from item",
        "item.event_id",
        "order by item.seq"
    );
    let read = |row: &Row| Ok((row.int("place")?, event(row)?));
    match key.key.strip_prefix(heptad_store::REPLAY_PREFIX) {
        Some(replay) => {
            let statement = tx.query_of(REPLAYED).bind(replay).bind(lane.last_seq).bind(lane.wanted).bind(most);
            statement.fetch_all(read).await
        }
        None => {
            let statement = tx.query(EVENTS).bind(&key.key).bind(lane.last_seq).bind(lane.wanted).json(types);
            statement.text(key.subscription).bind(most).fetch_all(read).await
        }
    }
}

/// A lane's step: everything up to `to` was dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// Which lane.
    pub lane: LaneKey,
    /// Where it was.
    pub from: i64,
    /// Where it is now.
    pub to: i64,
    /// Whether the last event was given up.
    pub gap: bool,
    /// Who may.
    pub fence: Fence,
}

/// Moves lanes on; the lanes that were where they were thought to be, in hands that may. The others did not move.
pub async fn lanes_advance(tx: &mut Tx, steps: &[Advance]) -> Result<Vec<LaneKey>, StoreError> {
    // The list comes first, whatever the planner thinks of it: else SQLite looks through it for each lane of the tenant.
    // PostgreSQL is told to find each lane by its key; see `with_events`.
    macro_rules! advance {
        ($found:literal) => {
            concat!(
                "with step as materialized (select json_extract(value, '$.subscription') as subscription, \
                 json_extract(value, '$.key') as key, cast(json_extract(value, '$.from') as bigint) as old, \
                 cast(json_extract(value, '$.to') as bigint) as new, cast(json_extract(value, '$.gap') as bigint) as gap, \
                 json_extract(value, '$.lease') as lease, cast(json_extract(value, '$.fence') as bigint) as fence \
                 from json_each($2, '$')) \
                 update lanes set last_seq = step.new, gap = step.gap, attempts = 0, failing_since = null, \
                 due_at = case when lanes.wanted > step.new then $3 else null end from step where ",
                $found,
                "lanes.tenant = $1 and lanes.subscription_id = step.subscription and lanes.key = step.key \
                 and lanes.last_seq = step.old and exists (select 1 from leases \
                 where leases.name = step.lease and leases.fence = step.fence) \
                 returning lanes.subscription_id as subscription, lanes.key as key"
            )
        };
    }
    const ADVANCE: (&str, &str) = (
        advance!(""),
        advance!(
            "lanes.ctid = any (array (select found.place from step cross join lateral (select ctid as place from lanes \
             where tenant = $1 and subscription_id = step.subscription and key = step.key offset 0) found)) and "
        ),
    );
    let now = tx.ctx().now();
    let row = |step: &Advance| {
        serde_json::json!({
            "subscription": step.lane.subscription, "key": step.lane.key, "from": step.from, "to": step.to,
            "gap": i64::from(step.gap), "lease": step.fence.lease, "fence": step.fence.fence,
        })
    };
    let rows: Vec<_> = steps.iter().map(row).collect();
    let read = |row: &Row| Ok(LaneKey { subscription: row.parse("subscription")?, key: row.text("key")? });
    tx.query_of(ADVANCE).json(&rows).bind(now).fetch_all(read).await
}

/// Puts a lane off: its next event failed, or nobody can be told now. `failed` counts an attempt. `false` where the lane is
/// not at that place any more, or the fence is not the one of the lease.
pub async fn lane_put_off(
    tx: &mut Tx,
    key: &LaneKey,
    at: i64,
    until: Millis,
    failed: bool,
    fence: &Fence,
) -> Result<bool, StoreError> {
    const PUT_OFF: &str = "update lanes set due_at = $5, attempts = attempts + $6, \
                           failing_since = case when $6 = 0 then failing_since else coalesce(failing_since, $7) end \
                           where tenant = $1 and subscription_id = $2 and key = $3 and last_seq = $4 and due_at is not null \
                           and exists (select 1 from leases where leases.name = $8 and leases.fence = $9)";
    let (tenant, now) = (tx.ctx().tenant().id, tx.ctx().now());
    let statement = tx.platform_query(PUT_OFF).text(tenant).text(key.subscription).bind(&key.key).bind(at);
    let statement = statement.bind(until).bind(failed).bind(now).bind(&fence.lease).bind(fence.fence);
    Ok(statement.execute().await? == 1)
}

/// Moves a lane behind an event that a person skips, from where it was thought to be; whether it was there.
pub(super) async fn lane_step_over(tx: &mut Tx, key: &LaneKey, from: i64, to: i64) -> Result<bool, StoreError> {
    const STEP: &str = "update lanes set last_seq = $5, gap = 1, attempts = 0, failing_since = null, \
                        due_at = case when wanted > $5 then $6 else null end \
                        where tenant = $1 and subscription_id = $2 and key = $3 and last_seq = $4";
    let (tenant, now) = (tx.ctx().tenant().id, tx.ctx().now());
    let statement = tx.platform_query(STEP).text(tenant).text(key.subscription).bind(&key.key);
    Ok(statement.bind(from).bind(to).bind(now).execute().await? == 1)
}

/// Lets all lanes of a subscription that wait be tried now.
pub async fn lanes_hurry(tx: &mut Tx, subscription: SubscriptionId) -> Result<u64, StoreError> {
    // Those that are due already, too: whoever is about to put one off finds that it has changed.
    const HURRY: &str =
        "update lanes set due_at = $3 where tenant = $1 and subscription_id = $2 and due_at is not null";
    let (tenant, now) = (tx.ctx().tenant().id, tx.ctx().now());
    tx.platform_query(HURRY).text(tenant).text(subscription).bind(now).execute().await
}
