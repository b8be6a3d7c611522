"""A credential that isn't taken, as an error: the client learns that, the log why."""

from __future__ import annotations

from fluxgate.errors import BadRequestError, UnauthenticatedError

__all__ = ["malformed", "rejected"]


def rejected(reason: str, *, expired: bool = False) -> UnauthenticatedError:
    """401 with `invalid_token` (RFC 6750 §3.1). `reason` is for the log, and never holds the credential."""
    if expired:
        return UnauthenticatedError(
            "Your sign-in has expired.", code="CREDENTIALS_EXPIRED", error="invalid_token", reason=reason
        )
    return UnauthenticatedError(
        "The credentials that were sent aren't valid.", code="INVALID_CREDENTIALS", error="invalid_token", reason=reason
    )


def malformed(message: str, field: str) -> BadRequestError:
    """400 with `invalid_request` (RFC 6750 §3.1): credentials that can't be told apart."""
    return BadRequestError(
        message,
        code="AMBIGUOUS_CREDENTIALS",
        field=field,
        headers=((b"www-authenticate", b'Bearer realm="fluxgate", error="invalid_request"'),),
    )
