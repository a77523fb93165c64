//! Signed plugins: whatever byte is changed, the file is refused by name, at the upload and when it is loaded.

use ed25519_dalek::SigningKey;
use heptad_runtime::package::inspect;
use heptad_runtime::package::signature::sign;

use crate::support::{Host, guest};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

#[test]
fn signing_leaves_the_digest_and_who_signs_anew_replaces_the_signature() {
    let packed = guest("hello-discount");
    let plain = inspect(&packed).unwrap();
    assert_eq!(plain.signed_by, None);
    let once = sign(&packed, &key(1)).unwrap();
    let again = sign(&once, &key(2)).unwrap();
    for (bytes, key) in [(&once, key(1)), (&again, key(2))] {
        let signed = inspect(bytes).unwrap();
        assert_eq!((signed.digest, signed.signed_by), (plain.digest.clone(), Some(*key.verifying_key().as_bytes())));
    }
    assert_eq!((once.len(), again.len()), (packed.len() + 116, packed.len() + 116));
    assert_eq!(sign(&packed, &key(1)).unwrap(), once);
}

#[test]
fn a_changed_byte_anywhere_is_refused() {
    let signed = sign(&guest("hello-discount"), &key(1)).unwrap();
    // Each byte of the end, where manifest and signature are, and one of so many before.
    let end = signed.len() - 2_000;
    let places = (0..end).step_by(487).chain(end..signed.len());
    for at in places {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        let Err(error) = inspect(&changed) else { panic!("byte {at} of {} was changed unnoticed", signed.len()) };
        // A signature that is none any more is something that comes behind the manifest.
        let expected = match at {
            0..8 => continue,
            at if (signed.len() - 116..signed.len() - 97).contains(&at) => ["behind-manifest", "malformed-component"],
            _ => ["signature-invalid", "signature-invalid"],
        };
        assert!(expected.contains(&error.code()), "byte {at}: {error}");
    }
    // Nothing may come behind a signature, and a plugin has one.
    let twice = [&signed[..], &signed[signed.len() - 116..]].concat();
    let more = [&signed[..], &[0, 2, 1, b'x']].concat();
    for (bytes, code) in [(twice, "signature-invalid"), (more, "behind-manifest")] {
        assert_eq!(inspect(&bytes).unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn what_was_changed_on_disk_is_not_loaded() {
    let host = Host::start().await;
    let signed = sign(&guest("hello-discount"), &key(1)).unwrap();
    let digest = inspect(&signed).unwrap().digest;
    host.admit(signed.clone()).await.unwrap();
    let components = heptad_runtime::components::Components::open(host.components.clone(), None).unwrap();
    assert_eq!(components.get(&digest).await.unwrap(), signed);
    let file = host.components.join(format!("{digest}.wasm"));
    for at in [signed.len() / 2, signed.len() - 10] {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        std::fs::write(&file, &changed).unwrap();
        let error = components.get(&digest).await.unwrap_err().to_string();
        assert!(error.contains(&digest), "{error}");
    }
}
