"""The supervisor: a state that is always there, however its printer behaves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path

import pytest
from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.base import PrinterOfflineError
from fluxgate_printing.printers.octoprint import OctoPrintDriver
from fluxgate_printing.printers.supervisor import Supervisor, age
from fluxgate_printing.printers.virtual import VirtualPrinter
from fluxgate_printing.settings import OctoPrintSettings, VirtualPrinterSettings

from tests.support.octoprint import OctoPrintServer
from tests.support.rawhttp import raw_server
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


class Troubled(VirtualPrinter):
    """A printer that fails to answer in whatever way a test chooses, and counts the questions."""

    def __init__(self, folder: Path) -> None:
        super().__init__(VirtualPrinterSettings(speed_factor=1000), folder)
        self.trouble: Exception | None = None
        self.slow = 0.0
        self.reads: list[float] = []

    async def read_state(self) -> PrinterState:
        self.reads.append(time.monotonic())
        if self.slow:
            await asyncio.sleep(self.slow)
        if self.trouble is not None:
            raise self.trouble
        return await super().read_state()


@pytest.fixture
def driver(tmp_path: Path) -> Troubled:
    return Troubled(tmp_path / "printer")


@pytest.fixture
async def supervise(anyio_backend: str) -> AsyncIterator[Callable[..., Supervisor]]:
    made: list[Supervisor] = []

    def make(driver: Troubled | OctoPrintDriver, interval: float = 0.02, **more: object) -> Supervisor:
        made.append(Supervisor("one", driver, interval, **more))  # type: ignore[arg-type]
        made[-1].start()
        return made[-1]

    yield make
    for supervisor in made:
        await supervisor.aclose()


Supervise = Callable[..., Supervisor]


async def test_before_it_was_asked(driver: Troubled) -> None:
    supervisor = Supervisor("one", driver)
    assert (supervisor.state.status, supervisor.state.observed_at) == ("offline", 0)
    assert supervisor.state.error == "The printer hasn't been asked yet."
    assert age(supervisor.state) == float("inf")
    assert driver.reads == []
    await supervisor.aclose()


async def test_it_follows_a_print(driver: Troubled, supervise: Supervise, tmp_path: Path) -> None:
    changes: list[PrinterState] = []
    supervisor = supervise(driver, on_change=changes.append)
    path = tmp_path / "file"
    path.write_bytes(b"G4 S1\n" * 300)
    await driver.start(await driver.upload("part.gcode", path))
    state = await supervisor.wait_for(lambda state: state.completion == 100 and state.status == "idle", 10)
    assert state.file == "part.gcode"
    assert age(state) < 1
    assert [state.status for state in changes][:2] in (["idle", "printing"], ["printing", "printing"])
    assert all(a != b for a, b in pairwise(changes))


async def test_refresh_shows_a_commands_effect(driver: Troubled, supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(driver, 3600)
    await supervisor.wait_for(lambda state: state.status == "idle", 5)
    path = tmp_path / "file"
    path.write_bytes(b"G4 S1\n" * 100_000)
    await driver.start(await driver.upload("part.gcode", path))
    before = supervisor.state
    after = await supervisor.refresh()
    assert (before.status, after.status) == ("idle", "printing")
    assert supervisor.state == after


async def test_many_refreshes_share_a_read_that_began_after_them(driver: Troubled, supervise: Supervise) -> None:
    supervisor = supervise(driver, 3600)
    await supervisor.wait_for(lambda state: state.status == "idle", 5)
    driver.slow = 0.05
    before = len(driver.reads)
    await asyncio.gather(*(supervisor.refresh() for _ in range(50)))
    assert len(driver.reads) - before <= 2


async def test_a_refresh_given_up_leaves_the_others_theirs(driver: Troubled, supervise: Supervise) -> None:
    supervisor = supervise(driver, 3600)
    await supervisor.wait_for(lambda state: state.status == "idle", 5)
    driver.slow = 0.2
    first = asyncio.create_task(supervisor.refresh())
    await asyncio.sleep(0)
    second = asyncio.create_task(supervisor.refresh())
    await asyncio.sleep(0.05)
    first.cancel()
    driver.trouble = PrinterOfflineError("gone")
    assert (await second).error == "gone"


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (PrinterOfflineError("no answer"), "no answer"),
        (TimeoutError(), "doesn't answer"),
        (ZeroDivisionError("a driver's mistake"), "ZeroDivisionError"),
    ],
)
async def test_trouble_is_a_state_and_passes(
    driver: Troubled, supervise: Supervise, caplog: pytest.LogCaptureFixture, trouble: Exception, reason: str
) -> None:
    supervisor = supervise(driver)
    seen = await supervisor.wait_for(lambda state: state.status == "idle", 5)
    with caplog.at_level(logging.INFO):
        driver.trouble = trouble
        state = await supervisor.wait_for(lambda state: state.status == "offline", 5)
        assert reason in (state.error or "")
        assert state.observed_at >= seen.observed_at
        assert state.temperature == {}
        begun = len(driver.reads)
        await eventually(lambda: len(driver.reads) > begun + 3)
        assert supervisor.state.observed_at == state.observed_at, "not answering isn't being seen"
        driver.trouble = None
        back = await supervisor.wait_for(lambda state: state.status == "idle", 5)
        assert back.observed_at > state.observed_at
        assert back.error is None
    ours = [record for record in caplog.records if "printer one" in record.getMessage()]
    assert [record.levelno for record in ours] == [logging.WARNING, logging.INFO], "once each"


async def test_back_off_grows_and_ends_with_the_trouble(driver: Troubled, supervise: Supervise) -> None:
    driver.trouble = PrinterOfflineError("no answer")
    supervisor = supervise(driver, 0.05)
    await eventually(lambda: len(driver.reads) >= 5)
    gaps = [b - a for a, b in pairwise(driver.reads)]
    for attempt, gap in enumerate(gaps[:4], start=1):
        assert 0.05 * 2**attempt * 0.5 <= gap < 0.05 * 2**attempt + 1
    driver.trouble = None
    await supervisor.refresh()
    seen = len(driver.reads)
    begun = time.monotonic()
    await eventually(lambda: len(driver.reads) >= seen + 4)
    assert time.monotonic() - begun < 2.5, "still waiting as long as before"


async def test_a_dead_printer_delays_no_other(
    driver: Troubled, supervise: Supervise, tmp_path: Path, anyio_backend: str
) -> None:
    async with raw_server() as raw:
        raw.default = None  # it accepts, and is silent
        dead = supervise(OctoPrintDriver(OctoPrintSettings(url=raw.url, timeout=2)))
        await eventually(lambda: raw.requests)
        begun = time.monotonic()
        living = supervise(driver)
        await living.wait_for(lambda state: state.status == "idle", 5)
        for _ in range(20):
            await living.refresh()
        assert time.monotonic() - begun < 1.8
        assert dead.state.observed_at == 0
        state = await dead.wait_for(lambda state: state.error == "OctoPrint doesn't answer.", 5)
        assert state.status == "offline"
        await dead.aclose()


async def test_a_wrong_key_is_offline_and_says_so(supervise: Supervise, anyio_backend: str) -> None:
    async with raw_server() as raw:
        raw.default = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        supervisor = supervise(OctoPrintDriver(OctoPrintSettings(url=raw.url, api_key="wrong")))
        state = await supervisor.wait_for(lambda state: "API key" in (state.error or ""), 5)
        assert (state.status, state.observed_at) == ("offline", 0)
        await supervisor.aclose()


async def test_subscribers_get_the_current_and_the_latest_state(driver: Troubled, supervise: Supervise) -> None:
    supervisor = supervise(driver, 3600)
    await supervisor.wait_for(lambda state: state.status == "idle", 5)
    with supervisor.subscribe() as states:
        assert (await anext(states)).status == "idle"
        for reason in ("a", "b", "c"):
            driver.trouble = PrinterOfflineError(reason)
            await supervisor.refresh()
        assert (await anext(states)).error == "c", "a slow reader has the latest, and no backlog"
        waiting = asyncio.ensure_future(anext(states))
        await supervisor.refresh()
        assert not waiting.done(), "nothing changed"
        waiting.cancel()


async def test_closing_ends_the_subscriptions(driver: Troubled, supervise: Supervise) -> None:
    supervisor = supervise(driver)

    async def listen() -> int:
        return len([state async for state in supervisor.subscribe()])

    listening = asyncio.create_task(listen())
    await supervisor.wait_for(lambda state: state.status == "idle", 5)
    await supervisor.aclose()
    assert await asyncio.wait_for(listening, 5) >= 1


async def test_waiting_in_vain(driver: Troubled, supervise: Supervise) -> None:
    with pytest.raises(TimeoutError):
        await supervise(driver).wait_for(lambda state: state.status == "printing", 0.1)


async def test_a_listeners_mistake_ends_nothing(driver: Troubled, supervise: Supervise) -> None:
    def mistaken(state: PrinterState) -> None:
        raise KeyError(state.status)

    supervisor = supervise(driver, on_change=mistaken)
    await supervisor.wait_for(lambda state: state.status == "idle", 5)
    seen = len(driver.reads)
    await eventually(lambda: len(driver.reads) > seen + 2)


@pytest.mark.octoprint
@pytest.mark.xdist_group("octoprint")
async def test_a_server_that_is_killed_and_restarted(octoprint: OctoPrintServer, supervise: Supervise) -> None:
    supervisor = supervise(OctoPrintDriver(OctoPrintSettings(url=octoprint.url, api_key=octoprint.api_key)), 0.1)
    await supervisor.wait_for(lambda state: state.status == "idle", 5)
    octoprint.kill()
    state = await supervisor.wait_for(lambda state: state.status == "offline", 5)
    assert state.error == "OctoPrint can't be reached."
    await asyncio.to_thread(octoprint.start)
    await supervisor.refresh()
    state = await supervisor.wait_for(lambda state: state.status == "idle", 10)
    assert age(state) < 5


class Telling(Troubled):
    """A printer that tells its state by itself; an exception ends the connection."""

    capabilities = frozenset({"push"})

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.told: asyncio.Queue[PrinterState | Exception] = asyncio.Queue()
        self.connections = 0
        self.closed = 0

    async def watch(self) -> AsyncIterator[PrinterState]:
        self.connections += 1
        try:
            while True:
                item = await self.told.get()
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.closed += 1

    def tell(self, text: str, age: float = 0.0) -> None:
        self.told.put_nowait(PrinterState(status="idle", text=text, observed_at=time.time() - age))


@pytest.fixture
def telling(tmp_path: Path) -> Telling:
    return Telling(tmp_path / "printer")


async def test_a_printer_that_tells_is_not_asked(telling: Telling, supervise: Supervise) -> None:
    supervisor = supervise(telling)
    for text in ("one", "two"):
        telling.tell(text)
        await eventually(lambda text=text: supervisor.state.text == text)  # type: ignore[misc]
    assert (telling.reads, telling.connections) == ([], 1)
    await supervisor.aclose()
    assert telling.closed == 1


async def test_what_is_told_late_is_no_news(telling: Telling, supervise: Supervise) -> None:
    supervisor = supervise(telling)
    telling.tell("now")
    telling.tell("an hour ago", age=3600)
    telling.tell("then")
    await eventually(lambda: supervisor.state.text == "then")
    with supervisor.subscribe() as states:
        telling.tell("older", age=60)
        telling.tell("newer")
        await eventually(lambda: supervisor.state.text == "newer")
        assert (await anext(states)).text in {"then", "newer"}


@pytest.mark.parametrize("trouble", [PrinterOfflineError("the line is cut"), RuntimeError("a bug")])
async def test_while_it_cannot_be_listened_to_it_is_asked(
    telling: Telling, supervise: Supervise, trouble: Exception
) -> None:
    supervisor = supervise(telling)
    telling.tell("told")
    await eventually(lambda: supervisor.state.text == "told")
    telling.told.put_nowait(trouble)
    await eventually(lambda: len(telling.reads) > 1)
    assert supervisor.state.status == "idle"
    await eventually(lambda: telling.connections == 2)
    asked = len(telling.reads)
    telling.tell("told again")
    await eventually(lambda: supervisor.state.text == "told again")
    assert len(telling.reads) == asked


async def test_one_that_falls_silent_is_asked_and_offline_if_it_does_not_answer(
    telling: Telling, supervise: Supervise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fluxgate_printing.printers.supervisor.SILENCE", 0.05)
    supervisor = supervise(telling)
    telling.tell("told")
    await eventually(lambda: len(telling.reads) > 1)
    assert supervisor.state.text == "Operational"
    telling.trouble = PrinterOfflineError("no answer")
    await eventually(lambda: supervisor.state.status == "offline")
    telling.tell("back")
    await eventually(lambda: (supervisor.state.status, supervisor.state.text) == ("idle", "back"))
    assert telling.connections == 1


async def test_a_silent_printer_turns_stale_then_offline_then_answers_again(
    driver: Troubled, supervise: Supervise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fluxgate_printing.printers.supervisor.OVERDUE", 0.1)
    changes: list[PrinterState] = []
    supervisor = supervise(driver, on_change=changes.append)
    await supervisor.wait_for(lambda state: state.status == "idle", 5)
    changes.clear()
    driver.slow, driver.trouble = 1.0, PrinterOfflineError("gone")
    seen = (await supervisor.wait_for(lambda state: state.stale, 5)).observed_at
    assert supervisor.state.status == "idle", "what was last seen"
    offline = await supervisor.wait_for(lambda state: state.status == "offline", 5)
    assert (offline.stale, offline.observed_at) == (False, seen)
    driver.slow, driver.trouble = 0.0, None
    await supervisor.wait_for(lambda state: state.status == "idle" and not state.stale, 10)
    assert [(state.status, state.stale) for state in changes] == [
        ("idle", True),
        ("offline", False),
        ("idle", False),
    ]
