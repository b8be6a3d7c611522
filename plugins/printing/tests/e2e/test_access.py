"""Who may do what with the printing plugin: every route it has, asked by every kind of caller, on SQLite, PostgreSQL
and FluxPrint; and what callers see of each other's jobs, files and projects.

The routes come from the gateway's own document: one that isn't in `NEEDED` fails the test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from plugins.printing.tests.e2e.backends import LONG, SHORT
from plugins.printing.tests.e2e.callers import (
    AUTH,
    NATIVE,
    OWN,
    Caller,
    Site,
    as_,
    execute,
    names,
    serving,
    upload,
)
from tests.adversarial.ledger import PROPERTY, Ledger
from tests.support.fluxprint import running_fluxprint
from tests.support.plain import NO_AUTHORITIES
from tests.support.printing_gateway import PrintingGateway, ok, problem

pytestmark = pytest.mark.xdist_group("printing-access")

VICTIMS = "victims-project"
ASK, LOOK, WATCH, OPERATE, COMMAND, RULE = "ask", "look", "watch", "operate", "command", "rule"
MAY: dict[str, set[str]] = {
    "nobody": set(),
    "stranger": {ASK},
    "viewer": {ASK, LOOK, WATCH},
    "operator": {ASK, LOOK, WATCH, OPERATE, COMMAND},
    "admin": {ASK, LOOK, WATCH, OPERATE, COMMAND, RULE},
    "operator of the first": {ASK, LOOK, WATCH, OPERATE, COMMAND},
    "operator of the second": {ASK, LOOK, OPERATE},
    "viewer by scope": {ASK, LOOK, WATCH},
    "scope of something else": {ASK},
}
NEEDED = {
    "GET /me": ASK,
    "GET /options": LOOK,
    "GET /status": WATCH,
    "GET /job": WATCH,
    "GET /temperature": WATCH,
    "GET /camera": WATCH,
    "GET /camera/stream": WATCH,
    "GET /camera/snapshot": WATCH,
    "POST /job/cancel": COMMAND,
    "POST /job/pause": COMMAND,
    "POST /job/resume": COMMAND,
    "GET /queue": LOOK,
    "POST /queue": OPERATE,
    "DELETE /queue": OPERATE,
    "DELETE /queue/{}": OPERATE,
    "PUT /queue/reorder": OPERATE,
    "POST /queue/reorder": OPERATE,
    "POST /queue/{}/start": OPERATE,
    "PATCH /queue/{}": OPERATE,
    "POST /queue/{}/hold": OPERATE,
    "POST /queue/{}/release": OPERATE,
    "GET /queue/{}/waiting": LOOK,
    "POST /queue/pause": RULE,
    "POST /queue/resume": RULE,
    "GET /events": LOOK,
    "GET /printers": LOOK,
    "GET /printers/{}": WATCH,
    "PATCH /printers/{}": COMMAND,
    "PUT /printers/{}/material": COMMAND,
    "POST /printers/{}/bed-clear": COMMAND,
    "POST /printers/{}/temperature": COMMAND,
    "POST /temperature/hotend": COMMAND,
    "POST /temperature/bed": COMMAND,
    "POST /printers/{}/home": COMMAND,
    "POST /printers/{}/jog": COMMAND,
    "POST /printers/{}/gcode": RULE,
    "GET /printers/{}/status": WATCH,
    "GET /printers/{}/job": WATCH,
    "GET /printers/{}/temperature": WATCH,
    "GET /printers/{}/temperature/history": WATCH,
    "GET /printers/{}/camera": WATCH,
    "GET /printers/{}/camera/stream": WATCH,
    "GET /printers/{}/camera/snapshot": WATCH,
    "POST /printers/{}/job/cancel": COMMAND,
    "POST /printers/{}/job/pause": COMMAND,
    "POST /printers/{}/job/resume": COMMAND,
    "GET /files": LOOK,
    "GET /files/{}": LOOK,
    "GET /files/{}/download": LOOK,
    "GET /files/{}/thumbnail": LOOK,
    "POST /files/upload": OPERATE,
    "DELETE /files/{}": OPERATE,
    "GET /jobs/active": LOOK,
    "GET /jobs/history": LOOK,
    "GET /jobs/history/filter": LOOK,
    "GET /jobs/stats": LOOK,
    "GET /jobs/{}": LOOK,
    "PATCH /jobs/{}/status": OPERATE,
    "POST /jobs/sync/{}": OPERATE,
    "POST /jobs/{}/link": OPERATE,
    "GET /projects": LOOK,
    "GET /projects/{}/files": LOOK,
    "GET /projects/{}/stats": LOOK,
    "GET /projects/{}/stats/detailed": LOOK,
    "POST /files/{}/link": OPERATE,
    "DELETE /files/{}/link": OPERATE,
    "POST /quick-print": OPERATE,
    "POST /estimate": LOOK,
    "GET /printer-drivers": RULE,
    "GET /printer-settings": RULE,
    "POST /printer-settings": RULE,
    "GET /printer-settings/{}": RULE,
    "PUT /printer-settings/{}": RULE,
    "PATCH /printer-settings/{}": RULE,
    "DELETE /printer-settings/{}": RULE,
    "POST /printer-test": RULE,
}
FLUXPRINTS = {"GET /status", "GET /job", "GET /temperature"}
"""Looked at without a printer's name there: FluxPrint says which printer it is."""


