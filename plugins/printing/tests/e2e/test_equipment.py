"""Printers that are added, changed, switched off, removed and tried on a running gateway, and what outlasts its end."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from plugins.printing.tests.e2e.backends import LONG, SHORT
from tests.support.octoprint import OCTOPRINT_MARKS, OctoPrintServer, free_port
from tests.support.postgres import PostgresServer
from tests.support.printing_gateway import PrintingGateway, ok, problem, wait_for

CONFIG = """
[plugins.printing]
backend = "native"
[plugins.printing.printers.first]
driver = "virtual"
speed_factor = 1
groups = ["shelf"]
"""
NOWHERE = "http://127.0.0.1:9"
SECRET = "a-key-that-nobody-may-see"
OCTO = {"driver": "octoprint", "url": NOWHERE, "api_key": SECRET}
VIRTUAL = {"driver": "virtual", "speed_factor": 1, "model": "Mini"}
SETTINGS = "/printer-settings"


@pytest.fixture(params=["sqlite", "postgres"])
def gateway(request: pytest.FixtureRequest) -> Iterator[PrintingGateway]:
    if request.param == "sqlite":
        with PrintingGateway(CONFIG) as gateway:
            yield gateway
        return
    postgres: PostgresServer = request.getfixturevalue("postgres_server")
    database = postgres.create()
    try:
        with PrintingGateway(
            CONFIG, database_url=postgres.url_of(database), FLUXGATE_GATEWAY__MIGRATE="auto"
        ) as gateway:
            yield gateway
    finally:
        postgres.drop(database)


@pytest.fixture
def simple() -> Iterator[PrintingGateway]:
    with PrintingGateway(CONFIG) as gateway:
        yield gateway


def octoprint_marks(test: Callable[..., None]) -> Callable[..., None]:
    """For a test that needs the real one."""
    for mark in OCTOPRINT_MARKS:
        test = mark(test)
    return test


def add(gateway: PrintingGateway, name: str, settings: dict[str, Any], **more: Any) -> Any:
    answer = gateway.request("POST", SETTINGS, json={"name": name, "settings": settings, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def change(gateway: PrintingGateway, name: str, settings: dict[str, Any], **more: Any) -> httpx.Response:
    return gateway.request("PUT", f"{SETTINGS}/{name}", json={"settings": settings, **more})


def switch(gateway: PrintingGateway, name: str, **what: Any) -> httpx.Response:
    return gateway.request("PATCH", f"{SETTINGS}/{name}", json=what)


def names(gateway: PrintingGateway) -> list[str]:
    return [printer["name"] for printer in gateway.get("/printers")["printers"]]


def finds(gateway: PrintingGateway, **body: Any) -> Any:
    return ok(gateway.request("POST", "/printer-test", json=body))


def test_a_printer_is_added_used_made_the_default_and_removed(gateway: PrintingGateway) -> None:
    made = add(gateway, "mini", VIRTUAL)
    assert (made["source"], made["driver"], made["enabled"], made["default"]) == ("added", "virtual", True, False)
    assert made["settings"]["model"] == "Mini"
    assert names(gateway) == ["first", "mini"]
    gateway.upload("part.gcode", SHORT)
    job = gateway.enqueue("part.gcode", printer="mini")
    gateway.post(f"/queue/{job}/start")
    assert gateway.wait_status(job, "completed")["printer_name"] == "mini"

    assert ok(switch(gateway, "mini", default=True))["default"] is True
    assert gateway.get("/status")["printer"] == "mini"
    problem(switch(gateway, "mini", enabled=False), 409, "PRINTER_IS_DEFAULT")
    problem(gateway.request("DELETE", f"{SETTINGS}/mini"), 409, "PRINTER_IS_DEFAULT")
    assert ok(switch(gateway, "first", enabled=False))["enabled"] is False
    assert names(gateway) == ["mini"]
    problem(gateway.request("GET", "/printers/first"), 404, "PRINTER_NOT_FOUND")

    gateway.restart()
    assert names(gateway) == ["mini"], "all of it outlasts the gateway"
    assert gateway.get("/status")["printer"] == "mini"
    by_name = {entry["name"]: entry for entry in gateway.get(SETTINGS)["printers"]}
    assert by_name["first"]["source"] == "configuration"
    assert (by_name["first"]["enabled"], by_name["first"]["inService"]) == (False, False)

    assert ok(switch(gateway, "first", default=True))["enabled"] is True, "a default printer is in use"
    gateway.delete(f"{SETTINGS}/mini")
    assert names(gateway) == ["first"]
    problem(gateway.request("GET", f"{SETTINGS}/mini"), 404, "PRINTER_NOT_FOUND")
    history = gateway.get("/jobs/history")
    assert [each["printerName"] for each in history] == ["mini"], "what it printed stays"


def test_what_is_secret_is_kept_and_shown_to_nobody(gateway: PrintingGateway) -> None:
    made = add(gateway, "octo", {**OCTO, "camera_url": "http://user:hidden-too@127.0.0.1:9/stream"})
    assert made["secrets"] == ["api_key", "camera_url"]
    shown = json.dumps([made, gateway.get(f"{SETTINGS}/octo"), gateway.get(SETTINGS), gateway.get("/printers")])
    kept = gateway.rows("SELECT * FROM print_printer_settings")
    audit = gateway.rows("SELECT * FROM audit_records")
    for text in (shown, repr(kept), repr(audit), gateway.log):
        assert SECRET not in text
        assert "hidden-too" not in text

    # what isn't mentioned stays, for the same server only
    plain = {key: value for key, value in made["settings"].items() if value is not None}
    assert ok(change(gateway, "octo", {**plain, "model": "MK4"}))["secrets"] == ["api_key", "camera_url"]
    problem(change(gateway, "octo", {**plain, "url": "http://127.0.0.1:10"}), 422, "SECRET_NEEDED", "settings.api_key")
    problem(
        gateway.request("POST", "/printer-test", json={"name": "octo", "settings": {**plain, "url": "http://[::1]:9"}}),
        422,
        "SECRET_NEEDED",
    )
    elsewhere = {**plain, "url": "http://127.0.0.1:10", "api_key": "another", "camera_url": None}
    assert ok(change(gateway, "octo", elsewhere))["secrets"] == ["api_key"]
    removed = ok(change(gateway, "octo", {**plain, "url": "http://127.0.0.1:10", "api_key": None}))
    assert removed["secrets"] == []


def test_a_lost_vault_secret_costs_one_printer_until_its_key_is_entered_again(simple: PrintingGateway) -> None:
    add(simple, "octo", OCTO)
    add(simple, "mini", VIRTUAL)
    simple.stop()
    (simple.folder / "fluxgate-data/vault-secret").write_text("x" * 40)
    simple.start()
    entry = simple.get(f"{SETTINGS}/octo")
    assert "vault" in entry["problem"]
    wait_for(
        lambda: "vault" in (simple.get("/printers/octo")["error"] or ""), what="the printer says why it is offline"
    )
    assert simple.get("/printers/mini")["status"] == "idle"
    found = finds(simple, name="octo")
    assert (found["ok"], "vault" in found["findings"][0]["message"]) == (False, True)
    add(simple, "other", VIRTUAL)  # the roster looks at all of them again
    assert simple.log.count("printer octo has other settings now") == 0
    assert ok(change(simple, "octo", OCTO))["problem"] is None


def test_a_printer_that_could_not_be_started_is_once_it_can(simple: PrintingGateway) -> None:
    simple.write("ALTER TABLE print_jobs RENAME TO gone_for_a_while")
    simple.request("POST", SETTINGS, json={"name": "mini", "settings": VIRTUAL})
    wait_for(lambda: "following the inventory of printers failed" in simple.log, what="a look failed")
    simple.write("ALTER TABLE gone_for_a_while RENAME TO print_jobs")
    wait_for(lambda: simple.request("GET", "/printers/mini").is_success, what="it is started")
    assert simple.get("/printers/mini")["status"] == "idle"


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"name": "first", "settings": VIRTUAL}, 409, "PRINTER_EXISTS", "name"),
        ({"name": "../x", "settings": VIRTUAL}, 422, "INVALID_PRINTER_SETTINGS", "settings"),
        ({"name": "x", "settings": {}}, 422, "INVALID_PRINTER_SETTINGS", "settings.driver"),
        ({"name": "x", "settings": {"driver": "laser"}}, 422, "INVALID_PRINTER_SETTINGS", "settings.driver"),
        ({"name": "x", "settings": {"driver": ["octoprint"]}}, 422, "INVALID_PRINTER_SETTINGS", "settings.driver"),
        ({"name": "x", "settings": {**VIRTUAL, "speed": 2}}, 422, "INVALID_PRINTER_SETTINGS", "settings"),
        ({"name": "x", "settings": {**VIRTUAL, "nozzle": -1}}, 422, "INVALID_PRINTER_SETTINGS", "settings.nozzle"),
        ({"name": "x", "settings": {"driver": "octoprint"}}, 422, "INVALID_PRINTER_SETTINGS", "settings"),
        ({"name": "x", "settings": {**OCTO, "url": "ftp://x"}}, 422, "INVALID_PRINTER_SETTINGS", "settings"),
        # a reference is no way to read the gateway's files: it is a key like any other text
        ({"name": "x", "settings": {**OCTO, "url": "file:/etc/passwd"}}, 422, "INVALID_PRINTER_SETTINGS", "settings"),
    ],
)
def test_what_cant_be_added(simple_shared: PrintingGateway, body: Any, status: int, code: str, field: str) -> None:
    problem(simple_shared.request("POST", SETTINGS, json=body), status, code, field)
    assert names(simple_shared) == ["first"]


@pytest.fixture(scope="module")
def simple_shared() -> Iterator[PrintingGateway]:
    with PrintingGateway(CONFIG) as gateway:
        yield gateway


def test_what_is_in_the_configuration_is_changed_there(simple_shared: PrintingGateway) -> None:
    problem(change(simple_shared, "first", VIRTUAL), 409, "PRINTER_CONFIGURED")
    problem(change(simple_shared, "nobody", VIRTUAL), 404, "PRINTER_NOT_FOUND")
    problem(switch(simple_shared, "first", default=False), 409, "PRINTER_IS_DEFAULT", "default")
    problem(simple_shared.request("POST", "/printer-test", json={"name": "nobody"}), 404, "PRINTER_NOT_FOUND")
    assert finds(simple_shared)["ok"], "of the default printer"


def test_of_two_who_change_it_the_second_is_told(simple: PrintingGateway) -> None:
    revision = add(simple, "mini", VIRTUAL)["revision"]
    assert ok(change(simple, "mini", {**VIRTUAL, "model": "A"}, revision=revision))["revision"] == revision + 1
    problem(change(simple, "mini", {**VIRTUAL, "model": "B"}, revision=revision), 409, "PRINTER_CHANGED")
    assert simple.get("/printers/mini")["model"] == "A"
    problem(simple.request("POST", SETTINGS, json={"name": "mini", "settings": VIRTUAL}), 409, "PRINTER_EXISTS", "name")


def test_a_printer_with_a_job_stays_until_it_has_ended(simple: PrintingGateway) -> None:
    add(simple, "mini", VIRTUAL)
    simple.upload("long.gcode", LONG)
    job = simple.enqueue("long.gcode", printer="mini")
    simple.post(f"/queue/{job}/start")
    simple.wait_status(job, "printing")
    problem(switch(simple, "mini", enabled=False), 409, "PRINTER_BUSY")
    problem(simple.request("DELETE", f"{SETTINGS}/mini"), 409, "PRINTER_BUSY")
    # another gateway, or somebody in the database, doesn't ask first
    simple.write("UPDATE print_printers SET enabled = 0 WHERE name = 'mini'")
    wait_for(lambda: simple.get(f"{SETTINGS}/mini")["enabled"] is False)
    second = simple.enqueue("long.gcode", printer="mini")
    assert simple.get(f"{SETTINGS}/mini")["inService"] is True
    simple.post("/printers/mini/job/cancel")
    simple.wait_status(job, "canceled")
    wait_for(lambda: names(simple) == ["first"], 20, "it is out of service")
    problem(simple.request("POST", f"/queue/{second}/start"), 404, "PRINTER_NOT_FOUND")
    assert ok(switch(simple, "mini", enabled=True))["inService"] is True
    simple.delete(f"/queue/{second}")


def test_another_gateways_printers_come_and_go_here(simple: PrintingGateway) -> None:
    with PrintingGateway(CONFIG, database_url=simple.database_url) as other:
        add(simple, "mini", VIRTUAL)
        wait_for(lambda: names(other) == ["first", "mini"], 20, "it is there too")
        assert ok(change(simple, "mini", {**VIRTUAL, "model": "B"}))
        wait_for(lambda: other.get("/printers/mini")["model"] == "B", 20, "it has changed there too")
        simple.delete(f"{SETTINGS}/mini")
        wait_for(lambda: names(other) == ["first"], 20, "it is gone there too")


def test_listeners_are_told(simple: PrintingGateway) -> None:
    with simple.client.stream("GET", f"{simple.url}/api/printing/events?topics=printers") as answer:
        lines = answer.iter_lines()
        add(simple, "mini", VIRTUAL)
        for line in lines:
            if line.startswith("data:") and json.loads(line[5:]).get("name") == "mini":
                break
        simple.delete(f"{SETTINGS}/mini")
        for line in lines:
            if line == "event: printer-gone":
                break
        for line in lines:
            if line.startswith("data:"):
                assert json.loads(line[5:]) == {"name": "mini"}
                break


@pytest.mark.parametrize(
    ("settings", "part", "words"),
    [
        ({"driver": "octoprint", "url": NOWHERE}, "address", "nothing listens"),
        ({"driver": "moonraker", "url": "http://no-such-printer.invalid"}, "address", "no machine of that name"),
        ({"driver": "prusalink", "url": "https://127.0.0.1:{gateway}", "api_key": "k"}, "address", "secure"),
        ({"driver": "octoprint", "url": "http://127.0.0.1:{gateway}", "api_key": "k"}, "server", ""),
    ],
)
def test_a_trial_says_what_is_wrong(
    simple_shared: PrintingGateway, settings: dict[str, str], part: str, words: str
) -> None:
    port = simple_shared.url.rpartition(":")[2]
    found = finds(simple_shared, settings={key: value.format(gateway=port) for key, value in settings.items()})
    last = found["findings"][-1]
    assert (found["ok"], last["ok"], last["part"]) == (False, False, part)
    assert words in last["message"]
    assert last["mend"]
    assert names(simple_shared) == ["first"], "nothing is kept"


def test_a_trial_of_a_printer_that_works(simple_shared: PrintingGateway) -> None:
    found = finds(simple_shared, settings=VIRTUAL)
    assert found["ok"], found
    assert [each["part"] for each in found["findings"]] == ["address", "server", "login", "printer", "camera"]
    assert finds(simple_shared, name="first")["ok"]


def test_the_kinds_of_printers(simple_shared: PrintingGateway) -> None:
    drivers = {each["driver"]: each for each in simple_shared.get("/printer-drivers")["drivers"]}
    assert set(drivers) == {"octoprint", "moonraker", "prusalink", "virtual"}
    assert drivers["prusalink"]["secrets"] == ["api_key", "password"]
    assert "url" in json.dumps(drivers["octoprint"]["schema"])


@octoprint_marks
def test_a_trial_then_a_print_that_a_change_of_settings_doesnt_disturb(
    simple: PrintingGateway, octoprint: OctoPrintServer
) -> None:
    settings = {"driver": "octoprint", "url": octoprint.url, "api_key": "wrong", "poll_interval": 0.2}
    wrong = finds(simple, settings=settings)
    assert [(each["part"], each["ok"]) for each in wrong["findings"]] == [
        ("address", True),
        ("server", True),
        ("login", False),
    ]
    assert "Application Keys" in wrong["findings"][-1]["mend"]
    settings["api_key"] = octoprint.api_key
    right = finds(simple, settings=settings)
    assert [(each["part"], each["ok"]) for each in right["findings"][:4]] == [
        ("address", True),
        ("server", True),
        ("login", True),
        ("printer", True),
    ]
    add(simple, "octo", settings)
    simple.upload("long.gcode", LONG)
    job = simple.enqueue("long.gcode", printer="octo")
    simple.post(f"/queue/{job}/start")
    wait_for(lambda: simple.get("/printers/octo")["status"] == "printing", 30, "it prints")
    entry = ok(change(simple, "octo", {**settings, "model": "MK3"}))
    assert entry["settings"]["model"] == "MK3"
    shown = wait_for(
        lambda: (seen := simple.get("/printers/octo"))["status"] == "printing" and seen, 30, "it prints on"
    )
    assert (shown["job"], shown["model"]) == (job, "MK3")
    assert simple.job(job)["status"] == "printing"
    simple.post("/printers/octo/job/cancel")
    simple.wait_status(job, "canceled", 30)


@octoprint_marks
def test_an_octoprint_without_its_printer(simple: PrintingGateway, octoprint: OctoPrintServer) -> None:
    octoprint.request("POST", "/api/connection", {"command": "disconnect"})
    found = finds(simple, settings={"driver": "octoprint", "url": octoprint.url, "api_key": octoprint.api_key})
    last = next(each for each in found["findings"] if not each["ok"])
    assert last["part"] == "printer"
    assert "connect" in last["mend"]


def test_a_port_that_takes_connections_and_says_nothing(simple_shared: PrintingGateway) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        found = finds(simple_shared, settings={"driver": "octoprint", "url": url, "timeout": 0.5})
    assert found["findings"][-1]["part"] == "address"
    assert "answer" in found["findings"][-1]["message"]
