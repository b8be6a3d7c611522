"""Printers in another site's page: the dashboard in a frame, and the cards as that page's own components."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.printing_gateway import PrintingGateway

UI = Path(__file__).parents[2] / "ui"
pytestmark = pytest.mark.xdist_group("dashboard-embedding")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def studio() -> Iterator[str]:
    """The origin of the example page, built with the package as others get it."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(
        ["npm", "run", "--silent", "build:example"], cwd=UI, env=environment, check=True, capture_output=True
    )
    handler = functools.partial(Quiet, directory=UI / "dist-example")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def open_studio(browser: Browser, studio: str, gateway: PrintingGateway) -> Page:
    page = browser.new_page(locale="en-GB")
    page.goto(f"{studio}/?gateway={gateway.url}")
    return page


@pytest.fixture(scope="module")
def welcoming(studio: str) -> Iterator[PrintingGateway]:
    """A gateway that lets the site in."""
    config = f'[browser]\norigins = ["{studio}"]\n[browser.frame_ancestors]\nprinting = ["{studio}"]\n'
    with PrintingGateway(config) as gateway:
        yield gateway


def test_the_cards_are_live_in_the_sites_own_page(browser: Browser, studio: str, welcoming: PrintingGateway) -> None:
    page = open_studio(browser, studio, welcoming)
    card = page.locator("main > .fluxgate").get_by_role("article", name="virtual")
    expect(card).to_contain_text("Ready")
    picture = card.get_by_role("img")
    expect(picture).to_be_visible()
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
    welcoming.upload("embedded.gcode", b"G28\nG4 S60\n", print="true")
    expect(card).to_contain_text("Printing")
    welcoming.post("/job/cancel")
    page.close()


def test_the_cards_wear_the_sites_colours(browser: Browser, studio: str, welcoming: PrintingGateway) -> None:
    page = open_studio(browser, studio, welcoming)
    card = page.locator("main > .fluxgate").get_by_role("article", name="virtual")
    expect(card).to_have_css("border-top-left-radius", "4px")
    page.close()


def test_the_dashboard_is_in_its_frame(browser: Browser, studio: str, welcoming: PrintingGateway) -> None:
    page = open_studio(browser, studio, welcoming)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("article", name="virtual")).to_be_visible()
    expect(frame.get_by_role("navigation")).to_have_count(0)
    page.close()


def test_a_gateway_that_doesnt_know_the_site_shows_it_nothing(browser: Browser, studio: str) -> None:
    with PrintingGateway() as gateway:
        page = open_studio(browser, studio, gateway)
        expect(page.get_by_role("heading", name="Native components")).to_be_visible()
        refused = page.wait_for_event(
            "console", lambda message: "frame-ancestors" in message.text or "CORS" in message.text, timeout=15_000
        )
        assert refused.type == "error"
        expect(page.get_by_role("article", name="virtual")).to_have_count(0)
        page.close()
