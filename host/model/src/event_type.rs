//! The registry of event types: what the platform tells, to whom, under which key, with which fields, and who may hear of it.
//!
//! An event carries ids, codes, numbers and amounts, never personal data; what is personal is looked up when an event is
//! delivered, under the receiver's grant ([`Fill`]). To add a type: a row here, and [`EventType::about`] in the operation
//! that makes the change.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::event::NewEvent;
use crate::locale::Sentence;
use crate::money::MAX_SAFE;
use crate::permission::Permission;

/// What a field of an event's data holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// An id with this prefix.
    Id(&'static str),
    /// A code, a name of a thing, a word.
    Text,
    /// A list of words.
    Words,
    /// A whole number within ±(2^53 − 1).
    Integer,
    /// An amount in minor units of the event's `currency`.
    Amount,
    /// An ISO 4217 code.
    Currency,
    /// Milliseconds since 1970 UTC.
    Time,
}

/// A field of an event's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it is always there.
    pub required: bool,
}

impl Field {
    const fn new(name: &'static str, kind: FieldKind) -> Self {
        Self { name, kind, required: true }
    }

    /// The same field where it may be absent.
    const fn opt(self) -> Self {
        Self { required: false, ..self }
    }

    fn schema(self) -> Value {
        match self.kind {
            FieldKind::Id(prefix) => json!({"type": "string", "pattern": format!("^{prefix}_[0-9a-f]{{32}}$")}),
            FieldKind::Text => json!({"type": "string", "maxLength": 500}),
            FieldKind::Words => {
                json!({"type": "array", "items": {"type": "string", "maxLength": 500}, "maxItems": 200})
            }
            FieldKind::Integer => json!({"type": "integer", "minimum": -MAX_SAFE, "maximum": MAX_SAFE}),
            FieldKind::Amount => {
                json!({"type": "integer", "minimum": -MAX_SAFE, "maximum": MAX_SAFE, "description": "minor units of `currency`"})
            }
            FieldKind::Currency => json!({"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217"}),
            FieldKind::Time => {
                json!({"type": "integer", "minimum": 0, "maximum": MAX_SAFE, "description": "milliseconds since 1970 UTC"})
            }
        }
    }

    fn holds(self, value: &Value) -> bool {
        let text = |most: usize| value.as_str().is_some_and(|text| text.len() <= most);
        let number = value.as_i64().is_some_and(|number| (-MAX_SAFE..=MAX_SAFE).contains(&number));
        match self.kind {
            FieldKind::Id(prefix) => value.as_str().is_some_and(|text| {
                text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).is_some_and(|digits| {
                    digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                })
            }),
            FieldKind::Text => text(500),
            FieldKind::Words => value.as_array().is_some_and(|words| {
                words.len() <= 200 && words.iter().all(|word| word.as_str().is_some_and(|word| word.len() <= 500))
            }),
            FieldKind::Integer | FieldKind::Amount => number,
            FieldKind::Currency => {
                value.as_str().is_some_and(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
            }
            FieldKind::Time => number && value.as_i64() >= Some(0),
        }
    }
}

/// What is looked up when an event is delivered, for those who may read it; absent for others, and after erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// `profile`: name, e-mail address and phone number of the customer in `customer`, under `members.profile.read`.
    Profile,
}

/// Whom the platform tells of a type of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Merchants, of what happens in their shops.
    Merchants,
    /// Publishers, of their plugins; such an event never names a shop.
    Publishers,
    /// Both, each in events of its own.
    Both,
}

impl Told {
    /// Whether merchants are told, or publishers.
    pub const fn reaches(self, publisher: bool) -> bool {
        match self {
            Self::Both => true,
            Self::Merchants => !publisher,
            Self::Publishers => publisher,
        }
    }

    /// The words of the API.
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Merchants => &["merchants"],
            Self::Publishers => &["publishers"],
            Self::Both => &["merchants", "publishers"],
        }
    }
}

/// A row of the registry.
#[derive(Debug, Clone, Copy)]
pub struct EventRow {
    /// The name in subscriptions, manifests and the API.
    pub name: &'static str,
    /// Of the schema; grows when a field is added. Fields are never removed and never change their meaning.
    pub version: u32,
    /// What the key is: the id or code of that kind of thing. Events of a key are delivered in their order.
    pub key: &'static str,
    /// Who is told.
    pub told: Told,
    /// What a plugin must be granted to hear of it.
    pub permission: Option<Permission>,
    /// What is looked up at delivery.
    pub fill: Option<Fill>,
    /// The fields of the data.
    pub fields: &'static [Field],
    /// What it tells.
    pub sentence: Sentence,
}

