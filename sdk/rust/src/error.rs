//! Why a plugin has no answer.

use std::fmt;

pub use crate::bindings::imports::heptad::types::types::Error as HostError;
use crate::bindings::imports::heptad::types::types::ErrorKind;
use crate::money::MoneyError;
use crate::settings::SettingsError;

/// Why a plugin has no answer. The host counts it as a failure of the plugin and notes it in the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The host did not answer, and the plugin cannot do without. Its kind and code are passed on.
    Host(HostError),
    /// The settings are not what the plugin expects: `plugin.toml` and the code disagree.
    Settings(SettingsError),
    /// An amount left the range of the contract, or currencies were mixed.
    Money(MoneyError),
    /// A cause of the plugin's own.
    Plugin {
        /// A stable word for the cause, such as `no-tariff`.
        code: String,
        /// A sentence in English for the log; never shown to shoppers.
        message: String,
    },
}

impl Error {
    /// A cause of the plugin's own: a stable word and a sentence in English for the log.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Plugin { code: code.into(), message: message.into() }
    }

    /// A cause that another attempt would meet again: the host does not try the event once more.
    pub fn invalid(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Host(HostError { kind: ErrorKind::Invalid, code: code.into(), message: message.into() })
    }

    /// The stable word for the cause.
    pub fn code(&self) -> &str {
        match self {
            Self::Host(error) => &error.code,
            Self::Settings(_) => "settings",
            Self::Money(MoneyError::OutOfRange(_)) => "amount-out-of-range",
            Self::Money(MoneyError::CurrencyMismatch { .. }) => "currency-mismatch",
            Self::Plugin { code, .. } => code,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => f.write_str(&error.message),
            Self::Settings(error) => error.fmt(f),
            Self::Money(error) => error.fmt(f),
            Self::Plugin { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Host(error) => Some(error),
            Self::Settings(error) => Some(error),
            Self::Money(error) => Some(error),
            Self::Plugin { .. } => None,
        }
    }
}

impl From<HostError> for Error {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<SettingsError> for Error {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<MoneyError> for Error {
    fn from(error: MoneyError) -> Self {
        Self::Money(error)
    }
}

/// The error as the host receives it: a host error as it came, settings and money as `invalid`, others as `other`.
impl From<Error> for HostError {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Host(host) => return host.clone(),
            Error::Settings(_) | Error::Money(_) => ErrorKind::Invalid,
            Error::Plugin { .. } => ErrorKind::Other,
        };
        Self { kind, code: error.code().to_owned(), message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_receives_kind_code_and_sentence() {
        let denied = HostError { kind: ErrorKind::Denied, code: "read-only".to_owned(), message: "no".to_owned() };
        assert_eq!(HostError::from(Error::from(denied.clone())), denied);
        let own = HostError::from(Error::new("no-tariff", "there is no tariff"));
        assert_eq!(
            (own.kind, own.code.as_str(), own.message.as_str()),
            (ErrorKind::Other, "no-tariff", "there is no tariff")
        );
        let money = HostError::from(Error::from(MoneyError::OutOfRange(i128::MAX)));
        assert_eq!((money.kind, money.code.as_str()), (ErrorKind::Invalid, "amount-out-of-range"));
    }
}
