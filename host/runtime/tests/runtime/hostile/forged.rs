//! Programs that name what belongs to another shop: they find nothing, and in the shop itself they find it.

use heptad_capabilities::members::{CustomerIn, customer_create};
use heptad_platform::kv::{KvEntry, kv_set};

use super::program::packed;
use super::{Scene, granted, profile, told};
use crate::support::cart;

/// The names of the programs here.
pub(super) const PROGRAMS: &[&str] = &["forged-member", "forged-purchases", "forged-key"];

#[tokio::test]
async fn what_belongs_to_another_shop_is_not_found() {
    let scene = Scene::start(profile(false)).await;
    let (owner, thief) = (scene.host.tenant("owner", "CNY").await, scene.host.tenant("thief", "CNY").await);
    let member = CustomerIn { name: Some("Li".to_owned()), ..CustomerIn::default() };
    let member =
        scene.host.store.write(&owner, async |mut tx| customer_create(&mut tx, member.clone()).await).await.unwrap();
    let mut cart = cart("CNY", &[(19_900, 19_900)]);
    cart.customer = Some(member.id.to_string());
    for name in PROGRAMS {
        scene.host.publish_packed(packed(name, 16)).await.unwrap();
        for (shop, expected) in [(&owner, "trap"), (&thief, "answered")] {
            let install = scene.host.install(shop, name, granted(), None).await;
            if shop.tenant().id == owner.tenant().id {
                let secret = [KvEntry { key: "secret".to_owned(), value: b"secret".to_vec() }];
                let write = async |mut tx| kv_set(&mut tx, install, &secret).await;
                scene.host.store.write(shop, write).await.unwrap();
            }
            let answer = scene.attack(shop, &cart).await;
            let (code, message) = told(&answer.trace.outcome);
            assert_eq!(code, expected, "{name} in {}: {message}", shop.tenant().id);
            let disable = async |mut tx| heptad_platform::install::install_disable(&mut tx, install).await;
            scene.host.store.write(shop, disable).await.unwrap();
            scene.host.runtime.refresh().await;
        }
    }
}
