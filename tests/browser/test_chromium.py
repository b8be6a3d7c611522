"""What a real browser makes of it: pages of an allowed and of a foreign origin call the gateway, embed its pictures and
frame its UI."""

from __future__ import annotations

import http.server
import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import get, post

from fluxgate.plugin import PUBLIC, PluginSpec, StaticUI, StreamRoute
from fluxgate.settings import AuthSettings, BrowserSettings, Settings
from fluxgate.testing import plugin_record, serving_gateway
from fluxgate.types import Receive, Scope, Send
from tests.support.chromium import chromium

GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
FRAME = """<!doctype html><title>ui</title>
<script>parent.postMessage("inline", "*")</script><script src="/t/assets/app.js"></script>"""
PAGE = """<!doctype html><body><script>
const gateway = new URLSearchParams(location.search).get("gateway"), seen = {frame: []};
addEventListener("message", (event) => seen.frame.push(event.data));
const reads = (path, options) => fetch(gateway + path, {credentials: "include", ...options}).then(
  async (answer) => answer.headers.get("x-request-id") ? await answer.text() : "no id", () => "refused");
const loads = (make) => new Promise((resolve) => {
  const element = make();
  element.onload = () => resolve("loaded");
  element.onerror = () => resolve("refused");
  document.body.append(element);
});
const picture = () => Object.assign(new Image(), {src: gateway + "/api/t/picture?" + Math.random()});
const framed = () => {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-same-origin allow-scripts allow-forms allow-popups");
  frame.src = gateway + "/t";
  return frame;
};
(async () => {
  seen.get = await reads("/api/t/data");
  seen.post = await reads("/api/t/data", {
    method: "POST", body: "{}", headers: {"content-type": "application/json", "x-csrf-token": "1"}});
  seen.unknown = await reads("/api/t/data", {headers: {"x-unknown": "1"}});
  seen.picture = await loads(picture);
  await loads(framed);
  await reads("/api/t/data");
  await fetch("/seen", {method: "POST", body: JSON.stringify(seen)});
})();
</script>"""


told: queue.Queue[dict[str, Any]] = queue.Queue()
"""What pages saw."""


@get("/data", policy=PUBLIC)
async def data() -> dict[str, str]:
    return {"read": "yes"}


@post("/data", policy=PUBLIC, action="", status_code=200)
async def change() -> dict[str, str]:
    return {"changed": "yes"}


async def picture(scope: Scope, receive: Receive, send: Send) -> None:
    """A camera's picture."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"image/gif")]})
    await send({"type": "http.response.body", "body": GIF})


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def do_POST(self) -> None:
        told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="module")
def pages() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def gateway(pages: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("ui")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text(FRAME)
    (folder / "assets/app.js").write_text('parent.postMessage("framed", "*")')
    spec = PluginSpec(
        title="Tested",
        version="1",
        handlers=(data, change),
        streams=(StreamRoute(policy=PUBLIC, path="/picture", app=picture),),
        ui=StaticUI(directory=folder, paths=("/t",), policy=PUBLIC),
    )
    studio = f"http://studio.test:{pages}"
    settings = Settings(
        auth=AuthSettings(allowed_hosts=("gateway.test",), trusted_origins=(studio,)),
        browser=BrowserSettings(origins=(studio,), frame_ancestors={"t": (studio,)}),
    )
    with serving_gateway(plugin_record(spec, "t"), settings=settings) as serving:
        yield serving.url.replace("127.0.0.1", "gateway.test")


def visit(folder: Path, url: str) -> dict[str, Any]:
    """What the page saw."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                chromium(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-features=HttpsUpgrades",
                f"--user-data-dir={folder / 'profile'}",
                "--host-resolver-rules=MAP *.test 127.0.0.1",
                url,
            ],
            stdout=log,
            stderr=log,
        )
    try:
        return told.get(timeout=40)
    except queue.Empty:
        raise AssertionError(f"the page told nothing: {(folder / 'log').read_text()[-3000:]}") from None
    finally:
        process.terminate()
        process.wait(20)


def test_a_page_of_an_allowed_origin(gateway: str, pages: int, tmp_path: Path) -> None:
    assert visit(tmp_path, f"http://studio.test:{pages}/?gateway={gateway}") == {
        "get": '{"read":"yes"}',
        "post": '{"changed":"yes"}',
        "unknown": "refused",
        "picture": "loaded",
        "frame": ["framed"],
    }


def test_a_page_of_a_foreign_origin(gateway: str, pages: int, tmp_path: Path) -> None:
    assert visit(tmp_path, f"http://evil.test:{pages}/?gateway={gateway}") == {
        "get": "refused",
        "post": "refused",
        "unknown": "refused",
        "picture": "refused",
        "frame": [],
    }
