//! What a plugin may ask the platform.

use crate::{
    Entry, HostError, KeyPage, Level, Membership, PageRequest, Profile, Purchase, Sku, SkuPage, StockLevel, TagSet,
    Timestamp,
};

/// What a plugin may ask the platform: the functions of the contract's imports, one for one.
///
/// Take it as `&impl Host`, never as `&dyn Host`: only then does the component import just the functions that it calls,
/// which is what the merchant is asked to grant. In the sandbox it is the platform itself, in unit tests
/// [`fake::Shop`](crate::fake::Shop).
///
/// Every call counts (200 and one for each line of the cart are allowed), so the functions take and give lists: ask once
/// for all lines. An error says by its `kind` what to do; at `denied`, do without.
pub trait Host {
    /// The SKUs with these codes, in the order asked for; unknown codes are left out. At most 2,000 codes.
    ///
    /// `heptad:mall/catalog#skus`, permission `mall.catalog.read`.
    fn skus(&self, codes: &[String]) -> Result<Vec<Sku>, HostError>;

    /// The shop's SKUs by code, a page of at most 200 at a time.
    ///
    /// `heptad:mall/catalog#sku-list`, permission `mall.catalog.read`.
    fn sku_list(&self, page: &PageRequest) -> Result<SkuPage, HostError>;

    /// The stock of these SKUs, by SKU and location; SKUs without records are left out. At most 2,000 codes.
    ///
    /// `heptad:mall/inventory#levels`, permission `mall.inventory.read`.
    fn levels(&self, skus: &[String]) -> Result<Vec<StockLevel>, HostError>;

    /// How many of these SKUs the customer has bought since that moment, in the order asked for; 0 for those never
    /// bought, cancelled orders apart. `not-found` for an unknown customer. At most 2,000 SKUs.
    ///
    /// `heptad:mall/orders#purchased`, permission `mall.orders.read`.
    fn purchased(&self, customer: &str, skus: &[String], since: Timestamp) -> Result<Vec<Purchase>, HostError>;

    /// The profiles of these customers, in the order asked for; unknown ones are left out. At most 200.
    ///
    /// `heptad:members/profiles#get`, permission `members.profile.read`.
    fn profiles(&self, customers: &[String]) -> Result<Vec<Profile>, HostError>;

    /// The tiers of these customers, in the order asked for; unknown ones are left out. At most 200.
    ///
    /// `heptad:members/tiers#get`, permission `members.tier.read`.
    fn tiers(&self, customers: &[String]) -> Result<Vec<Membership>, HostError>;

    /// The tags of these customers, in the order asked for; unknown ones are left out. At most 200.
    ///
    /// `heptad:members/tags#get`, permission `members.tags.read`.
    fn member_tags(&self, customers: &[String]) -> Result<Vec<TagSet>, HostError>;

    /// Writes a line to the plugin's log. A call keeps 16 KiB.
    ///
    /// `heptad:platform/log#write`, free.
    fn log(&self, level: Level, message: &str);

    /// The settings as JSON; [`settings`](crate::settings()) reads them into a type.
    ///
    /// `heptad:platform/settings#get`, free.
    fn settings(&self) -> String;

    /// The BCP 47 tag of the reader's language. Sentences need it not: the host renders them.
    ///
    /// `heptad:platform/locale#reader`, free.
    fn reader_locale(&self) -> String;

    /// The BCP 47 tag of the shop's language.
    ///
    /// `heptad:platform/locale#shop`, free.
    fn shop_locale(&self) -> String;

    /// The plugin's own entries with these keys, in the order asked for; absent keys are left out. At most 200 keys.
    ///
    /// `heptad:platform/kv#get`, permission `platform.kv.read`.
    fn kv_get(&self, keys: &[String]) -> Result<Vec<Entry>, HostError>;

    /// The plugin's own keys that begin with the prefix, a page of at most 200 at a time.
    ///
    /// `heptad:platform/kv#key-list`, permission `platform.kv.read`.
    fn kv_key_list(&self, prefix: &str, page: &PageRequest) -> Result<KeyPage, HostError>;

    /// Sets all these entries, or none. `denied` with code `read-only` at points that only calculate. At most 200.
    ///
    /// `heptad:platform/kv-write#set`, permission `platform.kv.write`.
    fn kv_set(&self, entries: &[Entry]) -> Result<(), HostError>;

    /// Deletes these keys; absent ones are no error. `denied` with code `read-only` at points that only calculate.
    ///
    /// `heptad:platform/kv-write#delete`, permission `platform.kv.write`.
    fn kv_delete(&self, keys: &[String]) -> Result<(), HostError>;
}

/// The platform as a component sees it: each function is the import of its name.
#[cfg(target_family = "wasm")]
#[derive(Debug, Clone, Copy)]
pub struct Component;

#[cfg(target_family = "wasm")]
mod component {
    use super::*;
    use crate::bindings::imports::heptad::mall::{catalog, inventory, orders};
    use crate::bindings::imports::heptad::members::{profiles, tags, tiers};
    use crate::bindings::imports::heptad::platform::{kv, kv_write, locale, log, settings};

    impl Host for Component {
        fn skus(&self, codes: &[String]) -> Result<Vec<Sku>, HostError> {
            catalog::skus(codes)
        }
        fn sku_list(&self, page: &PageRequest) -> Result<SkuPage, HostError> {
            catalog::sku_list(page)
        }
        fn levels(&self, skus: &[String]) -> Result<Vec<StockLevel>, HostError> {
            inventory::levels(skus)
        }
        fn purchased(&self, customer: &str, skus: &[String], since: Timestamp) -> Result<Vec<Purchase>, HostError> {
            orders::purchased(customer, skus, since)
        }
        fn profiles(&self, customers: &[String]) -> Result<Vec<Profile>, HostError> {
            profiles::get(customers)
        }
        fn tiers(&self, customers: &[String]) -> Result<Vec<Membership>, HostError> {
            tiers::get(customers)
        }
        fn member_tags(&self, customers: &[String]) -> Result<Vec<TagSet>, HostError> {
            tags::get(customers)
        }
        fn log(&self, level: Level, message: &str) {
            log::write(level, message);
        }
        fn settings(&self) -> String {
            settings::get()
        }
        fn reader_locale(&self) -> String {
            locale::reader()
        }
        fn shop_locale(&self) -> String {
            locale::shop()
        }
        fn kv_get(&self, keys: &[String]) -> Result<Vec<Entry>, HostError> {
            kv::get(keys)
        }
        fn kv_key_list(&self, prefix: &str, page: &PageRequest) -> Result<KeyPage, HostError> {
            kv::key_list(prefix, page)
        }
        fn kv_set(&self, entries: &[Entry]) -> Result<(), HostError> {
            kv_write::set(entries)
        }
        fn kv_delete(&self, keys: &[String]) -> Result<(), HostError> {
            kv_write::delete(keys)
        }
    }
}
