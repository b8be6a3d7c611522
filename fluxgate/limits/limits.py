"""All limits a request has to keep, behind one object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

from fluxgate.address import ClientAddress, network_of
from fluxgate.errors import BadRequestError, TooManyRequestsError, UnavailableError
from fluxgate.limits.bulkhead import Bulkhead, Nested
from fluxgate.limits.failover import Allow, Failover, Refuse
from fluxgate.limits.fields import RateFields
from fluxgate.limits.limiter import Decision, Limiter
from fluxgate.limits.memory import MemoryLimiter
from fluxgate.plugins.record import PluginRecord
from fluxgate.principal import Principal
from fluxgate.proxy.pool import Pool
from fluxgate.routing import SAFE_METHODS, Route
from fluxgate.settings import LimitSettings, PluginLimits
from fluxgate.types import Scope

if TYPE_CHECKING:
    from fluxgate.answer import Answer

__all__ = ["Limits"]


class Limits:
    """One per gateway. `pools`: every plugin's upstreams."""

    def __init__(
        self,
        settings: LimitSettings,
        client_address: ClientAddress,
        records: Iterable[PluginRecord],
        pools: Mapping[str, Mapping[str, Pool]],
    ) -> None:
        self._settings = settings
        self._client_address = client_address
        self._rates = {name: (rate, RateFields(name, rate)) for name, rate in settings.all_rates().items()}
        self._limiter, self._failover = _limiter(settings)
        self._running: dict[tuple[str, str, bool], AbstractAsyncContextManager[None]] = {}
        for record in records:
            self._places(record, pools.get(record.name, {}))

    async def start(self) -> None:
        """Connect to Redis, if it is used; that it is down is logged."""
        if self._failover is not None:
            await self._failover.start()

    async def stop(self) -> None:
        """Leave Redis."""
        if self._failover is not None:
            await self._failover.stop()

    def check_query(self, scope: Scope) -> None:
        """Raises BadRequestError for a query of too many parameters."""
        if scope["query_string"].count(b"&") >= self._settings.max_query_parameters:
            raise BadRequestError("The query has too many parameters.", code="TOO_MANY_PARAMETERS", field="query")

    async def take(self, route: Route, principal: Principal, scope: Scope, answer: Answer) -> None:
        """Count one request. Raises TooManyRequestsError; UnavailableError where it can't be counted and has to be."""
        name = route.rate or ("read" if scope["method"] in SAFE_METHODS else "write")
        if (limited := self._rates.get(name)) is None:
            return
        rate, fields = limited
        if principal.method in {"anonymous", "open"}:
            key = f"{name}:@{network_of(self._client_address.of(scope))}"
        else:
            key = f"{name}:{principal.id}"
        decision = self._limiter.take(key, rate)
        if not isinstance(decision, Decision):
            decision = await decision
        answer.fields = [*answer.fields, fields.policy, fields.state(decision)]
        if decision.wait:
            raise TooManyRequestsError(
                "You have made too many requests of this kind. Wait a moment, then try again.",
                retry_after=decision.retry_after,
            )

    def running(self, route: Route) -> AbstractAsyncContextManager[None]:
        """To be entered while the request runs. Raises UnavailableError where too many do."""
        is_stream = route.is_stream
        # A WebSocket takes none of the upstream's connections, and has a limit of its own.
        upstream = route.upstream if is_stream and route.kind == "proxy" else ""
        return self._running.get((route.plugin, upstream, is_stream), _FREE)

    def _places(self, record: PluginRecord, pools: Mapping[str, Pool]) -> None:
        settings, own = self._settings, self._settings.plugins.get(record.name, PluginLimits())
        spec = record.spec
        requests = own.max_running or (spec.max_running if spec else None) or settings.max_running
        streams = own.max_streams or (spec.max_streams if spec else None) or settings.max_streams
        self._running[record.name, "", False] = Bulkhead(
            requests, settings.max_waiting, settings.max_wait, _plugin_busy
        )
        all_streams = Bulkhead(streams, 0, 0, _streams_busy)
        self._running[record.name, "", True] = all_streams
        for name, pool in pools.items():
            upstream = pool.upstream
            most = upstream.max_streams or max(1, upstream.max_connections // 2)
            places = Bulkhead(most, 0, 0, _streams_busy)
            self._running[record.name, name, True] = Nested(all_streams, places)


_FREE: AbstractAsyncContextManager[None] = nullcontext()


def _limiter(settings: LimitSettings) -> tuple[Limiter, Failover | None]:
    if settings.redis is None:
        return MemoryLimiter(), None
    # Imported where it is used: it takes a tenth of a start.
    from fluxgate.limits.redis import RedisLimiter  # noqa: PLC0415

    instead: dict[str, type[Limiter]] = {"memory": MemoryLimiter, "allow": Allow, "refuse": Refuse}
    failover = Failover(RedisLimiter(settings.redis, settings.redis_timeout), instead[settings.redis_down]())
    return failover, failover


def _plugin_busy() -> UnavailableError:
    return UnavailableError("Too many requests are running here at present.", code="PLUGIN_BUSY", retry_after=1)


def _streams_busy() -> UnavailableError:
    return UnavailableError("Too many streams are open here at present.", code="STREAMS_BUSY", retry_after=1)
