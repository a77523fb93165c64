//! Points: what customers have, what is frozen, and the ledger that says how it came.
//!
//! Taking points for something that may still fail is try, confirm, cancel: [`points_freeze`], then [`points_confirm`] or
//! [`points_unfreeze`]. Each operation has a request id of the caller's; repeated with the same id it changes nothing. A
//! freeze has an end: past it the points are the customer's again, without anybody's doing.

use std::collections::HashMap;

use heptad_model::id::{CustomerId, PointEntryId};
use heptad_model::money::MAX_SAFE;
use heptad_model::time::span::DAY;
use heptad_model::{Actor, EventType, Millis, Page, PageRequest};
use heptad_store::{Row, StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{CapabilityError, bounds};

/// The most operations of a call.
pub const MAX_OPERATIONS: usize = 100;
/// The most points of one operation.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000;
/// How long points may be frozen, in milliseconds: 30 days.
pub const MAX_HOLD: i64 = 30 * DAY;
/// The most bytes of a request id.
pub const MAX_REQUEST: usize = 128;

/// What a customer has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// The customer.
    pub customer: CustomerId,
    /// What may be spent.
    pub available: i64,
    /// What is frozen for something that is not decided yet.
    pub frozen: i64,
}

/// Points that a customer gets or spends at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// The caller's own id of the operation, 1 to 128 bytes.
    pub request: String,
    /// The customer's id.
    pub customer: String,
    /// How many, from 1 to 10^12.
    pub amount: i64,
    /// What for: up to 40 lower-case letters, digits and hyphens.
    pub reason: String,
}

/// Points to freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Whose points, how many, what for.
    #[serde(flatten)]
    pub movement: Movement,
    /// When they are unfrozen if nothing was decided: in the future, at most 30 days away.
    pub until: Millis,
}

/// Points that a customer gets back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// The caller's own id of the refund, 1 to 128 bytes.
    pub request: String,
    /// The request that took them: a spending, or a freeze that was confirmed.
    pub of: String,
    /// How many, from 1.
    pub amount: i64,
}

/// A line of the ledger. Lines are never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointEntry {
    /// The id.
    pub id: PointEntryId,
    /// What was done: `earned`, `spent`, `frozen`, `confirmed`, `unfrozen`, `lapsed` or `refunded`.
    pub change: String,
    /// What `available` changed by.
    pub amount: i64,
    /// What `frozen` changed by.
    pub frozen_amount: i64,
    /// What was available after it.
    pub available: i64,
    /// What was frozen after it.
    pub frozen: i64,
    /// The caller's id of the operation.
    pub request: String,
    /// What for.
    pub reason: String,
    /// Who did it.
    pub actor: String,
    /// When.
    pub at: Millis,
}

/// Why points are not given or taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointsError {
    /// Fewer are available.
    #[error("{asked} points are asked for, {available} are available")]
    Insufficient {
        /// How many were to be taken.
        asked: i64,
        /// How many there are.
        available: i64,
    },
    /// The request id was used for something else.
    #[error("the request id `{0}` was used for another operation")]
    RequestMismatch(String),
    /// What was frozen was unfrozen: by its caller, or since its time had passed.
    #[error("the points of `{0}` are unfrozen")]
    Unfrozen(String),
    /// What was frozen was confirmed.
    #[error("the points of `{0}` are taken: refund them")]
    Confirmed(String),
    /// Still frozen, so that there is nothing to give back.
    #[error("the points of `{0}` are still frozen: unfreeze them")]
    Undecided(String),
    /// More than was taken, less what was given back before.
    #[error("{left} points of `{of}` are left to give back")]
    RefundExceeds {
        /// The request that took them.
        of: String,
        /// How many are left.
        left: i64,
    },
}

