//! `heptad:members/profiles`: who members are.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::members::profiles::{Host, Profile};
use heptad_capabilities::members;
use heptad_model::Permission;

use super::customers_within;
use crate::call::Call;

impl Host for Call {
    async fn get(&mut self, customers: Vec<String>) -> Result<Vec<Profile>, Failure> {
        let read = async |mut tx| {
            customers_within(&customers)?;
            Ok(members::profiles(&mut tx, &customers).await?)
        };
        let found = self.read(Permission::MembersProfileRead, read).await?;
        Ok(found.into_iter().map(|one| Profile { id: one.id, name: one.name, since: one.since.as_millis() }).collect())
    }
}
