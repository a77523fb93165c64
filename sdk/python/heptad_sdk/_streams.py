"""Bodies and headers of HTTP messages, read and written as a whole."""

from __future__ import annotations

from typing import Any

from componentize_py_types import Err
from wit_world.imports.streams import StreamError_Closed

PIECE = 64 * 1024
"""The most bytes that are read at once."""

WRITE = 4096
"""The most that a stream takes in one blocking write, by WASI."""


def read_all(body: Any) -> bytes:
    """All bytes of a body, which is closed after that."""
    pieces = []
    with body, body.stream() as stream:
        while True:
            try:
                pieces.append(stream.blocking_read(PIECE))
            except Err as error:
                if isinstance(error.value, StreamError_Closed):
                    return b"".join(pieces)
                raise


def write_all(kind: Any, body: Any, content: str | bytes) -> bool:
    """Writes all bytes to a body, and ends it; whether somebody took them all."""
    data = content.encode() if isinstance(content, str) else content
    try:
        with body.write() as stream:
            for at in range(0, len(data), WRITE):
                stream.blocking_write_and_flush(data[at : at + WRITE])
    except Err as error:
        if isinstance(error.value, StreamError_Closed):
            return False
        raise
    kind.finish(body, None)
    return True


def headers_of(fields: Any) -> dict[str, str]:
    """Headers by their names in lower case; several of one name are joined by commas."""
    headers: dict[str, str] = {}
    for name, value in fields.entries():
        key, words = name.lower(), value.decode(errors="replace")
        headers[key] = f"{headers[key]}, {words}" if key in headers else words
    return headers


def fields_of(kind: Any, headers: dict[str, str]) -> Any:
    """The same as a resource."""
    return kind.from_list([(name.lower(), value.encode()) for name, value in headers.items()])
