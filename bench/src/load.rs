//! The generator of requests, the same for every server. It runs in a process of its own, on one thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::child::Child;
use crate::client::Client;
use crate::series::{Series, nanos};

/// Requests to send.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Hosts and ports; the connections are spread over them.
    pub(crate) addresses: Vec<String>,
    /// The path of `POST`.
    pub(crate) path: String,
    /// A bearer token.
    pub(crate) token: Option<String>,
    /// The body, JSON.
    pub(crate) body: String,
    /// Connections, each with one request at a time.
    pub(crate) connections: usize,
    /// For how long.
    pub(crate) seconds: f64,
    /// Requests a second, sent when they are due whatever has become of those before; without it each connection sends
    /// its next request when the last is answered.
    pub(crate) per_second: Option<f64>,
}

/// What became of them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Requests that were due.
    pub(crate) offered: u64,
    /// Answers of success.
    pub(crate) completed: u64,
    /// Answers 429.
    pub(crate) refused: u64,
    /// Other answers, and none.
    pub(crate) failed: u64,
    /// One of those, for the person who reads it.
    pub(crate) failure: Option<String>,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// Of the answers of success, in microseconds.
    pub(crate) p50: f64,
    /// Of the answers of success, in microseconds.
    pub(crate) p99: f64,
}

impl Done {
    /// Answers of success a second.
    pub(crate) fn rate(&self) -> f64 {
        self.completed as f64 / self.seconds
    }
}

impl Load {
    /// Sends them from another process.
    pub(crate) async fn send(&self) -> Result<Done> {
        Child::Load.ask(self).await
    }
}

/// When the next request is due.
struct Schedule {
    begun: Instant,
    until: Instant,
    per_second: Option<f64>,
    next: AtomicU64,
}

impl Schedule {
    /// Waits until a request is due, and gives the moment from which its time counts; `None` at the end.
    async fn next(&self) -> Option<Instant> {
        let Some(per_second) = self.per_second else {
            let now = Instant::now();
            return (now < self.until).then_some(now);
        };
        let due = self.begun + Duration::from_secs_f64(self.next.fetch_add(1, Ordering::Relaxed) as f64 / per_second);
        if due >= self.until {
            return None;
        }
        if Instant::now() >= due {
            // All connections were busy when it was due: it waits since then.
            return Some(due);
        }
        tokio::time::sleep_until(due.into()).await;
        Some(Instant::now())
    }
}

/// Sends the requests and waits for all answers.
pub(crate) async fn generate(load: &Load) -> Result<Done> {
    let mut connections = Vec::new();
    for address in load.addresses.iter().cycle().take(load.connections) {
        connections.push(Client::connect(address, load.token.as_deref()).await?);
    }
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(load.seconds);
    let schedule = Arc::new(Schedule { begun, until, per_second: load.per_second, next: AtomicU64::new(0) });
    let load = Arc::new(load.clone());
    let tasks: Vec<_> =
        connections.into_iter().map(|to| tokio::spawn(client(to, load.clone(), schedule.clone()))).collect();
    let (mut done, mut times) = (Done::default(), Vec::new());
    for task in tasks {
        let (part, nanos) = task.await?;
        done.completed += part.completed;
        done.refused += part.refused;
        done.failed += part.failed;
        done.failure = done.failure.or(part.failure);
        times.extend(nanos);
    }
    done.seconds = begun.elapsed().as_secs_f64();
    // Of those due, some may not have found a connection before the end.
    done.offered =
        load.per_second.map_or(done.completed + done.refused + done.failed, |rate| (rate * load.seconds).ceil() as u64);
    let times = Series::new(times);
    (done.p50, done.p99) = (times.quantile(0.5), times.quantile(0.99));
    Ok(done)
}

async fn client(mut to: Client, load: Arc<Load>, schedule: Arc<Schedule>) -> (Done, Vec<u64>) {
    let (mut done, mut times) = (Done::default(), Vec::new());
    while let Some(since) = schedule.next().await {
        match to.ask(Method::POST, &load.path, &load.body).await {
            Ok((status, _)) if status.is_success() => {
                done.completed += 1;
                times.push(nanos(since));
            }
            Ok((StatusCode::TOO_MANY_REQUESTS, _)) => done.refused += 1,
            Ok((status, body)) => {
                done.failed += 1;
                done.failure = Some(format!("{status}: {}", String::from_utf8_lossy(&body)));
            }
            Err(error) => {
                done.failed += 1;
                done.failure = Some(format!("{error:#}"));
                if to.reconnect().await.is_err() {
                    break;
                }
            }
        }
    }
    (done, times)
}
