//! The one error of the API: a problem (RFC 9457), and the one place where every error of the host becomes one.
//!
//! A handler returns [`ApiError`]; the middleware in [`crate::server`] adds the request's id, writes the body, and logs
//! the cause of a 5xx once. The cause is never shown.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use heptad_capabilities::{CapabilityError, ErrorClass as CapabilityClass};
use heptad_model::Locale;
use heptad_model::page::PageError;
use heptad_platform::{ErrorClass as PlatformClass, FieldError, PlatformError};
use heptad_runtime::code::CodeError;
use heptad_runtime::compile::CompileError;
use heptad_runtime::{PackageError, RuntimeError};
use heptad_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

/// The result of a handler.
pub type ApiResult<T> = Result<T, ApiError>;

/// The media type of problems.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was refused or failed (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A URI that names the kind of problem: `urn:heptad:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:heptad:problem:not-found")]
    pub kind: String,
    /// The meaning of the status.
    #[schema(example = "Not Found")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// One sentence that names the cause.
    #[schema(example = "there is no such quote")]
    pub detail: String,
    /// A stable word for programs.
    #[schema(example = "not-found")]
    pub code: Cow<'static, str>,
    /// What the caller can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Cow<'static, str>>,
    /// The fields of the input that are to blame; empty when none is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<ProblemField>,
    /// The request's id, to find it in the logs.
    #[schema(example = "req_019380c2f2b07d1c8a4b9e5f60718293")]
    pub request_id: String,
}

/// A field of the input that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemField {
    /// The field's path, its parts joined by points.
    #[schema(example = "lines.0.quantity")]
    pub field: String,
    /// The rule that it breaks.
    #[schema(example = "1 to 1000000")]
    pub message: String,
}

/// Why a request was refused or failed, before the request's id is known.
#[derive(Debug, Clone)]
pub struct ApiError(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    hint: Option<Cow<'static, str>>,
    fields: Vec<ProblemField>,
    retry_after: Option<u64>,
    cause: Option<String>,
}

impl ApiError {
    /// A problem with a code and a sentence.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            code: code.into(),
            detail: detail.into(),
            hint: None,
            fields: Vec::new(),
            retry_after: None,
            cause: None,
        }))
    }

    /// 404, for what is not there and for what the caller may not know of.
    pub fn not_found(kind: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no such {kind}"))
    }

    /// 401: nobody known asks.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "this needs a token")
            .with_hint("send the header `Authorization: Bearer hpt_…`")
    }

    /// 403: who asks is known and may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 422 for one field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        let detail = if field.is_empty() { message.clone() } else { format!("`{field}`: {message}") };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).with_field(field, message)
    }

    /// 500; the cause goes to the log only.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        let detail = "something went wrong on our side";
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
            .with_hint("tell the operator the request id if it happens again");
        error.0.cause = Some(cause.to_string());
        error
    }

    /// 503: later it may work; the cause goes to the log only.
    pub fn unavailable(code: &'static str, detail: &str, cause: impl std::fmt::Display) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).with_retry_after(1);
        error.0.cause = Some(cause.to_string());
        error
    }

    /// Another code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.0.code = code.into();
        self
    }

    /// What the log says and the answer does not.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// One more field that is to blame; an empty path is the input as a whole and is not listed.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        let field = field.into();
        if !field.is_empty() {
            self.0.fields.push(ProblemField { field, message: message.into() });
        }
        self
    }

    /// A field of an operation by the name that it has in the request.
    #[must_use]
    pub fn with_renamed(mut self, from: &str, to: &str) -> Self {
        for field in self.0.fields.iter_mut().filter(|field| field.field == from) {
            to.clone_into(&mut field.field);
        }
        self
    }

    /// When to try again, in seconds.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable word.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The sentence that names the cause.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What the caller can do about it.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The fields that are to blame.
    pub fn fields(&self) -> &[ProblemField] {
        &self.0.fields
    }

    /// What the log says and the answer does not.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The error of an operation, its sentences in the reader's language.
    pub fn of_capability(error: CapabilityError, reader: Locale) -> Self {
        let denials = match &error {
            CapabilityError::CartDenied(denials) => denials.clone(),
            _ => return error.into(),
        };
        let mut answer = Self::from(error);
        let sentences: Vec<&str> = denials.iter().map(|denial| denial.reason.sentence(reader)).collect();
        answer.0.detail = sentences.join("; ");
        for (denial, sentence) in denials.iter().zip(sentences) {
            for line in &denial.lines {
                answer = answer.with_field(format!("lines.{line}"), sentence);
            }
        }
        answer
    }

    /// The body, with the request's id.
    pub fn problem(&self, request_id: &str) -> Problem {
        let parts = &self.0;
        Problem {
            kind: format!("urn:heptad:problem:{}", parts.code),
            title: parts.status.canonical_reason().unwrap_or("Error"),
            status: parts.status.as_u16(),
            detail: parts.detail.clone(),
            code: parts.code.clone(),
            hint: parts.hint.clone(),
            fields: parts.fields.clone(),
            request_id: request_id.to_owned(),
        }
    }

    /// The whole answer, with the request's id.
    pub fn answer(&self, request_id: &str) -> Response {
        let body = serde_json::to_vec(&self.problem(request_id)).unwrap_or_default();
        let mut response = (self.0.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.detail)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    /// An empty answer that carries the error; the middleware writes the body.
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            return Self::unavailable("busy", "the database is busy", error).with_hint("try again in a moment");
        }
        if matches!(error, StoreError::Away(_)) {
            return Self::unavailable("database-away", "the database cannot be reached", error)
                .with_hint("try again in a moment, with the same idempotency key");
        }
        Self::internal(error)
    }
}

