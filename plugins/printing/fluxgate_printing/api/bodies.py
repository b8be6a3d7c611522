"""Bodies that may be left out: FluxStudio sends none with most of its commands."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from litestar import Request

from fluxgate.errors import BadRequestError

__all__ = ["optional_body"]

T = TypeVar("T")


async def optional_body(request: Request[Any, Any, Any], shape: type[T]) -> T:
    """The body as JSON; an empty one is as an object without anything in it. BadRequestError INVALID_REQUEST."""
    body = await request.body()
    try:
        return msgspec.json.decode(body if body.strip() else b"{}", type=shape)
    except msgspec.DecodeError as error:
        raise BadRequestError(str(error), code="INVALID_REQUEST", field="body") from None
