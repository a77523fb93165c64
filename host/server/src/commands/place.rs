//! Where a role is held, as the command line says it.

use heptad_model::Origin;
use heptad_platform::Scope;
use heptad_platform::publisher::publisher_by_slug;
use heptad_store::{PlatformTx, Store};

use crate::base::{self, platform};
use crate::error::Result;

/// Where a role is held.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The shop, for the roles owner, staff, shop and customer
    #[arg(long, value_name = "SLUG", conflicts_with = "publisher")]
    tenant: Option<String>,
    /// The maker of plugins, for the role publisher
    #[arg(long, value_name = "SLUG")]
    publisher: Option<String>,
}

/// The scope of that place.
pub(super) async fn scope(store: &Store, origin: &Origin, place: &Place) -> Result<Scope> {
    match (&place.tenant, &place.publisher) {
        (Some(slug), _) => Ok(Scope::Tenant(base::tenant(store, origin, slug).await?.tenant.id)),
        (_, Some(slug)) => {
            let read = async |mut tx: PlatformTx| publisher_by_slug(&mut tx, slug).await;
            Ok(Scope::Publisher(store.platform_read(origin, read).await.map_err(platform)?.id))
        }
        (None, None) => Ok(Scope::Platform),
    }
}
