//! What customers have: tags, points and coupons, as the platform books them.
//!
//! The shop of values has no clock: what is frozen stays so until the plugin decides, and no coupon expires.

use std::collections::{BTreeMap, BTreeSet};

use super::host::error;
use super::{Customer, Shop};
use crate::{
    Annotation, Balance, Coupon, CouponGrant, CouponStatus, CouponWithdrawal, Emission, ErrorKind, Hold, HostError,
    Movement, Reversal, TagChange,
};

/// What the plugin changed of what customers have.
#[derive(Debug, Default, Clone)]
pub(super) struct Assets {
    tags: BTreeMap<String, BTreeSet<String>>,
    /// Available and frozen.
    points: BTreeMap<String, (i64, i64)>,
    requests: BTreeMap<String, Request>,
    batches: BTreeSet<String>,
    coupons: Vec<(CouponGrant, Coupon)>,
}

/// An operation on points, under its request id.
#[derive(Debug, Clone, PartialEq)]
struct Request {
    kind: &'static str,
    customer: String,
    amount: i64,
    of: String,
    state: State,
    refunded: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Done,
    Frozen,
    Confirmed,
    Unfrozen,
}

fn conflict(code: &str, message: String) -> HostError {
    error(ErrorKind::Conflict, code, message)
}

fn unknown(what: &str, id: &str) -> HostError {
    error(ErrorKind::NotFound, "not-found", format!("there is no {what} `{id}`"))
}

impl Assets {
    /// Takes the request id; `false` if the very same was done before.
    fn is_new(&mut self, id: &str, request: Request) -> Result<bool, HostError> {
        if request.amount < 1 {
            return Err(error(ErrorKind::Invalid, "invalid", "`amount`: from 1".to_owned()));
        }
        let Some(known) = self.requests.get(id) else {
            self.requests.insert(id.to_owned(), request);
            return Ok(true);
        };
        if (known.kind, &known.customer, known.amount, &known.of)
            == (request.kind, &request.customer, request.amount, &request.of)
        {
            return Ok(false);
        }
        Err(conflict("request-mismatch", format!("the request id `{id}` was used for another operation")))
    }

    fn change(&mut self, customer: &str, available: i64, frozen: i64) -> Result<(), HostError> {
        let account = self.points.entry(customer.to_owned()).or_default();
        if account.0 + available < 0 {
            let message = format!("{} points are asked for, {} are available", -available, account.0);
            return Err(conflict("points-insufficient", message));
        }
        *account = (account.0 + available, account.1 + frozen);
        Ok(())
    }

    fn decide(&mut self, id: &str, to: State) -> Result<(), HostError> {
        let hold = self.requests.get_mut(id).filter(|request| request.kind == "freeze");
        let Some(hold) = hold else { return Err(unknown("freeze of points", id)) };
        match (hold.state, to) {
            (State::Frozen, _) => {}
            (State::Unfrozen, State::Confirmed) => {
                return Err(conflict("hold-unfrozen", format!("the points of `{id}` are unfrozen")));
            }
            (State::Confirmed, State::Unfrozen) => {
                return Err(conflict("hold-confirmed", format!("the points of `{id}` are taken: refund them")));
            }
            _ => return Ok(()),
        }
        hold.state = to;
        let (customer, amount) = (hold.customer.clone(), hold.amount);
        self.change(&customer, if to == State::Unfrozen { amount } else { 0 }, -amount)
    }

