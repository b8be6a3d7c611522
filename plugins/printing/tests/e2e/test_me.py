"""What callers are told that they may do, by a whole gateway; that it is true is in `test_access.py`."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.printing.tests.e2e.callers import AUTH, NATIVE, OWN, Caller, as_
from tests.support.fluxprint import running_fluxprint
from tests.support.printing_gateway import PrintingGateway, ok, problem

pytestmark = pytest.mark.xdist_group("printing-me")

NOTHING: dict[str, Any] = {"everywhere": None, "anywhere": None, "printers": {}}


def everywhere(role: str) -> dict[str, Any]:
    return {"everywhere": role, "anywhere": role, "printers": {"first": role, "second": role}}


ROLES: dict[str, dict[str, Any]] = {
    "stranger": NOTHING,
    "viewer": everywhere("viewer"),
    "operator": everywhere("operator"),
    "admin": everywhere("admin"),
    "operator of the first": {"everywhere": None, "anywhere": "operator", "printers": {"first": "operator"}},
    "operator of the second": {"everywhere": None, "anywhere": "operator", "printers": {"second": "operator"}},
    "viewer by scope": everywhere("viewer"),
    "scope of something else": NOTHING,
}
STOPS_OTHERS = {"operator", "admin", "operator of the first", "operator of the second"}


def me(gateway: PrintingGateway, caller: str) -> Any:
    return ok(Caller(gateway, as_(caller)).get("/me"))


def test_each_caller_on_printers_of_our_own() -> None:
    with PrintingGateway(AUTH + NATIVE, headers=as_("admin")) as gateway:
        for caller, roles in ROLES.items():
            stops = caller in STOPS_OTHERS
            assert me(gateway, caller) == {
                "backend": "native",
                "default": "first" if "first" in roles["printers"] else None,
                "visibility": "all",
                "stopOthers": stops,
                **roles,
            }, caller
        problem(Caller(gateway, {}).get("/me"), 401, "UNAUTHENTICATED")
        assert gateway.request("PATCH", "/printer-settings/second", json={"default": True}).status_code == 200
        defaults = {caller: me(gateway, caller)["default"] for caller in ("viewer", "operator of the first")}
        assert defaults == {"viewer": "second", "operator of the first": None}


def test_everybody_has_their_own() -> None:
    with PrintingGateway(AUTH + NATIVE + OWN, headers=as_("admin")) as gateway:
        told = {caller: (seen := me(gateway, caller))["visibility"] + str(seen["stopOthers"]) for caller in ROLES}
    assert told == {caller: f"own{caller == 'admin'}" for caller in ROLES}


def test_where_fluxprint_prints() -> None:
    with running_fluxprint() as service:
        config = AUTH + f'[plugins.printing.fluxprint]\nurl = "{service.url}"\n'
        with PrintingGateway(config, headers=as_("admin")) as gateway:
            for caller in ("stranger", "viewer", "operator", "admin", "viewer by scope"):
                assert me(gateway, caller) == {
                    "backend": "fluxprint",
                    "default": None,
                    "visibility": "all",
                    "stopOthers": caller in STOPS_OTHERS,
                    **ROLES[caller],
                    "printers": {},
                }, caller
            problem(Caller(gateway, {}).get("/me"), 401, "UNAUTHENTICATED")


def test_on_an_open_gateway_everybody_is_an_admin() -> None:
    with PrintingGateway() as gateway:
        seen = gateway.get("/me")
    assert (seen["everywhere"], seen["printers"], seen["stopOthers"]) == ("admin", {"virtual": "admin"}, True)
