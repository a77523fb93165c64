//! Prefixed identifiers: `ord_` and 32 hexadecimal digits of a UUIDv7, so that ids sort by their time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ctx::Env;

/// A text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind} id: expected `{prefix}_` and 32 hexadecimal digits")]
pub struct IdError {
    /// What was given, cut to 64 characters.
    pub text: String,
    /// The kind of thing that was asked for.
    pub kind: &'static str,
    /// The prefix of that kind.
    pub prefix: &'static str,
}

fn parse(text: &str, kind: &'static str, prefix: &'static str) -> Result<Uuid, IdError> {
    let error = || IdError { text: text.chars().take(64).collect(), kind, prefix };
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or_else(error)?;
    if digits.len() != 32 || digits.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(error());
    }
    Uuid::try_parse(digits).map_err(|_| error())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// The text before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id from the clock and the randomness of the caller.
            pub fn generate(env: &Env) -> Self {
                let millis = u64::try_from(env.now().as_millis()).unwrap_or_default();
                let mut random = [0; 10];
                env.fill(&mut random);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// Not an id, but before every id of that moment or a later one, and behind all earlier ones.
            pub fn floor(at: crate::Millis) -> String {
                format!("{}_{:012x}", $prefix, at.as_millis().max(0))
            }

            /// Reads an id from outside.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                parse(text, $kind, $prefix).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    )*};
}

ids! {
    /// A merchant.
    TenantId = "ten", "tenant";
    /// A maker of plugins.
    PublisherId = "pub", "publisher";
    /// A person who signs in.
    UserId = "usr", "user";
    /// An API token.
    TokenId = "tok", "token";
    /// A console session.
    SessionId = "ses", "session";
    /// An uploaded version of a plugin.
    VersionId = "ver", "version";
    /// A plugin as one tenant has it.
    InstallId = "ins", "install";
    /// What was uninstalled.
    UninstallId = "uni", "uninstall";
    /// A product (SPU).
    ProductId = "prd", "product";
    /// A customer of a tenant.
    CustomerId = "cus", "customer";
    /// A cart.
    CartId = "crt", "cart";
    /// A priced cart.
    QuoteId = "quo", "quote";
    /// An order.
    OrderId = "ord", "order";
    /// A payment.
    PaymentId = "pay", "payment";
    /// One call into a plugin.
    CallId = "cal", "call";
    /// Something that people are told.
    NoticeId = "ntc", "notice";
    /// One request to the platform.
    RequestId = "req", "request";
    /// A row of the audit log.
    AuditId = "aud", "audit row";
    /// Something that happened.
    EventId = "evt", "event";
    /// Who is told of events.
    SubscriptionId = "sub", "subscription";
    /// One attempt to deliver an event.
    DeliveryId = "dlv", "delivery";
    /// An event that could not be delivered.
    DeadLetterId = "ded", "dead letter";
    /// Events that are delivered again.
    ReplayId = "rpl", "replay";
    /// An endpoint that is told of events.
    WebhookId = "whk", "webhook";
    /// What an endpoint's messages are signed with.
    WebhookSecretId = "whs", "webhook secret";
    /// A request that a plugin left to be sent.
    OutboundRequestId = "obr", "outbound request";
    /// What a plugin does at times.
    ScheduleId = "sch", "schedule";
    /// A line of the ledger of points.
    PointEntryId = "pte", "entry of points";
    /// Coupons that a merchant made, to be issued one by one.
    CouponBatchId = "cpb", "batch of coupons";
    /// A coupon of a customer.
    CouponId = "cpn", "coupon";
    /// A note at an order.
    OrderNoteId = "nte", "note";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_sorts_by_time() {
        let env = Env::fixed(1_700_000_000_000);
        let first = OrderId::generate(&env);
        env.advance(1);
        let second = OrderId::generate(&env);
        assert!(first.to_string() < second.to_string());
        assert_eq!(OrderId::parse(&first.to_string()), Ok(first));
        let floor = OrderId::floor(crate::Millis::new(1_700_000_000_001));
        assert!(first.to_string() < floor && floor < second.to_string());
    }

    #[test]
    fn foreign_prefixes_and_malformed_digits_are_refused() {
        for text in [
            "",
            "ord_",
            "crt_00000000000000000000000000000000",
            "ord_0000000000000000000000000000000G",
            "ord_00000000-0000-0000-0000-000000000000",
        ] {
            assert!(OrderId::parse(text).is_err(), "{text}");
        }
    }
}
