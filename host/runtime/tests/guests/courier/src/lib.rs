//! A plugin that carries what it hears of to another server.
//!
//! What is answered stands at `answer/<key>` in its store, as the status and the body, or as the kind and the code of what
//! went wrong. A setting says what is sent where, and in which way.

use heptad_sdk::Enqueued;
use heptad_sdk::prelude::*;

/// Carries what it hears of.
pub struct Courier;

#[derive(serde::Deserialize)]
struct Settings {
    mode: Mode,
    url: String,
    body: String,
    size: usize,
}

#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    /// Sends, and writes down what is answered.
    Send,
    /// Writes, and sends then.
    WriteFirst,
    /// Fails unless the answer is one of success.
    Insist,
    /// Sends three times.
    Several,
    /// Says that the body is packed, which it is not.
    Gzip,
    /// Leaves the request to be sent later, and fails at the first attempt.
    Leave,
    /// Leaves the request to be sent later.
    Post,
}

impl EventHandler for Courier {
    fn handle(host: &impl Host, delivery: &Delivery) -> Result<(), Error> {
        let settings: Settings = settings(host)?;
        if settings.mode == Mode::WriteFirst {
            put_down(host, delivery, "nothing yet")?;
        }
        if matches!(settings.mode, Mode::Leave | Mode::Post) {
            return leave(host, delivery, &settings);
        }
        let times = if settings.mode == Mode::Several { 3 } else { 1 };
        let said = (0..times).map(|_| send(host, &settings)).collect::<Result<Vec<_>, _>>()?;
        put_down(host, delivery, &said.join(", "))
    }
}

/// Sends, and says what came of it.
fn send(host: &impl Host, settings: &Settings) -> Result<String, Error> {
    let mut body = settings.body.clone().into_bytes();
    body.resize(body.len() + settings.size, b'x');
    let request = OutboundRequest::new("POST", &settings.url).header("x-own", "1").body(body);
    let request = if settings.mode == Mode::Gzip { request.header("content-encoding", "gzip") } else { request };
    match host.fetch(&request) {
        Ok(answer) if settings.mode == Mode::Insist && !answer.is_success() => {
            Err(Error::new("not-taken", format!("the carrier answered {}", answer.status)))
        }
        Ok(answer) => {
            let text = String::from_utf8_lossy(&answer.body);
            Ok(format!("{} {}", answer.status, text.chars().take(200).collect::<String>()).trim_end().to_owned())
        }
        Err(error) => Ok(format!("{:?} {}", error.kind, error.code)),
    }
}

fn leave(host: &impl Host, delivery: &Delivery, settings: &Settings) -> Result<(), Error> {
    let request = Enqueued {
        method: "POST".to_owned(),
        url: settings.url.clone(),
        headers: Vec::new(),
        body: format!("{}{}", settings.body, delivery.event.seq).into_bytes(),
        key: Some(delivery.event.key.clone()),
    };
    let said = match host.enqueue(&[request]) {
        Ok(ids) => ids.join(" "),
        Err(error) => format!("{:?} {}", error.kind, error.code),
    };
    put_down(host, delivery, &said)?;
    match (settings.mode, delivery.attempt) {
        (Mode::Leave, 1) => Err(Error::new("not-yet", "what was left is undone with the rest")),
        _ => Ok(()),
    }
}

fn put_down(host: &impl Host, delivery: &Delivery, said: &str) -> Result<(), Error> {
    let key = format!("answer/{}", delivery.event.key);
    Ok(host.kv_set(&[Entry { key, value: said.as_bytes().to_vec() }])?)
}

heptad_sdk::plugin!(Courier: event_handler);

#[cfg(test)]
mod tests {
    use heptad_sdk::fake::Shop;

    use super::*;

    #[test]
    fn what_is_answered_is_written_down() {
        let shop = Shop::new("CNY")
            .manifest(include_str!("../plugin.toml"))
            .writable()
            .settings(&serde_json::json!({}))
            .server("https://carrier.example/", OutboundResponse::new(202, "on its way"));
        let delivery = shop.event("inventory.changed", "TEA-1", &serde_json::json!({"sku": "TEA-1"}));
        Courier::handle(&shop, &delivery.build()).unwrap();
        let sent = shop.fetched();
        assert_eq!((sent.len(), sent[0].method.as_str()), (1, "POST"));
        assert_eq!(shop.calls().last(), Some(&"heptad:platform/kv-write#set"));
    }
}
