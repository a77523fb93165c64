//! Makes plugins of the programs in `tests/hostile`.

use std::path::{Path, PathBuf};

use heptad_model::Manifest;
use heptad_runtime::package::MANIFEST_SECTION;
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What a program needs besides its attack, unless it brings its own: memory, an allocator, and the exported function,
/// which attacks only for a cart with lines. So every program is a good plugin for an empty cart. `$answer` gives the
/// address of an answer; a program with only an `$attack` answers with no operations, from zeroed memory. The cart's
/// customer lies at address 8, as a text.
const ALLOCATOR: &str = r#"(func $allocate (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
  (global.set $heap (i32.add (local.get $at) (local.get 3)))
  (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
    (then (drop (memory.grow (i32.const 16)))))
  (local.get $at))"#;
const ANSWER: &str = "(func $answer (result i32) (call $attack) (i32.const 16))";
const EXPORT: &str = r#"(global $heap (mut i32) (i32.const 32768))
(func (export "heptad:points/discount@0.1.0#discounts")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
  (if (i32.eqz (local.get 11)) (then (return (i32.const 16))))
  (i32.store (i32.const 8) (local.get 7))
  (i32.store (i32.const 12) (local.get 8))
  (call $answer))"#;

/// The repository's top folder; this file is part of the runtime's tests and of the fuzz targets.
fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|folder| folder.join("wit/points").is_dir()).expect("the package is in the repository")
}

/// The folder of the programs.
pub(crate) fn folder() -> PathBuf {
    root().join("host/runtime/tests/hostile")
}

/// The text of a program.
pub(crate) fn text(name: &str) -> String {
    let path = folder().join(format!("{name}.wat"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The component of a program.
pub(crate) fn component(name: &str) -> Vec<u8> {
    let text = text(name);
    let mut module = format!("(module {text}\n{EXPORT}\n");
    for (has, part) in
        [("(func $answer", ANSWER), ("\"memory\"", "(memory (export \"memory\") 2)"), ("\"cabi_realloc\"", ALLOCATOR)]
    {
        if !text.contains(has) {
            module.push_str(part);
        }
    }
    module.push(')');
    let module = wat::parse_str(&module).unwrap_or_else(|error| panic!("{name}: {error}"));
    encode(module).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Makes a component of a core module, for the world of the hostile programs.
pub(crate) fn encode(mut module: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut resolve = Resolve::default();
    for package in ["types", "mall", "members", "platform", "points"] {
        resolve.push_path(root().join("wit").join(package)).unwrap();
    }
    let (package, _) = resolve.push_path(folder().join("wit")).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let encoded = ComponentEncoder::default().module(&module).and_then(|encoder| encoder.validate(false).encode());
    encoded.map_err(|error| format!("{error:#}"))
}

/// The manifest of a program that asks for so much memory.
pub(crate) fn manifest(name: &str, memory_mib: u32) -> Manifest {
    let purpose = json!({"zh-CN": "攻击", "en": "An attack"});
    let wish = |name: &str| json!({"name": name, "purpose": purpose});
    let words = json!({"name": name, "summary": name, "messages": {}});
    let manifest = json!({
        "name": name,
        "version": "1.0.0",
        "publisher": "heptad",
        "contract": "0.1",
        "license": "Apache-2.0",
        "points": ["discount.order"],
        "memory_mib": memory_mib,
        "permissions": [
            wish("mall.catalog.read"),
            wish("mall.orders.read"),
            wish("members.profile.read"),
            wish("platform.kv.read"),
            wish("platform.kv.write"),
        ],
        "locales": {"zh-CN": words, "en": words},
    });
    Manifest::from_json(manifest.to_string().as_bytes()).unwrap()
}

/// A component with sections of such names and contents behind it. Nothing is checked: a foe packs like this.
pub(crate) fn with_sections(component: &[u8], sections: &[(&str, &[u8])]) -> Vec<u8> {
    use wasm_encoder::ComponentSection as _;
    let mut bytes = component.to_vec();
    for (name, data) in sections {
        wasm_encoder::CustomSection { name: (*name).into(), data: (*data).into() }.append_to_component(&mut bytes);
    }
    bytes
}

/// A program as a packed plugin.
pub(crate) fn packed(name: &str, memory_mib: u32) -> Vec<u8> {
    with_sections(&component(name), &[(MANIFEST_SECTION, manifest(name, memory_mib).to_json().as_bytes())])
}
