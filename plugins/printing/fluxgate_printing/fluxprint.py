"""The `fluxprint` backend: the printing routes, forwarded path for path to a FluxPrint service.

Declarations, and the little that has to be understood of what passes: which jobs FluxPrint accepted (`accepted.py`
reads that), and whether it is well. The camera isn't here: one upstream stream serves all its viewers, which a
forwarded route can't.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import msgspec

from fluxgate.errors import ProblemError, UnavailableError
from fluxgate.plugin import CheckResult, HealthGate
from fluxgate.proxy.route import (
    BreakerPolicy,
    CachePolicy,
    Capture,
    Exchange,
    ExchangeHandler,
    FailureCodes,
    HeaderPolicy,
    HealthProbe,
    ProxyRoute,
    Upstream,
    Vet,
)
from fluxgate.types import Scope
from fluxgate_printing.accepted import accepted_by_queue, accepted_by_upload
from fluxgate_printing.access import OPERATE, VIEW, Access
from fluxgate_printing.files.inspection import UploadInspector
from fluxgate_printing.files.upload import upload_limit
from fluxgate_printing.fluxprint_docs import FORWARDED
from fluxgate_printing.journal import AcceptedJob
from fluxgate_printing.settings import FluxPrintSettings, PrintingSettings

__all__ = ["fluxprint_check", "fluxprint_gate", "fluxprint_upstream", "proxy_routes"]

DEFAULT_URL = "http://localhost:5001"
UPSTREAM = "fluxprint"
MAX_QUEUE_BODY = 64 * 1024
"""What is asked of the queue names a file and how to print it."""

Record = Callable[[AcceptedJob], Awaitable[None]]
"""`AcceptedJobs.record`."""

_PLAIN = HeaderPolicy(drop_request=frozenset({"accept-encoding"}), set_request=(("accept-encoding", "identity"),))
"""For answers that are read on the way: FluxPrint must not compress them."""


def fluxprint_upstream(settings: FluxPrintSettings) -> Upstream:
    """The FluxPrint service. Down is 503, late 504, not HTTP 502, each with a code of its own."""
    return Upstream(
        name=UPSTREAM,
        url=settings.url or DEFAULT_URL,
        read_timeout=settings.timeout,
        write_timeout=settings.timeout,
        max_connections=settings.max_connections,
        breaker=BreakerPolicy(failures=settings.breaker_failures) if settings.breaker_failures else None,
        probe=HealthProbe(interval=settings.probe_seconds) if settings.probe_seconds else None,
        failures=FailureCodes(
            unreachable_status=503,
            unreachable_code="PRINTING_SERVICE_UNAVAILABLE",
            unreachable_message="The printing service can't be reached.",
            timeout_code="PRINTING_SERVICE_TIMEOUT",
            timeout_message="The printing service didn't answer in time.",
            busy_code="PRINTING_SERVICE_BUSY",
            busy_message="The printing service has more requests than it can take.",
            malformed_code="PRINTING_SERVICE_MALFORMED",
            malformed_message="The printing service sent an answer that isn't valid HTTP.",
        ),
    )


def proxy_routes(settings: PrintingSettings, access: Access, record: Record, vet: Vet) -> tuple[ProxyRoute, ...]:
    """All forwarded routes. `record` gets every job that FluxPrint accepted, before the client has its answer; `vet`
    judges what is to be queued before FluxPrint is asked."""

    look, operate = access.policy(VIEW), access.policy(OPERATE)
    seconds = settings.fluxprint.cache_seconds
    # What they say is the same for everybody who may look.
    cache = CachePolicy(ttl=seconds, shared=True) if seconds else None

    def route(  # the ones without anything special
        method: str, path: str, upstream_path: str, name: str, summary: str
    ) -> ProxyRoute:
        return ProxyRoute(
            methods=frozenset({method}),
            path=path,
            upstream=UPSTREAM,
            upstream_path=upstream_path,
            policy=look if method == "GET" else operate,
            cache=cache if method == "GET" else None,
            action="" if method == "GET" else f"printing.{name.replace('_', '.')}",
            name=name,
            doc=FORWARDED[name],
            summary=summary,
        )

    return (
        route("GET", "/status", "/api/printer/status", "printer_status", "State and temperatures of the printer"),
        route("GET", "/job", "/api/job", "job", "The current print"),
        route("GET", "/queue", "/api/queue", "queue", "The print queue"),
        route("GET", "/files", "/api/files", "files", "Uploaded files"),
        route("GET", "/temperature", "/api/printer/temperature", "temperature", "Temperatures of the printer"),
        ProxyRoute(
            methods=frozenset({"POST"}),
            path="/queue",
            upstream=UPSTREAM,
            upstream_path="/api/queue",
            policy=operate,
            name="queue_add",
            action="printing.queue.add",
            doc=FORWARDED["queue_add"],
            summary="Put a file in the print queue",
            headers=_PLAIN,
            max_body=MAX_QUEUE_BODY,
            vet=vet,
            capture=Capture(then=_then(accepted_by_queue, access, record)),
        ),
        ProxyRoute(
            methods=frozenset({"POST"}),
            path="/files/upload",
            upstream=UPSTREAM,
            upstream_path="/api/files/upload",
            policy=operate,
            rate="upload",
            name="file_upload",
            action="printing.file.upload",
            doc=FORWARDED["file_upload"],
            summary="Upload G-code files, as multipart/form-data",
            read_timeout=settings.fluxprint.upload_timeout,
            write_timeout=settings.fluxprint.upload_timeout,
            max_body=upload_limit(settings.files),
            headers=_PLAIN,
            capture=Capture(then=_then(accepted_by_upload, access, record), max_request=0),
            inspect=lambda headers: UploadInspector(headers, settings.files),
        ),
        ProxyRoute(
            methods=frozenset({"PUT", "POST"}),
            path="/queue/reorder",
            upstream=UPSTREAM,
            upstream_path="/api/queue/reorder",
            policy=operate,
            upstream_method="POST",
            name="queue_reorder",
            action="printing.queue.reorder",
            doc=FORWARDED["queue_reorder"],
            summary="Change the order of the print queue",
        ),
        route("DELETE", "/queue", "/api/queue", "queue_clear", "Clear the print queue"),
        route("DELETE", "/queue/{id}", "/api/queue/{id}", "queue_remove", "Take a job out of the print queue"),
        route("POST", "/queue/{id}/start", "/api/queue/{id}/start", "queue_start", "Start a queued job"),
        route("DELETE", "/files/{name}", "/api/files/{name}", "file_delete", "Delete an uploaded file"),
    )


def fluxprint_gate(settings: FluxPrintSettings) -> HealthGate:
    """Ends every request with 503 while the backend is switched off."""

    def gate(_scope: Scope) -> ProblemError | None:
        if settings.enabled:
            return None
        return UnavailableError("Printing is switched off here.", code="PRINTING_SERVICE_DISABLED")

    return gate


async def fluxprint_check(client: httpx.AsyncClient) -> CheckResult:
    """Health of the service behind `client`, whose base URL is the service's: `/health`, or the printer's status where
    there is none.
    """
    try:
        response = await client.get("/health")
        if response.status_code == 404:
            response = await client.get("/api/printer/status")
    except httpx.TimeoutException:
        return CheckResult(status="down", detail="The printing service doesn't answer in time.")
    except httpx.HTTPError:
        return CheckResult(status="down", detail="The printing service can't be reached.")
    if not response.is_success:
        return CheckResult(status="down", detail=f"The printing service answers {response.status_code}.")
    try:
        said = msgspec.json.decode(response.content, type=_Health).status.lower()
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = ""
    if said in _UNWELL:
        return CheckResult(status="degraded", detail="The printing service says that it isn't well.")
    return CheckResult(status="up")


_UNWELL = frozenset({"degraded", "down", "error", "fail", "failed", "unhealthy", "warn"})


class _Health(msgspec.Struct):
    status: str = ""


def _then(read: Callable[[Exchange], list[AcceptedJob]], access: Access, record: Record) -> ExchangeHandler:
    async def then(exchange: Exchange) -> None:
        for job in read(exchange):
            await record(msgspec.structs.replace(job, any_project=access.is_admin(exchange.principal)))

    return then
