//! `heptad:platform/settings`: what the merchant set for this plugin.

use heptad_bindings::host::heptad::platform::settings::Host;

use crate::call::Call;

impl Host for Call {
    async fn get(&mut self) -> wasmtime::Result<String> {
        self.pass()?;
        self.hand_in(self.installed.settings.len())?;
        Ok(self.installed.settings.to_string())
    }
}
