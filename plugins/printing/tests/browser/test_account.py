"""Signing in and out, what one may do, and the gateway's keys: as everybody, and on an open gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from plugins.printing.tests.browser.keys import asking, make_key, sign_in
from tests.support.printing_gateway import PrintingGateway

Opened = Callable[..., Page]

PRINTERS = """
[plugins.printing.printers.ender]
driver = "virtual"
[plugins.printing.printers.mk4]
driver = "virtual"
[[plugins.printing.access.grants]]
who = ["role:apprentice"]
role = "operator"
printers = ["ender"]
"""


@pytest.fixture(scope="module")
def gateway() -> Iterator[PrintingGateway]:
    with asking(PRINTERS) as running:
        yield running


@pytest.mark.parametrize(("role", "may"), [("viewer", "See"), ("operator", "Print"), ("admin", "Manage")])
def test_one_signs_in_and_out(
    open_page: Opened, gateway: PrintingGateway, accessible: Callable[[Page], None], role: str, may: str
) -> None:
    key = make_key(gateway, f"the {role}", role)
    page = open_page("/account")
    page.get_by_label("API key or token").fill(key[:-1] + ("a" if key[-1] != "a" else "b"))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This key isn't valid: mistyped, expired or revoked.")
    accessible(page)
    sign_in(page, key)
    expect(page.get_by_role("region", name="You", exact=True)).to_contain_text(f"the {role}")
    expect(page.get_by_role("region", name="What you may do with printers")).to_contain_text(f"On every printer{may}")
    expect(page.get_by_role("region", name="API keys")).to_have_count(1 if role == "admin" else 0)
    accessible(page)
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in to print")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in to print")).to_be_visible()


def test_roles_by_printer_are_told(open_page: Opened, gateway: PrintingGateway) -> None:
    page = open_page("/account")
    sign_in(page, make_key(gateway, "apprentice", "viewer", "apprentice"))
    rights = page.get_by_role("region", name="What you may do with printers")
    expect(rights.get_by_role("listitem")).to_have_text(["enderPrint", "mk4See"])


def test_a_stranger_can_but_sign_out(
    open_page: Opened, gateway: PrintingGateway, accessible: Callable[[Page], None]
) -> None:
    page = open_page()
    sign_in(page, make_key(gateway, "stranger"))
    expect(page.get_by_role("heading", name="Nothing here for you yet")).to_be_visible()
    accessible(page)
    page.get_by_role("link", name="Account").click()
    page.get_by_role("button", name="Sign out everywhere").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("heading", name="Sign in to print")).to_be_visible()


def test_a_key_is_made_shown_once_and_revoked(
    open_page: Opened, gateway: PrintingGateway, accessible: Callable[[Page], None]
) -> None:
    page = open_page("/account")
    sign_in(page, make_key(gateway, "who runs it", "admin"))
    page.get_by_role("button", name="Make a key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("slicer")
    dialog.get_by_label("Groups").fill("two words")
    dialog.get_by_label("May be used for").select_option("Seeing and printing")
    dialog.get_by_role("button", name="Make the key").click()
    expect(dialog.get_by_role("alert")).to_have_text("Names have no spaces, and are divided by commas.")
    dialog.get_by_label("Groups").fill("workshop")
    accessible(page)
    dialog.get_by_role("button", name="Make the key").click()
    secret = dialog.get_by_label("Key of slicer").input_value()
    page.keyboard.press("Escape")
    expect(dialog).to_contain_text("The key is gone once this is closed.")  # not lost by a stray key
    accessible(page)
    dialog.get_by_role("button", name="I have it").click()
    expect(page.get_by_text("operator · Groups: workshop · Only: printing:operate, printing:view")).to_be_visible()
    assert secret not in page.content()

    other = open_page("/account")
    sign_in(other, secret)
    expect(other.get_by_role("region", name="You", exact=True)).to_contain_text("slicer")
    page.get_by_role("button", name="Revoke slicer").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("button", name="Revoke slicer")).to_have_count(0)
    other.get_by_role("link", name="History", exact=True).click()
    expect(other.get_by_text("Your session has ended.")).to_be_visible()
    sign_in(other, make_key(gateway, "another", "viewer"))
    expect(other.get_by_role("heading", level=1, name="History")).to_be_visible()  # where one was


def test_a_screen_that_nobody_touches_notices_that_its_key_was_revoked(
    open_page: Opened, gateway: PrintingGateway
) -> None:
    page = open_page()
    sign_in(page, make_key(gateway, "the screen", "viewer"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    keys = gateway.client.get(f"{gateway.url}/-/auth/keys").json()
    [screen] = [key["id"] for key in keys if key["name"] == "the screen"]
    assert gateway.client.delete(f"{gateway.url}/-/auth/keys/{screen}").status_code == 200
    expect(page.get_by_text("Your session has ended.")).to_be_visible(timeout=30_000)


def test_an_open_gateway_says_what_that_means(open_page: Opened, accessible: Callable[[Page], None]) -> None:
    with PrintingGateway() as gateway:
        page = open_page("/account", gateway=gateway)
        expect(page.get_by_text("Nobody has to sign in here")).to_be_visible()
        expect(page.get_by_role("region", name="API keys are off")).to_contain_text("fluxgate keys create")
        expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
        accessible(page)
