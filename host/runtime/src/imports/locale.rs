//! `heptad:platform/locale`: the languages of the reader and of the shop.

use heptad_bindings::host::heptad::platform::locale::Host;

use crate::call::Call;

impl Host for Call {
    async fn reader(&mut self) -> wasmtime::Result<String> {
        self.pass()?;
        Ok(self.ctx.locale.tag().to_owned())
    }

    async fn shop(&mut self) -> wasmtime::Result<String> {
        self.pass()?;
        Ok(self.ctx.tenant().locale.tag().to_owned())
    }
}
