//! Transactions, tenants and migrations, on both databases.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use heptad_model::id::TenantId;
use heptad_model::{Actor, Ctx, Currency, Env, Locale, Origin, Tenant};
use heptad_store::{MigrationState, Store, StoreError, Tx, both_databases, by_keys, migrate, migration_state};

fn ctx(env: &Env) -> Ctx {
    let tenant = Tenant {
        id: TenantId::generate(env),
        publisher: None,
        currency: Currency::parse("CNY").unwrap(),
        time_zone: "Asia/Shanghai".to_owned(),
        locale: Locale::ZhCn,
    };
    Origin::new(Actor::Anonymous, Locale::En, env.clone()).for_tenant(Arc::new(tenant))
}

async fn count_up(store: &Store, ctx: &Ctx, name: &str) -> Result<i64, StoreError> {
    const UP: &str = "insert into counters (tenant_id, name, value) values ($1, $2, 1) \
                      on conflict (tenant_id, name) do update set value = counters.value + 1 returning value";
    store.write(ctx, async |mut tx| tx.query(UP).bind(name).fetch_one(|row| row.int("value")).await).await
}

both_databases! {
    async fn a_write_is_seen_and_an_error_rolls_back(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(0)));
        assert_eq!(count_up(&store, &ctx, "a").await.unwrap(), 1);
        let failed: Result<(), StoreError> = store.write(&ctx, async |mut tx| {
            tx.query("update counters set value = 99 where tenant_id = $1").execute().await?;
            tx.audit("cart.created", "a", &1).await?;
            Err(StoreError::Schema("changed its mind".to_owned()))
        }).await;
        assert!(failed.is_err());
        assert_eq!(count_up(&store, &ctx, "a").await.unwrap(), 2);
    }

    async fn two_tenants_share_names_and_see_nothing_of_each_other(database: TestDatabase) {
        let env = Env::fixed(0);
        let (store, first, second) = (database.open().await, ctx(&env), ctx(&env));
        count_up(&store, &first, "same").await.unwrap();
        count_up(&store, &first, "same").await.unwrap();
        assert_eq!(count_up(&store, &second, "same").await.unwrap(), 1);
    }

    async fn forty_parallel_writers_lose_no_count(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::system()));
        let tasks: Vec<_> = (0..40).map(|_| {
            let (store, ctx) = (store.clone(), ctx.clone());
            // Under repeatable read a conflict outlasts all attempts now and then; a caller would be told to try again.
            tokio::spawn(async move { while count_up(&store, &ctx, "hot").await.is_err_and(|error| error.is_transient()) {} })
        }).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(count_up(&store, &ctx, "hot").await.unwrap(), 41);
    }

    async fn a_list_goes_in_as_one_parameter(database: TestDatabase) {
        let (store, ctx) = (database.open().await, ctx(&Env::fixed(0)));
        for name in ["a", "b", "c"] {
            count_up(&store, &ctx, name).await.unwrap();
        }
        const LIST: &str = "select name from counters where tenant_id = $1 and name in (select value from json_each($2)) order by name";
        let found: Vec<String> = store
            .read(&ctx, async |mut tx| tx.query(LIST).json(&["c", "a", "x"]).fetch_all(|row| row.text("name")).await)
            .await
            .map_err(|error: StoreError| error)
            .unwrap();
        assert_eq!(found, ["a", "c"]);
        const BY_KEYS: (&str, &str) = by_keys!("select name from counters where tenant_id = $1 and name", "$2", "order by name desc");
        let find = async |mut tx: Tx| tx.query_of(BY_KEYS).json(&["c", "a", "x", "c"]).fetch_all(|row| row.text("name")).await;
        assert_eq!(store.read(&ctx, find).await.map_err(|error: StoreError| error).unwrap(), ["c", "a"]);
    }

    async fn migrating_twice_changes_nothing_and_the_state_is_told(database: TestDatabase) {
        assert_eq!(migration_state(&database.owner_url).await.unwrap(), MigrationState::Current);
        let again = migrate(&database.owner_url, database.server_role.as_deref(), &Env::fixed(0)).await.unwrap();
        assert!(again.is_empty());
    }
}

#[tokio::test]
async fn the_servers_role_sees_nothing_without_a_tenant_on_postgres() {
    let database = heptad_store::testing::TestDatabase::create(heptad_store::dialect::Dialect::Postgres).await;
    let store = database.open().await;
    let ctx = ctx(&Env::fixed(0));
    count_up(&store, &ctx, "secret").await.unwrap();
    let seen = store
        .platform_read(ctx.origin(), async |mut tx| {
            tx.query("select count(*) as n from counters").fetch_one(|row| row.int("n")).await
        })
        .await
        .map_err(|error: StoreError| error)
        .unwrap();
    assert_eq!(seen, 0);
}
