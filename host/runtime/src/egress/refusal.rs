//! Why a request of a plugin was not sent, or has no answer.

use heptad_model::Limit;
use heptad_outbound::SendError;
use wasmtime_wasi_http::Error;

/// Why a request of a plugin was not sent, or has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The point only calculates.
    #[error("no server is called while a shopper waits: call it at an event, on a schedule or at a route")]
    Calculating,
    /// The call has written.
    #[error("the call has written already: call out first, and write then")]
    Writing,
    /// The manifest does not name the host.
    #[error("the manifest does not name the host `{0}`")]
    NotNamed(String),
    /// The merchant did not grant it.
    #[error("the merchant does not let the plugin call `{0}`")]
    NotGranted(String),
    /// Too many at a time, in a minute, in a day.
    #[error("{}", .0.diagnostic(*.1))]
    Limit(Limit, u64),
    /// What is personal does not leave without the grant.
    #[error("a phone number is in what goes to `{0}`, and the merchant did not grant `pii.export`")]
    Personal(String),
    /// What cannot be looked through does not either.
    #[error(
        "what goes to `{0}` cannot be looked through: send text of at most 1 MiB, plain or in gzip, or ask for `pii.export`"
    )]
    Unreadable(String),
    /// The body has more bytes than this.
    #[error("the body of the request has more than {0} bytes")]
    TooLarge(u64),
    /// The guest broke its body off.
    #[error("the body of the request was not finished")]
    Unfinished,
    /// Secrets went out, and the answer is packed so that they could not be found in it.
    #[error("a secret went out, and the answer is packed although none was asked for: it is not given on")]
    Packed,
    /// Secrets cannot be opened.
    #[error("the secrets for this server cannot be opened now")]
    Sealed,
    /// It is no request.
    #[error("the request is malformed: {0}")]
    Malformed(String),
    /// The audit log is behind.
    #[error("the audit log cannot take more now")]
    Unaudited,
    /// On the way.
    #[error(transparent)]
    Sending(#[from] SendError),
}

impl Refusal {
    /// The stable word, in the audit log.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Calculating => "outbound-calculating",
            Self::Writing => "conflict",
            Self::NotNamed(_) => "host-not-asked",
            Self::NotGranted(_) => "host-not-granted",
            Self::Limit(limit, _) => limit.code(),
            Self::Personal(_) => "personal-data",
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge(_) => "outbound-too-large",
            Self::Unfinished => "outbound-unfinished",
            Self::Packed => "outbound-packed",
            Self::Sealed => "unavailable",
            Self::Malformed(_) => "outbound-request",
            Self::Unaudited => "unaudited",
            Self::Sending(error) => error.code(),
        }
    }

    /// Whether it was held back for what is in it.
    pub(crate) const fn is_block(&self) -> bool {
        matches!(self, Self::Personal(_) | Self::Unreadable(_))
    }

    /// Whether another attempt at the same cannot succeed, unless somebody changes something.
    pub(crate) const fn is_final(&self) -> bool {
        match self {
            Self::Calculating | Self::Writing | Self::Limit(..) | Self::Sealed | Self::Unaudited | Self::Unfinished => {
                false
            }
            Self::Sending(error) => !error.is_transient(),
            Self::NotNamed(_)
            | Self::NotGranted(_)
            | Self::Personal(_)
            | Self::Unreadable(_)
            | Self::TooLarge(_)
            | Self::Packed
            | Self::Malformed(_) => true,
        }
    }

    /// What the guest learns, in the words of WASI.
    pub(crate) fn error(&self) -> Error {
        match self {
            Self::Calculating | Self::NotNamed(_) | Self::NotGranted(_) | Self::Personal(_) | Self::Unreadable(_) => {
                Error::HttpRequestDenied
            }
            Self::Limit(Limit::OutboundConcurrency, _) => Error::ConnectionLimitReached,
            Self::Malformed(_) => Error::HttpRequestUriInvalid,
            Self::Packed => Error::HttpResponseContentCoding(None),
            Self::Writing | Self::Limit(..) | Self::Sealed | Self::Unaudited => {
                Error::InternalError(Some(format!("{}: {self}", self.code())))
            }
            Self::TooLarge(most) => Error::HttpRequestBodySize(Some(*most)),
            Self::Unfinished => Error::ConnectionTerminated,
            Self::Sending(error) => of_sending(error),
        }
    }
}

/// The same for what went wrong on the way.
pub(super) fn of_sending(error: &SendError) -> Error {
    match error {
        SendError::Address(_) => Error::HttpRequestUriInvalid,
        SendError::Refused(_) => Error::DestinationIpProhibited,
        SendError::Name(_) => Error::DnsError { rcode: None, info_code: None },
        SendError::Connect(_) => Error::ConnectionRefused,
        SendError::Tls(_) => Error::TlsProtocolError,
        SendError::TimedOut("to connect") => Error::ConnectionTimeout,
        SendError::TimedOut(_) => Error::HttpResponseTimeout,
        SendError::TooLarge { part: "body of the request" } => Error::HttpRequestBodySize(None),
        SendError::TooLarge { part: "head of the request" } => Error::HttpRequestHeaderSectionSize(None),
        SendError::TooLarge { part: "head of the answer" } => Error::HttpResponseHeaderSectionSize(None),
        SendError::TooLarge { .. } => Error::HttpResponseBodySize(None),
        SendError::Http(_) => Error::HttpProtocolError,
        SendError::Body(_) => Error::ConnectionTerminated,
    }
}
