"""Every printer at a glance: the first start, printers that wait for somebody, many of them, and those who may only
look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from plugins.printing.tests.browser.keys import asking, make_key, sign_in
from plugins.printing.tests.e2e.backends import LONG, SHORT
from tests.support.printing_gateway import PrintingGateway, ok

MANY = """
[plugins.printing]
default_printer = "p1"
[[plugins.printing.access.grants]]
who = ["role:apprentice"]
role = "viewer"
printers = ["p9"]
[plugins.printing.printers.p2]
driver = "virtual"
groups = ["shelf"]
bed_gate = true
auto_start = true
""" + "".join(
    f'[plugins.printing.printers.p{number}]\ndriver = "virtual"\nspeed_factor = 1\ngroups = ["{group}"]\n'
    for number, group in [(1, "shelf"), (3, "shelf"), *((number, "floor") for number in range(4, 10))]
)
FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"

Opened = Callable[..., Page]
Check = Callable[[Page], None]


@pytest.fixture(scope="module")
def many() -> Iterator[PrintingGateway]:
    """Nine printers: p1 prints, p2's bed waits for somebody, the others have nothing to do."""
    with asking(MANY) as gateway:
        gateway.upload("short.gcode", SHORT)
        gateway.upload("long.gcode", LONG)
        long, short = gateway.enqueue("long.gcode", printer="p1"), gateway.enqueue("short.gcode", printer="p2")
        gateway.post(f"/queue/{long}/start")
        gateway.wait_status(long, "printing")
        gateway.wait_status(short, "completed")
        yield gateway


def shown(page: Page) -> Locator:
    """The names of the printers that are shown, in order."""
    return page.get_by_role("main").get_by_role("heading", level=2).filter(has_text=re.compile(r"^p\d$"))


def test_the_first_start_leads_to_a_print_and_to_a_real_printer(open_page: Opened, accessible: Check) -> None:
    with PrintingGateway(FLUXGATE_PLUGINS__PRINTING__BED_GATE="true") as gateway:
        page = open_page(gateway=gateway)
        welcome = page.get_by_role("region", name="Welcome: try a print, without a printer")
        card = page.get_by_role("article", name="virtual")
        expect(welcome).to_be_visible()
        expect(card).to_contain_text("Ready")
        accessible(page)
        for kind, radio in (("OctoPrint", "OctoPrint"), ("Klipper", "Moonraker"), ("PrusaLink", "PrusaLink")):
            welcome.get_by_role("link", name=re.compile(f"^{kind}")).click()
            expect(page.get_by_role("heading", level=1, name="Add a printer")).to_be_visible()
            expect(page.get_by_role("radio", name=re.compile(f"^{radio}"))).to_be_checked()
            page.go_back()

        welcome.get_by_role("button", name="Print a sample").click()
        expect(page.get_by_text("The sample is on its way to the printer.")).to_be_visible()
        expect(card).to_contain_text("Printing")
        expect(card).to_contain_text("sample.gcode")
        progress = card.get_by_role("progressbar", name="Progress of virtual")
        expect(progress).to_have_attribute("aria-valuenow", re.compile("[1-9]"), timeout=40_000)
        accessible(page)
        welcome.get_by_role("link", name="Printing; see how it goes").click()
        expect(page).to_have_url(re.compile("/printers/virtual$"))
        page.go_back()

        gateway.post("/job/cancel")
        attention = page.get_by_role("region", name="Somebody is needed")
        expect(attention).to_contain_text("Take the print off")
        expect(welcome.get_by_role("button", name="Print a sample")).to_be_disabled()
        expect(welcome).to_contain_text("Take the last print off first")
        attention.get_by_role("button", name="Bed is clear: virtual").click()
        expect(attention).to_have_count(0)
        expect(welcome.get_by_role("button", name="Print a sample")).to_be_enabled()

        welcome.get_by_role("button", name="Don't show this again").click()
        expect(welcome).to_have_count(0)
        page.reload()
        expect(card).to_be_visible()
        expect(welcome).to_have_count(0)


def test_the_first_start_as_others_see_it(open_page: Opened, accessible: Check) -> None:
    with asking() as gateway:
        page = open_page(gateway=gateway, width=390, height=844, dark=True)
        sign_in(page, make_key(gateway, "otto", "operator"))
        welcome = page.get_by_role("region", name="Welcome: try a print, without a printer")
        expect(welcome.get_by_role("button", name="Print a sample")).to_be_enabled()
        expect(welcome).to_contain_text("Whoever runs this gateway can add real printers.")
        expect(welcome.get_by_role("link")).to_have_count(0)
        accessible(page)
        assert page.evaluate(FITS), "nothing stands out to the right"

        page = open_page(gateway=gateway)
        sign_in(page, make_key(gateway, "vera", "viewer"))
        expect(page.get_by_role("article", name="virtual")).to_contain_text("Ready")
        expect(page.get_by_role("button", name="Print a sample")).to_have_count(0)

        body = {"name": "octo", "settings": {"driver": "octoprint", "url": "http://127.0.0.1:9"}}
        ok(gateway.request("POST", "/printer-settings", json=body))
        expect(page.get_by_role("article", name="octo")).to_contain_text("Offline")
        expect(welcome).to_have_count(0)
        gateway.delete("/printer-settings/octo")
        expect(page.get_by_role("article", name="octo")).to_have_count(0)
        page.reload()
        expect(page.get_by_role("article", name="virtual")).to_be_visible()
        expect(page.get_by_role("region", name=re.compile("Welcome"))).to_have_count(0)


