//! The table of permissions: what a plugin may ask for, what each opens, and what the merchant reads about it.
//!
//! Each importable function of `wit/` belongs to exactly one row, or to [`FREE`]; a test holds it.

use serde::{Deserialize, Serialize};

use crate::locale::Sentence;

/// How delicate the data behind a permission is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataClass {
    /// None: the plugin's own things.
    None,
    /// The shop's business: prices, stock.
    Business,
    /// About persons.
    Personal,
    /// About persons, and harmful in the wrong hands.
    Sensitive,
}

/// Whether a permission lets a plugin change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Only reads.
    Read,
    /// Writes.
    Write,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PermissionRow {
    /// The name in manifests, grants and the API.
    pub name: &'static str,
    /// The WIT functions that it opens, as `package/interface#function`.
    pub functions: &'static [&'static str],
    /// How delicate the data is.
    pub class: DataClass,
    /// Read or write.
    pub access: Access,
    /// What the merchant reads when it is asked.
    #[serde(skip)]
    pub sentence: Sentence,
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $class:ident, $access:ident, [$($function:literal),*], $zh:literal, $en:literal;)*) => {
        /// Something that a plugin may ask for and a merchant may grant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Permission {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Permission {
            /// Every permission, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The permission's row.
            pub const fn row(self) -> PermissionRow {
                match self {
                    $(Self::$variant => PermissionRow {
                        name: $name,
                        functions: &[$($function),*],
                        class: DataClass::$class,
                        access: Access::$access,
                        sentence: Sentence { zh_cn: $zh, en: $en },
                    },)*
                }
            }
        }
    };
}

permissions! {
    /// Products, SKUs, prices and tags.
    MallCatalogRead = "mall.catalog.read", Business, Read,
        ["heptad:mall/catalog#skus", "heptad:mall/catalog#sku-list"],
        "查看商品、价格和标签", "See products, prices and tags";
    /// Stock by SKU and location.
    MallInventoryRead = "mall.inventory.read", Business, Read,
        ["heptad:mall/inventory#levels"],
        "查看各地点的库存", "See stock at every location";
    /// What a customer has bought.
    MallOrdersRead = "mall.orders.read", Personal, Read,
        ["heptad:mall/orders#purchased"],
        "查看顾客买过什么、买过多少", "See what customers have bought, and how many";
    /// Notes and tags of orders.
    MallOrdersAnnotate = "mall.orders.annotate", Business, Write,
        ["heptad:mall/orders-write#annotate"],
        "给订单加备注和标签", "Add notes and tags to orders";
    /// Who a customer is.
    MembersProfileRead = "members.profile.read", Personal, Read,
        ["heptad:members/profiles#get"],
        "查看会员的姓名和加入时间，并在会员和订单有变化时得知其电话和邮箱",
        "See members' names and when they joined, and their phone numbers and e-mail addresses when something happens to them or their orders";
    /// Members' tiers.
    MembersTierRead = "members.tier.read", Business, Read,
        ["heptad:members/tiers#get"],
        "查看会员等级", "See members' tiers";
    /// Members' tags.
    MembersTagsRead = "members.tags.read", Personal, Read,
        ["heptad:members/tags#get"],
        "查看会员标签", "See members' tags";
    /// Changing members' tags.
    MembersTagsWrite = "members.tags.write", Personal, Write,
        ["heptad:members/tags-write#change"],
        "给会员打标签、去标签", "Change members' tags";
    /// Members' points.
    MembersPointsRead = "members.points.read", Personal, Read,
        ["heptad:members/points#balances"],
        "查看会员积分", "See members' points";
    /// Giving and taking points.
    MembersPointsWrite = "members.points.write", Personal, Write,
        ["heptad:members/points-write#earn", "heptad:members/points-write#spend", "heptad:members/points-write#freeze",
            "heptad:members/points-write#confirm", "heptad:members/points-write#unfreeze",
            "heptad:members/points-write#refund"],
        "发放、冻结和扣减会员积分", "Give, freeze and take members' points";
    /// Members' coupons.
    MembersCouponsRead = "members.coupons.read", Personal, Read,
        ["heptad:members/coupons#held"],
        "查看会员的优惠券", "See members' coupons";
    /// Issuing coupons and taking them back.
    MembersCouponsWrite = "members.coupons.write", Personal, Write,
        ["heptad:members/coupons-write#issue", "heptad:members/coupons-write#void-coupons"],
        "向会员发放和作废优惠券", "Issue coupons to members and take them back";
    /// The plugin's own store, reading.
    PlatformKvRead = "platform.kv.read", None, Read,
        ["heptad:platform/kv#get", "heptad:platform/kv#key-list"],
        "读取插件自己保存的数据", "Read what the plugin itself has stored";
    /// The plugin's own store, writing.
    PlatformKvWrite = "platform.kv.write", None, Write,
        ["heptad:platform/kv-write#set", "heptad:platform/kv-write#delete"],
        "保存插件自己的数据", "Store the plugin's own data";
    /// The plugin's own documents, reading.
    PlatformCollectionsRead = "platform.collections.read", None, Read,
        ["heptad:platform/collections#get", "heptad:platform/collections#find"],
        "读取插件自己的单据", "Read the plugin's own documents";
    /// The plugin's own documents, writing.
    PlatformCollectionsWrite = "platform.collections.write", None, Write,
        ["heptad:platform/collections-write#put", "heptad:platform/collections-write#delete"],
        "保存插件自己的单据", "Store the plugin's own documents";
    /// Telling of things.
    PlatformEventsEmit = "platform.events.emit", Business, Write,
        ["heptad:platform/events#emit"],
        "发出自己的事件，供其他插件和系统接收", "Tell other plugins and systems of its own events";
    /// Hearing of what other plugins tell.
    PlatformEventsHear = "platform.events.hear", Business, Read,
        [],
        "接收其他插件发出的事件", "Hear of other plugins' events";
    /// Leaving requests to be sent.
    PlatformOutboundEnqueue = "platform.outbound.enqueue", None, Write,
        ["heptad:platform/outbound#enqueue"],
        "留下请求，在写入生效后发送给它调用的服务器", "Leave requests to the servers that it calls, sent when what it wrote holds";
    /// Sending personal data to the hosts that it calls.
    PiiExport = "pii.export", Sensitive, Read,
        [],
        "把手机号等个人信息发送给它调用的服务器", "Send phone numbers and other personal data to the servers that it calls";
}

