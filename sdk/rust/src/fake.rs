//! A shop made of values, for unit tests: what a plugin asks is answered from what the test put in.
//!
//! - [`Shop`] is a [`Host`](crate::Host): SKUs, tiers, tags, purchases, stock, settings, locale and the plugin's store.
//!   With [`Shop::manifest`] it also holds the plugin to its `plugin.toml`: permissions, defaults, sentences.
//! - [`Shop::cart`] makes carts at the shop's prices, [`Shop::event`] events, [`Shop::due`] runs of schedules.
//! - [`price`] does with operations what the platform does: caps, rounds once, spreads by largest remainder.
//!
//! ```
//! use heptad_sdk::Host;
//! use heptad_sdk::fake::Shop;
//!
//! let shop = Shop::new("CNY").sku("TEA-1", 19_900, &["tea"]).without("members.tier.read");
//! assert_eq!(shop.skus(&["TEA-1".to_owned()])?[0].price, 19_900);
//! assert_eq!(shop.tiers(&["cus_1".to_owned()]).unwrap_err().code, "permission-not-granted");
//! assert_eq!(shop.calls(), ["heptad:mall/catalog#skus", "heptad:members/tiers#get"]);
//! # Ok::<(), heptad_sdk::HostError>(())
//! ```

mod assets;
mod cart;
mod documents;
mod due;
mod event;
mod host;
mod manifest;
mod outbound;
mod pricing;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

pub use cart::CartBuilder;
pub use due::DueBuilder;
pub use event::DeliveryBuilder;
pub use pricing::price;

use self::assets::Assets;
use self::documents::Documents;
use self::manifest::Manifest;
use crate::{
    Annotation, Emission, Enqueued, Level, Minor, OutboundRequest, OutboundResponse, Sku, StockLevel, Text, Timestamp,
    Visitor,
};

/// A shop made of values. Build it up, then give it to the plugin's logic as its host.
#[derive(Debug, Default)]
pub struct Shop {
    currency: String,
    skus: BTreeMap<String, Sku>,
    levels: Vec<StockLevel>,
    customers: BTreeMap<String, Customer>,
    settings: serde_json::Value,
    locales: Locales,
    manifest: Option<Manifest>,
    declined: BTreeSet<String>,
    writable: bool,
    visitor: Option<Visitor>,
    kv: RefCell<BTreeMap<String, Vec<u8>>>,
    assets: RefCell<Assets>,
    documents: RefCell<Documents>,
    annotations: RefCell<Vec<Annotation>>,
    emitted: RefCell<Vec<Emission>>,
    /// Answers of other servers, by the start of an address.
    servers: Vec<(String, OutboundResponse)>,
    fetched: RefCell<Vec<OutboundRequest>>,
    enqueued: RefCell<Vec<Enqueued>>,
    has_written: Cell<bool>,
    calls: RefCell<Vec<&'static str>>,
    logs: RefCell<Vec<(Level, String)>>,
}

/// What the shop knows of a customer.
#[derive(Debug, Default)]
struct Customer {
    name: Option<String>,
    tier: Option<String>,
    tags: BTreeSet<String>,
    purchases: Vec<(String, i64, Timestamp)>,
}

/// The languages of the call.
#[derive(Debug)]
struct Locales {
    reader: String,
    shop: String,
}

impl Default for Locales {
    fn default() -> Self {
        Self { reader: "zh-CN".to_owned(), shop: "zh-CN".to_owned() }
    }
}

impl Shop {
    /// An empty shop with a currency, in Chinese, that grants every permission and lets nothing be written, as at the
    /// points that only calculate.
    pub fn new(currency: &str) -> Self {
        Self { currency: currency.to_owned(), settings: serde_json::json!({}), ..Self::default() }
    }

    /// Holds the plugin to its `plugin.toml`, given as text: permissions that it does not ask for are denied, defaults
    /// of absent settings are filled in, and [`Shop::render`] takes sentences from it.
    ///
    /// # Panics
    ///
    /// If the text is not TOML, or a message or permission in it is malformed.
    #[must_use]
    #[track_caller]
    pub fn manifest(mut self, toml: &str) -> Self {
        self.manifest = Some(Manifest::read(toml));
        self
    }

    /// Adds a SKU with its price in minor units and its product's tags.
    #[must_use]
    pub fn sku(mut self, code: &str, price: Minor, tags: &[&str]) -> Self {
        let tags: BTreeSet<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let sku = Sku {
            code: code.to_owned(),
            product: format!("prd_{code}"),
            name: code.to_owned(),
            price,
            tags: tags.into_iter().collect(),
        };
        self.skus.insert(code.to_owned(), sku);
        self
    }

    /// Adds stock of a SKU at a location, of which so much can be sold.
    #[must_use]
    pub fn stock(mut self, sku: &str, location: &str, on_hand: i64, available: i64) -> Self {
        self.levels.push(StockLevel { sku: sku.to_owned(), location: location.to_owned(), on_hand, available });
        self.levels.sort_by(|a, b| (&a.sku, &a.location).cmp(&(&b.sku, &b.location)));
        self
    }

