//! `heptad:members/tiers`: members' tiers.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::members::tiers::{Host, Membership};
use heptad_capabilities::members;
use heptad_model::Permission;

use super::customers_within;
use crate::call::Call;

impl Host for Call {
    async fn get(&mut self, customers: Vec<String>) -> Result<Vec<Membership>, Failure> {
        let read = async |mut tx| {
            customers_within(&customers)?;
            let found = members::tiers(&mut tx, &customers).await?;
            Ok(found.into_iter().map(|one| Membership { customer: one.customer, tier: one.tier }).collect())
        };
        self.read(Permission::MembersTierRead, "heptad:members/tiers#get", &customers, read).await
    }
}
