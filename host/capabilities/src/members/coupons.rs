//! Coupons: batches that the merchant makes, and the coupons that customers get of them.
//!
//! This is the core: making a batch, issuing, taking back. What a coupon is worth is kept with its batch; no price reads it
//! yet, and nothing redeems one.

use std::collections::{BTreeMap, HashMap};

use heptad_model::id::{CouponBatchId, CouponId, CustomerId};
use heptad_model::time::span::DAY;
use heptad_model::{Env, EventType, Millis, Minor, Page, PageRequest};
use heptad_store::{Row, StoreError, Tx, by_keys};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::points::{MAX_OPERATIONS, check_request, customer_of, scope};
use crate::{CapabilityError, bounds};

/// The most days that a coupon is valid.
pub const MAX_DAYS: i64 = 1_100;
/// The most coupons of a batch.
pub const MAX_CAP: i64 = 100_000_000;
/// The most coupons of one customer that [`coupons_held`] tells of.
pub const MAX_HELD: i64 = 50;

/// What a coupon takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Off {
    /// An amount in minor units of the shop's currency.
    Amount(Minor),
    /// Hundredths of a percent, 1 to 10,000.
    BasisPoints(u32),
}

/// What a coupon is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worth {
    /// What it takes off.
    pub off: Off,
    /// From which total of an order on, in minor units of the shop's currency.
    pub from_total: Minor,
}

/// Whether coupons of a batch are issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchState {
    /// They are.
    Open,
    /// They are not any more; those that were issued stay.
    Closed,
}

impl BatchState {
    /// The word in the database and in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// Coupons of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponBatch {
    /// The id.
    pub id: CouponBatchId,
    /// The merchant's own code, unique in the shop.
    pub code: String,
    /// The name that people read.
    pub name: String,
    /// What a coupon is worth.
    pub worth: Worth,
    /// How many days a coupon is valid from its issue on.
    pub valid_days: i64,
    /// When no coupon of the batch is valid any more.
    pub ends_at: Option<Millis>,
    /// The most coupons that are issued; no bound when absent.
    pub cap: Option<i64>,
    /// How many were issued, those taken back among them.
    pub issued: i64,
    /// Whether coupons are issued.
    pub state: BatchState,
    /// When it was made.
    pub created_at: Millis,
}

/// A batch to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponBatchIn {
    /// 1 to 64 characters without white space.
    pub code: String,
    /// 1 to 200 characters.
    pub name: String,
    /// What a coupon is worth.
    pub worth: Worth,
    /// 1 to 1,100.
    pub valid_days: i64,
    /// In the future, if there is an end.
    pub ends_at: Option<Millis>,
    /// 1 to 100,000,000, if there is a bound.
    pub cap: Option<i64>,
}

/// What became of a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CouponStatus {
    /// Its customer may use it.
    Issued,
    /// It was taken back.
    Void,
    /// Its time has passed.
    Expired,
}

/// A coupon of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coupon {
    /// The id.
    pub id: CouponId,
    /// What the customer shows: 12 digits and letters.
    pub code: String,
    /// The batch's code.
    pub batch: String,
    /// Whose it is.
    pub customer: CustomerId,
    /// What became of it.
    pub status: CouponStatus,
    /// Why it was taken back; empty if it was not.
    pub reason: String,
    /// When it was issued.
    pub issued_at: Millis,
    /// When it can no longer be used.
    pub expires_at: Millis,
}

/// A coupon to issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The caller's own id of the operation, 1 to 128 bytes; repeated, it gives the same coupon.
    pub request: String,
    /// The batch's code.
    pub batch: String,
    /// The customer's id.
    pub customer: String,
}

/// A coupon to take back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// The coupon's id.
    pub coupon: String,
    /// Why: up to 40 lower-case letters, digits and hyphens.
    pub reason: String,
}

/// Why a coupon is not issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CouponError {
    /// The merchant closed the batch, or its time has passed.
    #[error("the batch `{0}` is closed")]
    BatchClosed(String),
    /// All coupons of the batch were issued.
    #[error("the batch `{batch}` has {left} coupons left")]
    BatchEmpty {
        /// The batch's code.
        batch: String,
        /// How many are left.
        left: i64,
    },
    /// The request id was used for something else.
    #[error("the request id `{0}` was used for another coupon")]
    RequestMismatch(String),
}

impl CouponError {
    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BatchClosed(_) => "batch-closed",
            Self::BatchEmpty { .. } => "batch-empty",
            Self::RequestMismatch(_) => "request-mismatch",
        }
    }
}

