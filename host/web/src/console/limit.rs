//! How often somebody may try to sign in: by login, so that one account is not guessed from many addresses, and by
//! address, so that many accounts are not guessed from one. The failures of this process, by the clock of [`Env`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use heptad_model::Env;
use heptad_model::time::span::MINUTE;

/// How long failures count.
const WINDOW: i64 = 15 * MINUTE;
/// Failures of one login within the window.
const PER_LOGIN: u32 = 10;
/// Failures from one address within the window.
const PER_PEER: u32 = 50;
/// Keys kept; beyond it the windows that are over are let go, then all.
const MOST: usize = 20_000;

#[derive(Debug, Clone, Copy)]
struct Window {
    began: i64,
    failures: u32,
}

/// The failures of this process.
#[derive(Debug, Default)]
pub(super) struct SignInLimits(Mutex<HashMap<String, Window>>);

/// Whose failures count.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    login: String,
    peer: String,
}

impl Attempt {
    pub(super) fn new(login: &str, peer: Option<std::net::IpAddr>) -> Self {
        let login: String = login.trim().to_lowercase().chars().take(254).collect();
        Self {
            login: format!("l:{login}"),
            peer: format!("p:{}", peer.map(|peer| peer.to_string()).unwrap_or_default()),
        }
    }

    fn keys(&self) -> [(&String, u32); 2] {
        [(&self.login, PER_LOGIN), (&self.peer, PER_PEER)]
    }
}

impl SignInLimits {
    /// Seconds to wait before another try, if it is not allowed now.
    pub(super) fn wait(&self, env: &Env, attempt: &Attempt) -> Option<u64> {
        let (now, windows) = (env.now().as_millis(), self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let left = |(key, most): (&String, u32)| {
            let window = windows.get(key).filter(|window| window.failures >= most)?;
            Some(window.began + WINDOW - now).filter(|left| *left > 0)
        };
        let most = attempt.keys().into_iter().filter_map(left).max()?;
        u64::try_from(most / 1_000 + 1).ok()
    }

    /// Counts a try before its password is looked at, so that tries at the same time count, too.
    pub(super) fn count(&self, env: &Env, attempt: &Attempt) {
        let (now, mut windows) = (env.now().as_millis(), self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if windows.len() > MOST {
            windows.retain(|_, window| window.began + WINDOW > now);
        }
        if windows.len() > MOST {
            windows.clear();
        }
        for (key, _) in attempt.keys() {
            let window = windows.entry(key.clone()).or_insert(Window { began: now, failures: 0 });
            if window.began + WINDOW <= now {
                *window = Window { began: now, failures: 0 };
            }
            window.failures += 1;
        }
    }

    /// Forgets the failures of a login that signed in.
    pub(super) fn forget(&self, attempt: &Attempt) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&attempt.login);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_a_login_count_from_everywhere_and_pass() {
        let (limits, env) = (SignInLimits::default(), Env::fixed(0));
        let from = |n: u8| Attempt::new("Anna", Some(std::net::IpAddr::from([10, 0, 0, n])));
        for n in 0..10 {
            assert_eq!(limits.wait(&env, &from(n)), None);
            limits.count(&env, &from(n));
        }
        assert_eq!(limits.wait(&env, &from(99)), Some(901));
        assert_eq!(limits.wait(&env, &Attempt::new("berta", None)), None);
        env.advance(WINDOW);
        assert_eq!(limits.wait(&env, &from(99)), None);
    }

    #[test]
    fn a_success_forgets() {
        let (limits, env) = (SignInLimits::default(), Env::fixed(0));
        let attempt = Attempt::new("anna", None);
        (0..10).for_each(|_| limits.count(&env, &attempt));
        limits.forget(&attempt);
        assert_eq!(limits.wait(&env, &attempt), None);
    }
}
