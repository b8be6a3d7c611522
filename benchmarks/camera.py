"""CPU of sharing one camera among many viewers (15 pictures a second of 50 kB), against nginx proxying each viewer.

They take turns within one run; nginx is unbuffered, as a camera proxy must be, and opens one upstream connection a
viewer: so it isn't asked to serve more than this camera can. `guarded` is a whole gateway with the printing plugin, of
which every viewer wants a token.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import uvicorn

from benchmarks.guarded import CONFIG, HEADERS
from fluxgate.server import GatewayServer
from fluxgate.server.protocol import GatewayProtocol
from fluxgate.streams import LatestFrameBroadcast, open_mjpeg, serve_mjpeg
from fluxgate.types import Receive, Scope, Send

FPS = 15
FRAME = 50_000
VIEWERS = 50
MOST_OF_NGINX = 200
ROUNDS = 5
MANY_ROUNDS = 3
"""For more viewers than `VIEWERS`."""
WARM_UP = 0.7
WINDOW = 2.5

NGINX = """
daemon off; master_process off; worker_processes 1; pid {dir}/pid; error_log stderr crit;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{upstream}; proxy_buffering off;
      proxy_http_version 1.1; proxy_set_header Connection "";
    }}
  }}
}}
"""


def run(viewers: int = VIEWERS) -> dict[str, Any]:
    """Measure; takes about 35 s.

    CPU in percent of a core (medians over the rounds), `rate`: the slowest viewer's pictures a second,
    `upstream_connections` to the camera. No `nginx` for more than `MOST_OF_NGINX` viewers.
    """
    with (
        tempfile.TemporaryDirectory(prefix="fluxgate-bench-") as folder,
        _child("camera") as (_, camera),
        _nginx(Path(folder), camera) as nginx,
        _child("gateway", camera) as gateway,
        _guarded(Path(folder), camera) as guarded,
    ):
        peers = {"fluxgate": gateway, "guarded": guarded}
        if viewers <= MOST_OF_NGINX:
            peers["nginx"] = nginx
        found: dict[str, list[dict[str, float]]] = {name: [] for name in peers}
        for _ in range(ROUNDS if viewers <= VIEWERS else MANY_ROUNDS):
            for name, (process, port) in peers.items():
                found[name].append(asyncio.run(_measure(process, port, camera, viewers)))
        memory = {name: psutil.Process(process.pid).memory_info().rss for name, (process, _) in peers.items()}
    result: dict[str, Any] = {"viewers": viewers, "fps": FPS, "frame_bytes": FRAME}
    for name, rounds in found.items():
        result[name] = {
            "cpu_percent": round(statistics.median(one["cpu"] for one in rounds), 2),
            "rate": round(min(one["rate"] for one in rounds), 2),
            "upstream_connections": max(int(one["upstream"]) for one in rounds),
            "rss_mb": round(memory[name] / 1e6, 1),
        }
    return result


class _Viewer(asyncio.Protocol):
    """Asks for the stream and counts its bytes."""

    def __init__(self) -> None:
        self.received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        token = HEADERS["Authorization"]
        transport.write(  # type: ignore[attr-defined]
            f"GET /api/printing/camera/stream HTTP/1.1\r\nHost: camera\r\nAuthorization: {token}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.received += len(data)


async def _measure(process: subprocess.Popen[bytes], port: int, camera: int, viewers: int) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    connections = [await loop.create_connection(_Viewer, "127.0.0.1", port) for _ in range(viewers)]
    await asyncio.sleep(WARM_UP)
    protocols = [protocol for _, protocol in connections]
    before, cpu, started = [one.received for one in protocols], _cpu(process.pid), time.perf_counter()
    await asyncio.sleep(WINDOW)
    cpu, elapsed = _cpu(process.pid) - cpu, time.perf_counter() - started
    slowest = min(one.received - was for one, was in zip(protocols, before, strict=True))
    upstream = sum(
        one.status == psutil.CONN_ESTABLISHED and bool(one.raddr) and one.raddr.port == camera
        for one in psutil.Process(process.pid).net_connections("tcp4")
    )
    for transport, _ in connections:
        transport.abort()
    await asyncio.sleep(0.2)
    return {"cpu": 100 * cpu / elapsed, "rate": slowest / elapsed / FRAME, "upstream": upstream}


def _cpu(pid: int) -> float:
    """Seconds of CPU over all threads, from the scheduler's nanoseconds: the usual clock ticks are too coarse here."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


@contextmanager
def _child(role: str, *arguments: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """This module in another process, in the given role; yields it and its port."""
    command = [sys.executable, "-m", "benchmarks.camera", role, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@contextmanager
def _nginx(folder: Path, upstream: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise RuntimeError("nginx isn't installed")
    port = _free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(dir=folder, port=port, upstream=upstream))
    with _listening([program, "-p", str(folder), "-c", str(config)], port) as process:
        yield process, port


@contextmanager
def _guarded(folder: Path, camera: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = _free_port()
    (folder / "fluxgate.toml").write_text(CONFIG)
    env = {
        **os.environ,
        "FLUXGATE_PORT": str(port),
        "FLUXGATE_CONFIG": str(folder / "fluxgate.toml"),
        "FLUXPRINT_SERVICE_URL": f"http://127.0.0.1:{camera}",
    }
    with _listening([sys.executable, "-m", "fluxgate", "run"], port, env) as process:
        yield process, port


@contextmanager
def _listening(command: list[str], port: int, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not any(one.laddr.port == port for one in psutil.Process(process.pid).net_connections("tcp4")):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} didn't start")
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _say(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


async def _serve_camera() -> None:
    """The camera: pictures of random bytes at a fixed rate to all who ask."""
    data = b"\xff\xd8" + os.urandom(FRAME - 4) + b"\xff\xd9"
    part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (FRAME, data)
    writers: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
            writers.add(writer)
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    _say(server.sockets[0].getsockname()[1])
    due = time.monotonic()
    while True:
        for writer in writers:
            if writer.transport.get_write_buffer_size() < 4 * FRAME:
                writer.write(part)
        due += 1 / FPS
        await asyncio.sleep(max(0, due - time.monotonic()))


def _serve_gateway(camera: int) -> None:
    """The stream room under the gateway's own server."""
    broadcast = LatestFrameBroadcast(lambda: open_mjpeg(f"http://127.0.0.1:{camera}/stream"))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await serve_mjpeg(broadcast, scope, receive, send)

    config = uvicorn.Config(app, port=0, lifespan="off", http=GatewayProtocol, log_config=None, access_log=False)
    GatewayServer(config, lambda _, port: _say(port)).run()


def main(arguments: list[str]) -> None:
    match arguments:
        case ["camera"]:
            asyncio.run(_serve_camera())
        case ["gateway", camera]:
            _serve_gateway(int(camera))
        case [viewers]:
            print(json.dumps(run(int(viewers)), indent=2))
        case _:
            print(json.dumps(run(), indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
