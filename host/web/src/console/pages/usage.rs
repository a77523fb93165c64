//! What the shop's plugins used: charts by hour or day, sums by plugin.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use askama::Template;
use axum::extract::State;
use heptad_model::time::span::{DAY, HOUR};
use heptad_model::{Millis, Point};
use heptad_platform::PlatformError;
use heptad_platform::install::install_list;
use heptad_platform::metering::{By, Usage, UsageAsk, UsageRow, usage_periods, usage_read};

use super::catalog;
use crate::console::chart::{Chart, Period};
use crate::console::desk::Shop;
use crate::console::failure::ConsoleResult;
use crate::console::fields::Asks;
use crate::console::i18n::{Argument as _, Words};
use crate::console::shell::{Shell, page};
use crate::console::{consent, look, notice};
use crate::state::AppState;

/// How many hours or days a page shows.
const HOURS: usize = 24;
const DAYS: usize = 30;

/// Which plugin, and how finely.
#[derive(Debug, Default, serde::Deserialize)]
pub(in crate::console) struct UsageListing {
    #[serde(default)]
    plugin: String,
    #[serde(default)]
    by: String,
}

struct PluginOption {
    slug: String,
    name: String,
    chosen: bool,
}

struct Figure {
    name: String,
    value: String,
}

/// The sums of a version at a point; times, fuel and host calls are means of its calls.
struct SumRow {
    name: String,
    slug: String,
    version: String,
    point: String,
    calls: String,
    failures: Vec<String>,
    time: String,
    fuel: String,
    memory: String,
    host_calls: String,
    bytes_in: String,
    bytes_out: String,
}

/// The sums of an hour or a day.
struct PeriodRow {
    at: String,
    calls: String,
    failed: String,
    time: String,
    fuel: String,
}

#[derive(Template)]
#[template(path = "usage.html")]
struct UsagePage {
    shell: Shell,
    is_day: bool,
    plugins: Vec<PluginOption>,
    figures: Vec<Figure>,
    charts: Vec<Chart>,
    rows: Vec<SumRow>,
    periods: Vec<PeriodRow>,
}

/// The mean of so many; nothing of none.
fn mean(sum: u64, calls: u64) -> u64 {
    sum.checked_div(calls).unwrap_or_default()
}

fn sum_by<'a, K: Ord>(rows: &[&'a UsageRow], key: impl Fn(&'a UsageRow) -> K) -> BTreeMap<K, Usage> {
    let mut sums: BTreeMap<K, Usage> = BTreeMap::new();
    for row in rows {
        sums.entry(key(row)).or_default().add(&row.usage);
    }
    sums
}

fn sum_row(words: Words, names: &HashMap<String, String>, key: (&str, &str, &str), usage: &Usage) -> SumRow {
    let (slug, version, point) = key;
    let failure = |(code, calls): (&String, &u64)| {
        words.t2("usage-failure", "n", look::count(*calls), "why", notice::cause(words, code))
    };
    SumRow {
        name: names.get(slug).cloned().unwrap_or_else(|| slug.to_owned()),
        slug: slug.to_owned(),
        version: version.to_owned(),
        point: Point::parse(point).map_or_else(|| point.to_owned(), |point| consent::point_title(words, point)),
        calls: look::count(usage.calls),
        failures: usage.failures.iter().map(failure).collect(),
        time: look::millis(mean(usage.micros, usage.calls)),
        fuel: look::count(mean(usage.fuel, usage.calls)),
        memory: look::bytes(usage.peak_memory),
        host_calls: look::count(mean(usage.host_calls, usage.calls)),
        bytes_in: look::bytes(usage.bytes_in),
        bytes_out: look::bytes(usage.bytes_out),
    }
}

fn figures(words: Words, total: &Usage) -> Vec<Figure> {
    let share = mean(total.failed().saturating_mul(10_000), total.calls);
    let figure = |key: &str, value: String| Figure { name: words.t(key), value };
    vec![
        figure("usage-calls", look::count(total.calls)),
        figure("usage-failed-share", look::percent(u32::try_from(share).unwrap_or(u32::MAX))),
        figure("usage-time", look::millis(mean(total.micros, total.calls))),
        figure("usage-fuel", look::count(mean(total.fuel, total.calls))),
    ]
}

