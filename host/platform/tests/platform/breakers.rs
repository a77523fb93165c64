//! Breakers as they are reported, seen and re-armed; what a merchant lets a failure do.

use heptad_model::id::InstallId;
use heptad_model::points::FailurePolicy;
use heptad_model::{Ctx, Env, Manifest, Millis, PageRequest, Point};
use heptad_platform::audit::{AuditQuery, audit_list};
use heptad_platform::breaker::*;
use heptad_platform::install::*;
use heptad_platform::publisher::Publisher;
use heptad_platform::{PlatformError, generation};
use heptad_store::{Store, StoreError, both_databases};
use serde_json::json;

use crate::support::*;

/// A plugin that prices lines and may object to a cart, installed.
async fn checker(store: &Store, env: &Env, by: &Publisher, ctx: &Ctx) -> Install {
    let mut manifest = manifest_json(&by.slug, "checker", "1.0.0");
    manifest["points"] = json!(["discount.lines", "cart.validate-complete"]);
    let manifest = Manifest::from_json(manifest.to_string().as_bytes()).unwrap();
    let submitted = submit(store, env, by, &version_in(manifest, 'c')).await.unwrap();
    approve(store, env, &submitted).await;
    install(store, ctx, &install_in("checker")).await.unwrap()
}

fn breaker(install: InstallId, state: BreakerState, at: i64) -> Breaker {
    let (changed_at, retry_at) = (Millis::new(at), Millis::new(at + 30_000));
    let (code, message) = ("fuel".to_owned(), "the plugin reached its limit".to_owned());
    Breaker { install, point: Point::DiscountLines, state, code, message, openings: 0, changed_at, retry_at }
}

async fn put(store: &Store, ctx: &Ctx, breaker: &Breaker) -> Result<(), PlatformError> {
    let put = async |mut tx| {
        let install = install_get(&mut tx, breaker.install).await?;
        breaker_put(&mut tx, breaker, install.epoch()).await
    };
    store.write(ctx, put).await
}

async fn list(store: &Store, ctx: &Ctx) -> Vec<Breaker> {
    store.read(ctx, async |mut tx| breaker_list(&mut tx).await).await.unwrap()
}

async fn choose(
    store: &Store,
    ctx: &Ctx,
    id: InstallId,
    point: Point,
    policy: Option<FailurePolicy>,
) -> Result<Install, PlatformError> {
    store.write(ctx, async |mut tx| install_failure_put(&mut tx, id, point, policy).await).await
}

async fn generation_now(store: &Store, ctx: &Ctx) -> i64 {
    store.platform_read::<_, StoreError, _>(ctx, async |mut tx| generation(&mut tx).await).await.unwrap()
}

