//! Notices: one for each matter, counted, unread again when it comes again, and each inbox apart.

use heptad_model::id::{NoticeId, PublisherId};
use heptad_model::time::span::{DAY, HOUR};
use heptad_model::{Ctx, Env, Page, PageRequest};
use heptad_platform::PlatformError;
use heptad_platform::audit::{AuditQuery, audit_list};
use heptad_platform::delivery::event::{EventQuery, event_list};
use heptad_platform::install::{install_disable, install_enable};
use heptad_platform::notice::*;
use heptad_store::{Store, both_databases};
use serde_json::json;

use crate::support::*;

fn near(dedup: &str, used: i64) -> NoticeIn {
    NoticeIn {
        kind: NoticeKind::LimitNear,
        subject: "half-price".to_owned(),
        dedup: dedup.to_owned(),
        detail: json!({"plugin": "half-price", "limit": "kv-quota", "used": used, "most": 100}),
    }
}

async fn post(store: &Store, ctx: &Ctx, audience: Audience<'_>, notice: &NoticeIn) -> Result<(), PlatformError> {
    store.write(ctx, async |mut tx| notice_post(&mut tx, audience, notice).await).await
}

async fn inbox(store: &Store, ctx: &Ctx, unread: bool) -> Vec<Notice> {
    let list = async |mut tx| notice_list(&mut tx, unread, &PageRequest::first()).await;
    store.read(ctx, list).await.unwrap().items
}

async fn platform_inbox(store: &Store, env: &Env, publisher: Option<PublisherId>) -> (Vec<Notice>, i64) {
    let list = async |mut tx| {
        let page = platform_notice_list(&mut tx, publisher, false, &PageRequest::first()).await?;
        Ok::<_, PlatformError>((page.items, platform_notice_unread(&mut tx, publisher).await?))
    };
    store.platform_read(&origin(env), list).await.unwrap()
}

async fn unread(store: &Store, ctx: &Ctx) -> i64 {
    store.read(ctx, async |mut tx| notice_unread(&mut tx).await).await.unwrap()
}

async fn acknowledge(store: &Store, ctx: &Ctx, id: NoticeId) -> Result<Notice, PlatformError> {
    store.write(ctx, async |mut tx| notice_acknowledge(&mut tx, id).await).await
}

