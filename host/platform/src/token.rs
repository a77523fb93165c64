//! API tokens: who a program is. Hashed, scoped, with an end and their last use.

use heptad_model::id::{CustomerId, TokenId};
use heptad_model::time::span::{DAY, MINUTE};
use heptad_model::{Actor, Millis, Origin, Page, PageRequest};
use heptad_store::{PlatformTx, Row, Store, StoreError};
use serde_json::json;

use crate::PlatformError;
use crate::names::name_check;
use crate::principal::{Principal, Role, Scope};
use crate::secret::{self, Secret};

/// How long a token lasts when nobody says.
pub const TOKEN_MILLIS: i64 = 90 * DAY;
/// The longest that a token lasts.
pub const MAX_TOKEN_MILLIS: i64 = 366 * DAY;
/// How long a customer's token lasts when nobody says.
pub const CUSTOMER_TOKEN_MILLIS: i64 = 15 * MINUTE;
/// The longest that a customer's token lasts.
pub const MAX_CUSTOMER_TOKEN_MILLIS: i64 = DAY;
/// How exactly the last use is known: it is written at most once in this time.
const USE_MILLIS: i64 = MINUTE;
/// `hpt_` and 64 digits; anything longer is not looked up.
const MAX_SECRET: usize = 128;

/// A new token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenIn {
    /// What people call it.
    pub name: String,
    /// What its bearer is.
    pub role: Role,
    /// Where.
    pub scope: Scope,
    /// The shopper, for the role customer, and only for it. The caller has checked that the tenant has this customer.
    pub customer: Option<CustomerId>,
    /// How long it lasts; 90 days when absent, at most 366; a customer's 15 minutes, at most a day.
    pub lifetime_millis: Option<i64>,
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The token's id.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// What its bearer is.
    pub role: Role,
    /// Where.
    pub scope: Scope,
    /// The shopper, for the role customer.
    pub customer: Option<CustomerId>,
    /// When it was made.
    pub created_at: Millis,
    /// Who made it, as in audit rows.
    pub created_by: String,
    /// When it ends.
    pub expires_at: Millis,
    /// Its last use, to a minute.
    pub last_used_at: Option<Millis>,
    /// When it was revoked.
    pub revoked_at: Option<Millis>,
}

impl Token {
    fn of(row: &Row) -> Result<Self, StoreError> {
        let subject = row.text("subject")?;
        let customer = match subject.is_empty() {
            true => None,
            false => Some(row.parse("subject")?),
        };
        Ok(Self {
            id: row.parse("id")?,
            name: row.text("name")?,
            role: row.parse("role")?,
            scope: row.parse("scope")?,
            customer,
            created_at: row.millis("created_at")?,
            created_by: row.text("created_by")?,
            expires_at: row.millis("expires_at")?,
            last_used_at: row.opt_int("last_used_at")?.map(Millis::new),
            revoked_at: row.opt_int("revoked_at")?.map(Millis::new),
        })
    }

    /// Who the bearer is: a shopper's token acts as the shopper, every other as itself.
    pub fn principal(&self) -> Principal {
        let actor = match self.customer {
            Some(customer) => Actor::Customer(customer),
            None => Actor::Token(self.id),
        };
        Principal { actor, role: self.role, scope: self.scope, customer: self.customer }
    }
}

/// Makes a token; its secret is shown once. `token-denied` when the caller's role may not make this one here.
pub async fn token_create(
    tx: &mut PlatformTx,
    by: &Principal,
    input: &TokenIn,
) -> Result<(Token, Secret), PlatformError> {
    const INSERT: &str = "insert into tokens (id, secret_hash, name, role, scope, subject, created_at, created_by, expires_at) \
                          values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let lifetime = checked(by, input)?;
    let name = name_check("name", &input.name)?;
    let (env, created_at) = (tx.origin().env.clone(), tx.origin().now());
    let (id, secret) = (TokenId::generate(&env), Secret::generate(&env, "hpt"));
    let token = Token {
        id,
        name,
        role: input.role,
        scope: input.scope,
        customer: input.customer,
        created_at,
        created_by: by.actor.to_string(),
        expires_at: created_at.plus(lifetime),
        last_used_at: None,
        revoked_at: None,
    };
    tx.query(INSERT)
        .text(id)
        .bind(secret.hash())
        .bind(&token.name)
        .text(token.role)
        .text(token.scope)
        .bind(token.customer.map(|id| id.to_string()).unwrap_or_default())
        .bind(created_at)
        .bind(&token.created_by)
        .bind(token.expires_at)
        .execute()
        .await?;
    tx.audit("token.created", id, &json!({"role": token.role.name(), "scope": token.scope.to_string()})).await?;
    Ok((token, secret))
}

