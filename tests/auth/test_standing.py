"""Answers without an end, over real connections: they end when their caller may not have them any more."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
import websockets

from fluxgate.errors import ForbiddenError, NotFoundError, UnavailableError
from fluxgate.plugin import AUTHENTICATED, Check, PluginSpec, SocketRoute, StreamRoute
from fluxgate.principal import Principal
from fluxgate.proxy import ProxyRoute, Upstream, WebSocketRoute
from fluxgate.settings import KeySettings
from fluxgate.streams import LatestFrameBroadcast, open_mjpeg, serve_mjpeg
from fluxgate.streams.events import EventHub
from fluxgate.streams.sse import serve_events
from fluxgate.streams.websocket import WebSocket
from fluxgate.testing import ServingGateway, TokenIssuer, plugin_record, serving_gateway
from fluxgate.types import Receive, Scope, Send
from tests.support.identity import asking
from tests.support.mjpeg import ScriptedCamera, scripted, steady

pytestmark = pytest.mark.anyio

ADMIN = Principal(id="boss", roles=frozenset({"admin"}))
ADA = Principal(id="ada")
ANSWERS = ("camera", "forwarded", "events", "socket", "relayed")
"""Without an end, all below `/api/live/`."""
SOON = 1.0
"""Seconds between two questions: the least that may be configured."""

Opened = dict[str, Callable[[], Awaitable[str]]]
"""How each answer ends, to be awaited."""


class Live:
    """A running gateway with one answer of every kind that has no end, and the client of one caller."""

    def __init__(
        self,
        gateway: ServingGateway,
        issuer: TokenIssuer,
        client: httpx.AsyncClient,
        refuses: list[Exception],
        cycles: list[weakref.ref[object]],
    ) -> None:
        self.gateway = gateway
        self.issuer = issuer
        self.client = client
        self.admin = issuer.headers(ADMIN)
        self.refuses = refuses
        """What the check of `checked` raises."""
        self.cycles = cycles
        """The server's side of each request for `short`."""
        self._stack = AsyncExitStack()

    async def make_key(self) -> tuple[str, dict[str, str]]:
        """An API key's id, and how it is sent."""
        answer = await self.client.post("/-/auth/keys", json={"name": "screen"}, headers=self.admin)
        assert answer.status_code == 201, answer.text
        return answer.json()["record"]["id"], {"X-API-Key": answer.json()["key"]}

    async def open(self, headers: dict[str, str], *names: str) -> Opened:
        """Open these answers, and see that something has come of each."""
        return {name: await self._open(name, headers) for name in names or ANSWERS}

    async def _open(self, name: str, headers: dict[str, str]) -> Callable[[], Awaitable[str]]:
        path = f"/api/live/{name}"
        if name in {"socket", "relayed"}:
            url = self.gateway.url.replace("http", "ws", 1) + path
            socket = await self._stack.enter_async_context(websockets.connect(url, additional_headers=headers))
            await socket.send("hello")
            assert await socket.recv() == "hello"

            async def closed() -> str:
                with pytest.raises(websockets.ConnectionClosed) as ended:
                    await socket.recv()
                assert ended.value.rcvd is not None
                return f"{ended.value.rcvd.code} {ended.value.rcvd.reason}"

            return closed
        answer = await self._stack.enter_async_context(self.client.stream("GET", path, headers=headers))
        assert answer.status_code == 200, await answer.aread()
        chunks = answer.aiter_bytes()
        await anext(chunks)

        async def read_up() -> str:
            async for _ in chunks:
                pass
            return "in order"

        return read_up

    async def aclose(self) -> None:
        await self._stack.aclose()


async def echo(scope: Scope, socket: WebSocket) -> None:
    while True:
        message = await socket.receive()
        await socket.send_text(message.encode() if isinstance(message, str) else message)


def plugin(
    camera: ScriptedCamera, echo_url: str, refuses: list[Exception], cycles: list[weakref.ref[object]]
) -> PluginSpec:
    broadcast = LatestFrameBroadcast(lambda: open_mjpeg(camera.url))
    hub = EventHub()

    async def pictures(scope: Scope, receive: Receive, send: Send) -> None:
        await serve_mjpeg(broadcast, scope, receive, send)

    async def events(scope: Scope, receive: Receive, send: Send) -> None:
        await serve_events(hub, lambda event: True, lambda now: b"{}", scope=scope, receive=receive, send=send)

    async def short(scope: Scope, receive: Receive, send: Send) -> None:
        cycles.append(weakref.ref(scope["fluxgate.cycle"]))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def allows(principal: Principal, scope: Scope) -> None:
        if refuses:
            raise refuses[0]

    return PluginSpec(
        title="Live",
        version="1",
        upstreams=(
            Upstream(name="camera", url=camera.url.removesuffix("/stream")),
            Upstream(name="echo", url=echo_url),
        ),
        proxy_routes=(
            ProxyRoute(
                policy=AUTHENTICATED,
                methods=frozenset({"GET"}),
                path="/forwarded",
                upstream="camera",
                upstream_path="/stream",
            ),
        ),
        websockets=(WebSocketRoute(policy=AUTHENTICATED, path="/relayed", upstream="echo", upstream_path="/"),),
        streams=(
            StreamRoute(policy=AUTHENTICATED, path="/camera", app=pictures),
            StreamRoute(policy=AUTHENTICATED, path="/events", app=events),
            StreamRoute(policy=AUTHENTICATED, path="/short", app=short),
            StreamRoute(policy=Check("checked", allows), path="/checked", app=pictures),
        ),
        sockets=(SocketRoute(policy=AUTHENTICATED, path="/socket", app=echo),),
    )


