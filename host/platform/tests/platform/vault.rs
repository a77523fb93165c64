//! What is sealed opens for its owner, purpose and context alone, before and after the master key changes.

use heptad_model::id::PublisherId;
use heptad_model::{Ctx, Env};
use heptad_platform::vault::{Owner, Purpose, Rotated, Vault, VaultError};
use heptad_store::{Store, both_databases};

use crate::support::{NOW, ctx, origin};

const OLD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];

async fn seal(store: &Store, ctx: &Ctx, vault: &Vault, purpose: Purpose, text: &[u8]) -> Vec<u8> {
    store.write(ctx, async |mut tx| vault.seal(&mut tx, purpose, "thing", text).await).await.unwrap()
}

async fn open(store: &Store, ctx: &Ctx, vault: &Vault, purpose: Purpose, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
    store.read(ctx, async |mut tx| vault.open(&mut tx, purpose, "thing", sealed).await).await
}

async fn seal_of(store: &Store, env: &Env, vault: &Vault, owner: Owner) -> Vec<u8> {
    let seal = async |mut tx| vault.seal_of(&mut tx, owner, Purpose::Webhooks, "hook", b"whsec").await;
    store.platform_write(&origin(env), seal).await.unwrap()
}

async fn open_of(store: &Store, env: &Env, vault: &Vault, owner: Owner, sealed: &[u8]) -> Option<Vec<u8>> {
    let open = async |mut tx| vault.open_of(&mut tx, owner, Purpose::Webhooks, "hook", sealed).await;
    store.platform_read(&origin(env), open).await.ok()
}

both_databases! {
    async fn what_is_sealed_opens_for_its_owner_and_purpose_alone(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (one, other) = (ctx(&store, &env, "one").await, ctx(&store, &env, "other").await);
        let vault = Vault::new(OLD, None);
        let sealed = seal(&store, &one, &vault, Purpose::Webhooks, b"whsec").await;
        seal(&store, &other, &vault, Purpose::Webhooks, b"whsec").await;
        seal(&store, &one, &vault, Purpose::Secrets, b"whsec").await;
        assert_eq!(open(&store, &one, &vault, Purpose::Webhooks, &sealed).await.unwrap(), b"whsec");
        assert!(open(&store, &other, &vault, Purpose::Webhooks, &sealed).await.is_err());
        assert!(open(&store, &one, &vault, Purpose::Secrets, &sealed).await.is_err());
        assert!(open(&store, &one, &vault, Purpose::Recordings, &sealed).await.is_err(), "no key was made yet");

        let (mine, theirs) = (PublisherId::generate(&env), PublisherId::generate(&env));
        let sealed = seal_of(&store, &env, &vault, Owner::Publisher(mine)).await;
        seal_of(&store, &env, &vault, Owner::Publisher(theirs)).await;
        assert_eq!(open_of(&store, &env, &vault, Owner::Publisher(mine), &sealed).await.unwrap(), b"whsec");
        assert_eq!(open_of(&store, &env, &vault, Owner::Publisher(theirs), &sealed).await, None);
        assert_eq!(open_of(&store, &env, &vault, Owner::Platform, &sealed).await, None);
    }

    async fn after_a_rotation_all_opens_under_the_new_key_and_nothing_under_the_old(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let shop = ctx(&store, &env, "one").await;
        let (old, both, new) = (Vault::new(OLD, None), Vault::new(NEW, Some(OLD)), Vault::new(NEW, None));
        let purposes = [Purpose::Recordings, Purpose::Secrets, Purpose::Webhooks];
        let mut sealed = Vec::new();
        for purpose in purposes {
            sealed.push(seal(&store, &shop, &old, purpose, b"before").await);
        }
        let hook = seal_of(&store, &env, &old, Owner::Platform).await;
        // In between, whoever has both keys opens and seals everything.
        assert!(open(&store, &shop, &new, Purpose::Secrets, &sealed[1]).await.is_err());
        assert_eq!(open(&store, &shop, &both, Purpose::Secrets, &sealed[1]).await.unwrap(), b"before");

        let rotate = async |vault: &Vault| {
            let tenant = store.write(&shop, async |mut tx| vault.rotate(&mut tx).await).await.unwrap();
            let platform = async |mut tx| vault.rotate_platform(&mut tx).await;
            (tenant, store.platform_write(&origin(&env), platform).await.unwrap())
        };
        let done = |sealed, current| Rotated { sealed, current, lost: Vec::new() };
        let (tenant, platform) = rotate(&new).await;
        assert_eq!((tenant.lost.len(), platform.lost.len()), (3, 1), "without the old key nothing is touched");
        assert_eq!(rotate(&both).await, (done(3, 0), done(1, 0)));
        assert_eq!(rotate(&both).await, (done(0, 3), done(0, 1)));

        for (purpose, sealed) in purposes.into_iter().zip(&sealed) {
            assert_eq!(open(&store, &shop, &new, purpose, sealed).await.unwrap(), b"before", "{purpose:?}");
            assert!(open(&store, &shop, &old, purpose, sealed).await.is_err(), "{purpose:?}");
        }
        assert_eq!(open_of(&store, &env, &new, Owner::Platform, &hook).await.unwrap(), b"whsec");
        assert_eq!(open_of(&store, &env, &old, Owner::Platform, &hook).await, None);
    }
}