macro_rules! field {
    ($name:ident: id($prefix:literal)) => { Field::new(stringify!($name), FieldKind::Id($prefix)) };
    ($name:ident: text) => { Field::new(stringify!($name), FieldKind::Text) };
    ($name:ident: words) => { Field::new(stringify!($name), FieldKind::Words) };
    ($name:ident: integer) => { Field::new(stringify!($name), FieldKind::Integer) };
    ($name:ident: amount) => { Field::new(stringify!($name), FieldKind::Amount) };
    ($name:ident: currency) => { Field::new(stringify!($name), FieldKind::Currency) };
    ($name:ident: time) => { Field::new(stringify!($name), FieldKind::Time) };
    ($name:ident ?: $($kind:tt)+) => { field!($name: $($kind)+).opt() };
}

macro_rules! events {
    ($($variant:ident = $name:literal v $version:literal by $key:literal $(to $told:ident)? $(under $permission:ident)? $(fills $fill:ident)?
        { $($field:tt)* } $zh:literal, $en:literal;)*) => {
        /// A kind of event that the platform tells of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventType {
            $(#[doc = $en] $variant,)*
        }

        impl EventType {
            /// Every type, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The type's row.
            pub const fn row(self) -> EventRow {
                match self {
                    $(Self::$variant => EventRow {
                        name: $name,
                        version: $version,
                        key: $key,
                        told: events!(@told $($told)?),
                        permission: events!(@option Permission $($permission)?),
                        fill: events!(@option Fill $($fill)?),
                        fields: events!(@fields $($field)*),
                        sentence: Sentence { zh_cn: $zh, en: $en },
                    },)*
                }
            }
        }
    };
    (@told) => { Told::Merchants };
    (@told $told:ident) => { Told::$told };
    (@option $kind:ident) => { None };
    (@option $kind:ident $variant:ident) => { Some($kind::$variant) };
    (@fields $($name:ident $([$opt:tt])? $kind:ident $(($prefix:literal))?),* $(,)?) => {
        {
            const FIELDS: &[Field] = &[$(field!($name $($opt)?: $kind $(($prefix))?)),*];
            FIELDS
        }
    };
}

