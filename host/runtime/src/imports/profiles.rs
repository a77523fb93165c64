//! `heptad:members/profiles`: who a shop's customers are.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::members::profiles::{Host, Membership, Profile, TagSet};
use heptad_capabilities::members;
use heptad_model::Permission;

use crate::call::{Call, HostError, bounded};

/// The most customers of a call.
const CUSTOMERS: usize = 200;

fn within(customers: &[String]) -> Result<(), HostError> {
    bounded(customers, CUSTOMERS, "customers")
}

impl Host for Call {
    async fn get(&mut self, customers: Vec<String>) -> Result<Vec<Profile>, Failure> {
        let read = async |mut tx| {
            within(&customers)?;
            Ok(members::profiles(&mut tx, &customers).await?)
        };
        let found = self.read(Permission::MembersProfileRead, read).await?;
        let profile = |one: members::Profile| Profile { id: one.id, name: one.name, since: one.since.as_millis() };
        Ok(found.into_iter().map(profile).collect())
    }

    async fn tiers(&mut self, customers: Vec<String>) -> Result<Vec<Membership>, Failure> {
        let read = async |mut tx| {
            within(&customers)?;
            Ok(members::tiers(&mut tx, &customers).await?)
        };
        let found = self.read(Permission::MembersTierRead, read).await?;
        Ok(found.into_iter().map(|one| Membership { customer: one.customer, tier: one.tier }).collect())
    }

    async fn tags(&mut self, customers: Vec<String>) -> Result<Vec<TagSet>, Failure> {
        let read = async |mut tx| {
            within(&customers)?;
            Ok(members::tags(&mut tx, &customers).await?)
        };
        let found = self.read(Permission::MembersTagsRead, read).await?;
        Ok(found.into_iter().map(|one| TagSet { customer: one.customer, tags: one.tags }).collect())
    }
}