impl PointsError {
    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Insufficient { .. } => "points-insufficient",
            Self::RequestMismatch(_) => "request-mismatch",
            Self::Unfrozen(_) => "hold-unfrozen",
            Self::Confirmed(_) => "hold-confirmed",
            Self::Undecided(_) => "hold-undecided",
            Self::RefundExceeds { .. } => "refund-exceeds",
        }
    }
}

/// Whose request ids these are: each plugin has its own, and all who use the API share theirs.
pub(super) fn scope(tx: &Tx) -> String {
    match &tx.ctx().actor {
        Actor::Plugin(install) => install.to_string(),
        _ => "api".to_owned(),
    }
}

pub(super) fn check_request(request: &str) -> Result<(), CapabilityError> {
    if (1..=MAX_REQUEST).contains(&request.len()) && !request.chars().any(char::is_control) {
        return Ok(());
    }
    Err(CapabilityError::invalid("request", format!("1 to {MAX_REQUEST} bytes without control characters")))
}

fn check_count(operations: usize) -> Result<(), CapabilityError> {
    if operations <= MAX_OPERATIONS {
        return Ok(());
    }
    Err(CapabilityError::invalid("operations", format!("{operations} given, at most {MAX_OPERATIONS}")))
}

/// An operation as it is kept under its request id.
struct Asked<'a> {
    request: &'a str,
    kind: &'static str,
    customer: CustomerId,
    amount: i64,
    reason: &'a str,
    of: &'a str,
    state: &'static str,
    until: Option<Millis>,
}

/// What is kept under a request id.
struct Known {
    kind: String,
    customer: CustomerId,
    amount: i64,
    reason: String,
    of: String,
    state: String,
    refunded: i64,
}

async fn known(tx: &mut Tx, request: &str) -> Result<Option<Known>, StoreError> {
    const GET: &str = "select kind, customer_id, amount, reason, of_request, state, refunded from point_requests \
                       where tenant_id = $1 and scope = $2 and request = $3";
    let scope = scope(tx);
    let read = |row: &Row| {
        Ok(Known {
            kind: row.text("kind")?,
            customer: row.parse("customer_id")?,
            amount: row.int("amount")?,
            reason: row.text("reason")?,
            of: row.text("of_request")?,
            state: row.text("state")?,
            refunded: row.int("refunded")?,
        })
    };
    tx.query(GET).bind(scope).bind(request).fetch_optional(read).await
}

/// Takes the request id for the operation; `false` if the very same was done before.
async fn is_new(tx: &mut Tx, asked: &Asked<'_>) -> Result<bool, CapabilityError> {
    const INSERT: &str = "insert into point_requests (tenant_id, scope, request, kind, customer_id, amount, reason, \
                          of_request, state, until, refunded, at) \
                          select $1, $2, $3, $4, id, $6, $7, $8, $9, $10, 0, $11 from customers \
                          where tenant_id = $1 and id = $5 on conflict (tenant_id, scope, request) do nothing";
    check_request(asked.request)?;
    if !(1..=MAX_AMOUNT).contains(&asked.amount) {
        return Err(CapabilityError::invalid("amount", format!("1 to {MAX_AMOUNT}")));
    }
    bounds::word("reason", asked.reason)?;
    let (scope, now) = (scope(tx), tx.ctx().now());
    let insert = tx.query(INSERT).bind(scope).bind(asked.request).bind(asked.kind).text(asked.customer);
    let insert = insert.bind(asked.amount).bind(asked.reason).bind(asked.of).bind(asked.state);
    if insert.bind(asked.until.map(Millis::as_millis)).bind(now).execute().await? > 0 {
        return Ok(true);
    }
    let Some(known) = known(tx, asked.request).await? else { return Err(CapabilityError::NotFound("customer")) };
    let before = (known.kind.as_str(), known.customer, known.amount, known.of.as_str());
    if before == (asked.kind, asked.customer, asked.amount, asked.of) {
        return Ok(false);
    }
    Err(PointsError::RequestMismatch(asked.request.to_owned()).into())
}

