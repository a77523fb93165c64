//! The files of the project: what git has, or would take in.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

static FILES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut list = Command::new("git");
    list.current_dir(root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = list.output().expect("these tests ask git which files are the project's; install git");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
    let mut files: Vec<String> = names.split_terminator('\0').map(str::to_owned).collect();
    // A file that was removed and not yet committed is still listed.
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    assert!(files.len() > 100, "the project has more files than {files:?}");
    files
});

/// The repository's top folder.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo tells where the package is");
    PathBuf::from(package).parent().expect("the package lies in the repository").to_owned()
}

/// Every file, by its path from the top, with `/`.
pub(crate) fn files() -> &'static [String] {
    &FILES
}

/// The files whose path begins and ends so.
pub(crate) fn those(prefix: &str, suffix: &str) -> impl Iterator<Item = &'static str> {
    files().iter().map(String::as_str).filter(move |file| file.starts_with(prefix) && file.ends_with(suffix))
}

/// The text of a file.
pub(crate) fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The files directly in these folders that have this name, each with the folder's last part: `plugins/x/plugin.toml`.
pub(crate) fn folders_with(parent: &str, name: &str) -> Vec<&'static str> {
    let inside =
        |file: &'static str| file.strip_prefix(parent)?.strip_prefix('/')?.strip_suffix(name)?.strip_suffix('/');
    those(parent, name).filter_map(inside).filter(|folder| !folder.contains('/')).collect()
}

/// Fails with all violations of a rule.
#[track_caller]
pub(crate) fn assert_none(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}:\n  {}", violations.join("\n  "));
}
