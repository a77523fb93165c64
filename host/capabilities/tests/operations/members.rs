//! Customers and what plugins read of them.

use heptad_capabilities::members::{
    CustomerIn, CustomerPatch, customer_create, customer_find, customer_get, customer_list, customer_update, profiles,
    tags, tiers,
};
use heptad_model::{Env, PageRequest};
use heptad_store::both_databases;

use crate::fixture::{NOW, ctx, customer, run};

both_databases! {
    async fn a_customer_is_made_read_and_changed(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(NOW)));
        let made = customer(&store, &ctx).await;
        assert_eq!(run!(store, ctx, customer_get, made.id).unwrap(), made);
        assert_eq!(made.code, made.id.to_string());
        let patch = || CustomerPatch {
            name: Some(None),
            email: Some(Some("li@example.com".to_owned())),
            tier: Some(Some("gold".to_owned())),
            tags: Some(vec!["vip".to_owned(), "early".to_owned()]),
            ..CustomerPatch::default()
        };
        let changed = run!(store, ctx, customer_update, made.id, patch()).unwrap();
        assert_eq!((changed.version, changed.name.as_deref(), changed.tier.as_deref()), (2, None, Some("gold")));
        assert_eq!(run!(store, ctx, customer_get, made.id).unwrap(), changed);
        assert_eq!(run!(store, ctx, customer_find, "LI@", 10).unwrap(), std::slice::from_ref(&changed));
        assert!(run!(store, ctx, customer_find, "lei", 10).unwrap().is_empty());
        assert_eq!(run!(store, ctx, customer_list, &PageRequest::first()).unwrap().items, [changed]);
    }

    async fn plugins_read_batches_in_the_order_asked_for(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(NOW)));
        let (first, second) = (customer(&store, &ctx).await, customer(&store, &ctx).await);
        let patch = || CustomerPatch { tier: Some(Some("gold".to_owned())), tags: Some(vec!["b".to_owned(), "a".to_owned()]), ..CustomerPatch::default() };
        run!(store, ctx, customer_update, second.id, patch()).unwrap();
        let ids = [second.id.to_string(), "cus_nope".to_owned(), first.id.to_string()];
        let found = run!(store, ctx, tiers, &ids).unwrap();
        assert_eq!(found.iter().map(|one| (one.customer.as_str(), one.tier.as_deref())).collect::<Vec<_>>(), [(ids[0].as_str(), Some("gold")), (ids[2].as_str(), None)]);
        assert_eq!(run!(store, ctx, tags, &ids).unwrap()[0].tags, ["a", "b"]);
        let found = run!(store, ctx, profiles, &ids).unwrap();
        assert_eq!((found.len(), found[1].name.as_deref(), found[1].since.as_millis()), (2, Some("Li Lei"), NOW));
    }

    async fn bad_input_is_refused_with_its_field(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ours, theirs) = (database.open().await, ctx(&env), ctx(&env));
        let input = CustomerIn::default;
        for (input, field) in [
            (CustomerIn { name: Some(" ".to_owned()), ..input() }, "name"),
            (CustomerIn { email: Some("li".to_owned()), ..input() }, "email"),
            (CustomerIn { email: Some("a b@c".to_owned()), ..input() }, "email"),
            (CustomerIn { phone: Some("call me".to_owned()), ..input() }, "phone"),
            (CustomerIn { tier: Some("Gold".to_owned()), ..input() }, "tier"),
            (CustomerIn { tags: vec!["x".to_owned(); 21], ..input() }, "tags"),
        ] {
            assert_eq!(run!(store, ours, customer_create, input.clone()).unwrap_err().field(), Some(field));
        }
        let coded = || CustomerIn { code: Some("C-1".to_owned()), ..input() };
        let made = run!(store, ours, customer_create, coded()).unwrap();
        assert_eq!(run!(store, ours, customer_create, coded()).unwrap_err().code(), "already-exists");
        assert_eq!(run!(store, theirs, customer_get, made.id).unwrap_err().code(), "not-found");
        run!(store, theirs, customer_create, coded()).unwrap();
    }
}
