//! Calling other servers: the interface `wasi:http/outgoing-handler`.

use crate::Error;
use crate::points::incoming_handler::{Headers, json, text};
#[cfg(target_family = "wasm")]
use crate::{ErrorKind, HostError};

/// A request to another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundRequest {
    /// The method, such as `POST`.
    pub method: String,
    /// The whole address, such as `https://api.partner.example/orders?day=1`. Its host is one of the manifest's `[[hosts]]`.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl OutboundRequest {
    /// A request without headers and body.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self { method: method.to_owned(), url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// Asks for what is at an address.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Sends JSON to an address.
    ///
    /// # Errors
    ///
    /// [`Error`] with the code `json` when the value has no JSON.
    pub fn post_json(url: impl Into<String>, value: &impl serde::Serialize) -> Result<Self, Error> {
        Ok(Self::new("POST", url).header("content-type", "application/json").body(json(value)?))
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_lowercase(), value.as_bytes().to_vec()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// The answer of another server, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutboundResponse {
    /// The status, such as 200. A redirect is an answer like others: nobody follows it unasked.
    pub status: u16,
    /// Names in lower case, and values, in their order.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl OutboundResponse {
    /// An answer of this status, for tests.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// Whether the status is one of success, 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The text of a header, the first of its name; `None` if there is none or it is not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        text(&self.headers, name)
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    ///
    /// [`Error`] with the code `json` when it is none of this type.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::new("json", error.to_string()))
    }
}

#[cfg(target_family = "wasm")]
pub(crate) fn failure(kind: ErrorKind, code: &str, message: impl Into<String>) -> HostError {
    HostError { kind, code: code.to_owned(), message: message.into() }
}

/// Splits an address into scheme, host with port, and path with query; `None` if it is none.
pub(crate) fn split(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let path = path.split('#').next().unwrap_or_default();
    (!host.is_empty()).then_some((scheme, host, path))
}

#[cfg(target_family = "wasm")]
pub(crate) use component::fetch;

#[cfg(target_family = "wasm")]
mod component {
    use std::io::{Read as _, Write as _};

    use super::*;
    use crate::bindings::http_client::wasi::http::outgoing_handler::handle;
    use crate::bindings::http_handler::wasi::http::types::{
        ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
    };
    use crate::streams::{Incoming, Outgoing};

    /// Sends the request and reads the whole answer.
    pub(crate) fn fetch(request: &OutboundRequest) -> Result<OutboundResponse, HostError> {
        let invalid = |problem: &str| failure(ErrorKind::Invalid, "outbound-request", problem);
        let (scheme, host, path) =
            split(&request.url).ok_or_else(|| invalid("the address has no scheme or no host"))?;
        let headers = Fields::from_list(&request.headers).map_err(|_| invalid("a header is malformed or forbidden"))?;
        let outgoing = OutgoingRequest::new(headers);
        let scheme = match scheme {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            other => Scheme::Other(other.to_owned()),
        };
        // Without a slash before it, a query is no path.
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        outgoing
            .set_method(&method(&request.method))
            .and_then(|()| outgoing.set_scheme(Some(&scheme)))
            .and_then(|()| outgoing.set_authority(Some(host)))
            .and_then(|()| outgoing.set_path_with_query(Some(&path)))
            .map_err(|()| invalid("the method or the address is malformed"))?;
        let body = outgoing.body().map_err(|()| invalid("the body was taken before"))?;
        let coming = handle(outgoing, None).map_err(of)?;
        // What goes wrong with the body is told by the answer, too.
        let written = body.write().is_ok_and(|stream| Outgoing::new(stream).write_all(&request.body).is_ok());
        if written {
            let _ = OutgoingBody::finish(body, None);
        } else {
            drop(body);
        }
        coming.subscribe().block();
        match coming.get() {
            Some(Ok(Ok(response))) => read(&response),
            Some(Ok(Err(code))) => Err(of(code)),
            _ => Err(failure(ErrorKind::Unavailable, "outbound-http", "there is no answer")),
        }
    }

    fn read(response: &IncomingResponse) -> Result<OutboundResponse, HostError> {
        let (status, headers) = (response.status(), response.headers().entries());
        let mut body = Vec::new();
        if let Some(mut stream) = response.consume().ok().and_then(Incoming::of) {
            let read = stream.read_to_end(&mut body);
            let broken = |error: std::io::Error| failure(ErrorKind::Unavailable, "outbound-body", error.to_string());
            read.map_err(broken)?;
        }
        Ok(OutboundResponse { status, headers, body })
    }

    fn method(name: &str) -> Method {
        match name {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            "PATCH" => Method::Patch,
            other => Method::Other(other.to_owned()),
        }
    }

    /// The host's refusals come with their own words where WASI has none.
    fn of(code: ErrorCode) -> HostError {
        match code {
            ErrorCode::HttpRequestDenied => {
                failure(ErrorKind::Denied, "outbound-denied", "the request may not be sent: see the call's log")
            }
            ErrorCode::DestinationIpProhibited => {
                failure(ErrorKind::Denied, "outbound-refused", "the server's address is not of the public internet")
            }
            ErrorCode::ConnectionLimitReached => {
                failure(ErrorKind::Limit, "outbound-busy", "too many requests at the same time")
            }
            ErrorCode::HttpRequestBodySize(_) | ErrorCode::HttpResponseBodySize(_) => {
                failure(ErrorKind::Limit, "outbound-too-large", "a body is larger than it may be")
            }
            ErrorCode::InternalError(Some(said)) => {
                let (word, message) = said.split_once(": ").unwrap_or(("outbound-http", &said));
                let kind = match word {
                    "conflict" => ErrorKind::Conflict,
                    "unaudited" => ErrorKind::Unavailable,
                    _ => ErrorKind::Limit,
                };
                failure(kind, word, message)
            }
            ErrorCode::HttpRequestUriInvalid => {
                failure(ErrorKind::Invalid, "outbound-address", "the address is not one to send to")
            }
            other => failure(ErrorKind::Unavailable, "outbound-http", format!("{other:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_path() {
        assert_eq!(split("https://a.example/b?c=d#e"), Some(("https", "a.example", "/b?c=d")));
        assert_eq!(split("http://127.0.0.1:8080"), Some(("http", "127.0.0.1:8080", "")));
        assert_eq!(split("https://a.example?c=d"), Some(("https", "a.example", "?c=d")));
        assert_eq!(split("a.example/b"), None);
        assert_eq!(split("https:///b"), None);
    }
}