def test_many_printers_are_found_sorted_and_kept_as_rows(
    open_page: Opened, many: PrintingGateway, accessible: Check
) -> None:
    page = open_page(gateway=many)
    sign_in(page, make_key(many, "ada", "admin"))
    expect(page.get_by_role("article")).to_have_count(9)
    totals = page.get_by_role("list", name="Printers in numbers")
    expect(totals.get_by_role("listitem")).to_have_text(["9 printers", "1 printing", "7 ready", "1 needs you"])
    accessible(page)
    tools = page.get_by_role("search", name="Which printers are shown, and how")
    tools.get_by_label("Order").select_option("By state")
    expect(shown(page)).to_have_text(["p2", "p1", *(f"p{number}" for number in range(3, 10))])
    tools.get_by_label("State").select_option("Ready")
    tools.get_by_label("Group").select_option("shelf")
    expect(shown(page)).to_have_text(["p3"])
    tools.get_by_label("Find a printer").fill("p1")
    expect(page.get_by_role("heading", name="No printer fits")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(shown(page)).to_have_count(9)
    expect(tools.get_by_label("Find a printer")).to_have_value("")

    page.get_by_role("button", name="Dense rows").click()
    expect(page.get_by_role("article")).to_have_count(0)
    expect(shown(page)).to_have_count(9)
    row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="p1", exact=True))
    expect(row).to_contain_text("long.gcode")
    expect(row.get_by_role("progressbar", name="Progress of p1")).to_be_visible()
    accessible(page)
    page.reload()
    expect(page.get_by_role("button", name="Dense rows")).to_have_attribute("aria-pressed", "true")
    expect(shown(page)).to_have_count(9)
    expect(page.get_by_role("article")).to_have_count(0)
    row.get_by_role("button", name="Pause: p1").click()
    expect(row).to_contain_text("Paused")
    row.get_by_role("button", name="Resume: p1").click()
    expect(row).to_contain_text("Printing")
    page.get_by_role("button", name="Cards with camera").click()
    expect(page.get_by_role("article")).to_have_count(9)


def test_many_printers_on_a_phone_in_the_dark(open_page: Opened, many: PrintingGateway, accessible: Check) -> None:
    page = open_page(gateway=many, width=390, height=844, dark=True)
    sign_in(page, make_key(many, "ada's phone", "admin"))
    for view, count in (("Cards with camera", 9), ("Dense rows", 0)):
        page.get_by_role("button", name=view).click()
        expect(shown(page)).to_have_count(9)
        expect(page.get_by_role("article")).to_have_count(count)
        assert page.evaluate(FITS), "nothing stands out to the right"
        accessible(page)


def test_who_may_only_look_gets_no_buttons(open_page: Opened, many: PrintingGateway, accessible: Check) -> None:
    page = open_page(gateway=many)
    sign_in(page, make_key(many, "vera", "viewer"))
    attention = page.get_by_role("region", name="Somebody is needed")
    expect(attention).to_contain_text("p2 Take the print off, then say that the bed is clear.")
    expect(attention.get_by_role("button")).to_have_count(0)
    accessible(page)
    expect(page.get_by_role("article")).to_have_count(9)
    expect(page.get_by_role("article").get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("article").get_by_role("link", name=re.compile("Print"))).to_have_count(0)
    attention.get_by_role("link", name="Look at it: p2").click()
    expect(page.get_by_role("heading", level=1, name="p2")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Dense rows").click()
    expect(shown(page)).to_have_count(9)
    expect(page.get_by_role("button", name=re.compile("p[0-9]"))).to_have_count(0)


def test_whose_printers_are_all_gone_is_told_so(open_page: Opened, many: PrintingGateway, accessible: Check) -> None:
    page = open_page(gateway=many)
    sign_in(page, make_key(many, "apprentice", "apprentice"))
    expect(shown(page)).to_have_text(["p9"])
    off = {"enabled": False}
    ok(many.request("PATCH", "/printer-settings/p9", json=off))
    expect(page.get_by_role("heading", name="No printers yet")).to_be_visible()
    expect(page.get_by_text("Either none is set up, or you may not see any of them.")).to_be_visible()
    expect(page.get_by_role("link", name="Set up a printer")).to_have_count(0)
    accessible(page)
    page.reload()
    expect(page.get_by_role("heading", name="Nothing here for you yet")).to_be_visible()
    ok(many.request("PATCH", "/printer-settings/p9", json={"enabled": True}))
    page.reload()
    expect(shown(page)).to_have_text(["p9"])


def test_a_bed_is_cleared_from_the_banner(open_page: Opened, many: PrintingGateway) -> None:
    page = open_page(gateway=many)
    sign_in(page, make_key(many, "otto", "operator"))
    job = many.enqueue("short.gcode", printer="p2")
    card = page.get_by_role("article", name="p2")
    expect(card).to_contain_text("Clear the bed")
    expect(card.get_by_role("link", name="Next: short.gcode")).to_be_visible()
    attention = page.get_by_role("region", name="Somebody is needed")
    attention.get_by_role("button", name="Bed is clear: p2").click()
    expect(page.get_by_text("p2 takes prints again.")).to_be_visible()
    many.wait_status(job, "completed")  # what waited for it was printed, and lies there now
    expect(attention).to_contain_text("p2")
