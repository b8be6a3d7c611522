"""The kit for plugin authors: what they are promised of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx
import pytest
from litestar import get
from litestar.di import NamedDependency

import fluxgate.testing
from fluxgate.errors import PluginError
from fluxgate.hookspecs import hookimpl
from fluxgate.plugin import PUBLIC, PluginContext, PluginSpec, Principal, Require
from fluxgate.settings import GatewaySettings, Settings
from fluxgate.testing import TokenIssuer, plugin_record, running_gateway, serving_gateway

pytestmark = pytest.mark.anyio


@get("/ping", sync_to_thread=False, policy=PUBLIC)
def ping() -> str:
    return "pong"


def spec(diary: list[str], *, fails: bool = False) -> PluginSpec:
    @asynccontextmanager
    async def lifespan(context: PluginContext) -> AsyncIterator[None]:
        if fails:
            raise RuntimeError("no printer")
        diary.append("started")
        yield
        diary.append("stopped")

    return PluginSpec(title="Kit", version="1", handlers=(ping,), lifespan=lifespan)


async def test_a_running_gateway() -> None:
    diary: list[str] = []
    async with running_gateway(plugin_record(spec(diary), "kit")) as running:
        assert diary == ["started"]
        assert (await running.client.get("/api/kit/ping")).text == "pong"
        assert (await running.client.head("/api/kit/ping")).content == b""
        assert (running.data_dir / "kit").is_dir()
    assert diary == ["started", "stopped"]
    assert not running.data_dir.exists()


def test_a_serving_gateway() -> None:
    diary: list[str] = []
    with serving_gateway(plugin_record(spec(diary), "kit")) as serving:
        assert httpx.get(f"{serving.url}/api/kit/ping", trust_env=False).text == "pong"
    assert diary == ["started", "stopped"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(serving.url, trust_env=False)


@get("/mine", sync_to_thread=False, policy=Require(roles=frozenset({"viewer"})))
def mine(principal: NamedDependency[Principal]) -> str:
    return principal.id


async def test_as_somebody() -> None:
    plugin = PluginSpec(title="Kit", version="1", handlers=(mine,))
    ada = Principal(id="ada", roles=frozenset({"viewer"}))
    async with running_gateway(plugin_record(plugin, "kit"), principal=ada) as running:
        assert (await running.client.get("/api/kit/mine")).text == "ada"
    issuer = TokenIssuer()
    async with running_gateway(plugin_record(plugin, "kit"), issuer=issuer) as running:
        assert (await running.client.get("/api/kit/mine")).status_code == 401
        assert (await running.client.get("/api/kit/mine", headers=issuer.headers(ada))).text == "ada"
        scoped = Principal(id="bob", roles=frozenset({"viewer"}), scopes=frozenset({"x"}))
        assert (await running.client.get("/api/kit/mine", headers=issuer.headers(scoped))).status_code == 403
        late = {"Authorization": f"Bearer {issuer.token(ada, lifetime=-99)}"}
        assert (await running.client.get("/api/kit/mine", headers=late)).status_code == 401
    with serving_gateway(plugin_record(plugin, "kit"), issuer=issuer) as serving:
        answer = httpx.get(f"{serving.url}/api/kit/mine", headers=issuer.headers(ada), trust_env=False)
        assert answer.text == "ada"


async def test_with_settings_of_ones_own() -> None:
    settings = Settings(gateway=GatewaySettings(public_url="https://gateway.example.org"))
    async with running_gateway(plugin_record(spec([]), "kit"), settings=settings) as running:
        assert running.gateway.settings.gateway.public_url == "https://gateway.example.org"
        assert running.gateway.settings.gateway.data_dir == running.data_dir


async def test_a_plugin_that_fails_is_an_error() -> None:
    with pytest.raises(PluginError, match=r"kit \(startup\): RuntimeError: no printer"):
        async with running_gateway(plugin_record(spec([], fails=True), "kit")):
            pass
    with (
        pytest.raises(PluginError, match=r"kit \(startup\): RuntimeError: no printer"),
        serving_gateway(plugin_record(spec([], fails=True), "kit")),
    ):
        pass


async def test_or_quarantined_if_that_is_what_is_tested() -> None:
    record = plugin_record(spec([], fails=True), "kit")
    async with running_gateway(record, strict=False) as running:
        assert (await running.client.get("/api/kit/ping")).status_code == 503
    assert record.quarantine is not None
    with serving_gateway(plugin_record(spec([], fails=True), "kit"), strict=False) as serving:
        assert httpx.get(f"{serving.url}/api/kit/ping", trust_env=False).status_code == 503


def test_a_record_that_can_not_be_loaded_says_why() -> None:
    broken = SimpleNamespace(fluxgate_plugin=hookimpl(lambda settings: 1 / 0))
    record = plugin_record(broken, "kit")
    assert record.quarantine is not None
    assert (record.quarantine.stage, record.quarantine.reason) == ("declaration", "ZeroDivisionError: division by zero")
    with pytest.raises(ValueError, match="takes no settings"):
        plugin_record(spec([]), "kit", settings={"a": 1})


async def test_a_test_never_sees_the_machines_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUXGATE_PLUGINS__KIT__COLOUR", "red")
    monkeypatch.setenv("FLUXGATE_GATEWAY__STRICT", "maybe")
    async with running_gateway(plugin_record(spec([]), "kit")) as running:
        assert (await running.client.get("/api/kit/ping")).text == "pong"


def test_everything_public_is_documented() -> None:
    for name in fluxgate.testing.__all__:
        assert getattr(fluxgate.testing, name).__doc__, name
