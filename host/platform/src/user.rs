//! Users: the people who sign in, and the roles that they hold.

use heptad_model::id::UserId;
use heptad_model::{Actor, Millis, Page, PageRequest};
use heptad_store::{PlatformTx, Row, Store, StoreError};
use serde_json::json;

use crate::PlatformError;
use crate::names::name_check;
use crate::password::password_hash;
use crate::principal::{Principal, Role, Scope};

/// A person who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// What the person signs in with, in lower case: an e-mail address or a name.
    pub login: String,
    /// The name that people see.
    pub name: String,
    /// When the user was created.
    pub created_at: Millis,
}

impl User {
    pub(crate) fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            login: row.text("login")?,
            name: row.text("name")?,
            created_at: row.millis("created_at")?,
        })
    }
}

/// A new person.
#[derive(Clone)]
pub struct UserIn {
    /// What the person signs in with; letter case does not matter.
    pub login: String,
    /// The name that people see.
    pub name: String,
    /// The password, 12 characters or more.
    pub password: String,
}

impl std::fmt::Debug for UserIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserIn").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A role that a person holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldRole {
    /// Which.
    pub role: Role,
    /// Where.
    pub scope: Scope,
}

impl HeldRole {
    /// The person acting in this role.
    pub const fn principal(self, user: UserId) -> Principal {
        Principal { actor: Actor::User(user), role: self.role, scope: self.scope, customer: None }
    }
}

/// A user that is ready to be written: checked, the password hashed.
pub(crate) struct NewUser {
    pub(crate) login: String,
    pub(crate) name: String,
    pub(crate) password_hash: String,
}

impl NewUser {
    pub(crate) async fn prepare(env: &heptad_model::Env, input: &UserIn) -> Result<Self, PlatformError> {
        let login = login_checked(&input.login)?;
        let name = name_check("name", &input.name)?;
        Ok(Self { login, name, password_hash: password_hash(env, &input.password).await? })
    }
}

/// Creates a person with roles; `name-taken` when another has the login.
pub async fn user_create(
    store: &Store,
    origin: &heptad_model::Origin,
    input: &UserIn,
    roles: &[HeldRole],
) -> Result<User, PlatformError> {
    let new = NewUser::prepare(&origin.env, input).await?;
    store
        .platform_write(origin, async |mut tx| {
            let user = user_insert(&mut tx, &new).await?;
            for role in roles {
                role_grant(&mut tx, user.id, *role).await?;
            }
            Ok(user)
        })
        .await
}

pub(crate) async fn user_insert(tx: &mut PlatformTx, new: &NewUser) -> Result<User, PlatformError> {
    const INSERT: &str = "insert into users (id, login, name, password_hash, created_at) values ($1, $2, $3, $4, $5)";
    let (id, created_at) = (UserId::generate(&tx.origin().env), tx.origin().now());
    let insert = tx.query(INSERT).text(id).bind(&new.login).bind(&new.name).bind(&new.password_hash).bind(created_at);
    match insert.execute().await {
        Err(StoreError::Duplicate(_)) => return Err(PlatformError::Taken { kind: "login", name: new.login.clone() }),
        inserted => inserted?,
    };
    tx.audit("user.created", id, &json!({})).await?;
    Ok(User { id, login: new.login.clone(), name: new.name.clone(), created_at })
}

/// A person by login; letter case does not matter.
pub async fn user_by_login(tx: &mut PlatformTx, login: &str) -> Result<User, PlatformError> {
    const GET: &str = "select id, login, name, created_at from users where login = $1";
    let login = login.trim().to_lowercase();
    let found = tx.query(GET).bind(&login).fetch_optional(User::of).await?;
    found.ok_or_else(|| PlatformError::not_found("user", login))
}

/// The people who hold a role in this scope, with the role, the oldest first.
pub async fn user_list(
    tx: &mut PlatformTx,
    scope: Scope,
    page: &PageRequest,
) -> Result<Page<(User, HeldRole)>, PlatformError> {
    const LIST: &str = "select u.id, u.login, u.name, u.created_at, r.role, r.scope \
                        from user_roles r join users u on u.id = r.user_id \
                        where r.scope = $1 and u.id || ' ' || r.role > $2 order by u.id || ' ' || r.role limit $3";
    let read = |row: &Row| Ok((User::of(row)?, HeldRole { role: row.parse("role")?, scope: row.parse("scope")? }));
    let rows = tx.query(LIST).text(scope).bind(page.after()).bind(page.fetch()).fetch_all(read).await?;
    Ok(page.page(rows, |(user, held)| format!("{} {}", user.id, held.role)))
}

/// Gives a person a role; giving it again changes nothing.
pub async fn role_grant(tx: &mut PlatformTx, user: UserId, held: HeldRole) -> Result<(), PlatformError> {
    const GRANT: &str = "insert into user_roles (user_id, role, scope) values ($1, $2, $3) on conflict do nothing";
    if !held.role.is_personal() || !held.role.fits(held.scope) {
        return Err(PlatformError::field("role", format!("`{}` is not held by a person in this scope", held.role)));
    }
    if tx.query(GRANT).text(user).text(held.role).text(held.scope).execute().await? == 1 {
        tx.audit("role.granted", user, &json!({"role": held.role.name(), "scope": held.scope.to_string()})).await?;
    }
    Ok(())
}

/// Takes a role from a person; it ends with the next request. `not-found` when the person does not hold it.
pub async fn role_revoke(tx: &mut PlatformTx, user: UserId, held: HeldRole) -> Result<(), PlatformError> {
    const REVOKE: &str = "delete from user_roles where user_id = $1 and role = $2 and scope = $3";
    if tx.query(REVOKE).text(user).text(held.role).text(held.scope).execute().await? == 0 {
        return Err(PlatformError::not_found("role", held.role));
    }
    tx.audit("role.revoked", user, &json!({"role": held.role.name(), "scope": held.scope.to_string()})).await?;
    Ok(())
}

/// The roles of a person.
pub async fn role_list(tx: &mut PlatformTx, user: UserId) -> Result<Vec<HeldRole>, StoreError> {
    const LIST: &str = "select role, scope from user_roles where user_id = $1 order by role, scope";
    let read = |row: &Row| Ok(HeldRole { role: row.parse("role")?, scope: row.parse("scope")? });
    tx.query(LIST).text(user).fetch_all(read).await
}

/// Whether there is an operator; before the first one, the server prints a one-time link.
pub async fn operator_exists(tx: &mut PlatformTx) -> Result<bool, StoreError> {
    const EXISTS: &str = "select count(*) as n from user_roles where role = 'operator'";
    tx.query(EXISTS).fetch_one(|row| row.flag("n")).await
}

/// A login in lower case: 2 to 254 bytes without blanks and control characters.
pub(crate) fn login_checked(login: &str) -> Result<String, PlatformError> {
    let login = login.trim().to_lowercase();
    if !(2..=254).contains(&login.len()) || login.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(PlatformError::field("login", "2 to 254 bytes without blanks"));
    }
    Ok(login)
}
