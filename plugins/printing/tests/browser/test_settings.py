"""Setting printers up: adding, testing, changing, switching off and removing them, and who may."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Dialog, Locator, Page, expect

from plugins.printing.tests.browser.keys import asking, make_key, sign_in
from plugins.printing.tests.e2e.backends import LONG
from tests.support.octoprint import free_port
from tests.support.printing_gateway import PrintingGateway, ok, wait_for

CONFIG = """
[plugins.printing.printers.first]
driver = "virtual"
"""
SETTINGS = "/printer-settings"
VIRTUAL = {"driver": "virtual", "speed_factor": 1}
SECRET = "a-key-that-nobody-may-see"

Opened = Callable[..., Page]
Check = Callable[[Page], None]


@pytest.fixture(scope="module")
def gateway() -> Iterator[PrintingGateway]:
    with asking(CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def admin(gateway: PrintingGateway) -> str:
    return make_key(gateway, "ada", "admin")


@pytest.fixture(autouse=True)
def only_the_first(gateway: PrintingGateway) -> Iterator[None]:
    yield
    ok(gateway.request("PATCH", f"{SETTINGS}/first", json={"default": True}))
    for entry in gateway.get(SETTINGS)["printers"]:
        if entry["source"] == "added":
            gateway.delete(f"{SETTINGS}/{entry['name']}")


def add(gateway: PrintingGateway, name: str, settings: dict[str, Any]) -> Any:
    return ok(gateway.request("POST", SETTINGS, json={"name": name, "settings": settings}))


def entry_of(page: Page, name: str) -> Locator:
    heading = page.get_by_role("heading", name=name, exact=True, level=2)
    return page.get_by_role("listitem").filter(has=heading)


def choose(page: Page, name: str, action: str) -> None:
    page.get_by_role("button", name=f"More for {name}").click()
    page.get_by_role("menuitem", name=action, exact=True).click()


def told(page: Page, words: str) -> None:
    expect(page.get_by_role("region", name="Notifications").get_by_text(words)).to_be_visible()


def wrong(field: Locator, words: str) -> None:
    """The field is marked, and says what is wrong with it."""
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(words)


def test_a_printer_is_tested_and_added_and_no_choice_of_its_kind_loses_what_was_typed(
    open_page: Opened, gateway: PrintingGateway, admin: str, accessible: Check
) -> None:
    page = open_page("/settings")
    sign_in(page, admin)
    page.get_by_role("link", name="Add a printer").click()
    expect(page.get_by_role("radio")).to_have_count(4)
    expect(page.get_by_role("button", name="Add the printer")).to_have_count(0)
    accessible(page)
    page.get_by_role("radio", name=re.compile("^OctoPrint")).check()
    nowhere = f"http://127.0.0.1:{free_port()}"
    page.get_by_label("Name", exact=True).fill("second")
    page.get_by_label("Address").fill(nowhere)
    page.get_by_label("API key").fill(SECRET)
    page.get_by_label("Single pictures, instead").fill("http://127.0.0.1:9/snapshot")
    page.get_by_role("button", name="Test", exact=True).click()
    test = page.get_by_role("region", name="Test", exact=True)
    expect(test).to_contain_text("It doesn't work yet.")
    address = test.get_by_role("listitem").filter(has_text="Address")
    expect(address).to_contain_text("nothing listens")
    expect(address.get_by_role("img", name="not in order")).to_be_visible()
    accessible(page)

    page.get_by_role("radio", name=re.compile("^OctoPrint")).press("ArrowDown")
    klipper = page.get_by_role("radio", name=re.compile("Klipper"))
    expect(klipper).to_be_checked()
    expect(klipper).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?add=moonraker$"))
    expect(test).to_have_count(0)  # it was about the other kind
    for label, value in {"Name": "second", "Address": nowhere, "API key": SECRET}.items():
        expect(page.get_by_label(label, exact=True)).to_have_value(value)
    expect(page.get_by_label("Single pictures, instead")).to_have_value("http://127.0.0.1:9/snapshot")

    page.get_by_role("radio", name=re.compile("^Virtual printer")).check()
    expect(page.get_by_label("Address")).to_have_count(0)
    page.get_by_label("Single pictures, instead").fill("")
    page.get_by_label("Model").fill("Mini")
    page.get_by_label("Materials").fill("PLA, PETG")
    page.get_by_role("button", name="Test", exact=True).click()
    expect(test).to_contain_text("It works.")
    page.get_by_role("button", name="Add the printer").click()
    told(page, "second is added.")
    expect(page).to_have_url(re.compile("/settings$"))
    expect(entry_of(page, "second")).to_contain_text("Added here")
    accessible(page)
    page.get_by_role("link", name="Printers", exact=True).click()
    expect(page.get_by_role("article", name="second")).to_contain_text("Ready")
    kept = gateway.get(f"{SETTINGS}/second")
    assert (kept["settings"]["model"], kept["settings"]["materials"]) == ("Mini", ["PLA", "PETG"])
    assert SECRET not in str(kept), "what a virtual printer hasn't isn't sent for it"


def test_what_is_wrong_is_said_at_its_field(
    open_page: Opened, gateway: PrintingGateway, admin: str, accessible: Check
) -> None:
    page = open_page("/settings?add=octoprint")
    sign_in(page, admin)
    expect(page.get_by_role("radio", name=re.compile("^OctoPrint"))).to_be_checked()
    name, address = page.get_by_label("Name", exact=True), page.get_by_label("Address")
    add_it = page.get_by_role("button", name="Add the printer")
    address.fill("octopi.local")
    page.get_by_label("Nozzle").fill("0")
    page.get_by_label("Width").fill("200")
    add_it.click()
    wrong(name, "It is needed.")
    expect(name).to_be_focused()
    wrong(address, "It begins with http:// or https://")
    wrong(page.get_by_label("Nozzle"), "More than 0.")
    size = page.get_by_role("group", name="Build volume")
    expect(size).to_have_accessible_description("Width, depth and height, or none of them.")
    accessible(page)
    name.fill("a/b")
    address.fill("http://127.0.0.1:9")
    page.get_by_label("Nozzle").fill("0,4")
    for side in ("Depth", "Height"):
        page.get_by_label(side).fill("0")
    expect(address).not_to_have_attribute("aria-invalid", "true")
    add_it.click()
    wrong(name, "Letters, digits, spaces, and . _ - inside; at most 100.")
    name.fill("first")
    add_it.click()
    expect(size).to_have_accessible_description("More than 0.")
    expect(page.get_by_label("Width")).to_be_focused()
    for side in ("Depth", "Height"):
        page.get_by_label(side).fill("200")

    # what only the gateway knows
    add_it.click()
    wrong(name, "There is a printer called 'first' already.")
    expect(name).to_be_focused()
    name.fill("second")
    page.get_by_label("Video stream (MJPEG)").fill("http://127.0.0.1:9/stream")
    page.get_by_label("Single pictures, instead").fill("http://127.0.0.1:9/snapshot")
    add_it.click()
    stream = page.get_by_label("Video stream (MJPEG)")
    expect(stream).to_be_focused()
    expect(stream).to_have_accessible_description(re.compile("two cameras"))
    stream.fill("")
    page.get_by_text("Finer points").click()
    commands = page.get_by_label("G-code that admins may send")
    commands.fill("M117, G 1!")
    page.get_by_text("Finer points").click()
    add_it.click()
    expect(commands).to_be_focused()
    wrong(commands, "“G 1!” can't stand here.")
    accessible(page)
    assert [entry["name"] for entry in gateway.get(SETTINGS)["printers"]] == ["first"]


def test_a_kept_key_is_never_shown_and_stays_until_it_is_removed(
    open_page: Opened, gateway: PrintingGateway, admin: str, accessible: Check
) -> None:
    add(gateway, "octo", {"driver": "octoprint", "url": "http://127.0.0.1:9", "api_key": SECRET})
    page = open_page("/settings")
    sign_in(page, admin)
    edit = page.get_by_role("link", name="Edit octo")
    key, address, save = (
        page.get_by_label("API key"),
        page.get_by_label("Address"),
        page.get_by_role("button", name="Save"),
    )
    edit.click()
    expect(page.get_by_role("heading", level=1, name="Edit octo")).to_be_visible()
    expect(key).to_have_value("")
    expect(key).to_have_accessible_description("One is kept. Leave it empty to keep it.")
    assert SECRET not in page.content()
    accessible(page)
    page.get_by_label("Model").fill("MK4")
    save.click()
    told(page, "octo is saved, and in use.")
    kept = gateway.get(f"{SETTINGS}/octo")
    assert (kept["settings"]["model"], kept["secrets"]) == ("MK4", ["api_key"])

    edit.click()
    address.fill("http://127.0.0.1:10")
    expect(key).to_have_accessible_description(re.compile("enter it again"))
    save.click()
    expect(key).to_be_focused()
    expect(key).to_have_accessible_description(re.compile("must be entered again"))
    key.fill("another")
    save.click()
    expect(entry_of(page, "octo")).to_contain_text("http://127.0.0.1:10")

    edit.click()
    page.get_by_role("button", name="Remove the kept one").click()
    expect(key).to_have_accessible_description("It is removed when you save.")
    page.get_by_role("button", name="Keep it after all").click()
    expect(key).to_have_accessible_description("One is kept. Leave it empty to keep it.")
    assert gateway.get(f"{SETTINGS}/octo")["secrets"] == ["api_key"]
    page.get_by_role("button", name="Remove the kept one").click()
    save.click()
    expect(edit).to_be_visible()
    assert gateway.get(f"{SETTINGS}/octo")["secrets"] == []


def test_of_two_who_change_a_printer_the_second_is_told(
    open_page: Opened, gateway: PrintingGateway, admin: str, accessible: Check
) -> None:
    add(gateway, "mini", VIRTUAL)
    page = open_page("/settings?edit=mini")
    page.clock.install()
    sign_in(page, admin)
    model = page.get_by_label("Model")
    model.fill("mine")
    ok(gateway.request("PUT", f"{SETTINGS}/mini", json={"settings": {**VIRTUAL, "model": "theirs"}}))
    page.clock.fast_forward("01:00")
    with page.expect_response(re.compile(rf"{SETTINGS}$")):
        page.evaluate("() => window.dispatchEvent(new Event('visibilitychange'))")  # as on coming back to this tab
    expect(model).to_have_value("mine")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Somebody else changed this printer meanwhile.")).to_be_visible()
    expect(model).to_have_value("mine")
    accessible(page)
    page.get_by_role("button", name="Reload").click()
    expect(model).to_have_value("theirs")
    expect(page.get_by_role("button", name="Reload")).to_have_count(0)
    model.fill("mine after all")
    page.get_by_role("button", name="Save").click()
    told(page, "mini is saved, and in use.")
    assert gateway.get("/printers/mini")["model"] == "mine after all"

    page.get_by_role("link", name="Edit mini").click()
    model.fill("of one that is gone")
    gateway.delete(f"{SETTINGS}/mini")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("There is no such printer.")).to_be_visible()


def test_a_printer_is_made_the_default_switched_off_and_on_and_removed(
    open_page: Opened, gateway: PrintingGateway, admin: str, accessible: Check
) -> None:
    add(gateway, "mini", VIRTUAL)
    page = open_page("/settings")
    sign_in(page, admin)
    first, mini = entry_of(page, "first"), entry_of(page, "mini")
    expect(first.get_by_text("Default", exact=True)).to_be_visible()
    choose(page, "mini", "Test")
    dialog = page.get_by_role("dialog", name="Test of mini")
    expect(dialog).to_contain_text("It works.")
    accessible(page)
    dialog.get_by_role("button", name="Close").click()

    choose(page, "mini", "Make it the default")
    told(page, "mini is the default printer.")
    expect(mini.get_by_text("Default", exact=True)).to_be_visible()
    expect(first.get_by_text("Default", exact=True)).to_have_count(0)
    page.get_by_role("button", name="More for mini").click()
    for action in ("Switch off", "Remove"):
        expect(page.get_by_role("menuitem", name=f"{action}: not the default one")).to_be_disabled()
    page.keyboard.press("Escape")

    choose(page, "first", "Switch off")  # of the configuration, as any other
    expect(first).to_contain_text("Switched off")
    assert [one["name"] for one in gateway.get("/printers")["printers"]] == ["mini"]
    choose(page, "first", "Switch on")
    expect(first).to_contain_text("Ready")
    choose(page, "first", "Make it the default")
    told(page, "first is the default printer.")

    gateway.upload("long.gcode", LONG)
    job = gateway.enqueue("long.gcode", printer="mini")
    gateway.post(f"/queue/{job}/start")
    expect(mini).to_contain_text("Printing")
    page.get_by_role("button", name="More for mini").click()
    expect(page.get_by_role("menuitem", name="Remove: not while it has a job")).to_be_disabled()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Edit mini").click()
    expect(page.get_by_text("It has a job: what you save takes effect at once")).to_be_visible()
    page.get_by_role("link", name="All printers").click()
    gateway.post("/printers/mini/job/cancel")
    gateway.wait_status(job, "canceled")
    expect(mini).to_contain_text("Ready")

    choose(page, "mini", "Remove")
    question = page.get_by_role("dialog", name="Remove mini?")
    accessible(page)
    question.get_by_role("button", name="Never mind").click()
    expect(mini).to_be_visible()
    choose(page, "mini", "Remove")
    question.get_by_role("button", name="Remove the printer").click()
    told(page, "mini is removed.")
    expect(mini).to_have_count(0)
    assert gateway.request("GET", f"{SETTINGS}/mini").status_code == 404


def test_a_printer_of_the_configuration_is_changed_there(
    open_page: Opened, gateway: PrintingGateway, admin: str, accessible: Check
) -> None:
    page = open_page("/settings")
    sign_in(page, admin)
    first = entry_of(page, "first")
    expect(first).to_contain_text("It stands in the gateway's configuration file, and its settings are changed there.")
    expect(page.get_by_role("link", name="Edit first")).to_have_count(0)
    page.goto(f"{gateway.url}/printing/settings?edit=first")
    expect(page.get_by_role("heading", name="There is no printer first to edit")).to_be_visible()
    expect(page.get_by_text("it stands in the configuration")).to_be_visible()
    accessible(page)
    page.get_by_role("link", name="To all printers").click()
    expect(first).to_be_visible()


def test_who_is_no_admin_is_told_so(open_page: Opened, gateway: PrintingGateway, accessible: Check) -> None:
    page = open_page("/settings?add=octoprint")
    sign_in(page, make_key(gateway, "otto", "operator"))
    expect(page.get_by_role("heading", name="Only printing admins set up printers")).to_be_visible()
    expect(page.get_by_role("navigation").get_by_role("link", name="Set up printers")).to_have_count(0)
    expect(page.get_by_role("textbox")).to_have_count(0)
    accessible(page)
    page.get_by_role("link", name="To the printers").click()
    expect(page.get_by_role("article", name="first")).to_be_visible()


def test_what_was_entered_isnt_lost_unasked_on_a_phone_in_the_dark(
    open_page: Opened, gateway: PrintingGateway, admin: str, accessible: Check
) -> None:
    page = open_page("/settings", width=390, height=844, dark=True)
    sign_in(page, admin)
    expect(entry_of(page, "first")).to_be_visible()
    accessible(page)
    page.get_by_role("link", name="Add a printer").click()
    page.get_by_role("radio", name=re.compile("^PrusaLink")).check()
    expect(page.get_by_role("complementary", name="Where to find it: PrusaLink")).to_be_visible()
    accessible(page)
    fits = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert page.evaluate(fits), "nothing stands out to the right"
    page.get_by_label("Address").fill("http://127.0.0.1:9")
    page.get_by_role("button", name="Test", exact=True).click()
    found = page.get_by_role("region", name="Test", exact=True).get_by_text("Check the port")
    expect(found).to_be_in_viewport(ratio=1)  # below all fields
    name = page.get_by_label("Name", exact=True)
    name.fill("half typed")
    question = page.get_by_role("dialog", name="Leave without saving?")

    page.get_by_role("link", name="All printers").click()
    expect(question).to_be_visible()
    accessible(page)
    question.get_by_role("button", name="Never mind").click()
    expect(name).to_have_value("half typed")

    page.go_back()
    question.get_by_role("button", name="Never mind").click()
    expect(name).to_have_value("half typed")
    expect(page).to_have_url(re.compile(r"\?add=prusalink$"))

    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.evaluate("() => setTimeout(() => location.reload())")
    wait_for(lambda: page.evaluate("() => 1") and asked == ["beforeunload"], what="the browser asks")
    expect(name).to_have_value("half typed")

    page.go_back()
    question.get_by_role("button", name="Leave").click()
    expect(entry_of(page, "first")).to_be_visible()
    page.get_by_role("link", name="Add a printer").click()
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    assert [entry["name"] for entry in gateway.get(SETTINGS)["printers"]] == ["first"]
