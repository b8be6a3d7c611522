"""A plugin's web UI as a browser asks for it, from a real server."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fluxgate.plugin import PUBLIC, PluginSpec, StaticUI
from fluxgate.testing import plugin_record, serving_gateway

SCRIPT = b"console.log(1)" * 40_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outside = tmp_path_factory.mktemp("site")
    (outside / "secret.txt").write_text("secret")
    root = outside / "ui"
    (root / "assets" / "fonts").mkdir(parents=True)
    (root / "index.html").write_text("<title>home</title>")
    (root / "favicon.svg").write_text("<svg/>")
    (root / "assets" / "app-1f.js").write_bytes(SCRIPT)
    (root / "assets" / "fonts" / "a.woff2").write_bytes(b"font")
    (root / "assets" / "table-3c.js").write_bytes(SCRIPT)
    (root / "assets" / "table-3c.js.gz").write_bytes(gzip.compress(SCRIPT))
    (root / "assets" / "chart-2e.js").write_text("chart")
    (root / "assets" / "chart-2e.js.br").write_bytes(b"as if it were Brotli")
    (root / "assets" / "chart-2e.js.gz").write_bytes(gzip.compress(b"chart"))
    (root / "favicon.svg.gz").symlink_to(outside / "secret.txt")
    (root / "link.txt").symlink_to(outside / "secret.txt")
    return root


@pytest.fixture(scope="module")
def ui(folder: Path) -> Iterator[httpx.Client]:
    spec = PluginSpec(
        title="Shown",
        version="1",
        ui=StaticUI(policy=PUBLIC, directory=folder, paths=("/shown", "/dashboard/shown"), title="Shown"),
    )
    with (
        serving_gateway(plugin_record(spec, "shown")) as gateway,
        httpx.Client(base_url=gateway.url, timeout=10, trust_env=False) as client,
    ):
        yield client


@pytest.mark.parametrize("prefix", ["/shown", "/dashboard/shown"])
@pytest.mark.parametrize("path", ["", "/", "/index.html", "/printers/one", "/files/model.gcode", "/assetsx/a.js"])
def test_pages_are_the_index(ui: httpx.Client, prefix: str, path: str) -> None:
    answer = ui.get(prefix + path)
    assert (answer.status_code, answer.text) == (200, "<title>home</title>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_files(ui: httpx.Client) -> None:
    script = ui.get("/shown/assets/app-1f.js")
    assert script.content == SCRIPT
    assert script.headers["content-length"] == str(len(SCRIPT))
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    font = ui.get("/shown/assets/fonts/a.woff2")
    assert "immutable" in font.headers["cache-control"]
    icon = ui.get("/shown/favicon.svg")
    assert (icon.headers["content-type"], icon.headers["cache-control"]) == ("image/svg+xml", "no-cache")


@pytest.mark.parametrize("path", ["/shown/assets/app-gone.js", "/shown/assets", "/shown/assets/fonts"])
def test_an_asset_that_is_not_there_is_not_a_page(ui: httpx.Client, path: str) -> None:
    answer = ui.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "path", ["../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "assets/../../secret.txt", "%5c..%5csecret.txt"]
)
def test_nothing_outside_the_folder(ui: httpx.Client, path: str) -> None:
    answer = ui.request("GET", httpx.URL(ui.base_url, raw_path=b"/shown/" + path.encode()))
    assert answer.text != "secret"
    assert answer.status_code in {400, 404}


def test_a_link_out_of_the_folder_is_not_followed(ui: httpx.Client) -> None:
    assert ui.get("/shown/link.txt").status_code == 404


def test_nul_and_long_names(ui: httpx.Client) -> None:
    assert ui.request("GET", httpx.URL(ui.base_url, raw_path=b"/shown/a%00b")).status_code == 400
    assert ui.get("/shown/" + "x" * 300).text == "<title>home</title>"


def test_head(ui: httpx.Client) -> None:
    answer = ui.head("/shown/assets/app-1f.js")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(SCRIPT))


def test_revalidation(ui: httpx.Client, folder: Path) -> None:
    etag = ui.get("/shown").headers["etag"]
    for sent in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = ui.get("/shown", headers={"if-none-match": sent})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert ui.get("/shown", headers={"if-none-match": '"other"'}).status_code == 200
    os.utime(folder / "index.html", (1, 1))
    assert ui.get("/shown", headers={"if-none-match": etag}).status_code == 200


def test_only_get(ui: httpx.Client) -> None:
    answer = ui.post("/shown/index.html")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    options = ui.options("/shown")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


def test_what_begins_alike_is_not_the_ui(ui: httpx.Client) -> None:
    assert ui.get("/shownx").status_code == 404
    assert ui.get("/dashboard").status_code == 404


@pytest.mark.parametrize(
    ("file", "takes", "sent"),
    [
        ("table-3c.js", "gzip, deflate", "gzip"),
        ("table-3c.js", "GZIP;q=0.5", "gzip"),
        ("table-3c.js", "br, gzip", "gzip"),
        ("table-3c.js", "br", None),
        ("table-3c.js", "gzip;q=0, identity", None),
        ("table-3c.js", "gzip; q=0.000", None),
        ("table-3c.js", "identity", None),
        ("chart-2e.js", "gzip, br", "br"),
        ("chart-2e.js", "gzip", "gzip"),
    ],
)
def test_what_is_there_compressed_goes_to_whoever_takes_it(
    ui: httpx.Client, folder: Path, file: str, takes: str, sent: str | None
) -> None:
    request = ui.build_request("GET", f"/shown/assets/{file}", headers={"accept-encoding": takes})
    answer = ui.send(request, stream=True)
    raw = b"".join(answer.iter_raw())
    ending = {"gzip": ".gz", "br": ".br", None: ""}[sent]
    assert answer.headers.get("content-encoding") == sent
    assert raw == (folder / "assets" / f"{file}{ending}").read_bytes()
    assert answer.headers["content-length"] == str(len(raw))
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["vary"].lower() == "accept-encoding"
    again = {"accept-encoding": takes, "if-none-match": answer.headers["etag"]}
    assert ui.get(f"/shown/assets/{file}", headers=again).status_code == 304


def test_each_coding_has_an_entity_tag_of_its_own(ui: httpx.Client) -> None:
    tags = {
        ui.get("/shown/assets/table-3c.js", headers={"accept-encoding": takes}).headers["etag"]
        for takes in ("identity", "gzip")
    }
    assert len(tags) == 2


def test_a_link_beside_a_file_isnt_followed(ui: httpx.Client) -> None:
    answer = ui.get("/shown/favicon.svg", headers={"accept-encoding": "gzip"})
    assert answer.text == "<svg/>"
    assert "content-encoding" not in answer.headers
