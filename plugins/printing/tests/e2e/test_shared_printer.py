"""Several people share one printer, each sees their own: what nobody learns, takes or prints of the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from plugins.printing.tests.e2e.backends import LONG
from plugins.printing.tests.e2e.callers import AUTH, NATIVE, OWN, Caller, Site, as_, execute, serving, upload
from tests.support.fluxprint import running_fluxprint
from tests.support.printing_gateway import PrintingGateway, problem, wait_for

pytestmark = pytest.mark.xdist_group("printing-access")

RULER = """
[[plugins.printing.access.grants]]
who = ["user:petra"]
printers = ["first"]
role = "admin"
"""
PROJECT = "44444444-4444-4444-4444-444444444444"
NOW = "2026-01-01T00:00:00+00:00"


def add_project(gateway: PrintingGateway) -> None:
    """Paula's, in which Erik edits and Viola looks."""
    execute(
        gateway,
        "INSERT INTO projects (id, external_id, title, owner, created_at) VALUES"
        f" ('{PROJECT}', 'cuid-boat', 'boat', 'paula', '{NOW}')",
    )
    for number, (user, role) in enumerate([("erik", "editor"), ("viola", "viewer")]):
        execute(
            gateway,
            "INSERT INTO project_members (id, project_id, user_id, role, created_at) VALUES"
            f" ('55555555-5555-5555-5555-55555555555{number}', '{PROJECT}', '{user}', '{role}', '{NOW}')",
        )


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with serving(AUTH + NATIVE + OWN + RULER, request) as gateway:
        add_project(gateway)
        yield Site(gateway)


def queued(caller: Caller, filename: str, **more: object) -> int:
    answer = caller.post("/queue", json={"filename": filename, **more})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["queue_id"])


@pytest.fixture
def emptied(site: Site) -> Iterator[Site]:
    """The site, whose queue is emptied afterwards."""
    yield site
    site.with_("ada", "admin").delete("/queue")


def order(site: Site) -> list[str]:
    return [item["filename"] for item in site.with_("ada", "admin").get("/queue").json()["items"]]


def test_nobody_moves_ahead_of_others(emptied: Site) -> None:
    site = emptied
    otto, olga = site.with_("otto"), site.with_("olga")
    numbers: dict[str, int] = {}
    for caller, name in ((otto, "o1"), (olga, "p1"), (otto, "o2"), (olga, "p2")):
        upload(caller, f"{name}.gcode", f"; {name}\nG4 P100\n".encode())
        numbers[name] = queued(caller, f"{name}.gcode")
    # FluxStudio numbers the rows that it shows: p2 first, p1 second.
    items = [{"id": numbers["p2"], "position": 1}, {"id": numbers["p1"], "position": 2}]
    answer = olga.request("PUT", "/queue/reorder", json={"items": items})
    assert answer.status_code == 200, answer.text
    assert order(site) == ["o1.gcode", "p2.gcode", "o2.gcode", "p1.gcode"]
    assert [(item["filename"], item["position"]) for item in answer.json()["items"]] == [
        ("p2.gcode", 2),
        ("p1.gcode", 4),
    ]
    assert olga.post("/queue/reorder", json={"items": [{"id": numbers["p1"], "position": 1}]}).status_code == 200
    assert order(site) == ["o1.gcode", "p2.gcode", "o2.gcode", "p1.gcode"], "one job alone has nowhere to go"


def test_the_names_of_what_others_print_stay_theirs(emptied: Site) -> None:
    site = emptied
    otto, olga, ada, viola = (site.with_(*who) for who in (("otto",), ("olga",), ("ada", "admin"), ("viola",)))
    upload(otto, "secret.gcode", LONG)
    upload(olga, "waits.gcode")
    number = queued(otto, "secret.gcode", print=True)
    site.gateway.wait_status(number, "printing")
    wait_for(lambda: otto.get("/job").json()["job"]["file"]["name"] == "secret.gcode", 10, "the owner sees the name")
    assert ada.get("/job").json()["job"]["file"]["name"] == "secret.gcode"
    theirs = olga.get("/job").json()
    assert theirs["state"] == "Printing"
    assert theirs["job"]["file"]["name"] not in {"secret.gcode", None}
    later = olga.post("/queue", json={"filename": "waits.gcode", "print": True}).json()
    start = olga.post(f"/queue/{later['queue_id']}/start")
    problem(start, 409, "PRINTER_BUSY")
    everything = [theirs, later, start.json(), olga.get("/queue").json(), olga.get("/status").json()]
    assert "secret" not in str(everything)
    assert otto.post("/job/cancel").status_code == 200
    site.gateway.wait_status(number, "canceled")
    wait_for(lambda: olga.get("/status").json()["state"]["flags"]["ready"], 10, "the printer is ready")
    assert "secret" not in str(olga.get("/job").json())

    upload(site.with_("erik"), "boats.gcode", LONG + b";1\n", project_id="cuid-boat")
    number = queued(site.with_("erik"), "boats.gcode", print=True)
    site.gateway.wait_status(number, "printing")
    wait_for(lambda: viola.get("/job").json()["job"]["file"]["name"] == "boats.gcode", 10, "members see the name")
    assert "boats" not in str(olga.get("/job").json())
    assert site.with_("erik").post("/job/cancel").status_code == 200
    site.gateway.wait_status(number, "canceled")


