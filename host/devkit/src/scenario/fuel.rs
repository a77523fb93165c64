//! What the calls of scenarios used, kept in a file, so that a change which makes the plugin dearer is found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::Report;

/// The file in a project's folder.
pub const FUEL: &str = "fuel.toml";
const HEAD: &str = "# Fuel of each call in the scenarios, by `heptad plugin test --save-fuel`.\n\n";

/// The fuel file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FuelError {
    /// It cannot be read or written.
    #[error("{}: {error}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is not what `--save-fuel` writes.
    #[error("{}: {problem}", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// Fuel of each call, by scenario, in the order of the calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fuel(BTreeMap<String, Vec<u64>>);

impl Fuel {
    /// What these runs used.
    pub fn of(reports: &[Report]) -> Self {
        let fuel = |report: &Report| report.calls.iter().map(|call| call.fuel.used).collect();
        Self(reports.iter().map(|report| (report.scenario.clone(), fuel(report))).collect())
    }

    /// What is kept in a project's folder.
    pub fn read(project: &Path) -> Result<Self, FuelError> {
        let file = project.join(FUEL);
        let text = fs::read_to_string(&file).map_err(|error| FuelError::Io { file: file.clone(), error })?;
        toml::from_str(&text).map(Self).map_err(|error| FuelError::Malformed { file, problem: error.to_string() })
    }

    /// Keeps it there; what is kept of scenarios that did not run now stays.
    pub fn save(&self, project: &Path) -> Result<PathBuf, FuelError> {
        let file = project.join(FUEL);
        let mut all = if file.exists() { Self::read(project)?.0 } else { BTreeMap::new() };
        all.extend(self.0.clone());
        let malformed =
            |error: toml::ser::Error| FuelError::Malformed { file: file.clone(), problem: error.to_string() };
        let text = format!("{HEAD}{}", toml::to_string(&all).map_err(malformed)?);
        fs::write(&file, text).map_err(|error| FuelError::Io { file: file.clone(), error })?;
        Ok(file)
    }

    /// The calls that use more than so many percent above what is kept. Calls that are not kept are new, and pass.
    pub fn beyond(&self, kept: &Self, percent: u32) -> Vec<String> {
        let mut beyond = Vec::new();
        for (scenario, calls) in &self.0 {
            let Some(before) = kept.0.get(scenario) else { continue };
            for (at, (now, before)) in calls.iter().zip(before).enumerate() {
                if u128::from(*now) * 100 > u128::from(*before) * (100 + u128::from(percent)) {
                    beyond.push(format!("{scenario}: call {} used {now} fuel, {before} before", at + 1));
                }
            }
        }
        beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grew_beyond_the_percentage_is_told() {
        let fuel = |calls: &[u64]| Fuel(BTreeMap::from([("tea".to_owned(), calls.to_vec())]));
        let kept = fuel(&[1_000, 1_000]);
        assert_eq!(fuel(&[1_050, 900, 5]).beyond(&kept, 5), Vec::<String>::new());
        assert_eq!(fuel(&[1_051]).beyond(&kept, 5), ["tea: call 1 used 1051 fuel, 1000 before"]);
        assert_eq!(fuel(&[1]).beyond(&Fuel::default(), 0), Vec::<String>::new());
        let folder = tempfile::tempdir().unwrap();
        kept.save(folder.path()).unwrap();
        assert_eq!(Fuel::read(folder.path()).unwrap(), kept);
        Fuel(BTreeMap::from([("pot".to_owned(), vec![7])])).save(folder.path()).unwrap();
        let both = BTreeMap::from([("pot".to_owned(), vec![7]), ("tea".to_owned(), vec![1_000, 1_000])]);
        assert_eq!(Fuel::read(folder.path()).unwrap(), Fuel(both));
    }
}
