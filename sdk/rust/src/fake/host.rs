//! The host's functions, answered from the shop's values, with the host's limits and error codes.

use std::collections::BTreeMap;

use super::{Customer, Shop};
use crate::{
    Annotation, Balance, Coupon, CouponGrant, CouponWithdrawal, Document, DocumentPage, Draft, Emission, Enqueued,
    Entry, ErrorKind, Hold, Host, HostError, KeyPage, Level, Membership, Movement, OutboundRequest, OutboundResponse,
    PageRequest, Profile, Purchase, Query, Reversal, Sku, SkuPage, StockLevel, TagChange, TagSet, Timestamp, Visitor,
};

/// The most codes of a call about SKUs.
const MAX_CODES: usize = 2_000;
/// The most operations of a call that writes for customers or orders.
const MAX_OPERATIONS: usize = 100;
/// The most customers, keys or items of a page of a call.
const MAX_ITEMS: usize = 200;

pub(super) fn error(kind: ErrorKind, code: &str, message: String) -> HostError {
    HostError { kind, code: code.to_owned(), message }
}

fn bounded(length: usize, most: usize) -> Result<(), HostError> {
    if length > most {
        return Err(error(ErrorKind::Invalid, "too-many", format!("{length} items, at most {most} are allowed")));
    }
    Ok(())
}

/// A page of the sorted codes or keys of a map; the cursor is the last of the page before.
pub(super) fn page<'a, T>(
    map: &'a BTreeMap<String, T>,
    request: &PageRequest,
) -> Result<(Vec<&'a String>, Option<String>), HostError> {
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    if limit == 0 || limit > MAX_ITEMS {
        return Err(error(ErrorKind::Invalid, "limit", format!("the limit is {limit}, 1 to {MAX_ITEMS} are allowed")));
    }
    let after = request.cursor.as_deref().unwrap_or_default();
    let mut keys: Vec<&String> = map.keys().filter(|key| key.as_str() > after).take(limit + 1).collect();
    let more = keys.len() > limit;
    keys.truncate(limit);
    let next = if more { keys.last().map(|key| (*key).clone()) } else { None };
    Ok((keys, next))
}

impl Shop {
    /// Notes the call, and asks whether it is allowed.
    fn enter(&self, function: &'static str, permission: &str) -> Result<(), HostError> {
        self.calls.borrow_mut().push(function);
        if self.manifest.as_ref().is_some_and(|manifest| !manifest.permissions.contains(permission)) {
            let message = format!("plugin.toml does not ask for `{permission}`");
            return Err(error(ErrorKind::Denied, "permission-not-asked", message));
        }
        if self.declined.contains(permission) {
            return Err(error(
                ErrorKind::Denied,
                "permission-not-granted",
                format!("the merchant declined `{permission}`"),
            ));
        }
        Ok(())
    }

    fn enter_writing(&self, function: &'static str, permission: &str) -> Result<(), HostError> {
        self.enter(function, permission)?;
        if !self.writable {
            return Err(error(ErrorKind::Denied, "read-only", "this point only calculates".to_owned()));
        }
        self.has_written.set(true);
        Ok(())
    }

    fn known<'a>(
        &'a self,
        customers: &'a [String],
    ) -> Result<impl Iterator<Item = (&'a String, &'a Customer)>, HostError> {
        bounded(customers.len(), MAX_ITEMS)?;
        Ok(customers.iter().filter_map(|id| Some((id, self.customers.get(id)?))))
    }
}

impl Host for Shop {
    fn skus(&self, codes: &[String]) -> Result<Vec<Sku>, HostError> {
        self.enter("heptad:mall/catalog#skus", "mall.catalog.read")?;
        bounded(codes.len(), MAX_CODES)?;
        Ok(codes.iter().filter_map(|code| self.skus.get(code).cloned()).collect())
    }

    fn sku_list(&self, request: &PageRequest) -> Result<SkuPage, HostError> {
        self.enter("heptad:mall/catalog#sku-list", "mall.catalog.read")?;
        let (codes, next) = page(&self.skus, request)?;
        Ok(SkuPage { items: codes.into_iter().filter_map(|code| self.skus.get(code).cloned()).collect(), next })
    }

    fn levels(&self, skus: &[String]) -> Result<Vec<StockLevel>, HostError> {
        self.enter("heptad:mall/inventory#levels", "mall.inventory.read")?;
        bounded(skus.len(), MAX_CODES)?;
        Ok(self.levels.iter().filter(|level| skus.contains(&level.sku)).cloned().collect())
    }

