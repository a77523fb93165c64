//! Words that several routes share: money, pages, moments.

use heptad_model::{Currency, Millis, Minor, Money, Page, Tenant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{ApiError, ApiResult};

/// An amount in the shop's currency.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoneyIn {
    /// Minor units, such as fen or cents, within ±9007199254740991.
    #[schema(value_type = i64, example = 19900)]
    pub amount: Minor,
    /// ISO 4217, in capitals; it must be the shop's.
    #[schema(value_type = String, example = "CNY")]
    pub currency: Currency,
}

impl MoneyIn {
    /// The amount, if it is in the tenant's currency; else 422 with the field's path.
    pub(crate) fn in_currency_of(self, tenant: &Tenant, field: &str) -> ApiResult<Minor> {
        if self.currency == tenant.currency {
            return Ok(self.amount);
        }
        let message = format!("the shop's currency is {}, not {}", tenant.currency, self.currency);
        Err(ApiError::invalid(format!("{field}.currency"), message).with_code("currency-mismatch"))
    }

    /// As the operations want it.
    pub(crate) fn money(self) -> Money {
        Money { amount: self.amount, currency: self.currency }
    }
}

/// An amount of money.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct MoneyOut {
    /// Minor units, such as fen or cents.
    #[schema(example = 19900)]
    pub amount: i64,
    /// ISO 4217.
    #[schema(example = "CNY")]
    pub currency: &'static str,
}

impl MoneyOut {
    /// An amount in a currency.
    pub(crate) fn new(amount: Minor, currency: Currency) -> Self {
        Self { amount: amount.get(), currency: currency.code() }
    }
}

/// Some items of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PageOut<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> PageOut<T> {
    /// The page, each item as the API shows it.
    pub(crate) fn of<U>(page: Page<U>, show: impl FnMut(U) -> T) -> Self {
        let page = page.map(show);
        Self { items: page.items, next: page.next }
    }
}

/// A moment that may be absent, in RFC 3339.
pub(crate) fn moment(at: Option<Millis>) -> Option<String> {
    at.map(Millis::rfc3339)
}

/// A moment that a field gives in RFC 3339; else 422 with the field's name.
pub(crate) fn moment_in(field: &'static str, text: &str) -> ApiResult<Millis> {
    Millis::parse_rfc3339(text).ok_or_else(|| ApiError::invalid(field, "a moment in RFC 3339"))
}
