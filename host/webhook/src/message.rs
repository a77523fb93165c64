//! What is sent: body, headers, signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use heptad_model::Event;
use heptad_model::Millis;
use heptad_model::id::{SubscriptionId, TenantId};
use heptad_platform::webhook::secret::SigningKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use sha2::Sha256;

/// CloudEvents 1.0 in structured mode.
const MEDIA_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// How a message is sent.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// To whom: part of the idempotency key.
    pub subscription: SubscriptionId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Whether an event of the key before it was given up.
    pub gap: bool,
    /// Whether it is sent again because somebody asked.
    pub replayed: bool,
    /// When.
    pub at: Millis,
}

/// A message that is ready to be sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// The headers, signature included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Message {
    /// The message of an event, signed with each of the keys.
    pub fn new(event: &Event, tenant: TenantId, how: &How, keys: &[SigningKey]) -> Self {
        let body = serde_json::to_vec(&event.cloud(tenant)).unwrap_or_default();
        let (id, seconds) = (event.id.to_string(), how.at.as_millis().div_euclid(1_000).to_string());
        let signatures: Vec<String> = keys.iter().map(|key| signature(key, &id, &seconds, &body)).collect();
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: &str| {
            // Each is made of ids, numbers and Base64.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        put("webhook-id", &id);
        put("webhook-timestamp", &seconds);
        put("webhook-signature", &signatures.join(" "));
        // Of this event to this endpoint, the first and only request: the same at each attempt.
        put("idempotency-key", &format!("{id}.{}.1", how.subscription));
        put("heptad-attempt", &how.attempt.to_string());
        if how.gap {
            put("heptad-gap", "true");
        }
        if how.replayed {
            put("heptad-replayed", "true");
        }
        if let Some(parent) = &event.traceparent {
            put("traceparent", parent);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("Heptad/", env!("CARGO_PKG_VERSION"))));
        Self { headers, body }
    }
}

/// `v1,` and the Base64 of the HMAC-SHA256 over id, timestamp and body, with points between them.
fn signature(key: &SigningKey, id: &str, seconds: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.bytes()).expect("HMAC takes keys of any length");
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // The example of the specification's reference libraries.
        let key = SigningKey::new(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let made = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
