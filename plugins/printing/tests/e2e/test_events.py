"""`GET /events` of a whole gateway: a snapshot, then what changes, to each what they may see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from plugins.printing.tests.e2e.backends import LONG, SHORT
from plugins.printing.tests.e2e.callers import AUTH, NATIVE, OWN, Site, as_, execute, upload
from plugins.printing.tests.e2e.test_shared_printer import PROJECT, add_project
from tests.support.identity import bearer, token
from tests.support.plain import NO_AUTHORITIES
from tests.support.printing_gateway import PrintingGateway, problem

pytestmark = pytest.mark.xdist_group("printing-access")


class Events:
    """An event stream that is being read."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last = ""
        self.lines = response.iter_lines()

    def next(self) -> tuple[str, Any]:
        name = data = ""
        for line in self.lines:
            field, _, value = line.partition(": ")
            if field == "id":
                self.last = value
            elif field == "event":
                name = value
            elif field == "data":
                data = value
            elif not line and name:
                return name, json.loads(data)
        raise AssertionError("the stream ended")

    def until(self, meets: Callable[[str, Any], bool]) -> Any:
        """The first event's data that meets the condition."""
        while True:
            name, data = self.next()
            if meets(name, data):
                return data


@contextmanager
def listening(gateway: PrintingGateway, headers: dict[str, str] | None = None, query: str = "") -> Iterator[Events]:
    url = f"{gateway.url}/api/printing/events{query}"
    with httpx.stream(
        "GET", url, headers=headers or {}, trust_env=False, timeout=30, verify=NO_AUTHORITIES
    ) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield Events(response)


@pytest.fixture
def gateway() -> Iterator[PrintingGateway]:
    with PrintingGateway() as gateway:
        gateway.upload("part.gcode", SHORT)
        yield gateway


def test_a_snapshot_then_a_print_from_its_queueing_to_its_end(gateway: PrintingGateway) -> None:
    waits = gateway.enqueue("part.gcode", on_hold=True)
    with listening(gateway) as events:
        name, snapshot = events.next()
        assert name == "snapshot"
        assert [printer["name"] for printer in snapshot["printers"]] == ["virtual"]
        assert [job["fluxprint_queue_id"] for job in snapshot["jobs"]] == [waits]
        assert snapshot["queue"] == {"paused": False, "waiting": 1, "printing": 0}
        queue_id = gateway.enqueue("part.gcode")
        queued = events.until(lambda name, data: name == "job" and data["fluxprint_queue_id"] == queue_id)
        assert queued["status"] == "queued"
        gateway.post(f"/queue/{queue_id}/start")
        events.until(lambda name, data: name == "printer" and data["status"] == "printing")
        done = events.until(lambda name, data: name == "job" and data["status"] == "completed")
        assert (done["fluxprint_queue_id"], done["progress"]) == (queue_id, 100.0)
    with listening(gateway) as events:
        _, snapshot = events.next()
        assert [job["fluxprint_queue_id"] for job in snapshot["jobs"]] == [waits]


def test_printers_are_in_the_order_of_the_list() -> None:
    names = ["zoe", "bob", "max", "ada"]
    config = "[plugins.printing]\ndefault_printer = 'max'\n"
    config += "".join(f"[plugins.printing.printers.{name}]\ndriver = 'virtual'\n" for name in names)
    with PrintingGateway(config) as gateway:
        listed = [printer["name"] for printer in gateway.get("/printers")["printers"]]
        gateway.upload("part.gcode", LONG)
        gateway.enqueue("part.gcode", printer="zoe", print=True)  # the one that has most to tell
        with listening(gateway) as events:
            name, data = events.next()
        assert name == "snapshot"
        assert [printer["name"] for printer in data["printers"]] == listed == names


def test_who_comes_back_is_told_what_changed(gateway: PrintingGateway) -> None:
    with listening(gateway, query="?topics=jobs,queue") as events:
        events.next()
        last = events.last
    queue_id = gateway.enqueue("part.gcode")
    with listening(gateway, {"last-event-id": last}, "?topics=jobs,queue") as events:
        name, job = events.next()
        assert (name, job["fluxprint_queue_id"]) == ("job", queue_id)
        last = events.last
    gateway.delete(f"/queue/{queue_id}")
    with listening(gateway, {"last-event-id": last}, "?topics=jobs") as events:
        name, job = events.next()
        assert (name, job["fluxprint_queue_id"], job["status"]) == ("job", queue_id, "canceled")
    with listening(gateway, {"last-event-id": "of-another-process"}) as events:
        assert events.next()[0] == "snapshot"


def test_what_isnt_there_to_listen_to(gateway: PrintingGateway) -> None:
    for query, status, code in (
        ("?topics=everything", 422, "UNKNOWN_TOPIC"),
        ("?printers=none", 404, "PRINTER_NOT_FOUND"),
        ("?project=none", 404, "PROJECT_NOT_FOUND"),
        ("?topic=jobs", 400, "INVALID_REQUEST"),
        ("?topics=%ff", 400, "INVALID_REQUEST"),
    ):
        problem(gateway.request("GET", f"/events{query}"), status, code)
    assert gateway.request("HEAD", "/events").status_code == 200


