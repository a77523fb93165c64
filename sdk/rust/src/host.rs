//! What a plugin may ask the platform.

use crate::{
    Annotation, Balance, Coupon, CouponGrant, CouponWithdrawal, Document, DocumentPage, Draft, Emission, Enqueued,
    Entry, Hold, HostError, KeyPage, Level, Membership, Movement, OutboundRequest, OutboundResponse, PageRequest,
    Profile, Purchase, Query, Reversal, Sku, SkuPage, StockLevel, TagChange, TagSet, Timestamp, Visitor,
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

    /// Who sent the HTTP request that is being answered; `None` at other points.
    ///
    /// `heptad:platform/caller#get`, free.
    fn visitor(&self) -> Option<Visitor>;

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

    /// Writes notes and tags to orders, or nothing. At most 100 orders; 100 notes and 20 tags on each.
    ///
    /// `heptad:mall/orders-write#annotate`, permission `mall.orders.annotate`.
    fn order_annotate(&self, annotations: &[Annotation]) -> Result<(), HostError>;

    /// Changes members' tags, all or none; the other tags stay. At most 200 customers.
    ///
    /// `heptad:members/tags-write#change`, permission `members.tags.write`.
    fn tags_change(&self, changes: &[TagChange]) -> Result<(), HostError>;

    /// The points of these customers, in the order asked for; unknown ones are left out. At most 200.
    ///
    /// `heptad:members/points#balances`, permission `members.points.read`.
    fn points_balances(&self, customers: &[String]) -> Result<Vec<Balance>, HostError>;

    /// Gives points. A request that was made before changes nothing. At most 100.
    ///
    /// `heptad:members/points-write#earn`, permission `members.points.write`.
    fn points_earn(&self, movements: &[Movement]) -> Result<(), HostError>;

    /// Takes points at once; `points-insufficient` if fewer are available. At most 100.
    ///
    /// `heptad:members/points-write#spend`, permission `members.points.write`.
    fn points_spend(&self, movements: &[Movement]) -> Result<(), HostError>;

    /// Freezes points until they are confirmed or unfrozen, or their time has passed. At most 100.
    ///
    /// `heptad:members/points-write#freeze`, permission `members.points.write`.
    fn points_freeze(&self, holds: &[Hold]) -> Result<(), HostError>;

    /// Takes what was frozen under these requests; `hold-unfrozen` if it was unfrozen. At most 100.
    ///
    /// `heptad:members/points-write#confirm`, permission `members.points.write`.
    fn points_confirm(&self, requests: &[String]) -> Result<(), HostError>;

    /// Gives back what was frozen under these requests; `hold-confirmed` if it was confirmed. At most 100.
    ///
    /// `heptad:members/points-write#unfreeze`, permission `members.points.write`.
    fn points_unfreeze(&self, requests: &[String]) -> Result<(), HostError>;

    /// Gives back what was spent or confirmed, or a part of it; `refund-exceeds` beyond. At most 100.
    ///
    /// `heptad:members/points-write#refund`, permission `members.points.write`.
    fn points_refund(&self, reversals: &[Reversal]) -> Result<(), HostError>;

    /// The coupons of these customers, the latest first, at most 50 of each. At most 200 customers.
    ///
    /// `heptad:members/coupons#held`, permission `members.coupons.read`.
    fn coupons_held(&self, customers: &[String]) -> Result<Vec<Coupon>, HostError>;

    /// Issues coupons, in the order asked for; a request that was made before gives the same coupon. At most 100.
    ///
    /// `heptad:members/coupons-write#issue`, permission `members.coupons.write`.
    fn coupons_issue(&self, grants: &[CouponGrant]) -> Result<Vec<Coupon>, HostError>;

    /// Takes coupons back; one that is void already is no error. At most 100.
    ///
    /// `heptad:members/coupons-write#void-coupons`, permission `members.coupons.write`.
    fn coupons_void(&self, withdrawals: &[CouponWithdrawal]) -> Result<(), HostError>;

    /// The plugin's own documents with these ids, in the order asked for; absent ones are left out. At most 200.
    ///
    /// `heptad:platform/collections#get`, permission `platform.collections.read`.
    fn document_get(&self, collection: &str, ids: &[String]) -> Result<Vec<Document>, HostError>;

    /// The plugin's own documents that a query over indexed fields finds, a page of at most 200 at a time.
    ///
    /// `heptad:platform/collections#find`, permission `platform.collections.read`.
    fn document_find(&self, collection: &str, query: &Query, page: &PageRequest) -> Result<DocumentPage, HostError>;

    /// Puts documents, all or none, and gives their versions; `document-changed` where one has another. At most 200.
    ///
    /// `heptad:platform/collections-write#put`, permission `platform.collections.write`.
    fn document_put(&self, collection: &str, documents: &[Draft]) -> Result<Vec<i64>, HostError>;

    /// Deletes documents; absent ones are no error. At most 200.
    ///
    /// `heptad:platform/collections-write#delete`, permission `platform.collections.write`.
    fn document_delete(&self, collection: &str, ids: &[String]) -> Result<(), HostError>;

    /// Tells of things, by the words that the manifest lists under `emits`, when the call's writes are committed. At most 100.
    ///
    /// `heptad:platform/events#emit`, permission `platform.events.emit`.
    fn emit(&self, events: &[Emission]) -> Result<(), HostError>;

    /// Leaves requests to be sent once the call's writes are committed, all or none; their ids. At most 100.
    ///
    /// `heptad:platform/outbound#enqueue`, permission `platform.outbound.enqueue`.
    fn enqueue(&self, requests: &[Enqueued]) -> Result<Vec<String>, HostError>;

    /// Sends a request to another server, and gives its answer whatever the status: `Ok` says that there was one. Bodies
    /// are held whole; at most 4 MiB each way, and 1 MiB where `pii.export` is not granted.
    ///
    /// Only to the manifest's `[[hosts]]` that the merchant granted, and only at events, schedules and routes. Call out
    /// before the first write: after it, `conflict`. `denied` where it may not be sent, `limit` beyond a limit,
    /// `unavailable` where the server did not answer. In a delivery the host adds `Idempotency-Key`, the same at each
    /// attempt: the other side may be called more than once.
    ///
    /// `wasi:http/outgoing-handler#handle`; the hosts are what is granted.
    fn fetch(&self, request: &OutboundRequest) -> Result<OutboundResponse, HostError>;
}

