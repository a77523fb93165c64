//! The order in which a tenant's events became known, for those who follow them.
//!
//! Ids of one millisecond sort at random, and transactions are not committed in the order of their ids, so neither tells
//! a reader what it has not seen yet. The relay does: when it takes an event out of the outbox, it gives it the next
//! position of its partition. One process at a time relays a partition, and a position is taken under the lock of the
//! partition's row, so that positions become visible in their order. A reader's place is a position for each partition
//! ([`Cursor`]): any process goes on from there, and nothing is missed.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use heptad_model::event::PARTITIONS;
use heptad_model::id::{EventId, TenantId};
use heptad_model::{Event, Millis};
use heptad_store::{PlatformTx, Row, StoreError, Tx};
use serde_json::{Value, json};

use super::event::{event, with_events};
use super::lane::Outgoing;
use crate::plugin_log::plugin_logs_fill;

/// How far a reader is: the last position of each partition that it has seen. As text, the numbers of all partitions to
/// base 36 with points between, those at the end left out that are 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor(BTreeMap<u32, i64>);

impl Cursor {
    /// The reader has seen this, and everything before it in its partition.
    pub fn advance(&mut self, placed: &Placed) {
        self.0.insert(placed.partition, placed.position);
    }

    fn position(&self, partition: u32) -> i64 {
        self.0.get(&partition).copied().unwrap_or_default()
    }

    fn rows(&self) -> Vec<Value> {
        let row = |partition| json!({"partition": partition, "position": self.position(partition)});
        (0..PARTITIONS).map(row).collect()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.iter().rev().find(|(_, position)| **position > 0).map_or(0, |(partition, _)| *partition);
        for partition in 0..=last {
            let separator = if partition > 0 { "." } else { "" };
            write!(f, "{separator}{}", base36(self.position(partition)))?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let position = |word: &str| match word.len() {
            1..=12 if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                i64::from_str_radix(word, 36).map_err(drop)
            }
            _ => Err(()),
        };
        let positions: Vec<i64> = text.split('.').map(position).collect::<Result<_, _>>()?;
        match positions.len() <= PARTITIONS as usize {
            true => Ok(Self((0..).zip(positions).filter(|(_, position)| *position > 0).collect())),
            false => Err(()),
        }
    }
}

fn base36(mut number: i64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).unwrap_or_default();
        digits.extend(char::from_digit(digit, 36));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// An event in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The partition.
    pub partition: u32,
    /// The position in it, from 1 without gaps.
    pub position: i64,
    /// The event.
    pub event: Event,
}

/// Gives events that are taken out of the outbox their positions, in the order given: by partition, then by key and number.
pub(super) async fn positions_put(tx: &mut Tx, read: &[Outgoing]) -> Result<(), StoreError> {
    const HEADS: &str = "insert into event_heads (tenant, partition, position) \
                         select $1, cast(json_extract(value, '$.partition') as bigint), \
                         cast(json_extract(value, '$.count') as bigint) from json_each($2, '$') where true \
                         on conflict (tenant, partition) do update set position = event_heads.position + excluded.position \
                         returning partition, position";
    const PLACE: &str = "insert into event_positions (tenant_id, partition, position, event_id) \
                         select $1, cast(json_extract(value, '$.partition') as bigint), \
                         cast(json_extract(value, '$.position') as bigint), json_extract(value, '$.event') \
                         from json_each($2, '$')";
    let mut counts: BTreeMap<u32, i64> = BTreeMap::new();
    for one in read {
        *counts.entry(one.partition).or_default() += 1;
    }
    let rows: Vec<_> =
        counts.iter().map(|(partition, count)| json!({"partition": partition, "count": count})).collect();
    let tenant = tx.ctx().tenant().id;
    let head = |row: &Row| Ok((row.count("partition")?, row.int("position")?));
    let heads = tx.platform_query(HEADS).text(tenant).json(&rows).fetch_all(head).await?;
    let mut next: BTreeMap<u32, i64> =
        heads.into_iter().map(|(partition, last)| (partition, last - counts.get(&partition).unwrap_or(&0))).collect();
    let rows: Vec<_> = read
        .iter()
        .map(|one| {
            let position = next.entry(one.partition).or_default();
            *position += 1;
            json!({"partition": one.partition, "position": *position, "event": one.event.id})
        })
        .collect();
    tx.query(PLACE).json(&rows).execute().await.map(drop)
}

/// Where the tenant's events end at the moment.
pub async fn stream_end(tx: &mut Tx) -> Result<Cursor, StoreError> {
    const HEADS: &str = "select partition, position from event_heads where tenant = $1";
    let tenant = tx.ctx().tenant().id;
    let head = |row: &Row| Ok((row.count("partition")?, row.int("position")?));
    Ok(Cursor(tx.platform_query(HEADS).text(tenant).fetch_all(head).await?.into_iter().collect()))
}

