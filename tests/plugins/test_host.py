"""The order in which plugins start and stop, what they are handed, and what one can't do to the others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from litestar import get

from fluxgate.db import Database
from fluxgate.errors import ProblemError, UnavailableError
from fluxgate.plugin import PUBLIC, CheckResult, HealthCheck, PluginContext, PluginSpec
from fluxgate.plugins.record import PluginRecord
from fluxgate.proxy.route import ProxyRoute, Upstream
from fluxgate.testing import Timing, plugin_record, running_gateway
from fluxgate.types import Scope
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

FAST = Timing(start=2, grace=0.2, stop=0.2, retry_first=0.02, retry_most=0.05)
Lifespan = Callable[[PluginContext], AbstractAsyncContextManager[None]]


@get("/ping", sync_to_thread=False, policy=PUBLIC)
def ping() -> str:
    return "pong"


class Diary:
    """What happened, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def lifespan(self, *, entering: float = 0, leaving: float = 0) -> Lifespan:
        @asynccontextmanager
        async def lifespan(context: PluginContext) -> AsyncIterator[None]:
            self.lines.append(f"starts {context.name}")
            await asyncio.sleep(entering)
            self.lines.append(f"started {context.name}")
            try:
                yield
            finally:
                self.lines.append(f"stops {context.name}")
                await asyncio.sleep(leaving)
                self.lines.append(f"stopped {context.name}")

        return lifespan


def plugin(name: str, lifespan: Lifespan | None = None, **declared: object) -> PluginRecord:
    spec = PluginSpec(title=name, version="1", handlers=(ping,), lifespan=lifespan, **declared)  # type: ignore[arg-type]
    return plugin_record(spec, name)


def names(*values: str) -> frozenset[str]:
    return frozenset(values)


async def test_before_after_and_requires_order_the_start_and_reversed_the_stop() -> None:
    diary = Diary()
    slow = diary.lifespan(entering=0.02, leaving=0.02)
    async with running_gateway(
        plugin("a", slow, after=names("b", "not-there")),
        plugin("b", slow, requires=names("d")),
        plugin("c", slow, before=names("d", "not-there")),
        plugin("d", slow),
    ) as running:
        assert [record.name for record in running.gateway.host.records] == ["c", "d", "b", "a"]
    assert diary.lines == [
        *(f"{what} {name}" for name in "cdba" for what in ("starts", "started")),
        *(f"{what} {name}" for name in "abdc" for what in ("stops", "stopped")),
    ]


async def test_plugins_that_are_not_ordered_do_not_wait_for_each_other() -> None:
    diary = Diary()
    async with running_gateway(*(plugin(f"p{number}", diary.lifespan(entering=0.3)) for number in range(8))):
        assert {line.split()[0] for line in diary.lines[:8]} == {"starts"}, "all have begun before one is there"
    assert len(diary.lines) == 32


async def test_a_plugin_waits_for_the_one_it_requires_and_comes_up_after_it() -> None:
    tries: list[str] = []

    @asynccontextmanager
    async def fails_twice(context: PluginContext) -> AsyncIterator[None]:
        tries.append(context.name)
        if len(tries) < 3:
            raise RuntimeError("not yet")
        yield

    base = plugin("base", fails_twice)
    needy = plugin("needy", requires=names("base"))
    async with running_gateway(base, needy, strict=False, timing=FAST) as running:
        ready = (await running.client.get("/-/health/ready")).json()
        assert ready["quarantined"]["needy"]["reason"] == "PluginError: requires plugin 'base', which is not running"
        await eventually(lambda: needy.status == "active")
        assert base.status == "active"
        assert (await running.client.get("/api/needy/ping")).text == "pong"
        assert (await running.client.get("/-/health/ready")).json()["status"] == "ok"


async def test_clean_up_survives_a_half_done_provision() -> None:
    left: list[str] = []

    @asynccontextmanager
    async def half_done(context: PluginContext) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(left.append, "first")
            stack.callback(left.append, "second")
            raise RuntimeError("the third can't be had")
            yield

    async with running_gateway(plugin("half", half_done), plugin("well"), strict=False) as running:
        assert left == ["second", "first"]
        assert (await running.client.get("/api/half/ping")).status_code == 503
        assert (await running.client.get("/api/well/ping")).text == "pong"


