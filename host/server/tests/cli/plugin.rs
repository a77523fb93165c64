//! `heptad plugin`.

use crate::support::{Heptad, guests, repository};

#[test]
fn a_packed_plugin_says_what_it_is() {
    let heptad = Heptad::new();
    let file = format!("{}/member-pricing.wasm", guests());
    let report = heptad.run(&["plugin", "inspect", &file, "--output", "json"]).json();
    assert_eq!(report["manifest"]["name"], "member-pricing");
    assert_eq!(report["digest"].as_str().unwrap().len(), 64);
    let imports: Vec<&str> = report["imports"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(imports.contains(&"heptad:members/tiers#get"), "{imports:?}");
    let human = heptad.run(&["plugin", "inspect", &file]).ended(0).stdout;
    assert!(human.starts_with("plugin       member-pricing 0.1.0\npublisher    heptad\n"), "{human}");
}

#[test]
fn what_is_no_plugin_is_refused_with_its_code() {
    let heptad = Heptad::new();
    let text = heptad.write("text.wasm", "hello");
    heptad.run(&["plugin", "inspect", &text]).ended(2).says("[not-wasm]");
    let module = heptad.write("module.wasm", "\0asm\u{1}\0\0\0");
    let manifest = repository("examples/hello-discount/plugin.toml");
    let packed = heptad.path("packed.wasm").display().to_string();
    heptad
        .run(&["plugin", "pack", &module, "--manifest", &manifest, "--output", &packed])
        .ended(2)
        .says("[core-module]");
    assert!(!heptad.path("packed.wasm").exists());
    heptad.run(&["plugin", "inspect", "absent.wasm"]).ended(2).says("cannot read absent.wasm");
    let broken = heptad.write("plugin.toml", "name = 1");
    heptad.run(&["plugin", "pack", &module, "--manifest", &broken, "--output", &packed]).ended(2).says("plugin.toml");
}
