//! Products, SKUs and stock.

use heptad_capabilities::mall::catalog::{
    ProductIn, ProductPatch, SkuIn, SkuPatch, product_create, product_find, product_get, product_list, product_update,
    sku_create, sku_find, sku_get, sku_get_many, sku_list, sku_of_product, sku_update,
};
use heptad_capabilities::mall::inventory::{level_set, levels};
use heptad_model::{Env, PageRequest};
use heptad_store::both_databases;

use crate::fixture::{NOW, ctx, minor, run, shop};

both_databases! {
    async fn a_catalog_is_made_read_and_changed(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ctx) = (database.open().await, ctx(&env));
        let product = shop(&store, &ctx, &[("A", 100), ("B", 200)]).await;
        let sku = run!(store, ctx, sku_get, "A").unwrap();
        assert_eq!((sku.price, sku.version, sku.price_derived, sku.product_name.as_str()), (minor(100), 1, false, "Tea"));
        assert_eq!(sku.tags, ["drinks"]);

        let sku = run!(store, ctx, sku_update, "A", SkuPatch { price: Some(minor(150)), ..SkuPatch::default() }).unwrap();
        assert_eq!((sku.price, sku.version), (minor(150), 2));
        assert_eq!(run!(store, ctx, sku_get, "A").unwrap(), sku);

        // Prices depend on tags, so a change of the product is a change of its SKUs.
        let patch = || ProductPatch { tags: Some(vec!["z".to_owned(), "a".to_owned()]), ..ProductPatch::default() };
        let changed = run!(store, ctx, product_update, product, patch()).unwrap();
        assert_eq!((changed.version, changed.tags.clone()), (2, vec!["a".to_owned(), "z".to_owned()]));
        assert_eq!(run!(store, ctx, product_get, product).unwrap(), changed);
        assert_eq!(run!(store, ctx, sku_get, "A").unwrap().version, 3);
        assert_eq!(run!(store, ctx, sku_get, "B").unwrap().version, 2);
    }

    async fn skus_come_in_the_order_asked_for_and_page_by_page(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(NOW)));
        shop(&store, &ctx, &[("A", 1), ("B", 2), ("C", 3)]).await;
        let codes = ["C", "nope", "A", "C"].map(str::to_owned);
        let found = run!(store, ctx, sku_get_many, &codes).unwrap();
        assert_eq!(found.iter().map(|sku| sku.code.as_str()).collect::<Vec<_>>(), ["C", "A", "C"]);
        let many = vec!["A".to_owned(); 2_001];
        assert_eq!(run!(store, ctx, sku_get_many, &many).unwrap_err().code(), "invalid");

        let first = run!(store, ctx, sku_list, &PageRequest::new(None, Some(2)).unwrap()).unwrap();
        let second = run!(store, ctx, sku_list, &PageRequest::new(first.next.as_deref(), Some(2)).unwrap()).unwrap();
        assert_eq!(first.items.iter().chain(&second.items).map(|sku| sku.code.as_str()).collect::<Vec<_>>(), ["A", "B", "C"]);
        assert_eq!(second.next, None);
        assert_eq!(run!(store, ctx, product_list, &PageRequest::first()).unwrap().items.len(), 1);
    }

    async fn bad_input_is_refused_with_its_field(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(NOW)));
        let product = shop(&store, &ctx, &[("A", 1)]).await;
        let sku = |code: &str, price| SkuIn { code: code.to_owned(), product, name: "x".to_owned(), price: minor(price) };
        for (input, field) in [(sku("a b", 1), "code"), (sku("", 1), "code"), (sku("B", -1), "price"), (sku("B", 1_000_000_000_001), "price")] {
            assert_eq!(run!(store, ctx, sku_create, input.clone()).unwrap_err().field(), Some(field));
        }
        assert_eq!(run!(store, ctx, sku_create, sku("A", 1)).unwrap_err().code(), "already-exists");
        let input = |tags: &[&str]| ProductIn {
            code: "tea".to_owned(),
            name: "Tea".to_owned(),
            category: String::new(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        assert_eq!(run!(store, ctx, product_create, input(&["Bad Tag"])).unwrap_err().field(), Some("tags.0"));
        assert_eq!(run!(store, ctx, product_create, input(&[])).unwrap_err().code(), "already-exists");
        assert_eq!(run!(store, ctx, sku_get, "nope").unwrap_err().code(), "not-found");
    }

    async fn what_a_person_looks_for_is_found_by_parts_of_it(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ours, theirs) = (database.open().await, ctx(&env), ctx(&env));
        let product = shop(&store, &ours, &[("A-1", 1), ("B_1", 2)]).await;
        for (text, expected) in [("tea a", vec!["A-1"]), ("DRINK", vec!["A-1", "B_1"]), ("_", vec!["B_1"]), ("%", vec![]), ("!", vec![])] {
            let found = run!(store, ours, sku_find, text, 10).unwrap();
            assert_eq!(found.iter().map(|sku| sku.code.as_str()).collect::<Vec<_>>(), expected, "{text}");
        }
        assert_eq!(run!(store, ours, sku_find, "tea", 1).unwrap().len(), 1);
        assert_eq!(run!(store, ours, sku_of_product, product).unwrap().len(), 2);
        assert_eq!(run!(store, ours, product_find, "TE", 10).unwrap().len(), 1);
        assert!(run!(store, theirs, sku_find, "tea", 10).unwrap().is_empty());
        assert!(run!(store, theirs, product_find, "tea", 10).unwrap().is_empty());
        assert!(run!(store, theirs, sku_of_product, product).unwrap().is_empty());
    }

    async fn another_tenants_catalog_is_not_there(database: TestDatabase) {
        let env = Env::fixed(NOW);
        let (store, ours, theirs) = (database.open().await, ctx(&env), ctx(&env));
        let product = shop(&store, &theirs, &[("A", 1)]).await;
        assert_eq!(run!(store, ours, product_get, product).unwrap_err().code(), "not-found");
        assert_eq!(run!(store, ours, sku_get, "A").unwrap_err().code(), "not-found");
        let sku = SkuIn { code: "B".to_owned(), product, name: "x".to_owned(), price: minor(1) };
        assert_eq!(run!(store, ours, sku_create, sku.clone()).unwrap_err().code(), "not-found");
        // Both may use one code.
        shop(&store, &ours, &[("A", 2)]).await;
        assert_eq!(run!(store, theirs, sku_get, "A").unwrap().price, minor(1));
    }

    async fn stock_is_set_and_read_by_sku_and_location(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(NOW)));
        shop(&store, &ctx, &[("A", 1), ("B", 1), ("C", 1)]).await;
        for (sku, location, on_hand) in [("B", "east", 1), ("A", "west", 2), ("A", "east", 3), ("A", "west", 4)] {
            run!(store, ctx, level_set, sku, location, on_hand).unwrap();
        }
        let found = run!(store, ctx, levels, &["B".to_owned(), "A".to_owned(), "C".to_owned()]).unwrap();
        let found: Vec<_> = found.iter().map(|level| (level.sku.as_str(), level.location.as_str(), level.available())).collect();
        assert_eq!(found, [("A", "east", 3), ("A", "west", 4), ("B", "east", 1)]);
        assert_eq!(run!(store, ctx, level_set, "A", "east", -1).unwrap_err().field(), Some("on_hand"));
        assert_eq!(run!(store, ctx, level_set, "nope", "east", 1).unwrap_err().code(), "not-found");
    }
}
