//! JSON bodies: bounded, of a known shape, each error with the field's path.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::error::{ApiError, ApiResult};
use crate::state::AppState;

/// A JSON body.
#[derive(Debug, Clone)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> ApiResult<Self> {
        require_json(request.headers())?;
        let bytes = bytes_within(request, state.options.body_bytes, "body-too-large").await?;
        parse_json(&bytes).map(Self)
    }
}

/// 415 unless the body is said to be JSON.
pub(crate) fn require_json(headers: &HeaderMap) -> ApiResult<()> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "the body must be JSON")
        .with_hint("send the header `Content-Type: application/json`"))
}

/// The whole body; 413 with this code when it is larger, before it is read where its length is told; 415 when it is
/// compressed.
pub(crate) async fn bytes_within(request: Request, most: usize, code: &'static str) -> ApiResult<Bytes> {
    let too_large = || {
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, code, format!("the body has more than {most} bytes"))
            .with_hint(format!("send at most {most} bytes"))
    };
    // What comes compressed would be as large as it likes once it is unpacked; nothing here unpacks.
    let coding = request.headers().get(header::CONTENT_ENCODING).map(|value| value.as_bytes());
    if !matches!(coding, None | Some(b"" | b"identity")) {
        let detail = "the body must not be compressed";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding", detail)
            .with_hint("leave out the header `Content-Encoding`, and send the body as it is"));
    }
    let told = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    match Limited::new(request.into_body(), most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(ApiError::new(StatusCode::BAD_REQUEST, "body-unreadable", "the body ended before its end")),
    }
}

/// Reads JSON: 400 for what is none, 422 with the field's path for another shape.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let malformed = |error: &serde_json::Error| {
        ApiError::new(StatusCode::BAD_REQUEST, "malformed-json", format!("the body is not JSON: {error}"))
    };
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        if !error.inner().is_data() {
            return malformed(error.inner());
        }
        let message = sentence(error.inner());
        ApiError::invalid(field(error.path(), &message), message)
    })?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// Serde's sentence without the place in the text, which the field's path says better.
fn sentence(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// The path with points between its parts. Of an unknown or missing field serde tells the name in the sentence only.
fn field(path: &Path, message: &str) -> String {
    let mut parts: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { variant } => Some(variant.clone()),
            Segment::Unknown => None,
        })
        .collect();
    let named = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start));
    if let Some(name) = named.and_then(|rest| rest.split('`').next())
        && parts.last().is_none_or(|last| last != name)
    {
        parts.push(name.to_owned());
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Cart {
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Line {
        sku: String,
        quantity: u32,
    }

    #[test]
    fn each_error_names_its_field() {
        for (body, code, field) in [
            (r#"{"lines":"#, "malformed-json", None),
            (r#"{"lines":[]} x"#, "malformed-json", None),
            ("", "malformed-json", None),
            (r#"{"lines":[{"sku":"a","quantity":-1}]}"#, "invalid", Some("lines.0.quantity")),
            (r#"{"lines":[{"sku":"a","quantity":1},{"sku":"a","quantity":1.5}]}"#, "invalid", Some("lines.1.quantity")),
            (r#"{"lines":[{"sku":"a","quantity":4294967296}]}"#, "invalid", Some("lines.0.quantity")),
            (r#"{"lines":[{"sku":"a"}]}"#, "invalid", Some("lines.0.quantity")),
            (r#"{"lines":[{"sku":"a","quantity":1,"price":1}]}"#, "invalid", Some("lines.0.price")),
            (r#"{"lines":[],"surprise":1}"#, "invalid", Some("surprise")),
            (r#"{}"#, "invalid", Some("lines")),
            ("[]", "invalid", None),
        ] {
            let error = parse_json::<Cart>(body.as_bytes()).unwrap_err();
            assert_eq!(error.code(), code, "{body}: {error}");
            assert_eq!(error.fields().first().map(|field| field.field.as_str()), field, "{body}: {error}");
        }
        assert!(parse_json::<Cart>(br#"{"lines":[{"sku":"a","quantity":1}]}"#).is_ok());
    }
}
