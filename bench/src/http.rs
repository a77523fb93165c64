//! `POST /v1/quotes` over loopback: the whole way from the socket to the row in SQLite (WAL, `synchronous = full`), with
//! 0, 1 and 3 plugins that the merchant enabled.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use heptad_web::{AppState, WebOptions, app};

use crate::setup::Host;
use crate::table::{median, rate};

const ROUNDS: usize = 5;
const REQUESTS: usize = 400;
const CLIENTS: usize = 8;

/// Measures and prints.
pub(crate) async fn run() -> Result<()> {
    let host = Host::start().await?;
    let unlimited = heptad_web::rate::Limit { per_second: 1_000_000, burst: 1_000_000 };
    let options = WebOptions { database_url: host.url.clone(), caller_limit: unlimited, peer_limit: unlimited, ..WebOptions::default() };
    let state = AppState::new(host.store.clone(), host.runtime.clone(), host.env.clone(), options);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app(state)).await });

    let mut shops = Vec::new();
    for (slug, plugins) in [
        ("none", &[][..]),
        ("one", &["bench-guest"][..]),
        ("three", &["bench-guest", "hello-discount", "quantity-breaks"][..]),
    ] {
        let ctx = host.tenant(slug).await?;
        for plugin in plugins {
            host.install(&ctx, plugin).await?;
        }
        shops.push((plugins.len(), host.token(&ctx).await?, Vec::new()));
    }
    let client = reqwest::Client::builder().pool_max_idle_per_host(CLIENTS).timeout(Duration::from_secs(30)).build()?;
    let url = format!("http://{address}/v1/quotes");
    for _ in 0..ROUNDS {
        for (_, token, rates) in &mut shops {
            rates.push(quotes(&client, &url, token).await?);
        }
    }
    println!("\nPOST /v1/quotes, ten lines, {CLIENTS} clients in the same process, median of {ROUNDS} rounds of {REQUESTS}");
    let base = median(shops[0].2.clone());
    for (plugins, _, rates) in shops {
        let rate = median(rates);
        println!("{plugins} plugins {rate:>10.1} /s   ratio to none {:>5.2}", rate / base);
    }
    Ok(())
}

async fn quotes(client: &reqwest::Client, url: &str, token: &str) -> Result<f64> {
    let lines: Vec<_> = crate::cart().lines.iter().map(|line| serde_json::json!({"sku": line.sku, "quantity": line.quantity})).collect();
    let body = serde_json::json!({ "lines": lines });
    let begun = Instant::now();
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (client, url, token, body) = (client.clone(), url.to_owned(), token.to_owned(), body.clone());
            tokio::spawn(async move {
                for _ in 0..REQUESTS / CLIENTS {
                    let answer = client.post(&url).bearer_auth(&token).json(&body).send().await?;
                    ensure!(answer.status().is_success(), "{}", answer.text().await?);
                    answer.bytes().await?;
                }
                Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(rate(REQUESTS, begun.elapsed()))
}
