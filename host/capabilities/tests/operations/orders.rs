//! Placing, paying and reading orders.

use heptad_capabilities::extensions::Value;
use heptad_capabilities::mall::cart::{cart_lines_add, cart_lines_set};
use heptad_capabilities::mall::catalog::{ProductPatch, SkuPatch, product_update, sku_update};
use heptad_capabilities::mall::order::{
    OrderStatus, order_get, order_list, order_place, order_trace, orders_purchased,
};
use heptad_capabilities::mall::payment::{PaymentIn, ledger_list, payment_list, payment_record};
use heptad_capabilities::mall::quote::{Quote, QuoteIn, quote_create};
use heptad_capabilities::members::{CustomerPatch, customer_update};
use heptad_capabilities::{CapabilityError, IdempotencyKey};
use heptad_model::id::CustomerId;
use heptad_model::{Ctx, Currency, Env, Locale, Millis, Money, PageRequest, Point};
use heptad_store::{Store, both_databases};

use crate::fixture::{Behaviour, Fakes, NOW, ctx, customer, lines, minor, off, run, shop};

async fn quote(store: &Store, fakes: &Fakes, ctx: &Ctx, customer: Option<CustomerId>, of: &[(&str, u32)]) -> Quote {
    let input = QuoteIn::Lines { customer, lines: lines(of) };
    quote_create(store, fakes, ctx, input).await.unwrap().quote
}

fn payment(amount: i64, currency: &str) -> PaymentIn {
    let amount = Money { amount: minor(amount), currency: Currency::parse(currency).unwrap() };
    PaymentIn { amount, method: "wechat-pay".to_owned(), reference: "4200001".to_owned() }
}

