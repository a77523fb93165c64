//! The upload of a packed component: a raw body, larger than others, with a hard limit.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use heptad_runtime::limits::UPLOAD_BYTES;
use tokio::sync::OwnedSemaphorePermit;

use super::bytes_within;
use crate::error::{ApiError, ApiResult};
use crate::state::AppState;

/// A component's bytes, at most 32 MiB, and the place among the uploads that are in memory.
#[derive(Debug)]
pub struct Upload(pub Bytes, pub OwnedSemaphorePermit);

impl FromRequest<AppState> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> ApiResult<Self> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !matches!(kind, "application/wasm" | "application/octet-stream") {
            let detail = "the body must be the plugin's file itself";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
                .with_hint("send the header `Content-Type: application/wasm`"));
        }
        let place = state.upload_place()?;
        Ok(Self(bytes_within(request, UPLOAD_BYTES, "upload-too-large").await?, place))
    }
}
