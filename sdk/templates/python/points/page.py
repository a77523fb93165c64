"""A page for the shop's people."""

from heptad_sdk.http import Request, Response, escape, html, pages


def answer(request: Request) -> Response:
    # Who may come where stands in the manifest: nobody but the shop's people gets this far.
    return html(f"<!doctype html><html lang=\"en\"><title>Hello</title><h1>Hello</h1><p>{escape(request.method)}</p></html>")


IncomingHandler = pages(answer)