async def test_a_slow_start_does_not_hold_up_the_others() -> None:
    go = asyncio.Event()

    @asynccontextmanager
    async def slow(context: PluginContext) -> AsyncIterator[None]:
        await go.wait()
        yield

    record = plugin("slow", slow)
    async with running_gateway(record, plugin("well"), strict=False, timing=FAST) as running:
        answer = await running.client.get("/api/slow/ping")
        assert (answer.status_code, answer.json()["code"]) == (503, "PLUGIN_STARTING")
        assert answer.headers["retry-after"] == "1"
        assert (await running.client.get("/api/well/ping")).text == "pong"
        ready = await running.client.get("/-/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert ready.json()["plugins"]["slow"] == "starting"
        go.set()
        await eventually(lambda: record.status == "active")
        assert (await running.client.get("/api/slow/ping")).text == "pong"


@pytest.mark.parametrize("stubborn", [False, True], ids=["cancellable", "stubborn"])
async def test_a_plugin_that_hangs_in_its_clean_up_is_left_behind(stubborn: bool) -> None:
    diary = Diary()
    release = asyncio.Event()

    @asynccontextmanager
    async def hanging(context: PluginContext) -> AsyncIterator[None]:
        yield
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError if stubborn else ZeroDivisionError):
                await release.wait()

    async with running_gateway(
        plugin("hanging", hanging, after=names("well")), plugin("well", diary.lifespan()), timing=FAST
    ) as running:
        pass
    assert diary.lines[-1] == "stopped well"
    assert running.gateway.host.abandoned is stubborn
    release.set()
    await asyncio.sleep(0)


async def test_a_plugin_is_stopped_while_it_is_starting() -> None:
    left: list[str] = []

    @asynccontextmanager
    async def endless(context: PluginContext) -> AsyncIterator[None]:
        try:
            await asyncio.sleep(1000)
            yield
        finally:
            left.append(context.name)

    async with running_gateway(plugin("endless", endless), strict=False, timing=FAST):
        pass
    assert left == ["endless"]


async def test_an_error_while_stopping_stays_with_its_plugin() -> None:
    diary = Diary()

    @asynccontextmanager
    async def fails(context: PluginContext) -> AsyncIterator[None]:
        yield
        raise SystemExit("oops")

    async with running_gateway(plugin("fails", fails, after=names("well")), plugin("well", diary.lifespan())):
        pass
    assert diary.lines[-1] == "stopped well"


async def test_a_plugin_is_handed_what_it_declared_and_nothing_else() -> None:
    seen: list[PluginContext] = []

    @asynccontextmanager
    async def look(context: PluginContext) -> AsyncIterator[None]:
        seen.append(context)
        yield

    mine = Upstream(name="mine", url="http://127.0.0.1:9")
    theirs = Upstream(name="theirs", url="http://127.0.0.1:9")
    async with running_gateway(
        plugin("bare", look), plugin("rich", look, upstreams=(mine,)), plugin("other", upstreams=(theirs,))
    ) as running:
        bare, rich = sorted(seen, key=lambda context: context.name)
        assert set(PluginContext.__struct_fields__) == {"name", "data_dir", "log", "clients", "database", "vault"}
        assert (bare.clients, bare.database) == ({}, None)
        assert bare.log.name == "fluxgate.plugin.bare"
        assert bare.data_dir == running.data_dir / "bare"
        assert bare.data_dir.is_dir()
        assert list(rich.clients) == ["mine"]
        for elsewhere in ("http://127.0.0.1:10/", "http://example.com/", "https://127.0.0.1:9/"):
            with pytest.raises(httpx.UnsupportedProtocol):
                await rich.clients["mine"].get(elsewhere)
        with pytest.raises(httpx.ConnectError):
            await rich.clients["mine"].get("/here")
    assert rich.clients["mine"].is_closed


async def test_a_database_only_for_those_with_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Database | None] = {}

    @asynccontextmanager
    async def look(context: PluginContext) -> AsyncIterator[None]:
        seen[context.name] = context.database
        if context.database is not None:
            await context.database.ping()
        yield

    (tmp_path / "host_tables.py").write_text(
        "import pathlib\n"
        "from piccolo.conf.apps import AppConfig\n"
        "folder = pathlib.Path(__file__).parent / 'host_migrations'\n"
        "APP_CONFIG = AppConfig(app_name='host', migrations_folder_path=str(folder), table_classes=[])\n"
    )
    (tmp_path / "host_migrations").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    async with running_gateway(plugin("tables", look, piccolo_app="host_tables"), plugin("plain", look)):
        assert isinstance(seen["tables"], Database)
        assert seen["plain"] is None


