//! `heptad:platform/caller`: who sent the HTTP request that is being answered.

use heptad_bindings::host::heptad::platform::caller::{Host, Visitor as WitVisitor};

use crate::call::Call;

impl Host for Call {
    async fn get(&mut self) -> wasmtime::Result<Option<WitVisitor>> {
        self.pass()?;
        Ok(self.visitor.as_ref().map(|visitor| WitVisitor {
            route: visitor.route.clone(),
            audience: visitor.audience.name().to_owned(),
            role: visitor.role.to_owned(),
            user: visitor.user.clone(),
            locale: self.ctx.locale.tag().to_owned(),
        }))
    }
}
