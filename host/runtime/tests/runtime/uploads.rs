//! What is not a plugin is refused with its own word, and nothing of it is stored.

use heptad_model::Manifest;
use heptad_runtime::package::{inspect, pack};

use crate::support::{Host, guest};

/// The component of a packed guest without its manifest: the manifest is the last section.
fn unpacked(name: &str) -> (Vec<u8>, Manifest) {
    let packed = guest(name);
    let inspected = inspect(&packed).unwrap();
    let marker = b"heptad:manifest";
    let at = packed.windows(marker.len()).rposition(|window| window == marker).unwrap();
    // Before the name stand its length (1 byte), the section's length (LEB128) and its id (0).
    let start = (1..=7).map(|back| at - back).find(|start| {
        packed[*start] == 0 && pack(&packed[..*start], &inspected.manifest).is_ok_and(|again| again == packed)
    });
    (packed[..start.unwrap()].to_vec(), inspected.manifest)
}

fn with(manifest: &Manifest, change: impl FnOnce(&mut Manifest)) -> Manifest {
    let mut manifest = manifest.clone();
    change(&mut manifest);
    manifest
}

/// Packs without checking, as a foe would.
fn forge(component: &[u8], manifest: &str) -> Vec<u8> {
    use wasm_encoder::ComponentSection as _;
    let mut bytes = component.to_vec();
    wasm_encoder::CustomSection { name: "heptad:manifest".into(), data: manifest.as_bytes().into() }
        .append_to_component(&mut bytes);
    bytes
}

#[tokio::test]
async fn each_wrong_file_is_refused_by_its_own_word() {
    let host = Host::start().await;
    let (component, manifest) = unpacked("purchase-limits");
    let json = manifest.to_json();
    let packed = guest("purchase-limits");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("not-wasm", b"PK\x03\x04 a zip".to_vec()),
        ("not-wasm", Vec::new()),
        ("not-wasm", b"(component)".to_vec()),
        ("core-module", b"\0asm\x01\0\0\0".to_vec()),
        ("precompiled", b"\x7fELF\x02\x01\x01".to_vec()),
        ("malformed-component", packed[..packed.len() / 2].to_vec()),
        ("malformed-component", b"\0asm\x0d\0\x09\0".to_vec()),
        ("no-manifest", component.clone()),
        ("many-manifests", forge(&packed, &json)),
        ("invalid-manifest", forge(&component, "{")),
        ("contract-version", forge(&component, &json.replace("\"contract\":\"0.1\"", "\"contract\":\"0.2\""))),
        (
            "permission-not-asked",
            forge(&component, &with(&manifest, |manifest| manifest.permissions.clear()).to_json()),
        ),
        ("point-not-exported", forge(&component, &json.replace("cart.validate-complete", "discount.lines"))),
        ("unknown-import", forge(&stranger("evil:pkg/fs@0.1.0", "read"), &json)),
        ("unknown-import", forge(&stranger("heptad:mall/catalog@0.1.0", "steal"), &json)),
        ("contract-version", forge(&stranger("heptad:mall/catalog@0.2.0", "skus"), &json)),
        ("upload-too-large", vec![0; (32 << 20) + 1]),
    ];
    for (word, bytes) in cases {
        let error = host.admit(bytes).await.err().unwrap_or_else(|| panic!("{word} was admitted"));
        assert_eq!(error.code(), word, "{error}");
    }
    let stored = std::fs::read_dir(&host.components).unwrap().count();
    assert_eq!(stored, 0, "nothing is stored");
}

/// A component that imports one function and does nothing.
fn stranger(interface: &str, function: &str) -> Vec<u8> {
    use wasm_encoder::{Component, ComponentImportSection, ComponentTypeRef, ComponentTypeSection, InstanceType};
    let mut instance = InstanceType::new();
    instance.ty().function().params::<[(&str, wasm_encoder::ComponentValType); 0], _>([]).result(None);
    instance.export(function, ComponentTypeRef::Func(0));
    let (mut types, mut imports, mut component) =
        (ComponentTypeSection::new(), ComponentImportSection::new(), Component::new());
    types.instance(&instance);
    imports.import(interface, ComponentTypeRef::Instance(0));
    component.section(&types).section(&imports);
    component.finish()
}

#[tokio::test]
async fn a_refusal_quotes_no_more_of_a_file_than_fits_a_sentence() {
    let (_, manifest) = unpacked("purchase-limits");
    let host = Host::start().await;
    let long = format!("evil:pkg/{}", "a".repeat(20_000));
    for interface in [format!("{long}@0.1.0"), format!("heptad:mall/{}@0.2.0", "a".repeat(20_000))] {
        let error = host.admit(forge(&stranger(&interface, "read"), &manifest.to_json())).await.unwrap_err();
        assert!(matches!(error.code(), "unknown-import" | "contract-version"), "{error}");
        assert!(error.to_string().len() < 500, "{error}");
    }
}

#[tokio::test]
async fn the_same_bytes_again_are_stored_once() {
    let host = Host::start().await;
    let inspected = host.admit(guest("hello-discount")).await.unwrap();
    let again = host.admit(guest("hello-discount")).await.unwrap();
    assert_eq!(inspected.digest, again.digest);
    assert_eq!(std::fs::read_dir(&host.components).unwrap().count(), 1);
}

#[test]
fn packing_leaves_the_component_as_it_is() {
    let (component, manifest) = unpacked("hello-discount");
    let packed = pack(&component, &manifest).unwrap();
    assert!(packed.starts_with(&component));
    assert_eq!(inspect(&packed).unwrap().manifest, manifest);
}
