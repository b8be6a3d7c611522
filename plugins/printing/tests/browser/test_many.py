"""Fifty printers at once, all live."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from plugins.printing.tests.e2e.backends import LONG
from tests.support.printing_gateway import PrintingGateway, wait_for

MANY = 50
CONFIG = "\n".join(
    [
        "[plugins.printing]",
        'backend = "native"',
        'default_printer = "p01"',
        "auto_start = true",
        *(
            f'[plugins.printing.printers.p{number:02}]\ndriver = "virtual"\nspeed_factor = 1\ngroups = ["{room}"]'
            for number in range(1, MANY + 1)
            for room in ["cellar" if number % 2 else "loft"]
        ),
    ]
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[PrintingGateway]:
    with PrintingGateway(CONFIG) as running:
        running.upload("long.gcode", LONG)
        yield running


def test_fifty_are_watched(
    open_page: Callable[..., Page], gateway: PrintingGateway, accessible: Callable[[Page], None]
) -> None:
    page = open_page(width=1600, height=1000)
    cards = page.get_by_role("article")
    expect(cards).to_have_count(MANY)
    gateway.enqueue("long.gcode", copies=MANY)
    bars = page.get_by_role("main").get_by_role("progressbar")
    expect(bars).to_have_count(MANY, timeout=60_000)
    wait_for(lambda: len(gateway.get("/jobs/active")) == MANY)
    expect(page.get_by_role("list", name="Printers in numbers")).to_contain_text("50 printing")

    page.get_by_label("Group").select_option("loft")
    expect(cards).to_have_count(MANY // 2)
    page.get_by_role("button", name="Dense rows").click()
    expect(page.get_by_role("main").get_by_role("heading", level=2)).to_have_count(MANY // 2)
    accessible(page)
