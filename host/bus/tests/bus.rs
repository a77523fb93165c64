//! The way between processes, on a real nats-server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use heptad_bus::{Bus, BusOptions, BusState, Receipt, Wake};
use heptad_model::Env;
use heptad_model::id::TenantId;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::AbortHandle;

const HINT: &str = "run `cargo xtask test`, which starts a NATS and passes its URL";
const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than the stream waits for the acknowledgement of a message that it gave to somebody who has left.
const GIVEN_AGAIN: Duration = Duration::from_secs(60);

/// A name that nobody else uses on the server of all tests.
fn prefix() -> String {
    let mut random = [0; 8];
    Env::system().fill(&mut random);
    format!("test-{}", hex::encode(random))
}

async fn bus(url: &str, prefix: &str) -> Bus {
    let options = BusOptions { url: url.to_owned(), prefix: prefix.to_owned(), ..BusOptions::default() };
    let bus = Bus::start(&options).await.unwrap();
    tokio::spawn(bus.clone().run());
    bus
}

fn shared_server() -> String {
    std::env::var("HEPTAD_TEST_NATS").expect(HINT)
}

/// Whoever holds a partition; dropped, it lets it go.
struct Holder {
    messages: UnboundedReceiver<(TenantId, Receipt)>,
    task: AbortHandle,
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Holder {
    fn of(bus: &Bus, partition: u32) -> Self {
        let (send, messages) = unbounded_channel();
        let hear = move |tenant, receipt| drop(send.send((tenant, receipt)));
        Self { messages, task: tokio::spawn(bus.clone().wakes(partition, hear)).abort_handle() }
    }

    /// Acknowledges what comes until nothing does.
    async fn drain(&mut self) {
        while let Ok(Some((_, receipt))) = tokio::time::timeout(Duration::from_millis(300), self.messages.recv()).await
        {
            receipt.done();
        }
    }
}

async fn until(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    while !check().await {
        assert!(Instant::now() < until, "{what}");
        ticks.tick().await;
    }
}

/// How many messages the stream holds, and how many it has ever taken.
async fn stream(url: &str, prefix: &str) -> (u64, u64) {
    let context = async_nats::jetstream::new(async_nats::connect(url).await.unwrap());
    match context.get_stream(prefix).await {
        Ok(stream) => {
            let state = &stream.cached_info().state;
            (state.messages, state.last_sequence)
        }
        Err(_) => (0, 0),
    }
}

/// Says it again and again until it is heard: what is said before the stream is there is dropped.
async fn heard(from: &Bus, at: &mut Holder, wake: &Wake) -> Receipt {
    let until = Instant::now() + PATIENCE;
    let mut number = 0;
    loop {
        number += 1;
        from.tell(Wake { event: format!("{} {number}", wake.event), ..wake.clone() });
        match tokio::time::timeout(Duration::from_millis(200), at.messages.recv()).await {
            Ok(Some((tenant, receipt))) if tenant == wake.tenant => return receipt,
            _ => assert!(Instant::now() < until, "nothing is heard"),
        }
    }
}

#[tokio::test]
async fn a_message_wakes_the_holder_of_its_partition_and_goes_when_it_is_acknowledged() {
    let (url, prefix, env) = (shared_server(), prefix(), Env::system());
    let (first, second) = (bus(&url, &prefix).await, bus(&url, &prefix).await);
    let (mut seven, mut eight) = (Holder::of(&second, 7), Holder::of(&second, 8));
    let wake = Wake { tenant: TenantId::generate(&env), partition: 7, event: "evt".to_owned() };
    heard(&first, &mut seven, &wake).await.done();
    seven.drain().await;
    assert!(eight.messages.try_recv().is_err(), "a message of another partition");
    until("the stream is empty", async || stream(&url, &prefix).await.0 == 0).await;

    // The same event again is dropped by the stream: its id is known.
    let taken = stream(&url, &prefix).await.1;
    let twice = Wake { event: "evt-twice".to_owned(), ..wake.clone() };
    first.tell(twice.clone());
    second.tell(twice);
    seven.messages.recv().await.unwrap().1.done();
    until("the stream is empty", async || stream(&url, &prefix).await == (0, taken + 1)).await;
    assert!(seven.messages.try_recv().is_err(), "an event came twice");
}

#[tokio::test]
async fn a_message_that_nobody_acknowledges_comes_to_whoever_holds_the_partition_next() {
    let (url, prefix, env) = (shared_server(), prefix(), Env::system());
    let (first, second) = (bus(&url, &prefix).await, bus(&url, &prefix).await);
    let wake = Wake { tenant: TenantId::generate(&env), partition: 1, event: "evt".to_owned() };
    let mut held = Holder::of(&first, 1);
    heard(&second, &mut held, &wake).await.done();
    held.drain().await;
    until("the stream is empty", async || stream(&url, &prefix).await.0 == 0).await;
    // The first one lets the partition go; what is told meanwhile waits for the second.
    drop(held);
    drop(first);
    second.tell(Wake { event: "evt-later".to_owned(), ..wake.clone() });
    until("the stream has it", async || stream(&url, &prefix).await.0 == 1).await;
    let mut held = Holder::of(&second, 1);
    let (tenant, receipt) = tokio::time::timeout(GIVEN_AGAIN, held.messages.recv()).await.unwrap().unwrap();
    assert_eq!(tenant, wake.tenant);
    receipt.done();
}

#[tokio::test]
async fn changes_reach_the_others() {
    let (url, prefix) = (shared_server(), prefix());
    let (first, second) = (bus(&url, &prefix).await, bus(&url, &prefix).await);
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    tokio::spawn(second.clone().changes(move || {
        count.fetch_add(1, Ordering::Relaxed);
        async {}
    }));
    until("a change is heard", async || {
        first.changed().await;
        heard.load(Ordering::Relaxed) > 0
    })
    .await;
}

/// A server of a test's own.
struct Server {
    process: Option<Child>,
    port: u16,
    folder: TempDir,
}

impl Server {
    fn absent() -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        Self { process: None, port, folder: tempfile::tempdir().unwrap() }
    }

