//! Style, script and pictures: in the binary, addressed by their content so that browsers keep them for ever.

use axum::extract::{Path, Query};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use serde::Deserialize;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

#[derive(Deserialize)]
pub(super) struct Version {
    v: Option<String>,
}

/// The address of a file, with the beginning of its content's hash.
pub(super) fn address(file: &str) -> String {
    match Assets::get(file) {
        Some(asset) => format!("/console/assets/{file}?v={}", version(&asset)),
        None => format!("/console/assets/{file}"),
    }
}

fn version(asset: &rust_embed::EmbeddedFile) -> String {
    hex::encode(&asset.metadata.sha256_hash()[..8])
}

/// `GET /console/assets/{file}`.
pub(super) async fn get(Path(file): Path<String>, Query(asked): Query<Version>) -> Response {
    let Some(asset) = Assets::get(&file) else { return StatusCode::NOT_FOUND.into_response() };
    // Only the address with the right hash is for ever: another one may be of an older binary.
    let cache = match asked.v.is_some_and(|asked| asked == version(&asset)) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let kind = asset.metadata.mimetype().to_owned();
    let kind = if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache.to_owned())], asset.data).into_response()
}