/// Holds the wish against the rules; how long the token lasts, in milliseconds.
fn checked(by: &Principal, input: &TokenIn) -> Result<i64, PlatformError> {
    if !by.role.may_mint(input.role) || (by.role != Role::Operator && by.scope != input.scope) {
        return Err(PlatformError::TokenDenied { by: by.role.name(), wanted: input.role.name() });
    }
    if !input.role.fits(input.scope) {
        return Err(PlatformError::field("scope", format!("the role `{}` is not held there", input.role)));
    }
    if input.customer.is_some() != (input.role == Role::Customer) {
        return Err(PlatformError::field("customer", "is required for the role `customer`, and only for it"));
    }
    let (default, most) = match input.role {
        Role::Customer => (CUSTOMER_TOKEN_MILLIS, MAX_CUSTOMER_TOKEN_MILLIS),
        _ => (TOKEN_MILLIS, MAX_TOKEN_MILLIS),
    };
    let lifetime = input.lifetime_millis.unwrap_or(default);
    match (1..=most).contains(&lifetime) {
        true => Ok(lifetime),
        false => {
            Err(PlatformError::field("lifetime", format!("at most {} hours", most / heptad_model::time::span::HOUR)))
        }
    }
}

/// The valid token that is presented; `token-invalid` when it is unknown, revoked or over. Notes the use, at most once a
/// minute. Whoever keeps the answer for a while has to look at its end again at each use.
pub async fn token_authenticate(store: &Store, origin: &Origin, presented: &str) -> Result<Token, PlatformError> {
    const GET: &str = "select id, name, role, scope, subject, created_at, created_by, expires_at, last_used_at, revoked_at \
                       from tokens where secret_hash = $1";
    const NOTE: &str = "update tokens set last_used_at = $2 \
                        where id = $1 and (last_used_at is null or last_used_at <= $3)";
    if presented.len() > MAX_SECRET {
        return Err(PlatformError::TokenInvalid);
    }
    let hash = secret::hash(presented);
    let now = origin.now();
    let read = async |mut tx: PlatformTx| tx.query(GET).bind(&hash).fetch_optional(Token::of).await;
    let found = store.platform_read(origin, read).await.map_err(PlatformError::Store)?;
    let token = found
        .filter(|token| token.revoked_at.is_none() && token.expires_at > now)
        .ok_or(PlatformError::TokenInvalid)?;
    let before = now.plus(-USE_MILLIS);
    if token.last_used_at.is_none_or(|last| last <= before) {
        let note = async |mut tx: PlatformTx| {
            tx.query(NOTE).text(token.id).bind(now).bind(before).execute().await.map_err(PlatformError::Store)
        };
        if let Err(error) = store.platform_write(origin, note).await {
            // A note that is missing is no reason to turn the bearer away.
            tracing::warn!(token = %token.id, %error, "the last use of token {} was not noted", token.id);
        }
    }
    Ok(token)
}

/// The tokens of a scope, the oldest first, without those of shoppers, which come by the thousand and die by themselves.
pub async fn token_list(tx: &mut PlatformTx, scope: Scope, page: &PageRequest) -> Result<Page<Token>, PlatformError> {
    const LIST: &str = "select id, name, role, scope, subject, created_at, created_by, expires_at, last_used_at, revoked_at \
                        from tokens where scope = $1 and role <> 'customer' and id > $2 order by id limit $3";
    let rows = tx.query(LIST).text(scope).bind(page.after()).bind(page.fetch()).fetch_all(Token::of).await?;
    Ok(page.page(rows, |token| token.id.to_string()))
}

/// Ends a token of this scope at once; ending it again changes nothing. `not-found` in another scope.
pub async fn token_revoke(tx: &mut PlatformTx, scope: Scope, id: TokenId) -> Result<(), PlatformError> {
    const REVOKE: &str = "update tokens set revoked_at = coalesce(revoked_at, $3) where id = $1 and scope = $2";
    let now = tx.origin().now();
    if tx.query(REVOKE).text(id).text(scope).bind(now).execute().await? == 0 {
        return Err(PlatformError::not_found("token", id));
    }
    tx.audit("token.revoked", id, &json!({})).await?;
    Ok(())
}
