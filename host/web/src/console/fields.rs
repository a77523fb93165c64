//! The fields of a form, after its token was checked.

use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use heptad_model::PageRequest;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use super::visit::Visit;
use crate::error::ApiError;
use crate::state::AppState;

/// The most fields of a form.
const MOST: usize = 8_000;

/// Names and values in the order of the form. Whoever holds one knows that the form came from this session.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    /// The first value of a name, without surrounding blanks; empty when absent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default().trim()
    }

    /// The first value of a name as it was typed.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value, absent where it is blank.
    pub(super) fn opt(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Whether the name is there: what a checked box sends.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All values of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequest<AppState> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Failure> {
        debug_assert!(request.method() == Method::POST, "only a post carries a form");
        let visit = request.extensions().get::<Visit>().cloned().ok_or_else(Failure::nowhere)?;
        let Form(fields) = Form::<Vec<(String, String)>>::from_request(request, state).await.map_err(|rejection| {
            Failure::Problem(ApiError::new(rejection.status(), "invalid-form", rejection.body_text()))
        })?;
        if fields.len() > MOST {
            let detail = format!("a form has at most {MOST} fields");
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-form", detail).into());
        }
        let fields = Self(fields);
        match visit.token_matches(fields.get("csrf").unwrap_or_default()) {
            true => Ok(fields),
            false => Err(Failure::Csrf),
        }
    }
}

/// What an address says behind its question mark; an address that cannot be read is no page.
#[derive(Debug)]
pub(super) struct Asks<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Asks<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &AppState) -> Result<Self, Failure> {
        Query::try_from_uri(&parts.uri).map(|Query(asked)| Self(asked)).map_err(|_| Failure::nowhere())
    }
}

/// Cursor and search of a list, from the address.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Listing {
    /// Where to go on.
    pub(super) cursor: Option<String>,
    /// What to look for.
    pub(super) q: Option<String>,
}

impl Listing {
    /// What is looked for, cut to 100 bytes.
    pub(super) fn search(&self) -> String {
        let text = self.q.as_deref().unwrap_or_default().trim();
        text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= 100).map(|(_, c)| c).collect()
    }

    /// The page of so many items.
    pub(super) fn page(&self, limit: u32) -> Result<PageRequest, Failure> {
        let cursor = self.cursor.as_deref().filter(|cursor| !cursor.is_empty());
        Ok(PageRequest::new(cursor, Some(limit))?)
    }
}
