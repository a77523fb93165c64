//! Reading an upload: header, sections, manifest, imports and exports. Everything here is hostile until it is through.

use heptad_model::signing::{PublicKey, key_name};
use heptad_model::{Manifest, Point};
use heptad_platform::catalog::VersionIn;
use wasmparser::{CanonicalFunction, CanonicalOption, Parser, Payload, Validator, WasmFeatures};

use super::imports::check_imports;
use super::shape::Shape;
use super::signature::{self, Opened};
use super::{MANIFEST_SECTION, PackageError, quoted};
use crate::limits::UPLOAD_BYTES;

const WASM: &[u8] = b"\0asm";
const CORE_VERSION: &[u8] = &[1, 0, 0, 0];
const COMPONENT_VERSION: &[u8] = &[0x0d, 0, 1, 0];
const ELF: &[u8] = b"\x7fELF";

/// What a packed component says, and what it is.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// The manifest.
    pub manifest: Manifest,
    /// The SHA-256 of the file without its signature, in hexadecimal.
    pub digest: String,
    /// The key that has signed it; its name is [`heptad_model::signing::key_name`].
    pub signed_by: Option<PublicKey>,
    /// Bytes.
    pub size: usize,
    /// The functions that it imports, as `package/interface#function`, WASI left out.
    pub imports: Vec<String>,
}

impl From<Inspected> for VersionIn {
    fn from(inspected: Inspected) -> Self {
        let Inspected { manifest, digest, signed_by, size, imports } = inspected;
        let signed_by = signed_by.map(|key| key_name(&key));
        Self { manifest, digest, signed_by, size: size as u64, imports }
    }
}

/// A packed component that was read and checked, with its bytes.
#[derive(Debug, Clone)]
pub struct Package {
    /// What it says, and what it is.
    pub inspected: Inspected,
    pub(crate) bytes: Vec<u8>,
}

impl Package {
    /// Reads and checks the bytes; compiles nothing. Large ones take a while: not for a thread that serves others.
    pub fn open(bytes: Vec<u8>) -> Result<Self, PackageError> {
        Ok(Self { inspected: inspect(&bytes)?, bytes })
    }
}

/// Reads and checks a packed component; compiles nothing.
pub fn inspect(bytes: &[u8]) -> Result<Inspected, PackageError> {
    if bytes.len() > UPLOAD_BYTES {
        return Err(PackageError::TooLarge(bytes.len()));
    }
    check_header(bytes)?;
    let Opened { payload, digest, signed_by } = signature::open(bytes)?;
    let shape = Shape::of(payload)?;
    shape.check()?;
    let sections = read_sections(payload)?;
    let manifest = match sections.manifests.as_slice() {
        [manifest] => Manifest::from_json(manifest)?,
        [] => return Err(PackageError::NoManifest),
        many => return Err(PackageError::ManyManifests(many.len())),
    };
    shape.check_memory(&manifest)?;
    let types = Validator::new_with_features(WasmFeatures::default()).validate_all(payload).map_err(malformed)?;
    let imports = check_imports(&sections.imports, types.as_ref(), &manifest)?;
    check_exports(&sections.exports, &manifest)?;
    Ok(Inspected { manifest, digest, signed_by, size: bytes.len(), imports })
}

pub(super) fn malformed(error: wasmparser::BinaryReaderError) -> PackageError {
    PackageError::Malformed { offset: error.offset(), reason: quoted(error.message()) }
}

fn check_header(bytes: &[u8]) -> Result<(), PackageError> {
    match bytes {
        _ if bytes.starts_with(ELF) => Err(PackageError::Precompiled),
        _ if !bytes.starts_with(WASM) => Err(PackageError::NotWasm),
        _ if bytes[WASM.len()..].starts_with(CORE_VERSION) => Err(PackageError::CoreModule),
        _ if bytes[WASM.len()..].starts_with(COMPONENT_VERSION) => Ok(()),
        _ => Err(PackageError::Malformed { offset: WASM.len(), reason: "unknown binary version".to_owned() }),
    }
}

#[derive(Default)]
struct Sections<'a> {
    manifests: Vec<&'a [u8]>,
    imports: Vec<&'a str>,
    exports: Vec<&'a str>,
}

/// Collects what stands at the component's own level; nested modules and components are passed over.
fn read_sections(bytes: &[u8]) -> Result<Sections<'_>, PackageError> {
    let mut sections = Sections::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(malformed)?;
        let is_manifest = matches!(&payload, Payload::CustomSection(section) if section.name() == MANIFEST_SECTION);
        if depth == 0 && !sections.manifests.is_empty() && !is_manifest && !matches!(payload, Payload::End(_)) {
            return Err(PackageError::BehindManifest);
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    check_canonical(&function.map_err(malformed)?)?;
                }
            }
            Payload::CustomSection(section) if depth == 0 && section.name() == MANIFEST_SECTION => {
                sections.manifests.push(section.data());
            }
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    sections.imports.push(import.map_err(malformed)?.name.name);
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    sections.exports.push(export.map_err(malformed)?.name.name);
                }
            }
            _ => {}
        }
    }
    Ok(sections)
}

/// Lifting and lowering, resource handles and nothing else: the other canonical functions belong to the async ABI.
fn check_canonical(function: &CanonicalFunction) -> Result<(), PackageError> {
    match function {
        CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => {
            let asynchronous =
                |option: &CanonicalOption| matches!(option, CanonicalOption::Async | CanonicalOption::Callback(_));
            if options.iter().any(asynchronous) { Err(PackageError::Wasi03) } else { Ok(()) }
        }
        CanonicalFunction::ResourceNew { .. }
        | CanonicalFunction::ResourceDrop { .. }
        | CanonicalFunction::ResourceRep { .. } => Ok(()),
        _ => Err(PackageError::Wasi03),
    }
}

fn check_exports(exports: &[&str], manifest: &Manifest) -> Result<(), PackageError> {
    for point in &manifest.points {
        let row = point.row();
        if !exports.iter().any(|export| point.is_served_by(export)) {
            return Err(PackageError::PointNotExported { point: row.name, interface: row.interface });
        }
    }
    for export in exports {
        let known = Point::ALL.iter().any(|point| point.is_served_by(export));
        if !known && export.starts_with("heptad:") {
            return Err(PackageError::ContractVersion(quoted(export)));
        }
        // What else toolchains export of WASI is never called.
        if known && !manifest.points.iter().any(|point| point.is_served_by(export)) {
            return Err(PackageError::ExportNotListed(quoted(export)));
        }
    }
    Ok(())
}