events! {
    ProductCreated = "product.created" v 1 by "product" under MallCatalogRead { product id("prd"), code text }
        "商品已新建", "A product was made";
    ProductUpdated = "product.updated" v 1 by "product" under MallCatalogRead { product id("prd"), version integer }
        "商品的名称、分类或标签已变更", "A product's name, category or tags changed";
    SkuCreated = "sku.created" v 1 by "sku" under MallCatalogRead
        { sku text, product id("prd"), price amount, currency currency }
        "SKU 已新建", "A SKU was made";
    SkuUpdated = "sku.updated" v 1 by "sku" under MallCatalogRead { sku text, product id("prd"), version integer }
        "SKU 已变更", "A SKU changed";
    PriceChanged = "price.changed" v 1 by "sku" under MallCatalogRead
        { sku text, before amount, after amount, currency currency }
        "SKU 的价格已变更", "A SKU's price changed";
    InventoryChanged = "inventory.changed" v 1 by "sku" under MallInventoryRead
        { sku text, location text, on_hand integer }
        "库存已变更", "Stock at a location changed";
    CatalogImported = "catalog.imported" v 1 by "import" under MallCatalogRead { products integer, skus integer }
        "已导入一批商品", "A batch of products was imported";
    CartCreated = "cart.created" v 1 by "cart" under MallOrdersRead { cart id("crt"), customer[?] id("cus"), lines integer }
        "购物车已新建", "A cart was made";
    CartChanged = "cart.changed" v 1 by "cart" under MallOrdersRead
        { cart id("crt"), customer[?] id("cus"), lines integer, version integer }
        "购物车已变更", "A cart changed";
    OrderPlaced = "order.placed" v 1 by "order" under MallOrdersRead fills Profile
        { order id("ord"), number text, cart id("crt"), quote id("quo"), customer[?] id("cus"), lines integer,
          discount amount, total amount, currency currency }
        "订单已提交", "An order was placed";
    OrderPaid = "order.paid" v 1 by "order" under MallOrdersRead fills Profile
        { order id("ord"), customer[?] id("cus"), total amount, currency currency }
        "订单已付清", "An order was paid in full";
    OrderImported = "order.imported" v 1 by "order" under MallOrdersRead
        { order id("ord"), number text, source text, customer[?] id("cus"), placed_at time }
        "已导入一笔历史订单", "An order of another system was imported";
    OrderExtended = "order.extended" v 1 by "order" under MallOrdersRead
        { order id("ord"), number text, source text }
        "历史订单增加了行", "An imported order got more lines";
    PaymentRecorded = "payment.recorded" v 1 by "order" under MallOrdersRead
        { payment id("pay"), order id("ord"), method text, amount amount, currency currency }
        "已记录一笔付款", "A payment was recorded";
    CustomerCreated = "customer.created" v 1 by "customer" under MembersProfileRead fills Profile { customer id("cus") }
        "会员已新建", "A customer was made";
    CustomerUpdated = "customer.updated" v 1 by "customer" under MembersProfileRead fills Profile
        { customer id("cus"), changed words }
        "会员资料已变更", "A customer's details changed";
    CustomersImported = "customers.imported" v 1 by "import" under MembersProfileRead { customers integer }
        "已导入一批会员", "A batch of customers was imported";
    TierChanged = "customer.tier-changed" v 1 by "customer" under MembersTierRead
        { customer id("cus"), before[?] text, after[?] text }
        "会员等级已变更", "A customer's tier changed";
    TagsChanged = "customer.tags-changed" v 1 by "customer" under MembersTagsRead
        { customer id("cus"), added words, removed words }
        "会员标签已变更", "A customer's tags changed";
    OrderAnnotated = "order.annotated" v 1 by "order" under MallOrdersRead
        { order id("ord"), notes integer, added words, removed words }
        "订单的备注或标签已变更", "An order got a note, or its tags changed";
    PointsChanged = "points.changed" v 1 by "customer" under MembersPointsRead
        { customer id("cus"), change text, amount integer, available integer, frozen integer, reason text }
        "会员积分已变动", "A customer's points changed";
    CouponBatchCreated = "coupon-batch.created" v 1 by "batch" under MembersCouponsRead
        { batch id("cpb"), code text, valid_days integer, cap[?] integer, ends_at[?] time }
        "优惠券批次已新建", "A batch of coupons was made";
    CouponBatchClosed = "coupon-batch.closed" v 1 by "batch" under MembersCouponsRead { batch id("cpb"), code text }
        "优惠券批次已关闭", "A batch of coupons was closed: no more of it are issued";
    CouponIssued = "coupon.issued" v 1 by "coupon" under MembersCouponsRead
        { coupon id("cpn"), batch text, customer id("cus"), expires_at time }
        "优惠券已发放", "A coupon was issued";
    CouponVoided = "coupon.voided" v 1 by "coupon" under MembersCouponsRead
        { coupon id("cpn"), batch text, customer id("cus"), reason text }
        "优惠券已作废", "A coupon was taken back";
    PluginInstalled = "plugin.installed" v 1 by "install" to Both
        { install id("ins"), plugin text, version text }
        "插件已安装", "A plugin was installed";
    PluginEnabled = "plugin.enabled" v 1 by "install" to Both
        { install id("ins"), plugin text, version text }
        "插件已启用", "A plugin was enabled";
    PluginDisabled = "plugin.disabled" v 1 by "install" to Both
        { install id("ins"), plugin text, version text }
        "插件已停用", "A plugin was disabled";
    PluginChanged = "plugin.changed" v 1 by "install"
        { install id("ins"), plugin text, version text, what text }
        "插件的设置、授权或失败处理已变更", "A plugin's settings, grants or failure policy changed";
    PluginUninstalled = "plugin.uninstalled" v 1 by "install" to Both
        { install id("ins"), plugin text, version text }
        "插件已卸载", "A plugin was uninstalled";
    PluginsReordered = "plugin.reordered" v 1 by "tenant" { order words }
        "插件的先后次序已变更", "The order of the plugins changed";
    ScheduleDue = "schedule.due" v 1 by "schedule"
        { schedule id("sch"), name text, at time, missed integer, cause text }
        "插件的定时任务到期", "It is time for what a plugin does on a schedule; told to that plugin alone";
    PluginLogged = "plugin.logged" v 1 by "install"
        { install id("ins"), plugin text, version text, point text, call id("cal"), outcome text }
        "插件写了日志", "A plugin logged something; told to those alone who ask for it, with the lines while they are kept";
    OutboundDue = "outbound.due" v 1 by "request" { request id("obr") }
        "插件留下的请求待发送", "A request that a plugin left is to be sent; told to nobody else";
    WebhookTest = "webhook.test" v 1 by "webhook" to Both { webhook id("whk") }
        "测试消息", "A test message";
    NoticePosted = "notice.posted" v 1 by "subject" to Both { kind text, severity text, subject text }
        "收到一条通知", "A notice was posted: about a limit, a breaker, a plugin that was switched off";
    VersionSubmitted = "version.submitted" v 1 by "plugin" to Publishers { version id("ver"), plugin text, number text }
        "插件版本已提交审核", "A version of a plugin was submitted for review";
    VersionReviewed = "version.reviewed" v 1 by "plugin" to Publishers
        { version id("ver"), plugin text, number text, state text }
        "插件版本已审核", "A version of a plugin was approved or rejected";
}

