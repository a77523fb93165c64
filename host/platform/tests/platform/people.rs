//! Tenants, users, sign-in, sessions, one-time links.

use heptad_model::{Env, Locale, PageRequest};
use heptad_platform::publisher::{publisher_get, publishers_complete};
use heptad_platform::session::*;
use heptad_platform::sign_in_link::*;
use heptad_platform::tenant::*;
use heptad_platform::user::*;
use heptad_platform::{PlatformError, Role, Scope};
use heptad_store::{PlatformTx, Store, StoreError, both_databases};

use crate::support::*;

const PASSWORD: &str = "correct horse battery";

fn person(login: &str) -> UserIn {
    UserIn { login: login.to_owned(), name: "A person".to_owned(), password: PASSWORD.to_owned() }
}

async fn session(store: &Store, env: &Env, secret: &str) -> Option<Session> {
    store
        .platform_read::<_, StoreError, _>(&origin(env), async |mut tx| session_get(&mut tx, secret).await)
        .await
        .unwrap()
}

async fn link(store: &Store, env: &Env) -> String {
    let make = async |mut tx| sign_in_link_create(&mut tx).await;
    store.platform_write(&origin(env), make).await.unwrap().0.reveal().to_owned()
}

async fn is_open(store: &Store, env: &Env, link: &str) -> bool {
    store
        .platform_read::<_, StoreError, _>(&origin(env), async |mut tx| sign_in_link_is_open(&mut tx, link).await)
        .await
        .unwrap()
}

