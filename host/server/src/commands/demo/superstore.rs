//! The demo's second shop: Superstore, in US dollars, from a file of order lines.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use heptad_capabilities::import::{ImportReport, OrderMap, import_orders};
use heptad_model::{Currency, Locale, Origin};
use heptad_platform::tenant::{TenantIn, TenantRecord, tenant_create};
use heptad_store::{PlatformTx, Store};

use crate::base::{bound, platform};
use crate::error::{Explain as _, Kind, Result};

/// The shop.
pub(super) struct Superstore {
    pub(super) record: TenantRecord,
    pub(super) report: ImportReport,
}

/// Makes the shop and loads its orders.
pub(super) async fn fill(store: &Store, origin: &Origin, orders: &Path, map: &Path) -> Result<Superstore> {
    let hint = || "`--orders FILE --map FILE` name a file of orders and its map".to_owned();
    let text = std::fs::read_to_string(map);
    let text = text.during(|| format!("cannot read {}", map.display())).kind(Kind::Input).or_hint(hint)?;
    let map = OrderMap::from_toml(&text).kind(Kind::Input)?;
    let file =
        File::open(orders).during(|| format!("cannot read {}", orders.display())).kind(Kind::Input).or_hint(hint)?;
    let input = TenantIn {
        slug: "superstore".to_owned(),
        name: "Superstore".to_owned(),
        currency: Currency::parse("USD")?,
        time_zone: "America/New_York".to_owned(),
        locale: Locale::En,
    };
    let create = async |mut tx: PlatformTx| tenant_create(&mut tx, &input).await;
    let record = store.platform_write(origin, create).await.map_err(platform)?;
    let ctx = bound(origin.clone(), &record);
    let report = import_orders(store, &ctx, &map, BufReader::new(file), |_| {}).await.kind(Kind::Input)?;
    Ok(Superstore { record, report })
}
