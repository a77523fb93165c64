//! `heptad:mall/catalog`: products and SKUs.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::mall::catalog::{Host, Sku, SkuPage};
use heptad_bindings::host::heptad::types::types::PageRequest as WitPage;
use heptad_capabilities::mall::catalog::{self, sku_get_many, sku_list};
use heptad_model::{PageRequest, Permission};

use crate::call::{Call, HostError};

fn sku(sku: catalog::Sku) -> Sku {
    Sku { code: sku.code, product: sku.product.to_string(), name: sku.name, price: sku.price.get(), tags: sku.tags }
}

impl Host for Call {
    async fn skus(&mut self, codes: Vec<String>) -> Result<Vec<Sku>, Failure> {
        let read = async |mut tx| Ok(sku_get_many(&mut tx, &codes).await?.into_iter().map(sku).collect());
        self.read(Permission::MallCatalogRead, "heptad:mall/catalog#skus", &codes, read).await
    }

    async fn sku_list(&mut self, page: WitPage) -> Result<SkuPage, Failure> {
        let read = async |mut tx| {
            let page = PageRequest::new(page.cursor.as_deref(), Some(page.limit)).map_err(HostError::from)?;
            let found = sku_list(&mut tx, &page).await?;
            Ok(SkuPage { items: found.items.into_iter().map(sku).collect(), next: found.next })
        };
        self.read(Permission::MallCatalogRead, "heptad:mall/catalog#sku-list", &page, read).await
    }
}
