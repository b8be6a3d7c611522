"""What ended: the list, its filters in the address, its numbers, its file, and what can be done with a print."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.support.printing_gateway import PrintingGateway

WHY = "Thermal runaway: the hotend is off."
PROJECT = str(uuid4())
Opened = Callable[..., Page]


def ended(gateway: PrintingGateway, name: str, hours_ago: float, **columns: object) -> None:
    """A job that ended, as if it had been printed."""
    moment = (datetime.now(UTC) - timedelta(hours=hours_ago)).isoformat(" ")  # as the gateway writes it
    values = {
        "id": uuid4(),
        "file_name": name,
        "status": "completed",
        "created_by": "local",
        "printer_name": "virtual",
        **dict.fromkeys(("completed_at", "queued_at", "created_at", "updated_at"), moment),
        **columns,
    }
    shown = ", ".join(f"'{value}'" for value in values.values())
    gateway.write(f"INSERT INTO print_jobs ({', '.join(values)}) VALUES ({shown})")


@pytest.fixture(scope="module")
def gateway() -> Iterator[PrintingGateway]:
    """Thirty prints of the last two days, one of long ago, and one file that is still there."""
    with PrintingGateway() as running:
        running.write(f"INSERT INTO projects (id, external_id, title) VALUES ('{PROJECT}', 'cuid-lamp', 'Lamp')")
        running.upload("shade.gcode", b"G28\n")
        for number in range(28):
            ended(running, f"part-{number}.gcode", 2 + number, actual_time=3600, estimated_time=3000)
        ended(running, "shade.gcode", 0.2, material_type="PLA", material_color="red", material_used=12.5)
        ended(running, "=base.gcode", 0.1, status="failed", error_message=WHY, printer_name="retired")
        ended(running, "old.gcode", 24 * 60)
        yield running


def rows(page: Page) -> list[str]:
    return page.get_by_role("table").get_by_role("rowheader").all_inner_texts()


def test_it_is_sifted_and_paged_by_its_address(open_page: Opened, accessible: Callable[[Page], None]) -> None:
    page = open_page("/history")
    expect(page.get_by_text("30 prints", exact=True)).to_be_visible()
    expect(page.get_by_role("rowheader")).to_have_count(25)
    assert rows(page)[0].startswith("=base.gcode")
    expect(page.get_by_text("The file was deleted").first).to_be_visible()
    accessible(page)

    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_role("rowheader")).to_have_count(5)
    expect(page).to_have_url(re.compile(r"page=2"))

    page.get_by_label("Result").select_option("Failed")
    expect(page.get_by_role("rowheader")).to_have_text([re.compile("=base.gcode")])
    page.get_by_role("button", name="Why?").click()
    expect(page.get_by_text(WHY)).to_be_visible()
    expect(page).to_have_url(re.compile(r"history\?status=failed$"))

    page.go_back()
    expect(page.get_by_role("rowheader")).to_have_count(5)
    page.get_by_label("Search by file").fill("SHADE")
    expect(page.get_by_role("rowheader")).to_have_text([re.compile("shade.gcode")])
    page.get_by_label("Search by file").fill("nothing like it")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.get_by_role("button", name="Clear filters").first.click()
    page.get_by_text("All", exact=True).click()
    expect(page.get_by_text("31 prints", exact=True)).to_be_visible()


def test_its_numbers_are_of_the_same_prints(open_page: Opened, accessible: Callable[[Page], None]) -> None:
    page = open_page("/history?search=part&range=7")
    numbers = page.locator("dl").first
    expect(numbers).to_contain_text("28 completed · 0 failed · 0 canceled")
    expect(numbers).to_contain_text("28 h 00 min")
    page.get_by_text("Charts", exact=True).click()
    expect(page.get_by_role("heading", name="Prints a day")).to_be_visible()
    page.get_by_role("region", name="Hours by printer").get_by_text("As a table").click()
    expect(page.get_by_role("row", name="virtual 28 28 h 00 min 0 g")).to_be_visible()
    accessible(page)


def test_what_is_sifted_is_kept_as_a_file(open_page: Opened, tmp_path: Path) -> None:
    page = open_page("/history?range=all")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    download.value.save_as(tmp_path / "prints.csv")
    with (tmp_path / "prints.csv").open(encoding="utf-8-sig", newline="") as file:
        prints = list(csv.DictReader(file))
    assert len(prints) == 31
    assert prints[0]["file"] == "'=base.gcode"  # no formula
    assert (prints[0]["result"], prints[0]["error"]) == ("failed", WHY)
    assert (prints[1]["grams"], prints[1]["material"], prints[1]["currency"]) == ("12.5", "PLA", "EUR")


def test_a_print_is_linked_to_a_project(open_page: Opened, accessible: Callable[[Page], None]) -> None:
    page = open_page("/history?search=part-3.gcode", width=390, height=844, dark=True)
    page.get_by_role("button", name="Actions for part-3.gcode").click()
    page.get_by_role("menuitem", name="Link to a project").click()
    dialog = page.get_by_role("dialog", name="Link to a project")
    choice = dialog.get_by_label("Project", exact=True)
    choice.select_option("Another, by its id…")
    dialog.get_by_label("The project's id").fill("cuid-none")
    dialog.get_by_role("button", name="Link", exact=True).click()
    expect(dialog.get_by_role("alert")).to_have_text("There is no such project, or you have nothing to do with it.")
    accessible(page)
    choice.select_option("Lamp")
    dialog.get_by_role("button", name="Link", exact=True).click()
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Lamp").click()
    expect(page).to_have_url(re.compile(f"project={PROJECT}"))
    expect(page.get_by_text("1 print", exact=True)).to_be_visible()
    accessible(page)


def test_a_print_that_ends_is_listed(open_page: Opened, gateway: PrintingGateway) -> None:
    page = open_page("/history?search=quick")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    gateway.upload("quick.gcode", b"G28\nG4 S1\n")
    gateway.enqueue("quick.gcode", print=True)
    expect(page.get_by_role("rowheader")).to_have_text([re.compile("quick.gcode")], timeout=30_000)


def test_a_print_is_printed_again(
    open_page: Opened, gateway: PrintingGateway, accessible: Callable[[Page], None]
) -> None:
    page = open_page("/history?range=all&search=e.gcode")
    page.get_by_role("button", name="Actions for =base.gcode").click()
    expect(page.get_by_role("menuitem", name="Print again: the file is gone")).to_be_disabled()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Actions for shade.gcode").click()
    page.get_by_role("menuitem", name="Print again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Material")).to_have_value("PLA")
    accessible(page)
    dialog.get_by_role("radio", name=re.compile("On hold")).check()
    dialog.get_by_role("button", name="Add on hold").click()
    expect(dialog).to_have_count(0)
    (job,) = gateway.get("/queue")["items"]
    assert (job["filename"], job["onHold"]) == ("shade.gcode", True)
