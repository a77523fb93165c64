//! The API's description: OpenAPI 3.1 at `/openapi.json`, a page to read it at `/docs`.
//!
//! What holds for all routes is added here from [`ROUTES`], so that no handler repeats it: who may call, how to show who
//! one is, what a refusal looks like, and the variable parts of the address.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_swagger_ui::{Config, serve};

use crate::api::{ROUTES, RouteRow};
use crate::error::{ApiError, PROBLEM_JSON, Problem, ProblemField};
use crate::state::AppState;

/// The page's own script and style are files; Swagger UI sets styles and images from its script.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Heptad",
        description = "The API of a commercial operating system for retail. Amounts are whole minor units, moments are RFC 3339 \
                       in UTC, lists are pages with a cursor. Every refusal is a problem (RFC 9457) with a stable `code`, and \
                       every answer carries its request's id in `X-Request-Id`. `Accept-Language` chooses the language of \
                       sentences: zh-CN or en.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(Problem, ProblemField))
)]
struct Head;

/// What stands above the routes.
pub(crate) fn head() -> Document {
    Head::openapi()
}

/// The whole description.
pub(crate) fn document(routes: &Document) -> Value {
    let mut document = serde_json::to_value(routes).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer", "description": "An API token, `hpt_…`."},
    });
    for row in ROUTES {
        let operation = &mut document["paths"][row.path][row.method.to_ascii_lowercase()];
        if let Some(operation) = operation.as_object_mut() {
            complete(operation, row);
        }
    }
    document
}

fn complete(operation: &mut Map<String, Value>, row: &RouteRow) {
    if let Some(roles) = row.roles {
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let said =
            operation.get("description").and_then(Value::as_str).map(|text| format!("{text}\n\n")).unwrap_or_default();
        operation.insert("description".to_owned(), json!(format!("{said}Roles: {}.", names.join(", "))));
        operation.insert("x-roles".to_owned(), json!(names));
        operation.insert("security".to_owned(), json!([{"token": []}]));
    }
    let parts = row.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parts = parts.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    if let Some(parameters) = operation.entry("parameters").or_insert_with(|| json!([])).as_array_mut() {
        parameters.splice(0..0, parts);
    }
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        responses.insert(
            "default".to_owned(),
            json!({
                "description": "Why the request was refused or failed.",
                "content": {PROBLEM_JSON: {"schema": schema}},
            }),
        );
    }
}

/// `/openapi.json` and `/docs`.
pub(crate) fn routes(routes: &Document) -> Router<AppState> {
    let text = axum::body::Bytes::from(document(routes).to_string());
    let config = Arc::new(Config::from("/openapi.json"));
    let json = move || {
        let text = text.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], text) }
    };
    let page = move |path: Option<Path<String>>| {
        let config = config.clone();
        async move { file(path.as_ref().map_or("", |Path(path)| path), config) }
    };
    Router::new()
        .route("/openapi.json", get(json))
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(page.clone()))
        .route("/docs/{*path}", get(page))
}

fn file(path: &str, config: Arc<Config<'static>>) -> Response {
    match serve(path, config) {
        Ok(Some(file)) => {
            let policy = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCS_POLICY));
            let kind = HeaderValue::from_str(&file.content_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream"));
            ([policy, (header::CONTENT_TYPE, kind)], file.bytes.into_owned()).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => ApiError::internal(error).into_response(),
    }
}