impl EventType {
    /// The name.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether subscriptions may ask for it: not for what is told to one receiver alone, nor for logs, which would tell a
    /// plugin that logs of its own doing.
    const fn is_for_all(self) -> bool {
        !matches!(self, Self::ScheduleDue | Self::OutboundDue | Self::WebhookTest | Self::PluginLogged)
    }

    /// Whether a shop's subscriptions, or those of a publisher, may ask for it.
    pub const fn is_told_to(self, publisher: bool) -> bool {
        self.is_for_all() && self.row().told.reaches(publisher)
    }

    /// The type with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// A new event of this type; the data's fields are those of the row.
    pub fn about(self, key: impl std::fmt::Display, data: Value) -> NewEvent {
        let event = NewEvent {
            kind: self.name().to_owned(),
            schema_version: self.row().version,
            key: key.to_string(),
            target: None,
            data: without_nulls(data),
        };
        debug_assert_eq!(self.check(&event.data), Ok(()), "{self:?}: {}", event.data);
        event
    }

    /// Whether the data is what the row says.
    pub fn check(self, data: &Value) -> Result<(), String> {
        let data = data.as_object().ok_or("the data is an object")?;
        let fields = self.row().fields;
        if let Some(extra) = data.keys().find(|name| !fields.iter().any(|field| field.name == **name)) {
            return Err(format!("`{extra}` is not a field of {}", self.name()));
        }
        for field in fields {
            match data.get(field.name) {
                None if field.required => return Err(format!("`{}` is required", field.name)),
                Some(value) if !field.holds(value) => return Err(format!("`{}` does not hold {value}", field.name)),
                _ => {}
            }
        }
        Ok(())
    }

    /// The JSON Schema (2020-12) of the data.
    pub fn schema(self) -> Value {
        let row = self.row();
        let properties: Map<_, _> = row.fields.iter().map(|field| (field.name.to_owned(), field.schema())).collect();
        let required: Vec<_> = row.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": row.name,
            "description": row.sentence.en,
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": true,
        })
    }
}

impl std::fmt::Display for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Absent is absent, not null.
fn without_nulls(data: Value) -> Value {
    match data {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>().into(),
        data => data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_and_read_back() {
        let names: std::collections::HashSet<_> = EventType::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), EventType::ALL.len());
        for kind in EventType::ALL {
            let row = kind.row();
            assert_eq!(EventType::parse(row.name), Some(*kind));
            let (thing, what) = row.name.split_once('.').unwrap();
            assert!(!thing.is_empty() && !what.is_empty() && row.name.is_ascii(), "{row:?}");
            // Whoever hears of it must know whose profile is meant.
            assert!(row.fill.is_none() || row.fields.iter().any(|field| field.name == "customer"), "{row:?}");
        }
    }

    #[test]
    fn data_is_held_against_the_row() {
        let customer = format!("cus_{}", "0".repeat(32));
        let kind = EventType::TierChanged;
        for (data, expected) in [
            (json!({"customer": customer, "after": "gold"}), Ok(())),
            (json!({"customer": customer}), Ok(())),
            (json!({"after": "gold"}), Err("`customer` is required")),
            (json!({"customer": "cus_1"}), Err("`customer` does not hold \"cus_1\"")),
            (json!({"customer": customer, "phone": "1"}), Err("`phone` is not a field of customer.tier-changed")),
            (json!([]), Err("the data is an object")),
        ] {
            assert_eq!(kind.check(&data), expected.map_err(str::to_owned), "{data}");
        }
        let made = kind.about(&customer, json!({"customer": customer, "before": null, "after": "gold"}));
        assert_eq!(made.data, json!({"customer": customer, "after": "gold"}));
        assert_eq!(kind.schema()["required"], json!(["customer"]));
    }
}
