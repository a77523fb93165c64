//! Endpoints: what each is told, how it fares, its secrets, a message to try it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::EventType;
use heptad_model::id::{WebhookId, WebhookSecretId};
use heptad_model::time::span::HOUR;
use heptad_platform::PlatformError;
use heptad_platform::delivery::subscription::{SubscriptionState, subscription_state_put};
use heptad_platform::webhook::health::webhook_rearm;
use heptad_platform::webhook::secret::{secret_list, secret_retire, secret_rotate};
use heptad_platform::webhook::usage::usage_get;
use heptad_platform::webhook::{
    Webhook, WebhookIn, webhook_create, webhook_delete, webhook_get, webhook_list, webhook_put,
};
use heptad_store::Tx;
use heptad_webhook::{Answer, Verdict};

use super::go;
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::Fields;
use crate::console::look;
use crate::console::shell::{Shell, page, page_with};
use crate::console::telling::{self, Why};
use crate::state::AppState;
use crate::webhook::{send_test, sender};

/// How long the secret before a new one signs as well.
const KEEP: i64 = 24 * HOUR;

/// An endpoint in a list and at the head of its page.
struct WebhookRow {
    url: String,
    host: String,
    address: String,
    description: String,
    types: Vec<String>,
    is_paused: bool,
    /// `good`, `failing` or `resting`, with how it looks and what it says.
    health: (&'static str, &'static str, String),
}

impl WebhookRow {
    fn of(shop: &Shop, one: &Webhook) -> Self {
        let state = one.health.state();
        let tone = match state {
            "good" => "good",
            "failing" => "warn",
            _ => "bad",
        };
        Self {
            url: shop.url(format_args!("/webhooks/{}", one.id)),
            host: one.host().to_owned(),
            address: one.url.clone(),
            description: one.description.clone(),
            types: one.types.iter().map(|kind| telling::title(shop.locale(), kind)).collect(),
            is_paused: one.state == SubscriptionState::Paused,
            health: (state, tone, shop.words().of_code("webhook-health", state)),
        }
    }
}

/// Messages of today.
struct UsageView {
    used: String,
    most: String,
    /// When they will be used up, if that is today.
    forecast: Option<String>,
    resets: String,
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage {
    shell: Shell,
    rows: Vec<WebhookRow>,
    usage: UsageView,
}

/// `GET …/webhooks`.
pub(in crate::console) async fn list(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let most = i64::from(state.runtime.limits_of(&shop.ctx).await.webhooks_per_day);
    let read = async |mut tx: Tx| {
        let all = webhook_list(&mut tx).await?;
        Ok::<_, PlatformError>((all, usage_get(&mut tx, most).await?))
    };
    let (all, usage) = state.store.read(&shop.ctx, read).await?;
    let figure = |number: i64| look::grouped(number.unsigned_abs());
    let usage = UsageView {
        used: figure(usage.used),
        most: figure(usage.most),
        forecast: usage.forecast(shop.ctx.now()).map(|at| shop.look.moment(at)),
        resets: shop.look.moment(usage.resets_at()),
    };
    page(&WebhooksPage { rows: all.iter().map(|one| WebhookRow::of(&shop, one)).collect(), usage, shell: shop.shell })
}

/// A type of event to choose.
struct KindChoice {
    name: &'static str,
    title: &'static str,
    on: bool,
}

/// The form of an endpoint, as it is or as somebody filled it in.
struct WebhookForm {
    action: String,
    url: String,
    description: String,
    filter: String,
    personal: bool,
    /// Whether the reader may have personal data sent.
    may_personal: bool,
    kinds: Vec<KindChoice>,
    /// What is wrong with the address, the types, the filter, or the rest.
    url_problem: Option<String>,
    types_problem: Option<String>,
    filter_problem: Option<String>,
    problem: Option<String>,
}

impl WebhookForm {
    fn new(shop: &Shop, action: String, input: &WebhookIn, may_personal: bool) -> Self {
        let kind = |kind: &EventType| KindChoice {
            name: kind.name(),
            title: kind.row().sentence.get(shop.locale()),
            on: input.types.iter().any(|name| name == kind.name()),
        };
        Self {
            action,
            url: input.url.clone(),
            description: input.description.clone(),
            filter: input.filter.clone(),
            personal: input.personal,
            may_personal,
            kinds: EventType::ALL.iter().filter(|kind| kind.is_told_to(shop.is_publisher())).map(kind).collect(),
            url_problem: None,
            types_problem: None,
            filter_problem: None,
            problem: None,
        }
    }

