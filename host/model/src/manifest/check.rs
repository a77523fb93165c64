//! The rules of a manifest, each with the path of the field that breaks it.

use super::{
    CONTRACT, INDUSTRIES, MAX_JITTER, MAX_SUBSCRIPTIONS, MAX_TYPES, MEMORY_MIB, Manifest, ManifestError, OUTBOUND,
    is_slug,
};
use crate::collection::MAX_COLLECTIONS;
use crate::cron::{Cron, Zone};
use crate::filter::Filter;
use crate::host::host_check;
use crate::locale::Locale;
use crate::permission::{Permission, PermissionSet};
use crate::plugin_event::MAX_EMITS;
use crate::points::Point;
use crate::route::route_check;
use crate::secret::secret_check;

fn field(field: impl Into<String>, problem: impl Into<String>) -> ManifestError {
    ManifestError::Field { field: field.into(), problem: problem.into() }
}

impl Manifest {
    pub(super) fn checked(self) -> Result<Self, ManifestError> {
        if self.contract != CONTRACT {
            return Err(ManifestError::Contract { found: self.contract.chars().take(32).collect() });
        }
        if !is_slug(&self.name) {
            return Err(field("name", "2 to 64 lower-case letters, digits and hyphens, beginning with a letter"));
        }
        if !is_slug(&self.publisher) {
            return Err(field("publisher", "2 to 64 lower-case letters, digits and hyphens, beginning with a letter"));
        }
        if !is_version(&self.version) {
            return Err(field("version", "three numbers with points between them, such as 1.2.0"));
        }
        if self.license.len() > 128 || spdx::Expression::parse(&self.license).is_err() {
            return Err(field("license", "an SPDX expression of at most 128 bytes, such as Apache-2.0"));
        }
        if self.points.is_empty() {
            return Err(field("points", "a plugin serves at least one point"));
        }
        let mut points = self.points.clone();
        points.sort_unstable();
        points.dedup();
        if points.len() != self.points.len() {
            return Err(field("points", "a point is listed twice"));
        }
        for (place, industry) in self.industries.iter().enumerate() {
            if !INDUSTRIES.contains(&industry.as_str()) || self.industries[..place].contains(industry) {
                return Err(field(format!("industries.{place}"), format!("each once, of: {}", INDUSTRIES.join(", "))));
            }
        }
        if self.memory_mib.is_some_and(|mib| !MEMORY_MIB.contains(&mib)) {
            return Err(field("memory_mib", "16 to 64"));
        }
        let wishes: PermissionSet = self.permissions.iter().map(|wish| wish.name).collect();
        if wishes.iter().count() != self.permissions.len() {
            return Err(field("permissions", "a permission is listed twice"));
        }
        self.check_events(wishes)?;
        self.check_schedules()?;
        self.check_data(wishes)?;
        if self.routes.is_empty() == self.points.contains(&Point::HttpRoute) {
            return Err(field("routes", "routes and the point `http.route` go together"));
        }
        route_check(&self.routes).map_err(|(path, problem)| field(path, problem))?;
        if !self.hosts.is_empty() && self.points.iter().all(|point| point.row().kind.is_of_carts()) {
            return Err(field("hosts", "nobody is called while a shopper waits: only at events, schedules and routes"));
        }
        host_check(&self.hosts, wishes).map_err(|(path, problem)| field(path, problem))?;
        secret_check(&self.secrets, &self.hosts).map_err(|(path, problem)| field(path, problem))?;
        for locale in Locale::ALL {
            let tag = locale.tag();
            let Some(words) = self.locales.get(tag) else {
                return Err(field(format!("locales.{tag}"), "is required"));
            };
            for (name, text, most) in [("name", &words.name, 120), ("summary", &words.summary, 500)] {
                if text.trim().is_empty() || text.len() > most {
                    return Err(field(format!("locales.{tag}.{name}"), format!("1 to {most} bytes")));
                }
            }
        }
        for wish in &self.permissions {
            if let Some(locale) = Locale::untold(&wish.purpose) {
                return Err(field(format!("permissions.{}.purpose.{}", wish.name, locale.tag()), "1 to 500 bytes"));
            }
        }
        if let Some(schema) = &self.settings {
            crate::settings::check_schema(schema).map_err(|error| field("settings", error.to_string()))?;
        }
        Ok(self)
    }

