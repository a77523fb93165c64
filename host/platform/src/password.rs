//! Passwords: argon2id with the parameters that OWASP recommends (19 MiB, 2 passes, 1 lane).
//!
//! Hashing takes tens of milliseconds and 19 MiB, so it runs on the blocking threads, at most four at a time, and never
//! in a transaction.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use heptad_model::Env;
use tokio::sync::Semaphore;

use crate::PlatformError;

/// The fewest characters of a password.
pub const MIN_PASSWORD: usize = 12;
/// The most bytes of a password, so that nobody makes the hash work on megabytes.
pub const MAX_PASSWORD: usize = 256;

/// Hashes that run at once; they bound the memory that sign-ins take.
static RUNNING: Semaphore = Semaphore::const_new(4);

/// What an unknown login is compared with, so that it takes the time of a known one. No password has this hash.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn argon2() -> Result<Argon2<'static>, PlatformError> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn failed(error: impl std::fmt::Display) -> PlatformError {
    PlatformError::Hashing(error.to_string())
}

/// Runs on a blocking thread when it is its turn.
async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PlatformError> {
    let turn = RUNNING.acquire().await.map_err(failed)?;
    let result = tokio::task::spawn_blocking(work).await.map_err(failed);
    drop(turn);
    result
}

/// The hash of a new password in PHC form; `invalid-field` when the password breaks the rule.
pub(crate) async fn password_hash(env: &Env, password: &str) -> Result<String, PlatformError> {
    if password.chars().count() < MIN_PASSWORD || password.len() > MAX_PASSWORD {
        let rule = format!("at least {MIN_PASSWORD} characters, at most {MAX_PASSWORD} bytes");
        return Err(PlatformError::field("password", rule));
    }
    let mut random = [0; 16];
    env.fill(&mut random);
    let salt = SaltString::encode_b64(&random).map_err(failed)?;
    let password = password.to_owned();
    in_turn(move || {
        let hash = argon2()?.hash_password(password.as_bytes(), &salt).map_err(failed)?;
        Ok(hash.to_string())
    })
    .await?
}

/// Whether the password has this hash; without one it takes as long and the answer is no.
pub(crate) async fn password_verify(hash: Option<String>, password: &str) -> Result<bool, PlatformError> {
    if password.len() > MAX_PASSWORD {
        return Ok(false);
    }
    let password = password.to_owned();
    in_turn(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let parsed = PasswordHash::new(&hash).map_err(failed)?;
        Ok(argon2()?.verify_password(password.as_bytes(), &parsed).is_ok() && known)
    })
    .await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let env = Env::fixed(0);
        let hash = password_hash(&env, "correct horse battery").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, password_hash(&env, "correct horse battery").await.unwrap());
        assert!(password_verify(Some(hash.clone()), "correct horse battery").await.unwrap());
        assert!(!password_verify(Some(hash), "correct horse batterz").await.unwrap());
        assert!(!password_verify(None, "correct horse battery").await.unwrap());
    }

    #[tokio::test]
    async fn short_and_long_passwords_are_refused() {
        let env = Env::fixed(0);
        for password in ["", "elevenchars", &"x".repeat(257)] {
            assert_eq!(password_hash(&env, password).await.unwrap_err().code(), "invalid-field");
        }
    }
}
