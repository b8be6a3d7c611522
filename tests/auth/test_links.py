"""Signed links: good for the one request that was signed, as whoever signed it, and for nothing else."""

from __future__ import annotations

import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.auth.links import LinkClaims, Links
from fluxgate.auth.signing import SigningSecret
from fluxgate.errors import SettingsError, UnauthenticatedError
from fluxgate.principal import Principal
from fluxgate.settings import AuthSettings, GatewaySettings, KeySettings, LinkSettings, Settings
from fluxgate.testing import RunningGateway, TokenIssuer, running_gateway, serving_gateway
from tests.support.identity import asking, who
from tests.support.rawpeer import RawClient, request_bytes
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio
SECRET = "a secret of this test, and of this test alone"
VIEWER = Principal(id="ada", name="Ada", roles=frozenset({"viewer"}), groups=frozenset({"lab"}))
ADMIN = Principal(id="boss", roles=frozenset({"admin"}))
LINKS = "/-/auth/links"


@asynccontextmanager
async def gateway(**auth: Any) -> AsyncIterator[tuple[RunningGateway, TokenIssuer]]:
    issuer = TokenIssuer()
    async with running_gateway(who(), settings=asking(**auth), issuer=issuer) as running:
        yield running, issuer


async def link(
    running: RunningGateway, issuer: TokenIssuer, path: str, principal: Principal = VIEWER, **body: Any
) -> str:
    answer = await running.client.post(
        LINKS, json={"path": path, "expires_in": 60, **body}, headers=issuer.headers(principal)
    )
    assert answer.status_code == 201, answer.text
    url: str = answer.json()["url"]
    return url


async def test_a_link_is_good_for_its_path_and_query() -> None:
    async with gateway() as (running, issuer):
        url = await link(running, issuer, "/api/who/file/a%20b.gcode?download=1&x")
        assert url.startswith("/api/who/file/a%20b.gcode?download=1&x&fg_link=")
        answer = await running.client.get(url)
        # The endpoint, and so an upstream, sees nothing of the signature.
        assert answer.text == "download=1&x|link|ada"
        assert (await running.client.head(url)).status_code == 200
        plain = await link(running, issuer, "/api/who/query")
        assert (await running.client.get(plain)).text == "|link|ada"
        assert (await running.client.get(await link(running, issuer, "/api/who/query?"))).text == "|link|ada"
        signature = url.partition("fg_link=")[2]
        reordered = f"/api/who/file/a%20b.gcode?fg_link={signature}&download=1&x"
        assert (await running.client.get(reordered)).status_code == 200


async def test_a_link_is_good_for_nothing_else() -> None:
    async with gateway() as (running, issuer):
        url = await link(running, issuer, "/api/who/file/one?a=1")
        parameter = url.partition("&")[2]
        claims, _, signature = parameter.removeprefix("fg_link=").partition(".")
        for changed in (
            f"/api/who/file/two?a=1&{parameter}",
            f"/api/who/file/on%65?a=1&{parameter}",
            f"/api/who/file/one/?a=1&{parameter}",
            f"/api/who/file/one?a=2&{parameter}",
            f"/api/who/file/one?{parameter}",
            f"/api/who/file/one?a=1&b=2&{parameter}",
            f"/api/who/me?a=1&{parameter}",
            f"/api/who/file/one?a=1&fg_link={claims}x.{signature}",
            f"/api/who/file/one?a=1&fg_link={claims}.{signature[:-1]}",
            f"/api/who/file/one?a=1&fg_link={claims}.{'A' * 43}",
            f"/api/who/file/one?a=1&fg_link={claims}",
            "/api/who/file/one?a=1&fg_link=",
            "/api/who/file/one?a=1&fg_link",
        ):
            answer = await running.client.get(changed)
            assert answer.status_code == 401, changed
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        twice = await running.client.get(f"{url}&{parameter}")
        assert (twice.status_code, twice.json()["code"]) == (400, "AMBIGUOUS_CREDENTIALS")
        assert (await running.client.get(url)).status_code == 200


async def test_a_link_changes_nothing() -> None:
    async with gateway() as (running, issuer):
        parameter = (await link(running, issuer, "/api/who/query")).partition("?")[2]
        for path in ("/api/who/change", "/-/auth/session", "/-/auth/links"):
            assert (await running.client.post(f"{path}?{parameter}")).status_code == 401
        only_head = await link(running, issuer, "/api/who/query", method="HEAD")
        assert (await running.client.head(only_head)).status_code == 200
        assert (await running.client.get(only_head)).status_code == 401


