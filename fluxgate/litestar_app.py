"""The Litestar app behind the plugins' handlers: its errors as problems with the offending field, and JSON bodies only
from clients that say so (what a foreign web page may post without asking is never taken for JSON)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException, SerializationException, ValidationException
from litestar.openapi.config import OpenAPIConfig
from litestar.response import Response

from fluxgate import __version__
from fluxgate.audit_notes import AuditNotes, audit_notes
from fluxgate.errors import (
    PROBLEM_TYPE,
    BadRequestError,
    ProblemError,
    UnsupportedMediaError,
)
from fluxgate.limits.json_depth import is_deeper
from fluxgate.principal import Principal
from fluxgate.routing import split_template
from fluxgate.settings import LimitSettings

__all__ = ["build_litestar", "try_litestar"]

_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}
_JSON_TYPE = re.compile(r"application/(?:[a-z0-9.!#$&^_-]+\+)?json\Z", re.IGNORECASE)
_MEMBER = re.compile(r"Object (?:contains unknown|missing required) field `(?P<name>[^`]*)`")
_PARAMETER = re.compile(r"Missing required (?P<kind>query|header|cookie|path) parameter '(?P<name>[^']*)'")
_BODY = "data"
"""Litestar's name for the body, a handler's keyword."""


class GatewayRequest(Request[Any, Any, Any]):
    """Litestar's request, with stricter JSON."""

    max_json_depth = 64

    async def json(self) -> Any:
        """The body as JSON. Raises 415 unless Content-Type says that it is, 400 where it isn't."""
        if not _JSON_TYPE.match(self.content_type[0]):
            raise UnsupportedMediaError(
                "The body must be JSON, with Content-Type application/json.", field="content-type"
            )
        if is_deeper(await self.body(), self.max_json_depth):
            raise BadRequestError(
                f"The body nests more than {self.max_json_depth} arrays and objects.",
                code="BODY_TOO_DEEP",
                field="body",
            )
        try:
            return await super().json()
        except (SerializationException, UnicodeDecodeError) as error:
            detail = str(error.__cause__ or error)
            raise BadRequestError(
                f"The body is not valid JSON: {detail}.", code="MALFORMED_BODY", field="body"
            ) from None


def try_litestar(routers: Iterable[Router], limits: LimitSettings | None = None) -> Litestar:
    """The same as `build_litestar`, which also raises what Litestar raises for handlers that can't be documented, or
    not together. It takes twice as long."""
    app = build_litestar(routers, limits)
    app.openapi_schema  # noqa: B018 - built when read
    return app


def build_litestar(routers: Iterable[Router], limits: LimitSettings | None = None) -> Litestar:
    """An app over these routers, with the limits of bodies. Raises whatever Litestar raises for a handler that can't be
    served."""
    limits = limits or LimitSettings()
    return Litestar(
        route_handlers=list(routers),
        openapi_config=OpenAPIConfig(title="Fluxgate", version=__version__, path="/-/schema", render_plugins=[]),
        exception_handlers={ProblemError: _problem, HTTPException: _http_exception, Exception: _unexpected},
        request_class=type("LimitedRequest", (GatewayRequest,), {"max_json_depth": limits.max_json_depth}),
        dependencies={
            "principal": Provide(_principal, sync_to_thread=False),
            "audit": Provide(_audit, sync_to_thread=False),
        },
        request_max_body_size=limits.max_body,
        logging_config=None,
        debug=False,
    )


def _principal(request: Request[Any, Any, Any]) -> Principal:
    """`principal: NamedDependency[Principal]` in a handler: the caller."""
    scope: Any = request.scope
    principal: Principal = scope["fluxgate.principal"]
    return principal


def _audit(request: Request[Any, Any, Any]) -> AuditNotes:
    """`audit: NamedDependency[AuditNotes]` in a handler: what it adds to the record of the change it makes."""
    scope: Any = request.scope
    return audit_notes(scope)


def _problem(request: Request[Any, Any, Any], error: ProblemError) -> Response[bytes]:
    scope: Any = request.scope
    scope["fluxgate.problem_code"] = error.problem_code
    request_id: Any = scope.get("fluxgate.request_id")
    return Response(
        error.body(request_id),
        status_code=error.problem_status,
        media_type=PROBLEM_TYPE,
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in error.headers},
    )


def _http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = error.status_code
    code = _CODES.get(status, "REQUEST_FAILED")
    message = error.detail if status < 500 else "The gateway failed to answer this request."
    field: str | None = None
    if isinstance(error, ValidationException):
        code = "INVALID_REQUEST"
        message, field = _invalid(error)
    elif status == 413:
        message, field = "The body is too large.", "body"
    elif status == 404 and "route_handler" not in dict(request.scope):
        # The gateway's table had this path, so what Litestar didn't take is a parameter's value.
        field, kind = _misfit(request)
        message = f"{field} must be a valid {kind}."
    headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in (error.headers or {}).items())
    return _problem(request, ProblemError(message, code=code, status=status, field=field, headers=headers))


def _invalid(error: ValidationException) -> tuple[str, str | None]:
    """The message and the field of the first thing that is wrong."""
    if (missing := _PARAMETER.match(error.detail)) is not None:
        return f"The {missing['kind']} parameter {missing['name']} is required.", missing["name"]
    extra: Any = error.extra
    if not extra:
        return error.detail, None
    first: dict[str, str] = extra[0]
    message = first.get("message", error.detail)
    key = first.get("key")
    if key == _BODY and message == repr(_BODY):
        return "A body is required.", "body"
    if (member := _MEMBER.match(message)) is not None:
        return message, member["name"] if key in {None, _BODY} else f"{key}.{member['name']}"
    return message, "body" if key == _BODY else key


def _misfit(request: Request[Any, Any, Any]) -> tuple[str, str]:
    """Name and type of the first path parameter whose value isn't of its type."""
    scope: Any = request.scope
    values: dict[str, bytes] = scope.get("fluxgate.params", {})
    typed = [
        segment[1:-1].partition(":")[::2]
        for segment in split_template(scope["fluxgate.route"].template)
        if segment.startswith("{")
    ]
    for name, kind in typed:
        if kind not in {"str", "path"} and not _parses(values.get(name, b"").decode("ascii"), kind):
            return name, kind
    return typed[0] if typed else ("path", "path")


def _parses(value: str, kind: str) -> bool:
    parse: Any = {"int": int, "float": float, "uuid": UUID}.get(kind)
    if parse is None:
        return False
    try:
        parse(value)
    except ValueError:
        return False
    return True


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    # Logged by the gateway, which knows more than Litestar does here.
    raise error