    fn refund(&mut self, Reversal { request, of, amount }: &Reversal) -> Result<(), HostError> {
        let taken = self.requests.get(of).filter(|taken| matches!(taken.kind, "spend" | "freeze")).cloned();
        let Some(taken) = taken else { return Err(unknown("spending of points", of)) };
        let customer = taken.customer.clone();
        let refund = Request {
            kind: "refund",
            customer: customer.clone(),
            amount: *amount,
            of: of.clone(),
            state: State::Done,
            refunded: 0,
        };
        if !self.is_new(request, refund)? {
            return Ok(());
        }
        match taken.state {
            State::Frozen => Err(conflict("hold-undecided", format!("the points of `{of}` are still frozen"))),
            State::Unfrozen => Err(conflict("hold-unfrozen", format!("the points of `{of}` are unfrozen"))),
            _ if taken.refunded + amount > taken.amount => {
                let left = taken.amount - taken.refunded;
                Err(conflict("refund-exceeds", format!("{left} points of `{of}` are left to give back")))
            }
            _ => {
                if let Some(taken) = self.requests.get_mut(of) {
                    taken.refunded += amount;
                }
                self.change(&customer, *amount, 0)
            }
        }
    }

    fn issue(&mut self, grant: &CouponGrant) -> Result<Coupon, HostError> {
        if let Some((before, coupon)) = self.coupons.iter().find(|(before, _)| before.request == grant.request) {
            if before == grant {
                return Ok(coupon.clone());
            }
            let message = format!("the request id `{}` was used for another coupon", grant.request);
            return Err(conflict("request-mismatch", message));
        }
        if !self.batches.contains(&grant.batch) {
            return Err(unknown("batch of coupons", &grant.batch));
        }
        let number = self.coupons.len() + 1;
        let coupon = Coupon {
            id: format!("cpn_{number:032x}"),
            code: format!("{number:012}"),
            batch: grant.batch.clone(),
            customer: grant.customer.clone(),
            status: CouponStatus::Issued,
            issued_at: 0,
            expires_at: i64::MAX >> 11,
        };
        self.coupons.push((grant.clone(), coupon.clone()));
        Ok(coupon)
    }
}

impl Shop {
    /// Gives a customer points; adds the customer if it is new.
    #[must_use]
    pub fn points(mut self, customer: &str, available: i64) -> Self {
        self.entry(customer);
        self.assets.borrow_mut().points.insert(customer.to_owned(), (available, 0));
        self
    }

    /// Adds a batch of coupons without a bound.
    #[must_use]
    pub fn coupon_batch(self, code: &str) -> Self {
        self.assets.borrow_mut().batches.insert(code.to_owned());
        self
    }

    /// Does all of it, or nothing.
    fn booked<T>(&self, book: impl FnOnce(&mut Assets) -> Result<T, HostError>) -> Result<T, HostError> {
        let mut assets = self.assets.borrow().clone();
        let booked = book(&mut assets)?;
        *self.assets.borrow_mut() = assets;
        Ok(booked)
    }

    fn must_know(&self, customer: &str) -> Result<&Customer, HostError> {
        self.customers.get(customer).ok_or_else(|| unknown("customer", customer))
    }

    pub(super) fn tags_of(&self, id: &str, customer: &Customer) -> Vec<String> {
        let assets = self.assets.borrow();
        assets.tags.get(id).unwrap_or(&customer.tags).iter().cloned().collect()
    }

    pub(super) fn tags_change_now(&self, changes: &[TagChange]) -> Result<(), HostError> {
        self.booked(|assets| {
            for TagChange { customer, add, remove } in changes {
                let known = self.must_know(customer)?;
                let tags = assets.tags.entry(customer.clone()).or_insert_with(|| known.tags.clone());
                tags.extend(add.iter().cloned());
                tags.retain(|tag| !remove.contains(tag));
                if tags.len() > 20 {
                    return Err(error(ErrorKind::Invalid, "invalid", "`tags`: at most 20".to_owned()));
                }
            }
            Ok(())
        })
    }

    /// How many points a customer has to spend, whatever the plugin may read.
    pub fn points_of(&self, customer: &str) -> i64 {
        self.assets.borrow().points.get(customer).map_or(0, |(available, _)| *available)
    }

