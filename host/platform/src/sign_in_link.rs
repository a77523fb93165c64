//! One-time links by which an operator sets login and password: the way in at the first start, and the way back.

use heptad_model::time::span::HOUR;
use heptad_model::{Millis, Origin};
use heptad_store::{PlatformTx, Store, StoreError};
use serde_json::json;

use crate::PlatformError;
use crate::principal::{Role, Scope};
use crate::secret::{self, Secret};
use crate::session::{SignedIn, session_create};
use crate::user::{HeldRole, NewUser, User, UserIn, role_grant, role_list, user_by_login, user_insert};

/// How long a link can be used.
pub const LINK_MILLIS: i64 = HOUR;

const OPERATOR: HeldRole = HeldRole { role: Role::Operator, scope: Scope::Platform };

/// Makes a link's secret and its end. Who may call this is an operator already: a command on the machine.
pub async fn sign_in_link_create(tx: &mut PlatformTx) -> Result<(Secret, Millis), PlatformError> {
    const INSERT: &str =
        "insert into sign_in_links (secret_hash, role, created_at, expires_at) values ($1, $2, $3, $4)";
    let now = tx.origin().now();
    let (secret, expires_at) = (Secret::generate(&tx.origin().env, "hpl"), now.plus(LINK_MILLIS));
    tx.query(INSERT).bind(secret.hash()).text(OPERATOR.role).bind(now).bind(expires_at).execute().await?;
    tx.audit("sign-in-link.created", OPERATOR.role, &json!({})).await?;
    Ok((secret, expires_at))
}

/// Whether a link can be used now: what its page asks before it shows a form. It stays usable.
pub async fn sign_in_link_is_open(tx: &mut PlatformTx, presented: &str) -> Result<bool, StoreError> {
    const OPEN: &str =
        "select count(*) as n from sign_in_links where secret_hash = $1 and used_at is null and expires_at > $2";
    let now = tx.origin().now();
    tx.query(OPEN).bind(secret::hash(presented)).bind(now).fetch_one(|row| row.flag("n")).await
}

/// Uses a link up and signs in: makes an operator, or gives one that has the login a new password and ends its sessions.
///
/// `link-invalid` when the link is unknown, used or over; `name-taken` when the login is of somebody else. On an error the
/// link stays usable.
pub async fn sign_in_link_use(
    store: &Store,
    origin: &Origin,
    presented: &str,
    input: &UserIn,
) -> Result<SignedIn, PlatformError> {
    // Asked first, so that nobody makes the server hash passwords with links that are no links.
    let open = store.platform_read(origin, async |mut tx| sign_in_link_is_open(&mut tx, presented).await).await;
    if !open.map_err(PlatformError::Store)? {
        return Err(PlatformError::LinkInvalid);
    }
    let new = NewUser::prepare(&origin.env, input).await?;
    store
        .platform_write(origin, async |mut tx| {
            link_spend(&mut tx, presented).await?;
            let user = operator_put(&mut tx, &new).await?;
            session_create(&mut tx, &user).await
        })
        .await
}

/// One conditional update: of many who come at once, one meets the row.
async fn link_spend(tx: &mut PlatformTx, presented: &str) -> Result<(), PlatformError> {
    const SPEND: &str = "update sign_in_links set used_at = $2 \
                         where secret_hash = $1 and used_at is null and expires_at > $2";
    let now = tx.origin().now();
    match tx.query(SPEND).bind(secret::hash(presented)).bind(now).execute().await? {
        1 => Ok(()),
        _ => Err(PlatformError::LinkInvalid),
    }
}

async fn operator_put(tx: &mut PlatformTx, new: &NewUser) -> Result<User, PlatformError> {
    let user = match user_by_login(tx, &new.login).await {
        Ok(user) if !role_list(tx, user.id).await?.contains(&OPERATOR) => {
            return Err(PlatformError::Taken { kind: "login", name: new.login.clone() });
        }
        Ok(user) => {
            let put = "update users set password_hash = $2, name = $3 where id = $1";
            tx.query(put).text(user.id).bind(&new.password_hash).bind(&new.name).execute().await?;
            tx.query("delete from sessions where user_id = $1").text(user.id).execute().await?;
            tx.audit("user.password-changed", user.id, &json!({})).await?;
            User { name: new.name.clone(), ..user }
        }
        Err(PlatformError::NotFound { .. }) => user_insert(tx, new).await?,
        Err(error) => return Err(error),
    };
    role_grant(tx, user.id, OPERATOR).await?;
    Ok(user)
}
