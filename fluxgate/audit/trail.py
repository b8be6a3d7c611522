"""Writes down who changes what, before it is changed, and with what result."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fluxgate.address import ClientAddress
from fluxgate.audit.denials import Denials
from fluxgate.audit.record import AuditRecord, Kind, Result, now
from fluxgate.audit.writer import AuditWriter
from fluxgate.audit_notes import audit_notes, clean
from fluxgate.errors import ProblemError
from fluxgate.principal import Principal
from fluxgate.proxy.outcomes import CLIENT_CLOSED_REQUEST, ClientGone, ResponseBroken
from fluxgate.routing import Route
from fluxgate.settings import Settings
from fluxgate.store import Store
from fluxgate.types import Scope

if TYPE_CHECKING:
    from fluxgate.answer import Answer

__all__ = ["AuditTrail"]

_LONGEST_PATH = 1024
_LONGEST_PARAMETER = 256
_DENIED = frozenset({401, 403, 404})
"""What a refusal looks like; 404 hides from a caller what isn't theirs."""


class AuditTrail:
    """One per gateway."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings.audit
        self._clients = ClientAddress(settings.gateway.trusted_proxies)
        self._writer = AuditWriter(store)
        self._denials = Denials(settings.audit.denied_per_minute)

    async def start(self) -> None:
        """Begin to write."""
        if self._settings.enabled:
            self._writer.start()

    async def stop(self) -> None:
        """Write what waits."""
        if self._denials.passed_over:
            record = AuditRecord(
                kind="denied",
                at=now(),
                action="audit.denied",
                result="denied",
                details={"passed_over": self._denials.passed_over},
            )
            self._writer.write_later(record, durable=False)
        await self._writer.stop(self._settings.timeout)

    @asynccontextmanager
    async def recording(self, route: Route, principal: Principal, scope: Scope, answer: Answer) -> AsyncIterator[None]:
        """While the change is made. Raises UnavailableError, before anything is changed, where it can't be recorded.

        The outcome isn't waited for: what the client is answered is decided by then. It is tried until it is written;
        if the process dies before, the change stays in the trail without an outcome.
        """
        if not self._settings.enabled:
            yield
            return
        intent = await self._writer.write(self._draft(route, principal, scope), self._settings.timeout)
        try:
            yield
        except BaseException as error:
            self._end(intent, scope, *_how_it_failed(error, answer))
            raise
        self._end(intent, scope, *_how_it_ended(answer, scope))

    def denied(self, route: Route, principal: Principal, scope: Scope, error: ProblemError) -> None:
        """An attempt to change something was refused: by what the caller is, or isn't known to be."""
        if not self._settings.enabled or error.problem_status not in _DENIED or self._denials.is_off:
            return
        if not self._denials.take():
            return
        passed_over = self._denials.passed_over
        record = self._draft(
            route,
            principal,
            scope,
            kind="denied",
            status=error.problem_status,
            code=error.problem_code,
            passed_over=passed_over,
        )
        if self._writer.write_later(record, durable=False):
            self._denials.passed_over = 0
        else:
            self._denials.passed_over += 1

    def _draft(
        self,
        route: Route,
        principal: Principal,
        scope: Scope,
        *,
        kind: Kind = "intent",
        status: int = 0,
        code: str = "",
        passed_over: int = 0,
    ) -> AuditRecord:
        params: dict[str, str] = scope["path_params"]
        return AuditRecord(
            kind=kind,
            at=now(),
            request_id=scope["fluxgate.request_id"],
            principal=clean(principal.id),
            principal_name=clean(principal.name),
            method=principal.method,
            credential=clean(principal.credential),
            action=route.action,
            http_method=scope["method"],
            path=clean(scope["raw_path"].decode("latin-1"), _LONGEST_PATH),
            params={name: clean(value, _LONGEST_PARAMETER) for name, value in params.items()},
            client=clean(self._clients.of(scope)),
            user_agent=_user_agent(scope),
            status=status,
            result="denied" if kind == "denied" else "",
            code=code,
            details={"passed_over": passed_over} if passed_over else {},
        )

    def _end(self, intent: AuditRecord, scope: Scope, status: int, result: Result, code: str) -> None:
        notes = audit_notes(scope)
        self._writer.write_later(
            AuditRecord(
                kind="outcome",
                at=now(),
                change=intent.seq,
                request_id=intent.request_id,
                target=notes.target,
                status=status,
                result=result,
                code=code,
                details=notes.details,
            )
        )


def _how_it_ended(answer: Answer, scope: Scope) -> tuple[int, Result, str]:
    status = answer.status or 500
    code: str = scope.get("fluxgate.problem_code", "")
    if answer.broken:
        return status, "interrupted", code
    return status, _result(status), code


def _how_it_failed(error: BaseException, answer: Answer) -> tuple[int, Result, str]:
    if isinstance(error, ClientGone):
        return answer.status or CLIENT_CLOSED_REQUEST, "interrupted", ""
    if isinstance(error, ResponseBroken) or answer.status:
        return answer.status, "interrupted", ""
    if isinstance(error, ProblemError):
        return error.problem_status, _result(error.problem_status), error.problem_code
    if isinstance(error, Exception | SystemExit):
        return 500, "failed", ProblemError.code
    return 0, "interrupted", ""


def _result(status: int) -> Result:
    if status < 400:
        return "done"
    return "rejected" if status < 500 else "failed"


def _user_agent(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"user-agent":
            return clean(value.decode("latin-1"), _LONGEST_PARAMETER)
    return ""
