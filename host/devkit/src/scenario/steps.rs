//! Going through a scenario's steps.

use std::collections::BTreeMap;

use heptad_capabilities::CapabilityError;
use heptad_capabilities::extensions::Outcome;
use heptad_capabilities::mall::inventory::levels;
use heptad_capabilities::mall::quote::Quoted;
use heptad_capabilities::mall::trace::{DenialTrace, Reason, TracedCall};
use heptad_capabilities::members::coupons::coupons_held;
use heptad_capabilities::members::customer_get;
use heptad_capabilities::members::points::points_balances;
use heptad_model::route::{Found, route_find};
use heptad_model::text::Argument;
use heptad_model::{Audience, PageRequest, Point};
use heptad_platform::PlatformError;
use heptad_platform::document::{Query, document_find};
use heptad_platform::install::Install;
use heptad_platform::kv::{kv_get, kv_key_list};
use heptad_runtime::limits::Budget;
use heptad_runtime::{NoAnswer, Visitor};
use heptad_store::Tx;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use jiff::{Span, SpanRelativeTo, Unit};
use serde_json::{Map, Value, json};

use super::file::{RequestIn, Scenario, Step};
use super::matching::differences;
use super::servers::body_of;
use super::shop::{Called, Shop};
use super::told::{make_up, run_due, serving, tell_all, word};
use super::{Report, ScenarioError, Share, Used};

/// Goes through all steps; a step that is not as expected does not keep the others from being tried.
pub(super) async fn go_through(
    name: &str,
    shop: Shop,
    install: Install,
    scenario: &Scenario,
) -> Result<Report, ScenarioError> {
    let mut report = Report { scenario: name.to_owned(), failures: Vec::new(), calls: Vec::new(), seen: Vec::new() };
    let mut stage = Stage { shop, install };
    for (at, step) in scenario.steps.iter().enumerate() {
        let number = at + 1;
        let (found, calls) = match stage.take(step).await {
            Ok(done) => done,
            Err(ScenarioError::Shop { what, problem }) => {
                return Err(ScenarioError::shop(format!("steps[{at}].{what}"), problem));
            }
            Err(error) => return Err(error),
        };
        let expected = Value::Object(step.expect.clone());
        let mut failures = differences("", &expected, &found);
        if !step.expect.contains_key("outcome")
            && let Some((trace, _)) = calls.iter().find(|(trace, _)| trace.outcome != Outcome::Answered)
            && let Outcome::Failed { code, message } | Outcome::Skipped { code, message } = &trace.outcome
        {
            failures.push(format!("the plugin failed at {}: {code}: {message}", trace.point));
        }
        report.failures.extend(failures.into_iter().map(|failure| format!("step {number}: {failure}")));
        report.calls.extend(calls.into_iter().map(|call| used(number, call)));
        report.seen.push(found);
    }
    Ok(report)
}

/// The shop and the plugin in it.
struct Stage {
    shop: Shop,
    install: Install,
}

impl Stage {
    /// Takes a step; what there is to be seen after it, and the calls into the plugin.
    async fn take(&mut self, step: &Step) -> Result<(Value, Vec<Called>), ScenarioError> {
        if let Some(time) = &step.advance {
            self.shop.env.advance(millis(time)?);
        }
        let mut found = Map::new();
        if let Some(cart) = &step.quote {
            found.extend(match self.shop.quote(cart).await? {
                Ok(quoted) => quote(&quoted),
                Err(refusal) => refused(&refusal),
            });
        }
        if let Some(cart) = &step.order {
            found.extend(match self.shop.order(cart).await? {
                Ok(order) => fields(json!({
                    "placed": true, "total": order.head.total, "discount": order.head.discount,
                    "number": order.head.number, "denials": [],
                })),
                Err(refusal) => refused(&refusal),
            });
        }
        if let Some(event) = &step.event {
            let resolve = |(name, value): (&String, &Value)| (name.clone(), self.shop.names.resolve(value));
            let data = event.data.iter().map(resolve).collect();
            make_up(&self.shop, &event.kind, &self.shop.names.text(&event.key), data).await?;
        }
        if let Some(schedule) = &step.run {
            run_due(&self.shop, &self.install, schedule).await?;
        }
        if let Some(request) = &step.request {
            found.extend(self.request(request).await?);
        }
        let (told, events) = tell_all(&self.shop, &self.install).await?;
        let calls = self.shop.take_calls();
        let outcome = calls.iter().map(|(trace, _)| word(&trace.outcome)).find(|word| word != "answered");
        found.insert("outcome".to_owned(), outcome.unwrap_or_else(|| "answered".to_owned()).into());
        found.insert("told".to_owned(), told.into());
        found.insert("events".to_owned(), events.into());
        found.insert("sent".to_owned(), json!(self.shop.servers.take()));
        let log: Vec<&String> = calls.iter().flat_map(|(trace, _)| &trace.log).collect();
        found.insert("log".to_owned(), json!(log));
        for (name, seen) in [("kv", self.kv().await?), ("documents", self.documents().await?)] {
            found.insert(name.to_owned(), seen);
        }
        found.insert("customers".to_owned(), self.customers().await?);
        found.insert("stock".to_owned(), self.stock(step).await?);
        Ok((self.shop.names.named(&Value::Object(found)), calls))
    }

