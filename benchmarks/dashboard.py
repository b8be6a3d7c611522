"""The dashboard in a real Chromium: what a first visit loads, how soon the page is there, and what fifty live printers
cost the browser.

python -m benchmarks.dashboard     # this alone
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from benchmarks.contestants import Workshop
from benchmarks.fleet import begin, config_of, simulated
from benchmarks.gateway import wait_ready
from benchmarks.processes import HOST, PrerequisiteError, Server, choose_cores, pinned
from benchmarks.report import Plan, Row, at_most, table

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PRINTERS = 50
WINDOW = 20.0
"""Seconds over which the browser's CPU time is counted."""
SCRIPT_LIMIT, PAINT_LIMIT, CPU_LIMIT = 200.0, 1000.0, 10.0
"""kB of compressed script, ms, % of a core."""

_PAINTED = """() => new Promise((done) => {
    new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime))
        .observe({ type: 'largest-contentful-paint', buffered: true });
})"""
_SCRIPTS = """() => performance.getEntriesByType('resource')
    .filter((one) => one.name.endsWith('.js')).reduce((sum, one) => sum + one.encodedBodySize, 0) / 1000"""


def measure(workshop: Workshop, plan: Plan) -> list[Row]:
    """Some 30 s, and a few more a round."""
    first = workshop.fluxgate({})
    wait_ready(first, 60)
    with _chromium() as browser:
        scripts, paint = _visits(browser, first, 1, plan.rounds)
    workshop.stop(first)
    simulator = simulated(workshop)
    asyncio.run(_half_print(f"{simulator.origin}"))
    many = workshop.fluxgate({}, config=config_of(simulator, PRINTERS), wait=False)
    wait_ready(many, 120)
    with _chromium() as browser:
        _, paint_of_many = _visits(browser, many, PRINTERS, plan.rounds)
        cpu = _watched(browser, many)
    workshop.stop(many, simulator)
    return [
        _row("first start: script of a first visit, compressed", "kB", scripts, SCRIPT_LIMIT),
        _row("first start: largest contentful paint", "ms", paint, PAINT_LIMIT),
        _row(f"{PRINTERS} printers: largest contentful paint", "ms", paint_of_many),
        _row(f"{PRINTERS} printers: CPU of the browser's page", "% core", cpu, CPU_LIMIT),
    ]


@contextmanager
def _chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the other measures don't need it

    chromium = shutil.which("chromium")
    if chromium is None:
        raise PrerequisiteError("no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


def _row(name: str, unit: str, value: float, limit: float | None = None) -> Row:
    goals = () if limit is None else (at_most(value, limit, unit),)
    return Row("dashboard", f"dashboard, {name}", unit, {"fluxgate": value}, goals)


def _visits(browser: Browser, gateway: Server, printers: int, rounds: int) -> tuple[float, float]:
    """Medians: kB of script, ms to the largest paint. The browser's own first page doesn't count."""
    visits = [_visit(browser, gateway, printers) for _ in range(rounds + 1)][1:]
    scripts, paints = zip(*visits, strict=True)
    return median(scripts), median(paints)


async def _half_print(origin: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        await asyncio.gather(*(begin(client, f"{origin}/p{number}") for number in range(0, PRINTERS, 2)))


def _open(browser: Browser, gateway: Server, printers: int) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"http://{HOST}:{gateway.port}/printing")
    page.wait_for_function(f"() => document.querySelectorAll('article').length >= {printers}", timeout=60_000)
    return page


def _visit(browser: Browser, gateway: Server, printers: int) -> tuple[float, float]:
    """A visit with nothing kept from before: kB of script, ms to the largest paint."""
    page = _open(browser, gateway, printers)
    page.wait_for_timeout(1500)  # what it loads after the first paint, too
    found = float(page.evaluate(_SCRIPTS)), float(page.evaluate(_PAINTED))
    page.context.close()
    return found


def _watched(browser: Browser, gateway: Server) -> float:
    """% of a core that the process of the page takes, while its printers are live."""
    page = _open(browser, gateway, PRINTERS)
    page.wait_for_timeout(3000)
    renderers = [one for one in psutil.Process().children(recursive=True) if "--type=renderer" in _command(one)]
    spent, begun = _spent(renderers), time.monotonic()
    page.wait_for_timeout(WINDOW * 1000)
    used = (_spent(renderers) - spent) / (time.monotonic() - begun)
    page.context.close()
    return used * 100


def _command(process: Any) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _spent(processes: list[Any]) -> float:
    times = [process.cpu_times() for process in processes if process.is_running()]
    return float(sum(one.user + one.system for one in times))


def main() -> int:
    cores = choose_cores()
    with tempfile.TemporaryDirectory(prefix="fluxgate-bench-") as name, pinned(cores.load):
        workshop = Workshop(Path(name), cores)
        try:
            print(table(measure(workshop, Plan(3, quick=False))))
        finally:
            workshop.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
