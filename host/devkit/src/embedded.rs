//! The files that are in the binary.

/// Each by its path in the repository, with `/` between its parts.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The files below a folder, by their paths within it.
pub(crate) fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter_map(move |(path, bytes)| {
        let within = path.strip_prefix(folder)?.strip_prefix('/')?;
        Some((within, *bytes))
    })
}

/// A file that holds text; empty for one that is not there, which a test rules out.
pub(crate) fn text(path: &str) -> &'static str {
    let found = FILES.iter().find(|(known, _)| *known == path);
    found.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_the_contract_and_the_templates_are_there() {
        for path in ["Cargo.toml", "sdk/rust/Cargo.toml", "sdk/rust/src/lib.rs", "wit/platform/platform.wit"] {
            assert!(!text(path).is_empty(), "{path}");
        }
        assert!(below("sdk/templates/rust").any(|(path, _)| path == "base/Cargo.toml.template"));
        assert!(below("wit").all(|(path, _)| !path.starts_with("wit/")));
    }
}
