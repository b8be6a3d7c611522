"""Files: the list, what a file says and looks like, and what can be done with it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Locator, Page, expect

from plugins.printing.tests.browser.keys import asking, make_key, sign_in
from plugins.printing.tests.files.slicers import PRUSA
from tests.support.printing_gateway import PrintingGateway, ok, wait_for
from tests.support.sliced import sliced

CONFIG = """
[plugins.printing]
default_printer = "alder"
auto_start = false

[plugins.printing.printers.alder]
driver = "virtual"

[plugins.printing.printers.birch]
driver = "virtual"
build_volume = { x = 250, y = 210, z = 220 }
"""
PROJECT = str(uuid4())
VASE = sliced()
Opened = Callable[..., Page]
Checked = Callable[[Page], None]


@pytest.fixture(scope="module")
def gateway() -> Iterator[PrintingGateway]:
    """Three files as slicers write them, 27 that say nothing, and a project."""
    with PrintingGateway(CONFIG) as running:
        running.write(f"INSERT INTO projects (id, external_id, title) VALUES ('{PROJECT}', 'cuid-lamp', 'Lamp')")
        for number in range(1, 28):
            running.upload(f"part-{number:02}.gcode", b"G28\n" * number)
        running.upload("two tools.gcode", PRUSA.encode())
        running.upload("lamp.gcode", sliced(seconds=1800, color="#aa3355", layers=10))
        running.upload("vase.gcode", VASE)
        wait_for(lambda: running.get("/files/vase.gcode")["metadata"]["analysed"], what="the files are read")
        yield running


def names(page: Page) -> Locator:
    """What the table lists."""
    return page.get_by_role("table", name="Files").get_by_role("rowheader").get_by_role("link")


def picture(of: Locator) -> Image.Image:
    return Image.open(io.BytesIO(of.screenshot())).convert("RGB")


def is_there(gateway: PrintingGateway, name: str) -> bool:
    return gateway.request("GET", f"/files/{name}").is_success


def test_the_list_is_searched_sorted_and_paged_by_its_address(open_page: Opened, accessible: Checked) -> None:
    page = open_page("/files")
    expect(page.get_by_text("30 files", exact=True)).to_be_visible()
    expect(names(page)).to_have_count(24)
    expect(names(page).first).to_have_text("vase.gcode")  # the newest
    vase = page.get_by_role("row").filter(has_text="vase.gcode")
    expect(vase).to_contain_text(re.compile(r"MK3S.*1 h 00 min.*12\.5 g.*PLA.*40.*kB"))
    expect(vase.locator("img")).to_have_js_property("naturalWidth", 220)
    expect(page.get_by_role("progressbar", name="Storage in use")).to_be_visible()
    accessible(page)

    page.get_by_role("button", name="Next page").click()
    expect(names(page)).to_have_count(6)
    expect(page.get_by_text("25–30 of 30")).to_be_visible()
    page.reload()
    expect(names(page)).to_have_count(6)
    page.get_by_role("link", name="part-01.gcode").click()
    expect(page.get_by_role("heading", name="part-01.gcode")).to_be_visible()
    page.go_back()
    expect(names(page)).to_have_count(6)
    page.go_back()
    expect(names(page)).to_have_count(24)

    page.get_by_role("button", name="Name").click()
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "ascending")
    expect(names(page).first).to_have_text("lamp.gcode")
    page.get_by_label("Sort by").select_option("Smallest first")
    expect(names(page).first).to_have_text("part-01.gcode")
    page.get_by_label("Search files").fill("PART-0")
    expect(page.get_by_text("9 files with “PART-0” in the name")).to_be_visible()
    expect(names(page).nth(8)).to_have_text("part-09.gcode")
    expect(page).to_have_url(re.compile(r"sort=size&q=PART-0$|q=PART-0&sort=size$"))
    page.get_by_label("Search files").fill("nothing like it")
    expect(page.get_by_role("heading", name="No file is called that")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Show all files").last.click()
    expect(names(page)).to_have_count(24)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_file_says_what_it_takes_and_what_became_of_it(
    open_page: Opened, accessible: Checked, gateway: PrintingGateway, width: int, dark: bool, tmp_path: Path
) -> None:
    if not gateway.rows("SELECT id FROM print_jobs WHERE file_name = 'vase.gcode'"):
        gateway.write(
            "INSERT INTO print_jobs (id, file_name, status, created_by, printer_name, actual_time, material_used,"
            " completed_at, queued_at, started_at, created_at, updated_at) VALUES"
            f" ('{uuid4()}', 'vase.gcode', 'completed', 'local', 'birch', 3900, 12.75, '2026-10-02 09:30:00+00:00',"
            + ", ".join(["'2026-10-02 08:25:00+00:00'"] * 4)
            + ")"
        )
    page = open_page("/files/vase.gcode", width=width, height=844, dark=dark)
    expect(page.get_by_role("img", name="Picture of vase.gcode")).to_have_js_property("naturalWidth", 220)
    facts = page.get_by_role("region", name="What the file says")
    for name, value in (
        ("Print time", "1 h 00 min"),
        ("Material", "PLA"),
        ("Weight", "12.5 g"),
        ("Layers", "40"),
        ("Layer height", "0.2 mm"),
        ("For the printer", "MK3S"),
        ("Sliced with", "PrusaSlicer 2.9.2"),
    ):
        expect(facts.locator("dl > div").filter(has=page.get_by_text(name, exact=True))).to_have_text(name + value)
    prints = page.get_by_role("table", name="Its prints").get_by_role("row")
    expect(prints).to_have_count(2)
    expect(prints.last).to_contain_text("Completed")
    expect(prints.last).to_contain_text("birch")
    expect(prints.last).to_contain_text("1 h 05 min")
    expect(prints.last).to_contain_text("2 Oct 2026, 11:30")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "vase.gcode")
    assert (tmp_path / "vase.gcode").read_bytes() == VASE
    assert download.value.suggested_filename == "vase.gcode"
    accessible(page)

    page.get_by_role("link", name="Files").last.click()
    page.get_by_label("Search files").fill("two")
    page.get_by_role("link", name="two tools.gcode").click()
    tools = page.get_by_role("table", name="Filament by tool")
    expect(tools.get_by_role("row", name="T1 PETG 0.3 m 0.8 g 0.6 mm")).to_be_visible()
    expect(page.get_by_text("It hasn't been printed yet.")).to_be_visible()


def test_a_file_that_is_not_there_says_so(open_page: Opened, accessible: Checked) -> None:
    page = open_page("/files/nothing.gcode")
    expect(page.get_by_role("heading", name="There is no such file")).to_be_visible()
    expect(page.get_by_role("button", name="Print")).to_have_count(0)
    accessible(page)
    page.get_by_role("link", name="To the files").click()
    expect(names(page)).to_have_count(24)


def test_its_layers_are_drawn(open_page: Opened, accessible: Checked) -> None:
    page = open_page("/files/vase.gcode")
    page.get_by_text("Layers", exact=True).first.click()
    at = page.get_by_role("status").filter(has_text=" of 40")
    expect(at).to_have_text("Layer 40 of 40 · 8 mm")
    expect(page).to_have_url(re.compile(r"\?view=layers$"))
    drawn = page.get_by_role("img", name="Layers of vase.gcode, drawn")
    accessible(page)

    def changes(by: Callable[[], None]) -> None:
        """What is done must show in the drawing."""
        before = picture(drawn)
        by()
        wait_for(lambda: ImageChops.difference(before, picture(drawn)).getbbox(), what="another picture")

    whole = picture(drawn)
    assert len(whole.getcolors(1 << 20) or []) > 20  # the shades of its layers, on its background
    changes(lambda: page.get_by_label("To layer").fill("5"))
    expect(at).to_have_text("Layer 5 of 40 · 1 mm")
    changes(lambda: page.get_by_label("From layer").fill("3"))
    expect(at).to_have_text("Layers 3–5 of 40 · 1 mm")
    changes(lambda: page.get_by_label("To layer").press("End"))
    changes(lambda: page.get_by_label("From layer").press("Home"))
    expect(at).to_have_text("Layer 40 of 40 · 8 mm")
    assert ImageChops.difference(whole, picture(drawn)).getbbox() is None
    changes(lambda: page.get_by_role("switch", name="Travel moves").click())
    changes(lambda: page.get_by_role("button", name="From above").click())
    changes(lambda: page.get_by_role("button", name="From the front").click())
    changes(lambda: page.emulate_media(color_scheme="dark"))

    page.goto(page.url.replace("vase.gcode", "part-01.gcode"))
    expect(page.get_by_text("There are no moves in this file that could be drawn.")).to_be_visible()


def test_without_webgl_it_says_so(open_page: Opened) -> None:
    page = open_page("/files")
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto(f"{page.url}/vase.gcode?view=layers")
    expect(page.get_by_text("This browser can't draw in 3D")).to_be_visible()


def test_a_file_is_chosen_for_a_printer_and_printed(
    open_page: Opened, accessible: Checked, gateway: PrintingGateway
) -> None:
    page = open_page("/printers/birch")
    page.get_by_role("link", name="Print a file").click()
    expect(page).to_have_url(re.compile(r"/files\?printer=birch$"))
    chosen = page.get_by_text("Choosing a file to print on birch")
    expect(chosen).to_be_visible()
    page.get_by_label("Search files").fill("vase")
    expect(names(page)).to_have_text(["vase.gcode"])
    expect(page).to_have_url(re.compile("printer=birch.*q=vase"))
    accessible(page)

    page.get_by_role("button", name="Print vase.gcode").click()
    dialog = page.get_by_role("dialog", name="Print a file")
    expect(dialog.get_by_role("radio", name="birch")).to_be_checked()
    expect(dialog.get_by_text("1 h 00 min for one copy")).to_be_visible()
    dialog.get_by_label("Copies").fill("2")
    expect(dialog.get_by_text("2 h 00 min for 2 copies")).to_be_visible()
    dialog.get_by_label("Material").select_option("PETG")
    expect(dialog.get_by_text("It was sliced for PLA: are the temperatures right?")).to_be_visible()
    accessible(page)
    dialog.get_by_role("button", name="Add to queue").click()
    expect(page.get_by_text("2 × vase.gcode in the queue").first).to_be_visible()
    jobs = [job for job in gateway.get("/queue")["items"] if job["filename"] == "vase.gcode"]
    assert [(job["targetPrinter"], job["requirements"]["material"]) for job in jobs] == [("birch", "PETG")] * 2

    page.get_by_role("link", name="vase.gcode").click()
    expect(page.get_by_role("heading", name="vase.gcode")).to_be_visible()
    expect(chosen).to_be_visible()
    page.get_by_role("button", name="Print", exact=True).click()
    expect(dialog.get_by_role("radio", name="birch")).to_be_checked()
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Choose for any printer").click()
    expect(chosen).to_have_count(0)
    expect(page).to_have_url(re.compile(r"vase\.gcode\??$"))
    page.get_by_role("button", name="Print", exact=True).click()
    expect(dialog.get_by_role("radio", name="Any printer that fits")).to_be_checked()

    page.goto(page.url.split("/files")[0] + "/files?printer=nowhere")
    expect(names(page)).to_have_count(24)
    expect(page.get_by_text("Choosing a file")).to_have_count(0)


def test_a_file_is_linked_to_a_project_on_a_phone(
    open_page: Opened, accessible: Checked, gateway: PrintingGateway
) -> None:
    page = open_page("/files?q=lamp", width=390, height=844, dark=True)
    lamp = page.get_by_role("article", name="lamp.gcode")
    expect(lamp).to_contain_text("30 min · 12.5 g · PLA · 10 layers")
    accessible(page)
    lamp.get_by_role("button", name="More about lamp.gcode").click()
    page.get_by_role("menuitem", name="Project…").click()
    dialog = page.get_by_role("dialog", name="Project of this file")
    choice = dialog.get_by_label("Project", exact=True)
    choice.select_option("Another, by its id…")
    typed = dialog.get_by_label("The project's id")
    typed.fill("cuid-none")
    dialog.get_by_role("button", name="Link").click()
    expect(typed).to_have_accessible_description(re.compile("There is no such project"))
    accessible(page)
    choice.select_option("Lamp")
    expect(typed).to_have_count(0)
    dialog.get_by_role("button", name="Link").click()
    expect(dialog).to_have_count(0)
    assert gateway.get("/files/lamp.gcode")["projectId"] == PROJECT

    lamp.get_by_role("link", name="lamp.gcode").click()
    expect(page.get_by_role("region", name="What the file says")).to_contain_text("Lamp")
    page.get_by_role("button", name="More about lamp.gcode").click()
    page.get_by_role("menuitem", name="Project…").click()
    expect(dialog).to_contain_text("Lamp")
    dialog.get_by_role("button", name="Unlink").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("region", name="What the file says")).not_to_contain_text("Lamp")
    assert gateway.get("/files/lamp.gcode")["projectId"] is None


def test_deleting_can_be_undone_and_asks_where_a_job_needs_the_file(
    open_page: Opened, accessible: Checked, gateway: PrintingGateway
) -> None:
    for name in ("bin-kept.gcode", "bin-gone.gcode", "bin-used.gcode"):
        gateway.upload(name, b"G28\n")
    job = gateway.enqueue("bin-used.gcode", on_hold=True)
    page = open_page("/files?q=bin-&sort=name")
    expect(names(page)).to_have_text(["bin-gone.gcode", "bin-kept.gcode", "bin-used.gcode"])

    def delete(name: str) -> None:
        page.get_by_role("button", name=f"More about {name}").click()
        page.get_by_role("menuitem", name="Delete").click()

    delete("bin-kept.gcode")
    expect(names(page)).to_have_text(["bin-gone.gcode", "bin-used.gcode"])
    expect(page.get_by_text("2 files with “bin-” in the name")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(names(page)).to_have_count(3)
    page.get_by_role("link", name="bin-gone.gcode").click()
    delete("bin-gone.gcode")  # on its own page, which leads back to the list
    page.get_by_label("Search files").fill("bin-")
    expect(names(page)).to_have_count(2)
    delete("bin-used.gcode")
    question = page.get_by_role("dialog", name="Delete bin-used.gcode all the same?")
    expect(question).to_be_visible()
    accessible(page)
    assert is_there(gateway, "bin-used.gcode")
    assert not is_there(gateway, "bin-gone.gcode")
    assert is_there(gateway, "bin-kept.gcode")  # its time is over too
    question.get_by_role("button", name="Cancel the jobs and delete").click()
    gateway.wait_status(job, "canceled")
    wait_for(lambda: not is_there(gateway, "bin-used.gcode"), what="it is deleted")
    expect(names(page)).to_have_text(["bin-kept.gcode"])
    delete("bin-kept.gcode")
    page.goto("about:blank")  # it is done at once when the page is left
    wait_for(lambda: not is_there(gateway, "bin-kept.gcode"), what="it is deleted")


def test_whoever_may_only_look_is_offered_nothing_else(open_page: Opened, accessible: Checked) -> None:
    with asking() as guarded:
        page = open_page("/files", gateway=guarded)
        sign_in(page, make_key(guarded, "guest", "viewer"))
        expect(page.get_by_role("heading", name="No files yet")).to_be_visible()
        expect(page.get_by_text("Whoever may print here can upload G-code")).to_be_visible()
        accessible(page)
        ok(guarded.request("POST", "/files/upload", files={"files": ("vase.gcode", VASE)}))
        page.reload()
        page.get_by_role("button", name="More about vase.gcode").click()
        expect(page.get_by_role("menuitem")).to_have_text(["Preview the layers", "Download"])
        page.keyboard.press("Escape")
        for name in ("Upload", "Print vase.gcode"):
            expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
        page.get_by_role("link", name="vase.gcode").click()
        expect(page.get_by_role("link", name="Download")).to_be_visible()
        for name in ("Print", "More about"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
