//! Carts.

use heptad_capabilities::mall::cart::{
    CartLine, cart_create, cart_get, cart_lines_add, cart_lines_quantity, cart_lines_remove, cart_lines_set,
};
use heptad_model::Env;
use heptad_store::both_databases;

use crate::fixture::{NOW, ctx, customer, lines, run, shop};

both_databases! {
    async fn lines_are_set_added_changed_and_removed(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(NOW)));
        shop(&store, &ctx, &[("A", 1), ("B", 1), ("C", 1)]).await;
        let buyer = customer(&store, &ctx).await;
        let cart = run!(store, ctx, cart_create, Some(buyer.id), lines(&[("A", 1)])).unwrap();
        let line = |sku: &str, quantity| CartLine { sku: sku.to_owned(), quantity };
        run!(store, ctx, cart_lines_add, cart.id, line("B", 2), Some(1)).unwrap();
        let added = run!(store, ctx, cart_lines_add, cart.id, line("A", 3), None).unwrap();
        assert_eq!(added.lines, lines(&[("A", 4), ("B", 2)]));
        let changed = run!(store, ctx, cart_lines_quantity, cart.id, 1, 5, None).unwrap();
        assert_eq!(changed.lines, lines(&[("A", 4), ("B", 5)]));
        let removed = run!(store, ctx, cart_lines_remove, cart.id, 0, None).unwrap();
        assert_eq!(removed.lines, lines(&[("B", 5)]));
        // A SKU twice stays two lines when all lines are given.
        let set = run!(store, ctx, cart_lines_set, cart.id, lines(&[("C", 1), ("A", 1), ("C", 2)]), None).unwrap();
        assert_eq!((set.version, set.customer), (6, Some(buyer.id)));
        assert_eq!(run!(store, ctx, cart_get, cart.id).unwrap(), set);
    }

    async fn bad_lines_are_refused_and_nothing_is_changed(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ours, theirs) = (database.open().await, ctx(&env), ctx(&env));
        shop(&store, &ours, &[("A", 1)]).await;
        let cart = run!(store, ours, cart_create, None, lines(&[("A", 1)])).unwrap();
        for (bad, field) in [
            (lines(&[("A", 0)]), "lines.0.quantity"),
            (lines(&[("A", 1), ("A", 1_000_001)]), "lines.1.quantity"),
            (lines(&[("A", 1), ("nope", 1)]), "lines.1.sku"),
            (lines(&vec![("A", 1); 2_001]), "lines"),
        ] {
            assert_eq!(run!(store, ours, cart_lines_set, cart.id, bad.clone(), None).unwrap_err().field(), Some(field));
            assert_eq!(run!(store, ours, cart_create, None, bad.clone()).unwrap_err().field(), Some(field));
        }
        assert_eq!(run!(store, ours, cart_lines_remove, cart.id, 1, None).unwrap_err().code(), "not-found");
        assert_eq!(run!(store, ours, cart_lines_set, cart.id, Vec::new(), Some(7)).unwrap_err().code(), "cart-changed");
        assert_eq!(run!(store, ours, cart_get, cart.id).unwrap(), cart);
        let buyer = customer(&store, &theirs).await;
        assert_eq!(run!(store, ours, cart_create, Some(buyer.id), Vec::new()).unwrap_err().code(), "not-found");
        assert_eq!(run!(store, theirs, cart_get, cart.id).unwrap_err().code(), "not-found");
    }
}
