//! Keys by which publishers sign their plugins.

use sha2::{Digest as _, Sha256};

/// An Ed25519 public key.
pub type PublicKey = [u8; 32];

/// The name of a key: `ed25519-` and the first 32 hexadecimal digits of the key's SHA-256.
pub fn key_name(key: &PublicKey) -> String {
    format!("ed25519-{}", &hex::encode(Sha256::digest(key))[..32])
}

/// A public key from its 64 hexadecimal digits.
pub fn public_key(text: &str) -> Option<PublicKey> {
    let mut key = PublicKey::default();
    hex::decode_to_slice(text.trim(), &mut key).ok().map(|()| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_by_its_digest() {
        let key = public_key(&"ab".repeat(32)).unwrap();
        let name = key_name(&key);
        assert_eq!(name.len(), "ed25519-".len() + 32);
        assert_ne!(name, key_name(&[0; 32]));
        assert_eq!(public_key("ab"), None);
    }
}
