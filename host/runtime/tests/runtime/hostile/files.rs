//! Files that attack before any of their code runs: by imports, exports, types, sections and manifests.

use heptad_runtime::package::MANIFEST_SECTION;

use super::program::{component, manifest, packed, text, with_sections};
use super::{Scene, profile};

/// The programs that are components, and the words by which each may be refused.
pub(super) const REFUSED: &[(&str, &[&str])] = &[
    ("imports-unknown", &["unknown-import"]),
    ("imports-many", &["point-not-exported"]),
    ("imports-functions", &["unknown-import"]),
    ("import-plain", &["unknown-import"]),
    ("import-module", &["unknown-import"]),
    ("import-resource", &["point-not-exported"]),
    ("import-other-type", &["point-not-exported"]),
    ("exports-many", &["point-not-exported"]),
    ("export-other-type", &["wrong-export"]),
    ("export-not-a-function", &["does-not-compile"]),
    ("types-doubled", &["malformed-component"]),
    ("types-chained", &["malformed-component"]),
    ("instances-many", &["malformed-component"]),
    ("feature-threads", &["point-not-exported", "malformed-component"]),
    ("feature-memory64", &["point-not-exported", "malformed-component"]),
    ("feature-gc", &["point-not-exported", "malformed-component"]),
];

