//! What has changed in a project's sources: looked at again and again, which works on every file system.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::Path;

/// Folders whose changes are nobody's: what is built, and what others made.
const PASSED_OVER: [&str; 7] = ["target", "node_modules", ".venv", "vendor", ".git", "__pycache__", "tests"];

/// A number that is another one when a source file was changed, added or removed.
pub fn fingerprint(project: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    look(project, &mut hasher);
    hasher.finish()
}

fn look(folder: &Path, hasher: &mut DefaultHasher) {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        if PASSED_OVER.iter().any(|passed| name == *passed) {
            continue;
        }
        if path.is_dir() {
            look(&path, hasher);
        } else if let Ok(about) = entry.metadata() {
            (path, about.len(), about.modified().ok()).hash(hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_watched_and_what_is_built_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("src/lib.rs", "a");
        let first = fingerprint(folder.path());
        put("target/debug/x", "b");
        assert_eq!(fingerprint(folder.path()), first);
        put("src/more.rs", "c");
        assert_ne!(fingerprint(folder.path()), first);
    }
}
