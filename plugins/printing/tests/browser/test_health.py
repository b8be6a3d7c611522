"""How the gateway is, in words, and what to do about what isn't well."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from plugins.printing.tests.browser.keys import asking, make_key, sign_in
from tests.support.printing_gateway import PrintingGateway

Opened = Callable[..., Page]

PRINTERS = """
[plugins.printing.printers.virtual]
driver = "virtual"
[plugins.printing.printers.bench]
driver = "octoprint"
url = "http://127.0.0.1:9"
api_key = "nothing-listens-there"
"""


@pytest.fixture(scope="module")
def gateway() -> Iterator[PrintingGateway]:
    with PrintingGateway(PRINTERS) as running:
        yield running


def test_it_names_what_is_impaired(open_page: Opened, accessible: Callable[[Page], None]) -> None:
    page = open_page()
    page.get_by_role("link", name="Impaired").click()
    expect(page.get_by_role("heading", name="Something is impaired")).to_be_visible()
    printers = page.get_by_role("region", name="Printers", exact=True)
    expect(printers).to_contain_text("OctoPrint can't be reached.")
    expect(printers).to_contain_text("Is it switched on")
    expect(page.get_by_role("region", name="3D printing")).to_contain_text("offline: bench")
    expect(page.get_by_role("region", name="Gateway")).to_contain_text("Open to this machine")
    expect(page.get_by_role("link", name="Metrics")).to_have_attribute("href", "/-/metrics")
    accessible(page)
    printers.get_by_role("link", name="bench").click()
    expect(page).to_have_url(re.compile("/printers/bench$"))


def test_the_gateway_is_away_and_comes_back(open_page: Opened, accessible: Callable[[Page], None]) -> None:
    with PrintingGateway() as gateway:
        page = open_page("/health", gateway=gateway, width=390, height=844)
        expect(page.get_by_role("heading", name="Everything works")).to_be_visible()
        gateway.stop()
        page.get_by_role("button", name="Look again").click()
        expect(page.get_by_role("heading", name="The gateway doesn't answer")).to_be_visible()
        expect(page.get_by_role("region", name="Gateway")).to_be_visible()  # as it last was
        accessible(page)
        gateway.env["FLUXGATE_PORT"] = gateway.url.rsplit(":", 1)[1]
        gateway.start()
        page.get_by_role("button", name="Look again").click()
        expect(page.get_by_role("heading", name="Everything works")).to_be_visible()


def test_a_restricted_key_is_told_nothing_of_it(open_page: Opened, accessible: Callable[[Page], None]) -> None:
    with asking() as gateway:
        key = make_key(gateway, "wall", "viewer", scopes=("printing:view",))
        page = open_page("/health", gateway=gateway)
        sign_in(page, key)
        expect(page.get_by_role("heading", name="Health isn't shown to you")).to_be_visible()
        expect(page.get_by_role("link", name="see more")).to_have_count(0)
        accessible(page)