/// The three charts of these periods.
fn charts(words: Words, labels: &[String], periods: &[PeriodRow], usages: &[Usage], total: &Usage) -> Vec<Chart> {
    let chart = |title: &str, total: String, parts: &dyn Fn(&Usage) -> [u64; 2], show: fn(u64) -> String| {
        let period = |((label, row), usage): ((&String, &PeriodRow), &Usage)| Period {
            label: label.clone(),
            parts: parts(usage),
            figures: words.with(
                "usage-period",
                [
                    ("at", &row.at),
                    ("calls", &row.calls),
                    ("failed", &row.failed),
                    ("time", &row.time),
                    ("fuel", &row.fuel),
                ]
                .map(|(name, value)| (name, value.value())),
            ),
        };
        let title = words.t(title);
        let summary = words.t2("usage-chart", "title", &title, "total", total);
        Chart::new(title, summary, labels.iter().zip(periods).zip(usages).map(period).collect(), show)
    };
    let [time, fuel] = [total.micros, total.fuel].map(|sum| mean(sum, total.calls));
    vec![
        chart(
            "usage-calls-chart",
            look::count(total.calls),
            &|usage| [usage.calls - usage.failed().min(usage.calls), usage.failed()],
            look::count,
        ),
        chart("usage-time-chart", look::millis(time), &|usage| [mean(usage.micros, usage.calls), 0], look::millis),
        chart("usage-fuel-chart", look::count(fuel), &|usage| [mean(usage.fuel, usage.calls), 0], look::count),
    ]
}

/// `GET /console/shops/{shop}/usage`.
pub(in crate::console) async fn show(
    shop: Shop,
    State(state): State<AppState>,
    Asks(listing): Asks<UsageListing>,
) -> ConsoleResult {
    let (words, now) = (shop.words(), shop.ctx.now());
    let is_day = listing.by == "day";
    // A period more than is shown: days are not all as long, and this one has only begun.
    let (by, count, from) = match is_day {
        true => (By::Day, DAYS, now.plus(-(DAYS as i64) * DAY)),
        false => (By::Hour, HOURS, now.plus(-(HOURS as i64) * HOUR)),
    };
    let ask = UsageAsk { from, to: now.plus(1), by, plugin: None, version: None, point: None };
    let moments = usage_periods(&shop.ctx, &ask)?;
    let moments = &moments[moments.len().saturating_sub(count)..];
    let read = async |mut tx| Ok::<_, PlatformError>((usage_read(&mut tx, &ask).await?, install_list(&mut tx).await?));
    let (found, installs) = state.store.read(&shop.ctx, read).await?;
    let installed = installs.iter().map(|install| (install.plugin.clone(), catalog::title(&shop, &install.manifest).0));
    let names: HashMap<String, String> = installed.collect();
    let slugs: BTreeSet<&str> =
        found.iter().map(|row| row.plugin.as_str()).chain(names.keys().map(String::as_str)).collect();
    let option = |slug: &&str| PluginOption {
        slug: (*slug).to_owned(),
        name: names.get(*slug).cloned().unwrap_or_else(|| (*slug).to_owned()),
        chosen: listing.plugin == *slug,
    };
    let chosen: Vec<&UsageRow> = found
        .iter()
        .filter(|row| moments.contains(&row.at) && (listing.plugin.is_empty() || row.plugin == listing.plugin))
        .collect();
    let sums = sum_by(&chosen, |row| (row.plugin.as_str(), row.version.as_str(), row.point.as_str()));
    let by_moment = sum_by(&chosen, |row| row.at);
    let usages: Vec<Usage> = moments.iter().map(|at| by_moment.get(at).cloned().unwrap_or_default()).collect();
    let total = sum_by(&chosen, |_| ()).remove(&()).unwrap_or_default();
    let periods: Vec<PeriodRow> =
        moments.iter().zip(&usages).map(|(at, usage)| period_row(&shop, is_day, *at, usage)).collect();
    let labels: Vec<String> =
        moments.iter().map(|at| if is_day { shop.look.day(*at) } else { shop.look.clock(*at) }).collect();
    page(&UsagePage {
        is_day,
        plugins: slugs.iter().map(option).collect(),
        figures: figures(words, &total),
        charts: charts(words, &labels, &periods, &usages, &total),
        rows: sums.iter().map(|(key, usage)| sum_row(words, &names, *key, usage)).collect(),
        periods,
        shell: shop.shell,
    })
}

fn period_row(shop: &Shop, is_day: bool, at: Millis, usage: &Usage) -> PeriodRow {
    PeriodRow {
        at: if is_day { shop.look.date(at) } else { shop.look.time(at) },
        calls: look::count(usage.calls),
        failed: look::count(usage.failed()),
        time: look::millis(mean(usage.micros, usage.calls)),
        fuel: look::count(mean(usage.fuel, usage.calls)),
    }
}