/// A change of an account, for the ledger and for those who listen.
struct Change<'a> {
    word: &'static str,
    available: i64,
    frozen: i64,
    request: &'a str,
    reason: &'a str,
}

/// Changes an account, if enough is available, and writes it down.
async fn change(tx: &mut Tx, customer: CustomerId, change: &Change<'_>) -> Result<(), CapabilityError> {
    const OPEN: &str = "insert into point_accounts (tenant_id, customer_id, available, frozen) values ($1, $2, 0, 0) \
                        on conflict (tenant_id, customer_id) do nothing";
    const CHANGE: &str = "update point_accounts set available = available + $3, frozen = frozen + $4 \
                          where tenant_id = $1 and customer_id = $2 and available + $3 between 0 and $5 \
                          returning available, frozen";
    const HAS: &str = "select available from point_accounts where tenant_id = $1 and customer_id = $2";
    const ENTRY: &str = "insert into point_entries (tenant_id, id, customer_id, change, amount, frozen_amount, available, \
                         frozen, request, reason, actor, at) \
                         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    tx.query(OPEN).text(customer).execute().await?;
    let update = tx.query(CHANGE).text(customer).bind(change.available).bind(change.frozen).bind(MAX_SAFE);
    let after = update.fetch_optional(|row| Ok((row.int("available")?, row.int("frozen")?))).await?;
    let Some((available, frozen)) = after else {
        let available = tx.query(HAS).text(customer).fetch_one(|row| row.int("available")).await?;
        if change.available > 0 {
            return Err(CapabilityError::invalid("amount", format!("an account holds at most {MAX_SAFE} points")));
        }
        return Err(PointsError::Insufficient { asked: -change.available, available }.into());
    };
    let ctx = tx.ctx().clone();
    let id = PointEntryId::generate(&ctx.env);
    let entry = tx.query(ENTRY).text(id).text(customer).bind(change.word).bind(change.available).bind(change.frozen);
    let entry = entry.bind(available).bind(frozen).bind(change.request).bind(change.reason);
    entry.text(&ctx.actor).bind(ctx.now()).execute().await?;
    let detail = json!({"amount": change.available, "frozen": change.frozen, "reason": change.reason});
    tx.audit(&format!("points.{}", change.word), customer, &detail).await?;
    let data = json!({
        "customer": customer, "change": change.word, "amount": change.available, "available": available,
        "frozen": frozen, "reason": change.reason,
    });
    tx.emit(EventType::PointsChanged.about(customer, data));
    Ok(())
}

/// Gives back what was frozen for longer than it might be.
async fn lapse(tx: &mut Tx, customer: CustomerId) -> Result<(), CapabilityError> {
    const LAPSE: &str = "update point_requests set state = 'unfrozen' where tenant_id = $1 and customer_id = $2 \
                         and state = 'frozen' and until <= $3 returning request, amount, reason";
    let now = tx.ctx().now();
    let read = |row: &Row| Ok((row.text("request")?, row.int("amount")?, row.text("reason")?));
    for (request, amount, reason) in tx.query(LAPSE).text(customer).bind(now).fetch_all(read).await? {
        let lapsed = Change { word: "lapsed", available: amount, frozen: -amount, request: &request, reason: &reason };
        change(tx, customer, &lapsed).await?;
    }
    Ok(())
}

pub(super) fn customer_of(id: &str) -> Result<CustomerId, CapabilityError> {
    CustomerId::parse(id).map_err(|_| CapabilityError::NotFound("customer"))
}

fn asked<'a>(movement: &'a Movement, kind: &'static str, state: &'static str) -> Result<Asked<'a>, CapabilityError> {
    let Movement { request, customer, amount, reason } = movement;
    let customer = customer_of(customer)?;
    Ok(Asked { request, kind, customer, amount: *amount, reason, of: "", state, until: None })
}

