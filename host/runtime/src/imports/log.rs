//! `heptad:platform/log`: the plugin's own log.

use heptad_bindings::host::heptad::platform::log::{Host, Level};

use crate::call::Call;

impl Host for Call {
    async fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.pass()?;
        self.hand_out(message.len())?;
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        self.log(format!("{level}: {message}"));
        Ok(())
    }
}