both_databases! {
    async fn a01_a_cart_becomes_an_order_and_is_paid_once(database: TestDatabase) {
        let (store, ctx, fakes) = (database.open().await, ctx(&Env::fixed(NOW)), Fakes::default());
        shop(&store, &ctx, &[("A", 19_900), ("B", 9_900), ("C", 5_900)]).await;
        let quote = quote(&store, &fakes, &ctx, None, &[("A", 1), ("B", 1), ("C", 1)]).await;
        assert_eq!(quote.total, minor(35_700));
        let key = IdempotencyKey::new("POST /v1/orders", "place-1", quote.id.to_string().as_bytes()).unwrap();
        let placed = order_place(&store, &fakes, &ctx, quote.id, Some(&key)).await.unwrap();
        assert!(!placed.replayed);
        let order = placed.value.head.clone();
        assert_eq!((order.status, order.number.as_str(), order.total), (OrderStatus::Created, "1000001", minor(35_700)));
        assert_eq!(run!(store, ctx, order_get, order.id).unwrap(), placed.value);

        let again = order_place(&store, &fakes, &ctx, quote.id, Some(&key)).await.unwrap();
        assert_eq!((again.replayed, again.value), (true, placed.value));
        let error = order_place(&store, &fakes, &ctx, quote.id, None).await.unwrap_err();
        assert!(matches!(error, CapabilityError::AlreadyOrdered { order: id } if id == order.id.to_string()));

        let key = IdempotencyKey::new("POST /v1/orders/{id}/payments", "pay-1", b"35700").unwrap();
        let first = run!(store, ctx, payment_record, order.id, payment(35_700, "CNY"), Some(&key)).unwrap();
        let second = run!(store, ctx, payment_record, order.id, payment(35_700, "CNY"), Some(&key)).unwrap();
        assert_eq!((first.value.order_status, second.replayed), (OrderStatus::Paid, true));
        assert_eq!(first.value, second.value);
        assert_eq!(run!(store, ctx, payment_list, order.id).unwrap(), std::slice::from_ref(&first.value));
        let ledger = run!(store, ctx, ledger_list, order.id).unwrap();
        assert_eq!((ledger.len(), ledger[0].payment, ledger[0].amount), (1, first.value.id, minor(35_700)));
        let read = run!(store, ctx, order_get, order.id).unwrap().head;
        assert_eq!((read.status, read.paid), (OrderStatus::Paid, minor(35_700)));
    }

    async fn payments_never_exceed_the_total(database: TestDatabase) {
        let (store, ctx, fakes) = (database.open().await, ctx(&Env::fixed(NOW)), Fakes::default());
        shop(&store, &ctx, &[("A", 100), ("FREE", 0)]).await;
        let quoted = quote(&store, &fakes, &ctx, None, &[("A", 1)]).await;
        let order = order_place(&store, &fakes, &ctx, quoted.id, None).await.unwrap().value.head.id;
        for (input, code, field) in [
            (payment(101, "CNY"), "overpaid", Some("amount")),
            (payment(0, "CNY"), "invalid", Some("amount")),
            (payment(-1, "CNY"), "invalid", Some("amount")),
            (payment(100, "USD"), "invalid", Some("currency")),
        ] {
            let error = run!(store, ctx, payment_record, order, input.clone(), None).unwrap_err();
            assert_eq!((error.code(), error.field()), (code, field));
        }
        assert_eq!(run!(store, ctx, payment_record, order, payment(60, "CNY"), None).unwrap().value.order_status, OrderStatus::Created);
        assert_eq!(run!(store, ctx, payment_record, order, payment(41, "CNY"), None).unwrap_err().code(), "overpaid");
        assert_eq!(run!(store, ctx, payment_record, order, payment(40, "CNY"), None).unwrap().value.order_status, OrderStatus::Paid);
        assert_eq!(run!(store, ctx, payment_record, order, payment(1, "CNY"), None).unwrap_err().code(), "order-not-payable");
        let ledger = run!(store, ctx, ledger_list, order).unwrap();
        assert_eq!(ledger.iter().map(|entry| entry.amount.get()).sum::<i64>(), 100);
        // What costs nothing is paid.
        let free = quote(&store, &fakes, &ctx, None, &[("FREE", 1)]).await;
        assert_eq!(order_place(&store, &fakes, &ctx, free.id, None).await.unwrap().value.head.status, OrderStatus::Paid);
    }

    async fn a_quote_is_stale_when_what_it_read_was_changed(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        let product = shop(&store, &ctx, &[("A", 100), ("B", 1)]).await;
        let buyer = customer(&store, &ctx).await.id;
        let mut fakes = Fakes::default().offering(&env, "offers", Point::DiscountOrder, |_| Vec::new());
        for what in ["cart", "skus", "skus", "customer", "plugins"] {
            let quoted = quote(&store, &fakes, &ctx, Some(buyer), &[("A", 1)]).await;
            match (what, quoted.total.get()) {
                ("cart", _) => drop(run!(store, ctx, cart_lines_set, quoted.cart, lines(&[("A", 2)]), None).unwrap()),
                ("skus", 100) => drop(run!(store, ctx, sku_update, "A", SkuPatch { price: Some(minor(99)), ..SkuPatch::default() }).unwrap()),
                ("skus", _) => drop(run!(store, ctx, product_update, product, ProductPatch { tags: Some(Vec::new()), ..ProductPatch::default() }).unwrap()),
                ("customer", _) => drop(run!(store, ctx, customer_update, buyer, CustomerPatch { tier: Some(Some("gold".to_owned())), ..CustomerPatch::default() }).unwrap()),
                _ => fakes.plugins[0].serving.revision = "2".to_owned(),
            }
            match order_place(&store, &fakes, &ctx, quoted.id, None).await {
                Err(CapabilityError::QuoteStale { changed }) => assert_eq!(changed, [what]),
                other => panic!("{what}: {other:?}"),
            }
        }
        // A change of what the quote did not read leaves it.
        let quoted = quote(&store, &fakes, &ctx, Some(buyer), &[("A", 1)]).await;
        run!(store, ctx, sku_update, "B", SkuPatch { price: Some(minor(2)), ..SkuPatch::default() }).unwrap();
        order_place(&store, &fakes, &ctx, quoted.id, None).await.unwrap();
        let after = cart_lines_add;
        let line = || lines(&[("A", 1)]).remove(0);
        assert_eq!(run!(store, ctx, after, quoted.cart, line(), None).unwrap_err().code(), "cart-ordered");
        let error = quote_create(&store, &fakes, &ctx, QuoteIn::Cart(quoted.cart)).await.unwrap_err();
        assert_eq!(error.code(), "cart-ordered");
    }

    async fn a_quote_expires_after_fifteen_minutes(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx, fakes) = (database.open().await, ctx(&env), Fakes::default());
        shop(&store, &ctx, &[("A", 100)]).await;
        let (early, late) = (quote(&store, &fakes, &ctx, None, &[("A", 1)]).await, quote(&store, &fakes, &ctx, None, &[("A", 1)]).await);
        env.advance(15 * 60_000 - 1);
        order_place(&store, &fakes, &ctx, early.id, None).await.unwrap();
        env.advance(1);
        assert_eq!(order_place(&store, &fakes, &ctx, late.id, None).await.unwrap_err().code(), "quote-expired");
    }

    async fn a_denial_and_a_silent_validator_block_the_order(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        shop(&store, &ctx, &[("A", 100)]).await;
        let buyer = customer(&store, &ctx).await.id;
        let limits = Fakes::default().with(&env, "limits", Point::CartValidateComplete, Behaviour::Limit(store.clone(), 3));
        let four = quote(&store, &limits, &ctx, Some(buyer), &[("A", 4)]).await;
        let error = order_place(&store, &limits, &ctx, four.id, None).await.unwrap_err();
        assert_eq!(error.to_string(), "the cart was refused: at most 3");
        let CapabilityError::CartDenied(denials) = error else { panic!("{error}") };
        assert_eq!((denials[0].plugin.as_str(), denials[0].lines.as_slice()), ("limits", [0].as_slice()));
        assert_eq!(denials[0].reason.sentence(Locale::ZhCn), "最多 3 件");

        let broken = Fakes::default().with(&env, "broken", Point::CartValidateComplete, Behaviour::Fail);
        let one = quote(&store, &broken, &ctx, Some(buyer), &[("A", 1)]).await;
        let error = order_place(&store, &broken, &ctx, one.id, None).await.unwrap_err();
        assert_eq!(error.code(), "plugin-unavailable");
        assert_eq!(run!(store, ctx, order_list, &PageRequest::first()).unwrap().items, []);
    }

    async fn the_orders_trace_tells_who_priced_and_who_agreed(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        shop(&store, &ctx, &[("A", 100)]).await;
        let buyer = customer(&store, &ctx).await.id;
        let fakes = Fakes::default()
            .with(&env, "limits", Point::CartValidateComplete, Behaviour::Limit(store.clone(), 3))
            .offering(&env, "offers", Point::DiscountOrder, |_| vec![off(Value::BasisPoints(1_000))]);
        let quoted = quote(&store, &fakes, &ctx, Some(buyer), &[("A", 2)]).await;
        let order = order_place(&store, &fakes, &ctx, quoted.id, None).await.unwrap().value;
        assert_eq!((order.head.subtotal, order.head.discount, order.head.total), (minor(200), minor(20), minor(180)));
        assert_eq!((order.lines[0].discount, order.lines[0].total), (minor(20), minor(180)));
        let trace = run!(store, ctx, order_trace, order.head.id).unwrap();
        assert_eq!(trace.calls.iter().map(|call| call.call.plugin.as_str()).collect::<Vec<_>>(), ["offers", "limits"]);
        assert_eq!(trace.calls[0].operations[0].given, minor(20));
    }

    async fn ten_parallel_carts_with_a_limit_of_three_give_three_orders(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        shop(&store, &ctx, &[("A", 100)]).await;
        let buyer = customer(&store, &ctx).await.id;
        let fakes = Fakes::default().with(&env, "limits", Point::CartValidateComplete, Behaviour::Limit(store.clone(), 3));
        let shoppers: Vec<_> = (0..10).map(|_| {
            let (store, ctx, fakes) = (store.clone(), ctx.clone(), fakes.clone());
            tokio::spawn(async move {
                loop {
                    let quoted = quote(&store, &fakes, &ctx, Some(buyer), &[("A", 1)]).await;
                    match order_place(&store, &fakes, &ctx, quoted.id, None).await {
                        Ok(_) => return true,
                        Err(CapabilityError::CartDenied(_)) => return false,
                        // Another order of the customer came between, or the database had too many at once: again.
                        Err(error) => assert!(matches!(error.code(), "quote-stale" | "busy"), "{error}"),
                    }
                }
            })
        }).collect();
        let mut orders = 0;
        for shopper in shoppers {
            orders += u32::from(shopper.await.unwrap());
        }
        assert_eq!(orders, 3);
        let bought = run!(store, ctx, orders_purchased, &buyer.to_string(), &["A".to_owned()], Millis::new(0)).unwrap();
        assert_eq!(bought[0].quantity, 3);
        let page = run!(store, ctx, order_list, &PageRequest::first()).unwrap();
        let mut numbers: Vec<_> = page.items.iter().map(|order| order.number.as_str()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, ["1000001", "1000002", "1000003"]);
    }

    async fn orders_are_listed_latest_first_and_purchases_summed(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ours, theirs, fakes) = (database.open().await, ctx(&env), ctx(&env), Fakes::default());
        shop(&store, &ours, &[("A", 100), ("B", 100)]).await;
        let buyer = customer(&store, &ours).await.id;
        let mut placed = Vec::new();
        for quantity in [1, 2, 3] {
            let quoted = quote(&store, &fakes, &ours, Some(buyer), &[("A", quantity), ("A", 10)]).await;
            placed.insert(0, order_place(&store, &fakes, &ours, quoted.id, None).await.unwrap().value.head.id);
            env.advance(if quantity == 1 { 1_000 } else { 0 });
        }
        let first = run!(store, ours, order_list, &PageRequest::new(None, Some(2)).unwrap()).unwrap();
        let second = run!(store, ours, order_list, &PageRequest::new(first.next.as_deref(), Some(2)).unwrap()).unwrap();
        let mut listed: Vec<_> = first.items.iter().chain(&second.items).map(|order| order.id).collect();
        assert_eq!(listed.last(), placed.last());
        listed.sort_unstable();
        placed.sort_unstable();
        assert_eq!(listed, placed);

        let skus = ["B", "A"].map(str::to_owned);
        let bought = run!(store, ours, orders_purchased, &buyer.to_string(), &skus, Millis::new(NOW + 1_000)).unwrap();
        assert_eq!(bought.iter().map(|one| (one.sku.as_str(), one.quantity)).collect::<Vec<_>>(), [("B", 0), ("A", 25)]);
        for customer in ["cus_nope".to_owned(), buyer.to_string()] {
            let error = run!(store, theirs, orders_purchased, &customer, &skus, Millis::new(0)).unwrap_err();
            assert_eq!(error.code(), "not-found");
        }
        assert_eq!(run!(store, theirs, order_list, &PageRequest::first()).unwrap().items, []);
        assert_eq!(run!(store, theirs, order_get, placed[0]).unwrap_err().code(), "not-found");
        assert_eq!(run!(store, theirs, payment_record, placed[0], payment(1, "CNY"), None).unwrap_err().code(), "not-found");
    }
}
