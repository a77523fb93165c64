//! The demo's people: one for each role, with passwords of their own.

use heptad_model::{Env, Origin};
use heptad_platform::publisher::Publisher;
use heptad_platform::tenant::TenantRecord;
use heptad_platform::token::{TokenIn, token_create};
use heptad_platform::user::{HeldRole, UserIn, user_create};
use heptad_platform::{Principal, Role, Scope};
use heptad_store::{PlatformTx, Store};
use serde::Serialize;

use crate::base::platform;
use crate::error::Result;

/// A person who can sign in.
#[derive(Debug, Serialize)]
pub(super) struct Login {
    pub(super) role: &'static str,
    pub(super) login: String,
    pub(super) password: String,
    /// What the person sees.
    pub(super) place: String,
}

/// Makes the people.
pub(super) async fn create(
    store: &Store,
    origin: &Origin,
    publisher: &Publisher,
    first: &TenantRecord,
    second: &TenantRecord,
) -> Result<Vec<Login>> {
    let tenant = |record: &TenantRecord| {
        (Scope::Tenant(record.tenant.id), format!("{} ({}, {})", record.name, record.slug, record.tenant.currency))
    };
    let (first, second) = ((tenant(first), &first.slug), (tenant(second), &second.slug));
    let people = [
        (Role::Operator, "operator".to_owned(), "Operator", (Scope::Platform, "the platform".to_owned())),
        (
            Role::Publisher,
            "publisher".to_owned(),
            "Publisher",
            (Scope::Publisher(publisher.id), format!("its plugins ({})", publisher.slug)),
        ),
        (Role::Owner, format!("owner@{}", first.1), "沈青", first.0.clone()),
        (Role::Staff, format!("staff@{}", first.1), "许禾", first.0),
        (Role::Owner, format!("owner@{}", second.1), "Alex Morgan", second.0),
    ];
    let mut logins = Vec::new();
    for (role, login, name, (scope, place)) in people {
        let password = password(&origin.env);
        let input = UserIn { login: login.clone(), name: name.to_owned(), password: password.clone() };
        user_create(store, origin, &input, &[HeldRole { role, scope }]).await.map_err(platform)?;
        logins.push(Login { role: role.name(), login, password, place });
    }
    Ok(logins)
}

/// A token by which a storefront's server prices carts.
pub(super) async fn shop_token(store: &Store, origin: &Origin, record: &TenantRecord) -> Result<String> {
    let scope = Scope::Tenant(record.tenant.id);
    let input =
        TokenIn { name: "demo storefront".to_owned(), role: Role::Shop, scope, customer: None, lifetime_millis: None };
    let by = Principal::system("demo");
    let create = async |mut tx: PlatformTx| token_create(&mut tx, &by, &input).await;
    let (_, secret) = store.platform_write(origin, create).await.map_err(platform)?;
    Ok(secret.reveal().to_owned())
}

/// 64 random bits in four groups, which a person can type.
fn password(env: &Env) -> String {
    let mut random = [0; 8];
    env.fill(&mut random);
    random.chunks(2).map(hex::encode).collect::<Vec<_>>().join("-")
}
