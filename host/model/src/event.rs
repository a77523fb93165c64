//! Events: what happened, about which thing, in which place among the events of that thing.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{EventId, RequestId, SubscriptionId};
use crate::time::Millis;

/// The most bytes of a key: the shop's own codes are among them.
pub const MAX_KEY: usize = 256;
/// The most bytes of an event's data.
pub const MAX_DATA: usize = 16 << 10;
/// An event of this depth is not delivered any more: plugins that answer events with events have made a loop.
pub const MAX_DEPTH: u32 = 8;
/// How many partitions the keys are spread over. A process holds a partition at a time.
pub const PARTITIONS: u32 = 64;

/// An event on its way into the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The type's name.
    pub kind: String,
    /// The version of its schema.
    pub schema_version: u32,
    /// What it is about; 1 to 256 bytes. Events of a key are delivered in their order.
    pub key: String,
    /// The one subscription that it is for; all that ask for its type when absent.
    pub target: Option<SubscriptionId>,
    /// A JSON object.
    pub data: Value,
}

/// What led to something: the event in whose handler it happened, and the first cause of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// The event whose delivery led here.
    pub event: EventId,
    /// The request in which the chain began.
    pub correlation: RequestId,
    /// How many events the chain has so far.
    pub depth: u32,
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The id; what is delivered twice has it twice.
    pub id: EventId,
    /// The type's name.
    pub kind: String,
    /// The version of its schema.
    pub schema_version: u32,
    /// What it is about.
    pub key: String,
    /// Its place among the events of its key: from 1, one more for each. A key of which no event is kept any more may go on
    /// with a higher one.
    pub seq: i64,
    /// When it happened.
    pub at: Millis,
    /// Who did it.
    pub actor: String,
    /// The event whose delivery led to it.
    pub causation: Option<EventId>,
    /// The request in which the chain began.
    pub correlation: RequestId,
    /// How many events led to it; 0 for what no event caused.
    pub depth: u32,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The one subscription that it is for.
    pub target: Option<SubscriptionId>,
    /// The data, ids only.
    pub data: Value,
}

/// The partition of a tenant's key: FNV-1a of both, then the last steps of MurmurHash3, so that it is the same in every
/// process and release.
pub fn partition(tenant: &str, key: &str) -> u32 {
    let bytes = tenant.bytes().chain([0]).chain(key.bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    u32::try_from((hash ^ (hash >> 33)) % u64::from(PARTITIONS)).unwrap_or_default()
}

impl NewEvent {
    /// The same event for one subscription alone.
    #[must_use]
    pub fn only_for(self, subscription: SubscriptionId) -> Self {
        Self { target: Some(subscription), ..self }
    }

    /// Gives the event its place: who did it, when, and what led to it.
    pub fn placed(self, origin: &crate::Origin, seq: i64) -> Event {
        let cause = origin.cause;
        Event {
            id: EventId::generate(&origin.env),
            kind: self.kind,
            schema_version: self.schema_version,
            key: self.key,
            seq,
            at: origin.now(),
            actor: origin.actor.to_string(),
            causation: cause.map(|cause| cause.event),
            correlation: cause.map_or(origin.request, |cause| cause.correlation),
            depth: cause.map_or(0, |cause| cause.depth + 1),
            traceparent: origin.trace.as_ref().map(ToString::to_string),
            target: self.target,
            data: self.data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_stable_and_even() {
        assert_eq!(partition("ten_1", "ord_1"), partition("ten_1", "ord_1"));
        let mut counts = [0_u32; PARTITIONS as usize];
        for key in 0..64_000 {
            counts[partition("ten_1", &format!("ord_{key:032x}")) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}
