"""An upstream's failure as the client is told it: status, the upstream's own codes, nothing internal."""

from __future__ import annotations

from fluxgate.errors import BadGatewayError, ProblemError, UnavailableError, UpstreamTimeoutError
from fluxgate.proxy.failures import (
    ConnectTimeout,
    MalformedError,
    PoolTimeout,
    ReadTimeout,
    UnhealthyError,
    UpstreamError,
    WriteTimeout,
)
from fluxgate.proxy.route import FailureCodes


def problem_of(error: UpstreamError, codes: FailureCodes) -> ProblemError:
    """502 unreachable or malformed, 503 busy (or unreachable, if the upstream says so), 504 silent."""
    match error:
        case ReadTimeout() | WriteTimeout() | ConnectTimeout():
            return UpstreamTimeoutError(codes.timeout_message, code=codes.timeout_code)
        case UnhealthyError():
            return UnavailableError(
                codes.unreachable_message, code=codes.unreachable_code, retry_after=error.retry_after
            )
        case PoolTimeout():
            return UnavailableError(codes.busy_message, code=codes.busy_code, retry_after=1)
        case MalformedError():
            return BadGatewayError(codes.malformed_message, code=codes.malformed_code)
        case _ if codes.unreachable_status == 503:
            return UnavailableError(codes.unreachable_message, code=codes.unreachable_code, retry_after=2)
        case _:
            return BadGatewayError(codes.unreachable_message, code=codes.unreachable_code)
