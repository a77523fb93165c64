//! Programs that attack the host. Each is stopped by its own limit and named; without that limit it gets its answer; and
//! all the while another merchant's plugin answers as ever.

mod bare;
mod calls;
mod files;
mod forged;
pub(crate) mod program;

use std::time::{Duration, Instant};

use heptad_capabilities::extensions::{Answer, CartView, Extensions as _, Operation, Outcome};
use heptad_model::limits::PerLine;
use heptad_model::{Ctx, Limits, Permission, Point};

use crate::support::{Host, cart, permissions};

/// How a program shows that it is its limit that stops it, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Off {
    /// It answers where all limits of a call are raised.
    Raised,
    /// It answers with the memory that its manifest asks for, in MiB.
    Memory(u32),
    /// It runs on wasmtime alone, with large slots and a large stack: the host's limit cannot be raised.
    Bare,
    /// No limit stops it, the contract does: it answers when it does not attack, for a cart without lines.
    Harmless,
    /// It is stopped before it is asked, whatever the limits are.
    Never,
}

/// The limits of a host: those that are published, or so high that no program here reaches them.
pub(crate) fn profile(raised: bool) -> Limits {
    let published = Limits { wall_ms: Some(10_000), ..Limits::default() };
    if !raised {
        return published;
    }
    let flat = |base| PerLine { base, per_line: 0 };
    Limits {
        fuel: flat(u64::MAX / 4),
        output: flat(256 << 20),
        bytes_in: flat(1 << 30),
        bytes_out: flat(1 << 30),
        host_calls: flat(1_000_000),
        host_calls_per_second: 1_000_000_000,
        log_bytes: 1 << 30,
        ..published
    }
}

/// A host, and a merchant on it with an honest plugin.
pub(crate) struct Scene {
    host: Host,
    honest: Ctx,
}

impl Scene {
    pub(crate) async fn start(profile: Limits) -> Self {
        let host = Host::start_with(profile).await;
        host.publish("hello-discount").await;
        let honest = host.tenant("honest", "CNY").await;
        host.install(&honest, "hello-discount", permissions(&[]), None).await;
        Self { host, honest }
    }

    /// Gives a merchant of its own the program; the error's code where the host does not take it.
    pub(crate) async fn victim(&self, name: &str, packed: Vec<u8>) -> Result<Ctx, (String, String)> {
        self.host.publish_packed(packed).await.map_err(|error| (error.code().to_owned(), error.to_string()))?;
        let ctx = self.host.tenant(name, "CNY").await;
        self.host.install(&ctx, name, granted(), None).await;
        Ok(ctx)
    }

    /// Asks the program while the honest plugin is asked, too, and again when it is over.
    pub(crate) async fn attack(&self, victim: &Ctx, cart: &CartView) -> Answer<Vec<Operation>> {
        let (answer, ()) = tokio::join!(self.ask(victim, cart), self.honest_answer_is_right());
        self.honest_answer_is_right().await;
        answer
    }

    async fn ask(&self, ctx: &Ctx, cart: &CartView) -> Answer<Vec<Operation>> {
        let serving = self.host.runtime.serving(ctx, Point::DiscountOrder).await.unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        self.host.runtime.discounts(ctx, &serving[0], Point::DiscountOrder, cart, until).await
    }

    pub(crate) async fn honest_answer_is_right(&self) {
        use heptad_capabilities::extensions::{Targets, Value};
        let answer = self.ask(&self.honest, &cart("CNY", &[(19_900, 19_900)])).await;
        assert_eq!(answer.trace.outcome, Outcome::Answered);
        let operations = answer.value.unwrap();
        let candidate = &operations[0].candidates[0];
        assert_eq!(candidate.targets, Targets::Order);
        assert_eq!(candidate.value, Value::Amount { amount: 100, currency: "CNY".to_owned() });
    }
}

/// All that the programs ask for.
fn granted() -> heptad_model::PermissionSet {
    permissions(&[
        Permission::MallCatalogRead,
        Permission::MallOrdersRead,
        Permission::MembersProfileRead,
        Permission::PlatformKvRead,
        Permission::PlatformKvWrite,
    ])
}

/// The code and the sentence of an outcome.
fn told(outcome: &Outcome) -> (&str, &str) {
    match outcome {
        Outcome::Answered => ("answered", ""),
        Outcome::Failed { code, message } | Outcome::Skipped { code, message } => (code, message),
    }
}