@asynccontextmanager
async def live(*, recheck_seconds: float = 900.0) -> AsyncIterator[Live]:
    async def back(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    issuer = TokenIssuer()
    refuses: list[Exception] = []
    cycles: list[weakref.ref[object]] = []
    settings = asking(keys=KeySettings(enabled=True, cache_seconds=0), recheck_seconds=recheck_seconds)
    async with scripted(steady) as camera, websockets.serve(back, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        record = plugin_record(plugin(camera, f"http://127.0.0.1:{port}", refuses, cycles), "live")
        with serving_gateway(record, settings=settings, issuer=issuer) as gateway:
            async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, timeout=20) as client:
                opened = Live(gateway, issuer, client, refuses, cycles)
                try:
                    yield opened
                finally:
                    await opened.aclose()


async def ends(opened: Opened) -> dict[str, str]:
    """How they end, all of them, within seconds."""
    async with asyncio.timeout(10):
        return dict(zip(opened, await asyncio.gather(*(wait() for wait in opened.values())), strict=True))


async def go_on(opened: Opened) -> None:
    """`AssertionError` if one of them ends though it was asked for several times."""
    waits = [asyncio.ensure_future(wait()) for wait in opened.values()]
    done, running = await asyncio.wait(waits, timeout=2.5 * SOON, return_when=asyncio.FIRST_COMPLETED)
    for wait in running:
        wait.cancel()
    await asyncio.wait(waits)
    assert not done, "it was ended"


HOW = {
    "camera": "in order",
    "forwarded": "in order",
    "events": "in order",
    "socket": "1008 you may not have this any more",
    "relayed": "1008 you may not have this any more",
}


async def test_a_key_that_is_revoked_here_ends_what_is_open_at_once() -> None:
    async with live() as running:
        key_id, headers = await running.make_key()
        _, others = await running.make_key()
        opened, kept = await running.open(headers), await running.open(others)
        revoked = await running.client.delete(f"/-/auth/keys/{key_id}", headers=running.admin)
        assert revoked.status_code == 200
        assert await ends(opened) == HOW
        assert (await running.client.get("/api/live/events", headers=headers)).status_code == 401
        await go_on(kept)


async def test_a_key_that_is_revoked_elsewhere_ends_it_soon() -> None:
    async with live(recheck_seconds=SOON) as running:
        key_id, headers = await running.make_key()
        opened = await running.open(headers)
        await asyncio.sleep(2.2 * SOON)  # asked for twice, and still good
        with sqlite3.connect(running.gateway.data_dir / "fluxgate.sqlite") as database:
            database.execute("UPDATE fluxgate_api_keys SET revoked_at = created_at WHERE id = ?", (key_id,))
        assert await ends(opened) == HOW


async def test_a_session_that_ends_takes_its_answers_along() -> None:
    async with live() as running:
        signed_in = await running.client.post("/-/auth/session", headers=running.issuer.headers(ADA))
        assert signed_in.status_code == 201
        running.client.cookies.clear()
        cookies = "; ".join(line.partition(";")[0] for line in signed_in.headers.get_list("set-cookie"))
        opened = await running.open({"Cookie": cookies})
        by_token = await running.open(running.issuer.headers(ADA))
        fields = {"Cookie": cookies, "X-CSRF-Token": signed_in.json()["csrfToken"]}
        assert (await running.client.delete("/-/auth/session", headers=fields)).json() == {"ended": "session"}
        assert await ends(opened) == HOW
        await go_on(by_token)


async def test_a_token_that_expires_ends_them() -> None:
    async with live(recheck_seconds=SOON) as running:
        token = running.issuer.token(ADA, lifetime=3 - running.issuer.settings.leeway)
        opened = await running.open({"Authorization": f"Bearer {token}"})
        assert set(await ends(opened)) == set(ANSWERS)


async def test_a_link_is_for_beginning_and_ends_with_its_key() -> None:
    async with live(recheck_seconds=SOON) as running:
        key_id, headers = await running.make_key()
        link = await running.client.post(
            "/-/auth/links", json={"path": "/api/live/camera", "expires_in": 1}, headers=headers
        )
        assert link.status_code == 201, link.text
        async with running.client.stream("GET", link.json()["url"]) as answer:
            assert answer.status_code == 200
            chunks = answer.aiter_bytes()
            expired = asyncio.get_running_loop().time() + 3 * SOON
            while asyncio.get_running_loop().time() < expired:
                await anext(chunks)
            assert (await running.client.get(link.json()["url"])).status_code == 401, "it can't be begun any more"
            await running.client.delete(f"/-/auth/keys/{key_id}", headers=running.admin)
            async with asyncio.timeout(10):
                async for _ in chunks:
                    pass


@pytest.mark.parametrize(
    "refusal", [ForbiddenError("Not any more."), NotFoundError("It is gone."), RuntimeError("a bug in the check")]
)
async def test_the_routes_own_check_is_asked_again(refusal: Exception) -> None:
    async with live(recheck_seconds=SOON) as running:
        opened = await running.open(running.issuer.headers(ADA), "checked")
        running.refuses.append(refusal)
        assert await ends(opened) == {"checked": "in order"}


async def test_what_cant_be_told_now_ends_nothing() -> None:
    async with live(recheck_seconds=SOON) as running:
        opened = await running.open(running.issuer.headers(ADA), "checked")
        running.refuses.append(UnavailableError("The database is away."))
        await go_on(opened)


async def test_what_was_watched_is_not_left_to_the_garbage_collector() -> None:
    async with live() as running:
        headers = running.issuer.headers(ADA)
        gc.disable()
        try:
            for _ in range(3):
                assert (await running.client.get("/api/live/short", headers=headers)).status_code == 200
            assert [cycle() is None for cycle in running.cycles[:2]] == [True, True]
        finally:
            gc.enable()
