//! What a plugin says about itself: `plugin.toml` while it is written, a custom section of the component when packed.

mod check;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::collection::Collection;
use crate::event_type::EventType;
use crate::host::HostWish;
use crate::locale::Locale;
use crate::permission::{Permission, PermissionSet};
use crate::plugin_event::PluginEventType;
use crate::points::Point;
use crate::route::RouteWish;
use crate::secret::SecretWish;

/// The version of the contract that this host serves; at 0.N a component needs exactly this N.
pub const CONTRACT: &str = "0.1";
/// The most bytes of a manifest.
pub const MAX_MANIFEST: usize = 256 * 1024;
/// The most subscriptions of a manifest, and the most schedules.
pub const MAX_SUBSCRIPTIONS: usize = 32;
/// The name of the subscription by which requests that a plugin leaves are sent.
pub const OUTBOUND: &str = "outbound";
/// The most seconds that a run of a schedule is left to chance.
pub const MAX_JITTER: u32 = 3_600;
/// The most types of events of a subscription.
pub const MAX_TYPES: usize = 64;
/// What plugins are made for, by trade.
pub const INDUSTRIES: [&str; 12] = [
    "apparel",
    "beauty",
    "books",
    "catering",
    "electronics",
    "food",
    "furniture",
    "health",
    "jewellery",
    "mother-and-baby",
    "sports",
    "supermarket",
];
/// The default memory of a call in MiB, and the most that a manifest may ask for.
pub const MEMORY_MIB: std::ops::RangeInclusive<u32> = 16..=64;

/// A manifest that was read and found whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The plugin's name, unique in the catalog: lower-case letters, digits and hyphens, 2 to 64 characters.
    pub name: String,
    /// The version, `MAJOR.MINOR.PATCH` with an optional pre-release behind a hyphen.
    pub version: String,
    /// The publisher's short name.
    pub publisher: String,
    /// The contract that the plugin was built for, such as `0.1`.
    pub contract: String,
    /// The SPDX expression of its licence.
    pub license: String,
    /// The points that it serves.
    pub points: Vec<Point>,
    /// What it wants to do.
    #[serde(default)]
    pub permissions: Vec<PermissionWish>,
    /// The events that it wants to hear of, at the point `event.handle`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventWish>,
    /// What it does at times of its own, at the point `schedule.run`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<ScheduleWish>,
    /// The words of its own events: others hear of `x.<plugin>.<word>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emits: Vec<String>,
    /// The collections of its own documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<Collection>,
    /// The HTTP requests that it answers, at the point `http.route`; of several that fit, the first counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteWish>,
    /// The hosts that it calls, at points where it may write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostWish>,
    /// The secrets that the merchant gives it for requests to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretWish>,
    /// What it is made for, of [`INDUSTRIES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub industries: Vec<String>,
    /// Whether the version before works on what this one keeps: `compatible`; then a rollback loses nothing. Absent where
    /// that is not promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataPromise>,
    /// Memory of a call in MiB, 16 to 64; 16 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// The settings as a subset of JSON Schema (see [`crate::settings`]); no settings when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<serde_json::Value>,
    /// Names and sentences by BCP 47 tag; `zh-CN` and `en` are required.
    pub locales: BTreeMap<String, PluginLocale>,
}

/// What a version promises about the data of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataPromise {
    /// The version before works on what this one has written.
    Compatible,
}

/// A permission that the plugin asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionWish {
    /// Which.
    pub name: Permission,
    /// Whether the plugin works without it.
    #[serde(default)]
    pub optional: bool,
    /// What for, by BCP 47 tag, in words for the merchant.
    pub purpose: BTreeMap<String, String>,
}

/// Events that the plugin wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventWish {
    /// The subscription's name, unique in the manifest: a short name.
    pub name: String,
    /// The types, as `/v1/event-types` lists them.
    pub types: Vec<String>,
    /// Which of them, in the language of [`crate::filter`]; all when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub filter: String,
}

/// Work that the plugin does at times of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleWish {
    /// The schedule's name, unique among the schedules and subscriptions of the manifest: a short name.
    pub name: String,
    /// When it is due, as a cron expression of five or six fields (see [`crate::cron`]).
    pub cron: String,
    /// The IANA name of the time zone whose clocks count; the shop's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// A run begins up to so many seconds later, by chance, so that not all shops begin at once; 0 when absent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub jitter_seconds: u32,
    /// What becomes of times at which nothing could run; `once` when absent.
    #[serde(default)]
    pub missed: MissedRuns,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What becomes of times at which nothing could run: the platform stood still, or the run before was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissedRuns {
    /// They are left out.
    Skip,
    /// One run makes up for all of them.
    #[default]
    Once,
    /// Each is run later, the last ten at most.
    All,
}

impl MissedRuns {
    /// The word in the manifest and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Once => "once",
            Self::All => "all",
        }
    }
}

impl std::str::FromStr for MissedRuns {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = [Self::Skip, Self::Once, Self::All].into_iter().find(|policy| policy.name() == text);
        found.ok_or_else(|| format!("`{text}` is no policy for missed runs"))
    }
}

