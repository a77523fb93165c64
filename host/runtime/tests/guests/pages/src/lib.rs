//! A plugin that answers HTTP requests, or misbehaves while it does: the path says how.

use std::time::Duration;

use heptad_sdk::prelude::*;
use serde_json::json;

/// Answers requests.
pub struct Pages;

/// Where the last report is kept.
const REPORT: &str = "report";

impl HttpHandler for Pages {
    fn handle(host: &impl Host, request: Request) -> Result<Response, Error> {
        let path = request.path.clone();
        match path.as_str() {
            "/" => Ok(Response::html("<!doctype html><title>pages</title><p>hello")),
            "/visitor" | "/mine" | "/hook" => visitor(host, &request),
            "/echo" => echo(request),
            "/large" => Ok(large(number(&request.query))),
            "/size" => size(request),
            "/headers" => Ok(headers()),
            "/cookies" => Ok(cookies(&request.query)),
            "/worker.js" => Ok(script("self.addEventListener('fetch', () => {})")),
            "/attempt" => attempt(host, request),
            "/report" if request.method == "POST" => report(host, request),
            "/report" => Ok(Response::plain(kept(host, REPORT)?)),
            "/write" => write(host, &request),
            path if path.starts_with("/page/") => Ok(page(path)),
            path if path.starts_with("/admin/") => admin(host, &request),
            path => bad(host, path.trim_start_matches("/bad/")),
        }
    }
}

fn number(query: &str) -> usize {
    query.split('=').nth(1).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Who asks, and all that the request says.
fn visitor(host: &impl Host, request: &Request) -> Result<Response, Error> {
    let headers: Vec<_> = request.headers.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))).collect();
    let visitor = host.visitor().map(|visitor| {
        json!({
            "route": visitor.route,
            "audience": visitor.audience,
            "role": visitor.role,
            "user": visitor.user,
            "locale": visitor.locale,
        })
    });
    Response::json(&json!({
        "visitor": visitor,
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": headers,
    }))
}

fn echo(request: Request) -> Result<Response, Error> {
    let kind = request.text("content-type").unwrap_or("application/octet-stream").to_owned();
    let mut body = request.into_body();
    let stream = move |out: &mut dyn std::io::Write| std::io::copy(&mut body, out).map(drop);
    Ok(Response::new(200).header("content-type", &kind).stream(stream))
}

fn large(bytes: usize) -> Response {
    Response::new(200).stream(move |out| {
        let piece = [b'x'; 64 << 10];
        let mut left = bytes;
        while left > 0 {
            let length = left.min(piece.len());
            out.write_all(&piece[..length])?;
            left -= length;
        }
        Ok(())
    })
}

fn size(request: Request) -> Result<Response, Error> {
    let mut body = request.into_body();
    let size = std::io::copy(&mut body, &mut std::io::sink());
    let size = size.map_err(|error| Error::new("request-body", error.to_string()))?;
    Ok(Response::plain(size.to_string()))
}

/// Everything that a plugin may not say.
fn headers() -> Response {
    let said = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("clear-site-data", "\"*\""),
        ("service-worker-allowed", "/"),
        ("strict-transport-security", "max-age=0"),
        ("x-frame-options", "ALLOWALL"),
        ("content-security-policy", "frame-ancestors *"),
        ("cross-origin-opener-policy", "unsafe-none"),
        ("set-cookie", "own=1; Domain=heptad.test; Path=/"),
        ("set-cookie", "heptad-session=stolen; Path=/"),
        ("x-own", "kept"),
    ];
    said.iter().fold(Response::plain("headers"), |response, (name, value)| response.header(name, value))
}

fn cookies(query: &str) -> Response {
    Response::plain("cookie").header("set-cookie", &format!("{query}; Domain=localhost; Path=/; Max-Age=600"))
}

fn script(text: &str) -> Response {
    Response::new(200).header("content-type", "text/javascript").header("service-worker-allowed", "/").body(text)
}

/// A page whose script is the test's own, run by the browser's driver.
fn page(path: &str) -> Response {
    Response::html(format!("<!doctype html><title>{path}</title><p id=\"here\">{path}"))
        .header("content-security-policy", "frame-ancestors *")
        .header("x-frame-options", "ALLOWALL")
        .header("access-control-allow-origin", "*")
}

fn kept(host: &impl Host, key: &str) -> Result<String, Error> {
    let found = host.kv_get(&[key.to_owned()])?.pop();
    Ok(found.map(|entry| String::from_utf8_lossy(&entry.value).into_owned()).unwrap_or_default())
}