def operations(gateway: PrintingGateway) -> list[tuple[str, str]]:
    document = gateway.client.get(f"{gateway.url}/-/openapi.json").json()
    return [
        (method.upper(), path.removeprefix("/api/printing"))
        for path, operations in document["paths"].items()
        for method in operations
        if path.startswith("/api/printing/")
    ]


def ask(gateway: PrintingGateway, caller: str, method: str, path: str) -> int:
    """The status of a request that would change nothing even if it were let through."""
    values = {
        "{job_id}": "7f3a3f0e-7a53-4c1e-9d0b-0c1f4f7f5a11",
        "{queue_id}": "99",
        "{id}": "99",
        "{name}": "no.gcode",
        "{printer}": "first",
        "{project_id}": "no-project",
    }
    for name, text in values.items():
        path = path.replace(name, text)
    url = f"{gateway.url}/api/printing{path}"
    body: dict[str, Any] = {} if method in {"GET", "DELETE"} else {"json": {"nonsense": True}}
    with httpx.stream(method, url, headers=as_(caller), trust_env=False, verify=NO_AUTHORITIES, **body) as answer:
        return answer.status_code


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    ledger = Ledger("others' printers")
    yield ledger
    request.node.user_properties.append((PROPERTY, (ledger.category, ledger.tried, len(ledger.through))))
    assert ledger.tried, "nothing was tried"
    assert not ledger.through, "\n".join(ledger.through)


def check_matrix(
    gateway: PrintingGateway,
    may: dict[str, set[str]],
    ledger: Ledger,
    *,
    look_only: set[str] = frozenset(),  # type: ignore[assignment]
) -> None:
    """Who mayn't is refused, which goes into the ledger, and who may isn't."""
    wrong: list[str] = []
    found = operations(gateway)
    assert len(found) > 15
    for method, path in found:
        if method == "DELETE" and path == "/queue":
            continue  # it needs no body to be whole; asked below
        shape = "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
        needed = NEEDED[f"{method} {shape}"]
        if f"{method} {shape}" in look_only:
            needed = LOOK
        for caller, allowed in may.items():
            status = ask(gateway, caller, method, path)
            refused = status == (401 if caller == "nobody" else 403)
            if needed not in allowed:
                ledger.enter(f"{caller}: {method} {path}", through=not refused and str(status))
            elif refused:
                wrong.append(f"{caller}: {method} {path}: {status}")
    for caller, allowed in may.items():
        status = ask(gateway, caller, "DELETE", "/queue")
        if OPERATE not in allowed:
            ledger.enter(f"{caller}: DELETE /queue", through=status == 200)
        elif status != 200:
            wrong.append(f"{caller}: DELETE /queue: {status}")
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def native(request: pytest.FixtureRequest) -> Iterator[PrintingGateway]:
    with serving(AUTH + NATIVE, request) as gateway:
        yield gateway


def test_every_route_for_every_kind_of_caller(native: PrintingGateway, ledger: Ledger) -> None:
    check_matrix(native, MAY, ledger)


def test_the_same_on_fluxprint(ledger: Ledger) -> None:
    roles = {name: may for name, may in MAY.items() if not name.startswith("operator of")}
    with running_fluxprint() as service:
        config = AUTH + f'[plugins.printing.fluxprint]\nurl = "{service.url}"\n'
        with PrintingGateway(config, headers=as_("admin")) as gateway:
            check_matrix(gateway, roles, ledger, look_only=FLUXPRINTS)
            answer = httpx.post(
                f"{gateway.url}/api/printing/queue", json={"filename": "x.gcode"}, headers=as_("operator")
            )
            row = gateway.job(answer.json()["queue_id"])
            assert row["created_by"] == "otto"


