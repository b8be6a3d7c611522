"""The dashboard in a real Chromium, on a real gateway."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fluxgate_printing.dashboard_files import BUILT
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.chromium import chromium
from tests.support.printing_gateway import PrintingGateway

AXE = Path(__file__).parents[2] / "ui/node_modules/axe-core/axe.min.js"
expect.set_options(timeout=15_000)

Opened = Callable[..., Page]
"""`open_page(path, gateway=…, width=…, height=…, dark=…)`."""

TRACKED = ("error", "warning")
EXPECTED = re.compile(
    "Failed to load resource"  # an answer that isn't 2xx: the test is about it, or the page shows it
    r"|\[\.WebGL-\w+\]GL Driver Message \(OpenGL, Performance"  # what is drawn is read by the screenshots of the tests
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A module's tests share a gateway and a browser, so they go to one worker."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(f"browser-{item.path.stem}"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """No longer than a module: while Playwright runs, its thread can run no other event loop."""
    if not (BUILT / "index.html").is_file():
        pytest.fail("the dashboard isn't built: make ui", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def gateway() -> Iterator[PrintingGateway]:
    """A first start: one simulated printer, open, bed gate off. For a module whose tests don't mind each other."""
    with PrintingGateway() as running:
        yield running


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Opens a page below /printing in a browser of its own. Nothing may be said in its console that a developer should
    look at, such as what the Content-Security-Policy refused."""
    opened: list[Page] = []
    said: list[str] = []

    def open_one(
        path: str = "/",
        *,
        gateway: PrintingGateway | None = None,
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
        mount: str = "/printing",
    ) -> Page:
        served = gateway or request.getfixturevalue("gateway")
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="Europe/Berlin",
            base_url=served.url,
            accept_downloads=True,
        )
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda message: (
                said.append(f"{page.url}: {message.type}: {message.text}")
                if message.type in TRACKED and not EXPECTED.match(message.text)
                else None
            ),
        )
        page.goto(served.url + mount + path.rstrip("/"))
        opened.append(page)
        return page

    yield open_one
    failed = getattr(request.node, "failed", False)
    for number, page in enumerate(opened):
        if failed:
            page.screenshot(path=tmp_path / f"page-{number}.png", full_page=True)
        page.context.close()
    assert not said


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == "call" and report.failed:
        item.failed = True  # type: ignore[attr-defined]
    return report


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """Holds a page against axe's rules of WCAG 2.2 A and AA and its best practices."""

    def check(page: Page) -> None:
        if not page.evaluate("() => 'axe' in window"):
            # not by a <script>, which the page's policy refuses
            page.evaluate(AXE.read_text())
        # what it found no fault with isn't sent over: it is most of what it has to say
        found = page.evaluate("async () => (await axe.run({ resultTypes: ['violations'] })).violations")
        violations = [
            f"{one['id']}: {one['help']}: {node['html'][:200]} {node['failureSummary']}"
            for one in found
            for node in one["nodes"][:5]
        ]
        assert not violations, "\n".join(violations)

    return check
