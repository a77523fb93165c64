//! Packing: the manifest goes into the component, the component's code stays as it is.

use heptad_model::Manifest;
use wasm_encoder::{ComponentSection as _, CustomSection};

use super::{MANIFEST_SECTION, PackageError, inspect};

/// The component with its manifest behind it, checked the way an upload is.
pub fn pack(component: &[u8], manifest: &Manifest) -> Result<Vec<u8>, PackageError> {
    let mut packed = component.to_vec();
    let json = manifest.to_json();
    CustomSection { name: MANIFEST_SECTION.into(), data: json.as_bytes().into() }.append_to_component(&mut packed);
    inspect(&packed)?;
    Ok(packed)
}
