//! Which plugins have a label of their own in metrics: the busiest, and so few that the series stay countable.

use std::collections::{BTreeMap, HashSet};

use heptad_platform::metering::Usage;

/// How many plugins have a label.
const LABELS: usize = 50;
/// The label of all others; no plugin can have this name.
const OTHER: &str = "(other)";

/// The plugins with a label. Who has one keeps it: a counter that went away and came back would look like a new start.
#[derive(Debug, Default)]
pub(crate) struct Busiest {
    labelled: HashSet<String>,
}

impl Busiest {
    /// Usage by plugin as usage by label. While labels are left, those with the most calls get them.
    pub(crate) fn by_label(&mut self, usage: BTreeMap<String, Usage>) -> BTreeMap<String, Usage> {
        let mut usage: Vec<_> = usage.into_iter().collect();
        usage.sort_by_key(|(_, usage)| std::cmp::Reverse(usage.calls));
        let mut labels: BTreeMap<String, Usage> = BTreeMap::new();
        for (plugin, usage) in usage {
            if self.labelled.len() < LABELS && !self.labelled.contains(&plugin) {
                self.labelled.insert(plugin.clone());
            }
            let label = if self.labelled.contains(&plugin) { plugin } else { OTHER.to_owned() };
            labels.entry(label).or_default().add(&usage);
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(calls: impl IntoIterator<Item = (usize, u64)>) -> BTreeMap<String, Usage> {
        let of = |calls| Usage { calls, ..Usage::default() };
        calls.into_iter().map(|(number, calls)| (format!("plugin-{number}"), of(calls))).collect()
    }

    #[test]
    fn the_busiest_fifty_have_names_and_keep_them() {
        let mut busiest = Busiest::default();
        let first = busiest.by_label(usage((0..60).map(|number| (number, number as u64))));
        assert_eq!((first.len(), first[OTHER].calls, first["plugin-10"].calls), (51, (0..10).sum(), 10));
        let later = busiest.by_label(usage([(1, 1_000), (59, 1), (100, 5)]));
        let calls: Vec<_> = later.iter().map(|(label, usage)| (label.as_str(), usage.calls)).collect();
        assert_eq!(calls, [(OTHER, 1_005), ("plugin-59", 1)]);
    }
}