async def test_a_database_that_is_down_takes_only_those_with_tables_out(tmp_path: Path) -> None:
    needs = plugin("needs", piccolo_app="fluxgate.piccolo_apps")
    async with running_gateway(
        needs,
        plugin("plain"),
        database_url="postgresql://nobody@127.0.0.1:9/none",
        strict=False,
        timing=FAST,
    ) as running:
        assert (await running.client.get("/api/plain/ping")).text == "pong"
        answer = await running.client.get("/api/needs/ping")
        assert answer.json()["code"] == "PLUGIN_QUARANTINED"
        assert needs.quarantine is not None
        assert "can't be opened" in needs.quarantine.reason


async def test_a_health_gate_is_asked_before_each_of_its_plugins_routes() -> None:
    asked: list[str] = []
    problem: list[ProblemError] = []

    def gate(scope: Scope) -> ProblemError | None:
        asked.append(scope["path"])
        return problem[0] if problem else None

    def broken(scope: Scope) -> ProblemError | None:
        raise RuntimeError("secret")

    route = ProxyRoute(policy=PUBLIC, methods=frozenset({"GET"}), path="/away", upstream="up", upstream_path="/")
    upstream = Upstream(name="up", url="http://127.0.0.1:9")
    async with running_gateway(
        plugin("gated", health_gates=(gate,), upstreams=(upstream,), proxy_routes=(route,)),
        plugin("broken", health_gates=(broken,)),
        plugin("free"),
    ) as running:
        client = running.client
        assert (await client.get("/api/gated/ping")).text == "pong"
        assert (await client.get("/api/gated/away")).status_code == 502
        problem.append(UnavailableError("Switched off.", code="PRINTING_SERVICE_DISABLED"))
        for path in ("/api/gated/ping", "/api/gated/away"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "PRINTING_SERVICE_DISABLED")
        assert (await client.get("/api/free/ping")).text == "pong"
        assert asked == ["/api/gated/ping", "/api/gated/away"] * 2
        answer = await client.get("/api/broken/ping")
        assert answer.status_code == 500
        assert "secret" not in answer.text


async def test_a_critical_check_quarantines_and_lets_in_again() -> None:
    state = CheckResult(status="up")

    async def check() -> CheckResult:
        return state

    record = plugin("watched", health_checks=(HealthCheck(name="link", check=check, critical=True, interval=0.01),))
    async with running_gateway(record, plugin("well"), strict=False) as running:
        for status, expected in (
            ("down", "quarantined"),
            ("degraded", "active"),
            ("down", "quarantined"),
            ("up", "active"),
        ):
            state = CheckResult(status=status)  # type: ignore[arg-type]
            await eventually(lambda expected=expected: record.status == expected)
            code = (await running.client.get("/api/watched/ping")).status_code
            assert code == (503 if expected == "quarantined" else 200)


async def test_a_check_that_is_not_critical_quarantines_nobody() -> None:
    async def check() -> CheckResult:
        return CheckResult(status="down", detail="no link")

    record = plugin("watched", health_checks=(HealthCheck(name="link", check=check, interval=0.01),))
    async with running_gateway(record) as running:
        health = (await running.client.get("/-/health")).json()
        assert health["status"] == "degraded"
        assert health["plugins"]["watched"]["checks"]["link"]["status"] == "down"
        assert (await running.client.get("/-/health/ready")).json()["status"] == "ok"
        assert (await running.client.get("/api/watched/ping")).text == "pong"


async def test_background_tasks_that_die_restart_their_plugin() -> None:
    starts: list[asyncio.Event] = []

    async def work(die: asyncio.Event) -> None:
        await die.wait()
        raise RuntimeError("the worker died")

    @asynccontextmanager
    async def lifespan(context: PluginContext) -> AsyncIterator[None]:
        die = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(work(die))
            starts.append(die)
            yield
            task.cancel()

    record = plugin("worker", lifespan)
    async with running_gateway(record, timing=FAST) as running:
        assert len(starts) == 1
        starts[0].set()
        await eventually(lambda: len(starts) == 2 and record.status == "active")
        assert (await running.client.get("/api/worker/ping")).text == "pong"
