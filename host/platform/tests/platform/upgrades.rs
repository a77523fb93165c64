//! Upgrades with consent, rollbacks that say what they lose, and the life of versions after their review.

use heptad_model::manifest::DataPromise;
use heptad_model::time::span::{DAY, HOUR};
use heptad_model::{Ctx, Env, Manifest, PageRequest, Permission};
use heptad_platform::PlatformError;
use heptad_platform::catalog::{
    Fate, PluginQuery, VersionState, plugin_facet_list, plugin_get, plugin_list, version_before, version_diff,
    version_fate_put, version_kill, version_killed_tell, version_revived_go_on,
};
use heptad_platform::delivery::subscription::{SubscriptionState, subscription_state_put};
use heptad_platform::install::{
    Grants, Install, InstallIn, UpgradeIn, install_create, install_enable, install_get, install_rollback,
    install_upgrade, install_upgrade_plan, upgrade_snapshot_purge,
};
use heptad_platform::kv::{KvEntry, kv_bytes, kv_get, kv_set};
use heptad_platform::notice::{NoticeKind, notice_list};
use heptad_platform::publisher::Publisher;
use heptad_platform::schedule::schedule_list;
use heptad_store::{Store, Tx, both_databases};
use serde_json::json;

use crate::support::*;

/// A second version that asks for more.
fn second() -> Manifest {
    let mut json = manifest_json("maker", "half-price", "2.0.0");
    let purpose = json!({"zh-CN": "x", "en": "x"});
    json["permissions"].as_array_mut().unwrap().push(json!({"name": "members.tier.read", "purpose": purpose}));
    Manifest::from_json(json.to_string().as_bytes()).unwrap()
}

async fn publish(store: &Store, env: &Env, by: &Publisher, manifest: Manifest, digit: char) {
    let submitted = submit(store, env, by, &version_in(manifest, digit)).await.unwrap();
    approve(store, env, &submitted).await;
}

async fn installed(store: &Store, ctx: &Ctx) -> Install {
    let granted = granted(&[Permission::MallCatalogRead]);
    let input = InstallIn {
        plugin: "half-price".to_owned(),
        version: Some("1.0.0".to_owned()),
        granted: granted.into(),
        settings: Some(json!({"percent": 5})),
    };
    let create = async |mut tx: Tx| {
        let install = install_create(&mut tx, &input).await?;
        install_enable(&mut tx, install.id).await
    };
    store.write::<_, PlatformError, _>(ctx, create).await.unwrap()
}

async fn set(store: &Store, ctx: &Ctx, install: &Install, key: &str, value: &str) {
    let entry = [KvEntry { key: key.to_owned(), value: value.as_bytes().to_vec() }];
    store.write::<_, PlatformError, _>(ctx, async |mut tx| kv_set(&mut tx, install.id, &entry).await).await.unwrap();
}

async fn get(store: &Store, ctx: &Ctx, install: &Install, key: &str) -> Option<String> {
    let keys = [key.to_owned()];
    let read = async |mut tx: Tx| kv_get(&mut tx, install.id, &keys).await;
    let found = store.read::<_, PlatformError, _>(ctx, read).await.unwrap();
    found.into_iter().next().map(|entry| String::from_utf8(entry.value).unwrap())
}

async fn upgrade(
    store: &Store,
    ctx: &Ctx,
    install: &Install,
    granted: &[Permission],
) -> Result<Install, PlatformError> {
    let granted = Grants { permissions: granted.iter().copied().collect(), hosts: Vec::new() };
    let input = UpgradeIn { version: None, granted, settings: None };
    store.write(ctx, async |mut tx| install_upgrade(&mut tx, install.id, &input).await).await
}

const BOTH: [Permission; 2] = [Permission::MallCatalogRead, Permission::MembersTierRead];