/// Makes a batch. `already-exists` if the code is taken.
pub async fn coupon_batch_create(tx: &mut Tx, input: CouponBatchIn) -> Result<CouponBatch, CapabilityError> {
    const INSERT: &str = "insert into coupon_batches (tenant_id, id, code, name, worth, valid_days, ends_at, cap, issued, \
                          state, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, 0, 'open', $9) \
                          on conflict (tenant_id, code) do nothing";
    let ctx = tx.ctx().clone();
    let CouponBatchIn { code, name, worth, valid_days, ends_at, cap } = input;
    bounds::code("code", &code)?;
    bounds::name("name", &name)?;
    match worth.off {
        Off::Amount(amount) => {
            bounds::price("worth.off.amount", amount)?;
            if amount == Minor::ZERO {
                return Err(CapabilityError::invalid("worth.off.amount", "at least 1 minor unit"));
            }
        }
        Off::BasisPoints(points) if !(1..=10_000).contains(&points) => {
            return Err(CapabilityError::invalid("worth.off.basis_points", "1 to 10000"));
        }
        Off::BasisPoints(_) => {}
    }
    bounds::price("worth.from_total", worth.from_total)?;
    if !(1..=MAX_DAYS).contains(&valid_days) {
        return Err(CapabilityError::invalid("valid_days", format!("1 to {MAX_DAYS}")));
    }
    if ends_at.is_some_and(|end| end <= ctx.now()) {
        return Err(CapabilityError::invalid("ends_at", "in the future"));
    }
    if cap.is_some_and(|cap| !(1..=MAX_CAP).contains(&cap)) {
        return Err(CapabilityError::invalid("cap", format!("1 to {MAX_CAP}")));
    }
    let (id, created_at) = (CouponBatchId::generate(&ctx.env), ctx.now());
    let insert = tx.query(INSERT).text(id).bind(&code).bind(&name).json(&worth).bind(valid_days);
    let insert = insert.bind(ends_at.map(Millis::as_millis)).bind(cap).bind(created_at);
    if insert.execute().await? == 0 {
        return Err(CapabilityError::AlreadyExists { what: "batch of coupons", code });
    }
    tx.audit("coupon-batch.created", id, &json!({"code": code, "worth": worth, "cap": cap})).await?;
    let data = json!({"batch": id, "code": code, "valid_days": valid_days, "cap": cap, "ends_at": ends_at});
    tx.emit(EventType::CouponBatchCreated.about(id, data));
    Ok(CouponBatch { id, code, name, worth, valid_days, ends_at, cap, issued: 0, state: BatchState::Open, created_at })
}

fn batch(row: &Row) -> Result<CouponBatch, StoreError> {
    let state = match row.text("state")?.as_str() {
        "open" => BatchState::Open,
        _ => BatchState::Closed,
    };
    Ok(CouponBatch {
        id: row.parse("id")?,
        code: row.text("code")?,
        name: row.text("name")?,
        worth: row.json("worth")?,
        valid_days: row.int("valid_days")?,
        ends_at: row.opt_int("ends_at")?.map(Millis::new),
        cap: row.opt_int("cap")?,
        issued: row.int("issued")?,
        state,
        created_at: row.millis("created_at")?,
    })
}

/// The shop's batches in the order of their making.
pub async fn coupon_batch_list(tx: &mut Tx, page: &PageRequest) -> Result<Page<CouponBatch>, CapabilityError> {
    const LIST: &str = "select id, code, name, worth, valid_days, ends_at, cap, issued, state, created_at \
                        from coupon_batches where tenant_id = $1 and id > $2 order by id limit $3";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(batch).await?;
    Ok(page.page(rows, |batch| batch.id.to_string()))
}

/// One batch.
pub async fn coupon_batch_get(tx: &mut Tx, id: CouponBatchId) -> Result<CouponBatch, CapabilityError> {
    const GET: &str = "select id, code, name, worth, valid_days, ends_at, cap, issued, state, created_at \
                       from coupon_batches where tenant_id = $1 and id = $2";
    let found = tx.query(GET).text(id).fetch_optional(batch).await?;
    found.ok_or(CapabilityError::NotFound("batch of coupons"))
}