/// The platform as a component sees it: each function is the import of its name.
#[cfg(target_family = "wasm")]
#[derive(Debug, Clone, Copy)]
pub struct Component;

#[cfg(target_family = "wasm")]
mod component {
    use super::*;
    use crate::bindings::imports::heptad::mall::{catalog, inventory, orders, orders_write};
    use crate::bindings::imports::heptad::members::{
        coupons, coupons_write, points, points_write, profiles, tags, tags_write, tiers,
    };
    use crate::bindings::imports::heptad::platform::{
        caller, collections, collections_write, events, kv, kv_write, locale, log, outbound, settings,
    };

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
        fn visitor(&self) -> Option<Visitor> {
            caller::get()
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
        fn order_annotate(&self, annotations: &[Annotation]) -> Result<(), HostError> {
            orders_write::annotate(annotations)
        }
        fn tags_change(&self, changes: &[TagChange]) -> Result<(), HostError> {
            tags_write::change(changes)
        }
        fn points_balances(&self, customers: &[String]) -> Result<Vec<Balance>, HostError> {
            points::balances(customers)
        }
        fn points_earn(&self, movements: &[Movement]) -> Result<(), HostError> {
            points_write::earn(movements)
        }
        fn points_spend(&self, movements: &[Movement]) -> Result<(), HostError> {
            points_write::spend(movements)
        }
        fn points_freeze(&self, holds: &[Hold]) -> Result<(), HostError> {
            points_write::freeze(holds)
        }
        fn points_confirm(&self, requests: &[String]) -> Result<(), HostError> {
            points_write::confirm(requests)
        }
        fn points_unfreeze(&self, requests: &[String]) -> Result<(), HostError> {
            points_write::unfreeze(requests)
        }
        fn points_refund(&self, reversals: &[Reversal]) -> Result<(), HostError> {
            points_write::refund(reversals)
        }
        fn coupons_held(&self, customers: &[String]) -> Result<Vec<Coupon>, HostError> {
            coupons::held(customers)
        }
        fn coupons_issue(&self, grants: &[CouponGrant]) -> Result<Vec<Coupon>, HostError> {
            coupons_write::issue(grants)
        }
        fn coupons_void(&self, withdrawals: &[CouponWithdrawal]) -> Result<(), HostError> {
            coupons_write::void_coupons(withdrawals)
        }
        fn document_get(&self, collection: &str, ids: &[String]) -> Result<Vec<Document>, HostError> {
            collections::get(collection, ids)
        }
        fn document_find(
            &self,
            collection: &str,
            query: &Query,
            page: &PageRequest,
        ) -> Result<DocumentPage, HostError> {
            collections::find(collection, query, page)
        }
        fn document_put(&self, collection: &str, documents: &[Draft]) -> Result<Vec<i64>, HostError> {
            collections_write::put(collection, documents)
        }
        fn document_delete(&self, collection: &str, ids: &[String]) -> Result<(), HostError> {
            collections_write::delete(collection, ids)
        }
        fn emit(&self, events: &[Emission]) -> Result<(), HostError> {
            events::emit(events)
        }
        fn enqueue(&self, requests: &[Enqueued]) -> Result<Vec<String>, HostError> {
            outbound::enqueue(requests)
        }
        fn fetch(&self, request: &OutboundRequest) -> Result<OutboundResponse, HostError> {
            crate::outbound::fetch(request)
        }
    }
}
