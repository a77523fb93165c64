//! `heptad:members/tags`: members' tags.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::members::tags::{Host, TagSet};
use heptad_capabilities::members;
use heptad_model::Permission;

use super::customers_within;
use crate::call::Call;

impl Host for Call {
    async fn get(&mut self, customers: Vec<String>) -> Result<Vec<TagSet>, Failure> {
        let read = async |mut tx| {
            customers_within(&customers)?;
            let found = members::tags(&mut tx, &customers).await?;
            Ok(found.into_iter().map(|one| TagSet { customer: one.customer, tags: one.tags }).collect())
        };
        self.read(Permission::MembersTagsRead, "heptad:members/tags#get", &customers, read).await
    }
}
