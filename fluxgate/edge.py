"""What a request must be before anything looks at it: one valid Host, one framing, a method that is served."""

from __future__ import annotations

import random
import re

from fluxgate.errors import BadRequestError, NotImplementedProblem
from fluxgate.types import Scope

__all__ = ["check_edge", "request_id_of"]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}\Z")
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\Z")

_random = random.Random()  # noqa: S311 - ids have to differ, not to be secret


def check_edge(scope: Scope) -> None:
    """Refuse what must go no further: no Host or several, both framings, a transfer coding other than chunked."""
    hosts = 0
    length = False
    for name, value in scope["headers"]:
        if name == b"host":
            hosts += 1
            if hosts > 1 or not _HOST.match(value):
                raise BadRequestError(
                    "The request must have exactly one valid Host field.", code="INVALID_HOST", field="host"
                )
        elif name == b"transfer-encoding":
            if value.strip().lower() != b"chunked":
                raise NotImplementedProblem(
                    "The only transfer coding taken is chunked.",
                    code="UNSUPPORTED_TRANSFER_CODING",
                    field="transfer-encoding",
                )
            if length or any(other == b"content-length" for other, _ in scope["headers"]):
                raise BadRequestError(
                    "A body has one framing, not two.", code="AMBIGUOUS_FRAMING", field="transfer-encoding"
                )
        elif name == b"content-length":
            if length or not value.isdigit():
                raise BadRequestError(
                    "Content-Length is not one number.", code="AMBIGUOUS_FRAMING", field="content-length"
                )
            length = True
    if hosts == 0 and scope["http_version"] != "1.0":
        raise BadRequestError("The request must have exactly one valid Host field.", code="INVALID_HOST", field="host")
    if scope["method"] == "CONNECT":
        raise NotImplementedProblem("CONNECT is not served.", code="METHOD_NOT_IMPLEMENTED")


def request_id_of(scope: Scope) -> str:
    """The client's X-Request-Id if it is one that is safe to log and to forward, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.match(value):
            return str(value, "ascii")
    return f"{_random.getrandbits(96):024x}"
