//! Packing: the manifest goes into the component, the component's code stays as it is.

use heptad_model::Manifest;
use wasm_encoder::{ComponentSection as _, CustomSection};

use super::{MANIFEST_SECTION, PackageError, inspect};

/// The component with its manifest behind it, checked the way an upload is.
pub fn pack(component: &[u8], manifest: &Manifest) -> Result<Vec<u8>, PackageError> {
    let packed = [component, &section(manifest)].concat();
    inspect(&packed)?;
    Ok(packed)
}

/// The same component with a changed manifest; `no-manifest` where [`pack`] did not put the one that is there.
pub fn repack(packed: &[u8], change: impl FnOnce(&mut Manifest)) -> Result<Vec<u8>, PackageError> {
    let mut manifest = inspect(packed)?.manifest;
    let component = packed.strip_suffix(section(&manifest).as_slice()).ok_or(PackageError::NoManifest)?;
    change(&mut manifest);
    pack(component, &manifest)
}

fn section(manifest: &Manifest) -> Vec<u8> {
    let (json, mut section) = (manifest.to_json(), Vec::new());
    CustomSection { name: MANIFEST_SECTION.into(), data: json.as_bytes().into() }.append_to_component(&mut section);
    section
}