def test_nobody_is_let_in_by_what_a_refusal_says(native: PrintingGateway) -> None:
    """FluxStudio logs out, or asks again, on some words."""
    answer = native.client.get(f"{native.url}/api/printing/status", headers=as_("stranger"))
    problem(answer, 403, "FORBIDDEN")


def test_own_needs_a_backend_that_can_tell(tmp_path: Path) -> None:
    config = '[plugins.printing.fluxprint]\nurl = "http://127.0.0.1:9"\n' + OWN
    gateway = PrintingGateway(config)
    try:
        gateway.start(quarantined=True)
        assert "needs the native backend" in json.dumps(gateway.health())
        gateway.stop()
    finally:
        gateway.discard()


# -- each other's


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with serving(AUTH + NATIVE + OWN, request) as gateway:
        yield Site(gateway)


def test_files_are_their_owners(site: Site) -> None:
    otto, olga, ada = site.with_("otto"), site.with_("olga"), site.with_("ada", "admin")
    assert upload(otto, "ottos.gcode").status_code == 201
    assert upload(olga, "olgas.gcode").status_code == 201
    assert names(otto) >= {"ottos.gcode"}
    assert "olgas.gcode" not in names(otto)
    assert names(ada) >= {"ottos.gcode", "olgas.gcode"}
    problem(otto.post("/queue", json={"filename": "olgas.gcode"}), 404, "FILE_NOT_FOUND")
    assert otto.delete("/files/olgas.gcode").json()["count"] == 0
    assert "olgas.gcode" in names(olga)
    problem(upload(otto, "olgas.gcode", SHORT + b";mine\n"), 409, "FILE_NAME_TAKEN")
    assert "olgas.gcode" not in names(otto)
    assert ada.delete("/files/olgas.gcode").json()["count"] == 1


def test_no_route_shows_or_changes_what_is_anothers(site: Site, ledger: Ledger) -> None:
    """Every route there is, with the names and numbers of somebody else's things."""
    otto = site.with_("otto")
    assert upload(otto, "victim.gcode").status_code == 201
    execute(
        site.gateway,
        "INSERT INTO projects (id, external_id, title, owner, created_at) VALUES"
        f" ('44444444-4444-4444-4444-444444444444', '{VICTIMS}', 'the victim', 'otto', '2026-01-01T00:00:00+00:00')",
    )
    wanted = {"filename": "victim.gcode", "project_id": VICTIMS}
    job = otto.post("/queue", json=wanted).json()
    number, identity = job["queue_id"], job["job_id"]
    before = otto.get(f"/jobs/{identity}").json()
    values = {
        "{job_id}": identity,
        "{queue_id}": str(number),
        "{id}": str(number),
        "{name}": "victim.gcode",
        "{project_id}": VICTIMS,
    }
    bodies: dict[str, list[dict[str, Any]]] = {
        "POST /queue": [{"json": {"filename": "victim.gcode", "print": start}} for start in (False, True)],
        "PUT /queue/reorder": [{"json": {"items": [{"id": number, "position": 9}]}}],
        "POST /queue/reorder": [{"json": {"items": [{"id": number, "position": 9}]}}],
        "PATCH /jobs/{job_id}/status": [{"json": {"status": to}} for to in ("canceled", "completed", "failed")],
        "POST /files/upload": [{"files": {"files": ("victim.gcode", SHORT + b";evil\n")}}],
        "POST /jobs/sync/{queue_id}": [{"json": {"status": to}} for to in ("canceled", "printing", "failed")],
        "POST /jobs/{job_id}/link": [{"json": {"project_id": VICTIMS}}],
        "POST /files/{name}/link": [{"json": {"project_id": VICTIMS}}],
        "DELETE /files/{name}/link": [{"json": {"project_id": VICTIMS}}],
        "POST /quick-print": [{"json": wanted}, {"json": {"filename": "victim.gcode"}}],
        "POST /estimate": [{"json": {"filename": "victim.gcode"}}],
    }
    for method, template in operations(site.gateway):
        path = template
        for name, text in values.items():
            path = path.replace(name, text)
        if template in {"/camera/stream", "/events"}:
            continue  # endless; who may look at them is in the matrix above
        for caller, role in (("olga", "operator"), ("vera", "viewer"), ("Otto", "operator"), ("key:otto", "operator")):
            for body in bodies.get(f"{method} {template}", [{}]):
                answer = site.with_(caller, role).request(method, path, **body)
                text = answer.text.replace("victim.gcode wasn't there", "")  # what was asked for, said again
                shown = answer.status_code < 400 and "victim" in text
                attack = f"{caller} ({role}): {method} {path} {body}"
                ledger.enter(f"{attack} shows it", through=shown and text[:300])
                changed = otto.get(f"/jobs/{identity}").json() != before
                ledger.enter(f"{attack} changes it", through=changed)
                assert not changed, attack
    assert "victim.gcode" in names(otto)
    site.with_("ada", "admin").delete(f"/queue/{number}")