    pub(super) fn points_balances_now(&self, customers: &[String]) -> Result<Vec<Balance>, HostError> {
        let assets = self.assets.borrow();
        let balance = |customer: &String| {
            let (available, frozen) = assets.points.get(customer).copied().unwrap_or_default();
            Balance { customer: customer.clone(), available, frozen }
        };
        Ok(customers.iter().filter(|customer| self.customers.contains_key(*customer)).map(balance).collect())
    }

    fn moved(
        &self,
        movement: &Movement,
        kind: &'static str,
        state: State,
        assets: &mut Assets,
        (available, frozen): (i64, i64),
    ) -> Result<(), HostError> {
        let Movement { request, customer, amount, .. } = movement;
        self.must_know(customer)?;
        let asked =
            Request { kind, customer: customer.clone(), amount: *amount, of: String::new(), state, refunded: 0 };
        if assets.is_new(request, asked)? {
            assets.change(customer, available * amount, frozen * amount)?;
        }
        Ok(())
    }

    pub(super) fn points_earn_now(&self, movements: &[Movement]) -> Result<(), HostError> {
        self.booked(|assets| movements.iter().try_for_each(|one| self.moved(one, "earn", State::Done, assets, (1, 0))))
    }

    pub(super) fn points_spend_now(&self, movements: &[Movement]) -> Result<(), HostError> {
        self.booked(|assets| {
            movements.iter().try_for_each(|one| self.moved(one, "spend", State::Done, assets, (-1, 0)))
        })
    }

    pub(super) fn points_freeze_now(&self, holds: &[Hold]) -> Result<(), HostError> {
        self.booked(|assets| {
            holds.iter().try_for_each(|hold| {
                let Hold { request, customer, amount, reason, .. } = hold.clone();
                let movement = Movement { request, customer, amount, reason };
                self.moved(&movement, "freeze", State::Frozen, assets, (-1, 1))
            })
        })
    }

    pub(super) fn points_confirm_now(&self, requests: &[String]) -> Result<(), HostError> {
        self.booked(|assets| requests.iter().try_for_each(|request| assets.decide(request, State::Confirmed)))
    }

    pub(super) fn points_unfreeze_now(&self, requests: &[String]) -> Result<(), HostError> {
        self.booked(|assets| requests.iter().try_for_each(|request| assets.decide(request, State::Unfrozen)))
    }

    pub(super) fn points_refund_now(&self, reversals: &[Reversal]) -> Result<(), HostError> {
        self.booked(|assets| reversals.iter().try_for_each(|reversal| assets.refund(reversal)))
    }

    pub(super) fn coupons_held_now(&self, customers: &[String]) -> Result<Vec<Coupon>, HostError> {
        let assets = self.assets.borrow();
        let held = |customer: &String| {
            let customer = customer.clone();
            assets.coupons.iter().rev().map(|(_, coupon)| coupon).filter(move |one| one.customer == customer).take(50)
        };
        Ok(customers.iter().flat_map(held).cloned().collect())
    }

    pub(super) fn coupons_issue_now(&self, grants: &[CouponGrant]) -> Result<Vec<Coupon>, HostError> {
        self.booked(|assets| {
            grants.iter().map(|grant| self.must_know(&grant.customer).and_then(|_| assets.issue(grant))).collect()
        })
    }

    pub(super) fn coupons_void_now(&self, withdrawals: &[CouponWithdrawal]) -> Result<(), HostError> {
        self.booked(|assets| {
            for CouponWithdrawal { coupon: id, .. } in withdrawals {
                let found = assets.coupons.iter_mut().find(|(_, coupon)| coupon.id == *id);
                let Some((_, coupon)) = found else { return Err(unknown("coupon", id)) };
                coupon.status = CouponStatus::Void;
            }
            Ok(())
        })
    }

    pub(super) fn order_annotate_now(&self, annotations: &[Annotation]) -> Result<(), HostError> {
        self.annotations.borrow_mut().extend_from_slice(annotations);
        Ok(())
    }

