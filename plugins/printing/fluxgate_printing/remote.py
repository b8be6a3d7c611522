"""What a FluxPrint service is asked by us, and not by a client through us: estimates and quick prints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec

from fluxgate.errors import (
    BadGatewayError,
    NotFoundError,
    ProblemError,
    UnavailableError,
    UnprocessableError,
    UpstreamTimeoutError,
)
from fluxgate.plugin import Principal
from fluxgate_printing.estimate import Forecast, correction, forecast
from fluxgate_printing.files.names import check_name
from fluxgate_printing.journal import AcceptedJob
from fluxgate_printing.ledger import JobLedger
from fluxgate_printing.settings import FileSettings

__all__ = ["RemotePrinting"]


class _Estimated(msgspec.Struct):
    print_time_minutes: float
    filament_used_g: float | None = None


class _Queued(msgspec.Struct):
    queue_id: int | None = None
    id: int | None = None


class RemotePrinting:
    """`client` reaches FluxPrint; `record` keeps a job that FluxPrint accepted, whatever happens to the database."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        ledger: JobLedger,
        record: Callable[[AcceptedJob], Awaitable[None]],
        files: FileSettings,
    ) -> None:
        self.ledger = ledger
        self._client = client
        self._record = record
        self._files = files

    async def estimate(self, filename: str, quality: str, copies: int) -> Forecast:
        """FluxPrint's own estimate. NotFoundError FILE_NOT_FOUND; ProblemError PRINTING_SERVICE_… as forwarded routes
        have them."""
        name = check_name(filename, self._files.extensions, field="filename")
        said = await self._ask("/api/slicer/estimate", {"filename": name, "quality": quality}, _Estimated)
        if not 0 < said.print_time_minutes < 1e7:
            raise _malformed()
        return forecast(
            size=0,
            seconds=said.print_time_minutes * 60,
            grams=said.filament_used_g if said.filament_used_g and said.filament_used_g > 0 else None,
            copies=copies,
            history=correction([]),
        )

    async def quick_print(
        self, filename: str, principal: Principal, project: str | None, config: Mapping[str, Any], request_id: str
    ) -> tuple[int | None, UUID | None]:
        """Put a file in FluxPrint's queue, as `config` says, and record that: its number there, and the job's id,
        None while the database is away. Raises as `estimate` and as `Callers.project`."""
        name = check_name(filename, self._files.extensions, field="filename")
        anything = self.ledger.callers.is_admin(principal)
        if not anything:
            await self.ledger.callers.project(project, principal, to_print=True)
        queued = await self._ask("/api/queue", {"filename": name, "priority": 0, **config}, _Queued)
        job = AcceptedJob(
            entry_id=uuid4(),
            queue_id=queued.id if queued.queue_id is None else queued.queue_id,
            file_name=name,
            project_id=project,
            print_settings=dict(config),
            metadata={"request_id": request_id},
            accepted_at=datetime.now(UTC),
            source="queue",
            created_by=principal.id or None,
            any_project=anything,
        )
        await self._record(job)
        return job.queue_id, await self._recorded(job)

    async def _recorded(self, job: AcceptedJob) -> UUID | None:
        try:
            return await self.ledger.jobs.accepted(job.entry_id)
        except UnavailableError:
            return None

    async def _ask(self, path: str, body: Mapping[str, Any], shape: type[Any]) -> Any:
        try:
            answer = await self._client.post(path, json=dict(body))
        except httpx.PoolTimeout:
            raise UnavailableError(
                "The printing service has more requests than it can take.", code="PRINTING_SERVICE_BUSY"
            ) from None
        except httpx.TimeoutException:
            raise UpstreamTimeoutError(
                "The printing service didn't answer in time.", code="PRINTING_SERVICE_TIMEOUT"
            ) from None
        except httpx.RemoteProtocolError:
            raise _malformed() from None
        except httpx.HTTPError:
            raise UnavailableError(
                "The printing service can't be reached.", code="PRINTING_SERVICE_UNAVAILABLE"
            ) from None
        if answer.status_code == 404:
            raise NotFoundError(f"There is no file {body['filename']!r}.", code="FILE_NOT_FOUND", field="filename")
        if answer.is_client_error:
            raise UnprocessableError("The printing service refused this.", code="PRINTING_SERVICE_REFUSED")
        if not answer.is_success:
            raise BadGatewayError("The printing service failed.", code="PRINTING_SERVICE_FAILED")
        try:
            return msgspec.json.decode(answer.content, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _malformed() from None


def _malformed() -> ProblemError:
    return BadGatewayError("The printing service's answer makes no sense.", code="PRINTING_SERVICE_MALFORMED")
