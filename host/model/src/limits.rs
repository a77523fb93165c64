//! What a plugin may use: every limit with its code, its published value, its bounds, and what to do about it.
//!
//! A [`Limits`] is a profile: the process has one, a tenant may have another. To add a limit: a row here, the place that
//! enforces it, and a test that trips it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Point;
use crate::points::Kind;

/// A row of the table of limits.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LimitRow {
    /// The stable word: an outcome's code in traces, a label in metrics.
    pub code: &'static str,
    /// What the value counts.
    pub unit: &'static str,
    /// What the plugin's maker can do about it.
    pub advice: &'static str,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $unit:literal, $advice:literal;)*) => {
        /// Something that a plugin may use only so much of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Limit {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)*
        }

        impl Limit {
            /// Every limit.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The limit's row.
            pub const fn row(self) -> LimitRow {
                match self {
                    $(Self::$variant => LimitRow { code: $code, unit: $unit, advice: $advice },)*
                }
            }
        }
    };
}

limits! {
    /// Instructions of a call.
    Fuel = "fuel", "units of fuel", "do less for each call";
    /// Wall clock of a call.
    WallClock = "deadline", "ms", "do less for each call";
    /// Wall clock of all plugins of one quote.
    QuoteTime = "quote-budget", "ms", "the plugins before it took the time: look for the slow one in the trace";
    /// Wall clock of a call from its first write on.
    WriteTime = "write-time", "ms from the first write to the end", "read and reckon first, then write";
    /// Linear memory of a call.
    Memory = "memory", "bytes of memory", "use less, or ask for more by memory_mib";
    /// Elements of a table.
    TableElements = "table", "elements of a table", "use smaller tables of functions";
    /// Core instances of a component.
    Instances = "instances", "core instances", "link fewer modules into the component";
    /// The stack of a call.
    Stack = "stack", "bytes of stack", "look for endless recursion";
    /// Host functions called in a call.
    HostCalls = "host-calls", "host calls", "ask for many things at once";
    /// Host functions called in a second by all calls of an install.
    HostCallRate = "host-call-rate", "host calls a second", "ask for many things at once, or less often";
    /// Bytes that the host hands to a call.
    BytesIn = "bytes-in", "bytes from the host", "ask for less: fewer keys, smaller pages";
    /// Bytes of one value that the guest hands to the host.
    Output = "output", "bytes in one answer or argument", "answer with less";
    /// Bytes that a call hands to the host in all.
    BytesOut = "bytes-out", "bytes to the host", "hand over less in all host calls together";
    /// Bytes of the body of a request to a plugin's route.
    RequestBody = "request-body", "bytes in the body of a request", "let senders send less, or in parts";
    /// Bytes of the body of a route's response.
    ResponseBody = "response-body", "bytes in the body of a response", "answer with less, or page by page";
    /// Bytes that a call logs.
    Log = "log", "bytes of log", "log less";
    /// Milliseconds that calls of an install keep transactions open, in ten seconds and in each process.
    WriteShare = "write-share", "milliseconds of open transactions in ten seconds", "write at the end of a call, and less at once";
    /// Bytes that an install keeps in its own store.
    Kv = "kv-quota", "bytes stored", "delete what is not needed";
    /// Calls of a tenant in a day.
    CallsPerDay = "calls-per-day", "calls of plugins a day (UTC) in the shop", "call again tomorrow, or buy more";
    /// Bytes of an install's documents.
    Documents = "collections-quota", "bytes of documents", "delete documents that are not needed";
    /// Calls of a tenant at the same time.
    TenantConcurrency = "tenant-busy", "requests of the shop at the same time", "send fewer requests at once";
    /// Calls of an install at the same time.
    PluginConcurrency = "plugin-busy", "calls of the plugin at the same time", "answer faster";
    /// Requests of an install to other servers at the same time.
    OutboundConcurrency = "outbound-busy", "requests to other servers at the same time", "send one after the other";
    /// Requests of an install to other servers in a minute.
    OutboundRate = "outbound-rate", "requests to other servers a minute", "send less often, and more at once";
    /// Requests of all plugins of a tenant to other servers in a day.
    OutboundPerDay = "outbound-per-day", "requests of plugins to other servers a day (UTC) in the shop", "send again tomorrow, or buy more";
}