    fn purchased(&self, customer: &str, skus: &[String], since: Timestamp) -> Result<Vec<Purchase>, HostError> {
        self.enter("heptad:mall/orders#purchased", "mall.orders.read")?;
        bounded(skus.len(), MAX_CODES)?;
        let known = self.customers.get(customer).ok_or_else(|| {
            error(ErrorKind::NotFound, "customer-not-found", format!("the shop has no customer `{customer}`"))
        })?;
        let bought = |wanted: &String| {
            known
                .purchases
                .iter()
                .filter(|(sku, _, at)| sku == wanted && *at >= since)
                .map(|(_, quantity, _)| quantity)
                .sum()
        };
        Ok(skus.iter().map(|sku| Purchase { sku: sku.clone(), quantity: bought(sku) }).collect())
    }

    fn profiles(&self, customers: &[String]) -> Result<Vec<Profile>, HostError> {
        self.enter("heptad:members/profiles#get", "members.profile.read")?;
        let profile =
            |(id, customer): (&String, &Customer)| Profile { id: id.clone(), name: customer.name.clone(), since: 0 };
        Ok(self.known(customers)?.map(profile).collect())
    }

    fn tiers(&self, customers: &[String]) -> Result<Vec<Membership>, HostError> {
        self.enter("heptad:members/tiers#get", "members.tier.read")?;
        let tier =
            |(id, customer): (&String, &Customer)| Membership { customer: id.clone(), tier: customer.tier.clone() };
        Ok(self.known(customers)?.map(tier).collect())
    }

    fn member_tags(&self, customers: &[String]) -> Result<Vec<TagSet>, HostError> {
        self.enter("heptad:members/tags#get", "members.tags.read")?;
        let tags =
            |(id, customer): (&String, &Customer)| TagSet { customer: id.clone(), tags: self.tags_of(id, customer) };
        Ok(self.known(customers)?.map(tags).collect())
    }

    fn log(&self, level: Level, message: &str) {
        self.calls.borrow_mut().push("heptad:platform/log#write");
        self.logs.borrow_mut().push((level, message.to_owned()));
    }

    fn settings(&self) -> String {
        self.calls.borrow_mut().push("heptad:platform/settings#get");
        let mut settings = self.settings.clone();
        if let Some(manifest) = &self.manifest {
            manifest.fill_defaults(&mut settings);
        }
        settings.to_string()
    }

    fn reader_locale(&self) -> String {
        self.calls.borrow_mut().push("heptad:platform/locale#reader");
        self.locales.reader.clone()
    }

    fn shop_locale(&self) -> String {
        self.calls.borrow_mut().push("heptad:platform/locale#shop");
        self.locales.shop.clone()
    }

    fn visitor(&self) -> Option<Visitor> {
        self.calls.borrow_mut().push("heptad:platform/caller#get");
        self.visitor.clone()
    }

    fn kv_get(&self, keys: &[String]) -> Result<Vec<Entry>, HostError> {
        self.enter("heptad:platform/kv#get", "platform.kv.read")?;
        bounded(keys.len(), MAX_ITEMS)?;
        let store = self.kv.borrow();
        let entry = |key: &String| Some(Entry { key: key.clone(), value: store.get(key)?.clone() });
        Ok(keys.iter().filter_map(entry).collect())
    }

    fn kv_key_list(&self, prefix: &str, request: &PageRequest) -> Result<KeyPage, HostError> {
        self.enter("heptad:platform/kv#key-list", "platform.kv.read")?;
        let store = self.kv.borrow();
        let below: BTreeMap<String, ()> =
            store.keys().filter(|key| key.starts_with(prefix)).map(|key| (key.clone(), ())).collect();
        let (keys, next) = page(&below, request)?;
        Ok(KeyPage { keys: keys.into_iter().cloned().collect(), next })
    }

    fn kv_set(&self, entries: &[Entry]) -> Result<(), HostError> {
        self.enter_writing("heptad:platform/kv-write#set", "platform.kv.write")?;
        bounded(entries.len(), MAX_ITEMS)?;
        self.kv.borrow_mut().extend(entries.iter().map(|entry| (entry.key.clone(), entry.value.clone())));
        Ok(())
    }

