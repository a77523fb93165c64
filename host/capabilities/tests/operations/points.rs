//! Points: try, confirm, cancel, each once for its request id.

use heptad_capabilities::members::points::*;
use heptad_model::{Env, EventType, Millis, PageRequest};
use heptad_store::{Tx, both_databases};

use crate::fixture::{NOW, ctx, customer, run};

const HOUR: i64 = 3_600_000;

fn movement(request: &str, customer: &str, amount: i64) -> Movement {
    Movement { request: request.to_owned(), customer: customer.to_owned(), amount, reason: "test".to_owned() }
}

fn hold(request: &str, customer: &str, amount: i64) -> Hold {
    Hold { movement: movement(request, customer, amount), until: Millis::new(NOW + HOUR) }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

both_databases! {
    async fn e13_points_are_frozen_confirmed_and_unfrozen_each_once(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(NOW)));
        let id = customer(&store, &ctx).await.id.to_string();
        let has = async || {
            let balance = run!(store, ctx, points_balances, std::slice::from_ref(&id)).unwrap().remove(0);
            (balance.available, balance.frozen)
        };
        run!(store, ctx, points_earn, &[movement("e1", &id, 500)]).unwrap();
        run!(store, ctx, points_earn, &[movement("e1", &id, 500)]).unwrap();
        assert_eq!(has().await, (500, 0));
        for _ in 0..2 {
            run!(store, ctx, points_freeze, &[hold("f1", &id, 300)]).unwrap();
            assert_eq!(has().await, (200, 300));
        }
        for _ in 0..2 {
            run!(store, ctx, points_confirm, &names(&["f1"])).unwrap();
            assert_eq!(has().await, (200, 0));
        }
        assert_eq!(run!(store, ctx, points_unfreeze, &names(&["f1"])).unwrap_err().code(), "hold-confirmed");
        run!(store, ctx, points_freeze, &[hold("f2", &id, 200)]).unwrap();
        assert_eq!(run!(store, ctx, points_spend, &[movement("s1", &id, 1)]).unwrap_err().code(), "points-insufficient");
        for _ in 0..2 {
            run!(store, ctx, points_unfreeze, &names(&["f2"])).unwrap();
            assert_eq!(has().await, (200, 0));
        }
        assert_eq!(run!(store, ctx, points_confirm, &names(&["f2"])).unwrap_err().code(), "hold-unfrozen");
        run!(store, ctx, points_spend, &[movement("s1", &id, 150)]).unwrap();
        let back = |request: &str, of: &str, amount| Reversal { request: request.to_owned(), of: of.to_owned(), amount };
        for _ in 0..2 {
            run!(store, ctx, points_refund, &[back("r1", "f1", 250), back("r2", "s1", 150)]).unwrap();
        }
        assert_eq!(has().await, (450, 0));
        assert_eq!(run!(store, ctx, points_refund, &[back("r3", "f1", 51)]).unwrap_err().code(), "refund-exceeds");
        run!(store, ctx, points_refund, &[back("r3", "f1", 50)]).unwrap();

        let customer = id.parse().unwrap();
        let ledger = run!(store, ctx, points_ledger, customer, &PageRequest::first()).unwrap().items;
        let mut told: Vec<_> = ledger.iter().map(|entry| (entry.change.as_str(), entry.amount, entry.frozen_amount)).collect();
        told.sort_unstable();
        assert_eq!(told, [
            ("confirmed", 0, -300), ("earned", 500, 0), ("frozen", -300, 300), ("frozen", -200, 200), ("refunded", 50, 0),
            ("refunded", 150, 0), ("refunded", 250, 0), ("spent", -150, 0), ("unfrozen", 200, -200),
        ]);
        assert_eq!(ledger.iter().map(|entry| entry.amount).sum::<i64>(), 500);
        const TOLD: &str = "select count(*) as many from events where tenant_id = $1 and kind = $2 and key = $3";
        let told = async |mut tx: Tx| {
            tx.query(TOLD).text(EventType::PointsChanged).bind(&id).fetch_one(|row| row.int("many")).await
        };
        assert_eq!(store.read(&ctx, told).await.unwrap(), 9);
    }

    async fn e13_what_is_frozen_too_long_is_the_customers_again(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        let id = customer(&store, &ctx).await.id.to_string();
        run!(store, ctx, points_earn, &[movement("e1", &id, 100)]).unwrap();
        run!(store, ctx, points_freeze, &[hold("f1", &id, 60), hold("f2", &id, 40)]).unwrap();
        env.advance(HOUR - 1);
        run!(store, ctx, points_confirm, &names(&["f2"])).unwrap();
        env.advance(1);
        let balance = run!(store, ctx, points_balances, std::slice::from_ref(&id)).unwrap().remove(0);
        assert_eq!((balance.available, balance.frozen), (60, 0), "without anybody's doing");
        assert_eq!(run!(store, ctx, points_confirm, &names(&["f1"])).unwrap_err().code(), "hold-unfrozen");
        run!(store, ctx, points_spend, &[movement("s1", &id, 60)]).unwrap();
        // To cancel what has lapsed is no error, and gives nothing a second time.
        run!(store, ctx, points_unfreeze, &names(&["f1"])).unwrap();
        let balance = run!(store, ctx, points_balances, std::slice::from_ref(&id)).unwrap().remove(0);
        assert_eq!((balance.available, balance.frozen), (0, 0));
    }

    async fn a_list_of_operations_is_done_as_a_whole_and_bad_ones_are_named(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ours, theirs) = (database.open().await, ctx(&env), ctx(&env));
        let id = customer(&store, &ours).await.id.to_string();
        let nobody = "cus_00000000000000000000000000000000";
        let earn = run!(store, ours, points_earn, &[movement("e1", &id, 10), movement("e2", nobody, 10)]);
        assert_eq!(earn.unwrap_err().code(), "not-found");
        assert_eq!(run!(store, theirs, points_earn, &[movement("e1", &id, 10)]).unwrap_err().code(), "not-found");
        assert_eq!(run!(store, ours, points_balances, std::slice::from_ref(&id)).unwrap()[0].available, 0);
        run!(store, ours, points_earn, &[movement("e1", &id, 10)]).unwrap();
        for (refused, code) in [
            (run!(store, ours, points_earn, &[movement("e1", &id, 11)]), "request-mismatch"),
            (run!(store, ours, points_spend, &[movement("e1", &id, 10)]), "request-mismatch"),
            (run!(store, ours, points_earn, &[movement("e9", &id, 0)]), "invalid"),
            (run!(store, ours, points_earn, &[movement("", &id, 1)]), "invalid"),
            (run!(store, ours, points_freeze, &[Hold { until: Millis::new(NOW), ..hold("f9", &id, 1) }]), "invalid"),
            (run!(store, ours, points_freeze, &[Hold { until: Millis::new(NOW + MAX_HOLD + 1), ..hold("f9", &id, 1) }]), "invalid"),
            (run!(store, ours, points_confirm, &names(&["none"])), "not-found"),
            (run!(store, ours, points_confirm, &vec!["x".to_owned(); MAX_OPERATIONS + 1]), "invalid"),
        ] {
            assert_eq!(refused.unwrap_err().code(), code);
        }
        assert_eq!(run!(store, theirs, points_balances, std::slice::from_ref(&id)).unwrap(), []);
    }

    async fn of_many_who_spend_at_once_none_spends_what_is_not_there(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(NOW)));
        let id = customer(&store, &ctx).await.id.to_string();
        run!(store, ctx, points_earn, &[movement("e1", &id, 10)]).unwrap();
        let spend = async |number: u32| loop {
            let spent = run!(store, ctx, points_spend, &[movement(&format!("s{number}"), &id, 3)]);
            match spent {
                Err(error) if error.code() == "busy" => {}
                other => return other.is_ok(),
            }
        };
        let (a, b, c, d, e) = tokio::join!(spend(1), spend(2), spend(3), spend(4), spend(5));
        assert_eq!([a, b, c, d, e].into_iter().filter(|spent| *spent).count(), 3);
        assert_eq!(run!(store, ctx, points_balances, std::slice::from_ref(&id)).unwrap()[0].available, 1);
    }
}
