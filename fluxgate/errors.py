"""Every error of the gateway, in one tree, and its one mapping to an HTTP body.

FluxgateError
├── SettingsError              the configuration is wrong; start-up ends (the gateway's) or the plugin is quarantined
(its own)
├── PluginError                a plugin can't be served; it is quarantined with this as the reason
├── MigrationError             a migration failed; the database is as it was before
└── ProblemError               500 unless told otherwise; ends a request with a problem body
    ├── BadRequestError        400
    ├── UnauthenticatedError   401, with `WWW-Authenticate`
    ├── ForbiddenError         403
    ├── NotFoundError          404
    ├── MethodNotAllowedError  405, with `Allow`
    ├── ConflictError          409
    ├── PayloadTooLargeError   413
    ├── UnsupportedMediaError  415
    ├── UnprocessableError     422
    ├── UpgradeRequiredError   426, with `Upgrade`
    ├── TooManyRequestsError   429, with `Retry-After`
    ├── NotImplementedProblem  501
    ├── BadGatewayError        502: the upstream can't be reached or doesn't speak HTTP
    ├── UnavailableError       503, with `Retry-After` where one is known
    └── UpstreamTimeoutError   504: the upstream stayed silent for too long

The body is RFC 9457 `application/problem+json`, with the members `success`, `error`, `code` and `message` that
FluxStudio's frontend reads. A message never carries an internal address, a path or a traceback.
"""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import ClassVar

import msgspec

__all__ = [
    "BadGatewayError",
    "BadRequestError",
    "ConflictError",
    "FluxgateError",
    "ForbiddenError",
    "MethodNotAllowedError",
    "MigrationError",
    "NotFoundError",
    "NotImplementedProblem",
    "PayloadTooLargeError",
    "PluginError",
    "Problem",
    "ProblemError",
    "SettingsError",
    "TooManyRequestsError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnprocessableError",
    "UnsupportedMediaError",
    "UpgradeRequiredError",
    "UpstreamTimeoutError",
]

PROBLEM_TYPE = "application/problem+json"


class Problem(msgspec.Struct, kw_only=True, omit_defaults=False):
    """The body of every error answer.

    `status` is the HTTP status; `code` a stable upper-case name for programs; `message` a sentence for people; `field`
    the offending field, parameter or header where there is one.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    success: bool = False
    error: str
    code: str
    message: str
    field: str | msgspec.UnsetType | None = msgspec.UNSET
    request_id: str | msgspec.UnsetType | None = msgspec.UNSET


class FluxgateError(Exception):
    """Base of all errors that Fluxgate raises on purpose."""


class SettingsError(FluxgateError):
    """A setting is wrong. The text names the file, the line, the key path and, where one is near, the valid key."""

    def __init__(self, message: str, *, file: Path | None = None, line: int | None = None, key: str = "") -> None:
        self.message = message
        self.file = file
        self.line = line
        self.key = key
        where = str(file) if file else "environment"
        if line is not None:
            where += f":{line}"
        super().__init__(f"{where}: {key}: {message}" if key else f"{where}: {message}")


class PluginError(FluxgateError):
    """A plugin can't be served, and why."""


class MigrationError(FluxgateError):
    """A migration failed; nothing of it was kept."""


class ProblemError(FluxgateError):
    """Ends the request with a problem body of `status`."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        field: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.problem_status = self.status if status is None else status
        self.problem_code = self.code if code is None else code
        self.field = field
        self.headers = headers

    def body(self, request_id: str | None = None) -> bytes:
        """The JSON problem body."""
        return problem_body(self.problem_status, self.problem_code, self.message, self.field, request_id)


class BadRequestError(ProblemError):
    """400"""

    status = 400
    code = "BAD_REQUEST"


class UnauthenticatedError(ProblemError):
    """401; `error` is OAuth's (RFC 6750 §3.1), for a credential that was given and isn't taken; `reason` is why, for
    the log."""

    status = 401
    code = "UNAUTHENTICATED"

    def __init__(
        self,
        message: str = "Sign in, or send an API key or a bearer token.",
        *,
        code: str | None = None,
        error: str | None = None,
        reason: str = "",
    ) -> None:
        self.reason = reason
        challenge = b'Bearer realm="fluxgate"' + (b', error="%b"' % error.encode("ascii") if error else b"")
        super().__init__(message, code=code, headers=((b"www-authenticate", challenge),))


class ForbiddenError(ProblemError):
    """403"""

    status = 403
    code = "FORBIDDEN"


class NotFoundError(ProblemError):
    """404"""

    status = 404
    code = "NOT_FOUND"


class MethodNotAllowedError(ProblemError):
    """405; `allow` becomes the `Allow` header."""

    status = 405
    code = "METHOD_NOT_ALLOWED"

    def __init__(self, message: str, *, allow: frozenset[str]) -> None:
        self.allow = allow
        super().__init__(message, headers=((b"allow", ", ".join(sorted(allow)).encode("ascii")),))


class ConflictError(ProblemError):
    """409"""

    status = 409
    code = "CONFLICT"


class PayloadTooLargeError(ProblemError):
    """413"""

    status = 413
    code = "BODY_TOO_LARGE"


class UnsupportedMediaError(ProblemError):
    """415"""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


class UnprocessableError(ProblemError):
    """422"""

    status = 422
    code = "UNPROCESSABLE"


class TooManyRequestsError(ProblemError):
    """429; `retry_after` in seconds becomes `Retry-After`: keep it small, clients sleep for all of it."""

    status = 429
    code = "TOO_MANY_REQUESTS"

    def __init__(
        self, message: str, *, code: str | None = None, retry_after: int, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(message, code=code, headers=((b"retry-after", b"%d" % retry_after), *headers))


class UpgradeRequiredError(ProblemError):
    """426: the route is a WebSocket, and this isn't its handshake."""

    status = 426
    code = "UPGRADE_REQUIRED"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        fields = ((b"upgrade", b"websocket"), (b"connection", b"upgrade"), (b"sec-websocket-version", b"13"))
        super().__init__(message, field=field, headers=fields)


class NotImplementedProblem(ProblemError):  # noqa: N818 - NotImplementedError is Python's own
    """501"""

    status = 501
    code = "NOT_IMPLEMENTED"


class BadGatewayError(ProblemError):
    """502: the upstream can't be reached, or what it sent isn't HTTP."""

    status = 502
    code = "UPSTREAM_UNREACHABLE"


class UnavailableError(ProblemError):
    """503; `retry_after` in seconds becomes `Retry-After`."""

    status = 503
    code = "SERVICE_UNAVAILABLE"

    def __init__(
        self, message: str, *, code: str | None = None, field: str | None = None, retry_after: int | None = None
    ) -> None:
        headers = () if retry_after is None else ((b"retry-after", b"%d" % retry_after),)
        super().__init__(message, code=code, field=field, headers=headers)


class UpstreamTimeoutError(ProblemError):
    """504"""

    status = 504
    code = "UPSTREAM_TIMEOUT"


def problem_body(
    status: int, code: str, message: str, field: str | None = None, request_id: str | None = None
) -> bytes:
    """Encode one problem body (RFC 9457, plus the members FluxStudio reads)."""
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    return msgspec.json.encode(
        Problem(
            title=title,
            status=status,
            detail=message,
            error=title,
            code=code,
            message=message,
            field=msgspec.UNSET if field is None else field,
            request_id=msgspec.UNSET if request_id is None else request_id,
        )
    )
