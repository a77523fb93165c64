//! What a scenario's file says.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A shop, and what happens in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// The shop.
    #[serde(default)]
    pub shop: ShopIn,
    /// How the plugin is installed in it.
    #[serde(default)]
    pub plugin: PluginIn,
    /// What the shop sells.
    #[serde(default)]
    pub skus: Vec<SkuIn>,
    /// Who buys there.
    #[serde(default)]
    pub customers: Vec<CustomerIn>,
    /// What was bought before the plugin was installed.
    #[serde(default)]
    pub orders: Vec<CartIn>,
    /// Servers elsewhere that the plugin calls.
    #[serde(default)]
    pub servers: Vec<ServerIn>,
    /// What happens, one after the other.
    pub steps: Vec<Step>,
}

/// A shop's own words.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ShopIn {
    /// ISO 4217.
    pub currency: String,
    /// IANA.
    pub time_zone: String,
    /// BCP 47: `zh-CN` or `en`.
    pub locale: String,
    /// Where the clock stands at first, by RFC 3339.
    pub now: String,
}

impl Default for ShopIn {
    fn default() -> Self {
        Self {
            currency: "CNY".to_owned(),
            time_zone: "Asia/Shanghai".to_owned(),
            locale: "zh-CN".to_owned(),
            now: "2026-01-01T12:00:00+08:00".to_owned(),
        }
    }
}

/// What the merchant says when it installs the plugin: all is granted that is not declined.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PluginIn {
    /// The settings; the schema's defaults where there are none.
    pub settings: Map<String, Value>,
    /// Optional permissions and hosts that the merchant declines.
    pub declined: Vec<String>,
    /// Secrets by name.
    pub secrets: std::collections::BTreeMap<String, String>,
}

/// A SKU, with a product of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SkuIn {
    /// The code.
    pub code: String,
    /// Minor units.
    pub price: i64,
    /// The product's name; the code where there is none.
    pub name: Option<String>,
    /// The product's category.
    #[serde(default)]
    pub category: String,
    /// The product's tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What lies at the location `main`.
    #[serde(default = "plenty")]
    pub stock: i64,
}

const fn plenty() -> i64 {
    1_000
}

/// A customer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CustomerIn {
    /// What the scenario calls it; `@code` stands for its id.
    pub code: String,
    /// The name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The phone number.
    pub phone: Option<String>,
    /// The tier.
    pub tier: Option<String>,
    /// The tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Points that it has.
    #[serde(default)]
    pub points: i64,
}

/// A cart.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CartIn {
    /// The customer's code; a guest where there is none.
    pub customer: Option<String>,
    /// The lines.
    pub lines: Vec<LineIn>,
    /// Whether an order of it is paid at once.
    #[serde(default)]
    pub paid: bool,
}

/// A line of a cart.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LineIn {
    /// The SKU's code.
    pub sku: String,
    /// How many.
    #[serde(default = "one")]
    pub quantity: u32,
}

const fn one() -> u32 {
    1
}

/// An answer of a server elsewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServerIn {
    /// The host, as the manifest names it.
    pub host: String,
    /// The path that it answers; any where there is none.
    pub path: Option<String>,
    /// The method; any where there is none.
    pub method: Option<String>,
    /// The status.
    #[serde(default = "ok")]
    pub status: u16,
    /// The body: a text as it is, anything else as JSON.
    #[serde(default)]
    pub body: Value,
}

const fn ok() -> u16 {
    200
}

/// Something that happens, and what is expected to come of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// A cart is priced.
    pub quote: Option<CartIn>,
    /// A cart is ordered.
    pub order: Option<CartIn>,
    /// Something is told.
    pub event: Option<EventIn>,
    /// A schedule of the plugin is due, by its name.
    pub run: Option<String>,
    /// Somebody sends a request to the plugin's pages.
    pub request: Option<RequestIn>,
    /// Time passes, such as `90 s`, `2 hours` or `1 day`.
    pub advance: Option<String>,
    /// What is expected: every field that stands here.
    #[serde(default)]
    pub expect: Map<String, Value>,
}

/// An event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EventIn {
    /// The type, such as `order.paid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about.
    #[serde(default = "about")]
    pub key: String,
    /// The fields.
    #[serde(default)]
    pub data: Map<String, Value>,
}

fn about() -> String {
    "scenario".to_owned()
}

/// A request to the plugin's pages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RequestIn {
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// Headers by name.
    #[serde(default)]
    pub headers: std::collections::BTreeMap<String, String>,
    /// The body: a text as it is, anything else as JSON.
    #[serde(default)]
    pub body: Value,
    /// The customer who asks, by code; for routes of audience `customer`.
    pub customer: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}