/// Closes a batch: no more coupons of it are issued. Closing it again changes nothing.
pub async fn coupon_batch_close(tx: &mut Tx, id: CouponBatchId) -> Result<CouponBatch, CapabilityError> {
    const CLOSE: &str =
        "update coupon_batches set state = 'closed' where tenant_id = $1 and id = $2 and state = 'open'";
    let closed = tx.query(CLOSE).text(id).execute().await? > 0;
    let batch = coupon_batch_get(tx, id).await?;
    if closed {
        tx.audit("coupon-batch.closed", id, &json!({})).await?;
        tx.emit(EventType::CouponBatchClosed.about(id, json!({"batch": id, "code": batch.code})));
    }
    Ok(batch)
}

/// Issues coupons, in the order asked for; a request that was made before gives the coupon that it gave then.
pub async fn coupons_issue(tx: &mut Tx, grants: &[Grant]) -> Result<Vec<Coupon>, CapabilityError> {
    const BATCHES: (&str, &str) = by_keys!(
        "select id, code, name, worth, valid_days, ends_at, cap, issued, state, created_at from coupon_batches \
         where tenant_id = $1 and code",
        "$2"
    );
    const TAKE: &str = "update coupon_batches set issued = issued + $3 where tenant_id = $1 and id = $2 \
                        and state = 'open' and (cap is null or issued + $3 <= cap)";
    if grants.len() > MAX_OPERATIONS {
        return Err(CapabilityError::invalid("grants", format!("{} given, at most {MAX_OPERATIONS}", grants.len())));
    }
    let codes: Vec<&str> = grants.iter().map(|grant| grant.batch.as_str()).collect();
    let batches: HashMap<String, CouponBatch> = tx
        .query_of(BATCHES)
        .json(&codes)
        .fetch_all(|row| Ok((row.text("code")?, batch(row)?)))
        .await?
        .into_iter()
        .collect();
    let mut coupons = Vec::with_capacity(grants.len());
    let mut taken: BTreeMap<&str, i64> = BTreeMap::new();
    for grant in grants {
        check_request(&grant.request)?;
        let Some(batch) = batches.get(&grant.batch) else {
            return Err(CapabilityError::NotFound("batch of coupons"));
        };
        let (coupon, is_new) = issue(tx, grant, batch).await?;
        if is_new {
            *taken.entry(&batch.code).or_default() += 1;
        }
        coupons.push(coupon);
    }
    let now = tx.ctx().now();
    for (code, count) in taken {
        let Some(batch) = batches.get(code) else { continue };
        if batch.ends_at.is_some_and(|end| end <= now) {
            return Err(CouponError::BatchClosed(code.to_owned()).into());
        }
        if tx.query(TAKE).text(batch.id).bind(count).execute().await? == 0 {
            let CouponBatch { state, cap, issued, .. } = coupon_batch_get(tx, batch.id).await?;
            let (batch, left) = (code.to_owned(), cap.map_or(i64::MAX, |cap| cap - issued));
            return Err(match state {
                BatchState::Closed => CouponError::BatchClosed(batch),
                BatchState::Open => CouponError::BatchEmpty { batch, left },
            }
            .into());
        }
    }
    Ok(coupons)
}

/// Issues a coupon, or finds the one that the request gave before; and whether it is new.
async fn issue(tx: &mut Tx, grant: &Grant, batch: &CouponBatch) -> Result<(Coupon, bool), CapabilityError> {
    const INSERT: &str = "insert into coupons (tenant_id, id, code, batch_id, customer_id, scope, request, state, reason, \
                          issued_at, expires_at) select $1, $2, $3, $4, id, $6, $7, 'issued', '', $8, $9 from customers \
                          where tenant_id = $1 and id = $5 on conflict (tenant_id, scope, request) do nothing";
    const GET: &str = "select c.id, c.code, b.code as batch, c.customer_id, c.state, c.reason, c.issued_at, c.expires_at \
                       from coupons c join coupon_batches b on b.tenant_id = c.tenant_id and b.id = c.batch_id \
                       where c.tenant_id = $1 and c.scope = $2 and c.request = $3";
    let (ctx, scope) = (tx.ctx().clone(), scope(tx));
    let customer = customer_of(&grant.customer)?;
    let issued_at = ctx.now();
    let end = issued_at.plus(batch.valid_days * DAY);
    let made = Coupon {
        id: CouponId::generate(&ctx.env),
        code: new_code(&ctx.env),
        batch: batch.code.clone(),
        customer,
        status: CouponStatus::Issued,
        reason: String::new(),
        issued_at,
        expires_at: batch.ends_at.map_or(end, |last| last.min(end)),
    };
    let insert = tx.query(INSERT).text(made.id).bind(&made.code).text(batch.id).text(customer).bind(&scope);
    let insert = insert.bind(&grant.request).bind(issued_at).bind(made.expires_at);
    if insert.execute().await? > 0 {
        tx.audit("coupon.issued", made.id, &json!({"batch": made.batch, "customer": customer})).await?;
        let data = json!({
            "coupon": made.id, "batch": made.batch, "customer": customer, "expires_at": made.expires_at,
        });
        tx.emit(EventType::CouponIssued.about(made.id, data));
        return Ok((made, true));
    }
    let found = tx.query(GET).bind(scope).bind(&grant.request).fetch_optional(|row| coupon(row, issued_at)).await?;
    let Some(found) = found else { return Err(CapabilityError::NotFound("customer")) };
    if found.batch != batch.code || found.customer != customer {
        return Err(CouponError::RequestMismatch(grant.request.clone()).into());
    }
    Ok((found, false))
}