impl Limit {
    /// The stable word.
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// The limit with this code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|limit| limit.code() == code)
    }

    /// The diagnostic: limit, value, and what to do.
    pub fn diagnostic(self, most: u64) -> String {
        let LimitRow { unit, advice, .. } = self.row();
        format!("the plugin reached its limit of {most} {unit}: {advice}")
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// A value and how much it grows with each line of the cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerLine {
    /// For a cart without lines.
    pub base: u64,
    /// More for each line.
    pub per_line: u64,
}

impl PerLine {
    /// The value for so many lines.
    pub const fn of(self, lines: usize) -> u64 {
        self.base.saturating_add(self.per_line.saturating_mul(lines as u64))
    }
}

/// A profile: the value of every limit. The default holds the published values.
///
/// The stack is the engine's and the same for all: 512 KiB. The memory of a call is what its manifest asks for, up to
/// the profile's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Fuel of a call.
    pub fuel: PerLine,
    /// Fuel of a call at a point where the plugin may write: an event, an HTTP request.
    pub event_fuel: u64,
    /// Wall clock of a call in milliseconds at the points that a cart meets; the point's own budget when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u32>,
    /// Wall clock of all plugins of one quote in milliseconds.
    pub quote_ms: u32,
    /// The most memory of a call in MiB that a manifest gets.
    pub memory_mib: u32,
    /// Elements of a table.
    pub table_elements: u32,
    /// Core instances of a component.
    pub instances: u32,
    /// Host calls of a call.
    pub host_calls: PerLine,
    /// Host calls of an HTTP request: a body that is streamed takes some for each piece.
    pub route_host_calls: u32,
    /// Bytes of the body of an HTTP request.
    pub route_request_bytes: u64,
    /// The same at routes for outside callers, whom nobody knows.
    pub webhook_request_bytes: u64,
    /// Bytes of the body of the response.
    pub route_response_bytes: u64,
    /// HTTP requests of an install that are answered at the same time, in each process.
    pub route_concurrency: u32,
    /// Host calls of an install in a second, in each process.
    pub host_calls_per_second: u32,
    /// Bytes that the host hands to a call, as they are recorded.
    pub bytes_in: PerLine,
    /// Bytes of one value from the guest.
    pub output: PerLine,
    /// Bytes of all values from the guest in a call, as they are recorded.
    pub bytes_out: PerLine,
    /// Bytes of log that a call keeps.
    pub log_bytes: u32,
    /// Bytes that an install keeps in its own store.
    pub kv_bytes: u64,
    /// Calls of all plugins of a tenant in a day (UTC), in all processes together; as many as it likes when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_day: Option<u64>,
    /// Bytes of an install's documents in its collections.
    pub document_bytes: u64,
    /// Requests of a tenant that run plugins at the same time, in each process.
    pub concurrency: u32,
    /// Requests of a tenant that wait for their turn, in each process.
    pub waiting: u32,
    /// Calls of an install at the same time, in each process.
    pub plugin_concurrency: u32,
    /// Messages to a tenant's webhooks in a day (UTC).
    pub webhooks_per_day: u32,
    /// Bytes of the body of a plugin's request to another server.
    pub outbound_request_bytes: u64,
    /// Bytes of the body of the answer.
    pub outbound_response_bytes: u64,
    /// Milliseconds of such a request, from its beginning to the last byte of the answer.
    pub outbound_ms: u32,
    /// Such requests of an install at the same time, in each process.
    pub outbound_concurrency: u32,
    /// Such requests of an install in a minute, in each process.
    pub outbound_per_minute: u32,
    /// Such requests of all plugins of a tenant in a day (UTC), in all processes together; as many as it likes when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_per_day: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: PerLine { base: 50_000_000, per_line: 50_000 },
            event_fuel: 1_000_000_000,
            wall_ms: None,
            quote_ms: 100,
            memory_mib: 64,
            table_elements: 20_000,
            instances: 32,
            host_calls: PerLine { base: 200, per_line: 1 },
            route_host_calls: 20_000,
            route_request_bytes: 8 << 20,
            webhook_request_bytes: 1 << 20,
            route_response_bytes: 16 << 20,
            route_concurrency: 8,
            host_calls_per_second: 50_000,
            bytes_in: PerLine { base: 4 << 20, per_line: 1 << 10 },
            output: PerLine { base: 256 << 10, per_line: 128 },
            bytes_out: PerLine { base: 1 << 20, per_line: 1 << 10 },
            log_bytes: 16 << 10,
            kv_bytes: 16 << 20,
            calls_per_day: None,
            document_bytes: 64 << 20,
            concurrency: 32,
            waiting: 64,
            plugin_concurrency: 32,
            webhooks_per_day: 100_000,
            outbound_request_bytes: 4 << 20,
            outbound_response_bytes: 4 << 20,
            outbound_ms: 10_000,
            outbound_concurrency: 8,
            outbound_per_minute: 600,
            outbound_per_day: None,
        }
    }
}

