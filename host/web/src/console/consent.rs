//! What a plugin may do, in plain words: grouped by how delicate the data is, each with the plugin's own purpose; then the
//! hosts that it calls.

use heptad_model::permission::{Access, DataClass};
use heptad_model::points::{FailurePolicy, Kind};
use heptad_model::{HostWish, Manifest, Permission, Point};
use heptad_platform::catalog::{rating, reach};
use heptad_platform::install::Grants;

use super::i18n::Words;

/// How much a plugin may do, from 1 to 6, and why.
pub(super) struct Reach {
    pub(super) level: u32,
    pub(super) reasons: Vec<String>,
}

impl Reach {
    pub(super) fn of(words: Words, manifest: &Manifest) -> Self {
        let reasons = reach(manifest);
        let sentences = reasons.iter().map(|reason| words.of_code("reach", reason.name())).collect();
        Self { level: rating(&reasons).into(), reasons: sentences }
    }
}

/// A permission as a merchant reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    /// The name, as forms carry it.
    pub(super) name: String,
    /// The platform's sentence about it.
    pub(super) sentence: String,
    /// The plugin's own words on what it is for.
    pub(super) purpose: String,
    /// Whether it may be declined.
    pub(super) optional: bool,
    /// Whether its box is checked.
    pub(super) granted: bool,
    /// Whether it lets the plugin change anything.
    pub(super) writes: bool,
}

/// Permissions on data of one class, or hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// `none`, `business`, `personal`, `sensitive` or `hosts`.
    pub(super) class: &'static str,
    /// What the class means.
    pub(super) title: String,
    /// What to consider.
    pub(super) help: String,
    /// Required before optional.
    pub(super) asks: Vec<Ask>,
}

const fn class_word(class: DataClass) -> &'static str {
    match class {
        DataClass::None => "none",
        DataClass::Business => "business",
        DataClass::Personal => "personal",
        DataClass::Sensitive => "sensitive",
    }
}

/// Before a host in forms, where hosts and permissions stand in one list.
const HOST: &str = "host:";

/// The hosts that the manifest names. Before the first decision those to which no data of persons goes are proposed.
fn hosts(words: Words, manifest: &Manifest, granted: Option<&Grants>) -> Option<Group> {
    let is_harmless =
        |wish: &HostWish| wish.data.iter().all(|permission| permission.row().class <= DataClass::Business);
    let ask = |wish: &HostWish| Ask {
        name: format!("{HOST}{}", wish.name),
        sentence: host_sentence(words, wish),
        purpose: wish.purpose(words.locale()).to_owned(),
        optional: wish.optional,
        granted: !wish.optional
            || granted.map_or_else(|| is_harmless(wish), |granted| granted.hosts.contains(&wish.name)),
        writes: false,
    };
    let mut asks: Vec<Ask> = manifest.hosts.iter().map(ask).collect();
    asks.sort_by_key(|ask| ask.optional);
    (!asks.is_empty()).then(|| Group {
        class: "hosts",
        title: words.t("class-hosts"),
        help: words.t("class-hosts-help"),
        asks,
    })
}

/// The contract on data with a host: which of it goes there, and for how long it is kept.
fn host_sentence(words: Words, wish: &HostWish) -> String {
    if wish.data.is_empty() {
        return words.t1("host-no-data", "host", &wish.name);
    }
    let data: Vec<&str> = wish.data.iter().map(|permission| permission.row().sentence.get(words.locale())).collect();
    let data = data.join(words.t("list-comma").as_str());
    let host = words.t2("host-data", "host", &wish.name, "data", data);
    match wish.keeps_days {
        None | Some(0) => format!("{host}{}", words.t("host-keeps-nothing")),
        Some(days) => format!("{host}{}", words.t1("host-keeps", "days", days)),
    }
}

/// What the manifest asks for. `granted` says what the boxes show; before the first decision, optional wishes on the
/// shop's own data are proposed and those on people's are not: who reads on and wants it checks it.
pub(super) fn groups(words: Words, manifest: &Manifest, granted: Option<&Grants>) -> Vec<Group> {
    let class_of = |permission: Permission| permission.row().class;
    let ask = |wish: &heptad_model::manifest::PermissionWish| Ask {
        name: wish.name.name().to_owned(),
        sentence: wish.name.row().sentence.get(words.locale()).to_owned(),
        purpose: words.locale().of(&wish.purpose).to_owned(),
        optional: wish.optional,
        granted: match granted {
            Some(granted) => !wish.optional || granted.permissions.contains(wish.name),
            None => !wish.optional || class_of(wish.name) <= DataClass::Business,
        },
        writes: wish.name.row().access == Access::Write,
    };
    [DataClass::Business, DataClass::None, DataClass::Personal, DataClass::Sensitive]
        .into_iter()
        .filter_map(|class| {
            let mut asks: Vec<Ask> =
                manifest.permissions.iter().filter(|wish| class_of(wish.name) == class).map(ask).collect();
            asks.sort_by_key(|ask| ask.optional);
            let word = class_word(class);
            (!asks.is_empty()).then(|| Group {
                class: word,
                title: words.t(&format!("class-{word}")),
                help: words.t(&format!("class-{word}-help")),
                asks,
            })
        })
        .chain(hosts(words, manifest, granted))
        .collect()
}

