//! `heptad:members/tags` and `tags-write`: members' tags.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::members::tags::{Host, TagSet};
use heptad_bindings::host::heptad::members::tags_write::{self, TagChange};
use heptad_capabilities::members;
use heptad_model::Permission;

use super::{CUSTOMERS, customers_within};
use crate::call::{Call, bounded};

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

impl tags_write::Host for Call {
    async fn change(&mut self, changes: Vec<TagChange>) -> Result<(), Failure> {
        let write = async |mut tx| {
            bounded(&changes, CUSTOMERS, "customers")?;
            let change = |TagChange { customer, add, remove }: &TagChange| members::TagChange {
                customer: customer.clone(),
                add: add.clone(),
                remove: remove.clone(),
            };
            let given: Vec<members::TagChange> = changes.iter().map(change).collect();
            Ok(members::tags_change(&mut tx, &given).await?)
        };
        self.write(Permission::MembersTagsWrite, "heptad:members/tags-write#change", &changes, write).await
    }
}