impl From<CapabilityError> for ApiError {
    fn from(error: CapabilityError) -> Self {
        let status = match error.class() {
            CapabilityClass::NotFound => StatusCode::NOT_FOUND,
            CapabilityClass::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            CapabilityClass::Conflict | CapabilityClass::Denied => StatusCode::CONFLICT,
            CapabilityClass::TooMany => StatusCode::TOO_MANY_REQUESTS,
            CapabilityClass::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            CapabilityClass::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let error = match error {
            CapabilityError::Store(error) => return error.into(),
            CapabilityError::Page(error) => return error.into(),
            error if status == StatusCode::INTERNAL_SERVER_ERROR => return Self::internal(error),
            error => error,
        };
        let mut answer = Self::new(status, error.code(), error.to_string());
        answer.0.hint = error.hint().map(Cow::Borrowed);
        if let Some(field) = error.field() {
            let message = match &error {
                CapabilityError::Invalid { problem, .. } => problem.clone(),
                other => other.to_string(),
            };
            answer = answer.with_field(field, message);
        }
        if let CapabilityError::TooBusy(busy) = &error {
            return answer.with_retry_after(busy.retry_after.into());
        }
        let again = status == StatusCode::SERVICE_UNAVAILABLE || matches!(error, CapabilityError::IdempotencyRunning);
        if again { answer.with_retry_after(1) } else { answer }
    }
}

impl From<PlatformError> for ApiError {
    fn from(error: PlatformError) -> Self {
        let status = match error.class() {
            PlatformClass::NotFound => StatusCode::NOT_FOUND,
            PlatformClass::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            PlatformClass::Conflict | PlatformClass::Limit => StatusCode::CONFLICT,
            PlatformClass::Unauthenticated => StatusCode::UNAUTHORIZED,
            PlatformClass::Denied => StatusCode::FORBIDDEN,
            PlatformClass::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let error = match error {
            PlatformError::Store(error) => return error.into(),
            PlatformError::Page(error) => return error.into(),
            error if status == StatusCode::INTERNAL_SERVER_ERROR => return Self::internal(error),
            error => error,
        };
        // Pointers into the settings become paths into the request, whose member `settings` they are.
        let below = match &error {
            PlatformError::Settings(_) | PlatformError::NeedsSetup(_) => "settings",
            _ => "",
        };
        let fields = error.fields();
        let answer = Self::new(status, error.code(), error.to_string());
        fields.into_iter().fold(answer, |answer, FieldError { pointer, message }| {
            answer.with_field(path_of_pointer(below, &pointer), message)
        })
    }
}

impl From<PageError> for ApiError {
    fn from(error: PageError) -> Self {
        let field = match error {
            PageError::Limit(_) => "limit",
            PageError::Cursor => "cursor",
        };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-page", error.to_string())
            .with_field(field, error.to_string())
    }
}

impl From<RuntimeError> for ApiError {
    /// What is wrong with an upload is told; what is wrong with this host is not.
    fn from(error: RuntimeError) -> Self {
        let status = match &error {
            RuntimeError::Package(PackageError::TooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            RuntimeError::Package(_) | RuntimeError::Trial { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            RuntimeError::Code(CodeError::Load(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            RuntimeError::Code(CodeError::Compile(CompileError::Busy | CompileError::Stalled(_))) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            RuntimeError::Code(CodeError::Compile(error)) if !error.is_passing() => StatusCode::UNPROCESSABLE_ENTITY,
            RuntimeError::Component(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        match error {
            RuntimeError::Store(error) => error.into(),
            RuntimeError::Component(error) => {
                Self::unavailable("components-unavailable", "the store of components does not take the upload", error)
                    .with_hint("nothing was kept; upload it again in a minute")
            }
            error if status == StatusCode::INTERNAL_SERVER_ERROR => Self::internal(error),
            error if status == StatusCode::SERVICE_UNAVAILABLE => {
                Self::new(status, error.code(), error.to_string()).with_retry_after(60)
            }
            error => Self::new(status, error.code(), error.to_string()),
        }
    }
}

/// `settings.tiers.0.percent` of `/tiers/0/percent` (RFC 6901) below `settings`.
fn path_of_pointer(below: &str, pointer: &str) -> String {
    let parts = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
    let below = Some(below.to_owned()).filter(|below| !below.is_empty());
    below.into_iter().chain(parts).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_become_paths() {
        for (below, pointer, expected) in
            [("", "/a/0/b", "a.0.b"), ("settings", "/a~1b", "settings.a/b"), ("settings", "", "settings"), ("", "", "")]
        {
            assert_eq!(path_of_pointer(below, pointer), expected);
        }
    }

    #[test]
    fn a_cause_stays_out_of_the_answer() {
        let error = ApiError::from(StoreError::Schema("password=secret".to_owned()));
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&error.problem("req_1")).unwrap();
        assert!(!body.contains("secret") && body.contains("req_1"), "{body}");
        assert!(error.cause().is_some_and(|cause| cause.contains("secret")));
    }

    #[test]
    fn settings_fields_are_paths_into_the_request() {
        let fields = vec![FieldError { pointer: "/tiers/0/percent".to_owned(), message: "maximum of 100".to_owned() }];
        let error = ApiError::from(PlatformError::Settings(fields));
        assert_eq!(error.fields()[0].field, "settings.tiers.0.percent");
        assert_eq!((error.status().as_u16(), error.code()), (422, "settings-invalid"));
    }
}
