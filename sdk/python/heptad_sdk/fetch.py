"""Calling other servers, those that the manifest names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from componentize_py_types import Err
from wit_world.imports import outgoing_handler
from wit_world.imports import wasi_http_types as wasi

from . import refuse
from ._streams import fields_of, headers_of, read_all, write_all

_METHODS = {name.removeprefix("Method_").upper(): kind for name, kind in vars(wasi).items() if name.startswith("Method_")}


@dataclass
class Answer:
    """The answer of another server, whatever its status."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is one of success, 200 to 299."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as a text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def fetch(address: str, method: str = "GET", headers: dict[str, str] | None = None, body: str | bytes = b"") -> Answer:
    """Sends a request and waits for the answer. What keeps it from being sent is raised as an error of the contract.

    Not after the first write of a call.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise refuse("invalid", "outbound-address", f"{address} is no address of http or https")
    request = wasi.OutgoingRequest(fields_of(wasi.Fields, headers or {}))
    known = _METHODS.get(method.upper())
    request.set_method(known() if known and known is not wasi.Method_Other else wasi.Method_Other(method))
    request.set_scheme(wasi.Scheme_Https() if parts.scheme == "https" else wasi.Scheme_Http())
    request.set_authority(parts.netloc)
    request.set_path_with_query((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    outgoing = request.body()
    try:
        future = outgoing_handler.handle(request, None)
        # Where nobody takes the body, the answer says why.
        write_all(wasi.OutgoingBody, outgoing, body)
        with future, future.subscribe() as pollable:
            pollable.block()
            # `option<result<result<response, error-code>>>`: it is there, and was not taken before.
            answered = future.get().value
    except Err as error:
        raise refuse("unavailable", "outbound", str(error.value)) from None
    if isinstance(answered, Err):
        raise refuse("unavailable", "outbound", str(answered.value))
    response = answered.value
    return Answer(response.status(), headers_of(response.headers()), read_all(response.consume()))