fn keep(host: &impl Host, key: &str, value: &str) -> Result<(), Error> {
    Ok(host.kv_set(&[Entry { key: key.to_owned(), value: value.as_bytes().to_vec() }])?)
}

fn report(host: &impl Host, mut request: Request) -> Result<Response, Error> {
    let said = String::from_utf8_lossy(&request.read()?).into_owned();
    keep(host, REPORT, &said)?;
    Ok(Response::new(204))
}

/// Notes what another page managed to send here: its cookies, and its body.
fn attempt(host: &impl Host, mut request: Request) -> Result<Response, Error> {
    let cookie = request.text("cookie").unwrap_or_default().to_owned();
    let body = String::from_utf8_lossy(&request.read()?).into_owned();
    keep(host, "attempt", &format!("{cookie}|{body}"))?;
    Ok(Response::new(204))
}

/// Writes before the head, and tries to after it; both are told.
fn write(host: &impl Host, request: &Request) -> Result<Response, Error> {
    let value = request.query.clone();
    keep(host, "before", &value)?;
    Ok(Response::new(200).stream(move |out| out.write_all(after(&value).as_bytes())))
}

/// What came of writing while the body goes out.
#[cfg(target_family = "wasm")]
fn after(value: &str) -> String {
    let host = heptad_sdk::Component;
    let kept = host.kv_get(&["before".to_owned()]).map(|found| found.len());
    let entry = Entry { key: "after".to_owned(), value: value.as_bytes().to_vec() };
    match host.kv_set(&[entry]) {
        Ok(()) => format!("{kept:?} written"),
        Err(error) => format!("{kept:?} {:?} {}", error.kind, error.code),
    }
}

#[cfg(not(target_family = "wasm"))]
fn after(_value: &str) -> String {
    String::new()
}

fn admin(host: &impl Host, request: &Request) -> Result<Response, Error> {
    if request.method == "POST" {
        keep(host, "admin", &request.query)?;
    }
    let visitor = host.visitor().ok_or_else(|| Error::new("no-visitor", "nobody asks"))?;
    Ok(Response::html(format!(
        "<!doctype html><title>admin</title><p id=\"role\">{}<p id=\"user\">{}",
        visitor.role,
        visitor.user.unwrap_or_default()
    )))
}

fn bad(host: &impl Host, how: &str) -> Result<Response, Error> {
    match how {
        // It waits and spends no fuel: only the clock can end it.
        "sleep" => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        "spin" => loop {
            std::hint::black_box(());
        },
        "trap" => panic!("the page tore"),
        "error" => {
            keep(host, "before", "by an error")?;
            Err(Error::new("torn", "the page is torn"))
        }
        "write-and-spin" => {
            keep(host, "before", "by a spinner")?;
            loop {
                std::hint::black_box(());
            }
        }
        "huge-headers" => Ok(Response::new(200).header("x-huge", &"x".repeat(100 << 10))),
        "informational" => Ok(Response::new(103)),
        "trap-after" => Ok(Response::new(200).stream(|out| {
            out.write_all(b"the beginning")?;
            panic!("the page tore")
        })),
        "short" => Ok(Response::new(200).header("content-length", "100").body("short")),
        "forever" => Ok(Response::new(200).stream(|out| {
            loop {
                out.write_all(&[b'x'; 1 << 10])?;
            }
        })),
        how => Ok(Response::plain(how).status(404)),
    }
}

heptad_sdk::plugin!(Pages: http_handler);

#[cfg(test)]
mod tests {
    use heptad_sdk::fake::Shop;

    use super::*;

    #[test]
    fn who_asks_is_told_and_what_is_sent_is_kept() {
        let shop = Shop::new("CNY").manifest(include_str!("../plugin.toml")).writable();
        let shop = shop.visitor("/visitor", "public", "anonymous", None);
        let (status, _, body) =
            Pages::handle(&shop, Request::new("GET", "/visitor", "")).unwrap().into_parts().unwrap();
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, told["visitor"]["role"].as_str()), (200, Some("anonymous")));
        Pages::handle(&shop, Request::new("POST", "/report", "all is well")).unwrap();
        let report = Pages::handle(&shop, Request::new("GET", "/report", "")).unwrap().into_parts().unwrap();
        assert_eq!(report.2, b"all is well");
    }
}
