//! What handlers take out of a request: who asks is in [`crate::auth`], the rest here. Each rejection is a problem that
//! names the field.

mod body;
mod path;
mod query;
mod upload;

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use heptad_model::id::RequestId;
use heptad_model::{Actor, Env, Locale, Origin, TraceParent};

pub use body::Body;
pub(crate) use body::{bytes_within, parse_json, require_json};
pub use path::PathOf;
pub use query::{PageQuery, Params};
pub use upload::Upload;

/// What the outermost middleware found out about a request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The request's id.
    pub request: RequestId,
    /// The reader's language, if the request names one that the platform speaks.
    pub reader: Option<Locale>,
    /// The trace that the request belongs to, if it says so.
    pub trace: Option<TraceParent>,
}

impl Asked {
    /// Of a request's parts; the middleware has put it there.
    pub fn of(parts: &Parts, env: &Env) -> Self {
        // Only a router that was put together without the middleware lacks it.
        parts.extensions.get().cloned().unwrap_or_else(|| Self {
            request: RequestId::generate(env),
            reader: None,
            trace: None,
        })
    }

    /// The origin for an actor, in the reader's language, else the given one.
    pub fn origin(&self, actor: Actor, otherwise: Locale, env: &Env) -> Origin {
        let trace = self.trace.clone();
        Origin { request: self.request, trace, ..Origin::new(actor, self.reader.unwrap_or(otherwise), env.clone()) }
    }
}

/// The reader's language by `Accept-Language`.
pub(crate) fn reader(headers: &HeaderMap) -> Option<Locale> {
    Locale::negotiate(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?)
}

/// The peer's address: the connection's, or what a trusted proxy wrote last into `X-Forwarded-For`.
pub(crate) fn peer(parts: &Parts, trust_forwarded_for: bool) -> Option<IpAddr> {
    let forwarded = || {
        let values = parts.headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        values.rsplit(',').next()?.trim().parse().ok()
    };
    let connected = || parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
    if trust_forwarded_for { forwarded().or_else(connected) } else { connected() }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn the_peer_is_what_a_trusted_proxy_wrote_last() {
        let parts = |forwarded: &[&str]| {
            let mut request = Request::builder();
            for value in forwarded {
                request = request.header("x-forwarded-for", *value);
            }
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            parts.extensions.insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 1))));
            parts
        };
        for (forwarded, trust, expected) in [
            (&["1.1.1.1, 2.2.2.2"][..], true, "2.2.2.2"),
            (&["1.1.1.1", "3.3.3.3"], true, "3.3.3.3"),
            (&["1.1.1.1"], false, "10.0.0.1"),
            (&["rubbish"], true, "10.0.0.1"),
            (&[], true, "10.0.0.1"),
        ] {
            assert_eq!(peer(&parts(forwarded), trust), Some(expected.parse().unwrap()), "{forwarded:?}");
        }
    }
}