both_databases! {
    async fn the_same_matter_counts_and_is_unread_again(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (ctx, other) = (ctx(&store, &env, "shop").await, ctx(&store, &env, "other").await);
        post(&store, &ctx, Audience::Tenant, &near("a", 80)).await.unwrap();
        env.advance(5);
        post(&store, &ctx, Audience::Tenant, &near("a", 90)).await.unwrap();
        let first = &inbox(&store, &ctx, true).await[0];
        assert_eq!((first.kind, first.severity, first.occurrences), (NoticeKind::LimitNear, Severity::Warning, 2));
        assert_eq!((first.first_at.as_millis(), first.last_at.as_millis(), &first.detail["used"]), (NOW, NOW + 5, &json!(90)));
        assert_eq!(unread(&store, &ctx).await, 1);
        let read = acknowledge(&store, &ctx, first.id).await.unwrap();
        assert_eq!(read.acknowledged, Some((ctx.now(), "system:test".to_owned())));
        env.advance(5);
        // Reading what is read changes nothing.
        assert_eq!(acknowledge(&store, &ctx, first.id).await.unwrap(), read);
        assert_eq!((unread(&store, &ctx).await, inbox(&store, &ctx, true).await), (0, vec![]));
        assert_eq!(inbox(&store, &ctx, false).await, [read]);
        post(&store, &ctx, Audience::Tenant, &near("a", 95)).await.unwrap();
        let again = &inbox(&store, &ctx, true).await[0];
        assert_eq!((again.id, again.occurrences, &again.acknowledged), (first.id, 3, &None));
        let rows = store.read(&ctx, async |mut tx| audit_list(&mut tx, &AuditQuery::default(), &PageRequest::first()).await).await.unwrap();
        assert_eq!(rows.items.iter().map(|row| row.action.as_str()).collect::<Vec<_>>(), ["notice.acknowledged"]);
        // Another shop has its own, with the same name of the matter.
        assert_eq!(acknowledge(&store, &other, first.id).await.unwrap_err().code(), "not-found");
        post(&store, &other, Audience::Tenant, &near("a", 80)).await.unwrap();
        assert_eq!(inbox(&store, &other, true).await[0].occurrences, 1);
    }

    async fn a_matter_is_told_as_an_event_when_it_is_news(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let ctx = ctx(&store, &env, "shop").await;
        let told = async || {
            let list = async |mut tx| event_list(&mut tx, &EventQuery::default(), &PageRequest::first()).await;
            let events = store.read(&ctx, list).await.unwrap().items;
            events.iter().filter(|event| event.kind == "notice.posted").count()
        };
        for (after, expected) in [(0, 1), (1, 1), (HOUR - 1, 1), (HOUR + 1, 2), (1, 2)] {
            env.advance(after);
            post(&store, &ctx, Audience::Tenant, &near("a", 80)).await.unwrap();
            assert_eq!(told().await, expected, "{after}");
        }
        let id = inbox(&store, &ctx, true).await[0].id;
        acknowledge(&store, &ctx, id).await.unwrap();
        post(&store, &ctx, Audience::Tenant, &near("a", 90)).await.unwrap();
        assert_eq!(told().await, 3);
    }

    async fn the_newest_comes_first_on_every_page(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let ctx = ctx(&store, &env, "shop").await;
        for number in 0..5 {
            post(&store, &ctx, Audience::Tenant, &near(&format!("m{number}"), number)).await.unwrap();
            // Some in the same millisecond.
            env.advance(number % 2);
        }
        post(&store, &ctx, Audience::Tenant, &near("m0", 0)).await.unwrap();
        let (mut cursor, mut seen) = (None, Vec::new());
        loop {
            let asked = PageRequest::new(cursor.as_deref(), Some(2)).unwrap();
            let page: Page<Notice> = store.read(&ctx, async |mut tx| notice_list(&mut tx, false, &asked).await).await.unwrap();
            seen.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let order: Vec<_> = seen.iter().map(|notice| (notice.last_at, notice.id.to_string())).collect();
        assert!(order.len() == 5 && order.is_sorted_by(|left, right| left > right), "{order:?}");
        assert_eq!(seen.iter().filter(|notice| notice.occurrences == 2).count(), 1);
    }

    async fn each_inbox_has_its_own(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (by, stranger) = (publisher(&store, &env, "maker").await, publisher(&store, &env, "stranger").await);
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "shop").await;
        post(&store, &ctx, Audience::PublisherOf("half-price"), &near("a", 80)).await.unwrap();
        post(&store, &ctx, Audience::Operators, &near("a", 80)).await.unwrap();
        post(&store, &ctx, Audience::Operators, &near("b", 80)).await.unwrap();
        let unknown = post(&store, &ctx, Audience::PublisherOf("unknown"), &near("a", 80)).await;
        assert_eq!(unknown.unwrap_err().code(), "not-found");
        for dedup in [String::new(), "x".repeat(201)] {
            assert_eq!(post(&store, &ctx, Audience::Tenant, &near(&dedup, 80)).await.unwrap_err().code(), "invalid-field");
        }
        assert_eq!(unread(&store, &ctx).await, 0);
        let (publishers, count) = platform_inbox(&store, &env, Some(by.id)).await;
        assert_eq!((publishers.len(), count), (1, 1));
        assert_eq!(platform_inbox(&store, &env, Some(stranger.id)).await, (vec![], 0));
        assert_eq!(platform_inbox(&store, &env, None).await.1, 2);
        let read = async |publisher| {
            let id = publishers[0].id;
            let write = async |mut tx| platform_notice_acknowledge(&mut tx, publisher, id).await;
            store.platform_write(&origin(&env), write).await
        };
        assert_eq!(read(Some(stranger.id)).await.unwrap_err().code(), "not-found");
        assert_eq!(read(None).await.unwrap_err().code(), "not-found");
        assert!(read(Some(by.id)).await.unwrap().acknowledged.is_some());
        assert_eq!(platform_inbox(&store, &env, Some(by.id)).await.1, 0);
        post(&store, &ctx, Audience::PublisherOf("half-price"), &near("a", 90)).await.unwrap();
        let (again, count) = platform_inbox(&store, &env, Some(by.id)).await;
        assert_eq!((again[0].occurrences, &again[0].acknowledged, count), (2, &None, 1));
    }

    async fn a_notice_goes_ninety_days_after_somebody_acknowledged_it(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "shop").await;
        for matter in ["read", "unread"] {
            post(&store, &ctx, Audience::Tenant, &near(matter, 80)).await.unwrap();
            post(&store, &ctx, Audience::Operators, &near(matter, 80)).await.unwrap();
        }
        let own = inbox(&store, &ctx, true).await.remove(0);
        acknowledge(&store, &ctx, own.id).await.unwrap();
        let platform = platform_inbox(&store, &env, None).await.0[0].id;
        let read = async |mut tx| platform_notice_acknowledge(&mut tx, None, platform).await;
        store.platform_write(&origin(&env), read).await.unwrap();
        for (days, removed) in [(89, 0), (90, 1), (200, 0)] {
            let later = Env::fixed(NOW + days * DAY);
            let ctx = origin(&later).for_tenant(ctx.tenant().clone());
            let purged = store.write(&ctx, async |mut tx| notice_purge(&mut tx, 10).await).await.unwrap();
            let purge = async |mut tx| platform_notice_purge(&mut tx, 10).await;
            assert_eq!((purged, store.platform_write(&origin(&later), purge).await.unwrap()), (removed, removed));
        }
        assert_eq!((unread(&store, &ctx).await, platform_inbox(&store, &env, None).await.1), (1, 1));
    }

    async fn a_disabled_plugin_is_told_to_its_shop_and_its_publisher(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        for slug in ["one", "two"] {
            let ctx = ctx(&store, &env, slug).await;
            let id = install(&store, &ctx, &install_in("half-price")).await.unwrap().id;
            let disable = async || store.write(&ctx, async |mut tx| install_disable(&mut tx, id).await).await;
            // It is disabled already: nothing to tell.
            disable().await.unwrap();
            assert_eq!(unread(&store, &ctx).await, 0);
            store.write(&ctx, async |mut tx| install_enable(&mut tx, id).await).await.unwrap();
            disable().await.unwrap();
            let told = &inbox(&store, &ctx, true).await[0];
            assert_eq!((told.kind, &told.subject, told.occurrences), (NoticeKind::PluginDisabled, &id.to_string(), 1));
            assert_eq!(told.detail, json!({"plugin": "half-price", "version": "1.0.0"}));
        }
        let (told, _) = platform_inbox(&store, &env, Some(by.id)).await;
        assert_eq!((told.len(), told[0].subject.as_str(), told[0].occurrences), (1, "half-price", 2));
    }
}
