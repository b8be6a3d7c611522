"""From an empty gateway to a print on a real OctoPrint, in the browser alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from plugins.printing.tests.e2e.backends import LONG
from tests.support.octoprint import OCTOPRINT_MARKS, OctoPrintServer
from tests.support.printing_gateway import PrintingGateway, wait_for

pytestmark = [*OCTOPRINT_MARKS]


@pytest.fixture
def gateway() -> Iterator[PrintingGateway]:
    with PrintingGateway() as running:
        yield running


def test_a_printer_is_added_and_prints(
    open_page: Callable[..., Page],
    gateway: PrintingGateway,
    octoprint: OctoPrintServer,
    accessible: Callable[[Page], None],
    tmp_path: Path,
) -> None:
    page = open_page()
    page.get_by_role("link", name=re.compile("OctoPrint")).click()
    page.get_by_label("Name").first.fill("ender")
    page.get_by_label("Address").fill(octoprint.url)
    page.get_by_label("API key").fill("not the key")
    page.get_by_role("button", name="Test", exact=True).click()
    result = page.get_by_role("region", name="Test")
    expect(result.get_by_text(re.compile("API key"))).to_be_visible()
    page.get_by_label("API key").fill(octoprint.api_key)
    page.get_by_role("button", name=re.compile("^Test")).click()
    expect(result.get_by_text("The printer is there")).to_be_visible()
    page.get_by_label("Waits until the bed is clear").select_option("No")
    page.get_by_role("switch", name=re.compile("default")).check()
    page.get_by_role("button", name="Add the printer").click()
    expect(page.get_by_text("ender is added.")).to_be_visible()
    page.get_by_role("link", name="Printers", exact=True).click()
    card = page.get_by_role("article", name="ender")
    expect(card).to_contain_text("Ready")

    part = tmp_path / "part.gcode"
    part.write_bytes(LONG)
    page.get_by_role("link", name="Files", exact=True).click()
    page.locator("input[type=file]").first.set_input_files(part)
    page.get_by_role("button", name="Print part.gcode").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name=re.compile("ender")).check()
    dialog.get_by_role("radio", name=re.compile("At once")).check()
    dialog.get_by_role("button", name="Print", exact=True).click()
    expect(dialog).to_have_count(0)

    page.get_by_role("link", name="Printers", exact=True).click()
    expect(card).to_contain_text("Printing")
    card.get_by_role("link", name="ender", exact=True).click()
    status = page.get_by_role("main").get_by_role("status").first
    expect(status).to_have_text("Printing")
    accessible(page)
    page.get_by_role("button", name="Pause").click()
    expect(status).to_have_text("Paused")
    assert wait_for(lambda: octoprint.request("GET", "/api/job").json()["state"] == "Paused")
    page.get_by_role("button", name="Resume").click()
    expect(status).to_have_text("Printing")
    page.get_by_role("button", name="Cancel print").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel print").click()
    expect(status).to_have_text("Ready")
    assert wait_for(lambda: octoprint.request("GET", "/api/job").json()["state"] == "Operational")
    page.get_by_role("link", name="History", exact=True).click()
    row = page.get_by_role("row", name=re.compile("part.gcode"))
    expect(row).to_contain_text("Canceled")
    expect(row).to_contain_text("ender")
