//! Sending a message once.

use std::time::{Duration, Instant};

use heptad_model::Env;
use heptad_outbound::{Bounds, By, Outbound, SendError};
use http::{Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Bytes;

use crate::answer::{Answer, KEPT, Verdict, text};
use crate::message::Message;

/// An endpoint's whole time for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// An address is not one for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError(pub String);

/// Sends messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sender {
    outbound: Outbound,
    env: Env,
}

impl Sender {
    /// By this way out.
    pub const fn new(outbound: Outbound, env: Env) -> Self {
        Self { outbound, env }
    }

    /// Whether messages may be sent to an address, as far as its text tells: `https`, or `http` to a literal address in a
    /// range that the operator allows, for tests and development.
    pub fn check(&self, url: &str) -> Result<(), AddressError> {
        let wrong = |problem: &str| AddressError(problem.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong("an address such as https://shop.example/hooks"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong("without a user and a password: messages are signed"));
        }
        self.outbound.check_private(&uri).map_err(|error| AddressError(error.to_string()))
    }

    /// Sends a message and waits for the answer.
    pub async fn send(&self, url: &str, message: Message) -> Answer {
        let begun = Instant::now();
        let answered = self.exchange(url, message).await;
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        match answered {
            Ok((answer, said)) => {
                let verdict = Verdict::of(answer.status(), answer.headers(), self.env.now());
                Answer { status: Some(answer.status().as_u16()), text: text(&said), micros, verdict }
            }
            Err(error) => Answer { status: None, text: String::new(), micros, verdict: Verdict::unanswered(&error) },
        }
    }

    async fn exchange(&self, url: &str, message: Message) -> Result<(Response<()>, Vec<u8>), SendError> {
        let bounds = Bounds { head: PATIENCE, total: PATIENCE, ..Bounds::default() };
        let mut request = Request::new(Full::new(Bytes::from(message.body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.parse().map_err(|_| SendError::Address("it is malformed"))?;
        *request.headers_mut() = message.headers;
        let (head, body) = self.outbound.stream(By::Webhook, request, &bounds).await?.into_parts();
        // The status is what counts: a body that breaks off or never ends changes nothing about it.
        let said = body.start(KEPT).await.unwrap_or_default();
        Ok((Response::from_parts(head, ()), said))
    }
}
