//! A plugin that writes down what it hears of.
//!
//! The page of a key (`page/<key>` in its store) has a word for each event: its number, with `g` behind it after a gap,
//! `r` for one that is told again. What the platform filled in stands at `profile/<key>`. A setting lets it misbehave, at
//! one key or at all.

use heptad_sdk::prelude::*;

/// Writes down what it hears of.
pub struct Diary;

#[derive(serde::Deserialize)]
struct Settings {
    mode: Mode,
    at: String,
}

#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Write,
    Read,
    Fail,
    Refuse,
    Trap,
    Spin,
    WriteAndSpin,
    WriteAndFail,
    Sleep,
}

#[derive(serde::Deserialize)]
struct Data {
    profile: Option<serde::de::IgnoredAny>,
}

impl EventHandler for Diary {
    fn handle(host: &impl Host, delivery: &Delivery) -> Result<(), Error> {
        let Settings { mode, at } = settings(host)?;
        let mode = if at.is_empty() || at == delivery.event.key { mode } else { Mode::Write };
        match mode {
            Mode::Write => write(host, delivery),
            Mode::Read => host.kv_get(&[page(delivery)]).map(drop).map_err(Error::from),
            Mode::Fail => Err(Error::new("no-ink", "there is no ink")),
            Mode::Refuse => Err(Error::invalid("not-my-day", "this will never be written down")),
            Mode::Trap => panic!("the pen broke"),
            Mode::Spin => spin(),
            Mode::WriteAndSpin => {
                write(host, delivery)?;
                spin()
            }
            Mode::WriteAndFail => {
                write(host, delivery)?;
                Err(Error::new("no-ink", "the ink is used up"))
            }
            Mode::Sleep => {
                std::thread::sleep(std::time::Duration::from_millis(30));
                write(host, delivery)
            }
        }
    }
}

fn page(delivery: &Delivery) -> String {
    format!("page/{}", delivery.event.key)
}

fn write(host: &impl Host, delivery: &Delivery) -> Result<(), Error> {
    let key = page(delivery);
    let mut text = host.kv_get(std::slice::from_ref(&key))?.pop().map(|entry| entry.value).unwrap_or_default();
    let (gap, again) = (if delivery.gap { "g" } else { "" }, if delivery.replayed { "r" } else { "" });
    text.extend_from_slice(format!("{}{gap}{again} ", delivery.event.seq).as_bytes());
    let mut entries = vec![Entry { key, value: text }];
    if delivery.event.data::<Data>()?.profile.is_some() {
        let key = format!("profile/{}", delivery.event.key);
        entries.push(Entry { key, value: delivery.event.data.clone().into_bytes() });
    }
    host.kv_set(&entries)?;
    Ok(())
}

fn spin() -> Result<(), Error> {
    loop {
        std::hint::black_box(());
    }
}

heptad_sdk::plugin!(Diary: event_handler);

#[cfg(test)]
mod tests {
    use heptad_sdk::fake::Shop;

    use super::*;

    #[test]
    fn what_it_hears_is_written_down() {
        let manifest = include_str!("../plugin.toml");
        let shop =
            Shop::new("CNY").manifest(manifest).writable().settings(&serde_json::json!({"mode": "write", "at": ""}));
        for (seq, gap) in [(1, false), (3, true)] {
            let delivery =
                shop.event("inventory.changed", "TEA-1", &serde_json::json!({"sku": "TEA-1"})).seq(seq).gap(gap);
            Diary::handle(&shop, &delivery.build()).unwrap();
        }
        let page = shop.kv_get(&["page/TEA-1".to_owned()]).unwrap();
        assert_eq!(String::from_utf8_lossy(&page[0].value), "1 3g ");
    }
}