    /// With what an operation refused; `None` for what is no refusal of the input.
    fn refused(mut self, shop: &Shop, error: &PlatformError) -> Option<Self> {
        match error {
            PlatformError::Field { field: "url", problem } => self.url_problem = Some(problem.clone()),
            PlatformError::Field { field: "types", .. } => {
                self.types_problem = Some(shop.words().t("rule-webhook-types"));
            }
            PlatformError::Field { field: "filter", problem } => self.filter_problem = Some(problem.clone()),
            PlatformError::Field { problem, .. } => self.problem = Some(problem.clone()),
            PlatformError::WebhookFull(most) => {
                self.problem = Some(shop.words().t1("refusal-webhook-full", "most", *most));
            }
            _ => return None,
        }
        Some(self)
    }
}

/// What was typed. Whoever may not have personal data sent leaves that as it was.
fn typed(shop: &Shop, fields: &Fields, before: bool) -> WebhookIn {
    WebhookIn {
        url: fields.text("url").to_owned(),
        description: fields.text("description").to_owned(),
        types: fields.all("types").map(str::to_owned).collect(),
        filter: fields.text("filter").to_owned(),
        personal: if shop.is_owner { fields.has("personal") } else { before && fields.has("personal") },
    }
}

/// The address checked as far as its text tells, as the operation's own refusal.
fn checked(state: &AppState, input: &WebhookIn) -> Result<(), PlatformError> {
    sender(state).check(&input.url).map_err(|error| PlatformError::Field { field: "url", problem: error.0 })
}

#[derive(Template)]
#[template(path = "webhook_new.html")]
struct NewWebhookPage {
    shell: Shell,
    form: WebhookForm,
}

fn empty() -> WebhookIn {
    let (url, description, filter) = ("https://".to_owned(), String::new(), String::new());
    WebhookIn { url, description, types: Vec::new(), filter, personal: false }
}

/// `GET …/webhooks/new`.
pub(in crate::console) async fn new(shop: Shop) -> ConsoleResult {
    let form = WebhookForm::new(&shop, shop.url("/webhooks"), &empty(), shop.is_owner);
    page(&NewWebhookPage { form, shell: shop.shell })
}

/// `POST …/webhooks`: the page of the new endpoint with its secret, this once.
pub(in crate::console) async fn create(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let input = typed(&shop, &fields, false);
    let made = match checked(&state, &input) {
        Ok(()) => {
            let create = async |mut tx: Tx| webhook_create(&mut tx, state.runtime.vault(), &input).await;
            state.store.write(&shop.ctx, create).await
        }
        Err(error) => Err(error),
    };
    match made {
        Ok((webhook, secret)) => {
            let shown = Shown { secret: Some(secret.reveal().to_owned()), ..Shown::default() };
            show_with(shop, &state, webhook.id, shown).await
        }
        Err(error) => {
            let form = WebhookForm::new(&shop, shop.url("/webhooks"), &input, shop.is_owner).refused(&shop, &error);
            let form = form.ok_or(error)?;
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &NewWebhookPage { form, shell: shop.shell })
        }
    }
}

/// What came back from a message that was sent to try the endpoint.
struct TestView {
    taken: bool,
    status: String,
    took: String,
    why: Why,
    response: String,
}

impl TestView {
    fn of(shop: &Shop, answer: &Answer) -> Self {
        let (code, message) = match &answer.verdict {
            Verdict::Taken => ("", ""),
            Verdict::Gone => ("webhook-gone", ""),
            Verdict::Failed(failure) => (failure.code.as_str(), failure.message.as_str()),
        };
        Self {
            taken: answer.verdict == Verdict::Taken,
            status: answer.status.map(|status| status.to_string()).unwrap_or_default(),
            took: look::millis(answer.micros),
            why: Why::of(shop, code, message),
            response: answer.text.clone(),
        }
    }
}

/// What a page shows this once.
#[derive(Default)]
struct Shown {
    secret: Option<String>,
    test: Option<TestView>,
    form: Option<WebhookForm>,
}

