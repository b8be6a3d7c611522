"""How a route is documented where its code can't say it: bodies, query and examples of forwarded routes and streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["Body", "RouteDoc"]


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A request's or an answer's body.

    `type`: anything that msgspec makes a JSON schema of; `schema`: the schema itself, for what isn't JSON; `example`:
    an instance of `type`, or the JSON as it stands.
    """

    type: Any = None
    schema: Mapping[str, Any] | None = None
    media_type: str = "application/json"
    example: Any = None
    required: bool = True
    description: str = ""


class RouteDoc(msgspec.Struct, frozen=True, kw_only=True):
    """What a route's operations say in `/-/openapi.json`. A handler's bodies are documented by its signature, so there
    only `description` and the examples count.

    `query`: a struct whose fields are the query's parameters. `status`: of the answer when all is well. `alternatives`:
    what the answer may be in place of `response`, of other media types.
    """

    description: str = ""
    query: Any = None
    request: Body | None = None
    response: Body | None = None
    alternatives: tuple[Body, ...] = ()
    status: int = 200
