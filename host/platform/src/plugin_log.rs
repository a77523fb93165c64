//! What plugins log. That a call logged something is an event, `plugin.logged`, told to those alone who ask for it; the lines
//! stand apart, since they may say anything, and are kept for a day.

use std::collections::BTreeMap;

use heptad_model::id::{CallId, InstallId};
use heptad_model::{Event, EventType, Point, retention};
use heptad_store::{Row, StoreError, Tx};
use serde_json::{Value, json};

/// What a call logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginLog {
    /// The install.
    pub install: InstallId,
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Where it was asked.
    pub point: Point,
    /// The call.
    pub call: CallId,
    /// `answered`, or the code of how it ended otherwise.
    pub outcome: String,
    /// The lines.
    pub lines: Vec<String>,
}

/// Keeps what calls logged, and tells of it.
pub async fn plugin_logs_put(tx: &mut Tx, logs: &[PluginLog]) -> Result<(), StoreError> {
    const PUT: &str = "insert into plugin_logs (tenant_id, call_id, install_id, lines, at) \
                       select $1, json_extract(value, '$.call'), json_extract(value, '$.install'), \
                       json_extract(value, '$.lines'), $3 from json_each($2, '$') where true \
                       on conflict (tenant_id, call_id) do nothing";
    let row =
        |log: &PluginLog| json!({"call": log.call, "install": log.install, "lines": json!(log.lines).to_string()});
    let (rows, now): (Vec<Value>, _) = (logs.iter().map(row).collect(), tx.ctx().now());
    tx.query(PUT).json(&rows).bind(now).execute().await?;
    for log in logs {
        let data = json!({
            "install": log.install, "plugin": log.plugin, "version": log.version, "point": log.point.name(),
            "call": log.call, "outcome": log.outcome,
        });
        tx.emit(EventType::PluginLogged.about(log.install, data));
    }
    Ok(())
}

/// Fills the lines into events that tell of a log, as long as they are kept.
pub(crate) async fn plugin_logs_fill(tx: &mut Tx, events: &mut [&mut Event]) -> Result<(), StoreError> {
    const LINES: &str = "select call_id, lines from plugin_logs where tenant_id = $1 \
                         and call_id in (select value from json_each($2))";
    let call = |event: &Event| event.data.get("call").and_then(Value::as_str).map(str::to_owned);
    let logged = events.iter().filter(|event| event.kind == EventType::PluginLogged.name());
    let calls: Vec<String> = logged.filter_map(|event| call(event)).collect();
    if calls.is_empty() {
        return Ok(());
    }
    let read = |row: &Row| Ok((row.text("call_id")?, row.json("lines")?));
    let lines: BTreeMap<String, Value> = tx.query(LINES).json(&calls).fetch_all(read).await?.into_iter().collect();
    for event in events.iter_mut().filter(|event| event.kind == EventType::PluginLogged.name()) {
        if let Some(lines) = call(event).and_then(|call| lines.get(&call)) {
            event.data["lines"] = lines.clone();
        }
    }
    Ok(())
}

/// Removes what an install logged.
pub(crate) async fn plugin_logs_forget(tx: &mut Tx, install: InstallId) -> Result<(), StoreError> {
    const FORGET: &str = "delete from plugin_logs where tenant_id = $1 and install_id = $2";
    tx.query(FORGET).text(install).execute().await.map(drop)
}

/// Removes at most `batch` of what was logged a day ago; how many.
pub async fn plugin_log_purge(tx: &mut Tx, batch: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from plugin_logs where tenant_id = $1 and call_id in (select call_id from plugin_logs \
                         where tenant_id = $1 and at <= $2 order by at limit $3)";
    let before = tx.ctx().now().plus(-retention::PLUGIN_LOGS.millis);
    tx.query(PURGE).bind(before).bind(batch).execute().await
}
