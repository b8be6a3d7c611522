"""What stands between the route table and a route's endpoint, in this order: who is calling → may they → how often →
how many at once → the audit trail. While an answer without an end runs, the first two are asked again.

Nothing of the body is read before all of that is settled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxgate.errors import ProblemError
from fluxgate.policy import authorize
from fluxgate.principal import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fluxgate.answer import Answer
    from fluxgate.audit import AuditTrail
    from fluxgate.auth import Authenticator
    from fluxgate.limits import Limits
    from fluxgate.routing import Route
    from fluxgate.standing import Standing
    from fluxgate.types import Receive, Scope

    Serve = Callable[[Route, Scope, Receive, Answer], Awaitable[None]]

__all__ = ["Guard"]

_ASKED_AGAIN = frozenset({"token", "key", "session", "link"})
"""Methods of identifying a caller that may come to nothing while its answer runs."""


class Guard:
    """Serves a request through `serve`, or raises the problem that it is answered with."""

    def __init__(self, auth: Authenticator, limits: Limits, audit: AuditTrail, standing: Standing) -> None:
        self._auth = auth
        self._limits = limits
        self._standing = standing
        self._audit = audit

    async def pass_on(self, route: Route, scope: Scope, receive: Receive, answer: Answer, serve: Serve) -> None:
        """Let the request through to `serve`, once all that is asked of it holds."""
        principal = ANONYMOUS
        try:
            principal = await self._auth.identify(scope)
            scope["fluxgate.principal"] = principal
            if (asking := authorize(route.policy, principal, scope)) is not None:
                await asking
        except ProblemError as error:
            if route.action:
                self._audit.denied(route, principal, scope, error)
            raise
        await self._limits.take(route, principal, scope, answer)
        async with self._limits.running(route):
            watch = self._standing.watch(route, principal, scope) if principal.method in _ASKED_AGAIN else None
            try:
                if route.action:
                    async with self._audit.recording(route, principal, scope, answer):
                        await serve(route, scope, receive, answer)
                else:
                    await serve(route, scope, receive, answer)
            finally:
                if watch is not None:
                    watch.stop()
