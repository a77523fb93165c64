//! A plugin as one file: a component with its manifest in a custom section. Read and checked before anything compiles.

mod imports;
mod inspect;
mod pack;
mod shape;
pub mod signature;

pub use inspect::{Inspected, Package, inspect};
pub use pack::{pack, repack};

use heptad_model::Permission;
use heptad_model::manifest::{CONTRACT, ManifestError};

/// The name of the custom section that holds the manifest.
pub const MANIFEST_SECTION: &str = "heptad:manifest";

/// The most characters of a file's words in a refusal: names in a component may have 100,000 bytes.
const QUOTED: usize = 300;

/// What a refusal quotes of a file.
fn quoted(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}

/// Why a file is refused. Nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// More bytes than an upload may have.
    #[error("the file has {0} bytes, at most {limit} are allowed", limit = crate::limits::UPLOAD_BYTES)]
    TooLarge(usize),
    /// Not WebAssembly at all.
    #[error("the file is not WebAssembly: it does not begin with `\\0asm`")]
    NotWasm,
    /// A core module.
    #[error("the file is a core module: make a component of it, for Rust by the target wasm32-wasip2")]
    CoreModule,
    /// Compiled code.
    #[error("the file is compiled code: upload the component that it was made from")]
    Precompiled,
    /// Broken or cut off.
    #[error("the component is malformed at byte {offset}: {reason}")]
    Malformed {
        /// Where.
        offset: usize,
        /// What the validator says.
        reason: String,
    },
    /// More of something than a component may have, before the compiler is asked.
    #[error(
        "the component has {found} {what}, at most {most} are allowed: split the plugin, or optimise its build for size"
    )]
    TooComplex {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        most: u64,
    },
    /// Linear memories that together begin larger than the plugin's limit.
    #[error(
        "the memory of the component begins with {found} bytes, its manifest allows {most}: raise `memory_mib` (at most 64), or shrink stack and static data"
    )]
    MemoryTooLarge {
        /// Bytes.
        found: u64,
        /// Bytes.
        most: u64,
    },
    /// A table that begins larger than a table may be.
    #[error("a table of the component begins with {found} elements, at most {most} are allowed: split the plugin")]
    TableTooLarge {
        /// Elements.
        found: u64,
        /// Elements.
        most: u64,
    },
    /// No manifest.
    #[error("the component has no manifest: pack it by `heptad plugin pack FILE --manifest plugin.toml`")]
    NoManifest,
    /// More than one manifest.
    #[error("the component has {0} manifests, it must have one")]
    ManyManifests(usize),
    /// The manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The signature does not hold.
    #[error("the plugin's signature does not hold: {0}")]
    Signature(&'static str),
    /// Something that is no signature comes behind the manifest.
    #[error(
        "behind the plugin's manifest comes something that is no signature of it: pack, then sign, and change nothing after that"
    )]
    BehindManifest,
    /// An import that the host does not have.
    #[error("the component imports `{0}`, which this host does not know")]
    UnknownImport(String),
    /// An import or export of another version of the contract.
    #[error("the component uses `{0}`, this host serves contract {CONTRACT}: build it against that version")]
    ContractVersion(String),
    /// An import that the manifest does not ask for.
    #[error(
        "the component imports `{function}` but its manifest does not ask for `{permission}`: add [[permissions]] name = \"{permission}\""
    )]
    PermissionNotAsked {
        /// The function.
        function: String,
        /// The permission that opens it.
        permission: Permission,
    },
    /// A point in the manifest whose interface is not exported.
    #[error("the manifest lists the point `{point}` but the component does not export `{interface}`")]
    PointNotExported {
        /// The point.
        point: &'static str,
        /// Its interface.
        interface: &'static str,
    },
    /// An exported interface that serves no listed point.
    #[error("the component exports `{0}` but its manifest lists no point of that interface")]
    ExportNotListed(String),
    /// The async ABI of WASI 0.3.
    #[error(
        "the component uses the async ABI of WASI 0.3, which this host does not run: build it with synchronous lifting (for JavaScript: --sync)"
    )]
    Wasi03,
}

impl PackageError {
    /// The stable word for the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "upload-too-large",
            Self::NotWasm => "not-wasm",
            Self::CoreModule => "core-module",
            Self::Precompiled => "precompiled",
            Self::Malformed { .. } => "malformed-component",
            Self::TooComplex { .. } => "too-complex",
            Self::MemoryTooLarge { .. } => "memory-too-large",
            Self::TableTooLarge { .. } => "table-too-large",
            Self::NoManifest => "no-manifest",
            Self::ManyManifests(_) => "many-manifests",
            Self::Manifest(ManifestError::Contract { .. }) | Self::ContractVersion(_) => "contract-version",
            Self::Manifest(_) => "invalid-manifest",
            Self::Signature(_) => "signature-invalid",
            Self::BehindManifest => "behind-manifest",
            Self::UnknownImport(_) => "unknown-import",
            Self::PermissionNotAsked { .. } => "permission-not-asked",
            Self::PointNotExported { .. } => "point-not-exported",
            Self::ExportNotListed(_) => "export-not-listed",
            Self::Wasi03 => "wasi-0.3",
        }
    }
}