/// Whether something after the cursor is not kept any more, or the cursor is of another database.
pub async fn stream_is_broken(tx: &mut Tx, cursor: &Cursor) -> Result<bool, StoreError> {
    const BROKEN: &str = "select count(*) as broken from (select h.partition, h.position as head, \
                          cast(json_extract(c.value, '$.position') as bigint) as seen from event_heads h \
                          join json_each($2, '$') as c on cast(json_extract(c.value, '$.partition') as bigint) = h.partition \
                          where h.tenant = $1) as place where place.seen > place.head \
                          or (place.seen < place.head and not exists (select 1 from event_positions p \
                          where p.tenant_id = $1 and p.partition = place.partition and p.position = place.seen + 1))";
    Ok(tx.query(BROKEN).json(&cursor.rows()).fetch_one(|row| row.int("broken")).await? > 0)
}

/// The next events after the cursor: of each partition in the order of its positions.
pub async fn stream_read(tx: &mut Tx, cursor: &Cursor, most: u32) -> Result<Vec<Placed>, StoreError> {
    // The places come first: else SQLite looks through them for each position of the tenant. What a partition gives is
    // always its next ones, wherever the limit cuts.
    const READ: (&str, &str) = with_events!(
        "with seen as materialized (select cast(json_extract(value, '$.partition') as bigint) as partition, \
         cast(json_extract(value, '$.position') as bigint) as position from json_each($2, '$')), \
         place as materialized (select p.partition, p.position, p.event_id, p.position - seen.position as ahead \
         from seen cross join event_positions p where p.tenant_id = $1 and p.partition = seen.partition \
         and p.position > seen.position and p.position <= seen.position + $3 order by ahead, p.partition limit $3) \
         select place.partition, place.position, e.id, e.kind, e.schema_version, e.key, e.seq, e.at, e.actor, e.causation, \
         e.correlation, e.depth, e.traceparent, e.target, e.data from place",
        "place.event_id",
        "order by place.ahead, place.partition"
    );
    let read = |row: &Row| {
        Ok(Placed { partition: row.count("partition")?, position: row.int("position")?, event: event(row)? })
    };
    let mut placed = tx.query_of(READ).json(&cursor.rows()).bind(most).fetch_all(read).await?;
    let mut events: Vec<&mut Event> = placed.iter_mut().map(|placed| &mut placed.event).collect();
    plugin_logs_fill(tx, &mut events).await?;
    Ok(placed)
}

/// How many events became known of each of these tenants so far.
pub async fn stream_lengths(tx: &mut PlatformTx, tenants: &[TenantId]) -> Result<Vec<(TenantId, i64)>, StoreError> {
    const LENGTHS: &str = "select tenant, cast(sum(position) as bigint) as length from event_heads \
                           where tenant in (select value from json_each($1)) group by tenant";
    tx.query(LENGTHS).json(tenants).fetch_all(|row| Ok((row.parse("tenant")?, row.int("length")?))).await
}

/// Removes up to `most` positions whose events are older than this; how many there were. They go before their events do,
/// so that a reader that is too far behind finds out.
pub(super) async fn position_purge(tx: &mut Tx, before: Millis, most: u32) -> Result<u64, StoreError> {
    // Of each partition the first one, by the key; nothing else is looked at while none of them is old. The partitions
    // come first (`cross join`): else SQLite looks through them for each position of the tenant.
    const FIRST: &str = "with first as materialized (select cast(c.value as bigint) as partition, \
                         (select min(m.position) from event_positions m where m.tenant_id = $1 \
                         and m.partition = cast(c.value as bigint)) as position from json_each($2) as c) \
                         select p.partition, p.position from first cross join event_positions p where p.tenant_id = $1 \
                         and p.partition = first.partition and p.position = first.position and p.event_id < $3";
    const PURGE: &str = "with first as materialized (select cast(json_extract(value, '$.partition') as bigint) as partition, \
                         cast(json_extract(value, '$.position') as bigint) as position from json_each($2, '$')) \
                         delete from event_positions where tenant_id = $1 and (partition, position) in \
                         (select p.partition, p.position from first cross join event_positions p where p.tenant_id = $1 \
                         and p.partition = first.partition and p.position >= first.position \
                         and p.position < first.position + $4 and p.event_id < $3 limit $4)";
    let before = EventId::floor(before);
    let partitions: Vec<u32> = (0..PARTITIONS).collect();
    let row = |row: &Row| Ok(json!({"partition": row.int("partition")?, "position": row.int("position")?}));
    let first = tx.query(FIRST).json(&partitions).bind(&before).fetch_all(row).await?;
    if first.is_empty() {
        return Ok(0);
    }
    tx.query(PURGE).json(&first).bind(before).bind(most).execute().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_written_and_read_back() {
        for (places, text) in [
            (&[][..], "0"),
            (&[(0, 35)], "z"),
            (&[(1, 36), (3, 1)], "0.10.0.1"),
            (&[(63, 9_007_199_254_740_991)], &format!("{}2gosa7pa2gv", "0.".repeat(63))),
        ] {
            let cursor = Cursor(places.iter().copied().collect());
            assert_eq!(cursor.to_string(), text);
            assert_eq!(text.parse(), Ok(cursor));
        }
        let long = vec!["0"; 65].join(".");
        for wrong in ["", "-1", "1..2", "é", "zzzzzzzzzzzzz", &long, "1.2 "] {
            assert_eq!(wrong.parse::<Cursor>(), Err(()), "{wrong}");
        }
    }
}