/// A value of a profile is outside its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {least} to {most}, not {found}")]
pub struct LimitsError {
    /// The field, such as `fuel.base`.
    pub field: &'static str,
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
    /// What was given.
    pub found: u64,
}

/// A value of a profile by its field, with the bounds that the process can keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitValue {
    /// The field, such as `fuel.base`.
    pub field: &'static str,
    /// The value; `None` where the profile leaves it to others.
    pub value: Option<u64>,
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
}

impl Limits {
    /// Every value, in the order of the fields.
    pub fn values(&self) -> Vec<LimitValue> {
        let most_count = 1_000_000;
        let values = [
            ("fuel.base", Some(self.fuel.base), 100_000, 100_000_000_000),
            ("fuel.per_line", Some(self.fuel.per_line), 0, 1_000_000_000),
            ("event_fuel", Some(self.event_fuel), 100_000, 100_000_000_000),
            ("wall_ms", self.wall_ms.map(u64::from), 1, 10_000),
            ("quote_ms", Some(self.quote_ms.into()), 1, 10_000),
            ("memory_mib", Some(self.memory_mib.into()), 1, 64),
            ("table_elements", Some(self.table_elements.into()), 0, 20_000),
            ("instances", Some(self.instances.into()), 1, 32),
            ("host_calls.base", Some(self.host_calls.base), 0, most_count),
            ("host_calls.per_line", Some(self.host_calls.per_line), 0, 1_000),
            ("route_host_calls", Some(self.route_host_calls.into()), 0, most_count),
            ("route_request_bytes", Some(self.route_request_bytes), 0, 64 << 20),
            ("webhook_request_bytes", Some(self.webhook_request_bytes), 0, 64 << 20),
            ("route_response_bytes", Some(self.route_response_bytes), 0, 256 << 20),
            ("route_concurrency", Some(self.route_concurrency.into()), 1, 10_000),
            ("host_calls_per_second", Some(self.host_calls_per_second.into()), 1, 100_000_000),
            ("bytes_in.base", Some(self.bytes_in.base), 1 << 10, 64 << 20),
            ("bytes_in.per_line", Some(self.bytes_in.per_line), 0, 64 << 10),
            ("output.base", Some(self.output.base), 1 << 10, 16 << 20),
            ("output.per_line", Some(self.output.per_line), 0, 64 << 10),
            ("bytes_out.base", Some(self.bytes_out.base), 1 << 10, 64 << 20),
            ("bytes_out.per_line", Some(self.bytes_out.per_line), 0, 64 << 10),
            ("log_bytes", Some(self.log_bytes.into()), 0, 1 << 20),
            ("kv_bytes", Some(self.kv_bytes), 0, 1 << 40),
            ("calls_per_day", self.calls_per_day, 1_000, 1 << 40),
            ("document_bytes", Some(self.document_bytes), 0, 1 << 40),
            ("concurrency", Some(self.concurrency.into()), 1, 10_000),
            ("waiting", Some(self.waiting.into()), 0, 10_000),
            ("plugin_concurrency", Some(self.plugin_concurrency.into()), 1, 10_000),
            ("webhooks_per_day", Some(self.webhooks_per_day.into()), 0, 1_000_000_000),
            ("outbound_request_bytes", Some(self.outbound_request_bytes), 0, 64 << 20),
            ("outbound_response_bytes", Some(self.outbound_response_bytes), 0, 64 << 20),
            ("outbound_ms", Some(self.outbound_ms.into()), 1, 60_000),
            ("outbound_concurrency", Some(self.outbound_concurrency.into()), 1, 1_000),
            ("outbound_per_minute", Some(self.outbound_per_minute.into()), 1, 1_000_000),
            ("outbound_per_day", self.outbound_per_day, 1_000, 1 << 40),
        ];
        values.map(|(field, value, least, most)| LimitValue { field, value, least, most }).into()
    }

