//! Calls that are sold by the day, among processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use heptad_model::time::span::DAY;
use heptad_model::{Actor, Currency, Env, Locale, Origin, Tenant};
use heptad_platform::quota::Quota;
use heptad_platform::tenant::{TenantIn, tenant_create};
use heptad_runtime::quota::{Quotas, Taken, lot};
use heptad_store::{Store, both_databases};

/// How many are sold, in lots of ten.
const MOST: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(20);

async fn tenant(store: &Store, env: &Env) -> Arc<Tenant> {
    let input = TenantIn {
        slug: "shop".to_owned(),
        name: "Shop".to_owned(),
        currency: Currency::parse("CNY").unwrap(),
        time_zone: "Asia/Shanghai".to_owned(),
        locale: Locale::ZhCn,
    };
    let origin = Origin::new(Actor::Anonymous, Locale::En, env.clone());
    store.platform_write(&origin, async |mut tx| tenant_create(&mut tx, &input).await).await.unwrap().tenant
}

/// Takes calls, as fast as it can, until there are none or it has so many.
async fn take(quotas: &Arc<Quotas>, tenant: &Arc<Tenant>, upto: u64) -> u64 {
    let (mut taken, mut spent) = (0, 0);
    let until = Instant::now() + PATIENCE;
    while taken < upto && spent < 3 {
        assert!(Instant::now() < until, "{taken} of {upto}");
        match quotas.take(tenant, MOST, until).await {
            Taken::Granted => (taken, spent) = (taken + 1, 0),
            Taken::Spent => {
                spent += 1;
                let _ = tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>()).await;
            }
        }
    }
    taken
}

both_databases! {
    async fn processes_go_beyond_a_sold_limit_by_at_most_a_lot_each(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(0));
        let tenant = tenant(&store, &env).await;
        let (first, second) = (Quotas::new(Quota::Calls, store.clone(), env.clone()), Quotas::new(Quota::Calls, store.clone(), env.clone()));
        let (one, other) = tokio::join!(take(&first, &tenant, u64::MAX), take(&second, &tenant, u64::MAX));
        let (all, lots) = (one + other, 2 * u64::try_from(lot(MOST)).unwrap());
        assert!((MOST..=MOST + lots).contains(&all), "{one} + {other}");
        // It stays spent, until the next day.
        let until = Instant::now() + PATIENCE;
        assert_eq!(first.take(&tenant, MOST, until).await, Taken::Spent);
        assert_eq!(second.take(&tenant, MOST, until).await, Taken::Spent);
        env.advance(DAY);
        assert_eq!(first.take(&tenant, MOST, until).await, Taken::Granted);
    }

    async fn a_kill_loses_at_most_a_lot_and_a_clean_stop_nothing(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(0));
        let tenant = tenant(&store, &env).await;
        let lot = u64::try_from(lot(MOST)).unwrap();
        let used = |name: &'static str| (name, Quotas::new(Quota::Calls, store.clone(), env.clone()));
        let mut all = 0;
        for (name, quotas) in [used("killed"), used("stopped"), used("stopped")] {
            all += take(&quotas, &tenant, 25).await;
            if name == "stopped" {
                quotas.give_back().await;
            }
        }
        all += take(&Quotas::new(Quota::Calls, store, env), &tenant, u64::MAX).await;
        // Each may have gone beyond by a lot, and the killed one has taken one with it.
        assert!((MOST - lot..=MOST + 4 * lot).contains(&all), "{all}");
    }
}
