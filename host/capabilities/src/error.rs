//! What can go wrong in an operation, by cause. The web layer maps the class to a status and shows code and field.

use heptad_model::Limit;
use heptad_model::money::AmountError;
use heptad_model::page::PageError;
use heptad_store::{AsStoreError, StoreError};
use serde::Serialize;

use crate::extensions::{ExtensionsUnavailable, TooBusy};
use crate::mall::trace::DenialTrace;
use crate::members::coupons::CouponError;
use crate::members::points::PointsError;

/// Why an operation was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum CapabilityError {
    /// The tenant has no such thing; whether another one has is not told.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A field of the input breaks its rule.
    #[error("`{field}`: {problem}")]
    Invalid {
        /// The field's path, such as `lines.3.sku`.
        field: String,
        /// The rule that it breaks.
        problem: String,
    },
    /// The code is taken.
    #[error("the {what} `{code}` exists already")]
    AlreadyExists {
        /// What kind of thing.
        what: &'static str,
        /// Its code.
        code: String,
    },
    /// The cart was changed since the caller read it.
    #[error("the cart has version {found}, not {expected}")]
    CartChanged {
        /// The caller's.
        expected: i64,
        /// The cart's.
        found: i64,
    },
    /// The cart has become an order and stays as it is.
    #[error("the cart was ordered")]
    CartOrdered,
    /// The quote is older than 15 minutes.
    #[error("the quote has expired")]
    QuoteExpired,
    /// Something that the quote's prices depend on was changed since.
    #[error("since the quote, these were changed: {}", .changed.join(", "))]
    QuoteStale {
        /// `cart`, `skus`, `customer`, `plugins`.
        changed: Vec<&'static str>,
    },
    /// The quote, or another quote of its cart, was placed before.
    #[error("the cart was placed as order {order}")]
    AlreadyOrdered {
        /// The order's id.
        order: String,
    },
    /// Plugins object to the cart.
    #[error("the cart was refused: {}", .0.iter().map(|denial| denial.reason.sentence(heptad_model::Locale::En)).collect::<Vec<_>>().join("; "))]
    CartDenied(Vec<DenialTrace>),
    /// A plugin that must agree gave no answer.
    #[error("the plugin {plugin} must agree and gave no answer ({code})")]
    PluginUnavailable {
        /// The plugin's name.
        plugin: String,
        /// Why, such as `trap`.
        code: String,
    },
    /// No plugin can be asked at the moment.
    #[error(transparent)]
    ExtensionsUnavailable(#[from] ExtensionsUnavailable),
    /// The tenant has too many requests under way.
    #[error(transparent)]
    TooBusy(#[from] TooBusy),
    /// The order takes no payments in its state.
    #[error("the order is {status}")]
    OrderNotPayable {
        /// Its state.
        status: String,
    },
    /// The payment is more than what is still to pay.
    #[error("the order has {left} minor units left to pay")]
    Overpaid {
        /// Minor units.
        left: i64,
    },
    /// The order has as many notes as it may have.
    #[error("the order has {} notes, which is the most", crate::mall::annotation::MAX_NOTES)]
    OrderNotesFull,
    /// Points are not given or taken.
    #[error(transparent)]
    Points(#[from] PointsError),
    /// A coupon is not issued.
    #[error(transparent)]
    Coupon(#[from] CouponError),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for a request with another body")]
    IdempotencyMismatch,
    /// A request with the same idempotency key runs at this moment.
    #[error("a request with the same idempotency key is still running")]
    IdempotencyRunning,
    /// An amount is beyond what the platform counts.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// A page that no list can answer.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What kind of failure it is, with the HTTP status that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// 404.
    NotFound,
    /// 422: the input breaks a rule.
    Invalid,
    /// 409: the state of things does not allow it; reading again may help.
    Conflict,
    /// 409: a plugin said no.
    Denied,
    /// 429: the caller asks too much at once.
    TooMany,
    /// 503: try again later.
    Unavailable,
    /// 500: our fault.
    Internal,
}

impl CapabilityError {
    /// The error of a field.
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: problem.into() }
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not-found",
            Self::Invalid { .. } => "invalid",
            Self::AlreadyExists { .. } => "already-exists",
            Self::CartChanged { .. } => "cart-changed",
            Self::CartOrdered => "cart-ordered",
            Self::QuoteExpired => "quote-expired",
            Self::QuoteStale { .. } => "quote-stale",
            Self::AlreadyOrdered { .. } => "already-ordered",
            Self::CartDenied(_) => "cart-denied",
            Self::PluginUnavailable { .. } => "plugin-unavailable",
            Self::ExtensionsUnavailable(_) => "plugins-unavailable",
            Self::TooBusy(_) => Limit::TenantConcurrency.code(),
            Self::OrderNotPayable { .. } => "order-not-payable",
            Self::Overpaid { .. } => "overpaid",
            Self::OrderNotesFull => "order-notes-full",
            Self::Points(error) => error.code(),
            Self::Coupon(error) => error.code(),
            Self::IdempotencyMismatch => "idempotency-mismatch",
            Self::IdempotencyRunning => "idempotency-running",
            Self::Amount(_) => "amount",
            Self::Page(_) => "page",
            Self::Store(error) if error.is_transient() => "busy",
            Self::Store(_) => "internal",
        }
    }

    /// What kind of failure it is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NotFound(_) => ErrorClass::NotFound,
            Self::Invalid { .. } | Self::IdempotencyMismatch | Self::Amount(_) | Self::Page(_) => ErrorClass::Invalid,
            Self::AlreadyExists { .. }
            | Self::CartChanged { .. }
            | Self::CartOrdered
            | Self::QuoteExpired
            | Self::QuoteStale { .. }
            | Self::AlreadyOrdered { .. }
            | Self::OrderNotPayable { .. }
            | Self::Overpaid { .. }
            | Self::OrderNotesFull
            | Self::Points(_)
            | Self::Coupon(_)
            | Self::IdempotencyRunning => ErrorClass::Conflict,
            Self::CartDenied(_) | Self::PluginUnavailable { .. } => ErrorClass::Denied,
            Self::TooBusy(_) => ErrorClass::TooMany,
            Self::ExtensionsUnavailable(_) => ErrorClass::Unavailable,
            Self::Store(error) if error.is_transient() => ErrorClass::Unavailable,
            Self::Store(_) => ErrorClass::Internal,
        }
    }

    /// The field of the input that is to blame, if one is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } => Some(field),
            Self::Overpaid { .. } => Some("amount"),
            Self::Page(PageError::Limit(_)) => Some("limit"),
            Self::Page(PageError::Cursor) => Some("cursor"),
            _ => None,
        }
    }

    /// What the caller can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::CartChanged { .. } => Some("read the cart again and repeat the change"),
            Self::CartOrdered => Some("make a new cart"),
            Self::QuoteExpired | Self::QuoteStale { .. } => Some("make a new quote of the same cart and place that"),
            Self::PluginUnavailable { .. } | Self::ExtensionsUnavailable(_) => Some("try again in a moment"),
            Self::TooBusy(_) => Some("send fewer requests at once, and wait as long as `Retry-After` says"),
            Self::IdempotencyMismatch => Some("use a new key for a new request"),
            Self::IdempotencyRunning => Some("repeat the request in a moment"),
            Self::Store(error) if error.is_transient() => Some("try again in a moment"),
            _ => None,
        }
    }
}

impl AsStoreError for CapabilityError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}
