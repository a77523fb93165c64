//! Idempotency keys.

use std::sync::Arc;

use heptad_capabilities::idempotency::purge;
use heptad_capabilities::mall::order::order_place;
use heptad_capabilities::mall::payment::{PaymentIn, ledger_list, payment_record};
use heptad_capabilities::mall::quote::{QuoteIn, quote_create};
use heptad_capabilities::{CapabilityError, IdempotencyKey};
use heptad_model::id::{OrderId, UserId};
use heptad_model::{Actor, Ctx, Currency, Env, Locale, Money, Origin};
use heptad_store::{Store, both_databases};

use crate::fixture::{Fakes, NOW, ctx, lines, minor, run, shop};

const ROUTE: &str = "POST /v1/orders/{id}/payments";

async fn order(store: &Store, ctx: &Ctx) -> OrderId {
    let fakes = Fakes::default();
    shop(store, ctx, &[("A", 100)]).await;
    let input = QuoteIn::Lines { customer: None, lines: lines(&[("A", 1)]) };
    let quoted = quote_create(store, &fakes, ctx, input).await.unwrap();
    order_place(store, &fakes, ctx, quoted.quote.id, None).await.unwrap().value.head.id
}

fn payment(amount: i64) -> PaymentIn {
    let amount = Money { amount: minor(amount), currency: Currency::parse("CNY").unwrap() };
    PaymentIn { amount, method: "cash".to_owned(), reference: "till 1".to_owned() }
}

#[test]
fn keys_are_printable_and_bounded() {
    for key in ["", "a b", "a\n", "ü", &"x".repeat(256)] {
        assert_eq!(IdempotencyKey::new(ROUTE, key, b"").unwrap_err().field(), Some("Idempotency-Key"), "{key}");
    }
}

both_databases! {
    async fn a_key_belongs_to_one_body_actor_and_route(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        let order = order(&store, &ctx).await;
        let key = |route, body: &[u8]| IdempotencyKey::new(route, "k", body).unwrap();
        let first = run!(store, ctx, payment_record, order, payment(10), Some(&key(ROUTE, b"10"))).unwrap();
        let error = run!(store, ctx, payment_record, order, payment(20), Some(&key(ROUTE, b"20"))).unwrap_err();
        assert!(matches!(error, CapabilityError::IdempotencyMismatch));
        // Another route, and another actor, have keys of their own.
        let other = run!(store, ctx, payment_record, order, payment(20), Some(&key("POST /v1/other", b"20"))).unwrap();
        let actor = Origin::new(Actor::User(UserId::generate(&env)), Locale::En, env.clone()).for_tenant(Arc::clone(ctx.tenant()));
        let theirs = run!(store, actor, payment_record, order, payment(30), Some(&key(ROUTE, b"30"))).unwrap();
        assert!(!first.replayed && !other.replayed && !theirs.replayed);
        assert_eq!(run!(store, ctx, ledger_list, order).unwrap().len(), 3);
    }

    async fn a_failed_request_leaves_its_key_free(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(NOW)));
        let order = order(&store, &ctx).await;
        let key = IdempotencyKey::new(ROUTE, "k", b"").unwrap();
        assert_eq!(run!(store, ctx, payment_record, order, payment(101), Some(&key)).unwrap_err().code(), "overpaid");
        assert!(!run!(store, ctx, payment_record, order, payment(100), Some(&key)).unwrap().replayed);
    }

    async fn parallel_repetitions_have_one_effect(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(NOW)));
        let order = order(&store, &ctx).await;
        let key = IdempotencyKey::new(ROUTE, "k", b"").unwrap();
        let tasks: Vec<_> = (0..8).map(|_| {
            let (store, ctx, key) = (store.clone(), ctx.clone(), key.clone());
            tokio::spawn(async move {
                loop {
                    let paid = run!(store, ctx, payment_record, order, payment(10), Some(&key));
                    match paid {
                        Err(error) if error.code() == "busy" => {}
                        paid => return paid.unwrap(),
                    }
                }
            })
        }).collect();
        let mut fresh = 0;
        let mut ids = std::collections::HashSet::new();
        for task in tasks {
            let paid = task.await.unwrap();
            fresh += u32::from(!paid.replayed);
            ids.insert(paid.value.id);
        }
        assert_eq!((fresh, ids.len()), (1, 1));
        assert_eq!(run!(store, ctx, ledger_list, order).unwrap().len(), 1);
    }

    async fn a_key_is_free_again_after_a_day(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        let order = order(&store, &ctx).await;
        let key = IdempotencyKey::new(ROUTE, "k", b"").unwrap();
        run!(store, ctx, payment_record, order, payment(10), Some(&key)).unwrap();
        env.advance(24 * 3_600_000 - 1);
        assert!(run!(store, ctx, payment_record, order, payment(10), Some(&key)).unwrap().replayed);
        env.advance(1);
        assert!(!run!(store, ctx, payment_record, order, payment(10), Some(&key)).unwrap().replayed);
        assert_eq!(run!(store, ctx, purge, 10).unwrap(), 0);
        env.advance(24 * 3_600_000);
        assert_eq!(run!(store, ctx, purge, 10).unwrap(), 1);
    }
}
