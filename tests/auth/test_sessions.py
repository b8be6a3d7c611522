"""Browser sessions: begun with a token or a key, used by cookie, guarded against foreign pages, ended for good."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from fluxgate.principal import Principal
from fluxgate.settings import GatewaySettings, KeySettings, SessionSettings, Settings
from fluxgate.testing import RunningGateway, TokenIssuer, running_gateway
from tests.support.identity import asking, who
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio
ADA = Principal(id="ada", name="Ada", roles=frozenset({"viewer"}), groups=frozenset({"lab"}))
ADMIN = Principal(id="boss", roles=frozenset({"admin"}))
SESSION = "/-/auth/session"


class Browser:
    """Keeps cookies as a browser does for one host."""

    def __init__(self, running: RunningGateway) -> None:
        self._client = running.client
        self.cookies: dict[str, str] = {}
        self.set: list[str] = []

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        fields = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **(headers or {})}
        answer = await self._client.request(method, path, headers={k: v for k, v in fields.items() if v})
        self.set = answer.headers.get_list("set-cookie")
        for line in self.set:
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0]
            self.cookies.pop(name, None) if "Max-Age=0;" in line else self.cookies.update({name: value})
        return answer

    async def sign_in(self, headers: dict[str, str]) -> dict[str, Any]:
        answer = await self.ask("POST", SESSION, headers)
        assert answer.status_code == 201, answer.text
        view: dict[str, Any] = answer.json()
        return view


@asynccontextmanager
async def gateway(
    database_url: str | None = None, settings: Settings | None = None, **session: Any
) -> AsyncIterator[tuple[RunningGateway, TokenIssuer]]:
    issuer = TokenIssuer()
    settings = settings or asking(keys=KeySettings(enabled=True), session=SessionSettings(**session))
    async with running_gateway(who(), settings=settings, issuer=issuer, database_url=database_url) as running:
        yield running, issuer


async def test_from_signing_in_to_signing_out(database_url: str) -> None:
    async with gateway(database_url) as (running, issuer):
        browser = Browser(running)
        view = await browser.sign_in(issuer.headers(ADA))
        assert view["principal"]["id"] == "ada"
        session, csrf = browser.set
        assert re.fullmatch(r"fluxgate_session=[\w-]{43}; Path=/; Max-Age=\d+; SameSite=Lax; HttpOnly", session)
        assert re.fullmatch(r"fluxgate_csrf=[\w-]{43}; Path=/; Max-Age=\d+; SameSite=Lax", csrf)
        assert view["csrfToken"] == browser.cookies["fluxgate_csrf"]
        assert browser.cookies["fluxgate_session"] not in str(view)

        me = (await browser.ask("GET", "/-/auth/me")).json()
        assert me == {
            "id": "ada",
            "name": "Ada",
            "roles": ["viewer"],
            "groups": ["lab"],
            "scopes": None,
            "method": "session",
            "open": False,
        }
        assert (await browser.ask("GET", "/api/who/query?a=1")).text == "a=1|session|ada"
        assert (await browser.ask("GET", "/-/auth/csrf")).json() == {"csrfToken": view["csrfToken"]}
        [row] = await running.gateway.store.require().fetch("SELECT * FROM fluxgate_sessions")
        assert browser.cookies["fluxgate_session"] not in str(row)

        stolen = dict(browser.cookies)
        out = await browser.ask("DELETE", SESSION, {"X-CSRF-Token": view["csrfToken"]})
        assert out.json() == {"ended": "session"}
        assert browser.cookies == {}
        browser.cookies = stolen
        gone = await browser.ask("GET", "/api/who/me")
        assert (gone.status_code, gone.json()["code"]) == (401, "CREDENTIALS_EXPIRED")
        assert (await browser.ask("DELETE", SESSION)).json() == {"ended": "nothing"}
        assert browser.cookies == {}


async def test_everywhere() -> None:
    async with gateway() as (running, issuer):
        browsers = [Browser(running) for _ in range(3)]
        views = [await browser.sign_in(issuer.headers(ADA)) for browser in browsers]
        other = Browser(running)
        await other.sign_in(issuer.headers(ADMIN))
        for browser in (*browsers, other):
            assert (await browser.ask("GET", "/api/who/me")).status_code == 200
        out = await browsers[0].ask("DELETE", f"{SESSION}?everywhere=true", {"X-CSRF-Token": views[0]["csrfToken"]})
        assert out.json() == {"ended": "everywhere"}
        assert [(await browser.ask("GET", "/api/who/me")).status_code for browser in browsers] == [401, 401, 401]
        assert (await other.ask("GET", "/api/who/me")).status_code == 200
        nobody = await running.client.delete(f"{SESSION}?everywhere=true")
        assert nobody.status_code == 401
        wrong = await running.client.delete(f"{SESSION}?everywhere=maybe")
        assert (wrong.status_code, wrong.json()["field"]) == (400, "everywhere")
        by_token = await running.client.delete(f"{SESSION}?everywhere=1", headers=issuer.headers(ADMIN))
        assert by_token.json() == {"ended": "everywhere"}
        assert (await other.ask("GET", "/api/who/me")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 403, "CSRF_FAILED"),
        ({"X-CSRF-Token": ""}, 403, "CSRF_FAILED"),
        ({"X-CSRF-Token": "x" * 43}, 403, "CSRF_FAILED"),
        ({"X-CSRF-Token": "~"}, 403, "CSRF_FAILED"),
        ({"X-CSRF-Token": "{another}"}, 403, "CSRF_FAILED"),
        ({"X-CSRF-Token": "{own}", "Origin": "https://evil.example.org"}, 403, "FOREIGN_ORIGIN"),
        ({"X-CSRF-Token": "{own}", "Origin": "http://localhost:3000"}, 403, "FOREIGN_ORIGIN"),
        ({"X-CSRF-Token": "{own}", "Origin": "null"}, 403, "FOREIGN_ORIGIN"),
        ({"X-CSRF-Token": "{own}", "Sec-Fetch-Site": "cross-site"}, 403, "FOREIGN_ORIGIN"),
        ({"X-CSRF-Token": "{own}", "Origin": "http://gateway.test"}, 201, ""),
        ({"X-CSRF-Token": "{own}", "Sec-Fetch-Site": "same-origin"}, 201, ""),
        ({"X-CSRF-Token": "{own}"}, 201, ""),
    ],
)
async def test_changes_by_cookie(headers: dict[str, str], status: int, code: str) -> None:
    async with gateway() as (running, issuer):
        another = (await Browser(running).sign_in(issuer.headers(ADA)))["csrfToken"]
        browser = Browser(running)
        own = (await browser.sign_in(issuer.headers(ADA)))["csrfToken"]
        headers = {name: value.format(own=own, another=another) for name, value in headers.items()}
        answer = await browser.ask("POST", "/api/who/change", headers)
        assert answer.status_code == status, answer.text
        assert answer.json().get("code", "") == code
        for word in ("token", "unauthorized", "authentication"):
            assert word not in answer.json().get("message", "").lower()
        # What is anybody's stays anybody's, but isn't done in the session's name.
        public = await browser.ask("POST", "/api/who/anybody", headers)
        assert public.json()["method"] == ("session" if status == 201 else "anonymous")
        # A foreign page can't sign anybody out.
        assert (await browser.ask("DELETE", SESSION, headers)).status_code == (200 if status == 201 else status)
        assert (await browser.ask("GET", "/api/who/me")).status_code == (401 if status == 201 else 200)


async def test_a_header_wins_over_the_cookie_and_needs_no_csrf_token() -> None:
    async with gateway() as (running, issuer):
        browser = Browser(running)
        await browser.sign_in(issuer.headers(ADA))
        assert (await browser.ask("POST", "/api/who/change", issuer.headers(ADMIN))).json()["id"] == "boss"
        bad = await browser.ask("GET", "/api/who/me", {"Authorization": "Bearer nonsense"})
        assert bad.status_code == 401
        again = await browser.ask("POST", SESSION, {"X-CSRF-Token": browser.cookies["fluxgate_csrf"]})
        assert (again.status_code, again.json()["code"]) == (400, "NO_CREDENTIAL")


async def test_over_https_the_cookies_are_this_hosts_alone() -> None:
    settings = Settings(gateway=GatewaySettings(public_url="https://gateway.example.org"))
    async with gateway(settings=settings) as (running, issuer):
        browser = Browser(running)
        await browser.sign_in(issuer.headers(ADA))
        assert all(line.startswith("__Host-fluxgate_") for line in browser.set)
        assert all(line.endswith("; Secure") for line in browser.set)
        assert (await browser.ask("GET", "/api/who/me")).json()["id"] == "ada"
        # One without the prefix could be another host's doing.
        planted = {"Cookie": f"fluxgate_session={browser.cookies['__Host-fluxgate_session']}"}
        assert (await running.client.get("/api/who/me", headers=planted)).status_code == 401


async def test_https_before_a_proxy_that_is_trusted() -> None:
    settings = Settings(gateway=GatewaySettings(trusted_proxies=("127.0.0.1/32",)))
    async with gateway(settings=settings) as (running, issuer):
        for proto, prefix in (("https", "__Host-"), ("http", ""), ("https, http", "")):
            browser = Browser(running)
            await browser.sign_in({**issuer.headers(ADA), "X-Forwarded-Proto": proto})
            assert set(browser.cookies) == {f"{prefix}fluxgate_session", f"{prefix}fluxgate_csrf"}
    async with gateway() as (running, issuer):
        browser = Browser(running)
        await browser.sign_in({**issuer.headers(ADA), "X-Forwarded-Proto": "https"})
        assert set(browser.cookies) == {"fluxgate_session", "fluxgate_csrf"}


@pytest.mark.parametrize(
    ("same_site", "url", "shown"),
    [
        ("strict", None, "Strict"),
        ("none", None, "Lax"),
        ("none", "https://gateway.example.org", "None"),
    ],
)
async def test_same_site(same_site: str, url: str | None, shown: str) -> None:
    gateway_settings = GatewaySettings(public_url=url)
    auth = asking(session=SessionSettings(same_site=same_site)).auth  # type: ignore[arg-type]
    async with gateway(settings=Settings(gateway=gateway_settings, auth=auth)) as (running, issuer):
        browser = Browser(running)
        await browser.sign_in(issuer.headers(ADA))
        assert all(f"; SameSite={shown}" in line for line in browser.set)


async def test_a_session_dies_with_the_key_it_was_made_with() -> None:
    async with gateway() as (running, issuer):
        made = await running.client.post("/-/auth/keys", json={"name": "k"}, headers=issuer.headers(ADMIN))
        browser = Browser(running)
        await browser.sign_in({"X-API-Key": made.json()["key"]})
        assert (await browser.ask("GET", "/api/who/me")).json()["method"] == "session"
        await running.client.delete(f"/-/auth/keys/{made.json()['record']['id']}", headers=issuer.headers(ADMIN))
        assert (await browser.ask("GET", "/api/who/me")).status_code == 401


async def test_a_session_ends_with_its_token_unless_told() -> None:
    short = {"Authorization": ""}
    async with gateway(cache_seconds=60) as (running, issuer):
        begun = time.time()
        short["Authorization"] = f"Bearer {issuer.token(ADA, lifetime=2)}"
        browser = Browser(running)
        view = await browser.sign_in(short)
        assert (await browser.ask("GET", "/api/who/me")).status_code == 200
        assert view["expires_at"] <= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(begun + 3))

        async def ended() -> bool:
            return (await browser.ask("GET", "/api/who/me")).status_code == 401

        await eventually(ended, timeout=4)
    async with gateway(outlive_token=True, max_age=3600) as (running, issuer):
        browser = Browser(running)
        await browser.sign_in({"Authorization": f"Bearer {issuer.token(ADA, lifetime=2)}"})
        assert "Max-Age=3600" in browser.set[0]


async def test_scopes_go_with_the_session() -> None:
    restricted = Principal(id="ada", scopes=frozenset({"print"}))
    async with gateway() as (running, issuer):
        browser = Browser(running)
        view = await browser.sign_in(issuer.headers(restricted))
        assert view["principal"]["scopes"] == ["print"]
        assert (await browser.ask("GET", "/-/auth/me")).json()["scopes"] == ["print"]
        assert (await browser.ask("GET", "/api/who/printing")).status_code == 200
        assert (await browser.ask("GET", "/api/who/me")).status_code == 403


@pytest.mark.parametrize(
    ("cookie", "status"),
    [
        ("fluxgate_session=nonsense", 401),
        ("fluxgate_session=", 401),
        ("fluxgate_session=" + "x" * 5000, 401),
        ("fluxgate_session={good}; fluxgate_session=other", 401),
        ("fluxgate_session={good}; fluxgate_session={good}", 200),
        ("other=1; fluxgate_session={good}; more=2", 200),
        ("xfluxgate_session={good}", 401),
        ("fluxgate_session={good}x", 401),
        ("__Host-fluxgate_session={good}", 401),
    ],
)
async def test_cookies_of_any_shape(cookie: str, status: int) -> None:
    async with gateway() as (running, issuer):
        browser = Browser(running)
        await browser.sign_in(issuer.headers(ADA))
        good = browser.cookies["fluxgate_session"]
        answer = await running.client.get("/api/who/me", headers={"Cookie": cookie.format(good=good)})
        assert answer.status_code == status


async def test_nobody_is_told_who_nobody_is() -> None:
    async with gateway() as (running, _):
        for path in ("/-/auth/me", "/-/auth/csrf"):
            assert (await running.client.get(path)).status_code == 401
        assert (await running.client.post(SESSION)).status_code == 401


async def test_an_open_gateway_has_nothing_to_sign_in_to() -> None:
    async with running_gateway(who()) as running:
        me = (await running.client.get("/-/auth/me")).json()
        assert (me["id"], me["roles"], me["method"], me["open"]) == ("local", ["admin"], "open", True)
        begun = await running.client.post(SESSION)
        assert (begun.status_code, begun.json()["expires_at"]) == (201, None)
        assert "set-cookie" not in begun.headers
        assert (await running.client.get("/-/auth/csrf")).json() == {"csrfToken": ""}
        assert (await running.client.delete(SESSION)).json() == {"ended": "nothing"}


async def test_without_its_database_a_session_is_neither_taken_nor_refused() -> None:
    async with gateway(cache_seconds=0) as (running, issuer):
        browser = Browser(running)
        await browser.sign_in(issuer.headers(ADA))
        await running.gateway.store.stop()
        answer = await browser.ask("GET", "/api/who/me")
        assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert (await running.client.get("/api/who/me", headers=issuer.headers(ADA))).status_code == 200
