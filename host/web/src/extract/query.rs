//! Query parameters, and the two that every list takes.

use std::error::Error as _;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use heptad_model::PageRequest;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::error::{ApiError, ApiResult};

/// The query parameters; unknown ones are refused like unknown fields.
#[derive(Debug, Clone)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> ApiResult<Self> {
        let rejection = match Query::try_from_uri(&parts.uri) {
            Ok(Query(value)) => return Ok(Self(value)),
            Err(rejection) => rejection,
        };
        // The parameter's name lies in the error's source.
        let mut source = rejection.source();
        while let Some(error) = source {
            if let Some(error) = error.downcast_ref::<serde_path_to_error::Error<serde::de::value::Error>>() {
                let message = error.inner().to_string();
                let path = error.path().to_string();
                let named = message.split('`').nth(1).filter(|_| message.contains(" field `"));
                let field = named.map_or(path, str::to_owned);
                return Err(ApiError::invalid(if field == "." { String::new() } else { field }, message));
            }
            source = error.source();
        }
        Err(ApiError::invalid("", rejection.body_text()))
    }
}

/// Where to go on reading a list, and how much.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The `next` of the page before; absent for the first page.
    pub cursor: Option<String>,
    /// The most items of the page, 1 to 200; 50 when absent.
    pub limit: Option<u32>,
}

impl PageQuery {
    /// As the operations want it.
    pub fn request(&self) -> ApiResult<PageRequest> {
        Ok(PageRequest::new(self.cursor.as_deref(), self.limit)?)
    }
}
