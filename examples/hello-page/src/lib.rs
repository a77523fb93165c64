//! A plugin with pages of its own: one for everybody that counts its visits, one for the shop's people that tells them.

use heptad_sdk::prelude::*;

/// A plugin with pages of its own.
pub struct HelloPage;

const VISITS: &str = "visits";

impl HttpHandler for HelloPage {
    fn handle(host: &impl Host, request: Request) -> Result<Response, Error> {
        let found = host.kv_get(&[VISITS.to_owned()])?.pop();
        let visits: u64 = found.and_then(|entry| String::from_utf8(entry.value).ok()?.parse().ok()).unwrap_or_default();
        // Who may come where stands in the manifest: nobody but the shop's people gets this far at `/desk`.
        if request.path == "/desk" {
            return Ok(page("Desk", &format!("{visits} came")));
        }
        let visits = visits + 1;
        host.kv_set(&[Entry { key: VISITS.to_owned(), value: visits.to_string().into_bytes() }])?;
        Ok(page("Hello", &format!("You are number {visits}")))
    }
}

fn page(title: &str, text: &str) -> Response {
    Response::html(format!(
        "<!doctype html><html lang=\"en\"><title>{title}</title><h1>{title}</h1><p>{text}</p></html>"
    ))
}

heptad_sdk::plugin!(HelloPage: http_handler);
