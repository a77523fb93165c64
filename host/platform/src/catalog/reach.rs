//! How much a plugin may do, from 1 to 6, with the reasons: computed of its manifest, the same for everybody.

use heptad_model::Manifest;
use heptad_model::permission::{Access, DataClass};

/// A reason why a plugin may do much; each is worth a level of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It asks for nothing.
    Nothing,
    /// It reads what the shop does: products, stock, orders.
    ReadsBusiness,
    /// It reads who the customers are, or what belongs to one of them.
    ReadsPersonal,
    /// It changes the shop's data.
    Writes,
    /// It reads what is sensitive, or calls servers elsewhere.
    ReadsSensitive,
    /// It calls servers elsewhere.
    CallsOut,
    /// What is personal may leave the shop.
    PersonalLeaves,
}

impl Reason {
    /// The level, from 1 to 6.
    pub const fn level(self) -> u8 {
        match self {
            Self::Nothing => 1,
            Self::ReadsBusiness => 2,
            Self::ReadsPersonal => 3,
            Self::Writes => 4,
            Self::ReadsSensitive | Self::CallsOut => 5,
            Self::PersonalLeaves => 6,
        }
    }

    /// The word in the API and of its sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::ReadsBusiness => "reads-business",
            Self::ReadsPersonal => "reads-personal",
            Self::Writes => "writes",
            Self::ReadsSensitive => "reads-sensitive",
            Self::CallsOut => "calls-out",
            Self::PersonalLeaves => "personal-leaves",
        }
    }
}

/// All reasons, the weightiest first; never empty.
pub fn reach(manifest: &Manifest) -> Vec<Reason> {
    let rows = || manifest.permissions.iter().map(|wish| wish.name.row());
    let reads = |class: DataClass| rows().any(|row| row.class == class && row.access == Access::Read);
    let is_personal = |class: DataClass| matches!(class, DataClass::Personal | DataClass::Sensitive);
    let calls_out = !manifest.hosts.is_empty();
    let mut reasons: Vec<Reason> = [
        (calls_out && rows().any(|row| is_personal(row.class)), Reason::PersonalLeaves),
        (calls_out, Reason::CallsOut),
        (reads(DataClass::Sensitive), Reason::ReadsSensitive),
        (rows().any(|row| row.access == Access::Write && row.class != DataClass::None), Reason::Writes),
        (reads(DataClass::Personal), Reason::ReadsPersonal),
        (reads(DataClass::Business), Reason::ReadsBusiness),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect();
    if reasons.is_empty() {
        reasons.push(Reason::Nothing);
    }
    reasons
}

/// The rating, from 1 to 6.
pub fn rating(reasons: &[Reason]) -> u8 {
    reasons.iter().map(|reason| reason.level()).max().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rated(permissions: &[&str], hosts: &[&str]) -> (u8, Vec<&'static str>) {
        let purpose = json!({"zh-CN": "x", "en": "x"});
        let words = json!({"name": "x", "summary": "x"});
        let permissions: Vec<_> = permissions.iter().map(|name| json!({"name": name, "purpose": purpose})).collect();
        let hosts: Vec<_> = hosts.iter().map(|name| json!({"name": name, "purpose": purpose})).collect();
        let manifest = json!({
            "name": "tea", "version": "0.1.0", "publisher": "tea-house", "contract": "0.1", "license": "0BSD",
            "points": ["discount.order", "schedule.run"], "permissions": permissions, "hosts": hosts,
            "schedules": [{"name": "daily", "cron": "0 9 * * *"}], "locales": {"zh-CN": words, "en": words},
        });
        let reasons = reach(&Manifest::from_json(manifest.to_string().as_bytes()).unwrap());
        (rating(&reasons), reasons.into_iter().map(Reason::name).collect())
    }

    #[test]
    fn the_rating_is_that_of_the_weightiest_reason() {
        assert_eq!(rated(&[], &[]), (1, vec!["nothing"]));
        assert_eq!(rated(&["platform.kv.read", "platform.kv.write"], &[]), (1, vec!["nothing"]));
        assert_eq!(rated(&["mall.catalog.read"], &[]), (2, vec!["reads-business"]));
        assert_eq!(rated(&["members.tags.write"], &[]).0, 4);
        assert_eq!(rated(&["mall.catalog.read"], &["api.partner.example"]).0, 5);
        let (most, reasons) = rated(&["members.profile.read"], &["api.partner.example"]);
        assert_eq!((most, reasons[0]), (6, "personal-leaves"));
    }
}