def test_jobs_are_their_owners(site: Site) -> None:
    otto, olga, ada = site.with_("otto"), site.with_("olga"), site.with_("ada", "admin")
    upload(otto, "o1.gcode")
    upload(olga, "o2.gcode")
    first = otto.post("/queue", json={"filename": "o1.gcode"}).json()
    second = olga.post("/queue", json={"filename": "o2.gcode"}).json()
    try:
        mine = olga.get("/queue").json()
        assert [item["filename"] for item in mine["items"]] == ["o2.gcode"]
        assert mine["items"][0]["position"] == 2, "the place is counted with what isn't seen"
        assert mine["totalJobs"] == 1
        assert [item["filename"] for item in ada.get("/queue").json()["items"]] == ["o1.gcode", "o2.gcode"]
        problem(olga.get(f"/jobs/{first['job_id']}"), 404, "JOB_NOT_FOUND")
        assert [job["file_name"] for job in olga.get("/jobs/active").json()] == ["o2.gcode"]
        for attempt in (
            olga.delete(f"/queue/{first['queue_id']}"),
            olga.post(f"/queue/{first['queue_id']}/start"),
            olga.patch(f"/jobs/{first['job_id']}/status", json={"status": "failed"}),
            olga.post("/queue/reorder", json={"items": [{"id": first["queue_id"], "position": 2}]}),
        ):
            problem(attempt, 404, "JOB_NOT_FOUND")
        assert olga.delete("/queue").json()["count"] == 1
        assert site.gateway.job(first["queue_id"])["status"] == "queued"
        assert site.gateway.job(second["queue_id"])["status"] == "canceled"
        assert [job["file_name"] for job in olga.get("/jobs/history?limit=100").json()] == ["o2.gcode"]
        assert "o2.gcode" not in [job["file_name"] for job in otto.get("/jobs/history?limit=100").json()]
    finally:
        ada.delete("/queue")


def test_what_prints_is_its_owners(site: Site) -> None:
    otto, olga = site.with_("otto"), site.with_("olga")
    upload(otto, "long.gcode", LONG)
    started = otto.post("/queue", json={"filename": "long.gcode", "print": True}).json()
    site.gateway.wait_status(started["queue_id"], "printing")
    problem(olga.post("/job/cancel"), 403, "JOB_FORBIDDEN")
    problem(olga.post("/job/pause"), 403, "JOB_FORBIDDEN")
    assert olga.get("/queue").json()["items"] == []
    site.gateway.wait_state("Printing")
    assert otto.post("/job/cancel").status_code == 200
    site.gateway.wait_status(started["queue_id"], "canceled")


def test_keys_of_two_callers_are_two(site: Site) -> None:
    otto, olga, ada = site.with_("otto"), site.with_("olga"), site.with_("ada", "admin")
    upload(otto, "k1.gcode")
    upload(olga, "k2.gcode")
    same = {"Idempotency-Key": "the same"}
    first = otto.post("/queue", json={"filename": "k1.gcode"}, headers=same).json()
    again = otto.post("/queue", json={"filename": "k1.gcode"}, headers=same).json()
    other = olga.post("/queue", json={"filename": "k2.gcode"}, headers=same)
    assert first["queue_id"] == again["queue_id"] != other.json()["queue_id"]
    ada.delete("/queue")