    fn start(&mut self) {
        let program = PathBuf::from(std::env::var("HEPTAD_TEST_NATS_SERVER").expect(HINT));
        let mut command = Command::new(program);
        command.args(["--addr", "127.0.0.1", "--port", &self.port.to_string(), "--jetstream", "--store_dir"]);
        command.arg(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().unwrap());
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

#[tokio::test]
async fn a_server_may_come_late_go_and_come_back_without_its_stream() {
    let mut server = Server::absent();
    let (url, prefix, env) = (format!("nats://127.0.0.1:{}", server.port), prefix(), Env::system());
    let (first, second) = (bus(&url, &prefix).await, bus(&url, &prefix).await);
    assert_eq!(first.state(), BusState::Disconnected);
    let wake = Wake { tenant: TenantId::generate(&env), partition: 3, event: "evt".to_owned() };
    // Ten thousand more than wait: none of it holds anybody up.
    for number in 0..14_096 {
        first.tell(Wake { event: number.to_string(), ..wake.clone() });
    }
    let mut three = Holder::of(&second, 3);
    server.start();
    heard(&first, &mut three, &wake).await.done();
    assert_eq!(first.state(), BusState::Connected);

    server.stop();
    until("it is noticed that the server is gone", async || first.state() == BusState::Disconnected).await;
    first.tell(wake.clone());
    // All that it knew is lost.
    server.folder = tempfile::tempdir().unwrap();
    server.start();
    let wake = Wake { event: "evt-again".to_owned(), ..wake };
    heard(&first, &mut three, &wake).await.done();
}

#[test]
fn credentials_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.creds");
    std::fs::write(&file, "nothing").unwrap();
    let options = BusOptions {
        url: "nats://127.0.0.1:1".to_owned(),
        credentials: Some(file),
        prefix: prefix(),
        ..BusOptions::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refused = runtime.block_on(Bus::start(&options)).err().unwrap().to_string();
    assert!(refused.contains("credentials"), "{refused}");
}

#[tokio::test]
async fn without_nats_there_is_nothing_to_wait_for() {
    let (bus, env) = (Bus::default(), Env::system());
    bus.tell(Wake { tenant: TenantId::generate(&env), partition: 1, event: "evt".to_owned() });
    bus.changed().await;
    bus.clone().run().await;
    assert_eq!(bus.state(), BusState::Off);
}
