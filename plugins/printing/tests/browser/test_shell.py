"""The frame of the dashboard: where it is served, its navigation, its colours, the gateway gone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.printing_gateway import PrintingGateway


@pytest.mark.parametrize("mount", ["/printing", "/dashboard/printing"])
def test_it_is_served_at_both_addresses(open_page: Callable[..., Page], mount: str) -> None:
    page = open_page("/queue", mount=mount)
    expect(page.get_by_role("heading", level=1, name="Queue")).to_be_visible()
    page.get_by_role("link", name="Printers", exact=True).click()
    expect(page).to_have_url(re.compile(rf"{mount}/?$"))
    expect(page.get_by_role("article", name="virtual")).to_be_visible()
    expect(page.get_by_role("link", name="Printers", exact=True)).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()


def test_a_page_that_there_is_not(open_page: Callable[..., Page], accessible: Callable[[Page], None]) -> None:
    page = open_page("/nowhere")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    accessible(page)


def test_embedded_it_has_no_navigation(open_page: Callable[..., Page]) -> None:
    page = open_page("/?embed=1")
    expect(page.get_by_role("article", name="virtual")).to_be_visible()
    expect(page.get_by_role("navigation")).to_have_count(0)


def test_a_phone_reaches_every_page(open_page: Callable[..., Page], accessible: Callable[[Page], None]) -> None:
    page = open_page(width=390, height=844, dark=True)
    expect(page.get_by_role("article", name="virtual")).to_be_visible()
    for name in ("Set up printers", "Health", "Account"):
        page.get_by_role("button", name="More", exact=True).click()
        page.get_by_role("menuitem", name=name).click()
        expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    accessible(page)
    page.get_by_role("link", name="Printers", exact=True).click()
    page.get_by_role("link", name="Wall display").click()
    expect(page.get_by_role("navigation")).to_have_count(0)


def test_colours_are_chosen_and_kept(open_page: Callable[..., Page]) -> None:
    page = open_page()
    background = "() => getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Colours").click()
    page.get_by_role("menuitem", name="Dark").click()
    dark = page.evaluate(background)
    page.reload()
    expect(page.get_by_role("article", name="virtual")).to_be_visible()
    assert page.evaluate(background) == dark != light


def test_the_gateway_restarts(open_page: Callable[..., Page]) -> None:
    with PrintingGateway() as gateway:
        port = gateway.url.rsplit(":", 1)[1]
        page = open_page(gateway=gateway)
        live = page.get_by_role("status").filter(has_text="Live")
        expect(live).to_be_visible()
        gateway.stop()
        expect(page.get_by_role("status").filter(has_text="No connection")).to_be_visible(timeout=30_000)
        expect(page.get_by_role("article", name="virtual")).to_be_visible()  # as it last was
        gateway.env["FLUXGATE_PORT"] = port
        gateway.start()
        expect(live).to_be_visible(timeout=30_000)
