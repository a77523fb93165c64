//! The settings that the merchant made, as a type of the plugin's.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::Host;

/// The settings do not fit the type.
///
/// The host checks settings by the manifest's schema before a plugin sees them, so this is a fault of the plugin: its
/// `plugin.toml` and its type disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// What does not fit, and where, in English.
    pub problem: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings cannot be read: {}", self.problem)
    }
}

impl std::error::Error for SettingsError {}

/// Reads the settings into a type, defaults of the manifest filled in.
///
/// A plugin that never calls it carries no JSON parser.
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     percent: u32,
/// }
///
/// let shop = heptad_sdk::fake::Shop::new("CNY").settings(&serde_json::json!({ "percent": 10 }));
/// let settings: Settings = heptad_sdk::settings(&shop)?;
/// assert_eq!(settings.percent, 10);
/// # Ok::<(), heptad_sdk::SettingsError>(())
/// ```
pub fn settings<T: DeserializeOwned>(host: &impl Host) -> Result<T, SettingsError> {
    serde_json::from_str(&host.settings()).map_err(|error| SettingsError { problem: error.to_string() })
}