def test_projects(site: Site) -> None:
    gateway = site.gateway
    ids = {"open": "11111111-1111-1111-1111-111111111111", "closed": "22222222-2222-2222-2222-222222222222"}
    now = "2026-01-01T00:00:00+00:00"
    statements = [
        *(
            f"INSERT INTO projects (id, external_id, title, owner, created_at) VALUES"
            f" ('{ids[name]}', 'cuid-{name}', '{name}', '{owner}', '{now}')"
            for name, owner in (("open", "paula"), ("closed", "x"))
        ),
        *(
            f"INSERT INTO project_members (id, project_id, user_id, role, created_at) VALUES"
            f" ('33333333-3333-3333-3333-33333333333{number}', '{ids['open']}', '{user}', '{role}', '{now}')"
            for number, (user, role) in enumerate([("erik", "editor"), ("viola", "viewer"), ("mara", "manager")])
        ),
    ]
    for statement in statements:
        execute(gateway, statement)
    erik, viola, paula, otto = (site.with_(user) for user in ("erik", "viola", "paula", "otto"))
    shown = {"id": ids["open"], "externalId": "cuid-open", "title": "open"}
    for client, may_print in ((erik, True), (paula, True), (viola, False)):
        assert ok(client.get("/projects")) == {"projects": [{**shown, "mayPrint": may_print}]}
    assert ok(site.with_("ole").get("/projects")) == {"projects": []}
    everything = ok(site.with_("ada", "admin").get("/projects?search=O"))["projects"]
    assert [one["title"] for one in everything if one["externalId"] in {"cuid-open", "cuid-closed"}] == [
        "closed",
        "open",
    ]
    assert ok(erik.get("/projects?search=%25&limit=1")) == {"projects": []}
    assert upload(erik, "shared.gcode", project_id="cuid-open").status_code == 201
    for client in (erik, viola, paula, site.with_("mara")):
        assert "shared.gcode" in names(client)
    assert "shared.gcode" not in names(otto)
    job = {"filename": "shared.gcode", "project_id": "cuid-open"}
    problem(viola.post("/queue", json=job), 403, "PROJECT_FORBIDDEN", "project_id")
    problem(otto.post("/queue", json={"filename": "x.gcode", "project_id": "cuid-open"}), 404, "PROJECT_NOT_FOUND")
    problem(erik.post("/queue", json={**job, "project_id": "cuid-closed"}), 404, "PROJECT_NOT_FOUND")
    problem(otto.get("/jobs/history?project_id=cuid-open"), 404, "PROJECT_NOT_FOUND")
    assert viola.get("/jobs/history?project_id=cuid-open").status_code == 200
    made = paula.post("/queue", json=job).json()
    assert [item["filename"] for item in viola.get("/queue").json()["items"]] == ["shared.gcode"]
    problem(viola.delete(f"/queue/{made['queue_id']}"), 404, "JOB_NOT_FOUND")
    assert erik.delete(f"/queue/{made['queue_id']}").status_code == 200


def test_a_grant_for_one_printer_is_no_grant_for_another(native: PrintingGateway) -> None:
    frieda = Caller(native, as_("operator of the first"))
    upload(frieda, "here.gcode")
    queued = frieda.post("/queue", json={"filename": "here.gcode"}).json()
    problem(frieda.post(f"/queue/{queued['queue_id']}/start", json={"printer": "second"}), 403, "PRINTER_FORBIDDEN")
    assert frieda.post(f"/queue/{queued['queue_id']}/start", json={"printer": "first"}).status_code == 200
    native.wait_status(queued["queue_id"], "completed")
    bert = Caller(native, as_("operator of the second"))
    assert "here.gcode" not in [job["file_name"] for job in bert.get("/jobs/history?limit=100").json()]
    upload(bert, "there.gcode")
    answer = bert.post("/queue", json={"filename": "there.gcode", "print": True}).json()
    assert (answer["started"], "may not" in answer["waiting"]) == (False, True)
    native.client.delete(f"{native.url}/api/printing/queue")


def test_a_grant_on_what_is_not_there_gives_nothing_and_the_log_says_so() -> None:
    config = AUTH + NATIVE.replace('printers = ["first"]', 'printers = ["frist"]')
    with PrintingGateway(config, headers=as_("admin")) as gateway:
        assert "grants something on frist; there is no such printer or group" in gateway.log
        one = gateway.client.get(f"{gateway.url}/api/printing/printers", headers=as_("operator of the first"))
        problem(one, 403, "FORBIDDEN")
        body = {"name": "frist", "settings": {"driver": "virtual"}}
        assert gateway.request("POST", "/printer-settings", json=body).status_code == 201
        seen = gateway.client.get(f"{gateway.url}/api/printing/printers", headers=as_("operator of the first"))
        assert [each["name"] for each in ok(seen)["printers"]] == ["frist"], "from now on it does"
