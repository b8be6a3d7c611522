"""`/-/health…`: what is asked when, and what is said of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from fluxgate import __version__
from fluxgate.errors import PluginError
from fluxgate.plugin import CheckResult, HealthCheck, PluginContext, PluginSpec
from fluxgate.proxy.route import Upstream
from fluxgate.testing import plugin_record, running_gateway
from tests.support.relay import relay_to
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


def watched(*checks: HealthCheck, upstreams: tuple[Upstream, ...] = ()) -> PluginSpec:
    return PluginSpec(title="Watched", version="1.2", health_checks=checks, upstreams=upstreams)


async def test_per_plugin_and_upstream() -> None:
    async def check() -> CheckResult:
        return CheckResult(status="up", detail="as it should")

    spec = watched(
        HealthCheck(name="link", check=check, critical=True),
        upstreams=(Upstream(name="up", url="http://127.0.0.1:9", max_connections=7),),
    )
    async with running_gateway(plugin_record(spec, "watched")) as running:
        answer = await running.client.get("/-/health")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        health = answer.json()
        assert (health["status"], health["state"], health["version"]) == ("ok", "running", __version__)
        assert health["uptime"] >= 0
        plugin = health["plugins"]["watched"]
        assert (plugin["status"], plugin["version"], plugin["quarantine"]) == ("active", "1.2", None)
        assert plugin["checks"]["link"].pop("age") < 5
        assert plugin["checks"]["link"] == {"status": "up", "detail": "as it should", "critical": True}
        assert plugin["upstreams"]["up"] == {
            "in_use": 0,
            "idle": 0,
            "waiting": 0,
            "max_connections": 7,
            "circuit": "closed",
            "is_down": False,
        }
        # Where the upstream is is nobody's business.
        assert "127.0.0.1" not in answer.text


async def test_a_check_is_asked_once_an_interval_however_many_want_to_know() -> None:
    asked = 0

    async def check() -> CheckResult:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.02)
        return CheckResult(status="up")

    spec = watched(HealthCheck(name="link", check=check, interval=0.3, critical=True))
    async with running_gateway(plugin_record(spec, "watched")) as running:
        begun = time.monotonic()
        await asyncio.gather(*(running.client.get("/-/health") for _ in range(20)))
        await running.client.get("/-/health")
        assert asked <= 1 + (time.monotonic() - begun) // 0.3
        while time.monotonic() - begun < 0.35:
            await asyncio.sleep(0.02)
        await running.client.get("/-/health")
        assert 2 <= asked <= 2 + (time.monotonic() - begun) // 0.3


async def test_checks_are_asked_side_by_side_and_for_their_time_only() -> None:
    async def slow() -> CheckResult:
        await asyncio.sleep(1000)
        return CheckResult(status="up")

    async def stubborn() -> CheckResult:
        for _ in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(10)
        return CheckResult(status="up")

    spec = watched(
        *(HealthCheck(name=f"slow{number}", check=slow, timeout=0.5) for number in range(5)),
        HealthCheck(name="stubborn", check=stubborn, timeout=0.5),
    )
    async with running_gateway(plugin_record(spec, "watched")) as running:
        begun = time.monotonic()
        health = (await running.client.get("/-/health")).json()
        assert time.monotonic() - begun < 2.5
        assert health["status"] == "degraded"
        for check in health["plugins"]["watched"]["checks"].values():
            assert (check["status"], check["detail"]) == ("down", "no answer in 0.5 s")


@pytest.mark.parametrize("error", [RuntimeError("secret"), SystemExit("secret"), asyncio.CancelledError("secret")])
async def test_a_check_that_raises_is_down_and_leaks_nothing(error: BaseException) -> None:
    async def check() -> CheckResult:
        raise error

    spec = watched(HealthCheck(name="link", check=check))
    async with running_gateway(plugin_record(spec, "watched")) as running:
        answer = await running.client.get("/-/health")
        assert answer.json()["plugins"]["watched"]["checks"]["link"]["status"] == "down"
        assert "secret" not in answer.text


async def test_not_ready_before_the_start_and_while_stopping() -> None:
    async with running_gateway(plugin_record(watched(), "watched")) as running:
        gateway = running.gateway
        assert gateway.health.ready().status == "ok"
        client = running.client
        await gateway.shutdown()
        answer = await client.get("/-/health/ready")
        assert (answer.status_code, answer.json()["state"]) == (503, "stopping")
        assert (await client.get("/-/health/live")).status_code == 200


async def test_why_a_plugin_failed_names_no_secret() -> None:
    @contextlib.asynccontextmanager
    async def lifespan(context: PluginContext) -> AsyncIterator[None]:
        raise RuntimeError("can't reach postgresql://printing:hunter2@db.example.org/jobs")
        yield

    spec = PluginSpec(title="Failing", version="1", lifespan=lifespan)
    async with running_gateway(plugin_record(spec, "failing"), strict=False) as running:
        for path in ("/-/health/ready", "/-/health"):
            text = (await running.client.get(path)).text
            assert "postgresql://printing:" in text
            assert "hunter2" not in text


async def test_a_gateway_without_plugins_is_ready() -> None:
    async with running_gateway() as running:
        assert (await running.client.get("/-/health/ready")).json()["status"] == "ok"


async def test_the_kit_is_strict_unless_told() -> None:
    async def check() -> CheckResult:
        return CheckResult(status="up")

    record = plugin_record(watched(*[HealthCheck(name="twice", check=check)] * 2), "watched")
    with pytest.raises(PluginError, match=r"refusing to start \(strict\): watched \(declaration\): .*'twice'"):
        async with running_gateway(record):
            pass


async def test_a_database_that_goes_away_shows_and_so_does_its_return(
    fresh_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fluxgate.store.PING_EVERY", 0.05)
    with relay_to(fresh_postgres_url) as (relay, url):
        async with running_gateway(plugin_record(watched(), "watched"), database_url=url) as running:

            async def shows(status: str, ready: int) -> bool:
                health = (await running.client.get("/-/health")).json()
                metrics = (await running.client.get("/-/metrics")).text
                return health["database"]["status"] == status and f"\nfluxgate_database_ready {ready}.0\n" in metrics

            await eventually(lambda: shows("up", 1))
            relay.cut()
            await eventually(lambda: shows("down", 0), 20)
            health = (await running.client.get("/-/health")).json()
            assert health["status"] == "degraded"
            assert health["database"]["detail"]
            relay.restore()
            await eventually(lambda: shows("up", 1), 20)
            assert (await running.client.get("/-/health")).json()["status"] == "ok"
