//! Quotes: what plugins see, what their operations come to, and what is kept.

use heptad_capabilities::extensions::{Operation, Outcome, Value};
use heptad_capabilities::mall::cart::{cart_create, cart_get};
use heptad_capabilities::mall::quote::{QuoteIn, quote_create, quote_get, quote_purge, quote_trace};
use heptad_capabilities::mall::trace::Note;
use heptad_model::{Env, Locale, Minor, Point};
use heptad_store::both_databases;

use crate::fixture::{Behaviour, Fakes, NOW, ctx, customer, lines, minor, off, run, shop, yuan};

fn inline(of: &[(&str, u32)]) -> QuoteIn {
    QuoteIn::Lines { customer: None, lines: lines(of) }
}

both_databases! {
    async fn a04_fifty_off_three_hundred_goes_through_a_quote(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        shop(&store, &ctx, &[("A", 19_900), ("B", 9_900), ("C", 5_900)]).await;
        let fakes = Fakes::default().offering(&env, "breaks", Point::DiscountOrder, |cart| {
            let sum: i64 = cart.lines.iter().map(|line| line.remaining).sum();
            if sum >= 30_000 { vec![off(yuan(5_000))] } else { Vec::new() }
        });
        let quoted = quote_create(&store, &fakes, &ctx, inline(&[("A", 1), ("B", 1), ("C", 1)])).await.unwrap();
        let discounts: Vec<i64> = quoted.quote.lines.iter().map(|line| line.discount.get()).collect();
        assert_eq!(discounts, [2_787, 1_387, 826]);
        assert_eq!((quoted.quote.subtotal, quoted.quote.discount, quoted.quote.total), (minor(35_700), minor(5_000), minor(30_700)));
        assert_eq!(quoted.quote.expires_at.as_millis(), NOW + 15 * 60_000);

        // What was kept is what was told, and the cart is there.
        assert_eq!(run!(store, ctx, quote_get, quoted.quote.id).unwrap(), quoted.quote);
        let trace = run!(store, ctx, quote_trace, quoted.quote.id).unwrap();
        assert_eq!(trace, quoted.trace);
        assert_eq!(run!(store, ctx, cart_get, quoted.quote.cart).unwrap().lines, lines(&[("A", 1), ("B", 1), ("C", 1)]));
        let candidate = &trace.calls[0].operations[0].candidates[0];
        assert_eq!(candidate.shares.iter().map(|share| share.amount.get()).collect::<Vec<_>>(), discounts);
        assert_eq!((candidate.reason.sentence(Locale::ZhCn), candidate.reason.sentence(Locale::En)), ("减 some", "some off"));
        assert_eq!((trace.calls[0].call.plugin.as_str(), trace.calls[0].call.version.as_str()), ("breaks", "1.2.3"));
    }

    async fn e14_each_plugin_sees_what_those_before_it_left(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        shop(&store, &ctx, &[("A", 36_000)]).await;
        for (group, total) in [(None, 27_400), (Some("exclusive".to_owned()), 31_000)] {
            let grouped = move |operation: Operation| vec![Operation { exclusivity_group: group.clone(), ..operation }];
            let (first, second) = (grouped.clone(), grouped);
            // The stage counts, not the place in the list: lines come before the order.
            let fakes = Fakes::default()
                .offering(&env, "breaks", Point::DiscountOrder, move |cart| {
                    assert_eq!(cart.lines[0].remaining, 32_400);
                    second(off(yuan(5_000)))
                })
                .offering(&env, "members", Point::DiscountLines, move |cart| {
                    assert_eq!((cart.lines[0].remaining, cart.lines[0].unit_price), (36_000, 36_000));
                    first(off(Value::BasisPoints(1_000)))
                });
            let quoted = quote_create(&store, &fakes, &ctx, inline(&[("A", 1)])).await.unwrap();
            assert_eq!(quoted.quote.total, minor(total));
            assert_eq!(quoted.trace.calls.iter().map(|call| call.call.plugin.as_str()).collect::<Vec<_>>(), ["members", "breaks"]);
            assert!(quoted.trace.calls.iter().all(|call| call.operations.len() == 1));
        }
    }

    async fn a_failing_plugin_and_bad_operations_leave_the_quote_and_a_trace(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        shop(&store, &ctx, &[("A", 100)]).await;
        let fakes = Fakes::default()
            .with(&env, "broken", Point::DiscountLines, Behaviour::Fail)
            .offering(&env, "greedy", Point::DiscountOrder, |_| vec![off(yuan(-5)), off(yuan(30)), off(yuan(1_000_000))]);
        let quoted = quote_create(&store, &fakes, &ctx, inline(&[("A", 1)])).await.unwrap();
        assert_eq!(quoted.quote.total, Minor::ZERO);
        assert!(matches!(&quoted.trace.calls[0].call.outcome, Outcome::Failed { code, .. } if code == "trap"));
        let notes: Vec<&Note> = quoted.trace.calls[1].operations.iter().flat_map(|one| &one.candidates[0].notes).collect();
        assert!(matches!(notes[0], Note::Dropped { code, .. } if code == "negative"));
        assert_eq!(notes[1], &Note::Capped { asked: 1_000_000, left: minor(70) });
    }

    async fn what_cannot_be_priced_is_refused_and_nothing_is_stored(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ours, theirs) = (database.open().await, ctx(&env), ctx(&env));
        shop(&store, &ours, &[("A", 1_000_000_000_000), ("B", 1)]).await;
        let fakes = Fakes::default();
        let stranger = customer(&store, &theirs).await;
        let empty = run!(store, ours, cart_create, None, Vec::new()).unwrap();
        for (input, code, field) in [
            (inline(&[("B", 1), ("nope", 1)]), "invalid", Some("lines.1.sku")),
            (inline(&[("nope", 1), ("B", 1)]), "invalid", Some("lines.0.sku")),
            (inline(&[("B", 0)]), "invalid", Some("lines.0.quantity")),
            (inline(&[]), "invalid", Some("lines")),
            (QuoteIn::Cart(empty.id), "invalid", Some("lines")),
            (inline(&[("A", 1_000_000)]), "amount", None),
            (QuoteIn::Lines { customer: Some(stranger.id), lines: lines(&[("B", 1)]) }, "not-found", None),
        ] {
            let error = quote_create(&store, &fakes, &ours, input).await.unwrap_err();
            assert_eq!((error.code(), error.field()), (code, field));
        }
        let cart = run!(store, ours, cart_create, None, lines(&[("B", 1)])).unwrap();
        let error = quote_create(&store, &fakes, &theirs, QuoteIn::Cart(cart.id)).await.unwrap_err();
        assert_eq!(error.code(), "not-found");
        let quoted = quote_create(&store, &fakes, &ours, QuoteIn::Cart(cart.id)).await.unwrap();
        assert_eq!(run!(store, theirs, quote_get, quoted.quote.id).unwrap_err().code(), "not-found");
        assert_eq!(run!(store, theirs, quote_trace, quoted.quote.id).unwrap_err().code(), "not-found");
    }

    async fn statements_do_not_grow_with_lines(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        shop(&store, &ctx, &[("A", 100), ("B", 200)]).await;
        let fakes = Fakes::default().offering(&env, "offers", Point::DiscountOrder, |_| vec![off(Value::BasisPoints(1_000))]);
        let mut counts = Vec::new();
        for many in [1, 2_000] {
            let of: Vec<_> = (0..many).map(|n| (if n % 2 == 0 { "A" } else { "B" }, 1)).collect();
            let before = store.statement_count();
            let quoted = quote_create(&store, &fakes, &ctx, inline(&of)).await.unwrap();
            counts.push(store.statement_count() - before);
            assert_eq!(quoted.quote.lines.len(), many);
            let before = store.statement_count();
            heptad_capabilities::mall::order::order_place(&store, &fakes, &ctx, quoted.quote.id, None).await.unwrap();
            counts.push(store.statement_count() - before);
        }
        assert_eq!(counts[..2], counts[2..]);
    }

    async fn a_quote_needs_no_connection_while_plugins_run(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open_with(1).await, ctx(&env));
        shop(&store, &ctx, &[("A", 100)]).await;
        let buyer = customer(&store, &ctx).await;
        // The validator reads from a pool of one.
        let fakes = Fakes::default().with(&env, "limits", Point::CartValidateComplete, Behaviour::Limit(store.clone(), 3));
        let input = QuoteIn::Lines { customer: Some(buyer.id), lines: lines(&[("A", 1)]) };
        let quoted = quote_create(&store, &fakes, &ctx, input).await.unwrap();
        heptad_capabilities::mall::order::order_place(&store, &fakes, &ctx, quoted.quote.id, None).await.unwrap();
    }

    async fn old_quotes_are_purged(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        shop(&store, &ctx, &[("A", 100)]).await;
        let quoted = quote_create(&store, &Fakes::default(), &ctx, inline(&[("A", 1)])).await.unwrap();
        env.advance(24 * 3_600_000);
        assert_eq!(run!(store, ctx, quote_purge, 10).unwrap(), 0);
        env.advance(15 * 60_000);
        assert_eq!(run!(store, ctx, quote_purge, 10).unwrap(), 1);
        assert_eq!(run!(store, ctx, quote_get, quoted.quote.id).unwrap_err().code(), "not-found");
    }
}
