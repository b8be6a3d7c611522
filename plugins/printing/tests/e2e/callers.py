"""Callers of the printing API, each with a token of their own, and a gateway that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from plugins.printing.tests.e2e.backends import SHORT
from tests.support.identity import AUDIENCE, ISSUER, SECRET, bearer, token
from tests.support.plain import NO_AUTHORITIES
from tests.support.printing_gateway import PrintingGateway

AUTH = f"""
[auth.jwt]
issuer = "{ISSUER}"
audience = ["{AUDIENCE}"]
secret = "{SECRET}"
[auth.jwt.claims]
scopes = "scope"
scopes_optional = true
"""
NATIVE = """
[plugins.printing]
backend = "native"
default_printer = "first"
[plugins.printing.printers.first]
driver = "virtual"
speed_factor = 1
groups = ["front"]
[plugins.printing.printers.second]
driver = "virtual"
groups = ["back"]
[[plugins.printing.access.grants]]
who = ["user:frieda"]
role = "operator"
printers = ["first"]
[[plugins.printing.access.grants]]
who = ["group:back-office"]
role = "operator"
printers = ["group:back"]
"""
OWN = '[plugins.printing.access]\nvisibility = "own"\n'

CALLERS: dict[str, dict[str, Any]] = {
    "nobody": {},
    "stranger": {"sub": "sam"},
    "viewer": {"sub": "vera", "roles": ["viewer"]},
    "operator": {"sub": "otto", "roles": ["operator"]},
    "admin": {"sub": "ada", "roles": ["admin"]},
    "operator of the first": {"sub": "frieda"},
    "operator of the second": {"sub": "bert", "groups": ["back-office"]},
    "viewer by scope": {"sub": "otto", "roles": ["operator"], "scope": "printing:view"},
    "scope of something else": {"sub": "otto", "roles": ["operator"], "scope": "metrics"},
}


def as_(name: str) -> dict[str, str]:
    claims = CALLERS[name]
    return bearer(token(**claims)) if claims else {}


@contextmanager
def serving(config: str, request: pytest.FixtureRequest) -> Iterator[PrintingGateway]:
    """A gateway on the database that the fixture's parameter names."""
    if request.param == "sqlite":
        with PrintingGateway(config, headers=as_("admin")) as gateway:
            yield gateway
        return
    postgres = request.getfixturevalue("postgres_server")
    name = postgres.create()
    url = postgres.url_of(name)
    try:
        with PrintingGateway(
            config, database_url=url, headers=as_("admin"), FLUXGATE_GATEWAY__MIGRATE="auto"
        ) as gateway:
            yield gateway
    finally:
        postgres.drop(name)


class Caller:
    """Asks below /api/printing as somebody, on a connection of its own each time."""

    def __init__(self, gateway: PrintingGateway, headers: dict[str, str]) -> None:
        self._base = f"{gateway.url}/api/printing"
        self._headers = headers

    def request(self, method: str, path: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        sent = {**self._headers, **(headers or {})}
        return httpx.request(
            method,
            self._base + path,
            headers=sent,
            trust_env=False,
            timeout=20,
            verify=NO_AUTHORITIES,
            **body,
        )

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def delete(self, path: str) -> httpx.Response:
        return self.request("DELETE", path)

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.request("POST", path, **body)

    def patch(self, path: str, **body: Any) -> httpx.Response:
        return self.request("PATCH", path, **body)


class Site:
    """A gateway on which callers see their own."""

    def __init__(self, gateway: PrintingGateway) -> None:
        self.gateway = gateway

    def with_(self, user: str, role: str = "operator") -> Caller:
        return Caller(self.gateway, bearer(token(sub=user, roles=[role] if role else [])))


def upload(client: Caller, name: str, content: bytes = SHORT, **fields: str) -> httpx.Response:
    return client.post("/files/upload", files={"files": (name, content)}, data=fields)


def names(client: Caller) -> set[str]:
    return {file["name"] for file in client.get("/files").json()["files"]}


def execute(gateway: PrintingGateway, sql: str) -> None:
    if gateway.database_url.startswith("sqlite"):
        gateway.write(sql)
    else:
        gateway.rows(sql)
