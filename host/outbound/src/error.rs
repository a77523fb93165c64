//! Why a request was not sent, or has no answer.

use std::error::Error as _;
use std::io;

use http_body_util::LengthLimitError;

use crate::address::Refused;

/// Why a request was not sent, or has no answer, by cause.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The address is not one to send to.
    #[error("the address cannot be used: {0}")]
    Address(&'static str),
    /// The server's address is in a range that nobody is sent to.
    #[error("the address is refused: {0}")]
    Refused(#[source] Refused),
    /// The name has no address.
    #[error("the name of the server cannot be resolved: {0}")]
    Name(#[source] io::Error),
    /// No address of the server takes a connection.
    #[error("the server takes no connection: {0}")]
    Connect(#[source] io::Error),
    /// No TLS with the server: most often its certificate.
    #[error("no TLS with the server: {0}")]
    Tls(#[source] io::Error),
    /// It took too long.
    #[error("it took too long {0}")]
    TimedOut(&'static str),
    /// More bytes than are allowed.
    #[error("the {part} is larger than is allowed")]
    TooLarge {
        /// Which part.
        part: &'static str,
    },
    /// The connection ended early, or the server does not speak HTTP.
    #[error("the server did not answer: {0}")]
    Http(#[source] hyper::Error),
    /// The request's own body failed while it was sent.
    #[error("the body of the request failed: {0}")]
    Body(#[source] hyper::Error),
}

impl SendError {
    /// The stable code, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "outbound-address",
            Self::Refused(_) => "outbound-refused",
            Self::Name(_) => "outbound-name",
            Self::Connect(_) => "outbound-connect",
            Self::Tls(_) => "outbound-tls",
            Self::TimedOut(_) => "outbound-timeout",
            Self::TooLarge { .. } => "outbound-too-large",
            Self::Http(_) => "outbound-http",
            Self::Body(_) => "outbound-body",
        }
    }

    /// Of a connection's error.
    pub(crate) fn of(error: hyper::Error) -> Self {
        let mut cause = error.source();
        while let Some(source) = cause {
            if source.is::<LengthLimitError>() {
                return Self::TooLarge { part: "body of the request" };
            }
            cause = source.source();
        }
        match error {
            error if error.is_parse_too_large() => Self::TooLarge { part: "head of the answer" },
            error if error.is_user() => Self::Body(error),
            error => Self::Http(error),
        }
    }

    /// Whether another attempt at the same could succeed without anybody changing anything.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Name(_) | Self::Connect(_) | Self::Tls(_) | Self::TimedOut(_) | Self::Http(_) | Self::Body(_) => true,
            // A name may point elsewhere tomorrow, but somebody has to make it so.
            Self::Address(_) | Self::Refused(_) | Self::TooLarge { .. } => false,
        }
    }
}

/// The configured roots are no certificates.
#[derive(Debug, thiserror::Error)]
#[error("the roots are no certificates in PEM: {0}")]
pub struct RootsError(pub(crate) String);
