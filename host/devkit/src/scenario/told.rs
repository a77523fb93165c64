//! Telling the plugin of what happened, as delivery does, but at once: each event in its turn, one attempt.

use std::collections::BTreeMap;
use std::sync::Arc;

use heptad_capabilities::extensions::{Extensions as _, Outcome, Serving};
use heptad_delivery::{caused, filled};
use heptad_model::id::OutboundRequestId;
use heptad_model::{Event, EventType, Filter, Permission, Point};
use heptad_platform::enqueued::{enqueued_delete, enqueued_get};
use heptad_platform::install::Install;
use heptad_runtime::{Due, EventDelivery, Handled};
use heptad_store::{StoreError, Tx};
use serde_json::{Value, json};

use super::ScenarioError;
use super::shop::Shop;

/// How many events may follow from each other in one step: more is a loop.
const MOST: usize = 200;
/// How much of another server's answer is read.
const ANSWER: usize = 1_024;

/// Tells the plugin of everything that happened and of what follows from it; what it was told, and what it told of itself.
pub(super) async fn tell_all(shop: &Shop, install: &Install) -> Result<(Vec<Value>, Vec<Value>), ScenarioError> {
    let (mut told, mut emitted) = (Vec::new(), Vec::new());
    let own = format!("plugin:{}", install.id);
    let mut many = 0;
    loop {
        let events = shop.take_events();
        if events.is_empty() {
            return Ok((told, emitted));
        }
        for event in events {
            many += 1;
            if many > MOST {
                return Err(ScenarioError::shop("steps", format!("more than {MOST} events follow from each other")));
            }
            if event.actor == own {
                emitted.push(json!({"type": event.kind, "key": event.key, "data": event.data}));
            }
            if event.kind == EventType::OutboundDue.name() {
                send_left(shop, install, &event).await?;
            } else if event.target.is_none() {
                told.extend(tell(shop, install, &event).await?);
            }
        }
    }
}

/// Tells the plugin of an event by each of its subscriptions that asks for it.
async fn tell(shop: &Shop, install: &Install, event: &Event) -> Result<Vec<Value>, ScenarioError> {
    let mut told = Vec::new();
    let needs = install.manifest.needs_to_hear(&event.kind);
    let may_hear =
        needs.is_some_and(|permission| permission.is_none_or(|permission| install.granted.contains(permission)));
    if !may_hear || !install.manifest.points.contains(&Point::EventHandle) {
        return Ok(told);
    }
    for wish in &install.manifest.events {
        let filter = Filter::parse(&wish.filter);
        if !wish.types.contains(&event.kind) || !filter.is_ok_and(|filter| filter.matches(event)) {
            continue;
        }
        let event = match install.granted.contains(Permission::MembersProfileRead) {
            true => filled(&shop.store, &shop.ctx, event).await?,
            false => event.clone(),
        };
        let ctx = caused(&shop.ctx, &event);
        let kind = event.kind.clone();
        let delivery =
            EventDelivery { subscription: wish.name.clone(), attempt: 1, gap: false, replayed: false, event };
        let Some(plugin) = serving(shop, install, Point::EventHandle).await? else { continue };
        let outcome = commit(shop.runtime.handle(&ctx, &plugin, &delivery).await).await?;
        told.push(json!({"type": kind, "subscription": wish.name, "outcome": outcome}));
    }
    Ok(told)
}

/// Lets the plugin do what is due; how it ended.
pub(super) async fn run_due(shop: &Shop, install: &Install, schedule: &str) -> Result<String, ScenarioError> {
    if !install.manifest.schedules.iter().any(|wish| wish.name == schedule) {
        return Err(ScenarioError::shop("run", format!("the manifest has no schedule `{schedule}`")));
    }
    let due = Due {
        run: heptad_model::id::EventId::generate(&shop.env),
        schedule: schedule.to_owned(),
        at: shop.env.now(),
        attempt: 1,
        missed: 0,
        by_hand: false,
        replayed: false,
    };
    match serving(shop, install, Point::ScheduleRun).await? {
        Some(plugin) => commit(shop.runtime.run_due(&shop.ctx, &plugin, &due).await).await,
        None => Ok("not-served".to_owned()),
    }
}

/// The plugin at a point, if it is enabled and serves it.
pub(super) async fn serving(
    shop: &Shop,
    install: &Install,
    point: Point,
) -> Result<Option<Arc<Serving>>, ScenarioError> {
    let serving = shop.runtime.serving(&shop.ctx, point).await;
    let serving = serving.map_err(heptad_capabilities::CapabilityError::from)?;
    Ok(serving.into_iter().find(|serving| serving.install == install.id))
}

/// Commits what a handler wrote; how it ended.
async fn commit(handled: Handled) -> Result<String, ScenarioError> {
    if let Some(written) = handled.written {
        written.commit().await?;
    }
    Ok(word(&handled.trace.outcome))
}

/// The stable word for how a call ended.
pub(super) fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answered => "answered".to_owned(),
        Outcome::Failed { code, .. } | Outcome::Skipped { code, .. } => code.clone(),
    }
}

/// Sends a request that the plugin left to be sent after the commit.
async fn send_left(shop: &Shop, install: &Install, event: &Event) -> Result<(), ScenarioError> {
    let named = event.data["request"].as_str().and_then(|id| OutboundRequestId::parse(id).ok());
    let Some(id) = named else { return Ok(()) };
    let found = shop.store.read(&shop.ctx, async |mut tx: Tx| enqueued_get(&mut tx, id).await).await?;
    let plugin = shop.runtime.installed(&shop.ctx, install.id).await;
    let plugin = plugin.map_err(heptad_capabilities::CapabilityError::from)?;
    let (Some(request), Some(plugin)) = (found, plugin) else { return Ok(()) };
    let sent = shop.runtime.send_left(&shop.ctx, &plugin, request, format!("{}.1", event.id), ANSWER).await;
    sent.map_err(|error| ScenarioError::shop("a request that the plugin left", error))?;
    shop.store.write(&shop.ctx, async |mut tx: Tx| enqueued_delete(&mut tx, id).await).await?;
    Ok(())
}

/// Tells the shop of an event that the scenario makes up.
pub(super) async fn make_up(
    shop: &Shop,
    kind: &str,
    key: &str,
    data: BTreeMap<String, Value>,
) -> Result<(), ScenarioError> {
    let data = Value::Object(data.into_iter().collect());
    let event = match EventType::parse(kind) {
        Some(kind) => {
            kind.check(&data).map_err(|problem| ScenarioError::shop("event.data", problem))?;
            kind.about(key, data)
        }
        None => match heptad_model::PluginEventType::parse(kind) {
            Some(kind) => {
                let event = kind.about(key, &data.to_string());
                event.map_err(|error| ScenarioError::shop("event.data", error))?
            }
            None => return Err(ScenarioError::shop("event.type", format!("there is no type `{kind}`"))),
        },
    };
    let emit = async |mut tx: Tx| {
        tx.emit(event.clone());
        Ok::<_, StoreError>(())
    };
    Ok(shop.store.write(&shop.ctx, emit).await?)
}
