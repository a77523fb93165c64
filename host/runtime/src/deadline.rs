//! A deadline that holds on a busy machine.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Instant;

use tokio::time::Sleep;

/// Runs the future until the moment that `at` tells, which may come nearer meanwhile; `None` when time is up.
///
/// tokio looks at its timers only now and then while all workers are busy, so the clock is read before each poll as
/// well: a guest that yields every 100,000 units of fuel is stopped within a tenth of a millisecond. The timer is still
/// needed for guests that wait in a host call; it is made when a guest first waits, which most never do.
pub(crate) async fn until<F: Future>(at: impl Fn() -> Instant, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut timer = pin!(None);
    poll_fn(move |context| {
        if Instant::now() >= at() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        let at = at().into();
        let late = |timer: Pin<&Sleep>| timer.deadline() != at;
        if timer.as_ref().as_pin_ref().is_none_or(late) {
            timer.set(Some(tokio::time::sleep_until(at)));
        }
        match timer.as_mut().as_pin_mut() {
            Some(timer) => timer.poll(context).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}
