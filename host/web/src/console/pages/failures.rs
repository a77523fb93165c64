//! What happens at each point of a plugin when it fails: breakers and re-arming, and the merchant's choice.

use axum::extract::State;
use heptad_model::Point;
use heptad_model::id::InstallId;
use heptad_model::points::{FailurePolicy, Kind};
use heptad_platform::breaker::{Breaker, breaker_rearm};
use heptad_platform::install::{Install, install_failure_put};

use super::go;
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::Fields;
use crate::console::{consent, notice};
use crate::state::AppState;

/// A point that a plugin serves, on the plugin's page.
pub(super) struct PointView {
    /// The name, as forms carry it.
    pub(super) name: &'static str,
    /// What the plugin does there.
    pub(super) title: String,
    /// What happens when it fails.
    pub(super) failure: String,
    /// What the merchant may choose to happen; empty where there is no choice.
    pub(super) choices: Vec<Choice>,
    /// The breaker, if it has ever opened.
    pub(super) breaker: Option<BreakerView>,
}

/// One of two policies.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) title: String,
    pub(super) help: String,
    pub(super) chosen: bool,
}

/// A breaker in words.
pub(super) struct BreakerView {
    pub(super) open: bool,
    /// What is missing while it is open.
    pub(super) effect: String,
    pub(super) cause: String,
    /// What the plugin or the host said, for developers.
    pub(super) message: String,
    pub(super) since: String,
    pub(super) retry: String,
    pub(super) openings: i64,
}

const fn word(policy: FailurePolicy) -> &'static str {
    match policy {
        FailurePolicy::Open => "open",
        FailurePolicy::Closed => "closed",
    }
}

/// The points of an install, with those of these breakers that are its own.
pub(super) fn points(shop: &Shop, install: &Install, breakers: &[Breaker]) -> Vec<PointView> {
    let words = shop.words();
    let view = |point: &Point| {
        let policy = install.failure_at(*point);
        let choice = |value: FailurePolicy| Choice {
            value: word(value),
            title: words.t(&format!("choice-{}", word(value))),
            help: words.t(&format!("choice-{}-help", word(value))),
            chosen: value == policy,
        };
        let choices: Vec<Choice> = match point.row().kind {
            Kind::Veto => [FailurePolicy::Closed, FailurePolicy::Open].map(choice).into(),
            Kind::Calc | Kind::On | Kind::Act => Vec::new(),
        };
        let chosen = choices.iter().find(|choice| choice.chosen).map(|choice| choice.help.clone());
        let breaker = breakers.iter().find(|breaker| breaker.install == install.id && breaker.point == *point);
        PointView {
            name: point.name(),
            title: consent::point_title(words, *point),
            failure: chosen.unwrap_or_else(|| words.t(consent::policy(*point, policy))),
            choices,
            breaker: breaker.map(|breaker| breaker_view(shop, breaker, policy)),
        }
    };
    install.manifest.points.iter().map(view).collect()
}

fn breaker_view(shop: &Shop, breaker: &Breaker, policy: FailurePolicy) -> BreakerView {
    let words = shop.words();
    let now = shop.ctx.now();
    BreakerView {
        open: breaker.is_open(),
        effect: words.t(&format!("breaker-effect-{}", word(policy))),
        cause: notice::cause(words, &breaker.code),
        message: breaker.message.clone(),
        since: shop.look.time(breaker.changed_at),
        retry: match breaker.retry_at > now {
            true => words.t1("breaker-retry", "time", shop.look.time(breaker.retry_at)),
            false => words.t("breaker-retry-now"),
        },
        openings: breaker.openings,
    }
}

/// `POST …/plugins/{install}/rearm`: the plugin is asked again at once.
pub(in crate::console) async fn rearm_post(
    shop: Shop,
    State(state): State<AppState>,
    _fields: Fields,
) -> ConsoleResult {
    let id: InstallId = shop.id("install")?;
    state.store.write(&shop.ctx, async |mut tx| breaker_rearm(&mut tx, id).await).await?;
    state.runtime.refresh().await;
    Ok(go(shop.url(format_args!("/plugins/{id}?done=rearmed"))))
}

/// `POST …/plugins/{install}/failure`: what happens when the plugin fails at a point. What is the point's own policy
/// is no choice of the merchant's, and follows the point if that changes.
pub(in crate::console) async fn failure_post(
    shop: Shop,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    shop.owner()?;
    let id: InstallId = shop.id("install")?;
    let point = Point::parse(fields.text("point")).ok_or_else(Failure::nowhere)?;
    let policies = [FailurePolicy::Open, FailurePolicy::Closed];
    let policy = policies.into_iter().find(|policy| word(*policy) == fields.text("policy"));
    let policy = Some(policy.ok_or_else(Failure::nowhere)?).filter(|policy| *policy != point.row().failure);
    state.store.write(&shop.ctx, async |mut tx| install_failure_put(&mut tx, id, point, policy).await).await?;
    state.runtime.refresh().await;
    Ok(go(shop.url(format_args!("/plugins/{id}?done=failure"))))
}
