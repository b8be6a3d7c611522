"""A WebSocket whose other end is the gateway: talked to by a real client, and by one that breaks every rule."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from fluxgate.plugin import PUBLIC, PluginSpec, SocketRoute, WebSocket
from fluxgate.testing import ServingGateway, plugin_record, serving_gateway
from fluxgate.types import Scope
from tests.support.rawpeer import RawClient
from tests.support.waiting import eventually
from tests.support.websocket import BINARY, CLOSE, TEXT, frame, handshake

pytestmark = pytest.mark.anyio

ended: list[str] = []


async def echo(scope: Scope, socket: WebSocket) -> None:
    """Sends back what it gets; `bye` ends it, `boom` breaks it, `flood` sends more than anybody reads."""
    name = scope["path_params"]["name"]
    try:
        while True:
            message = await socket.receive()
            if message == "bye":
                return
            if message == "boom":
                raise ValueError("boom")
            if message == "flood":
                while True:
                    await socket.send_text(b"x" * 50_000)
            text = message if isinstance(message, str) else f"{len(message)} bytes"
            await socket.send_text(text.encode())
    finally:
        ended.append(name)


@pytest.fixture(scope="module")
def gateway() -> Iterator[ServingGateway]:
    spec = PluginSpec(
        title="Tested", version="1", sockets=(SocketRoute(path="/echo/{name}", app=echo, policy=PUBLIC, name="echo"),)
    )
    with serving_gateway(plugin_record(spec, "t")) as gateway:
        yield gateway


@contextlib.asynccontextmanager
async def connected(gateway: ServingGateway, name: str, **options: object) -> AsyncIterator[ClientConnection]:
    url = f"ws{gateway.url.removeprefix('http')}/api/t/echo/{name}"
    async with connect(url, proxy=None, **options) as client:  # type: ignore[arg-type]
        yield client


def port_of(gateway: ServingGateway) -> int:
    return int(gateway.url.rpartition(":")[2])


async def test_messages_both_ways(gateway: ServingGateway) -> None:
    async with connected(gateway, "both") as client:
        for text in ("hello", "", "Wörter 🙂", "x" * 60_000):
            await client.send(text)
            assert await client.recv() == text
        await client.send(b"\x00\xff")
        assert await client.recv() == "2 bytes"
        await client.send(["in ", "three ", "parts"])
        assert await client.recv() == "in three parts"
        await (await client.ping())
    await eventually(lambda: "both" in ended)


@pytest.mark.parametrize(("message", "code"), [("bye", 1000), ("boom", 1011), ("x" * 70_000, 1009)])
async def test_how_it_ends(gateway: ServingGateway, message: str, code: int) -> None:
    async with connected(gateway, f"end-{code}") as client:
        await client.send(message)
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == code
    await eventually(lambda: f"end-{code}" in ended)


async def test_a_client_that_does_not_read_holds_back_the_app_and_its_leaving_ends_it(gateway: ServingGateway) -> None:
    with RawClient(port_of(gateway)) as client:
        client.send(handshake("/api/t/echo/flood", {"Host": "localhost"}))
        client.send(frame(b"flood", TEXT, masked=True))
        assert client.read_some().startswith(b"HTTP/1.1 101")
        assert "flood" not in ended
    await eventually(lambda: "flood" in ended)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(b"unmasked", TEXT, masked=False), 1002),
        (frame(b"\xff\xfe", TEXT, masked=True), 1007),
        (frame(b"x", 3, masked=True), 1002),
        (frame(b"x", 0, masked=True), 1002),
        (frame(b"a", TEXT, masked=True, final=False) + frame(b"b", TEXT, masked=True), 1002),
        (frame(b"hi", TEXT, masked=True) * 500, 1008),
    ],
    ids=["unmasked", "not UTF-8", "no such opcode", "continues nothing", "one in another", "too many"],
)
async def test_who_breaks_the_rules_is_told_so(gateway: ServingGateway, sent: bytes, code: int) -> None:
    with RawClient(port_of(gateway)) as client:
        client.send(handshake("/api/t/echo/rules", {"Host": "localhost"}))
        client.send(sent)
        with ThreadPoolExecutor(1) as pool:
            seen = await asyncio.get_running_loop().run_in_executor(pool, client.read_to_end)
    assert b"\x88" in seen, "a close frame"
    assert code.to_bytes(2, "big") in seen


async def test_a_close_is_answered(gateway: ServingGateway) -> None:
    with RawClient(port_of(gateway)) as client:
        client.send(handshake("/api/t/echo/close", {"Host": "localhost"}))
        client.send(frame(b"\x00", BINARY, masked=True), frame((1000).to_bytes(2, "big"), CLOSE, masked=True))
        with ThreadPoolExecutor(1) as pool:
            seen = await asyncio.get_running_loop().run_in_executor(pool, client.read_to_end)
    assert seen.endswith(b"\x88\x02\x03\xe8")
    await eventually(lambda: "close" in ended)


async def test_foreign_pages_may_not_connect(gateway: ServingGateway) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connected(gateway, "foreign", origin="https://evil.example"):
            pass
    assert caught.value.response.status_code == 403
    assert json.loads(caught.value.response.body or b"")["code"] == "ORIGIN_NOT_ALLOWED"
    async with connected(gateway, "own", origin=gateway.url) as client:
        await client.send("hi")
        assert await client.recv() == "hi"


async def test_a_silent_client_that_is_gone_is_noticed(
    gateway: ServingGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fluxgate.streams.websocket.BEAT", 1.0)
    async with connected(gateway, "alive", ping_interval=None) as alive:
        with RawClient(port_of(gateway)) as client:  # takes pings and says nothing
            client.send(handshake("/api/t/echo/silent", {"Host": "localhost"}))
            await eventually(lambda: "silent" in ended)
        await alive.send("still here")
        assert await alive.recv() == "still here"


def test_the_end_of_the_gateway_says_goodbye() -> None:
    spec = PluginSpec(title="T", version="1", sockets=(SocketRoute(path="/echo/{name}", app=echo, policy=PUBLIC),))

    async def talk(gateway: ServingGateway, stop: asyncio.Event) -> int:
        async with connected(gateway, "goodbye") as client:
            await client.send("hi")
            await client.recv()
            stop.set()
            with pytest.raises(ConnectionClosed) as caught:
                await client.recv()
            assert caught.value.rcvd is not None
            return caught.value.rcvd.code

    with contextlib.ExitStack() as stack:
        gateway = stack.enter_context(serving_gateway(plugin_record(spec, "t")))

        async def both() -> int:
            stop = asyncio.Event()
            talking = asyncio.create_task(talk(gateway, stop))
            await stop.wait()
            await asyncio.to_thread(stack.close)
            return await talking

        assert asyncio.run(both()) == 1001