both_databases! {
    async fn i04_an_upgrade_asks_for_what_is_new_and_the_old_version_stays_meanwhile(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "tea").await;
        let install = installed(&store, &ctx).await;
        let none = store.read(&ctx, async |mut tx| install_upgrade_plan(&mut tx, install.id, None).await).await;
        assert_eq!(none.unwrap_err().code(), "not-an-upgrade");
        publish(&store, &env, &by, second(), 'b').await;
        let plan = store.read::<_, PlatformError, _>(&ctx, async |mut tx| install_upgrade_plan(&mut tx, install.id, None).await).await.unwrap();
        assert_eq!((plan.from.as_str(), plan.to.as_str()), ("1.0.0", "2.0.0"));
        assert_eq!(plan.new_permissions, [Permission::MembersTierRead]);
        let refused = upgrade(&store, &ctx, &install, &[Permission::MallCatalogRead]).await.unwrap_err();
        assert_eq!(refused.code(), "permission-required");
        let still = store.read::<_, PlatformError, _>(&ctx, async |mut tx| install_get(&mut tx, install.id).await).await.unwrap();
        assert_eq!((still.version.as_str(), still.revision), ("1.0.0", install.revision));
        let upgraded = upgrade(&store, &ctx, &install, &BOTH).await.unwrap();
        assert_eq!(upgraded.version, "2.0.0");
        assert!(upgraded.is_enabled() && upgraded.revision > install.revision);
        assert_eq!(upgraded.settings["percent"], 5);
    }

    async fn i04_a_rollback_brings_back_what_was_and_says_what_is_lost(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "tea").await;
        let install = installed(&store, &ctx).await;
        set(&store, &ctx, &install, "kept", "1").await;
        let back = async |mut tx: Tx| install_rollback(&mut tx, install.id).await;
        assert_eq!(store.write(&ctx, back).await.unwrap_err().code(), "no-rollback");
        publish(&store, &env, &by, second(), 'b').await;
        upgrade(&store, &ctx, &install, &BOTH).await.unwrap();
        set(&store, &ctx, &install, "kept", "2").await;
        set(&store, &ctx, &install, "new", "x").await;
        let (now, lost) = store.write::<_, PlatformError, _>(&ctx, back).await.unwrap();
        assert_eq!((now.version.as_str(), now.granted), ("1.0.0", granted(&[Permission::MallCatalogRead])));
        assert_eq!((lost.keys, lost.documents), (2, 0));
        assert_eq!(lost.listed, ["key kept", "key new"]);
        assert_eq!(get(&store, &ctx, &install, "kept").await.as_deref(), Some("1"));
        assert_eq!(get(&store, &ctx, &install, "new").await, None);
        let bytes = store.read::<_, PlatformError, _>(&ctx, async |mut tx| kv_bytes(&mut tx, install.id).await).await.unwrap();
        assert_eq!(bytes, 5);
        // Once, and within seven days.
        assert_eq!(store.write(&ctx, back).await.unwrap_err().code(), "no-rollback");
        upgrade(&store, &ctx, &install, &BOTH).await.unwrap();
        env.advance(7 * DAY);
        assert_eq!(store.write(&ctx, back).await.unwrap_err().code(), "no-rollback");
        let purged = store.write::<_, heptad_store::StoreError, _>(&ctx, async |mut tx| upgrade_snapshot_purge(&mut tx, 10).await).await.unwrap();
        assert!(purged >= 2, "{purged}");
    }

    async fn data_that_both_versions_read_stay_when_one_goes_back(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "tea").await;
        let install = installed(&store, &ctx).await;
        publish(&store, &env, &by, Manifest { data: Some(DataPromise::Compatible), ..second() }, 'b').await;
        upgrade(&store, &ctx, &install, &BOTH).await.unwrap();
        set(&store, &ctx, &install, "new", "x").await;
        let (now, lost) = store.write::<_, PlatformError, _>(&ctx, async |mut tx| install_rollback(&mut tx, install.id).await).await.unwrap();
        assert_eq!((now.version.as_str(), lost.keys), ("1.0.0", 0));
        assert_eq!(get(&store, &ctx, &install, "new").await.as_deref(), Some("x"));
    }

    async fn each_version_promises_for_the_one_before_it_alone(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "tea").await;
        let install = installed(&store, &ctx).await;
        publish(&store, &env, &by, second(), 'b').await;
        let third = Manifest { data: Some(DataPromise::Compatible), version: "3.0.0".to_owned(), ..second() };
        publish(&store, &env, &by, third, 'c').await;
        assert_eq!(upgrade(&store, &ctx, &install, &BOTH).await.unwrap().version, "3.0.0");
        set(&store, &ctx, &install, "new", "x").await;
        let (now, lost) = store.write::<_, PlatformError, _>(&ctx, async |mut tx| install_rollback(&mut tx, install.id).await).await.unwrap();
        assert_eq!((now.version.as_str(), lost.keys), ("1.0.0", 1));
    }

    async fn a_schedule_may_be_called_what_an_event_was_and_goes_on_when_its_time_changes(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let told = |version: &str, key: &str, told: serde_json::Value| {
            let mut json = manifest_json("maker", "half-price", version);
            json["points"] = json!([if key == "events" { "event.handle" } else { "schedule.run" }]);
            json["permissions"].as_array_mut().unwrap().push(json!({"name": "mall.orders.read", "purpose": {"zh-CN": "x", "en": "x"}}));
            json[key] = json!([told]);
            Manifest::from_json(json.to_string().as_bytes()).unwrap()
        };
        let event = told("1.0.0", "events", json!({"name": "daily", "types": ["order.paid"]}));
        publish(&store, &env, &by, event, 'a').await;
        let ctx = ctx(&store, &env, "tea").await;
        let granted = [Permission::MallCatalogRead, Permission::MallOrdersRead];
        let input = InstallIn {
            plugin: "half-price".to_owned(),
            version: None,
            granted: granted.into_iter().collect::<heptad_model::PermissionSet>().into(),
            settings: Some(json!({"percent": 5})),
        };
        let install = store.write::<_, PlatformError, _>(&ctx, async |mut tx| install_create(&mut tx, &input).await).await.unwrap();
        publish(&store, &env, &by, told("2.0.0", "schedules", json!({"name": "daily", "cron": "0 3 * * *"})), 'b').await;
        upgrade(&store, &ctx, &install, &granted).await.unwrap();
        let schedules = async || store.read::<_, heptad_store::StoreError, _>(&ctx, async |mut tx| schedule_list(&mut tx).await).await.unwrap();
        let before = schedules().await;
        assert_eq!((before.len(), before[0].cron.as_str()), (1, "0 3 * * *"));
        // A pause outlives another time.
        let pause = async |mut tx: Tx| subscription_state_put(&mut tx, before[0].subscription, SubscriptionState::Paused).await;
        store.write::<_, PlatformError, _>(&ctx, pause).await.unwrap();
        publish(&store, &env, &by, told("3.0.0", "schedules", json!({"name": "daily", "cron": "0 4 * * *"})), 'c').await;
        upgrade(&store, &ctx, &install, &granted).await.unwrap();
        let after = schedules().await;
        assert_eq!((after[0].id, after[0].cron.as_str(), after[0].state), (before[0].id, "0 4 * * *", SubscriptionState::Paused));
        assert_eq!(after[0].next_at, before[0].next_at.map(|at| at.plus(HOUR)));
        publish(&store, &env, &by, told("4.0.0", "events", json!({"name": "daily", "types": ["order.paid"]})), 'd').await;
        upgrade(&store, &ctx, &install, &granted).await.unwrap();
        assert_eq!(schedules().await, []);
        let (now, _) = store.write::<_, PlatformError, _>(&ctx, async |mut tx| install_rollback(&mut tx, install.id).await).await.unwrap();
        assert_eq!((now.version.as_str(), schedules().await.len()), ("3.0.0", 1));
    }

    async fn a_stopped_version_is_neither_offered_nor_gone_back_to(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let first = approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "tea").await;
        let install = installed(&store, &ctx).await;
        publish(&store, &env, &by, second(), 'b').await;
        let kill = async |id, reason| {
            store.platform_write::<_, PlatformError, _>(&origin(&env), async |mut tx| version_kill(&mut tx, id, reason).await).await.unwrap()
        };
        let latest = async || {
            let get = async |mut tx| plugin_get(&mut tx, "half-price").await;
            store.platform_read::<_, PlatformError, _>(&origin(&env), get).await.unwrap().latest
        };
        let newest = latest().await;
        kill(newest.id, Some("it leaks")).await;
        assert_eq!(latest().await.id, first.id);
        assert_eq!(upgrade(&store, &ctx, &install, &BOTH).await.unwrap_err().code(), "not-an-upgrade");
        kill(newest.id, None).await;
        assert_eq!(version_revived_go_on(&store, &origin(&env), newest.id).await.unwrap(), 0);
        assert_eq!(upgrade(&store, &ctx, &install, &BOTH).await.unwrap().version, "2.0.0");
        kill(first.id, Some("it leaks")).await;
        let back = async |mut tx: Tx| install_rollback(&mut tx, install.id).await;
        assert_eq!(store.write(&ctx, back).await.unwrap_err().code(), "version-stopped");
    }

    async fn what_an_operator_withdrew_its_publisher_does_not_bring_back(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let version = approved(&store, &env, &by, "half-price").await;
        let fate = async |fate, is_operator| {
            let put = async |mut tx| version_fate_put(&mut tx, version.id, fate, is_operator).await;
            store.platform_write::<_, PlatformError, _>(&origin(&env), put).await.map(|version| version.state)
        };
        fate(Fate::Withdraw, true).await.unwrap();
        assert_eq!(fate(Fate::Restore, false).await.unwrap_err().code(), "operator-decided");
        assert_eq!(fate(Fate::Restore, true).await.unwrap(), VersionState::Approved);
        assert_eq!(fate(Fate::Deprecate, false).await.unwrap(), VersionState::Deprecated);
    }

    async fn i07_a_version_that_is_stopped_runs_nowhere_and_every_shop_is_told_once(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let version = approved(&store, &env, &by, "half-price").await;
        let (tea, coffee) = (ctx(&store, &env, "tea").await, ctx(&store, &env, "coffee").await);
        let install = installed(&store, &tea).await;
        let kill = async |mut tx| version_kill(&mut tx, version.id, Some("it leaks")).await;
        let killed = store.platform_write::<_, PlatformError, _>(&origin(&env), kill).await.unwrap();
        for _ in 0..2 {
            version_killed_tell(&store, &origin(&env), &killed, "it misbehaves").await.unwrap();
        }
        let read = async |mut tx: Tx| install_get(&mut tx, install.id).await;
        let stopped = store.read::<_, PlatformError, _>(&tea, read).await.unwrap();
        assert!(stopped.is_enabled() && !stopped.runs());
        let notices = async |ctx: &Ctx| {
            let list = async |mut tx: Tx| notice_list(&mut tx, false, &PageRequest::first()).await;
            let page = store.read::<_, PlatformError, _>(ctx, list).await.unwrap();
            page.items.into_iter().filter(|one| one.kind == NoticeKind::PluginStopped).count()
        };
        assert_eq!((notices(&tea).await, notices(&coffee).await), (1, 0));
        let revive = async |mut tx| version_kill(&mut tx, version.id, None).await;
        store.platform_write::<_, PlatformError, _>(&origin(&env), revive).await.unwrap();
        assert!(store.read::<_, PlatformError, _>(&tea, read).await.unwrap().runs());
    }

    async fn a_version_is_deprecated_withdrawn_and_recommended_again(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let first = approved(&store, &env, &by, "half-price").await;
        publish(&store, &env, &by, Manifest { industries: vec!["apparel".to_owned()], ..second() }, 'b').await;
        let latest = async || {
            let get = async |mut tx| plugin_get(&mut tx, "half-price").await;
            store.platform_read::<_, PlatformError, _>(&origin(&env), get).await.map(|plugin| plugin.latest)
        };
        let newest = latest().await.unwrap();
        assert_eq!(newest.version, "2.0.0");
        let fate = async |id, fate| {
            store.platform_write::<_, PlatformError, _>(&origin(&env), async |mut tx| version_fate_put(&mut tx, id, fate, false).await).await.unwrap()
        };
        assert_eq!(fate(newest.id, Fate::Deprecate).await.state, VersionState::Deprecated);
        assert_eq!(latest().await.unwrap().version, "1.0.0");
        fate(first.id, Fate::Withdraw).await;
        assert_eq!(latest().await.unwrap().version, "2.0.0");
        fate(newest.id, Fate::Withdraw).await;
        assert_eq!(latest().await.unwrap_err().code(), "not-found");
        fate(newest.id, Fate::Restore).await;
        assert_eq!(latest().await.unwrap().version, "2.0.0");
        // What a reviewer reads first.
        let diff = async |mut tx| {
            let before = version_before(&mut tx, &newest).await?;
            Ok::<_, PlatformError>(version_diff(before.as_ref(), &newest))
        };
        let diff = store.platform_read(&origin(&env), diff).await.unwrap();
        assert_eq!((diff.from.as_str(), diff.permissions_added.as_slice()), ("1.0.0", &[Permission::MembersTierRead][..]));
    }

    async fn plugins_are_found_by_industry_capability_and_language(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "plain").await;
        let shirts = Manifest { industries: vec!["apparel".to_owned()], name: "shirts".to_owned(), ..second() };
        publish(&store, &env, &by, shirts, 'b').await;
        let find = async |wanted: PluginQuery| {
            let list = async |mut tx| {
                let found = plugin_list(&mut tx, &wanted, &PageRequest::first()).await?;
                Ok::<_, PlatformError>((found, plugin_facet_list(&mut tx, &wanted).await?))
            };
            let (found, facets) = store.platform_read(&origin(&env), list).await.unwrap();
            let names: Vec<String> = found.items.into_iter().map(|plugin| plugin.name).collect();
            let members = facets.iter().find(|facet| facet.value == "members").map_or(0, |facet| facet.plugins);
            (names.join(" "), members)
        };
        let some = |text: &str| Some(text.to_owned());
        let all = PluginQuery::default();
        assert_eq!(find(all.clone()).await.0, "plain shirts");
        assert_eq!(find(PluginQuery { industry: some("apparel"), ..all.clone() }).await.0, "shirts");
        assert_eq!(find(PluginQuery { language: some("en"), ..all.clone() }).await.0, "plain shirts");
        let both = PluginQuery { industry: some("apparel"), language: some("zh-CN"), ..all.clone() };
        assert_eq!(find(both).await.0, "shirts");
        assert_eq!(find(PluginQuery { capability: some("nothing"), ..all }).await.0, "");
    }
}