    fn check_events(&self, wishes: PermissionSet) -> Result<(), ManifestError> {
        if self.events.is_empty() == self.points.contains(&Point::EventHandle) {
            return Err(field("events", "subscriptions and the point `event.handle` go together"));
        }
        if self.events.len() > MAX_SUBSCRIPTIONS {
            return Err(field("events", format!("at most {MAX_SUBSCRIPTIONS} subscriptions")));
        }
        for (index, wish) in self.events.iter().enumerate() {
            let name = |name: &str| format!("events.{index}.{name}");
            let is_taken = wish.name == OUTBOUND || self.events[..index].iter().any(|other| other.name == wish.name);
            if !is_slug(&wish.name) || is_taken {
                return Err(field(name("name"), "a short name that no other subscription has, and not `outbound`"));
            }
            if wish.types.is_empty() || wish.types.len() > MAX_TYPES {
                return Err(field(name("types"), "at least one type of event"));
            }
            for kind in &wish.types {
                let Some(needs) = self.needs_to_hear(kind) else {
                    let kind: String = kind.chars().take(64).collect();
                    return Err(field(name("types"), format!("`{kind}` is no type of event")));
                };
                if let Some(permission) = needs.filter(|permission| !wishes.contains(*permission)) {
                    let problem = format!("`{kind}` needs `[[permissions]] name = \"{permission}\"`");
                    return Err(field(name("types"), problem));
                }
            }
            Filter::parse(&wish.filter).map_err(|error| field(name("filter"), error.to_string()))?;
        }
        Ok(())
    }

    fn check_schedules(&self) -> Result<(), ManifestError> {
        if self.schedules.is_empty() == self.points.contains(&Point::ScheduleRun) {
            return Err(field("schedules", "schedules and the point `schedule.run` go together"));
        }
        if self.schedules.len() > MAX_SUBSCRIPTIONS {
            return Err(field("schedules", format!("at most {MAX_SUBSCRIPTIONS} schedules")));
        }
        for (index, wish) in self.schedules.iter().enumerate() {
            let name = |name: &str| format!("schedules.{index}.{name}");
            let is_taken = wish.name == OUTBOUND
                || self.schedules[..index].iter().any(|other| other.name == wish.name)
                || self.events.iter().any(|other| other.name == wish.name);
            if !is_slug(&wish.name) || is_taken {
                return Err(field(name("name"), "a short name that no other schedule or subscription has"));
            }
            Cron::parse(&wish.cron).map_err(|error| field(name("cron"), error.to_string()))?;
            if wish.time_zone.as_deref().is_some_and(|zone| Zone::parse(zone).is_none()) {
                return Err(field(name("time_zone"), "the IANA name of a time zone, such as Asia/Shanghai"));
            }
            if wish.jitter_seconds > MAX_JITTER {
                return Err(field(name("jitter_seconds"), format!("0 to {MAX_JITTER}")));
            }
        }
        Ok(())
    }

    fn check_data(&self, wishes: PermissionSet) -> Result<(), ManifestError> {
        if self.emits.len() > MAX_EMITS || self.collections.len() > MAX_COLLECTIONS {
            let problem = format!("at most {MAX_EMITS} words in `emits`, and {MAX_COLLECTIONS} collections");
            return Err(field("emits", problem));
        }
        for (place, word) in self.emits.iter().enumerate() {
            if !is_slug(word) || self.emits[..place].contains(word) {
                return Err(field(format!("emits.{place}"), "a short name that stands there once"));
            }
        }
        if !self.emits.is_empty() && !wishes.contains(Permission::PlatformEventsEmit) {
            return Err(field(
                "emits",
                format!("needs `[[permissions]] name = \"{}\"`", Permission::PlatformEventsEmit),
            ));
        }
        for (place, collection) in self.collections.iter().enumerate() {
            let name = format!("collections.{place}");
            collection.check().map_err(|problem| field(&name, problem))?;
            if self.collections[..place].iter().any(|other| other.name == collection.name) {
                return Err(field(name, "a name that no other collection has"));
            }
        }
        Ok(())
    }
}

fn is_version(text: &str) -> bool {
    let (numbers, pre) = text.split_once('-').map_or((text, None), |(numbers, pre)| (numbers, Some(pre)));
    let parts: Vec<&str> = numbers.split('.').collect();
    text.len() <= 64
        && parts.len() == 3
        && parts.iter().all(|part| part.parse::<u32>().is_ok_and(|number| number.to_string() == *part))
        && pre.is_none_or(|pre| {
            !pre.is_empty() && pre.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        })
}
