//! The rules of names that people choose.

use heptad_model::manifest::is_slug;

use crate::PlatformError;

/// The most bytes of a name that people read.
pub const MAX_NAME: usize = 120;

/// A short name in addresses and manifests.
pub(crate) fn slug_check(field: &'static str, text: &str) -> Result<(), PlatformError> {
    match is_slug(text) {
        true => Ok(()),
        false => {
            Err(PlatformError::field(field, "2 to 64 lower-case letters, digits and hyphens, beginning with a letter"))
        }
    }
}

/// A name that people read, without surrounding blanks: 1 to 120 bytes, no control characters.
pub(crate) fn name_check(field: &'static str, text: &str) -> Result<String, PlatformError> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_NAME || text.chars().any(char::is_control) {
        return Err(PlatformError::field(field, format!("1 to {MAX_NAME} bytes without control characters")));
    }
    Ok(text.to_owned())
}
