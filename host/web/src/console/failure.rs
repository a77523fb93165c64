//! What goes wrong in the console, and the page that says so.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use heptad_capabilities::CapabilityError;
use heptad_platform::PlatformError;
use heptad_store::StoreError;

use super::shell::Shell;
use crate::error::ApiError;

/// The result of a handler.
pub(super) type ConsoleResult<T = Response> = Result<T, Failure>;

/// Why there is no page, or another one.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// Nobody is signed in; where to go afterwards.
    SignIn(String),
    /// A form without the session's token.
    Csrf,
    /// What the API would say, too.
    Problem(ApiError),
}

impl Failure {
    /// 404, for what is not there and for what the person may not know of.
    pub(super) fn nowhere() -> Self {
        Self::Problem(ApiError::not_found("page"))
    }

    /// 403: the person may see it and not do it.
    pub(super) fn forbidden() -> Self {
        Self::Problem(ApiError::forbidden("this needs the owner of the shop"))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::SignIn(_) => StatusCode::UNAUTHORIZED,
            Self::Csrf => StatusCode::FORBIDDEN,
            Self::Problem(error) => error.status(),
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::SignIn(_) => "sign-in",
            Self::Csrf => "csrf",
            Self::Problem(error) => error.code(),
        }
    }
}

impl IntoResponse for Failure {
    /// An empty answer that carries the failure: the middleware knows the reader and writes the page.
    fn into_response(self) -> Response {
        if let Self::SignIn(next) = &self {
            return Redirect::to(&format!("/console/sign-in?{}", query(&[("next", next)]))).into_response();
        }
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Names and values as a query.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Problem(error)
    }
}

macro_rules! through_api_error {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Problem(ApiError::from(error))
            }
        }
    )*};
}
through_api_error!(StoreError, CapabilityError, PlatformError, heptad_model::page::PageError);

impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Self {
        Self::Problem(ApiError::internal(format!("a page does not render: {error}")))
    }
}

/// A link that may help.
struct Way {
    url: String,
    label: String,
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    shell: Shell,
    title: String,
    sentence: String,
    detail: Option<String>,
    ways: Vec<Way>,
    request: String,
}

/// The page of a failure, in the reader's language.
pub(super) fn page(shell: Shell, failure: &Failure) -> Response {
    let words = shell.words;
    let family = match (failure.status().as_u16(), failure.code()) {
        (_, "csrf") => "csrf",
        (404 | 405, _) => "missing",
        (403, _) => "forbidden",
        (429, _) => "limit",
        (503, _) => "busy",
        (400..500, _) => "refused",
        _ => "broken",
    };
    // A refusal names its cause; the others are told in the console's own words.
    let detail = match failure {
        Failure::Problem(error) if family == "refused" => {
            Some(words.known(&refusal_key(error.code())).unwrap_or_else(|| error.detail().to_owned()))
        }
        _ => None,
    };
    let back = shell.path.split('?').next().unwrap_or_default().to_owned();
    let mut ways = vec![Way { url: "/console".to_owned(), label: words.t("failure-way-home") }];
    match family {
        "csrf" | "limit" | "busy" => ways.insert(0, Way { url: back, label: words.t("failure-way-again") }),
        "missing" if !shell.is_signed_in() => {
            ways = vec![Way { url: "/console/sign-in".to_owned(), label: words.t("sign-in-do") }];
        }
        _ => ways.extend(shell.nav.iter().take(3).map(|link| Way { url: link.url.clone(), label: link.label.clone() })),
    }
    let page = FailurePage {
        title: words.t(&format!("failure-{family}")),
        sentence: words.t(&format!("failure-{family}-why")),
        detail,
        ways,
        request: shell.request.clone(),
        shell,
    };
    match page.render() {
        Ok(html) => (failure.status(), Html(html)).into_response(),
        Err(_) => failure.status().into_response(),
    }
}

/// The key of a refusal's sentence: Fluent's names have no points.
pub(super) fn refusal_key(code: &str) -> String {
    format!("refusal-{}", code.replace('.', "-"))
}

/// Any address below `/console` that is nothing.
pub(super) async fn nowhere() -> Failure {
    Failure::nowhere()
}
