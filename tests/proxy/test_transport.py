"""PooledTransport: httpx's API over an upstream's pool, plain and TLS; and the pool by itself."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from fluxgate.proxy.failures import ConnectError
from fluxgate.proxy.pool import Pool
from fluxgate.proxy.route import TLSOptions, Upstream
from fluxgate.proxy.transport import PooledTransport
from tests.support.rawpeer import OK, Peer, RawUpstream, Request, chunks, refusing_port, unanswering_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def client_of(upstream: Upstream, **options: float) -> AsyncIterator[tuple[httpx.AsyncClient, Pool]]:
    pool = Pool(upstream)
    transport = PooledTransport(pool)
    async with httpx.AsyncClient(transport=transport, base_url=upstream.url, **options) as client:  # type: ignore[arg-type]
        yield client, pool
    assert pool.in_use == 0
    pool.close()


async def test_get_post_and_keep_alive(upstream: RawUpstream, key: str) -> None:
    upstream.on(key, b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-A: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"a", b"b"))
    async with client_of(Upstream(name="u", url=upstream.url, host_header="printer.test")) as (client, pool):
        answer = await client.get(f"/r/{key}", params={"q": "a b"})
        assert (answer.status_code, answer.content) == (200, b"ab")
        assert answer.headers.get_list("x-a") == ["1", "2"]
        answer = await client.post(f"/r/{key}", json={"a": 1})
        assert answer.content == b"ab"
        assert (await client.head(f"/r/{key}-head")).headers["content-length"] == "2"
        assert pool.idle == 1
    get, post = upstream.seen[key]
    assert get.target == f"/r/{key}?q=a+b".encode() or get.target == f"/r/{key}?q=a%20b".encode()
    assert get.all(b"host") == post.all(b"host") == [b"printer.test"]
    assert upstream.bodies[key] == [b"", b'{"a":1}']


async def test_streams_both_ways(upstream: RawUpstream, key: str) -> None:
    upstream.on(key, b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", b"x" * 3_000_000)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"y" * 10_000

    async with client_of(Upstream(name="u", url=upstream.url)) as (client, pool):
        async with client.stream("PUT", f"/r/{key}", content=body()) as answer:
            assert sum([len(piece) async for piece in answer.aiter_raw()]) == 3_000_000
        assert upstream.bodies[key] == [b"y" * 100_000]
        async with client.stream("GET", f"/r/{key}") as answer:
            assert answer.status_code == 200  # left unread: the connection can't be used again
        assert (pool.in_use, pool.idle) == (0, 0)


async def test_an_upload_that_fails_breaks_off(upstream: RawUpstream, key: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"part"
        raise KeyError("the file is gone")

    async with client_of(Upstream(name="u", url=upstream.url)) as (client, _):
        with pytest.raises(KeyError):
            await client.put(f"/r/{key}", content=body())
        await eventually(lambda: upstream.bodies[key] == [None])


async def test_an_early_refusal_is_the_answer(upstream: RawUpstream, key: str) -> None:
    @upstream.run(key)
    def refuse(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        peer.wait_end()

    async def body() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000
            await asyncio.sleep(0.001)

    async with client_of(Upstream(name="u", url=upstream.url)) as (client, pool):
        answer = await client.put(f"/r/{key}", content=body())
        assert (answer.status_code, answer.content) == (413, b"no")
        assert pool.idle == 0


async def test_timeouts_and_failures_are_httpxs(upstream: RawUpstream, key: str) -> None:
    @upstream.run(key)
    def silent(peer: Peer, request: Request) -> None:
        peer.wait_end()

    async with client_of(Upstream(name="u", url=upstream.url, read_timeout=20), timeout=0.2) as (client, _):
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"/r/{key}")
        upstream.on(key, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"/r/{key}")
        upstream.on(key, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart", end=True)
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"/r/{key}")
        upstream.on(key, b"nonsense\r\n\r\n")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"/r/{key}")
    async with client_of(Upstream(name="u", url=f"http://127.0.0.1:{refusing_port()}")) as (client, _):
        with pytest.raises(httpx.ConnectError):
            await client.get("/")
    with unanswering_port() as port:
        async with client_of(Upstream(name="u", url=f"http://127.0.0.1:{port}", connect_timeout=0.2)) as (client, _):
            with pytest.raises(httpx.ConnectTimeout):
                await client.get("/")


async def test_a_busy_pool_is_httpxs_pool_timeout(upstream: RawUpstream, key: str) -> None:
    declared = Upstream(name="u", url=upstream.url, max_connections=1, pool_timeout=0.1)
    async with client_of(declared) as (client, _), client.stream("GET", f"/r/{key}"):
        with pytest.raises(httpx.PoolTimeout):
            await client.get(f"/r/{key}")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "https://127.0.0.1/x", "http://localhost/x"])
async def test_another_origin_is_refused(upstream: RawUpstream, url: str) -> None:
    async with client_of(Upstream(name="u", url=upstream.url)) as (client, _):
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get(url)


async def test_an_idempotent_request_survives_a_stale_connection(upstream: RawUpstream, key: str) -> None:
    @upstream.run(key)
    def once(peer: Peer, request: Request) -> None:
        if len(peer.requests) > 1:
            peer.close()
        else:
            peer.read_body(request)
            peer.send(OK)

    async with client_of(Upstream(name="u", url=upstream.url)) as (client, _):
        for _ in range(3):
            assert (await client.get(f"/r/{key}")).content == b"ok"
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(f"/r/{key}", content=b"x")


async def test_cancelled_requests_lose_no_slot(upstream: RawUpstream, key: str) -> None:
    @upstream.run(key)
    def think(peer: Peer, request: Request) -> None:
        peer.wait_end()

    async with client_of(Upstream(name="u", url=upstream.url, max_connections=3)) as (client, pool):
        for _ in range(20):
            tasks = [asyncio.ensure_future(client.get(f"/r/{key}")) for _ in range(30)]
            await asyncio.sleep(0.003)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks)
        assert (pool.in_use, pool.waiting) == (0, 0)
        assert (await client.get(f"/r/{key}-next")).content == b"ok"


async def test_slots_go_to_whoever_waits_longest(upstream: RawUpstream, key: str) -> None:
    pool = Pool(Upstream(name="u", url=upstream.url, max_connections=1))
    first = await pool.acquire()
    order: list[int] = []

    async def take(number: int) -> None:
        connection = await pool.acquire()
        order.append(number)
        pool.release(connection, reusable=True)

    tasks = []
    for number in range(5):
        tasks.append(asyncio.create_task(take(number)))
        await eventually(lambda number=number: pool.waiting == number + 1)  # type: ignore[misc]
    tasks[1].cancel()
    pool.release(first, reusable=True)
    pool.release(first, reusable=True)  # a second time does nothing
    await asyncio.wait(tasks)
    assert order == [0, 2, 3, 4]
    assert (pool.in_use, pool.idle, pool.waiting) == (0, 1, 0)
    pool.close()


async def test_a_closed_pool_drops_its_connections_and_makes_no_more(upstream: RawUpstream) -> None:
    pool = Pool(Upstream(name="u", url=upstream.url, max_connections=1, pool_timeout=5))
    held = await pool.acquire()
    waiting = asyncio.create_task(pool.acquire())
    await eventually(lambda: pool.waiting == 1)
    pool.close()
    assert held.lost
    with pytest.raises(ConnectError):
        await waiting
    with pytest.raises(ConnectError):
        await pool.acquire()


@pytest.mark.parametrize(
    "url", ["ftp://a", "http://", "a.test", "http://user@a.test", "http://a.test/?q", "http://a.test/#f", "http://a:x"]
)
async def test_what_is_no_upstream_url(url: str) -> None:
    with pytest.raises(ValueError):
        Pool(Upstream(name="u", url=url))


# -- TLS


@asynccontextmanager
async def tls_server(folder: Path) -> AsyncIterator[tuple[int, Path]]:
    certificate, private = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(private), "-out", str(certificate), "-days", "2", "-subj", "/CN=printer.test"]
    command += ["-addext", "subjectAltName=DNS:printer.test"]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, private)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(OK)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], certificate


async def test_tls_is_verified(tmp_path: Path) -> None:
    async with tls_server(tmp_path) as (port, certificate):
        url = f"https://127.0.0.1:{port}"
        good = TLSOptions(ca_file=certificate, server_name="printer.test")
        async with client_of(Upstream(name="u", url=url, tls=good)) as (client, pool):
            assert (await client.get("/")).content == b"ok"
            assert (await client.get("/")).content == b"ok"
            assert pool.idle == 1
        async with client_of(Upstream(name="u", url=url, tls=TLSOptions(verify=False))) as (client, _):
            assert (await client.get("/")).content == b"ok"
        for bad in (TLSOptions(), TLSOptions(ca_file=certificate), TLSOptions(server_name="printer.test")):
            async with client_of(Upstream(name="u", url=url, tls=bad)) as (client, _):
                with pytest.raises(httpx.ConnectError):
                    await client.get("/")
