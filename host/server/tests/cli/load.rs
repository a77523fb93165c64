//! Load from outside: customers who order and pay, and stock that changes, whatever happens to the servers. What was
//! asked for is asked for again, by the same idempotency key, until it is answered.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use heptad_store::{StoreError, Tx};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::events::{KEYS, World};

/// How many customers order at the same time.
const CUSTOMERS: usize = 3;
/// How long a client waits for an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The pause between two requests of one client.
const PAUSE: Duration = Duration::from_millis(30);

/// What the clients share.
struct Shared {
    client: reqwest::Client,
    /// Where the servers are that a load balancer would send to.
    urls: RwLock<Vec<String>>,
    turn: AtomicUsize,
    over: AtomicBool,
    orders: AtomicUsize,
    /// Answers that no client should get, and requests without one.
    failures: Mutex<Vec<String>>,
}

/// Clients at work.
pub(crate) struct Load {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Shared {
    /// Asks one server after the other until one answers; what the client has done wrong is the error.
    async fn ask(&self, method: &str, token: &str, path: &str, body: &Value, key: &str) -> Result<Value, String> {
        let mut ticks = tokio::time::interval(PAUSE);
        loop {
            ticks.tick().await;
            let url = {
                let urls = self.urls.read().unwrap();
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                turn.checked_rem(urls.len()).map(|turn| urls[turn].clone())
            };
            let Some(url) = url else { continue };
            let request = self.client.request(method.parse().unwrap(), format!("{url}{path}")).bearer_auth(token);
            let answered = async {
                let answer = request.header("idempotency-key", key).json(body).timeout(ANSWER).send().await?;
                let status = answer.status();
                Ok::<_, reqwest::Error>((status, answer.text().await?))
            };
            match answered.await {
                Ok((status, text)) if status.is_success() => return Ok(serde_json::from_str(&text).unwrap_or_default()),
                Ok((status, _)) if status.as_u16() == 429 => {}
                Ok((_, text)) if text.contains("idempotency-running") => {}
                Ok((status, text)) if status.is_client_error() => {
                    return Err(format!("{method} {path}: {status} {text}"));
                }
                Ok((status, text)) => self.failures.lock().unwrap().push(format!("{method} {path}: {status} {text}")),
                Err(error) => self.failures.lock().unwrap().push(format!("{method} {path}: {error:?}")),
            }
        }
    }

    async fn order(&self, shop: &str, key: &str) {
        let lines = json!({"lines": [{"sku": "K0", "quantity": 1}]});
        let mut tries = 0;
        let order = loop {
            tries += 1;
            let quote = self.ask("POST", shop, "/v1/quotes", &lines, key).await.unwrap();
            let order = json!({"quote": quote["id"]});
            match self.ask("POST", shop, "/v1/orders", &order, &format!("{key}-{tries}")).await {
                Ok(order) => break order,
                // Nothing was written: a new quote, and a new key.
                Err(refused) => assert!(refused.contains("quote-stale") && tries < 10, "{refused}"),
            }
        };
        let path = format!("/v1/orders/{}/payments", order["id"].as_str().unwrap());
        let payment = json!({"amount": order_total(&order), "method": "card", "reference": key});
        let paid = self.ask("POST", shop, &path, &payment, &format!("{key}-pay")).await.unwrap();
        assert_eq!(paid["order_status"], "paid", "{paid}");
        self.orders.fetch_add(1, Ordering::Relaxed);
    }
}

fn order_total(order: &Value) -> Value {
    json!({"amount": order["total"], "currency": order["currency"]})
}

impl Load {
    /// Puts clients to work on these servers.
    pub(crate) fn start(world: &World, urls: Vec<String>) -> Self {
        let shared = Arc::new(Shared {
            client: reqwest::Client::new(),
            urls: RwLock::new(urls),
            turn: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            orders: AtomicUsize::new(0),
            failures: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for customer in 0..CUSTOMERS {
            let (shared, shop) = (shared.clone(), world.shop.clone());
            tasks.spawn(async move {
                for number in 0.. {
                    if shared.over.load(Ordering::Relaxed) {
                        return;
                    }
                    shared.order(&shop, &format!("order-{customer}-{number}")).await;
                }
            });
        }
        let (stock, staff) = (shared.clone(), world.staff.clone());
        tasks.spawn(async move {
            let mut number = 0;
            while !stock.over.load(Ordering::Relaxed) {
                let path = format!("/v1/inventory-levels/K{}/HQ", number % KEYS);
                stock.ask("PUT", &staff, &path, &json!({"on_hand": number}), &format!("stock-{number}")).await.unwrap();
                number += 1;
            }
        });
        Self { shared, tasks }
    }

    /// Sends to these servers from now on.
    pub(crate) fn send_to(&self, urls: Vec<String>) {
        *self.shared.urls.write().unwrap() = urls;
    }

    /// Waits until so many more orders are placed and paid.
    pub(crate) async fn goes_on(&self, orders: usize) {
        let before = self.shared.orders.load(Ordering::Relaxed);
        let placed = || self.shared.orders.load(Ordering::Relaxed) - before;
        crate::support::until("orders go on", async || (placed() >= orders).then_some(())).await;
    }

    /// What failed so far.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.shared.failures.lock().unwrap().clone()
    }

    /// Lets the clients finish what they began, and looks at what has become of it: each order once, paid once, told once,
    /// and what was told has happened once and in order.
    pub(crate) async fn end(mut self, world: &World) {
        self.shared.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        let orders = self.shared.orders.load(Ordering::Relaxed) as i64;
        world.is_whole().await;
        for (what, sql, expected) in [
            ("orders", "select count(*) as n from orders where tenant_id = $1", orders),
            ("paid orders", "select count(*) as n from orders where tenant_id = $1 and status = 'paid'", orders),
            ("payments", "select count(*) as n from payments where tenant_id = $1", orders),
            ("orders told", "select count(*) as n from events where tenant_id = $1 and kind = 'order.placed'", orders),
            ("payments told", "select count(*) as n from events where tenant_id = $1 and kind = 'order.paid'", orders),
            (
                "keys with a gap",
                "select count(*) as n from (select key from events where tenant_id = $1 group by key \
                 having max(seq) <> count(*)) as gaps",
                0,
            ),
            ("dead letters", "select count(*) as n from dead_letters where tenant_id = $1", 0),
            ("events in the outbox", "select count(*) as n from outbox where tenant = $1", 0),
        ] {
            let count = async |mut tx: Tx| tx.query(sql).fetch_one(|row| row.int("n")).await;
            crate::support::until(what, async || {
                let found: Result<i64, StoreError> = world.store.read(&world.ctx, count).await;
                (found.unwrap() == expected).then_some(())
            })
            .await;
        }
    }
}
