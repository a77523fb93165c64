//! The body of an answer: as it comes, within its bounds, and with the connection that brings it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::Bounds;
use crate::error::SendError;

/// The task that drives a connection; dropped, it ends the connection.
#[derive(Debug)]
pub(crate) struct Driver(JoinHandle<()>);

impl Driver {
    pub(crate) fn start(connection: impl Future<Output = Result<(), hyper::Error>> + Send + 'static) -> Self {
        // What goes wrong is told to whoever waits for the answer, too.
        Self(tokio::spawn(async move { drop(connection.await) }))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The body of an answer. It ends with an error where it has more bytes or takes more time than it may; dropped, it ends
/// the connection.
#[derive(Debug)]
pub struct AnswerBody {
    incoming: Incoming,
    left: usize,
    until: Pin<Box<Sleep>>,
    _driver: Driver,
}

impl AnswerBody {
    pub(crate) fn new(incoming: Incoming, bounds: &Bounds, until: Instant, driver: Driver) -> Self {
        Self { incoming, left: bounds.answer_bytes, until: Box::pin(sleep_until(until)), _driver: driver }
    }

    /// At most the first so many bytes, whatever follows.
    pub async fn start(mut self, most: usize) -> Result<Vec<u8>, SendError> {
        use http_body_util::BodyExt as _;
        let mut start = Vec::new();
        while start.len() < most
            && let Some(frame) = self.frame().await
        {
            if let Some(data) = frame?.data_ref() {
                start.extend_from_slice(&data[..data.len().min(most - start.len())]);
            }
        }
        Ok(start)
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(SendError::TimedOut("to read the answer"))));
        }
        let Some(frame) = ready!(Pin::new(&mut self.incoming).poll_frame(cx)).transpose().map_err(SendError::of)?
        else {
            return Poll::Ready(None);
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        let Some(left) = self.left.checked_sub(bytes) else {
            return Poll::Ready(Some(Err(SendError::TooLarge { part: "body of the answer" })));
        };
        self.left = left;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