def test_the_end_of_the_gateway_ends_the_stream_in_order(gateway: PrintingGateway) -> None:
    with listening(gateway) as events:
        events.next()
        gateway.stop()
        for _ in events.lines:
            pass  # a broken one would raise


def test_each_is_told_what_they_may_see() -> None:
    with PrintingGateway(AUTH + NATIVE + OWN, headers=as_("admin")) as gateway:
        add_project(gateway)
        site = Site(gateway)
        otto, erik = site.with_("otto"), site.with_("erik")
        assert upload(otto, "ottos.gcode", LONG).status_code == 201
        assert upload(erik, "boat.gcode", LONG + b";\n", project_id="cuid-boat").status_code == 201
        mine = otto.post("/queue", json={"filename": "ottos.gcode"}).json()["queue_id"]
        boat = erik.post("/queue", json={"filename": "boat.gcode", "project_id": "cuid-boat"}).json()["queue_id"]

        def seen(user: str, role: str, query: str = "") -> tuple[set[int], set[str]]:
            with listening(gateway, bearer(token(sub=user, roles=[role] if role else [])), query) as events:
                _, snapshot = events.next()
            jobs = {job["fluxprint_queue_id"] for job in snapshot["jobs"]}
            return jobs, {printer["name"] for printer in snapshot["printers"]}

        both = {"first", "second"}
        assert seen("otto", "operator") == ({mine}, both)
        assert seen("erik", "operator") == ({boat}, both)
        assert seen("viola", "viewer") == ({boat}, both)
        assert seen("ada", "admin") == ({mine, boat}, both)
        assert seen("frieda", "") == (set(), {"first"})
        assert seen("ada", "admin", "?project=cuid-boat") == ({boat}, both)
        assert seen("ada", "admin", "?printers=second&topics=printers") == (set(), {"second"})
        problem(site.with_("otto").get("/events?project=cuid-boat"), 404, "PROJECT_NOT_FOUND")
        # A job that leaves one's sight says so, and nothing else.
        with listening(gateway, bearer(token(sub="viola", roles=["viewer"])), "?topics=jobs") as events:
            events.next()
            execute(
                gateway,
                f"UPDATE print_jobs SET project_id = NULL, updated_at = '2999-01-01T00:00:00+00:00'"
                f" WHERE project_id = '{PROJECT}'",
            )
            name, data = events.next()
            assert (name, set(data)) == ("job-gone", {"id"})


def test_the_same_as_a_websocket(gateway: PrintingGateway) -> None:
    queue_id = gateway.enqueue("part.gcode", on_hold=True)
    url = f"ws{gateway.url.removeprefix('http')}/api/printing/ws?topics=jobs"
    with connect(url, proxy=None) as client:

        def until(kind: str) -> Any:
            while (message := json.loads(client.recv(20)))["type"] != kind:
                pass
            return message

        first = until("snapshot")["data"]
        assert ([job["fluxprint_queue_id"] for job in first["jobs"]], first["printers"]) == ([queue_id], [])
        gateway.post(f"/queue/{queue_id}/release")
        assert until("job")["data"]["on_hold"] is False
        client.send(json.dumps({"topics": "printers", "printers": "virtual"}))
        again = until("snapshot")["data"]
        assert ([printer["name"] for printer in again["printers"]], again["jobs"]) == (["virtual"], [])
        gateway.post(f"/queue/{queue_id}/start")
        assert until("printer")["data"]["name"] == "virtual"
        for sent, code in (
            ("{", "INVALID_REQUEST"),
            ('{"topic": "x"}', "INVALID_REQUEST"),
            ('{"topics": "everything"}', "UNKNOWN_TOPIC"),
            ('{"printers": "none"}', "PRINTER_NOT_FOUND"),
        ):
            client.send(sent)
            assert until("error")["code"] == code
        gateway.stop()
        with pytest.raises(ConnectionClosed) as caught:
            until("never")
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001


def test_a_websocket_is_for_those_who_may_look() -> None:
    with PrintingGateway(AUTH + NATIVE, headers=as_("admin")) as gateway:
        url = f"ws{gateway.url.removeprefix('http')}/api/printing/ws"
        for caller, status in (("nobody", 401), ("stranger", 403)):
            with pytest.raises(InvalidStatus) as caught, connect(url, proxy=None, additional_headers=as_(caller)):
                pass
            assert caught.value.response.status_code == status
        with connect(url + "?topics=nothing", proxy=None, additional_headers=as_("viewer")) as client:
            assert json.loads(client.recv(20))["code"] == "UNKNOWN_TOPIC"
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(20)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "UNKNOWN_TOPIC")
