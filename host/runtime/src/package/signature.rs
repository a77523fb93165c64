//! The publisher's signature: the last section of a plugin's file, over the digest of all bytes before it.
//!
//! The section is a custom one, `heptad-signature`, with 97 bytes: its form (1), the public key (32), and the Ed25519
//! signature (64, RFC 8032) over `heptad-plugin-v1`, a zero byte, and the digest's 32 bytes. It is checked strictly: keys of
//! small order and signatures with two forms are refused. Whoever signs anew leaves the digest as it is.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use heptad_model::signing::{PublicKey, key_name};
use sha2::{Digest as _, Sha256};

use super::PackageError;

/// The name of the section.
const NAME: &[u8] = b"heptad-signature";
/// What the section's form is called.
const FORM: u8 = 1;
/// What is signed begins with this, so that nothing else that a key signs is taken for a plugin.
const DOMAIN: &[u8] = b"heptad-plugin-v1\0";
const KEY: usize = 32;
const SIGNATURE: usize = 64;
/// Form, key and signature.
const CONTENT: usize = 1 + KEY + SIGNATURE;
/// The length of the name and the name.
const NAMED: usize = 1 + NAME.len();
/// The section with its own two bytes: that it is a custom one, and how long it is.
const SECTION: usize = 2 + NAMED + CONTENT;

/// A plugin's file without its signature, and the key that has signed it.
pub(crate) struct Opened<'a> {
    /// All bytes that the digest is of.
    pub(crate) payload: &'a [u8],
    /// The digest, in hexadecimal.
    pub(crate) digest: String,
    /// The key, where the file is signed.
    pub(crate) signed_by: Option<PublicKey>,
}

/// Takes the signature off, where there is one, and verifies it.
pub(crate) fn open(bytes: &[u8]) -> Result<Opened<'_>, PackageError> {
    let (payload, content) = match split(bytes) {
        Some((payload, content)) => (payload, Some(content)),
        None => (bytes, None),
    };
    let digest: [u8; 32] = Sha256::digest(payload).into();
    let signed_by = content.map(|content| verify(&digest, content)).transpose()?;
    Ok(Opened { payload, digest: hex::encode(digest), signed_by })
}

/// The file with a signature, in place of one that it may have.
pub fn sign(packed: &[u8], key: &SigningKey) -> Result<Vec<u8>, PackageError> {
    super::inspect(packed)?;
    let payload = split(packed).map_or(packed, |(payload, _)| payload);
    let digest: [u8; 32] = Sha256::digest(payload).into();
    let signature = key.sign(&message(&digest));
    let mut signed = payload.to_vec();
    signed.extend(head());
    signed.extend(NAME);
    signed.push(FORM);
    signed.extend(key.verifying_key().as_bytes());
    signed.extend(signature.to_bytes());
    Ok(signed)
}

/// That it is a custom section, its length, and the length of its name.
fn head() -> [u8; 3] {
    #[expect(clippy::cast_possible_truncation, reason = "constants below 128, which one byte of LEB128 holds")]
    [0, (NAMED + CONTENT) as u8, NAME.len() as u8]
}

/// The bytes before the last section and its content, where that is a signature.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (payload, section) = bytes.split_at_checked(bytes.len().checked_sub(SECTION)?)?;
    let content = section.strip_prefix(head().as_slice())?.strip_prefix(NAME)?;
    Some((payload, content))
}

fn verify(digest: &[u8; 32], content: &[u8]) -> Result<PublicKey, PackageError> {
    let wrong = PackageError::Signature;
    let (form, rest) = content.split_first().ok_or(wrong("it is empty"))?;
    if *form != FORM {
        return Err(wrong("it is of another form"));
    }
    let (key, signature) = rest.split_first_chunk::<KEY>().ok_or(wrong("it has no key"))?;
    let signature = Signature::from_slice(signature).map_err(|_| wrong("it is malformed"))?;
    let verifying = VerifyingKey::from_bytes(key).map_err(|_| wrong("its key is no point of the curve"))?;
    let verified = verifying.verify_strict(&message(digest), &signature);
    verified.map_err(|_| wrong("a byte of the file was changed after it was signed"))?;
    Ok(*key)
}

fn message(digest: &[u8; 32]) -> Vec<u8> {
    [DOMAIN, digest].concat()
}

/// The name of a signing key.
pub fn name_of(key: &SigningKey) -> String {
    key_name(key.verifying_key().as_bytes())
}