/// Gives points.
pub async fn points_earn(tx: &mut Tx, movements: &[Movement]) -> Result<(), CapabilityError> {
    check_count(movements.len())?;
    for movement in movements {
        let asked = asked(movement, "earn", "done")?;
        if is_new(tx, &asked).await? {
            let Asked { request, customer, amount, reason, .. } = asked;
            change(tx, customer, &Change { word: "earned", available: amount, frozen: 0, request, reason }).await?;
        }
    }
    Ok(())
}

/// Takes points at once; `points-insufficient` if fewer are available.
pub async fn points_spend(tx: &mut Tx, movements: &[Movement]) -> Result<(), CapabilityError> {
    check_count(movements.len())?;
    for movement in movements {
        let asked = asked(movement, "spend", "done")?;
        if is_new(tx, &asked).await? {
            let Asked { request, customer, amount, reason, .. } = asked;
            lapse(tx, customer).await?;
            change(tx, customer, &Change { word: "spent", available: -amount, frozen: 0, request, reason }).await?;
        }
    }
    Ok(())
}

/// Freezes points, so that nobody else can spend them; `points-insufficient` if fewer are available.
pub async fn points_freeze(tx: &mut Tx, holds: &[Hold]) -> Result<(), CapabilityError> {
    check_count(holds.len())?;
    let now = tx.ctx().now();
    for Hold { movement, until } in holds {
        let asked = Asked { until: Some(*until), ..asked(movement, "freeze", "frozen")? };
        if !is_new(tx, &asked).await? {
            continue;
        }
        if *until <= now || *until > now.plus(MAX_HOLD) {
            return Err(CapabilityError::invalid("until", "in the future, at most 30 days away"));
        }
        let Asked { request, customer, amount, reason, .. } = asked;
        lapse(tx, customer).await?;
        let frozen = Change { word: "frozen", available: -amount, frozen: amount, request, reason };
        change(tx, customer, &frozen).await?;
    }
    Ok(())
}

/// Takes what was frozen under these requests.
pub async fn points_confirm(tx: &mut Tx, requests: &[String]) -> Result<(), CapabilityError> {
    decide(tx, requests, "confirmed").await
}

/// Gives back what was frozen under these requests.
pub async fn points_unfreeze(tx: &mut Tx, requests: &[String]) -> Result<(), CapabilityError> {
    decide(tx, requests, "unfrozen").await
}

async fn decide(tx: &mut Tx, requests: &[String], word: &'static str) -> Result<(), CapabilityError> {
    const DECIDE: &str = "update point_requests set state = $4 where tenant_id = $1 and scope = $2 and request = $3 \
                          and state = 'frozen' and until > $5";
    check_count(requests.len())?;
    for request in requests {
        let hold = known(tx, request).await?.filter(|known| known.kind == "freeze");
        let Some(hold) = hold else { return Err(CapabilityError::NotFound("freeze of points")) };
        let (scope, now) = (scope(tx), tx.ctx().now());
        let update = tx.query(DECIDE).bind(scope).bind(request).bind(word).bind(now);
        if update.execute().await? > 0 {
            let available = if word == "unfrozen" { hold.amount } else { 0 };
            let decided = Change { word, available, frozen: -hold.amount, request, reason: &hold.reason };
            change(tx, hold.customer, &decided).await?;
            continue;
        }
        // What is frozen still has lapsed.
        match (hold.state.as_str(), word) {
            ("frozen" | "unfrozen", "confirmed") => return Err(PointsError::Unfrozen(request.clone()).into()),
            ("confirmed", "unfrozen") => return Err(PointsError::Confirmed(request.clone()).into()),
            ("frozen", _) => lapse(tx, hold.customer).await?,
            _ => {}
        }
    }
    Ok(())
}

