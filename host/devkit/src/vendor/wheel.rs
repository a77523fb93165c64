//! The SDK for Python, as a wheel: a zip with the package, and what pip wants to know of it.
//! By <https://packaging.python.org/specifications/binary-distribution-format/>.

use std::fmt::Write as _;
use std::io::{self, Cursor, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::write;
use crate::embedded;

/// The wheel's name: package, version, and that it fits every Python 3.
const FILE: &str = "heptad_sdk-0.1.0-py3-none-any.whl";
/// The folder of what pip wants to know.
const INFO: &str = "heptad_sdk-0.1.0.dist-info";
const METADATA: &str = "Metadata-Version: 2.1\nName: heptad-sdk\nVersion: 0.1.0\n\
                        Summary: Write a Heptad plugin in Python\nLicense: Apache-2.0\nRequires-Python: >=3.11\n";
const WHEEL: &str = "Wheel-Version: 1.0\nGenerator: heptad\nRoot-Is-Purelib: true\nTag: py3-none-any\n";

pub(super) fn put(folder: &Path) -> io::Result<()> {
    write(&folder.join(FILE), &wheel()?)
}

fn wheel() -> io::Result<Vec<u8>> {
    let of_sdk = embedded::below("sdk/python").filter(|(path, _)| path.ends_with(".py"));
    let mut files: Vec<(String, Vec<u8>)> = of_sdk.map(|(path, bytes)| (path.to_owned(), bytes.to_vec())).collect();
    files.push((format!("{INFO}/METADATA"), METADATA.as_bytes().to_vec()));
    files.push((format!("{INFO}/WHEEL"), WHEEL.as_bytes().to_vec()));
    let mut record = String::new();
    for (path, bytes) in &files {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
        let _ = writeln!(record, "{path},sha256={digest},{}", bytes.len());
    }
    let _ = writeln!(record, "{INFO}/RECORD,,");
    files.push((format!("{INFO}/RECORD"), record.into_bytes()));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).unix_permissions(0o644);
    for (path, bytes) in files {
        zip.start_file(path, options)?;
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wheel_holds_the_package_and_what_pip_wants_to_know() {
        let bytes = wheel().unwrap();
        let archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        for name in ["heptad_sdk/__init__.py", "heptad_sdk/money.py", "heptad_sdk-0.1.0.dist-info/RECORD"] {
            assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
        }
    }
}
