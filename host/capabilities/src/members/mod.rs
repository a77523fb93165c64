//! Customers: who they are, their tiers and tags.

pub mod coupons;
pub mod points;

use std::collections::HashMap;

use heptad_model::id::CustomerId;
use heptad_model::{EventType, Millis, Page, PageRequest};
use heptad_store::{Row, StoreError, Tx, by_keys};
use serde::{Deserialize, Serialize};

use crate::{CapabilityError, bounds};

/// A customer of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The id.
    pub id: CustomerId,
    /// The merchant's own code, unique in the shop; the id where the merchant gave none.
    pub code: String,
    /// The name; personal data.
    pub name: Option<String>,
    /// The e-mail address; personal data.
    pub email: Option<String>,
    /// The phone number; personal data.
    pub phone: Option<String>,
    /// The member tier's code, such as `gold`.
    pub tier: Option<String>,
    /// Tags in alphabetical order.
    pub tags: Vec<String>,
    /// Grows with each change and with each order.
    pub version: i64,
    /// When the shop first knew the customer.
    pub since: Millis,
}

/// A new customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerIn {
    /// 1 to 64 characters without white space; the id when absent.
    pub code: Option<String>,
    /// 1 to 200 characters.
    pub name: Option<String>,
    /// 3 to 254 characters with an `@`.
    pub email: Option<String>,
    /// Up to 32 digits, spaces, hyphens and brackets, perhaps a plus before them.
    pub phone: Option<String>,
    /// Up to 40 lower-case letters, digits and hyphens.
    pub tier: Option<String>,
    /// At most 20, each up to 40 lower-case letters, digits and hyphens.
    pub tags: Vec<String>,
}

/// A change of a customer. The outer `None` leaves a field as it is, the inner removes its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerPatch {
    /// The name.
    pub name: Option<Option<String>>,
    /// The e-mail address.
    pub email: Option<Option<String>>,
    /// The phone number.
    pub phone: Option<Option<String>>,
    /// The tier.
    pub tier: Option<Option<String>>,
    /// Tags, in place of the old.
    pub tags: Option<Vec<String>>,
}

/// What `members/profiles.get` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The customer's id.
    pub id: String,
    /// The name, if the shop knows it.
    pub name: Option<String>,
    /// When the shop first knew the customer.
    pub since: Millis,
}

/// A customer's tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The customer's id.
    pub customer: String,
    /// The tier's code, if there is one.
    pub tier: Option<String>,
}

/// A customer's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagSet {
    /// The customer's id.
    pub customer: String,
    /// Tags in alphabetical order.
    pub tags: Vec<String>,
}

fn customer(row: &Row) -> Result<Customer, StoreError> {
    Ok(Customer {
        id: row.parse("id")?,
        code: row.text("code")?,
        name: row.opt_text("name")?,
        email: row.opt_text("email")?,
        phone: row.opt_text("phone")?,
        tier: row.opt_text("tier")?,
        tags: row.json("tags")?,
        version: row.int("version")?,
        since: row.millis("since")?,
    })
}

fn check(customer: &Customer) -> Result<(), CapabilityError> {
    bounds::code("code", &customer.code)?;
    if let Some(name) = &customer.name {
        bounds::name("name", name)?;
    }
    if let Some(email) = &customer.email {
        // Whether an address works only a message to it shows; this refuses what cannot be one.
        let plausible = email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
        if !plausible || !(3..=254).contains(&email.len()) || email.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            return Err(CapabilityError::invalid("email", "an address of 3 to 254 characters with an @"));
        }
    }
    if let Some(phone) = &customer.phone {
        let digits = phone.strip_prefix('+').unwrap_or(phone);
        let plausible = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b' ' | b'-' | b'(' | b')'));
        if !plausible || !(1..=32).contains(&digits.len()) || !digits.bytes().any(|byte| byte.is_ascii_digit()) {
            return Err(CapabilityError::invalid(
                "phone",
                "1 to 32 digits, spaces, hyphens and brackets, perhaps a plus before",
            ));
        }
    }
    customer.tier.as_deref().map_or(Ok(()), |tier| bounds::word("tier", tier))
}

