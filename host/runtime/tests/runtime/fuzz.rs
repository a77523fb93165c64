//! What the targets in `fuzz/` run, and the same here with seeds and bounds. Each function takes any bytes; what it
//! holds true is asserted.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use heptad_model::Manifest;
use heptad_runtime::components::digest;
use heptad_runtime::package::{MANIFEST_SECTION, inspect};
use wasm_smith::{Component, Config, Module};

use crate::hostile::program::{encode, manifest, packed, with_sections};
use crate::hostile::{Scene, profile};
use crate::support::cart;

/// What random plugins may import: functions that read, log and take handles.
const IMPORTS: &str = r#"(module
  (import "heptad:platform/log@0.1.0" "write" (func (param i32 i32 i32)))
  (import "heptad:platform/settings@0.1.0" "get" (func (param i32)))
  (import "heptad:platform/kv@0.1.0" "get" (func (param i32 i32 i32)))
  (import "heptad:mall/catalog@0.1.0" "sku-list" (func (param i32 i32 i32 i32 i32)))
  (import "wasi:cli/stdout@0.2.6" "get-stdout" (func (result i32)))
  (import "wasi:io/streams@0.2.6" "[resource-drop]output-stream" (func (param i32))))"#;
/// What they export.
const EXPORTS: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "heptad:points/discount@0.1.0#discounts")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32) unreachable))"#;

/// The plugin whose mutations are inspected: small, so that an edit meets something.
static PLUGIN: LazyLock<Vec<u8>> = LazyLock::new(|| packed("answer-unknown-line", 16));

/// Reads the bytes as a manifest, packed and written. What is read survives packing.
pub(crate) fn manifests(data: &[u8]) {
    let read = [
        Manifest::from_json(data),
        std::str::from_utf8(data).map_or_else(|_| Manifest::from_json(data), Manifest::from_toml),
    ];
    for manifest in read.into_iter().flatten() {
        assert_eq!(Manifest::from_json(manifest.to_json().as_bytes()).as_ref(), Ok(&manifest));
    }
}

/// Edits a good plugin as the bytes say, five for each edit, and inspects what comes out.
pub(crate) fn mutations(data: &[u8]) {
    let mut bytes = PLUGIN.clone();
    for edit in data.as_chunks::<5>().0.iter().take(64) {
        let [a, b, c, d, what] = *edit;
        let at = u32::from_le_bytes([a, b, c, d]) as usize % bytes.len();
        match what {
            0 => bytes.truncate(at + 1),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, 0xff),
            3 => bytes.extend_from_within(at..),
            _ => bytes[at] ^= what,
        }
    }
    inspected(&bytes);
}

/// Inspects a random component that says it is a plugin. It never is one, for it lacks the point's interface.
pub(crate) fn components(data: &[u8]) {
    let Ok(component) = Component::new(config(), &mut Unstructured::new(data)) else { return };
    let manifest = manifest("random", 16).to_json();
    let packed = with_sections(&component.to_bytes(), &[(MANIFEST_SECTION, manifest.as_bytes())]);
    assert!(!inspected(&packed), "a random component is taken for a plugin");
}

/// Publishes, installs and asks a random plugin; another merchant's plugin answers as ever. Whether it was asked.
pub(crate) async fn calls(data: &[u8], scene: &Scene) -> bool {
    let config = Config {
        available_imports: Some(wat::parse_str(IMPORTS).unwrap()),
        exports: Some(wat::parse_str(EXPORTS).unwrap()),
        ..config()
    };
    let Ok(module) = Module::new(config, &mut Unstructured::new(data)) else { return false };
    let Ok(component) = encode(module.to_bytes()) else { return false };
    let name = format!("random-{}", &digest(&component)[..24]);
    let manifest = manifest(&name, 16).to_json();
    let packed = with_sections(&component, &[(MANIFEST_SECTION, manifest.as_bytes())]);
    let victim = scene.victim(&name, packed).await;
    if let Ok(victim) = &victim {
        scene.attack(victim, &cart("CNY", &[(19_900, 19_900)])).await;
    }
    scene.honest_answer_is_right().await;
    victim.is_ok()
}

/// The scene of [`calls`].
pub(crate) async fn scene() -> Scene {
    Scene::start(profile(false)).await
}

/// What the engine has switched on; the rest is refused at once and would teach nothing.
fn config() -> Config {
    Config {
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        threads_enabled: false,
        max_memory32_bytes: 1 << 20,
        max_table_elements: 1_000,
        ..Config::default()
    }
}

/// Inspects the bytes; what passes is what it says, what does not has a word and a sentence. Whether it passes.
fn inspected(bytes: &[u8]) -> bool {
    match inspect(bytes) {
        Ok(inspected) => {
            assert_eq!(inspected.size, bytes.len());
            assert_eq!(inspected.digest, digest(bytes));
            assert!(!inspected.manifest.points.is_empty());
            true
        }
        Err(error) => {
            assert!(!error.code().is_empty() && !error.to_string().is_empty());
            false
        }
    }
}

/// So many random bytes of a seed (SplitMix64).
fn random(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)).to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(bytes).collect()
}

#[test]
fn mutated_manifests_are_read_or_refused() {
    let good = manifest("random", 16).to_json().into_bytes();
    manifests(&good);
    for seed in 0..2_000 {
        let mut bytes = good.clone();
        for edit in random(seed, 12).as_chunks::<3>().0 {
            let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len();
            bytes[at] = edit[2];
        }
        manifests(&bytes);
        manifests(&random(seed, 64));
    }
}

#[test]
fn mutated_components_are_inspected_or_refused() {
    assert!(inspected(&PLUGIN), "the plugin that is mutated is good");
    for seed in 0..2_000 {
        mutations(&random(seed, 5 * (1 + seed as usize % 8)));
    }
}

#[test]
fn random_components_are_refused() {
    for seed in 0..200 {
        components(&random(seed, 4_096));
    }
}

#[tokio::test]
async fn random_plugins_harm_nobody() {
    let scene = scene().await;
    let mut asked = 0;
    for seed in 0..24 {
        asked += usize::from(calls(&random(seed, 4_096), &scene).await);
    }
    assert!(asked > 0, "at least one of the random plugins is asked");
}
