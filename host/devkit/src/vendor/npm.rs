//! The SDK for JavaScript and TypeScript, as the tarball that `npm pack` would make of it, with the contract's types.

use std::io;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::write;
use crate::{embedded, typescript};

/// The tarball's name: that of the package and its version, by npm's rule.
const FILE: &str = "heptad-sdk-0.1.0.tgz";
/// The folder that npm expects everything in.
const PACKAGE: &str = "package";

pub(super) fn put(folder: &Path) -> io::Result<()> {
    write(&folder.join(FILE), &tarball()?)
}

fn tarball() -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let types = typescript::declarations().map_err(io::Error::other)?;
    let mut files: Vec<(&str, &[u8])> = embedded::below("sdk/js").collect();
    files.push(("src/contract.d.ts", types.as_bytes()));
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{PACKAGE}/{path}"), bytes)?;
    }
    tar.into_inner()?.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn the_tarball_is_a_package_with_types() {
        let bytes = tarball().unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        let mut files = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            files.insert(entry.path().unwrap().to_string_lossy().into_owned(), text);
        }
        let package: serde_json::Value = serde_json::from_str(&files["package/package.json"]).unwrap();
        let (name, version) = (package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        assert_eq!(FILE, format!("{}-{version}.tgz", name.replace('@', "").replace('/', "-")));
        assert!(files.contains_key("package/src/index.js") && files.contains_key("package/src/contract.d.ts"));
        assert_eq!(bytes, tarball().unwrap());
    }
}
