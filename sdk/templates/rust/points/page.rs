//! A page for the shop's people.

use heptad_sdk::prelude::*;

use crate::Plugin;

impl HttpHandler for Plugin {
    fn handle(_: &impl Host, request: Request) -> Result<Response, Error> {
        // Who may come where stands in the manifest: nobody but the shop's people gets this far.
        let page = format!("<!doctype html><html lang=\"en\"><title>Hello</title><h1>Hello</h1><p>{}</p></html>", request.method);
        Ok(Response::html(page))
    }
}
