"""The dashboard before a FluxPrint service, which is asked instead of telling, and says little."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.fluxprint import FluxPrint, running_fluxprint
from tests.support.printing_gateway import PrintingGateway, wait_for

Opened = Callable[..., Page]


@pytest.fixture(scope="module")
def service() -> Iterator[FluxPrint]:
    with running_fluxprint() as service:
        yield service


@pytest.fixture(scope="module")
def gateway(service: FluxPrint) -> Iterator[PrintingGateway]:
    with PrintingGateway(FLUXPRINT_SERVICE_URL=service.url) as gateway:
        gateway.upload("vase.gcode", b"G28\n")
        gateway.upload("box.gcode", b"G28\nG1 X1\n")
        yield gateway


def test_its_printer_is_shown(open_page: Opened, accessible: Callable[[Page], None]) -> None:
    page = open_page()
    card = page.get_by_role("article", name="fluxprint")
    expect(card).to_contain_text("Ready")
    picture = card.get_by_role("img")
    expect(picture).to_be_visible()
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    accessible(page)

    card.get_by_role("link", name="fluxprint", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="fluxprint")).to_be_visible()
    expect(page.get_by_text("Live ·")).to_be_visible()  # its camera
    expect(page.get_by_role("figure", name="Temperatures")).to_be_visible()
    with page.expect_download():
        page.get_by_role("button", name="Download this picture").click()
    accessible(page)


def test_a_file_is_printed(open_page: Opened, gateway: PrintingGateway, accessible: Callable[[Page], None]) -> None:
    page = open_page("/files?sort=name")
    names = page.get_by_role("table").get_by_role("link")
    expect(names).to_have_text(["box.gcode", "vase.gcode"])
    page.get_by_label("Search").fill("vas")
    expect(names).to_have_text(["vase.gcode"])
    accessible(page)
    names.click()
    expect(page.get_by_role("heading", level=1, name="vase.gcode")).to_be_visible()
    expect(page.get_by_role("link", name="Download")).to_have_count(0)
    accessible(page)

    page.get_by_role("button", name="Print", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 h 23 min")  # FluxPrint's own estimate
    accessible(page)
    dialog.get_by_role("button", name="Add to queue").click()
    expect(dialog).to_have_count(0)
    page.get_by_role("link", name="Queue", exact=True).click()
    job = page.get_by_role("listitem").filter(has_text="vase.gcode")
    expect(job).to_be_visible()
    accessible(page)

    job.get_by_role("button", name="Start vase.gcode").click()
    expect(page.get_by_role("article", name="vase.gcode")).to_be_visible()
    page.get_by_role("link", name="Printers", exact=True).click()
    card = page.get_by_role("article", name="fluxprint")
    expect(card).to_contain_text("Printing")
    expect(card).to_contain_text("13 %")
    assert wait_for(lambda: gateway.get("/jobs/active"))[0]["fileName"] == "vase.gcode"


def test_a_file_is_deleted(open_page: Opened, gateway: PrintingGateway) -> None:
    page = open_page("/files")
    page.get_by_role("button", name="More about box.gcode").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_role("link", name="box.gcode")).to_have_count(0)
    wait_for(lambda: all(file["name"] != "box.gcode" for file in gateway.get("/files")["files"]))


def test_it_is_away(open_page: Opened, service: FluxPrint) -> None:
    page = open_page()
    expect(page.get_by_role("article", name="fluxprint")).to_be_visible()
    service.fault("dead")
    try:
        expect(page.get_by_role("status").filter(has_text="No connection")).to_be_visible(timeout=30_000)
        expect(page.get_by_role("article", name="fluxprint")).to_be_visible()  # as it last was
    finally:
        service.fault(None)
    expect(page.get_by_role("status").filter(has_text="No connection")).to_have_count(0, timeout=30_000)
