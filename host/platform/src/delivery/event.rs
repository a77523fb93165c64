//! Reading what happened.

use heptad_model::id::EventId;
use heptad_model::page::PageError;
use heptad_model::{Event, Millis, Page, PageRequest};
use heptad_store::{Row, StoreError, Tx};

use crate::PlatformError;
use crate::plugin_log::plugin_logs_fill;

/// A statement that finds the event `e` of each of some rows, for SQLite and for PostgreSQL. What PostgreSQL knows of a tenant
/// is some minutes old, and of a new one it thinks that it has a single event: joined, all of the tenant's events would be
/// read for a handful of rows. A subquery that it may not take apart (`offset 0`) finds each of them by its key. On SQLite a
/// `cross join` keeps the order.
macro_rules! with_events {
    ($select:literal, $of:literal, $then:literal) => {
        (
            concat!($select, " cross join events e on e.tenant_id = $1 and e.id = ", $of, " ", $then),
            concat!(
                $select,
                " cross join lateral (select * from events e where e.tenant_id = $1 and e.id = ",
                $of,
                " offset 0) e ",
                $then
            ),
        )
    };
}
pub(super) use with_events;

pub(super) fn event(row: &Row) -> Result<Event, StoreError> {
    Ok(Event {
        id: row.parse("id")?,
        kind: row.text("kind")?,
        schema_version: row.count("schema_version")?,
        key: row.text("key")?,
        seq: row.int("seq")?,
        at: row.millis("at")?,
        actor: row.text("actor")?,
        causation: row.opt_parse("causation")?,
        correlation: row.parse("correlation")?,
        depth: row.count("depth")?,
        traceparent: row.opt_text("traceparent")?,
        target: row.opt_parse("target")?,
        data: row.json("data")?,
    })
}

/// Which events are wanted; what is empty or absent asks for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Of this type.
    pub kind: String,
    /// About this thing.
    pub key: String,
    /// From this moment on.
    pub from: Option<Millis>,
    /// Before this moment.
    pub until: Option<Millis>,
}

/// Greater than every id.
const AFTER_ALL: &str = "~";

/// The tenant's events, the latest first; those about one thing in the order of their numbers. Logs of plugins are among
/// them where their type or their install is asked for.
pub async fn event_list(tx: &mut Tx, query: &EventQuery, page: &PageRequest) -> Result<Page<Event>, PlatformError> {
    const LIST: &str = "select id, kind, schema_version, key, seq, at, actor, causation, correlation, depth, traceparent, \
                        target, data from events where tenant_id = $1 and id >= $2 and id < $3 \
                        and (kind = $4 or ($4 = '' and kind <> 'plugin.logged')) order by id desc limit $5";
    // Over the unique key (tenant_id, key, seq): what is told of one thing is found without a look at the others.
    const ABOUT: &str = "select id, kind, schema_version, key, seq, at, actor, causation, correlation, depth, traceparent, \
                         target, data from events where tenant_id = $1 and id >= $2 and id < $3 \
                         and ($4 = '' or kind = $4) and key = $6 and seq < $7 order by seq desc limit $5";
    let from = query.from.map(EventId::floor).unwrap_or_default();
    let until = query.until.map_or_else(|| AFTER_ALL.to_owned(), EventId::floor);
    let after = page.after();
    if query.key.is_empty() {
        let until = if after.is_empty() { until } else { until.min(after.to_owned()) };
        let statement = tx.query(LIST).bind(from).bind(until).bind(&query.kind).bind(page.fetch());
        let rows = statement.fetch_all(event).await?;
        let rows = filled(tx, rows).await?;
        return Ok(page.page(rows, |event| event.id.to_string()));
    }
    let before = match after {
        "" => i64::MAX,
        after => after.parse().map_err(|_| PageError::Cursor)?,
    };
    let statement = tx.query(ABOUT).bind(from).bind(until).bind(&query.kind).bind(page.fetch());
    let rows = statement.bind(&query.key).bind(before).fetch_all(event).await?;
    let rows = filled(tx, rows).await?;
    Ok(page.page(rows, |event| event.seq.to_string()))
}

/// One event.
pub async fn event_get(tx: &mut Tx, id: EventId) -> Result<Event, PlatformError> {
    const GET: &str = "select id, kind, schema_version, key, seq, at, actor, causation, correlation, depth, traceparent, \
                       target, data from events where tenant_id = $1 and id = $2";
    let found = tx.query(GET).text(id).fetch_optional(event).await?;
    let mut found = found.ok_or_else(|| PlatformError::not_found("event", id))?;
    plugin_logs_fill(tx, &mut [&mut found]).await?;
    Ok(found)
}

/// The events with what stands apart filled in.
async fn filled(tx: &mut Tx, mut events: Vec<Event>) -> Result<Vec<Event>, StoreError> {
    plugin_logs_fill(tx, &mut events.iter_mut().collect::<Vec<_>>()).await?;
    Ok(events)
}

/// The events that led to this one, the latest first: at most so many.
pub async fn event_causes(tx: &mut Tx, event: &Event, most: usize) -> Result<Vec<Event>, PlatformError> {
    let mut causes: Vec<Event> = Vec::new();
    let mut next = event.causation;
    while let Some(id) = next.filter(|_| causes.len() < most) {
        match event_get(tx, id).await {
            Ok(cause) => {
                next = cause.causation;
                causes.push(cause);
            }
            // Purged meanwhile.
            Err(PlatformError::NotFound { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(causes)
}