async def test_only_what_the_caller_may_get_itself() -> None:
    async with gateway() as (running, issuer):
        for principal, path, status in (
            (VIEWER, "/api/who/viewers", 201),
            (Principal(id="eve"), "/api/who/viewers", 403),
            (VIEWER, "/-/auth/keys", 422),
            (VIEWER, "/api/who/nothing", 404),
            (VIEWER, "/api/who/change", 422),
            (Principal(id="k", scopes=frozenset({"print"})), "/api/who/printing", 201),
            (Principal(id="k", scopes=frozenset({"x"})), "/api/who/printing", 403),
            (Principal(id="k", scopes=frozenset({"x"})), "/api/who/me", 403),
        ):
            answer = await running.client.post(
                LINKS, json={"path": path, "expires_in": 9}, headers=issuer.headers(principal)
            )
            assert answer.status_code == status, (principal, path, answer.text)
        assert (await running.client.post(LINKS, json={"path": "/", "expires_in": 9})).status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"path": "", "expires_in": 9}, 400, "path"),
        ({"path": "api/who/me", "expires_in": 9}, 400, "path"),
        ({"path": "//evil.example.org/x", "expires_in": 9}, 400, "path"),
        ({"path": "https://evil.example.org/", "expires_in": 9}, 400, "path"),
        ({"path": "/api/who/me#x", "expires_in": 9}, 400, "path"),
        ({"path": "/#x", "expires_in": 9}, 400, "path"),
        ({"path": "/api/who/me\r\nx: y", "expires_in": 9}, 400, "path"),
        ({"path": "/api/who/me\n", "expires_in": 9}, 400, "path"),
        ({"path": "/api/who/é", "expires_in": 9}, 400, "path"),
        ({"path": "/api/who/" + "x" * 5000, "expires_in": 9}, 400, "path"),
        ({"path": "/api/who/../who/me", "expires_in": 9}, 422, "path"),
        ({"path": "/api/who/%zz", "expires_in": 9}, 422, "path"),
        ({"path": "/-/auth/me", "expires_in": 9}, 422, "path"),
        ({"path": "/api/who/me?fg_link=x", "expires_in": 9}, 422, "path"),
        ({"path": "/api/who/me", "expires_in": 3601}, 422, "expires_in"),
        ({"path": "/api/who/me", "expires_in": 0}, 400, "expires_in"),
        ({"path": "/api/who/me", "expires_in": "9"}, 400, "expires_in"),
        ({"path": "/api/who/me", "expires_in": 9, "method": "POST"}, 400, "method"),
        ({"path": "/api/who/me"}, 400, "expires_in"),
        ({"expires_in": 9}, 400, "path"),
    ],
)
async def test_a_body_that_is_wrong_names_its_field(body: dict[str, Any], status: int, field: str) -> None:
    async with gateway() as (running, issuer):
        answer = await running.client.post(LINKS, json=body, headers=issuer.headers(VIEWER))
        assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text


async def test_a_link_expires() -> None:
    async with gateway(links=LinkSettings(max_age=1)) as (running, issuer):
        url = await link(running, issuer, "/api/who/me", expires_in=1)
        assert (await running.client.get(url)).status_code == 200

        async def expired() -> bool:
            answer = await running.client.get(url)
            return answer.status_code == 401 and answer.json()["code"] == "CREDENTIALS_EXPIRED"

        await eventually(expired, timeout=3)


async def test_a_link_dies_with_the_key_it_was_made_with() -> None:
    async with gateway(keys=KeySettings(enabled=True)) as (running, issuer):
        made = (await running.client.post("/-/auth/keys", json={"name": "k"}, headers=issuer.headers(ADMIN))).json()
        answer = await running.client.post(
            LINKS, json={"path": "/api/who/me", "expires_in": 60}, headers={"X-API-Key": made["key"]}
        )
        url = answer.json()["url"]
        assert (await running.client.get(url)).json()["credential"] == made["record"]["id"]
        await running.client.delete(f"/-/auth/keys/{made['record']['id']}", headers=issuer.headers(ADMIN))
        assert (await running.client.get(url)).status_code == 401


async def test_a_header_wins_over_a_link_and_a_link_over_the_cookie() -> None:
    async with gateway() as (running, issuer):
        url = await link(running, issuer, "/api/who/query")
        assert (await running.client.get(url, headers=issuer.headers(ADMIN))).text == "|token|boss"
        session = await running.client.post("/-/auth/session", headers=issuer.headers(ADMIN))
        cookie = {"Cookie": session.headers["set-cookie"].partition(";")[0]}
        running.client.cookies.clear()
        assert (await running.client.get("/api/who/query", headers=cookie)).text == "|session|boss"
        assert (await running.client.get(url, headers=cookie)).text == "|link|ada"