/// Gives back what was spent or confirmed, or a part of it.
pub async fn points_refund(tx: &mut Tx, reversals: &[Reversal]) -> Result<(), CapabilityError> {
    const BOOK: &str = "update point_requests set refunded = refunded + $4 where tenant_id = $1 and scope = $2 \
                        and request = $3 and state in ('done', 'confirmed') and refunded + $4 <= amount";
    check_count(reversals.len())?;
    for Reversal { request, of, amount } in reversals {
        let taken = known(tx, of).await?.filter(|known| matches!(known.kind.as_str(), "spend" | "freeze"));
        let Some(taken) = taken else { return Err(CapabilityError::NotFound("spending of points")) };
        let (customer, reason) = (taken.customer, taken.reason.as_str());
        let asked =
            Asked { request, kind: "refund", customer, amount: *amount, reason, of, state: "done", until: None };
        if !is_new(tx, &asked).await? {
            continue;
        }
        let scope = scope(tx);
        if tx.query(BOOK).bind(scope).bind(of).bind(*amount).execute().await? == 0 {
            return Err(match taken.state.as_str() {
                "frozen" => PointsError::Undecided(of.clone()),
                "unfrozen" => PointsError::Unfrozen(of.clone()),
                _ => PointsError::RefundExceeds { of: of.clone(), left: taken.amount - taken.refunded },
            }
            .into());
        }
        change(tx, customer, &Change { word: "refunded", available: *amount, frozen: 0, request, reason }).await?;
    }
    Ok(())
}

/// What these customers have, in the order asked for; unknown ones are left out, those without points have 0. What was
/// frozen for longer than it might be is available.
pub async fn points_balances(tx: &mut Tx, customers: &[String]) -> Result<Vec<Balance>, CapabilityError> {
    const GET: &str = "select c.id, coalesce(a.available, 0) + coalesce(l.amount, 0) as available, \
                       coalesce(a.frozen, 0) - coalesce(l.amount, 0) as frozen from customers c \
                       left join point_accounts a on a.tenant_id = c.tenant_id and a.customer_id = c.id \
                       left join (select customer_id, cast(sum(amount) as bigint) as amount from point_requests \
                       where tenant_id = $1 and state = 'frozen' and until <= $3 \
                       and customer_id in (select value from json_each($2)) group by customer_id) l \
                       on l.customer_id = c.id where c.tenant_id = $1 and c.id in (select value from json_each($2))";
    bounds::batch("customers", customers)?;
    let now = tx.ctx().now();
    let read = |row: &Row| {
        let (available, frozen) = (row.int("available")?, row.int("frozen")?);
        Ok((row.text("id")?, Balance { customer: row.parse("id")?, available, frozen }))
    };
    let found: HashMap<String, Balance> =
        tx.query(GET).json(customers).bind(now).fetch_all(read).await?.into_iter().collect();
    Ok(customers.iter().filter_map(|id| found.get(id).cloned()).collect())
}

/// The ledger of a customer, the latest first.
pub async fn points_ledger(
    tx: &mut Tx,
    customer: CustomerId,
    page: &PageRequest,
) -> Result<Page<PointEntry>, CapabilityError> {
    const LIST: &str = "select id, change, amount, frozen_amount, available, frozen, request, reason, actor, at \
                        from point_entries where tenant_id = $1 and customer_id = $2 and ($3 = '' or id < $3) \
                        order by id desc limit $4";
    let read = |row: &Row| {
        Ok(PointEntry {
            id: row.parse("id")?,
            change: row.text("change")?,
            amount: row.int("amount")?,
            frozen_amount: row.int("frozen_amount")?,
            available: row.int("available")?,
            frozen: row.int("frozen")?,
            request: row.text("request")?,
            reason: row.text("reason")?,
            actor: row.text("actor")?,
            at: row.millis("at")?,
        })
    };
    let rows = tx.query(LIST).text(customer).bind(page.after()).bind(page.fetch()).fetch_all(read).await?;
    Ok(page.page(rows, |entry| entry.id.to_string()))
}
