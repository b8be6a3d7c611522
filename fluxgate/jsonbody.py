"""JSON bodies of the gateway's own routes: decoded strictly into a struct, and a mistake named by its field."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from fluxgate.errors import BadRequestError, PayloadTooLargeError, UnsupportedMediaError
from fluxgate.types import Receive, Scope

__all__ = ["read_json"]

MAX_BYTES = 64 * 1024
_JSON = re.compile(rb"application/json\s*(?:;.*)?\Z", re.IGNORECASE)
_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NAMED = re.compile(r"Object (?:contains unknown|missing required) field `(?P<name>[^`]*)`")
_FIELD = re.compile(r"(?P<name>\w+): (?P<rest>.+)", re.DOTALL)
"""How a `__post_init__` names its field."""

S = TypeVar("S", bound=msgspec.Struct)


async def read_json(scope: Scope, receive: Receive, type_: type[S]) -> S:
    """The request's body as `type_`.

    Raises UnsupportedMediaError unless it is called JSON, which a page of another origin can't do unasked;
    PayloadTooLargeError; BadRequestError with the field.
    """
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    if len(kinds) != 1 or not _JSON.match(kinds[0].strip()):
        raise UnsupportedMediaError("The body must be JSON, with Content-Type application/json.", field="content-type")
    try:
        return msgspec.json.decode(await _body(receive), type=type_)
    except msgspec.ValidationError as error:
        message = str(error)
        found = _PATH.search(message)
        path = found["path"] if found else ""
        message = _PATH.sub("", message)
        if not path and (own := _FIELD.match(message)) is not None and own["name"] in type_.__struct_fields__:
            path, message = own["name"], own["rest"]
        if (named := _NAMED.match(message)) is not None:
            path = f"{path}.{named['name']}" if path else named["name"]
        raise BadRequestError(message, code="INVALID_REQUEST", field=path or "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(f"The body is not valid JSON: {error}.", code="MALFORMED_BODY", field="body") from None


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequestError("The body ended before its end.", code="MALFORMED_BODY", field="body")
        body += message.get("body", b"")
        if len(body) > MAX_BYTES:
            raise PayloadTooLargeError(f"The body is larger than {MAX_BYTES} bytes.", field="body")
        if not message.get("more_body", False):
            return bytes(body)
