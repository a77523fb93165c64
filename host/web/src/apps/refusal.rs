//! What the host says itself on a plugin's origin: a small page for people, a problem for programs.

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};
use heptad_model::Locale;

use crate::console::Words;
use crate::error::ApiError;

#[derive(Template)]
#[template(path = "app_refusal.html")]
struct RefusalPage {
    tag: &'static str,
    title: String,
    sentence: String,
    /// Where to go on: address and words.
    way: Option<(String, String)>,
    request: String,
}

/// Whether a browser asks for a page.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

/// A refusal, in the reader's language where it is a page.
pub(super) fn written(
    error: &ApiError,
    reader: Option<Locale>,
    request: &str,
    console: &str,
    wants_page: bool,
) -> Response {
    if !wants_page {
        return error.answer(request);
    }
    let locale = reader.unwrap_or_default();
    let words = Words(locale);
    let family = match (error.status().as_u16(), error.code()) {
        (_, "staff-only" | "pass-invalid") => "app-staff-only",
        (404 | 405, _) => "failure-missing",
        (401 | 403, _) => "app-refused",
        (429, _) => "failure-limit",
        (400..500, _) => "app-refused",
        _ => "app-no-answer",
    };
    let way = (family == "app-staff-only").then(|| (format!("{console}/console"), words.t("app-to-console")));
    let page = RefusalPage {
        tag: locale.tag(),
        title: words.t(family),
        sentence: words.t(&format!("{family}-why")),
        way,
        request: request.to_owned(),
    };
    let Ok(html) = page.render() else { return error.answer(request) };
    let mut response = (error.status(), Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; base-uri 'none'"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(
        error.answer(request).headers_mut().remove(header::RETRY_AFTER).map(|value| (header::RETRY_AFTER, value)),
    );
    response
}