    /// Has the plugin answer a request.
    async fn request(&self, request: &RequestIn) -> Result<Map<String, Value>, ScenarioError> {
        let wrong = |problem: String| ScenarioError::shop("request", problem);
        let path = request.path.split('?').next().unwrap_or_default();
        let Found::Route(route) = route_find(&self.install.manifest.routes, &request.method, path) else {
            return Ok(fields(json!({"status": 404, "body": "", "headers": {}})));
        };
        let customer = request.customer.as_deref().map(|code| self.shop.customer(code)).transpose()?;
        let (role, user) = match (route.audience, customer) {
            (Audience::Customer, None) => return Err(wrong("name the `customer` who asks".to_owned())),
            (Audience::Customer | Audience::Public, Some(customer)) => ("customer", Some(customer.to_string())),
            (Audience::Staff, _) => ("staff", Some("usr_scenario".to_owned())),
            (Audience::Public | Audience::Webhook, _) => ("anonymous", None),
        };
        let visitor = Visitor { route: route.path.clone(), audience: route.audience, role, user };
        let mut head = http::Request::builder().method(request.method.as_str());
        head = head.uri(format!("https://plugin.scenario{}", request.path));
        for (name, value) in &request.headers {
            head = head.header(name, value);
        }
        let body = Full::new(Bytes::from(body_of(&self.shop.names.resolve(&request.body))));
        let sent = head.body(body).map_err(|error| wrong(error.to_string()))?;
        let Some(plugin) = serving(&self.shop, &self.install, Point::HttpRoute).await? else {
            return Ok(fields(json!({"status": 404, "body": "", "headers": {}})));
        };
        match self.shop.runtime.respond(self.shop.ctx.clone(), plugin, visitor, sent).await {
            Ok(answer) => {
                let (head, body) = answer.into_parts();
                let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let headers: BTreeMap<String, String> =
                    head.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
                let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                let body = text(&bytes);
                Ok(fields(json!({"status": head.status.as_u16(), "headers": headers, "body": body, "json": json})))
            }
            Err(NoAnswer::TooLarge(_)) => Ok(fields(json!({"status": 413}))),
            Err(NoAnswer::Ended { .. }) => Ok(fields(json!({"status": 502}))),
        }
    }

    /// What the plugin keeps under its keys: JSON where it is JSON, else text.
    async fn kv(&self) -> Result<Value, ScenarioError> {
        let install = self.install.id;
        let read = async |mut tx: Tx| {
            let keys = kv_key_list(&mut tx, install, "", &PageRequest::first()).await?.items;
            kv_get(&mut tx, install, &keys).await
        };
        let entries = self.shop.store.read(&self.shop.ctx, read).await?;
        let value = |bytes: Vec<u8>| {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into())
        };
        Ok(entries.into_iter().map(|entry| (entry.key, value(entry.value))).collect::<Map<_, _>>().into())
    }

    /// The documents of each of the plugin's collections, by id.
    async fn documents(&self) -> Result<Value, ScenarioError> {
        let install = self.install.id;
        let mut all = Map::new();
        for collection in &self.install.manifest.collections {
            let find = async |mut tx: Tx| {
                document_find(&mut tx, install, collection, &Query::default(), &PageRequest::first()).await
            };
            let found: Result<_, PlatformError> = self.shop.store.read(&self.shop.ctx, find).await;
            let body = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
            let documents = found?.items.into_iter().map(|one| (one.id, body(&one.body)));
            all.insert(collection.name.clone(), documents.collect::<Map<_, _>>().into());
        }
        Ok(all.into())
    }

    /// The customers by code: tier, tags, points, and coupons.
    async fn customers(&self) -> Result<Value, ScenarioError> {
        let mut all = Map::new();
        for code in self.shop.customers() {
            let id = self.shop.customer(code)?;
            let read = async |mut tx: Tx| {
                let customer = customer_get(&mut tx, id).await?;
                let points = points_balances(&mut tx, &[id.to_string()]).await?;
                let coupons = coupons_held(&mut tx, &[id.to_string()]).await?;
                Ok::<_, CapabilityError>((customer, points, coupons))
            };
            let (customer, points, coupons) = self.shop.store.read(&self.shop.ctx, read).await?;
            let seen = json!({
                "tier": customer.tier, "tags": customer.tags, "coupons": coupons.len(),
                "points": points.first().map_or(0, |balance| balance.available),
            });
            all.insert(code.clone(), seen);
        }
        Ok(all.into())
    }

    /// What can be sold of each SKU that the step asks for.
    async fn stock(&self, step: &Step) -> Result<Value, ScenarioError> {
        let asked = step.expect.get("stock").and_then(Value::as_object);
        let skus: Vec<String> = asked.into_iter().flat_map(|asked| asked.keys().cloned()).collect();
        let read = async |mut tx: Tx| levels(&mut tx, &skus).await;
        let found = self.shop.store.read(&self.shop.ctx, read).await?;
        Ok(found.iter().map(|level| (level.sku.clone(), level.available().into())).collect::<Map<_, _>>().into())
    }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn millis(text: &str) -> Result<i64, ScenarioError> {
    let wrong = || ScenarioError::shop("advance", format!("`{text}` is no time such as `90 s`, `2 hours` or `1 day`"));
    let span: Span = text.parse().map_err(|_| wrong())?;
    let total = span.total((Unit::Second, SpanRelativeTo::days_are_24_hours())).map_err(|_| wrong())?;
    match total.is_finite() && (0.0..=1e9).contains(&total) {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be small")]
        true => Ok((total * 1_000.0) as i64),
        false => Err(wrong()),
    }
}