/// Twelve digits and letters of Crockford's base 32: 60 bits, so that nobody guesses one, and none that look alike.
fn new_code(env: &Env) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut bytes = [0; 12];
    env.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// Takes coupons back; one that is void already is no error.
pub async fn coupons_void(tx: &mut Tx, withdrawals: &[Withdrawal]) -> Result<(), CapabilityError> {
    const VOID: &str = "update coupons set state = 'void', reason = $3, voided_at = $4 \
                        where tenant_id = $1 and id = $2 and state = 'issued'";
    if withdrawals.len() > MAX_OPERATIONS {
        let found = withdrawals.len();
        return Err(CapabilityError::invalid("withdrawals", format!("{found} given, at most {MAX_OPERATIONS}")));
    }
    let now = tx.ctx().now();
    for Withdrawal { coupon, reason } in withdrawals {
        bounds::word("reason", reason)?;
        let id = CouponId::parse(coupon).map_err(|_| CapabilityError::NotFound("coupon"))?;
        let found = coupon_get(tx, id).await?;
        if tx.query(VOID).text(id).bind(reason).bind(now).execute().await? > 0 {
            tx.audit("coupon.voided", id, &json!({"reason": reason})).await?;
            let data = json!({"coupon": id, "batch": found.batch, "customer": found.customer, "reason": reason});
            tx.emit(EventType::CouponVoided.about(id, data));
        }
    }
    Ok(())
}

fn coupon(row: &Row, now: Millis) -> Result<Coupon, StoreError> {
    let expires_at = row.millis("expires_at")?;
    let status = match row.text("state")?.as_str() {
        "void" => CouponStatus::Void,
        _ if expires_at <= now => CouponStatus::Expired,
        _ => CouponStatus::Issued,
    };
    Ok(Coupon {
        id: row.parse("id")?,
        code: row.text("code")?,
        batch: row.text("batch")?,
        customer: row.parse("customer_id")?,
        status,
        reason: row.text("reason")?,
        issued_at: row.millis("issued_at")?,
        expires_at,
    })
}

/// One coupon.
pub async fn coupon_get(tx: &mut Tx, id: CouponId) -> Result<Coupon, CapabilityError> {
    const GET: &str = "select c.id, c.code, b.code as batch, c.customer_id, c.state, c.reason, c.issued_at, c.expires_at \
                       from coupons c join coupon_batches b on b.tenant_id = c.tenant_id and b.id = c.batch_id \
                       where c.tenant_id = $1 and c.id = $2";
    let now = tx.ctx().now();
    let found = tx.query(GET).text(id).fetch_optional(|row| coupon(row, now)).await?;
    found.ok_or(CapabilityError::NotFound("coupon"))
}

/// The coupons of these customers, by customer and then the latest first, at most 50 of each.
pub async fn coupons_held(tx: &mut Tx, customers: &[String]) -> Result<Vec<Coupon>, CapabilityError> {
    const HELD: &str = "select id, code, batch, customer_id, state, reason, issued_at, expires_at from \
                        (select c.id, c.code, b.code as batch, c.customer_id, c.state, c.reason, c.issued_at, c.expires_at, \
                        row_number() over (partition by c.customer_id order by c.id desc) as place from coupons c \
                        join coupon_batches b on b.tenant_id = c.tenant_id and b.id = c.batch_id \
                        where c.tenant_id = $1 and c.customer_id in (select value from json_each($2))) held \
                        where place <= $3 order by customer_id, id desc";
    bounds::batch("customers", customers)?;
    let now = tx.ctx().now();
    Ok(tx.query(HELD).json(customers).bind(MAX_HELD).fetch_all(|row| coupon(row, now)).await?)
}