/// A secret that signs.
struct SecretRow {
    id: String,
    since: String,
    /// When it stops signing; absent for the newest one.
    until: Option<String>,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct WebhookPage {
    shell: Shell,
    head: WebhookRow,
    subscription: String,
    failures: i64,
    since: Option<String>,
    retry: Option<String>,
    why: Why,
    secrets: Vec<SecretRow>,
    may_rotate: bool,
    secret: Option<String>,
    test: Option<TestView>,
    form: WebhookForm,
    made: String,
}

async fn show_with(shop: Shop, state: &AppState, id: WebhookId, shown: Shown) -> ConsoleResult {
    let read = async |mut tx: Tx| {
        let webhook = webhook_get(&mut tx, id).await?;
        Ok::<_, PlatformError>((webhook, secret_list(&mut tx, id).await?))
    };
    let (webhook, secrets) = state.store.read(&shop.ctx, read).await?;
    let status = if shown.form.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let form = shown.form.unwrap_or_else(|| {
        let Webhook { url, description, types, filter, personal, .. } = webhook.clone();
        let input = WebhookIn { url, description, types, filter, personal };
        WebhookForm::new(&shop, shop.url(format_args!("/webhooks/{id}")), &input, shop.is_owner || personal)
    });
    let row = |one: &heptad_platform::webhook::secret::LiveSecret| SecretRow {
        id: one.id.to_string(),
        since: shop.look.time(one.created_at),
        until: one.expires_at.map(|at| shop.look.time(at)),
    };
    page_with(
        status,
        &WebhookPage {
            head: WebhookRow::of(&shop, &webhook),
            subscription: shop.url(format_args!("/subscriptions/{}", webhook.subscription)),
            failures: webhook.health.failures,
            since: webhook.health.failing_since.map(|at| shop.look.moment(at)),
            retry: webhook.health.retry_at.map(|at| shop.look.moment(at)),
            why: Why::of(&shop, &webhook.health.code, &webhook.health.message),
            may_rotate: secrets.len() < heptad_platform::webhook::secret::MAX_LIVE,
            secrets: secrets.iter().map(row).collect(),
            secret: shown.secret,
            test: shown.test,
            form,
            made: shop.look.time(webhook.created_at),
            shell: shop.shell,
        },
    )
}

/// `GET …/webhooks/{webhook}`.
pub(in crate::console) async fn show(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let id = shop.id("webhook")?;
    show_with(shop, &state, id, Shown::default()).await
}

/// `POST …/webhooks/{webhook}`.
pub(in crate::console) async fn change(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: WebhookId = shop.id("webhook")?;
    let before = state.store.read(&shop.ctx, async |mut tx: Tx| webhook_get(&mut tx, id).await).await?;
    let input = typed(&shop, &fields, before.personal);
    let put = match checked(&state, &input) {
        Ok(()) => state.store.write(&shop.ctx, async |mut tx: Tx| webhook_put(&mut tx, id, &input).await).await,
        Err(error) => Err(error),
    };
    match put {
        Ok(_) => Ok(go(shop.url(format_args!("/webhooks/{id}?done=saved")))),
        Err(error) => {
            let action = shop.url(format_args!("/webhooks/{id}"));
            let may = shop.is_owner || before.personal;
            let form = WebhookForm::new(&shop, action, &input, may).refused(&shop, &error).ok_or(error)?;
            show_with(shop, &state, id, Shown { form: Some(form), ..Shown::default() }).await
        }
    }
}

/// `POST …/webhooks/{webhook}/test`.
pub(in crate::console) async fn test_post(shop: Shop, State(state): State<AppState>, _fields: Fields) -> ConsoleResult {
    let id: WebhookId = shop.id("webhook")?;
    let (_, answer) = send_test(&state, &shop.ctx, id).await?;
    let test = Some(TestView::of(&shop, &answer));
    show_with(shop, &state, id, Shown { test, ..Shown::default() }).await
}

/// `POST …/webhooks/{webhook}/rotate`: the page with the new secret, this once.
pub(in crate::console) async fn rotate_post(
    shop: Shop,
    State(state): State<AppState>,
    _fields: Fields,
) -> ConsoleResult {
    let id: WebhookId = shop.id("webhook")?;
    let rotate = async |mut tx: Tx| secret_rotate(&mut tx, state.runtime.vault(), id, KEEP).await;
    let secret = Some(state.store.write(&shop.ctx, rotate).await?.reveal().to_owned());
    show_with(shop, &state, id, Shown { secret, ..Shown::default() }).await
}

/// `POST …/webhooks/{webhook}/retire`.
pub(in crate::console) async fn retire_post(
    shop: Shop,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    let id: WebhookId = shop.id("webhook")?;
    let secret = WebhookSecretId::parse(fields.text("secret")).map_err(|_| Failure::nowhere())?;
    state.store.write(&shop.ctx, async |mut tx: Tx| secret_retire(&mut tx, id, secret).await).await?;
    Ok(go(shop.url(format_args!("/webhooks/{id}?done=secret-retired"))))
}

/// `POST …/webhooks/{webhook}/rearm`.
pub(in crate::console) async fn rearm_post(
    shop: Shop,
    State(state): State<AppState>,
    _fields: Fields,
) -> ConsoleResult {
    let id: WebhookId = shop.id("webhook")?;
    let rearm = async |mut tx: Tx| {
        let webhook = webhook_get(&mut tx, id).await?;
        webhook_rearm(&mut tx, &webhook).await
    };
    state.store.write(&shop.ctx, rearm).await?;
    Ok(go(shop.url(format_args!("/webhooks/{id}?done=webhook-rearmed"))))
}

/// `POST …/webhooks/{webhook}/state`.
pub(in crate::console) async fn state_post(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: WebhookId = shop.id("webhook")?;
    let to: SubscriptionState = fields.text("to").parse().map_err(|_| Failure::nowhere())?;
    let put = async |mut tx: Tx| {
        let webhook = webhook_get(&mut tx, id).await?;
        subscription_state_put(&mut tx, webhook.subscription, to).await
    };
    state.store.write(&shop.ctx, put).await?;
    let done = if to == SubscriptionState::Paused { "paused" } else { "resumed" };
    Ok(go(shop.url(format_args!("/webhooks/{id}?done={done}"))))
}

/// `POST …/webhooks/{webhook}/delete`.
pub(in crate::console) async fn delete_post(
    shop: Shop,
    State(state): State<AppState>,
    _fields: Fields,
) -> ConsoleResult {
    let id: WebhookId = shop.id("webhook")?;
    state.store.write(&shop.ctx, async |mut tx: Tx| webhook_delete(&mut tx, id).await).await?;
    Ok(go(shop.url("/webhooks?done=webhook-deleted")))
}
