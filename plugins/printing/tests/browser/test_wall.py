"""The wall display: every printer on one big screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from plugins.printing.tests.e2e.backends import LONG
from tests.support.printing_gateway import PrintingGateway

PRINTERS = 50
CONFIG = '[plugins.printing]\nbackend = "native"\ndefault_printer = "p00"\n' + "".join(
    f'[plugins.printing.printers.p{number:02}]\ndriver = "virtual"\nspeed_factor = 1\n' for number in range(PRINTERS)
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[PrintingGateway]:
    with PrintingGateway(CONFIG) as running:
        running.upload("long.gcode", LONG)
        yield running


def test_fifty_printers_fill_the_screen(
    gateway: PrintingGateway, open_page: Callable[..., Page], accessible: Callable[[Page], None]
) -> None:
    page = open_page("/wall", width=1920, height=1080)
    expect(page.get_by_role("article")).to_have_count(PRINTERS)
    expect(page.get_by_role("navigation")).to_have_count(0)
    shapes = page.get_by_role("article").evaluate_all(
        "(tiles) => tiles.map((tile) => { const at = tile.getBoundingClientRect(); return [at.right, at.bottom]; })"
    )
    assert all(right <= 1920 and bottom <= 1080 for right, bottom in shapes)
    assert max(bottom for _, bottom in shapes) > 1000
    number = gateway.enqueue("long.gcode", printer="p07")
    gateway.post(f"/queue/{number}/start", {"printer": "p07"})
    tile = page.get_by_role("article", name="p07")
    expect(tile).to_contain_text("Printing")
    expect(tile).to_contain_text("%")
    expect(page.get_by_text("1 printing")).to_be_visible()
    accessible(page)
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"/printing/?$"))


def test_what_is_shown_is_old_when_the_gateway_is_gone(
    open_page: Callable[..., Page], accessible: Callable[[Page], None]
) -> None:
    with PrintingGateway() as gateway:
        page = open_page("/wall", gateway=gateway, dark=True)
        expect(page.get_by_role("article", name="virtual")).to_contain_text("Ready")
        gateway.stop()
        expect(page.get_by_role("alert")).to_contain_text("The gateway doesn't answer", timeout=30_000)
        expect(page.get_by_role("article", name="virtual")).to_contain_text("Ready")
        accessible(page)
