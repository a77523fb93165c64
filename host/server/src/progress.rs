//! Progress of long work: a bar on a terminal, plain lines elsewhere, on standard error. Nothing moves before 250 ms.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that is done sooner shows nothing.
const QUIET: Duration = Duration::from_millis(250);
/// How many lines a whole run prints at most where there is no terminal.
const LINES: u64 = 10;
/// Where the end is not known, a line comes after so many things.
const STEP: u64 = 10_000;

/// Shows how far the work is.
pub(crate) struct Progress {
    what: &'static str,
    things: &'static str,
    started: Instant,
    bar: Option<ProgressBar>,
    is_terminal: bool,
    next_line: u64,
}

impl Progress {
    /// `what` is done to `things`: "importing" "rows".
    pub(crate) fn new(what: &'static str, things: &'static str) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self { what, things, started: Instant::now(), bar: None, is_terminal, next_line: 0 }
    }

    /// So many are done, of so many where that is known.
    pub(crate) fn set(&mut self, done: u64, of: Option<u64>) {
        if self.started.elapsed() < QUIET {
            return;
        }
        if self.is_terminal {
            let bar = self.bar.get_or_insert_with(|| bar(self.what, self.things, of));
            bar.set_position(done);
        } else if let Some(line) = self.line(done, of) {
            eprintln!("{line}");
        }
    }

    /// The line that is due, if one is.
    fn line(&mut self, done: u64, of: Option<u64>) -> Option<String> {
        let step = of.map_or(STEP, |of| of.div_ceil(LINES).max(1));
        if done < self.next_line || done == 0 {
            return None;
        }
        self.next_line = (done / step + 1) * step;
        Some(match of {
            Some(of) => format!("{} {done} of {of} {}", self.what, self.things),
            None => format!("{} {done} {}", self.what, self.things),
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &str, things: &str, of: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(of, ProgressDrawTarget::stderr());
    let template = match of {
        Some(_) => "{prefix} [{bar:32}] {pos} of {len} {msg}, {eta} left",
        None => "{prefix} {spinner} {pos} {msg}",
    };
    // A template that did not parse would leave the default, which is good enough.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what.to_owned());
    bar.set_message(things.to_owned());
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_few() {
        let mut progress = Progress::new("importing", "rows");
        let lines: Vec<String> = (0..=9_994).filter_map(|done| progress.line(done, Some(9_994))).collect();
        assert_eq!(lines.len(), 10, "{lines:?}");
        assert_eq!(lines[0], "importing 1 of 9994 rows");
        assert_eq!(lines[9], "importing 9000 of 9994 rows");
    }
}
