"""An open gateway is this machine's alone: no foreign name, no foreign page, no other machine without being told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxgate.app import create_app
from fluxgate.auth.surroundings import is_loopback
from fluxgate.errors import SettingsError
from fluxgate.settings import AuthSettings, GatewaySettings, JwtSettings, KeySettings, Settings
from fluxgate.testing import running_gateway
from tests.support.cli import Site
from tests.support.identity import SECRET, who

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.1", "localhost.evil.example", "127.0.0.1.evil.example", "", "127.1"]
)
def test_not_this_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8080", 200),
        ("app.localhost:1", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("printers.local", 200),
        ("PRINTERS.local:8080", 200),
        ("gateway.example.org", 200),
        ("evil.example.org", 403),
        ("localhost.evil.example.org", 403),
        ("127.0.0.1.evil.example.org:80", 403),
        ("192.0.2.1", 403),
        ("xprinters.local", 403),
    ],
)
async def test_an_open_gateway_answers_under_its_own_names(host: str, status: int) -> None:
    settings = Settings(
        gateway=GatewaySettings(public_url="https://gateway.example.org"),
        auth=AuthSettings(allowed_hosts=("printers.local",)),
    )
    async with running_gateway(who(), settings=settings) as running:
        for _ in range(2):
            answer = await running.client.get("/api/who/me", headers={"Host": host})
            assert answer.status_code == status, answer.text
        if status == 403:
            assert answer.json()["code"] == "FOREIGN_HOST"


async def test_who_serves_other_machines_unasked_is_asked_by_address_too() -> None:
    settings = Settings(gateway=GatewaySettings(host="0.0.0.0"), auth=AuthSettings(insecure=True))
    async with running_gateway(who(), settings=settings) as running:
        for host, status in (("192.0.2.1:8080", 200), ("[2001:db8::1]", 200), ("evil.example.org", 403)):
            assert (await running.client.get("/api/who/me", headers={"Host": host})).status_code == status
        assert (await running.client.get("/-/health")).json()["access"] == "insecure"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Origin": "http://gateway.test"}, 201),
        ({"Origin": "http://localhost:5173"}, 201),
        ({"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "cross-site"}, 201),
        ({"Origin": "https://studio.example.org", "Sec-Fetch-Site": "cross-site"}, 201),
        ({"Origin": "http://elsewhere.test", "Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example.org"}, 403),
        ({"Origin": "https://studio.example.org.evil.example.org"}, 403),
        ({"Origin": "http://studio.example.org"}, 403),
        ({"Origin": "http://localhost.evil.example.org"}, 403),
        ({"Origin": "http://gateway.test:81"}, 403),
        ({"Origin": "http://gateway.test", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "x"}, 403),
    ],
)
async def test_changes_that_a_page_asks_for(headers: dict[str, str], status: int) -> None:
    settings = Settings(auth=AuthSettings(trusted_origins=("https://studio.example.org",)))
    async with running_gateway(who(), settings=settings) as running:
        answer = await running.client.post("/api/who/change", headers=headers)
        assert answer.status_code == status, answer.text
        assert (await running.client.get("/api/who/me", headers=headers)).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "gateway.example.org"])
def test_other_machines_are_let_in_only_by_a_provider_or_by_name(host: str) -> None:
    gateway = GatewaySettings(host=host, enabled=())
    with pytest.raises(SettingsError) as caught:
        create_app(Settings(gateway=gateway), {})
    for hint in ("auth.keys.enabled", "[auth.jwt]", "127.0.0.1", "auth.insecure", host):
        assert hint in str(caught.value)
    for auth in (
        AuthSettings(insecure=True),
        AuthSettings(keys=KeySettings(enabled=True)),
        AuthSettings(jwt=JwtSettings(secret=SECRET)),
        AuthSettings(issuers={"a": JwtSettings(secret=SECRET)}),
    ):
        create_app(Settings(gateway=gateway, auth=auth), {})


def test_the_command_says_how_it_treats_its_callers(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure(enabled=())
    with site.serve() as server:
        assert "Open: whoever is on this machine may do everything" in server.printed
        assert server.client.get("/-/health").json()["access"] == "open"
        assert "INSECURE" not in server.log
    refused = site.fluxgate("run", FLUXGATE_HOST="0.0.0.0")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "auth: listening on 0.0.0.0 lets other machines in" in refused.stderr
    with site.serve(FLUXGATE_HOST="0.0.0.0", FLUXGATE_AUTH__INSECURE="true") as server:
        assert "INSECURE: whoever reaches this address may do everything" in server.printed
        assert "CRITICAL fluxgate.auth: INSECURE" in server.log
    with site.serve(FLUXGATE_AUTH__JWT__SECRET=SECRET) as server:
        assert "Callers are asked who they are" in server.printed
        assert server.client.get("/-/health").status_code == 401
        assert server.client.get("/-/health/ready").status_code == 200