    /// Checks that every value is within what a process can keep.
    pub fn check(&self) -> Result<(), LimitsError> {
        for LimitValue { field, value, least, most } in self.values() {
            if let Some(found) = value.filter(|value| !(least..=most).contains(value)) {
                return Err(LimitsError { field, least, most, found });
            }
        }
        Ok(())
    }

    /// Wall clock of a call at the point.
    pub fn wall(&self, point: Point) -> Duration {
        let own = point.row().budget_ms;
        let millis = if point.row().kind.is_of_carts() { self.wall_ms.unwrap_or(own) } else { own };
        Duration::from_millis(millis.into())
    }

    /// Fuel of a call at the point, with so many lines.
    pub fn fuel_of(&self, point: Point, lines: usize) -> u64 {
        if point.row().kind.is_of_carts() { self.fuel.of(lines) } else { self.event_fuel }
    }

    /// Host calls of a call at the point, with so many lines.
    pub fn host_calls_of(&self, point: Point, lines: usize) -> u64 {
        match point.row().kind {
            Kind::Act => self.route_host_calls.into(),
            Kind::Calc | Kind::Veto | Kind::On => self.host_calls.of(lines),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_values_are_within_their_bounds_and_codes_are_told_apart() {
        Limits::default().check().unwrap();
        let codes: std::collections::HashSet<_> = Limit::ALL.iter().map(|limit| limit.code()).collect();
        assert_eq!(codes.len(), Limit::ALL.len());
        assert!(Limit::ALL.iter().all(|limit| Limit::parse(limit.code()) == Some(*limit)));
    }

    #[test]
    fn a_profile_names_what_differs_and_refuses_what_no_process_keeps() {
        let limits: Limits = serde_json::from_str(r#"{"fuel": {"base": 1000000, "per_line": 0}}"#).unwrap();
        assert_eq!((limits.fuel.of(2_000), limits.quote_ms), (1_000_000, 100));
        let limits = Limits { memory_mib: 65, ..Limits::default() };
        assert_eq!(limits.check().unwrap_err().to_string(), "`memory_mib` is 1 to 64, not 65");
        assert!(serde_json::from_str::<Limits>(r#"{"feul": 1}"#).is_err());
    }

    #[test]
    fn budgets_grow_with_the_cart() {
        let limits = Limits::default();
        assert_eq!(limits.fuel.of(2_000), 150_000_000);
        assert_eq!(limits.output.of(2), 262_400);
    }
}