both_databases! {
    async fn a_tenant_is_found_by_id_and_slug(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (first, second) = (shop(&store, &env, "first").await, shop(&store, &env, "second").await);
        let origin = origin(&env);
        let found = store.platform_read(&origin, async |mut tx| tenant_by_slug(&mut tx, "first").await).await.unwrap();
        assert_eq!(found, first);
        let found = store.platform_read(&origin, async |mut tx| tenant_get(&mut tx, second.tenant.id).await).await.unwrap();
        assert_eq!(found, second);
        let page = store.platform_read(&origin, async |mut tx| tenant_list(&mut tx, &PageRequest::first()).await).await.unwrap();
        assert_eq!(page.items.len(), 2);
        let good = TenantIn {
            slug: "third".to_owned(), name: "Third".to_owned(), currency: first.tenant.currency,
            time_zone: "America/New_York".to_owned(), locale: Locale::En,
        };
        for (input, code) in [
            (TenantIn { slug: "first".to_owned(), ..good.clone() }, "name-taken"),
            (TenantIn { slug: "First".to_owned(), ..good.clone() }, "invalid-field"),
            (TenantIn { time_zone: "Mars/Olympus".to_owned(), ..good.clone() }, "invalid-field"),
            (TenantIn { name: "a\nb".to_owned(), ..good.clone() }, "invalid-field"),
        ] {
            let refused = store.platform_write(&origin, async |mut tx| tenant_create(&mut tx, &input).await).await;
            assert_eq!(refused.unwrap_err().code(), code, "{input:?}");
        }
        let made = store.platform_write(&origin, async |mut tx| tenant_create(&mut tx, &good).await).await.unwrap();
        assert_eq!((made.tenant.locale, made.tenant.time_zone.as_str()), (Locale::En, "America/New_York"));
    }

    async fn a_publishers_own_tenant_is_no_shop_and_is_made_where_it_is_missing(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (maker, origin) = (publisher(&store, &env, "maker").await, origin(&env));
        shop(&store, &env, "shop").await;
        let page = PageRequest::first();
        let look = async |mut tx: PlatformTx| {
            let shops = tenant_list(&mut tx, &page).await?.items.len();
            let all = tenant_any_list(&mut tx, &page).await?.items.len();
            let by_slug = tenant_by_slug(&mut tx, "~maker").await.unwrap_err().code();
            let by_id = tenant_get(&mut tx, maker.tenant).await.unwrap_err().code();
            let own = tenant_of_publisher(&mut tx, maker.id).await?.tenant;
            Ok::<_, PlatformError>((shops, all, by_slug, by_id, own))
        };
        let (shops, all, by_slug, by_id, own) = store.platform_read(&origin, look).await.unwrap();
        assert_eq!((shops, all, by_slug, by_id), (1, 2, "not-found", "not-found"));
        assert_eq!((own.id, own.publisher), (maker.tenant, Some(maker.id)));
        // As the program before this one leaves a publisher.
        let forget = async |mut tx: PlatformTx| {
            tx.query("delete from tenants where publisher_id = $1").text(maker.id).execute().await?;
            publishers_complete(&mut tx).await?;
            publishers_complete(&mut tx).await
        };
        store.platform_write(&origin, forget).await.unwrap();
        let again = store.platform_read(&origin, async |mut tx| publisher_get(&mut tx, maker.id).await).await.unwrap();
        assert_ne!(again.tenant, maker.tenant);
    }

    async fn a_session_begins_with_the_password_and_ends_after_12_hours(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let scope = Scope::Tenant(shop(&store, &env, "shop").await.tenant.id);
        let owner = HeldRole { role: Role::Owner, scope };
        let user = sendable(user_create(&store, &origin(&env), &person("Ann@Example.com"), &[owner])).await.unwrap();
        assert_eq!(user.login, "ann@example.com");
        let taken = user_create(&store, &origin(&env), &person("ann@example.COM"), &[]).await.unwrap_err();
        assert_eq!(taken.code(), "name-taken");
        for (login, password) in [("ann@example.com", "wrong password"), ("bob@example.com", PASSWORD), ("", "")] {
            assert_eq!(sign_in(&store, &origin(&env), login, password).await.unwrap_err().code(), "sign-in-failed");
        }
        let signed_in = sendable(sign_in(&store, &origin(&env), " ANN@example.com", PASSWORD)).await.unwrap();
        let secret = signed_in.secret.reveal();
        let found = session(&store, &env, secret).await.unwrap();
        assert_eq!((&found.user, &found.roles[..]), (&user, &[owner][..]));
        assert!(found.csrf_matches(&found.csrf) && !found.csrf_matches("") && !found.csrf_matches("csrf_0"));
        assert_eq!(found.principal_in(scope).unwrap(), owner.principal(user.id));
        assert_eq!(found.principal_in(Scope::Platform), None);
        env.advance(SESSION_MILLIS - 1);
        assert!(session(&store, &env, secret).await.is_some());
        env.advance(1);
        assert!(session(&store, &env, secret).await.is_none());
        let second = sign_in(&store, &origin(&env), "ann@example.com", PASSWORD).await.unwrap();
        let out = async |mut tx| sign_out(&mut tx, second.secret.reveal()).await;
        store.platform_write(&origin(&env), out).await.unwrap();
        assert!(session(&store, &env, second.secret.reveal()).await.is_none());
    }

    async fn a_revoked_role_ends_with_the_next_request(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let scope = Scope::Tenant(shop(&store, &env, "shop").await.tenant.id);
        let staff = HeldRole { role: Role::Staff, scope };
        let user = user_create(&store, &origin(&env), &person("ann"), &[staff]).await.unwrap();
        let secret = sign_in(&store, &origin(&env), "ann", PASSWORD).await.unwrap().secret;
        let list = async |mut tx| user_list(&mut tx, scope, &PageRequest::first()).await;
        assert_eq!(store.platform_read(&origin(&env), list).await.unwrap().items, [(user.clone(), staff)]);
        let revoke = async |mut tx| role_revoke(&mut tx, user.id, staff).await;
        store.platform_write(&origin(&env), revoke).await.unwrap();
        assert_eq!(session(&store, &env, secret.reveal()).await.unwrap().principal_in(scope), None);
        for role in [HeldRole { role: Role::Shop, scope }, HeldRole { role: Role::Owner, scope: Scope::Platform }] {
            let grant = async |mut tx| role_grant(&mut tx, user.id, role).await;
            assert_eq!(store.platform_write(&origin(&env), grant).await.unwrap_err().code(), "invalid-field");
        }
    }

    async fn a_link_makes_one_operator_however_many_come_at_once(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let exists = async || store.platform_read::<_, StoreError, _>(&origin(&env), async |mut tx| operator_exists(&mut tx).await).await.unwrap();
        assert!(!exists().await);
        let link = link(&store, &env).await;
        assert!(is_open(&store, &env, &link).await);
        let tasks: Vec<_> = (0..4).map(|n| {
            let (store, env, link) = (store.clone(), env.clone(), link.clone());
            tokio::spawn(async move {
                let input = person(&format!("operator-{n}"));
                until_settled!(sign_in_link_use(&store, &origin(&env), &link, &input))
            })
        }).collect();
        let mut signed_in = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(done) => signed_in.push(done),
                Err(error) => assert_eq!(error.code(), "link-invalid"),
            }
        }
        assert_eq!(signed_in.len(), 1);
        let found = session(&store, &env, signed_in[0].secret.reveal()).await.unwrap();
        assert_eq!(found.principal_in(Scope::Platform).unwrap().role, Role::Operator);
        assert!(exists().await && !is_open(&store, &env, &link).await);
    }

    async fn a_link_ends_after_an_hour_and_survives_an_error(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        user_create(&store, &origin(&env), &person("ann"), &[]).await.unwrap();
        let first = link(&store, &env).await;
        let spend = async |link: &str, input: UserIn| sign_in_link_use(&store, &origin(&env), link, &input).await;
        assert_eq!(spend(&first, person("ann")).await.unwrap_err().code(), "name-taken");
        let short = UserIn { password: "short".to_owned(), ..person("root") };
        assert_eq!(spend(&first, short).await.unwrap_err().code(), "invalid-field");
        env.advance(LINK_MILLIS - 1);
        let before = spend(&first, person("root")).await.unwrap();
        // A later link gives the same operator a new password, and ends its sessions.
        let second = link(&store, &env).await;
        spend(&second, UserIn { password: "another long password".to_owned(), ..person("root") }).await.unwrap();
        assert!(session(&store, &env, before.secret.reveal()).await.is_none());
        assert!(sign_in(&store, &origin(&env), "root", PASSWORD).await.is_err());
        let third = link(&store, &env).await;
        env.advance(LINK_MILLIS);
        assert_eq!(spend(&third, person("late")).await.unwrap_err().code(), "link-invalid");
        assert_eq!(spend("hpl_unknown", person("late")).await.unwrap_err().code(), "link-invalid");
    }

    async fn a_secret_is_nowhere_in_the_database(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let link = link(&store, &env).await;
        let signed_in = sign_in_link_use(&store, &origin(&env), &link, &person("root")).await.unwrap();
        const STORED: &str = "select (select string_agg(secret_hash, ' ') from sessions) as sessions, \
                              (select string_agg(secret_hash, ' ') from sign_in_links) as links, \
                              (select string_agg(password_hash, ' ') from users) as users";
        let read = async |mut tx: PlatformTx| {
            let read = |row: &heptad_store::Row| Ok([row.text("sessions")?, row.text("links")?, row.text("users")?].join(" "));
            tx.query(STORED).fetch_one(read).await
        };
        let stored = store.platform_read::<_, StoreError, _>(&origin(&env), read).await.unwrap();
        for secret in [link.trim_start_matches("hpl_"), signed_in.secret.reveal().trim_start_matches("hps_"), PASSWORD] {
            assert!(!stored.contains(secret));
        }
    }
}
