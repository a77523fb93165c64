//! `cargo xtask docs`: writes those parts of the documents that are made from the registries in the code.
//!
//! The registries belong to the host, which this program does not depend on; the structure tests read them, and write
//! what they would compare.

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// The tests that compare, and here write.
const TESTS: [&str; 2] = [
    "operations::what_operators_read_is_written_from_the_registries",
    "events::what_is_told_of_event_types_is_written_from_the_registry",
];

/// Writes the tables of `docs/operations.md` and `docs/events.md`, and `docs/alerts.yaml`.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut test = workspace.cargo();
    test.args(["test", "--quiet", "--package", "xtask", "--test", "structure", "--", "--exact"]).args(TESTS);
    process::run(test.env("HEPTAD_UPDATE_DOCS", "1"))
}