both_databases! {
    async fn a_breaker_counts_how_often_it_went_open(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let (ctx, other) = (ctx(&store, &env, "shop").await, ctx(&store, &env, "other").await);
        let id = checker(&store, &env, &by, &ctx).await.id;
        use BreakerState::{Closed, Open};
        for (state, at, openings) in [(Open, 1, 1), (Open, 2, 1), (Closed, 3, 1), (Closed, 4, 1), (Open, 5, 2)] {
            put(&store, &ctx, &breaker(id, state, at)).await.unwrap();
            assert_eq!(list(&store, &ctx).await, [Breaker { openings, ..breaker(id, state, at) }]);
        }
        let long = Breaker { message: "满".repeat(900), ..breaker(id, Open, 6) };
        put(&store, &ctx, &long).await.unwrap();
        assert_eq!(list(&store, &ctx).await[0].message.chars().count(), 500);
        // Another shop neither sees nor writes it.
        assert_eq!(list(&store, &other).await, []);
        assert_eq!(put(&store, &other, &breaker(id, Open, 7)).await.unwrap_err().code(), "not-found");
        store.write(&ctx, async |mut tx| install_uninstall(&mut tx, id, OwnData::Purge).await).await.unwrap();
        assert_eq!(put(&store, &ctx, &breaker(id, Open, 8)).await.unwrap_err().code(), "not-found");
        assert_eq!(list(&store, &ctx).await, []);
    }

    async fn re_arming_closes_all_breakers_of_an_install_and_every_process_learns_of_it(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let (ctx, other) = (ctx(&store, &env, "shop").await, ctx(&store, &env, "other").await);
        let install = checker(&store, &env, &by, &ctx).await;
        let id = install.id;
        put(&store, &ctx, &breaker(id, BreakerState::Open, NOW)).await.unwrap();
        let second = Breaker { point: Point::CartValidateComplete, ..breaker(id, BreakerState::Open, NOW) };
        put(&store, &ctx, &second).await.unwrap();
        let before = generation_now(&store, &ctx).await;
        let rearm = async |ctx: &Ctx| store.write(ctx, async |mut tx| breaker_rearm(&mut tx, id).await).await;
        assert_eq!(rearm(&other).await.unwrap_err().code(), "not-found");
        assert_eq!(generation_now(&store, &ctx).await, before);
        let standing = |at| second.standing(Millis::new(at));
        assert_eq!([standing(NOW + 29_999), standing(NOW + 30_000)], ["open", "half-open"]);
        env.advance(5);
        rearm(&ctx).await.unwrap();
        let states: Vec<_> = list(&store, &ctx).await.into_iter().map(|breaker| (breaker.state, breaker.openings, breaker.changed_at.as_millis())).collect();
        assert_eq!(states, [(BreakerState::Closed, 1, NOW + 5); 2]);
        let after = store.read(&ctx, async |mut tx| install_get(&mut tx, id).await).await.unwrap();
        // Prices that were quoted stay valid: the plugin itself is the same.
        assert_eq!((after.rearmed, after.revision), (install.rearmed + 1, install.revision));
        assert_eq!(generation_now(&store, &ctx).await, before + 1);
        // A call from before the re-arming reports too late.
        let late = async |mut tx| breaker_put(&mut tx, &second, install.epoch()).await;
        assert_eq!(store.write(&ctx, late).await.unwrap_err().code(), "not-found");
        let rows = store.read(&ctx, async |mut tx| audit_list(&mut tx, &AuditQuery::default(), &PageRequest::first()).await).await.unwrap();
        assert_eq!((rows.items[0].action.as_str(), &rows.items[0].detail), ("install.rearmed", &json!({"plugin": "checker", "closed": 2})));
    }

    async fn what_a_failure_does_is_chosen_where_the_plugin_may_object_and_nowhere_else(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let (ctx, other) = (ctx(&store, &env, "shop").await, ctx(&store, &env, "other").await);
        let install = checker(&store, &env, &by, &ctx).await;
        let (id, veto) = (install.id, Point::CartValidateComplete);
        assert_eq!(install.failure_at(veto), FailurePolicy::Closed);
        let before = generation_now(&store, &ctx).await;
        env.advance(1);
        let open = choose(&store, &ctx, id, veto, Some(FailurePolicy::Open)).await.unwrap();
        env.advance(1);
        assert_eq!((open.failure_at(veto), open.revision), (FailurePolicy::Open, install.revision + 1));
        assert_eq!(generation_now(&store, &ctx).await, before + 1);
        // The same choice again is no change.
        assert_eq!(choose(&store, &ctx, id, veto, Some(FailurePolicy::Open)).await.unwrap(), open);
        let own = choose(&store, &ctx, id, veto, None).await.unwrap();
        assert!(own.failure.is_empty() && own.failure_at(veto) == FailurePolicy::Closed);
        for point in [Point::DiscountLines, Point::DiscountOrder] {
            let refused = choose(&store, &ctx, id, point, Some(FailurePolicy::Closed)).await.unwrap_err();
            assert_eq!((refused.code(), refused.fields()[0].pointer.as_str()), ("invalid-field", "/point"));
        }
        assert_eq!(choose(&store, &other, id, veto, None).await.unwrap_err().code(), "not-found");
        let rows = store.read(&ctx, async |mut tx| audit_list(&mut tx, &AuditQuery::default(), &PageRequest::first()).await).await.unwrap();
        let actions: Vec<_> = rows.items.iter().map(|row| row.action.as_str()).collect();
        assert_eq!(actions, ["install.failure-changed", "install.failure-changed", "install.created"]);
    }
}
