//! Tokens: roles, scopes, ends, last use.

use heptad_model::id::CustomerId;
use heptad_model::time::span::{DAY, MINUTE};
use heptad_model::{Actor, Env, PageRequest};
use heptad_platform::token::*;
use heptad_platform::{PlatformError, Principal, Role, Scope, Secret};
use heptad_store::{Store, both_databases};

use crate::support::*;

fn wish(role: Role, scope: Scope) -> TokenIn {
    TokenIn { name: "a token".to_owned(), role, scope, customer: None, lifetime_millis: None }
}

async fn create(store: &Store, env: &Env, by: &Principal, input: &TokenIn) -> Result<(Token, Secret), PlatformError> {
    store.platform_write(&origin(env), async |mut tx| token_create(&mut tx, by, input).await).await
}

async fn authenticate(store: &Store, env: &Env, secret: &str) -> Result<Principal, PlatformError> {
    sendable(token_authenticate(store, &origin(env), secret)).await.map(|token| token.principal())
}

async fn listed(store: &Store, env: &Env, scope: Scope) -> Vec<Token> {
    let list = async |mut tx| token_list(&mut tx, scope, &PageRequest::first()).await;
    store.platform_read::<_, PlatformError, _>(&origin(env), list).await.unwrap().items
}

both_databases! {
    async fn a_token_works_until_its_end(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let scope = Scope::Tenant(shop(&store, &env, "shop").await.tenant.id);
        let by = Principal::system("test");
        let (token, secret) = create(&store, &env, &by, &TokenIn { lifetime_millis: Some(DAY), ..wish(Role::Owner, scope) }).await.unwrap();
        assert!(secret.reveal().starts_with("hpt_") && secret.reveal().len() == 68);
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        let principal = authenticate(&store, &env, secret.reveal()).await.unwrap();
        assert_eq!(principal, Principal { actor: Actor::Token(token.id), role: Role::Owner, scope, customer: None });
        env.advance(DAY - 1);
        assert!(authenticate(&store, &env, secret.reveal()).await.is_ok());
        env.advance(1);
        for wrong in [secret.reveal(), "", "hpt_0", &"x".repeat(10_000)] {
            assert_eq!(authenticate(&store, &env, wrong).await.unwrap_err().code(), "token-invalid");
        }
    }

    async fn the_last_use_is_written_at_most_once_a_minute(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let scope = Scope::Tenant(shop(&store, &env, "shop").await.tenant.id);
        let (_, secret) = create(&store, &env, &Principal::system("test"), &wish(Role::Owner, scope)).await.unwrap();
        for (passed, expected) in [(1, 1), (MINUTE - 1, 1), (1, MINUTE + 1), (5, MINUTE + 1)] {
            env.advance(passed);
            authenticate(&store, &env, secret.reveal()).await.unwrap();
            let last = listed(&store, &env, scope).await[0].last_used_at.unwrap();
            assert_eq!(last.as_millis() - NOW, expected);
        }
    }

    async fn a_revoked_token_ends_at_once_and_only_in_its_scope(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let scope = Scope::Tenant(shop(&store, &env, "shop").await.tenant.id);
        let other = Scope::Tenant(shop(&store, &env, "other").await.tenant.id);
        let (token, secret) = create(&store, &env, &Principal::system("test"), &wish(Role::Staff, scope)).await.unwrap();
        let revoke = async |scope| store.platform_write(&origin(&env), async |mut tx| token_revoke(&mut tx, scope, token.id).await).await;
        assert_eq!(revoke(other).await.unwrap_err().code(), "not-found");
        assert_eq!(listed(&store, &env, other).await, []);
        assert!(authenticate(&store, &env, secret.reveal()).await.is_ok());
        revoke(scope).await.unwrap();
        revoke(scope).await.unwrap();
        assert_eq!(authenticate(&store, &env, secret.reveal()).await.unwrap_err().code(), "token-invalid");
    }

    async fn a_storefront_mints_short_tokens_for_its_shoppers_alone(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let scope = Scope::Tenant(shop(&store, &env, "shop").await.tenant.id);
        let other = Scope::Tenant(shop(&store, &env, "other").await.tenant.id);
        let (_, secret) = create(&store, &env, &Principal::system("test"), &wish(Role::Shop, scope)).await.unwrap();
        let by = authenticate(&store, &env, secret.reveal()).await.unwrap();
        let customer = CustomerId::generate(&env);
        let shopper = TokenIn { customer: Some(customer), ..wish(Role::Customer, scope) };
        let (token, secret) = create(&store, &env, &by, &shopper).await.unwrap();
        assert_eq!(token.expires_at.as_millis(), NOW + 15 * MINUTE);
        let principal = authenticate(&store, &env, secret.reveal()).await.unwrap();
        assert_eq!(principal, Principal { actor: Actor::Customer(customer), role: Role::Customer, scope, customer: Some(customer) });
        for (input, code) in [
            (TokenIn { scope: other, ..shopper.clone() }, "token-denied"),
            (wish(Role::Shop, scope), "token-denied"),
            (wish(Role::Owner, scope), "token-denied"),
            (wish(Role::Operator, Scope::Platform), "token-denied"),
            (TokenIn { customer: None, ..shopper.clone() }, "invalid-field"),
            (TokenIn { lifetime_millis: Some(DAY + 1), ..shopper.clone() }, "invalid-field"),
            (TokenIn { lifetime_millis: Some(0), ..shopper.clone() }, "invalid-field"),
            (TokenIn { name: " ".to_owned(), ..shopper.clone() }, "invalid-field"),
        ] {
            assert_eq!(create(&store, &env, &by, &input).await.unwrap_err().code(), code, "{input:?}");
        }
        assert_eq!(create(&store, &env, &principal, &shopper).await.unwrap_err().code(), "token-denied");
        // Not even an operator makes a role where it is not held.
        let strange = create(&store, &env, &Principal::system("test"), &wish(Role::Owner, Scope::Platform)).await;
        assert_eq!(strange.unwrap_err().code(), "invalid-field");
        // Shoppers' tokens are not listed.
        assert_eq!(listed(&store, &env, scope).await.len(), 1);
    }
}
