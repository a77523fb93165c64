//! A plugin that writes down when it ran.
//!
//! The page of a schedule (`page/<name>` in its store) has a word for each run: the minutes of its time since midnight UTC,
//! with `+n` behind it where n times were left out, `h` for a run that somebody asked for, `r` for one that is run again. A
//! setting lets it fail, at one schedule or at all.

use heptad_sdk::prelude::*;

/// Writes down when it ran.
pub struct Timetable;

#[derive(serde::Deserialize)]
struct Settings {
    mode: Mode,
    at: String,
}

#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Write,
    Fail,
    Refuse,
}

impl ScheduleHandler for Timetable {
    fn run(host: &impl Host, due: &Due) -> Result<(), Error> {
        let Settings { mode, at } = settings(host)?;
        let mode = if at.is_empty() || at == due.schedule { mode } else { Mode::Write };
        match mode {
            Mode::Write => write(host, due),
            Mode::Fail => Err(Error::new("no-train", "no train today")),
            Mode::Refuse => Err(Error::invalid("no-rails", "there never was a train")),
        }
    }
}

fn write(host: &impl Host, due: &Due) -> Result<(), Error> {
    let key = format!("page/{}", due.schedule);
    let mut text = host.kv_get(std::slice::from_ref(&key))?.pop().map(|entry| entry.value).unwrap_or_default();
    let missed = if due.missed > 0 { format!("+{}", due.missed) } else { String::new() };
    let (by_hand, again) = (if due.by_hand { "h" } else { "" }, if due.replayed { "r" } else { "" });
    text.extend_from_slice(format!("{}{missed}{by_hand}{again} ", due.at / 60_000 % 1_440).as_bytes());
    host.kv_set(&[Entry { key, value: text }])?;
    Ok(())
}

heptad_sdk::plugin!(Timetable: schedule_handler);

#[cfg(test)]
mod tests {
    use heptad_sdk::fake::Shop;

    use super::*;

    #[test]
    fn runs_are_written_down() {
        let manifest = include_str!("../plugin.toml");
        let shop =
            Shop::new("CNY").manifest(manifest).writable().settings(&serde_json::json!({"mode": "write", "at": ""}));
        // 02:30 and 03:00 of a day.
        for (minutes, missed) in [(150, 0), (180, 2)] {
            let due = shop.due("nightly", minutes * 60_000).missed(missed).by_hand(missed > 0);
            Timetable::run(&shop, &due.build()).unwrap();
        }
        let page = shop.kv_get(&["page/nightly".to_owned()]).unwrap();
        assert_eq!(String::from_utf8_lossy(&page[0].value), "150 180+2h ");
    }
}