/// Makes a customer. `already-exists` if the code is taken.
pub async fn customer_create(tx: &mut Tx, input: CustomerIn) -> Result<Customer, CapabilityError> {
    const INSERT: &str = "insert into customers (tenant_id, id, code, name, email, phone, tier, tags, version, since) \
                          values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9) on conflict (tenant_id, code) do nothing";
    let ctx = tx.ctx().clone();
    let id = CustomerId::generate(&ctx.env);
    let made = Customer {
        id,
        code: input.code.unwrap_or_else(|| id.to_string()),
        name: input.name,
        email: input.email,
        phone: input.phone,
        tier: input.tier,
        tags: bounds::tags("tags", &input.tags)?,
        version: 1,
        since: ctx.now(),
    };
    check(&made)?;
    let statement = tx.query(INSERT).text(id).bind(&made.code).bind(made.name.clone()).bind(made.email.clone());
    let statement = statement.bind(made.phone.clone()).bind(made.tier.clone()).json(&made.tags).bind(made.since);
    if statement.execute().await? == 0 {
        return Err(CapabilityError::AlreadyExists { what: "customer", code: made.code });
    }
    tx.audit("customer.created", id, &serde_json::json!({})).await?;
    tx.emit(EventType::CustomerCreated.about(id, serde_json::json!({ "customer": id })));
    Ok(made)
}

/// The customer with this id.
pub async fn customer_get(tx: &mut Tx, id: CustomerId) -> Result<Customer, CapabilityError> {
    const GET: &str = "select id, code, name, email, phone, tier, tags, version, since from customers \
                       where tenant_id = $1 and id = $2";
    tx.query(GET).text(id).fetch_optional(customer).await?.ok_or(CapabilityError::NotFound("customer"))
}

/// The shop's customers in the order of their making.
pub async fn customer_list(tx: &mut Tx, page: &PageRequest) -> Result<Page<Customer>, CapabilityError> {
    const LIST: &str = "select id, code, name, email, phone, tier, tags, version, since from customers \
                        where tenant_id = $1 and id > $2 order by id limit $3";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(customer).await?;
    Ok(page.page(rows, |customer| customer.id.to_string()))
}

/// The customers whose code, name, e-mail address or phone number holds a text, in the order of their making.
pub async fn customer_find(tx: &mut Tx, text: &str, most: u32) -> Result<Vec<Customer>, CapabilityError> {
    const FIND: &str = "select id, code, name, email, phone, tier, tags, version, since from customers \
                        where tenant_id = $1 and (lower(code) like $2 escape '!' or lower(name) like $2 escape '!' \
                        or lower(email) like $2 escape '!' or phone like $2 escape '!') order by id limit $3";
    let statement = tx.query(FIND).bind(bounds::find_pattern(text)).bind(most);
    Ok(statement.fetch_all(customer).await?)
}

/// Changes a customer and its version.
pub async fn customer_update(tx: &mut Tx, id: CustomerId, patch: CustomerPatch) -> Result<Customer, CapabilityError> {
    const UPDATE: &str = "update customers set name = $3, email = $4, phone = $5, tier = $6, tags = $7, version = version + 1 \
                          where tenant_id = $1 and id = $2 and version = $8";
    let before = customer_get(tx, id).await?;
    let after = Customer {
        name: patch.name.unwrap_or_else(|| before.name.clone()),
        email: patch.email.unwrap_or_else(|| before.email.clone()),
        phone: patch.phone.unwrap_or_else(|| before.phone.clone()),
        tier: patch.tier.unwrap_or_else(|| before.tier.clone()),
        tags: patch.tags.map_or_else(|| Ok(before.tags.clone()), |tags| bounds::tags("tags", &tags))?,
        version: before.version + 1,
        ..before.clone()
    };
    check(&after)?;
    let statement =
        tx.query(UPDATE).text(id).bind(after.name.clone()).bind(after.email.clone()).bind(after.phone.clone());
    let statement = statement.bind(after.tier.clone()).json(&after.tags).bind(before.version);
    if statement.execute().await? == 0 {
        return Err(CapabilityError::NotFound("customer"));
    }
    // Which fields changed, never their values: the audit log holds no personal data.
    let changed: Vec<&str> = [
        ("name", before.name != after.name),
        ("email", before.email != after.email),
        ("phone", before.phone != after.phone),
        ("tier", before.tier != after.tier),
        ("tags", before.tags != after.tags),
    ]
    .into_iter()
    .filter_map(|(field, changed)| changed.then_some(field))
    .collect();
    tx.audit("customer.updated", id, &serde_json::json!({ "changed": changed })).await?;
    tell_update(tx, &before, &after, &changed);
    Ok(after)
}