async def test_urls_are_absolute_where_the_public_one_is_known_and_bare_where_nobody_is_asked() -> None:
    settings = Settings(gateway=GatewaySettings(public_url="https://gateway.example.org/"))
    issuer = TokenIssuer()
    async with running_gateway(who(), settings=settings, issuer=issuer) as running:
        assert (await link(running, issuer, "/api/who/me")).startswith(
            "https://gateway.example.org/api/who/me?fg_link="
        )
    async with running_gateway(who()) as running:
        assert await link(running, issuer, "/api/who/me?a") == "/api/who/me?a"
        assert (await running.client.get("/api/who/query?a=1&fg_link=x")).text == "a=1|open|local"


def test_a_link_over_a_connection_is_not_in_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    issuer = TokenIssuer()
    with (
        serving_gateway(who(), settings=asking(), issuer=issuer) as serving,
        RawClient(int(serving.url.rpartition(":")[2])) as client,
    ):
        client.send(request_bytes("GET", "/api/who/query?fg_link=abc.def", ()))
        assert client.answer().status == 401
    assert "abc.def" not in capfd.readouterr().err


# -- the secret


def test_a_secret_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    settings = Settings(gateway=GatewaySettings(data_dir=tmp_path / "data"))
    secret = SigningSecret(settings)
    assert not (tmp_path / "data").exists()
    key = secret.key(b"a")
    file = tmp_path / "data/auth-secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SigningSecret(settings).key(b"a") == key
    assert secret.key(b"b") != key
    assert [path.name for path in file.parent.iterdir()] == ["auth-secret"]
    file.write_text("short")
    with pytest.raises(OSError, match="holds no secret"):
        SigningSecret(settings).key(b"a")


def test_a_configured_secret_makes_no_file(tmp_path: Path) -> None:
    def key(secret: str) -> bytes:
        settings = Settings(gateway=GatewaySettings(data_dir=tmp_path), auth=AuthSettings(secret=secret))
        return SigningSecret(settings).key(b"a")

    assert key(SECRET) == key(SECRET) != key(SECRET + "x")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SettingsError) as caught:
        key("too short")
    assert caught.value.key == "auth.secret"
    assert "too short" not in str(caught.value)


async def test_without_a_secret_there_are_no_links(caplog: pytest.LogCaptureFixture) -> None:
    async with gateway() as (running, issuer):
        (running.data_dir / "auth-secret").mkdir()
        answer = await running.client.post(
            LINKS, json={"path": "/api/who/me", "expires_in": 9}, headers=issuer.headers(VIEWER)
        )
        assert (answer.status_code, answer.json()["code"]) == (503, "LINKS_UNAVAILABLE")
        assert str(running.data_dir) not in answer.text
        assert "auth-secret" in caplog.text


# -- the form of it


def signer() -> Links:
    return Links(SigningSecret(Settings(auth=AuthSettings(secret=SECRET))))


def good() -> LinkClaims:
    return LinkClaims(int(time.time()) + 60, "GET", "ada", frozenset({"r"}), frozenset(), None)


@given(st.binary(max_size=300))
def test_whatever_comes_is_refused(text: bytes) -> None:
    with pytest.raises(UnauthenticatedError):
        signer().check(text, "GET", b"/a", b"")


@given(
    st.from_regex(rb"/[a-z/%]{0,9}", fullmatch=True),
    st.from_regex(rb"[a-z=&]{0,9}", fullmatch=True),
    st.from_regex(rb"/[a-z/%]{0,9}", fullmatch=True),
    st.from_regex(rb"[a-z=&]{0,9}", fullmatch=True),
)
def test_a_signature_holds_for_one_target(path: bytes, query: bytes, other_path: bytes, other_query: bytes) -> None:
    link = signer().sign(good(), path, query).encode()
    assert signer().check(link, "GET", path, query).id == "ada"
    if (path, query) != (other_path, other_query):
        with pytest.raises(UnauthenticatedError):
            signer().check(link, "GET", other_path, other_query)


@given(st.data())
def test_no_byte_of_a_link_can_be_changed(data: st.DataObject) -> None:
    link = signer().sign(good(), b"/a", b"")
    at = data.draw(st.integers(0, len(link) - 1))
    other = data.draw(st.sampled_from("AQz0_-.="))
    changed = link[:at] + other + link[at + 1 :]
    if changed != link:
        with pytest.raises(UnauthenticatedError):
            signer().check(changed.encode(), "GET", b"/a", b"")