    fn kv_delete(&self, keys: &[String]) -> Result<(), HostError> {
        self.enter_writing("heptad:platform/kv-write#delete", "platform.kv.write")?;
        bounded(keys.len(), MAX_ITEMS)?;
        self.kv.borrow_mut().retain(|key, _| !keys.contains(key));
        Ok(())
    }

    fn order_annotate(&self, annotations: &[Annotation]) -> Result<(), HostError> {
        self.enter_writing("heptad:mall/orders-write#annotate", "mall.orders.annotate")?;
        bounded(annotations.len(), MAX_OPERATIONS)?;
        self.order_annotate_now(annotations)
    }

    fn tags_change(&self, changes: &[TagChange]) -> Result<(), HostError> {
        self.enter_writing("heptad:members/tags-write#change", "members.tags.write")?;
        bounded(changes.len(), MAX_ITEMS)?;
        self.tags_change_now(changes)
    }

    fn points_balances(&self, customers: &[String]) -> Result<Vec<Balance>, HostError> {
        self.enter("heptad:members/points#balances", "members.points.read")?;
        bounded(customers.len(), MAX_ITEMS)?;
        self.points_balances_now(customers)
    }

    fn points_earn(&self, movements: &[Movement]) -> Result<(), HostError> {
        self.enter_writing("heptad:members/points-write#earn", "members.points.write")?;
        bounded(movements.len(), MAX_OPERATIONS)?;
        self.points_earn_now(movements)
    }

    fn points_spend(&self, movements: &[Movement]) -> Result<(), HostError> {
        self.enter_writing("heptad:members/points-write#spend", "members.points.write")?;
        bounded(movements.len(), MAX_OPERATIONS)?;
        self.points_spend_now(movements)
    }

    fn points_freeze(&self, holds: &[Hold]) -> Result<(), HostError> {
        self.enter_writing("heptad:members/points-write#freeze", "members.points.write")?;
        bounded(holds.len(), MAX_OPERATIONS)?;
        self.points_freeze_now(holds)
    }

    fn points_confirm(&self, requests: &[String]) -> Result<(), HostError> {
        self.enter_writing("heptad:members/points-write#confirm", "members.points.write")?;
        bounded(requests.len(), MAX_OPERATIONS)?;
        self.points_confirm_now(requests)
    }

    fn points_unfreeze(&self, requests: &[String]) -> Result<(), HostError> {
        self.enter_writing("heptad:members/points-write#unfreeze", "members.points.write")?;
        bounded(requests.len(), MAX_OPERATIONS)?;
        self.points_unfreeze_now(requests)
    }

    fn points_refund(&self, reversals: &[Reversal]) -> Result<(), HostError> {
        self.enter_writing("heptad:members/points-write#refund", "members.points.write")?;
        bounded(reversals.len(), MAX_OPERATIONS)?;
        self.points_refund_now(reversals)
    }

    fn coupons_held(&self, customers: &[String]) -> Result<Vec<Coupon>, HostError> {
        self.enter("heptad:members/coupons#held", "members.coupons.read")?;
        bounded(customers.len(), MAX_ITEMS)?;
        self.coupons_held_now(customers)
    }

    fn coupons_issue(&self, grants: &[CouponGrant]) -> Result<Vec<Coupon>, HostError> {
        self.enter_writing("heptad:members/coupons-write#issue", "members.coupons.write")?;
        bounded(grants.len(), MAX_OPERATIONS)?;
        self.coupons_issue_now(grants)
    }

    fn coupons_void(&self, withdrawals: &[CouponWithdrawal]) -> Result<(), HostError> {
        self.enter_writing("heptad:members/coupons-write#void-coupons", "members.coupons.write")?;
        bounded(withdrawals.len(), MAX_OPERATIONS)?;
        self.coupons_void_now(withdrawals)
    }

    fn document_get(&self, collection: &str, ids: &[String]) -> Result<Vec<Document>, HostError> {
        self.enter("heptad:platform/collections#get", "platform.collections.read")?;
        bounded(ids.len(), MAX_ITEMS)?;
        self.document_get_now(collection, ids)
    }

    fn document_find(&self, collection: &str, query: &Query, page: &PageRequest) -> Result<DocumentPage, HostError> {
        self.enter("heptad:platform/collections#find", "platform.collections.read")?;
        self.document_find_now(collection, query, page)
    }