/// A change of a customer's tags; the other tags stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagChange {
    /// The customer's id.
    pub customer: String,
    /// Tags that the customer gets.
    pub add: Vec<String>,
    /// Tags that the customer loses; one that is added and removed at once is removed.
    pub remove: Vec<String>,
}

/// Changes tags of customers. `not-found` for an unknown one, `invalid` for more than 20 tags of one.
pub async fn tags_change(tx: &mut Tx, changes: &[TagChange]) -> Result<(), CapabilityError> {
    for TagChange { customer, add, remove } in changes {
        let id = CustomerId::parse(customer).map_err(|_| CapabilityError::NotFound("customer"))?;
        let before = customer_get(tx, id).await?;
        let tags = bounds::tags_changed(&before.tags, add, remove)?;
        if tags != before.tags {
            customer_update(tx, id, CustomerPatch { tags: Some(tags), ..CustomerPatch::default() }).await?;
        }
    }
    Ok(())
}

fn tell_update(tx: &mut Tx, before: &Customer, after: &Customer, changed: &[&str]) {
    let id = after.id;
    tx.emit(EventType::CustomerUpdated.about(id, serde_json::json!({ "customer": id, "changed": changed })));
    if before.tier != after.tier {
        let data = serde_json::json!({ "customer": id, "before": before.tier, "after": after.tier });
        tx.emit(EventType::TierChanged.about(id, data));
    }
    if before.tags != after.tags {
        let added = bounds::tags_without(&after.tags, &before.tags);
        let removed = bounds::tags_without(&before.tags, &after.tags);
        let data = serde_json::json!({ "customer": id, "added": added, "removed": removed });
        tx.emit(EventType::TagsChanged.about(id, data));
    }
}

async fn customers(tx: &mut Tx, ids: &[String]) -> Result<Vec<Customer>, CapabilityError> {
    const GET: (&str, &str) = by_keys!(
        "select id, code, name, email, phone, tier, tags, version, since from customers where tenant_id = $1 and id",
        "$2"
    );
    bounds::batch("customers", ids)?;
    let rows = tx.query_of(GET).json(ids).fetch_all(|row| Ok((row.text("id")?, customer(row)?))).await?;
    let by_id: HashMap<String, Customer> = rows.into_iter().collect();
    Ok(ids.iter().filter_map(|id| by_id.get(id).cloned()).collect())
}

/// The profiles of these customers, in the order asked for; unknown ones are left out.
pub async fn profiles(tx: &mut Tx, ids: &[String]) -> Result<Vec<Profile>, CapabilityError> {
    let found = customers(tx, ids).await?;
    Ok(found.into_iter().map(|one| Profile { id: one.id.to_string(), name: one.name, since: one.since }).collect())
}

/// The tiers of these customers, in the order asked for; unknown ones are left out.
pub async fn tiers(tx: &mut Tx, ids: &[String]) -> Result<Vec<Membership>, CapabilityError> {
    let found = customers(tx, ids).await?;
    Ok(found.into_iter().map(|one| Membership { customer: one.id.to_string(), tier: one.tier }).collect())
}

/// The tags of these customers, in the order asked for; unknown ones are left out.
pub async fn tags(tx: &mut Tx, ids: &[String]) -> Result<Vec<TagSet>, CapabilityError> {
    let found = customers(tx, ids).await?;
    Ok(found.into_iter().map(|one| TagSet { customer: one.id.to_string(), tags: one.tags }).collect())
}