/// A plugin's words in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginLocale {
    /// The name that people see.
    pub name: String,
    /// One sentence of what it does.
    pub summary: String,
    /// Sentences by code, with placeholders in braces. Labels of settings have the code `settings.<property>`.
    #[serde(default)]
    pub messages: BTreeMap<String, String>,
}

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML or JSON, or not of the manifest's shape.
    #[error("the manifest cannot be read: {0}")]
    Malformed(String),
    /// More bytes than allowed.
    #[error("the manifest has {0} bytes, at most {MAX_MANIFEST} are allowed")]
    TooLarge(usize),
    /// Another contract version.
    #[error("the plugin was built for contract {found}, this host serves {CONTRACT}")]
    Contract {
        /// The manifest's.
        found: String,
    },
    /// A field breaks its rule.
    #[error("`{field}`: {problem}")]
    Field {
        /// The field's path.
        field: String,
        /// The rule that it breaks.
        problem: String,
    },
}

impl Manifest {
    /// Reads `plugin.toml`.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MAX_MANIFEST {
            return Err(ManifestError::TooLarge(text.len()));
        }
        let manifest: Self = toml::from_str(text).map_err(|error| ManifestError::Malformed(error.to_string()))?;
        manifest.checked()
    }

    /// Reads the JSON of a packed component.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| ManifestError::Malformed(error.to_string()))?;
        manifest.checked()
    }

    /// The JSON for the component's section.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The permission that this plugin needs to hear of a type of event, if it needs one; `None` if there is no such type.
    /// Its own events it hears freely.
    pub fn needs_to_hear(&self, kind: &str) -> Option<Option<Permission>> {
        if let Some(kind) = EventType::parse(kind) {
            return kind.is_told_to(false).then(|| kind.row().permission);
        }
        let kind = PluginEventType::parse(kind)?;
        match kind.plugin == self.name {
            true => self.emits.contains(&kind.word).then_some(None),
            false => Some(Some(Permission::PlatformEventsHear)),
        }
    }

    /// The collection of this name.
    pub fn collection(&self, name: &str) -> Option<&Collection> {
        self.collections.iter().find(|collection| collection.name == name)
    }

    /// All permissions that the plugin asks for.
    pub fn wishes(&self) -> PermissionSet {
        self.permissions.iter().map(|wish| wish.name).collect()
    }

    /// The permissions without which the plugin is not installed.
    pub fn required(&self) -> PermissionSet {
        self.permissions.iter().filter(|wish| !wish.optional).map(|wish| wish.name).collect()
    }

    /// The hosts without which the plugin is not installed.
    pub fn required_hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().filter(|wish| !wish.optional).map(|wish| wish.name.as_str())
    }

    /// Whether it names this host.
    pub fn wishes_host(&self, name: &str) -> bool {
        self.hosts.iter().any(|wish| wish.name == name)
    }

    /// The plugin's words in a language, else in the platform's default language.
    pub fn words(&self, locale: Locale) -> Option<&PluginLocale> {
        self.locales.get(locale.tag()).or_else(|| self.locales.get(Locale::default().tag()))
    }
}

/// Whether the text is a short name: 2 to 64 lower-case letters, digits and hyphens, beginning with a letter.
pub fn is_slug(text: &str) -> bool {
    (2..=64).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "hello-discount"
version = "0.1.0"
publisher = "heptad"
contract = "0.1"
license = "0BSD"
points = ["discount.order"]

[[permissions]]
name = "mall.catalog.read"
optional = true
purpose = { zh-CN = "查看标签", en = "To see tags" }

[locales.zh-CN]
name = "你好折扣"
summary = "每单减一元"
messages = { hello = "你好，立减 {amount}" }

[locales.en]
name = "Hello discount"
summary = "One yuan off each order"
messages = { hello = "Hello, {amount} off" }
"#;

    #[test]
    fn a_manifest_survives_packing() {
        let manifest = Manifest::from_toml(GOOD).unwrap();
        assert_eq!(Manifest::from_json(manifest.to_json().as_bytes()).unwrap(), manifest);
        assert_eq!(manifest.points, [Point::DiscountOrder]);
        assert_eq!(manifest.required().iter().count(), 0);
    }

    #[test]
    fn each_rule_names_its_field() {
        for (from, to, expected) in [
            ("contract = \"0.1\"", "contract = \"0.2\"", "the plugin was built for contract 0.2, this host serves 0.1"),
            ("\"hello-discount\"", "\"Hello\"", "`name`: 2 to 64"),
            ("version = \"0.1.0\"", "version = \"1.0\"", "`version`: three numbers"),
            ("version = \"0.1.0\"", "version = \"01.0.0\"", "`version`: three numbers"),
            ("[\"discount.order\"]", "[]", "`points`: a plugin serves"),
            ("[\"discount.order\"]", "[\"discount.order\", \"discount.order\"]", "`points`: a point is listed twice"),
            ("[\"discount.order\"]", "[\"discount.everything\"]", "cannot be read"),
            ("[locales.en]", "[locales.fr]", "`locales.en`: is required"),
            (", en = \"To see tags\"", "", "`permissions.mall.catalog.read.purpose.en`"),
            ("license = \"0BSD\"", "license = \"0BSD\"\nmemory_mib = 65", "`memory_mib`: 16 to 64"),
            ("license = \"0BSD\"", "license = \"0BSD\"\nsurprise = 1", "cannot be read"),
        ] {
            let error = Manifest::from_toml(&GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{to}: {error}");
        }
    }
}