    fn document_put(&self, collection: &str, documents: &[Draft]) -> Result<Vec<i64>, HostError> {
        self.enter_writing("heptad:platform/collections-write#put", "platform.collections.write")?;
        bounded(documents.len(), MAX_ITEMS)?;
        self.document_put_now(collection, documents)
    }

    fn document_delete(&self, collection: &str, ids: &[String]) -> Result<(), HostError> {
        self.enter_writing("heptad:platform/collections-write#delete", "platform.collections.write")?;
        bounded(ids.len(), MAX_ITEMS)?;
        self.document_delete_now(collection, ids)
    }

    fn emit(&self, events: &[Emission]) -> Result<(), HostError> {
        self.enter_writing("heptad:platform/events#emit", "platform.events.emit")?;
        bounded(events.len(), MAX_OPERATIONS)?;
        self.emit_now(events)
    }

    fn enqueue(&self, requests: &[Enqueued]) -> Result<Vec<String>, HostError> {
        self.enter_writing("heptad:platform/outbound#enqueue", "platform.outbound.enqueue")?;
        bounded(requests.len(), MAX_OPERATIONS)?;
        self.enqueue_now(requests)
    }

    fn fetch(&self, request: &OutboundRequest) -> Result<OutboundResponse, HostError> {
        self.fetch_now(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn unknown_things_are_left_out_and_the_order_is_kept() {
        let shop = Shop::new("CNY").sku("A", 1, &[]).sku("B", 2, &["b", "a"]).tier("cus_1", "gold").tag("cus_1", "vip");
        let codes: Vec<String> = shop.skus(&keys(&["B", "X", "A"])).unwrap().into_iter().map(|sku| sku.code).collect();
        assert_eq!(codes, ["B", "A"]);
        assert_eq!(shop.skus(&keys(&["B"])).unwrap()[0].tags, ["a", "b"]);
        let tiers = shop.tiers(&keys(&["cus_2", "cus_1"])).unwrap();
        assert_eq!(tiers.len(), 1);
        assert_eq!(tiers[0].tier.as_deref(), Some("gold"));
        assert_eq!(shop.member_tags(&keys(&["cus_1"])).unwrap()[0].tags, ["vip"]);
    }

    #[test]
    fn lists_come_in_pages() {
        let shop = Shop::new("CNY").sku("A", 1, &[]).sku("B", 2, &[]).sku("C", 3, &[]);
        let first = shop.sku_list(&PageRequest { cursor: None, limit: 2 }).unwrap();
        assert_eq!((first.items.len(), first.next.as_deref()), (2, Some("B")));
        let second = shop.sku_list(&PageRequest { cursor: first.next, limit: 2 }).unwrap();
        assert_eq!((second.items.len(), second.next), (1, None));
        assert_eq!(shop.sku_list(&PageRequest { cursor: None, limit: 0 }).unwrap_err().kind, ErrorKind::Invalid);
    }

    #[test]
    fn purchases_are_counted_since_a_moment() {
        let shop = Shop::new("CNY")
            .purchase("cus_1", "A", 2, 100)
            .purchase("cus_1", "A", 1, 200)
            .purchase("cus_1", "B", 9, 200);
        let bought = |since| {
            shop.purchased("cus_1", &keys(&["A", "C"]), since)
                .unwrap()
                .iter()
                .map(|row| row.quantity)
                .collect::<Vec<_>>()
        };
        assert_eq!(bought(100), [3, 0]);
        assert_eq!(bought(101), [1, 0]);
        assert_eq!(shop.purchased("cus_2", &[], 0).unwrap_err().kind, ErrorKind::NotFound);
    }

    #[test]
    fn writing_needs_a_point_that_writes() {
        let entry = Entry { key: "a/1".to_owned(), value: vec![1] };
        assert_eq!(Shop::new("CNY").kv_set(std::slice::from_ref(&entry)).unwrap_err().code, "read-only");
        let shop = Shop::new("CNY").writable().kv("a/0", b"x").kv("b", b"y");
        shop.kv_set(&[entry]).unwrap();
        assert_eq!(shop.kv_key_list("a/", &PageRequest { cursor: None, limit: 10 }).unwrap().keys, ["a/0", "a/1"]);
        shop.kv_delete(&keys(&["a/0", "none"])).unwrap();
        assert_eq!(shop.kv_get(&keys(&["a/0", "a/1"])).unwrap().len(), 1);
    }
}