    pub(super) fn emit_now(&self, events: &[Emission]) -> Result<(), HostError> {
        for Emission { kind, data, .. } in events {
            if self.manifest.as_ref().is_some_and(|manifest| !manifest.emits.contains(kind)) {
                let message = format!("plugin.toml does not list `{kind}` under `emits`");
                return Err(error(ErrorKind::Invalid, "event-kind", message));
            }
            if !serde_json::from_str::<serde_json::Value>(data).is_ok_and(|data| data.is_object()) {
                return Err(error(ErrorKind::Invalid, "event", "the data is a JSON object".to_owned()));
            }
        }
        self.emitted.borrow_mut().extend_from_slice(events);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Host;

    fn movement(request: &str, amount: i64) -> Movement {
        Movement { request: request.into(), customer: "cus_1".into(), amount, reason: "test".into() }
    }

    #[test]
    fn points_are_frozen_confirmed_and_given_back_once_each() {
        let shop = Shop::new("CNY").writable().points("cus_1", 500);
        let hold =
            Hold { request: "h".into(), customer: "cus_1".into(), amount: 300, reason: "order".into(), until: 1 };
        for _ in 0..2 {
            shop.points_freeze(std::slice::from_ref(&hold)).unwrap();
        }
        let has = || {
            let balance = shop.points_balances(&["cus_1".to_owned()]).unwrap().remove(0);
            (balance.available, balance.frozen)
        };
        assert_eq!(has(), (200, 300));
        assert_eq!(shop.points_spend(&[movement("s", 201)]).unwrap_err().code, "points-insufficient");
        for _ in 0..2 {
            shop.points_confirm(&["h".to_owned()]).unwrap();
        }
        assert_eq!(shop.points_unfreeze(&["h".to_owned()]).unwrap_err().code, "hold-confirmed");
        let back = Reversal { request: "r".into(), of: "h".into(), amount: 100 };
        for _ in 0..2 {
            shop.points_refund(std::slice::from_ref(&back)).unwrap();
        }
        assert_eq!(has(), (300, 0));
        assert_eq!(shop.points_earn(&[movement("h", 300)]).unwrap_err().code, "request-mismatch");
    }

    #[test]
    fn coupons_and_tags_are_given_and_taken() {
        let shop = Shop::new("CNY").writable().customer("cus_1", "Lin").tag("cus_1", "new").coupon_batch("ten");
        let grant = CouponGrant { request: "w".into(), batch: "ten".into(), customer: "cus_1".into() };
        let first = shop.coupons_issue(std::slice::from_ref(&grant)).unwrap();
        assert_eq!(shop.coupons_issue(&[grant]).unwrap(), first);
        shop.coupons_void(&[CouponWithdrawal { coupon: first[0].id.clone(), reason: "test".into() }]).unwrap();
        let held = shop.coupons_held(&["cus_1".to_owned()]).unwrap();
        assert_eq!((held.len(), held[0].status), (1, CouponStatus::Void));
        let change = TagChange { customer: "cus_1".into(), add: vec!["vip".into()], remove: vec!["new".into()] };
        shop.tags_change(&[change]).unwrap();
        assert_eq!(shop.member_tags(&["cus_1".to_owned()]).unwrap()[0].tags, ["vip"]);
    }

    #[test]
    fn only_words_of_the_manifest_are_told() {
        let manifest = "emits = [\"booked\"]\n[[permissions]]\nname = \"platform.events.emit\"";
        let shop = Shop::new("CNY").manifest(manifest).writable();
        let emission = |kind: &str, data: &str| Emission { kind: kind.into(), key: "k".into(), data: data.into() };
        shop.emit(&[emission("booked", "{}")]).unwrap();
        assert_eq!(shop.emit(&[emission("left", "{}")]).unwrap_err().code, "event-kind");
        assert_eq!(shop.emit(&[emission("booked", "[]")]).unwrap_err().code, "event");
        assert_eq!(shop.emitted().len(), 1);
    }
}