    /// Adds a customer with a name, without a tier.
    #[must_use]
    pub fn customer(mut self, id: &str, name: &str) -> Self {
        self.entry(id).name = Some(name.to_owned());
        self
    }

    /// Gives a customer a tier; adds the customer if it is new.
    #[must_use]
    pub fn tier(mut self, customer: &str, tier: &str) -> Self {
        self.entry(customer).tier = Some(tier.to_owned());
        self
    }

    /// Gives a customer a tag; adds the customer if it is new.
    #[must_use]
    pub fn tag(mut self, customer: &str, tag: &str) -> Self {
        self.entry(customer).tags.insert(tag.to_owned());
        self
    }

    /// Lets a customer have bought so many of a SKU at that time; adds the customer if it is new.
    #[must_use]
    pub fn purchase(mut self, customer: &str, sku: &str, quantity: i64, at: Timestamp) -> Self {
        self.entry(customer).purchases.push((sku.to_owned(), quantity, at));
        self
    }

    /// The settings that the merchant made, as anything that serialises to a JSON object.
    ///
    /// # Panics
    ///
    /// If the value cannot be JSON.
    #[must_use]
    #[track_caller]
    pub fn settings(mut self, settings: &impl serde::Serialize) -> Self {
        self.settings = serde_json::to_value(settings).unwrap_or_else(|error| panic!("settings: {error}"));
        self
    }

    /// The BCP 47 tags of the reader's and of the shop's language.
    #[must_use]
    pub fn locale(mut self, reader: &str, shop: &str) -> Self {
        self.locales = Locales { reader: reader.to_owned(), shop: shop.to_owned() };
        self
    }

    /// Puts an entry into the plugin's own store.
    #[must_use]
    pub fn kv(self, key: &str, value: &[u8]) -> Self {
        self.kv.borrow_mut().insert(key.to_owned(), value.to_vec());
        self
    }

    /// Lets the merchant decline a permission, such as `mall.catalog.read`: its functions answer `denied`.
    #[must_use]
    pub fn without(mut self, permission: &str) -> Self {
        self.declined.insert(permission.to_owned());
        self
    }

    /// Lets somebody ask at a route: its path and audience, and the role and id of whoever asks.
    #[must_use]
    pub fn visitor(mut self, route: &str, audience: &str, role: &str, user: Option<&str>) -> Self {
        self.visitor = Some(Visitor {
            route: route.to_owned(),
            audience: audience.to_owned(),
            role: role.to_owned(),
            user: user.map(str::to_owned),
            locale: self.locales.reader.clone(),
        });
        self
    }

    /// Lets the plugin write, as in handlers of events and requests.
    #[must_use]
    pub fn writable(mut self) -> Self {
        self.writable = true;
        self
    }

    /// Lets another server answer so at addresses that begin like this; the longest beginning counts.
    #[must_use]
    pub fn server(mut self, address: &str, answer: OutboundResponse) -> Self {
        self.servers.push((address.to_owned(), answer));
        self.servers.sort_by_key(|(address, _)| std::cmp::Reverse(address.len()));
        self
    }

    /// The requests that the plugin sent to other servers.
    pub fn fetched(&self) -> Vec<OutboundRequest> {
        self.fetched.borrow().clone()
    }

    /// The requests that the plugin left to be sent.
    pub fn enqueued(&self) -> Vec<Enqueued> {
        self.enqueued.borrow().clone()
    }

    /// A cart of this shop, to be filled.
    pub fn cart(&self) -> CartBuilder<'_> {
        CartBuilder::new(self)
    }

    /// The functions that the plugin called, in their order, as `package/interface#function`.
    pub fn calls(&self) -> Vec<&'static str> {
        self.calls.borrow().clone()
    }

    /// The lines that the plugin logged.
    pub fn logs(&self) -> Vec<(Level, String)> {
        self.logs.borrow().clone()
    }

    /// What the plugin wrote to orders.
    pub fn annotations(&self) -> Vec<Annotation> {
        self.annotations.borrow().clone()
    }

    /// What the plugin told of.
    pub fn emitted(&self) -> Vec<Emission> {
        self.emitted.borrow().clone()
    }

    /// A sentence in a language, with the words of the manifest.
    ///
    /// # Panics
    ///
    /// If there is no [manifest](Shop::manifest), it lacks the sentence in that language, or a placeholder has no value.
    #[track_caller]
    pub fn render(&self, locale: &str, text: &Text) -> String {
        match &self.manifest {
            Some(manifest) => manifest.render(locale, text),
            None => panic!("the shop has no manifest to take sentences from"),
        }
    }

    fn entry(&mut self, customer: &str) -> &mut Customer {
        self.customers.entry(customer.to_owned()).or_default()
    }
}
