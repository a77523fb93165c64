//! A folder that lives as long as the command that made it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};

/// An empty folder, removed on drop. What a killed command left behind is removed by the next one of its kind.
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes `heptad-<kind>-<process id>` in `parent`.
    pub(crate) fn new(parent: &Path, kind: &str) -> Result<Self> {
        let prefix = format!("heptad-{kind}-");
        sweep(parent, &prefix);
        let path = parent.join(format!("{prefix}{}", process::id()));
        // A folder of this very id belongs to a dead process whose id came round again.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Self { path })
    }

    /// The folder, absolute if `parent` was.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("xtask: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Removes the folders of processes that are gone, where the system can tell.
fn sweep(parent: &Path, prefix: &str) {
    if !Path::new("/proc/self").exists() {
        return;
    }
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.strip_prefix(prefix)) else { continue };
        if id.parse::<u32>().is_ok() && !Path::new("/proc").join(id).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
