"""Answering HTTP requests at the point `http.route`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports import wasi_http_types as wasi

from ._streams import fields_of, headers_of, read_all, write_all

__all__ = ["Request", "Response", "escape", "html", "json_response", "pages", "plain"]


class Request:
    """A request to one of the manifest's routes."""

    def __init__(self, request: wasi.IncomingRequest) -> None:
        self._request = request
        method = request.method()
        self.method: str = method.value if isinstance(method, wasi.Method_Other) else type(method).__name__.removeprefix("Method_").upper()
        """Such as `GET`."""
        self.path, _, self.query = (request.path_with_query() or "/").partition("?")
        self.headers: dict[str, str] = headers_of(request.headers())
        """By their names in lower case."""

    @cached_property
    def body(self) -> bytes:
        """The body as a whole."""
        return read_all(self._request.consume())

    @property
    def text(self) -> str:
        """The body as a text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Response:
    """A response. What the plugin wrote is committed before it goes out."""

    body: str | bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def html(body: str, status: int = 200) -> Response:
    """A page. Escape what is not yours: this does not."""
    return Response(body, status, {"content-type": "text/html; charset=utf-8"})


def plain(body: str, status: int = 200) -> Response:
    """Plain text."""
    return Response(body, status, {"content-type": "text/plain; charset=utf-8"})


def json_response(value: Any, status: int = 200) -> Response:
    """JSON."""
    return Response(json.dumps(value, ensure_ascii=False), status, {"content-type": "application/json"})


def pages(answer: Callable[[Request], Response]) -> type[exports.IncomingHandler]:
    """The class `IncomingHandler` of a function that gets a request and gives a response."""

    class IncomingHandler(exports.IncomingHandler):
        def handle(self, request: wasi.IncomingRequest, response_out: wasi.ResponseOutparam) -> None:
            answered = answer(Request(request))
            response = wasi.OutgoingResponse(fields_of(wasi.Fields, answered.headers))
            response.set_status_code(answered.status)
            body = response.body()
            wasi.ResponseOutparam.set(response_out, Ok(response))
            write_all(wasi.OutgoingBody, body, answered.body)

    return IncomingHandler