/// What a merchant allowed: all that is required, and the optional ones whose boxes are checked.
pub(super) fn decision(manifest: &Manifest, checked: &[&str]) -> Grants {
    let allowed =
        |wish: &&heptad_model::manifest::PermissionWish| !wish.optional || checked.contains(&wish.name.name());
    let checked_hosts: Vec<&str> = checked.iter().filter_map(|name| name.strip_prefix(HOST)).collect();
    let may_call = |wish: &&HostWish| !wish.optional || checked_hosts.contains(&wish.name.as_str());
    Grants {
        permissions: manifest.permissions.iter().filter(allowed).map(|wish| wish.name).collect(),
        hosts: manifest.hosts.iter().filter(may_call).map(|wish| wish.name.clone()).collect(),
    }
}

/// A point in a merchant's words.
#[derive(Debug, Clone)]
pub(super) struct PointWords {
    /// What the plugin does there.
    pub(super) title: String,
    /// What happens when it fails.
    pub(super) failure: String,
}

/// The points that the plugin serves, in words.
pub(super) fn points(words: Words, manifest: &Manifest) -> Vec<PointWords> {
    let one = |point: &Point| {
        let row = point.row();
        PointWords { title: point_title(words, *point), failure: words.t(policy(*point, row.failure)) }
    };
    manifest.points.iter().map(one).collect()
}

/// What happens when a plugin fails at the point: the key of the sentence.
pub(super) const fn policy(point: Point, failure: FailurePolicy) -> &'static str {
    match (point.row().kind, failure) {
        (Kind::On, _) => "policy-event",
        (Kind::Act, _) => "policy-route",
        (Kind::Calc | Kind::Veto, FailurePolicy::Open) => "policy-open",
        (Kind::Calc | Kind::Veto, FailurePolicy::Closed) => "policy-closed",
    }
}

/// The name of a point in words.
pub(super) fn point_title(words: Words, point: Point) -> String {
    words.of_code("point", &point.name().replace('.', "-"))
}

/// What holds the plugin: time, memory, no network.
pub(super) fn limits(words: Words, manifest: &Manifest) -> Vec<String> {
    let wall = manifest.points.iter().map(|point| point.row().budget_ms).max().unwrap_or_default();
    let memory = manifest.memory_mib.unwrap_or(*heptad_model::manifest::MEMORY_MIB.start());
    let written = manifest.permissions.iter().map(|wish| wish.name.row()).filter(|row| row.access == Access::Write);
    let writes = match written.map(|row| row.class).max() {
        None => "limit-read-only",
        Some(DataClass::None) => "limit-own-writes",
        Some(_) => "limit-allowed-writes",
    };
    let network = if manifest.hosts.is_empty() { "limit-network" } else { "limit-hosts" };
    let mut limits = vec![words.t("limit-sandbox"), words.t(network), words.t(writes)];
    limits.push(words.t2("limit-call", "ms", wall, "mib", memory));
    limits
}

#[cfg(test)]
mod tests {
    use heptad_model::Locale;

    use super::*;

    fn manifest() -> Manifest {
        let words = serde_json::json!({"name": "P", "summary": "S"});
        let purpose = serde_json::json!({"zh-CN": "为了算价", "en": "to price"});
        let text = serde_json::json!({
            "name": "p-one", "version": "1.0.0", "publisher": "heptad", "contract": "0.1", "license": "0BSD",
            "points": ["discount.lines"], "locales": {"zh-CN": words, "en": words},
            "permissions": [
                {"name": "members.tags.read", "optional": true, "purpose": purpose},
                {"name": "mall.orders.read", "purpose": purpose},
                {"name": "mall.inventory.read", "optional": true, "purpose": purpose},
                {"name": "mall.catalog.read", "purpose": purpose},
            ],
        });
        Manifest::from_json(text.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn i04_personal_data_stands_apart_and_is_not_proposed() {
        let groups = groups(Words(Locale::ZhCn), &manifest(), None);
        assert_eq!(groups.iter().map(|group| group.class).collect::<Vec<_>>(), ["business", "personal"]);
        let boxes: Vec<_> = groups
            .iter()
            .flat_map(|group| &group.asks)
            .map(|ask| (ask.name.as_str(), ask.optional, ask.granted))
            .collect();
        assert_eq!(
            boxes,
            [
                ("mall.catalog.read", false, true),
                ("mall.inventory.read", true, true),
                ("mall.orders.read", false, true),
                ("members.tags.read", true, false),
            ]
        );
        assert_eq!(groups[1].asks[0].sentence, "查看顾客买过什么、买过多少");
    }

    #[test]
    fn a_required_permission_is_granted_with_the_install_and_an_optional_one_by_its_box() {
        let granted = decision(&manifest(), &["members.tags.read", "platform.kv.write"]);
        let names: Vec<_> = granted.permissions.iter().map(Permission::name).collect();
        assert_eq!(names, ["mall.catalog.read", "mall.orders.read", "members.tags.read"]);
    }
}