/// A component from its text, in which `;; repeat 500: LINE` stands for as many lines, `$n` being the number and `$m` the
/// one before.
fn written(name: &str) -> Vec<u8> {
    let mut written = String::new();
    for line in text(name).lines() {
        let repeated = line.trim().strip_prefix(";; repeat ").and_then(|rest| rest.split_once(": "));
        if let Some((count, line)) = repeated {
            for n in 1..=count.parse::<usize>().unwrap() {
                written += &line.replace("$n", &n.to_string()).replace("$m", &(n - 1).to_string());
            }
        } else {
            written += line;
        }
        written.push('\n');
    }
    wat::parse_str(&written).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A component with another one inside.
fn nested(outer: &[u8], inner: &[u8]) -> Vec<u8> {
    const COMPONENT_SECTION: u8 = 4;
    let mut bytes = outer.to_vec();
    bytes.push(COMPONENT_SECTION);
    wasm_encoder::Encode::encode(&inner.len(), &mut bytes);
    bytes.extend(inner);
    bytes
}

#[tokio::test]
async fn components_that_are_no_plugins_are_refused() {
    let scene = Scene::start(profile(false)).await;
    let mut wrong = Vec::new();
    for (name, words) in REFUSED {
        let json = manifest(name, 16).to_json();
        let packed = with_sections(&written(name), &[(MANIFEST_SECTION, json.as_bytes())]);
        match scene.host.publish_packed(packed).await {
            Ok(()) => wrong.push(format!("{name} is admitted")),
            Err(error) if !words.contains(&error.code()) => wrong.push(format!("{name}: {}: {error}", error.code())),
            Err(_) => {}
        }
        scene.honest_answer_is_right().await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn sections_and_manifests_that_confuse_are_refused() {
    let scene = Scene::start(profile(false)).await;
    let good = component("trap-unreachable");
    let json = manifest("trap-unreachable", 16).to_json();
    let json = json.as_bytes();
    let inner = with_sections(&written("import-plain"), &[(MANIFEST_SECTION, json)]);
    let empty = b"\0asm\x0d\0\x01\0";
    let onion = (0..2_000).fold(empty.to_vec(), |inner, _| nested(empty, &inner));
    let replaced = |from: &str, to: &str| String::from_utf8(json.to_vec()).unwrap().replacen(from, to, 1).into_bytes();
    let with_manifest = |manifest: &[u8]| with_sections(&good, &[(MANIFEST_SECTION, manifest)]);
    let deep = [&b"{\"settings\":"[..], &b"[".repeat(100_000), &b"]".repeat(100_000), b"}"].concat();
    let mut cut = with_manifest(json);
    cut.truncate(cut.len() - 1);
    let mut long = good.clone();
    long.extend([0, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    let mut nameless = good.clone();
    nameless.extend([0, 4, 3, 0xff, 0xfe, 0xfd]);
    for (what, packed, word) in [
        ("a manifest inside a nested component alone", nested(&good, &inner), "no-manifest"),
        ("a manifest by almost the same name", with_sections(&good, &[("heptad:manifest\0", json)]), "no-manifest"),
        ("a manifest by a name in capitals", with_sections(&good, &[("Heptad:Manifest", json)]), "no-manifest"),
        (
            "the same manifest twice",
            with_sections(&good, &[(MANIFEST_SECTION, json), (MANIFEST_SECTION, json)]),
            "many-manifests",
        ),
        ("a thousand manifests", with_sections(&good, &vec![(MANIFEST_SECTION, &b"{}"[..]); 1000]), "many-manifests"),
        ("a manifest of 300 KB", with_manifest(&[json, &b" ".repeat(300_000)].concat()), "invalid-manifest"),
        ("a manifest nested 100,000 deep", with_manifest(&deep), "invalid-manifest"),
        (
            "a manifest that names a field twice",
            with_manifest(&replaced("{", "{\"name\":\"other\",")),
            "invalid-manifest",
        ),
        ("a manifest with an unknown field", with_manifest(&replaced("{", "{\"grant\":\"all\",")), "invalid-manifest"),
        ("a manifest that is not UTF-8", with_manifest(&replaced("Apache", "\u{0}").repeat(2)), "invalid-manifest"),
        (
            "a name that leads elsewhere",
            with_manifest(&replaced("trap-unreachable", "../../etc/passwd")),
            "invalid-manifest",
        ),
        ("a version without end", with_manifest(&replaced("1.0.0", &"1".repeat(100_000))), "invalid-manifest"),
        ("memory without end", with_manifest(&replaced(":16", ":4294967295")), "invalid-manifest"),
        ("memory below zero", with_manifest(&replaced(":16", ":-1")), "invalid-manifest"),
        ("memory as large as a number gets", with_manifest(&replaced(":16", ":1e308")), "invalid-manifest"),
        ("components nested 2,000 deep", with_sections(&onion, &[(MANIFEST_SECTION, json)]), "too-complex"),
        ("a section that is cut off", cut, "malformed-component"),
        ("a section that is longer than the file", long, "malformed-component"),
        ("a section whose name is not UTF-8", nameless, "malformed-component"),
        (
            "a component behind the component",
            [with_manifest(json), with_manifest(json)].concat(),
            "malformed-component",
        ),
    ] {
        let error = scene.host.publish_packed(packed).await.err().unwrap_or_else(|| panic!("{what} was admitted"));
        assert_eq!(error.code(), word, "{what}: {error}");
        scene.honest_answer_is_right().await;
    }
}

#[tokio::test]
async fn sections_that_mean_nothing_change_nothing() {
    let scene = Scene::start(profile(false)).await;
    let junk = vec![0xff; 1 << 20];
    let sections: &[(&str, &[u8])] = &[
        ("name", &junk),
        ("component-name", &junk),
        ("producers", &junk),
        ("component-type:evil", &junk),
        ("heptad-signature", &junk),
        ("", &[]),
    ];
    let (name, junk) = ("answer-unknown-line", with_sections(&component("answer-unknown-line"), sections));
    let whole = with_sections(&junk, &[(MANIFEST_SECTION, manifest(name, 16).to_json().as_bytes())]);
    scene.victim(name, whole).await.unwrap();
    scene.honest_answer_is_right().await;
    // Behind the manifest nothing but a signature may come.
    for section in sections {
        let error = scene.host.publish_packed(with_sections(&packed(name, 16), &[*section])).await.unwrap_err();
        assert_eq!(error.code(), "behind-manifest", "{error}");
    }
}

#[tokio::test]
async fn an_upload_is_never_unpacked() {
    // What a gzip of 1 GiB of zeros begins with; the bytes are looked at as they are, so no size can hide in them.
    let scene = Scene::start(profile(false)).await;
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3][..], &[0xec; 1 << 20]].concat();
    let zip = [&b"PK\x03\x04"[..], &[0; 1 << 20]].concat();
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd][..], &[0; 1 << 20]].concat();
    for bomb in [gzip, zip, zstd] {
        let error = scene.host.publish_packed(bomb).await.unwrap_err();
        assert_eq!(error.code(), "not-wasm", "{error}");
    }
    scene.honest_answer_is_right().await;
}
