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
            let found = members::profiles(&mut tx, &customers).await?;
            Ok(found
                .into_iter()
                .map(|one| Profile { id: one.id, name: one.name, since: one.since.as_millis() })
                .collect())
        };
        self.read(Permission::MembersProfileRead, "heptad:members/profiles#get", &customers, read).await
    }
}