/// What can be seen of a quote.
fn quote(quoted: &Quoted) -> Map<String, Value> {
    let quote = &quoted.quote;
    let operations: Vec<_> = quoted.trace.calls.iter().flat_map(|call: &TracedCall| &call.operations).collect();
    let candidates = operations.iter().flat_map(|operation| &operation.candidates);
    let given = candidates.filter(|candidate| candidate.given.get() > 0).map(|candidate| {
        let lines = candidate.shares.iter().map(|share| json!({"line": share.line, "amount": share.amount}));
        let mut seen = reason(&candidate.reason);
        seen.insert("amount".to_owned(), json!(candidate.given));
        seen.insert("lines".to_owned(), lines.collect());
        Value::Object(seen)
    });
    let discounts: Vec<Value> = given.collect();
    fields(json!({
        "subtotal": quote.subtotal, "discount": quote.discount, "total": quote.total, "lines": quote.lines,
        "discounts": discounts, "operations": operations,
    }))
}

/// What can be seen of a refusal of the shop.
fn refused(refusal: &CapabilityError) -> Map<String, Value> {
    let denials: Vec<Value> = match refusal {
        CapabilityError::CartDenied(denials) => denials.iter().map(denial).collect(),
        _ => Vec::new(),
    };
    fields(json!({"placed": false, "error": refusal.code(), "message": refusal.to_string(), "denials": denials}))
}

fn denial(denial: &DenialTrace) -> Value {
    let mut seen = reason(&denial.reason);
    seen.insert("lines".to_owned(), json!(denial.lines));
    seen.into()
}

fn reason(reason: &Reason) -> Map<String, Value> {
    let argument = |(name, value): &(String, Argument)| {
        let value = match value {
            Argument::Text(text) => json!(text),
            Argument::Number(number) => json!(number),
            Argument::Money(money) => json!(money),
        };
        (name.clone(), value)
    };
    let arguments: Map<String, Value> = reason.arguments.iter().map(argument).collect();
    let sentences: Map<String, Value> =
        reason.sentences.iter().map(|(locale, text)| (locale.tag().to_owned(), text.clone().into())).collect();
    fields(json!({"code": reason.code, "arguments": arguments, "sentences": sentences}))
}

fn used(step: usize, (trace, budget): Called) -> Used {
    let of = |used: u64, limit: fn(&Budget) -> u64| Share { used, limit: budget.as_ref().map_or(0, limit) };
    Used {
        step,
        point: trace.point,
        outcome: word(&trace.outcome),
        fuel: of(trace.fuel, |budget| budget.fuel),
        micros: Share { used: trace.micros, limit: u64::from(trace.point.row().budget_ms) * 1_000 },
        memory: of(trace.peak_memory, |budget| budget.memory as u64),
        host_calls: of(trace.host_calls.into(), |budget| budget.host_calls.into()),
        bytes_in: of(trace.bytes_in, |budget| budget.bytes_in),
        bytes_out: of(trace.bytes_out, |budget| budget.bytes_out),
        log: trace.log,
    }
}
