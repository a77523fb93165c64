//! Answering HTTP requests: the interface `wasi:http/incoming-handler`, point `http.route`.

use std::io::{self, Cursor, Read, Write};

use crate::{Error, Host};

/// Answers HTTP requests to the plugin's routes.
///
/// The manifest says which paths and methods, and for whom; [`Host::visitor`] says who asks. A request has 5 s, slow readers
/// and writers included. What the plugin writes is committed before the response's head goes out, which is when
/// [`handle`](Self::handle) returns: from its first write on it has 50 ms (500 ms on PostgreSQL) until then. While the body
/// is streamed nothing can be written any more (`conflict`).
pub trait HttpHandler {
    /// Answers a request. An error undoes what was written, and whoever asked gets 502.
    fn handle(host: &impl Host, request: Request) -> Result<Response, Error>;
}

/// Names in lower case, and values, in their order.
pub type Headers = Vec<(String, Vec<u8>)>;

/// The text of a header, the first of its name; `None` if there is none or it is not UTF-8.
pub(crate) fn text<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let (_, value) = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok()
}

/// A value as JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::new("json", error.to_string()))
}

/// A request.
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The path, such as `/orders/7`, percent-encoded as it came.
    pub path: String,
    /// What stands behind the question mark; empty if there is none.
    pub query: String,
    /// The headers in their order, names in lower case. Credentials of the platform are not among them.
    pub headers: Headers,
    body: Box<dyn Read>,
}

impl Request {
    /// A request for tests: a method, path and query, and a body.
    pub fn new(method: &str, address: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = Box::new(Cursor::new(body.into()));
        Self::from_parts(method.to_owned(), address, Vec::new(), body)
    }

    fn from_parts(method: String, address: &str, headers: Headers, body: Box<dyn Read>) -> Self {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        Self { method, path: path.to_owned(), query: query.to_owned(), headers, body }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_lowercase(), value.as_bytes().to_vec()));
        self
    }

    /// The text of a header, the first of its name; `None` if there is none or it is not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        text(&self.headers, name)
    }

    /// The body, to be read piece by piece, perhaps while the response is written.
    pub fn into_body(self) -> Box<dyn Read> {
        self.body
    }

    /// The body as a whole.
    ///
    /// # Errors
    ///
    /// [`Error`] with the code `request-body` when it breaks off, or is larger than the host lets through.
    pub fn read(&mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let read = self.body.read_to_end(&mut bytes);
        read.map_err(|error| Error::new("request-body", error.to_string()))?;
        Ok(bytes)
    }
}

/// Writes a body piece by piece.
type Stream = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()>>;

enum Body {
    Bytes(Vec<u8>),
    Stream(Stream),
}

/// A response.
pub struct Response {
    status: u16,
    headers: Headers,
    body: Body,
}

impl Response {
    /// A response of this status, 200 to 599, without a body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Bytes(Vec::new()) }
    }

    /// Plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(200).header("content-type", "text/plain; charset=utf-8").body(text.into())
    }

    /// A page. Escape what is not yours: this does not.
    pub fn html(html: impl Into<String>) -> Self {
        Self::new(200).header("content-type", "text/html; charset=utf-8").body(html.into())
    }

    /// JSON.
    ///
    /// # Errors
    ///
    /// [`Error`] with the code `json` when the value has no JSON.
    pub fn json(value: &impl serde::Serialize) -> Result<Self, Error> {
        Ok(Self::new(200).header("content-type", "application/json").body(json(value)?))
    }

    /// With another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With one more header. The host takes out what would speak for others, and confines cookies to the plugin.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_lowercase(), value.as_bytes().to_vec()));
        self
    }

    /// With a body that is there as a whole.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Bytes(body.into());
        self
    }

    /// With a body that is written while it goes out. An error breaks the response off.
    #[must_use]
    pub fn stream(mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()> + 'static) -> Self {
        self.body = Body::Stream(Box::new(write));
        self
    }

    /// Status, headers and body as a whole, for tests.
    ///
    /// # Errors
    ///
    /// What the stream of the body failed with.
    pub fn into_parts(self) -> io::Result<(u16, Headers, Vec<u8>)> {
        let body = match self.body {
            Body::Bytes(bytes) => bytes,
            Body::Stream(write) => {
                let mut bytes = Vec::new();
                write(&mut bytes)?;
                bytes
            }
        };
        Ok((self.status, self.headers, body))
    }
}

/// What the exported function does.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use component::answer;

#[cfg(target_family = "wasm")]
mod component {
    use super::*;
    use crate::bindings::http_handler::wasi::http::types::{
        ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
    };
    use crate::streams::{Incoming, Outgoing};

    /// Lets the plugin answer a request.
    pub fn answer<P: HttpHandler>(incoming: IncomingRequest, out: ResponseOutparam) {
        match P::handle(&crate::Component, request(&incoming)) {
            Ok(response) => send(response, out),
            Err(error) => {
                let said = format!("{}: {error}", error.code());
                ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some(said))));
            }
        }
    }

    fn request(incoming: &IncomingRequest) -> Request {
        let address = incoming.path_with_query().unwrap_or_else(|| "/".to_owned());
        let body: Box<dyn Read> = match incoming.consume().ok().and_then(Incoming::of) {
            Some(body) => Box::new(body),
            None => Box::new(io::empty()),
        };
        Request::from_parts(method(incoming.method()), &address, incoming.headers().entries(), body)
    }

    fn method(method: Method) -> String {
        let name = match method {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Connect => "CONNECT",
            Method::Options => "OPTIONS",
            Method::Trace => "TRACE",
            Method::Patch => "PATCH",
            Method::Other(name) => return name,
        };
        name.to_owned()
    }

    fn send(response: Response, out: ResponseOutparam) {
        let Response { status, headers, body } = response;
        let head = Fields::from_list(&headers).map(OutgoingResponse::new);
        let Ok(head) = head.map_err(drop).and_then(|head| head.set_status_code(status).map(|()| head)) else {
            let said = "a header is malformed, or the status is none".to_owned();
            return ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some(said))));
        };
        let body_out = head.body();
        ResponseOutparam::set(out, Ok(head));
        let Ok(body_out) = body_out else { return };
        let written = match body_out.write() {
            Ok(stream) => {
                let mut stream = Outgoing::new(stream);
                match body {
                    Body::Bytes(bytes) => stream.write_all(&bytes),
                    Body::Stream(write) => write(&mut stream),
                }
            }
            Err(()) => Err(io::ErrorKind::BrokenPipe.into()),
        };
        // Dropped without `finish`, the body counts as broken off.
        if written.is_ok() {
            let _ = OutgoingBody::finish(body_out, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_and_a_response_are_plain_values() {
        let mut request = Request::new("POST", "/a?b=c", "body").header("X-One", "1");
        assert_eq!((request.path.as_str(), request.query.as_str(), request.text("x-one")), ("/a", "b=c", Some("1")));
        assert_eq!(request.read().unwrap(), b"body");
        let streamed = Response::plain("").status(201).stream(|out| out.write_all(b"ab"));
        let (status, headers, body) = streamed.into_parts().unwrap();
        assert_eq!((status, headers.len(), body.as_slice()), (201, 1, b"ab".as_slice()));
    }
}
