//! Coupons are issued once for a request, never beyond the batch; notes and tags of orders.

use heptad_capabilities::mall::annotation::{Annotation, order_annotate, order_marks};
use heptad_capabilities::mall::order::order_place;
use heptad_capabilities::mall::quote::{QuoteIn, quote_create};
use heptad_capabilities::members::coupons::*;
use heptad_capabilities::members::{TagChange, customer_get, tags_change};
use heptad_model::id::OrderId;
use heptad_model::{Env, Millis, PageRequest};
use heptad_store::both_databases;

use crate::fixture::{Fakes, NOW, ctx, customer, lines, minor, run, shop};

fn batch(code: &str, cap: Option<i64>) -> CouponBatchIn {
    let worth = Worth { off: Off::Amount(minor(8_000)), from_total: minor(50_000) };
    CouponBatchIn { code: code.to_owned(), name: "满500减80".to_owned(), worth, valid_days: 30, ends_at: None, cap }
}

fn grant(request: &str, batch: &str, customer: &str) -> Grant {
    Grant { request: request.to_owned(), batch: batch.to_owned(), customer: customer.to_owned() }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

both_databases! {
    async fn a_coupon_is_issued_once_for_its_request_and_taken_back(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        let id = customer(&store, &ctx).await.id.to_string();
        let made = run!(store, ctx, coupon_batch_create, batch("autumn", None)).unwrap();
        let first = run!(store, ctx, coupons_issue, &[grant("r1", "autumn", &id), grant("r2", "autumn", &id)]).unwrap();
        assert_eq!(run!(store, ctx, coupons_issue, &[grant("r1", "autumn", &id)]).unwrap(), first[..1]);
        assert_eq!((first[0].code.len(), first[0].expires_at.as_millis()), (12, NOW + 30 * 24 * 3_600_000));
        assert_ne!(first[0].code, first[1].code);
        let void = [Withdrawal { coupon: first[0].id.to_string(), reason: "returned".to_owned() }];
        for _ in 0..2 {
            run!(store, ctx, coupons_void, &void).unwrap();
        }
        let held = async || {
            let mut held: Vec<_> = run!(store, ctx, coupons_held, std::slice::from_ref(&id)).unwrap().into_iter().map(|one| (one.id, one.status)).collect();
            held.sort_by_key(|one| one.0 != first[0].id);
            held
        };
        assert_eq!(held().await, [(first[0].id, CouponStatus::Void), (first[1].id, CouponStatus::Issued)]);
        assert_eq!(run!(store, ctx, coupon_batch_get, made.id).unwrap().issued, 2);
        env.advance(30 * 24 * 3_600_000);
        assert_eq!(held().await[1].1, CouponStatus::Expired);
        assert_eq!(run!(store, ctx, coupon_batch_list, &PageRequest::first()).unwrap().items.len(), 1);
    }

    async fn i13_the_coupon_beyond_the_batch_is_refused(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(NOW)));
        let id = customer(&store, &ctx).await.id.to_string();
        let made = run!(store, ctx, coupon_batch_create, batch("few", Some(3))).unwrap();
        let three: Vec<_> = (0..3).map(|number| grant(&number.to_string(), "few", &id)).collect();
        run!(store, ctx, coupons_issue, &three[..2]).unwrap();
        let two = [grant("8", "few", &id), grant("9", "few", &id)];
        assert_eq!(run!(store, ctx, coupons_issue, &two).unwrap_err().to_string(), "the batch `few` has 1 coupons left");
        run!(store, ctx, coupons_issue, &three).unwrap();
        assert_eq!(run!(store, ctx, coupons_issue, &two[..1]).unwrap_err().code(), "batch-empty");
        assert_eq!(run!(store, ctx, coupon_batch_get, made.id).unwrap().issued, 3);
        assert_eq!(run!(store, ctx, coupons_held, std::slice::from_ref(&id)).unwrap().len(), 3);
    }

    async fn closed_batches_and_bad_input_are_refused(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ours, theirs) = (database.open().await, ctx(&env), ctx(&env));
        let id = customer(&store, &ours).await.id.to_string();
        let made = run!(store, ours, coupon_batch_create, batch("closed", None)).unwrap();
        let short = CouponBatchIn { ends_at: Some(Millis::new(NOW + 1)), ..batch("short", None) };
        run!(store, ours, coupon_batch_create, short.clone()).unwrap();
        run!(store, ours, coupon_batch_close, made.id).unwrap();
        env.advance(1);
        let issue = async |grant: Grant| run!(store, ours, coupons_issue, std::slice::from_ref(&grant)).unwrap_err().code();
        assert_eq!(issue(grant("1", "closed", &id)).await, "batch-closed");
        assert_eq!(issue(grant("1", "short", &id)).await, "batch-closed");
        assert_eq!(issue(grant("1", "none", &id)).await, "not-found");
        assert_eq!(issue(grant("1", "closed", "cus_nobody")).await, "not-found");
        let taken = run!(store, ours, coupon_batch_create, batch("closed", None));
        assert_eq!(taken.unwrap_err().code(), "already-exists");
        let bad = CouponBatchIn { valid_days: 0, ..batch("bad", None) };
        assert_eq!(run!(store, ours, coupon_batch_create, bad.clone()).unwrap_err().field(), Some("valid_days"));
        let worth = Worth { off: Off::BasisPoints(10_001), from_total: minor(0) };
        let bad = CouponBatchIn { worth, ..batch("bad", None) };
        assert_eq!(run!(store, ours, coupon_batch_create, bad.clone()).unwrap_err().field(), Some("worth.off.basis_points"));
        assert_eq!(run!(store, theirs, coupon_batch_get, made.id).unwrap_err().code(), "not-found");
        let void = [Withdrawal { coupon: "cpn_1".to_owned(), reason: "x".to_owned() }];
        assert_eq!(run!(store, ours, coupons_void, &void).unwrap_err().code(), "not-found");
    }

    async fn tags_of_members_change_and_the_others_stay(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(NOW)));
        let id = customer(&store, &ctx).await.id;
        let change = |add: &[&str], remove: &[&str]| [TagChange { customer: id.to_string(), add: words(add), remove: words(remove) }];
        run!(store, ctx, tags_change, &change(&["vip", "early"], &[])).unwrap();
        run!(store, ctx, tags_change, &change(&["late", "never"], &["early", "never"])).unwrap();
        let after = run!(store, ctx, customer_get, id).unwrap();
        assert_eq!((after.tags.as_slice(), after.version), (words(&["late", "vip"]).as_slice(), 3));
        run!(store, ctx, tags_change, &change(&["vip"], &["none"])).unwrap();
        assert_eq!(run!(store, ctx, customer_get, id).unwrap().version, 3, "nothing has changed");
        assert_eq!(run!(store, ctx, tags_change, &change(&["Not A Tag"], &[])).unwrap_err().code(), "invalid");
        let many: Vec<String> = (0..19).map(|number| format!("t{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(run!(store, ctx, tags_change, &change(&many, &[])).unwrap_err().code(), "invalid");
    }

    async fn orders_get_notes_and_tags(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        shop(&store, &ctx, &[("A", 100)]).await;
        let fakes = Fakes::default();
        let input = QuoteIn::Lines { customer: None, lines: lines(&[("A", 1)]) };
        let quote = quote_create(&store, &fakes, &ctx, input).await.unwrap().quote;
        let order = order_place(&store, &fakes, &ctx, quote.id, None).await.unwrap().value.head.id;
        let input = Annotation { note: Some("ring twice".to_owned()), add_tags: words(&["gift"]), remove_tags: vec![] };
        let marks = run!(store, ctx, order_annotate, order, &input).unwrap();
        assert_eq!((marks.tags.as_slice(), marks.notes[0].text.as_str()), (words(&["gift"]).as_slice(), "ring twice"));
        let input = Annotation { remove_tags: words(&["gift"]), ..Annotation::default() };
        assert_eq!(run!(store, ctx, order_annotate, order, &input).unwrap().tags, Vec::<String>::new());
        let bad = Annotation { note: Some("x".repeat(501)), ..Annotation::default() };
        assert_eq!(run!(store, ctx, order_annotate, order, &bad).unwrap_err().field(), Some("note"));
        let one = Annotation { note: Some("again".to_owned()), ..Annotation::default() };
        for _ in 1..100 {
            run!(store, ctx, order_annotate, order, &one).unwrap();
        }
        assert_eq!(run!(store, ctx, order_annotate, order, &one).unwrap_err().code(), "order-notes-full");
        assert_eq!(run!(store, ctx, order_marks, order).unwrap().notes.len(), 100);
        let none = OrderId::generate(&env);
        assert_eq!(run!(store, ctx, order_annotate, none, &one).unwrap_err().code(), "not-found");
    }
}