/// The functions that need no permission.
pub const FREE: &[&str] = &[
    "heptad:platform/log#write",
    "heptad:platform/settings#get",
    "heptad:platform/locale#reader",
    "heptad:platform/locale#shop",
    "heptad:platform/caller#get",
];

impl Permission {
    /// The permission's name.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The permission with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.name() == name)
    }

    /// The permission that opens `package/interface#function` (without a version).
    pub fn opening(function: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.row().functions.contains(&function))
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of permissions: what a manifest asks for, or what a merchant granted. Asking it costs one instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// Whether the permission is in the set.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u64) != 0
    }

    /// The permissions that are in both sets.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The permissions of this set that the other lacks.
    pub fn missing_from(self, other: Self) -> impl Iterator<Item = Permission> {
        Self(self.0 & !other.0).iter()
    }

    /// The permissions, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |set, permission| set | 1 << permission as u64))
    }
}

impl Serialize for PermissionSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for PermissionSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Permission>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let asked: PermissionSet = [Permission::MallCatalogRead, Permission::PlatformKvWrite].into_iter().collect();
        let granted: PermissionSet = [Permission::MallCatalogRead].into_iter().collect();
        assert!(asked.both(granted).contains(Permission::MallCatalogRead));
        assert!(!asked.both(granted).contains(Permission::PlatformKvWrite));
        assert_eq!(asked.missing_from(granted).collect::<Vec<_>>(), [Permission::PlatformKvWrite]);
        let text = serde_json::to_string(&asked).unwrap();
        assert_eq!(text, r#"["mall.catalog.read","platform.kv.write"]"#);
        assert_eq!(serde_json::from_str::<PermissionSet>(&text).unwrap(), asked);
    }

    #[test]
    fn each_function_belongs_to_one_row() {
        let mut seen = std::collections::HashSet::new();
        for function in Permission::ALL.iter().flat_map(|permission| permission.row().functions).chain(FREE) {
            assert!(seen.insert(function), "{function} stands in two rows");
        }
    }
}