def test_who_has_a_printer_rules_what_is_printed_on_it(emptied: Site) -> None:
    site = emptied
    otto, petra = site.with_("otto"), site.with_("petra", "viewer")
    upload(otto, "ruled.gcode", LONG + b";2\n")
    number = queued(otto, "ruled.gcode", print=True)
    site.gateway.wait_status(number, "printing")
    wait_for(lambda: petra.get("/job").json()["job"]["file"]["name"] == "ruled.gcode", 10, "she sees the name")
    waiting = queued(otto, "ruled.gcode")
    assert petra.delete(f"/queue/{waiting}").status_code == 404, "the queue isn't the printer's"
    assert petra.post("/job/cancel").status_code == 200
    site.gateway.wait_status(number, "canceled")


def test_the_same_file_again_for_a_project_is_the_projects(site: Site) -> None:
    erik, paula = site.with_("erik"), site.with_("paula")
    upload(erik, "later.gcode", b"; later\nG4 P100\n")
    assert "later.gcode" not in paula.get("/files").text
    upload(erik, "later.gcode", b"; later\nG4 P100\n", project_id="cuid-boat")
    assert "later.gcode" in paula.get("/files").text


def test_looking_at_a_project_prints_none_of_its_files(emptied: Site) -> None:
    site = emptied
    erik, viola, paula = (site.with_(user) for user in ("erik", "viola", "paula"))
    upload(erik, "hull.gcode", b"; hull\nG4 P100\n", project_id="cuid-boat")
    problem(viola.post("/queue", json={"filename": "hull.gcode"}), 403, "PROJECT_FORBIDDEN")
    job = site.gateway.job(queued(paula, "hull.gcode"))
    assert str(job["project_id"]) == PROJECT
    assert (job["created_by"], order(site)) == ("paula", ["hull.gcode"])


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_nobody_takes_a_name_at_the_same_moment(site: Site) -> None:
    """Of two who upload under one new name, one has it, and both know."""
    people = [site.with_(user) for user in ("otto", "olga")]
    for round_ in range(10):
        name = f"race{round_}.gcode"
        with ThreadPoolExecutor(2) as pool:
            contents = (f"; {user} {round_}\nG4 P100\n".encode() for user in ("otto", "olga"))
            answers = list(pool.map(lambda caller, content, to=name: upload(caller, to, content), people, contents))
        assert sorted(answer.status_code for answer in answers) == [201, 409]
        winner = people[0 if answers[0].status_code == 201 else 1]
        (file,) = [file for file in winner.get("/files").json()["files"] if file["name"] == name]
        assert file["hash"] == next(a for a in answers if a.is_success).json()["files"][name]["hash"]


def test_operators_may_be_let_stop_the_prints_of_others() -> None:
    own = OWN + 'stop_others = "operator"\n'
    with PrintingGateway(AUTH + NATIVE + own, headers=as_("admin")) as gateway:
        site = Site(gateway)
        otto, olga = site.with_("otto"), site.with_("olga")
        upload(otto, "long.gcode", LONG)
        number = queued(otto, "long.gcode", print=True)
        gateway.wait_state("Printing")
        assert olga.post("/job/pause").status_code == 200
        gateway.wait_state("Paused")
        problem(olga.post("/job/resume"), 403, "JOB_FORBIDDEN")
        problem(site.with_("vera", "viewer").post("/job/cancel"), 403, "FORBIDDEN")
        assert olga.post("/job/cancel").status_code == 200
        gateway.wait_status(number, "canceled")


def test_fluxprint_isnt_asked_to_print_for_a_project_that_its_caller_may_not_print_for() -> None:
    with running_fluxprint() as service:
        config = AUTH + f'[plugins.printing.fluxprint]\nurl = "{service.url}"\n'
        with PrintingGateway(config, headers=as_("admin")) as gateway:
            add_project(gateway)
            site = Site(gateway)
            for caller, role in (("erik", "operator"), ("ada", "admin")):
                answer = site.with_(caller, role).post(
                    "/queue", json={"filename": "x.gcode", "project_id": "cuid-boat"}
                )
                job = gateway.job(int(answer.json()["queue_id"]))
                assert (job["created_by"], str(job["project_id"])) == (caller, PROJECT)
            asked = len(service.requests("/api/queue"))
            for named in ("project_id", "projectId"):
                body = {"filename": "x.gcode", named: "cuid-boat"}
                problem(
                    site.with_("viola", "operator").post("/queue", json=body), 403, "PROJECT_FORBIDDEN", "project_id"
                )
                problem(
                    site.with_("otto", "operator").post("/queue", json=body), 404, "PROJECT_NOT_FOUND", "project_id"
                )
            nowhere = {"filename": "x.gcode", "project_id": "nowhere"}
            problem(site.with_("otto", "operator").post("/queue", json=nowhere), 404, "PROJECT_NOT_FOUND", "project_id")
            assert len(service.requests("/api/queue")) == asked
            job = gateway.job(int(site.with_("ada", "admin").post("/queue", json=nowhere).json()["queue_id"]))
            assert (job["project_id"], json.loads(job["metadata"])["project"]) == (None, "nowhere")
