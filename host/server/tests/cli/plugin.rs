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

#[test]
fn a_plugin_is_signed_and_says_by_whom() {
    let heptad = Heptad::new();
    let (file, key) = (heptad.path("signed.wasm"), heptad.path("release.pem"));
    let guests = std::path::PathBuf::from(std::env::var("HEPTAD_TEST_GUESTS").expect("run `cargo xtask test`"));
    std::fs::copy(guests.join("hello-discount.wasm"), &file).unwrap();
    let (file, key) = (file.display().to_string(), key.display().to_string());
    let inspect = || heptad.run(&["plugin", "inspect", &file, "--output", "json"]).json();
    let before = inspect();
    assert_eq!(before.get("signed_by"), None);
    heptad
        .run(&["plugin", "sign", &file, "--key", &key])
        .ended(2)
        .says(&format!("hint: make one by `heptad plugin key {key}`"));
    let made = heptad.run(&["plugin", "key", &key, "--output", "json"]).json();
    // An existing key is shown, and not made anew.
    assert_eq!(heptad.run(&["plugin", "key", &key, "--output", "json"]).json(), made);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    heptad.run(&["plugin", "sign", &file, "--key", &key]).ended(0);
    let signed = inspect();
    assert_eq!((&signed["signed_by"], &signed["digest"]), (&made["id"], &before["digest"]));
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    heptad.run(&["plugin", "inspect", &file]).ended(2).says("[signature-invalid]");
    std::fs::write(&key, "no key").unwrap();
    heptad.run(&["plugin", "sign", &file, "--key", &key]).ended(2).says("holds no Ed25519 key in PEM");
}
