//! Bar charts over time, drawn here as SVG: no script, and colours from the console's style.
//!
//! The picture is stretched to the width of the page; whatever is read, the scale and the times, stands around it as
//! text. A bar tells its figures when it is pointed at, and the chart as a whole in [`Chart::summary`].

/// Bars for each label below the chart.
const BARS_PER_LABEL: usize = 6;
/// The height of the picture in its own units.
const HEIGHT: u64 = 1_000;
/// The least height of what is not nothing.
const VISIBLE: u64 = 12;

/// An hour or a day: when, its parts from below, and the sentence with its figures.
#[derive(Debug, Clone)]
pub(super) struct Period {
    pub(super) label: String,
    pub(super) parts: [u64; 2],
    pub(super) figures: String,
}

/// A part of a bar, measured from above as SVG does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) y: u64,
    pub(super) height: u64,
}

/// A bar, one unit wide at its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) figures: String,
    /// What is plain.
    pub(super) plain: Part,
    /// What stands on it and is bad.
    pub(super) bad: Part,
}

/// What `parts/chart.html` draws.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    /// The chart in a sentence.
    pub(super) summary: String,
    /// The scale: its top, its middle, nothing.
    pub(super) scale: [String; 3],
    pub(super) bars: Vec<Bar>,
    /// A label for each six bars, below the first of them.
    pub(super) labels: Vec<String>,
}

impl Chart {
    /// The chart of these periods; `show` writes a figure of the scale.
    pub(super) fn new(title: String, summary: String, periods: Vec<Period>, show: impl Fn(u64) -> String) -> Self {
        let most = periods.iter().map(|period| sum(period.parts)).max().unwrap_or_default();
        let top = round_top(most);
        let labels = periods.chunks(BARS_PER_LABEL).filter_map(<[Period]>::first).map(|period| period.label.clone());
        Self {
            title,
            summary,
            scale: [show(top), show(top / 2), show(0)],
            labels: labels.collect(),
            bars: periods.into_iter().map(|period| bar(period, top)).collect(),
        }
    }
}

fn sum([plain, bad]: [u64; 2]) -> u64 {
    plain.saturating_add(bad)
}

fn bar(period: Period, top: u64) -> Bar {
    let tall = |value: u64| match value {
        0 => 0,
        _ => u64::try_from(u128::from(value) * u128::from(HEIGHT) / u128::from(top)).unwrap_or(HEIGHT).max(VISIBLE),
    };
    let [plain, bad] = period.parts;
    let (whole, bad) = (tall(plain.saturating_add(bad)), tall(bad));
    let y = HEIGHT - whole.min(HEIGHT);
    Bar {
        figures: period.figures,
        plain: Part { y: y + bad.min(whole), height: whole.saturating_sub(bad) },
        bad: Part { y, height: bad.min(whole) },
    }
}

/// The least of 2, 4, 6, 8 and 10 times a power of ten that is not below: so that its half is round, too.
fn round_top(most: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [2, 4, 6, 8, 10] {
            let top = unit.saturating_mul(step);
            if top >= most {
                return top;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn periods(values: &[[u64; 2]]) -> Vec<Period> {
        let period = |(number, parts): (usize, &[u64; 2])| Period {
            label: number.to_string(),
            parts: *parts,
            figures: format!("{parts:?}"),
        };
        values.iter().enumerate().map(period).collect()
    }

    #[test]
    fn a_chart_scale_is_round_and_holds_every_bar() {
        for (most, top) in [(0, 2), (2, 2), (3, 4), (41, 60), (80, 80), (81, 100), (1_001, 2_000)] {
            assert_eq!(round_top(most), top);
        }
        assert_eq!(round_top(u64::MAX), u64::MAX);
    }

    #[test]
    fn chart_bars_stand_on_the_ground_and_failures_on_top() {
        let chart = Chart::new(String::new(), String::new(), periods(&[[3, 1], [0, 0], [0, 4]]), |n| n.to_string());
        assert_eq!(chart.scale, ["4", "2", "0"]);
        let drawn: Vec<_> =
            chart.bars.iter().map(|bar| (bar.plain.y, bar.plain.height, bar.bad.y, bar.bad.height)).collect();
        assert_eq!(drawn, [(250, 750, 0, 250), (1_000, 0, 1_000, 0), (1_000, 0, 0, 1_000)]);
    }

    #[test]
    fn what_is_not_nothing_is_seen() {
        let chart = Chart::new(String::new(), String::new(), periods(&[[1_000_000, 1], [1, 0]]), |n| n.to_string());
        assert_eq!((chart.bars[0].bad.height, chart.bars[1].plain.height), (VISIBLE, VISIBLE));
        let huge = Chart::new(String::new(), String::new(), periods(&[[u64::MAX, u64::MAX]]), |n| n.to_string());
        assert_eq!(huge.bars[0].bad, Part { y: 0, height: HEIGHT });
    }

    #[test]
    fn each_six_bars_have_a_label() {
        let chart = Chart::new(String::new(), String::new(), periods(&[[0, 0]; 13]), |n| n.to_string());
        assert_eq!(chart.labels, ["0", "6", "12"]);
    }
}
