"""What browsers are told, field by field, over a real connection."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Response, get, post, put

from fluxgate.browser.csp import check_additions, ui_policy
from fluxgate.browser.origins import Origins, origin_of_url
from fluxgate.plugin import PUBLIC, PluginSpec, Require, StaticUI, StreamRoute
from fluxgate.proxy.route import ProxyRoute, Upstream
from fluxgate.settings import BrowserSettings, GatewaySettings, Settings
from fluxgate.testing import plugin_record, serving_gateway
from fluxgate.types import Receive, Scope, Send

STUDIO = "https://studio.example.org"
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
CORS = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "access-control-max-age",
)


@get("/data", policy=PUBLIC)
async def data() -> Response[str]:
    return Response("data", headers={"Access-Control-Allow-Origin": "*", "Vary": "Accept"})


@post("/data", policy=PUBLIC, action="")
async def change() -> None:
    """Changes."""


@put("/guarded", policy=Require(roles=frozenset({"nobody"})))
async def guarded() -> None:
    """Not for everybody."""


async def picture(scope: Scope, receive: Receive, send: Send) -> None:
    """A camera's picture."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"image/gif")]})
    await send({"type": "http.response.body", "body": b"GIF89a"})


class _Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "4")
        self.send_header("Access-Control-Allow-Origin", "https://evil.example")
        self.send_header("Access-Control-Allow-Credentials", "true")
        if self.path == "/own":
            self.send_header("Content-Security-Policy", "default-src 'self'")
        self.end_headers()
        self.wfile.write(b"page")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ui")
    (root / "index.html").write_text("<title>ui</title>")
    return root


@contextmanager
def gateway(
    pages: str, folder: Path, settings: BrowserSettings, trusted: tuple[str, ...] = ()
) -> Iterator[httpx.Client]:
    """A client of a gateway with these settings."""
    spec = PluginSpec(
        title="Tested",
        version="1",
        handlers=(data, change, guarded),
        streams=(StreamRoute(policy=PUBLIC, path="/picture", app=picture),),
        upstreams=(Upstream(name="pages", url=pages),),
        proxy_routes=tuple(
            ProxyRoute(
                methods=frozenset({"GET"}), path=f"/{path}", upstream="pages", upstream_path=f"/{path}", policy=PUBLIC
            )
            for path in ("plain", "own")
        ),
        ui=StaticUI(directory=folder, paths=("/t",), policy=PUBLIC, csp={"img-src": ("data:",)}),
    )
    with (
        serving_gateway(
            plugin_record(spec, "t"),
            settings=Settings(browser=settings, gateway=GatewaySettings(trusted_proxies=trusted)),
        ) as serving,
        httpx.Client(base_url=serving.url, trust_env=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def closed(pages: str, folder: Path) -> Iterator[httpx.Client]:
    with gateway(pages, folder, BrowserSettings()) as client:
        yield client


@pytest.fixture(scope="module")
def opened(pages: str, folder: Path) -> Iterator[httpx.Client]:
    settings = BrowserSettings(
        origins=(STUDIO, "https://*.lab.example.org"), frame_ancestors={"t": (STUDIO,)}, hsts_seconds=3600
    )
    with gateway(pages, folder, settings, ("127.0.0.1/32",)) as client:
        yield client


def cors_of(answer: httpx.Response) -> dict[str, str]:
    """The answer's CORS fields."""
    return {name: answer.headers[name] for name in CORS if name in answer.headers}


@pytest.mark.parametrize("path", ["/", "/-/health", "/nowhere", "/api/t/data", "/api/t/picture", "/api/t/nowhere"])
def test_data_is_no_page(closed: httpx.Client, path: str) -> None:
    headers = closed.get(path).headers
    assert headers["content-security-policy"] == API_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    for absent in ("strict-transport-security", "permissions-policy", "cross-origin-opener-policy"):
        assert absent not in headers


def test_a_ui_by_default(closed: httpx.Client) -> None:
    headers = closed.get("/t").headers
    assert headers["content-security-policy"] == (
        "default-src 'self'; base-uri 'self'; form-action 'self'; object-src 'none'; img-src 'self' data:; "
        "frame-ancestors 'self'"
    )
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert headers.get_list("x-content-type-options") == ["nosniff"]


def test_a_ui_that_may_be_framed(opened: httpx.Client) -> None:
    headers = opened.get("/t").headers
    assert headers["content-security-policy"].endswith(f"frame-ancestors 'self' {STUDIO}")
    assert "x-frame-options" not in headers
    assert "cross-origin-opener-policy" not in headers


def test_a_forwarded_page_keeps_its_policy_and_gets_our_framing(closed: httpx.Client, opened: httpx.Client) -> None:
    for client, ancestors in ((closed, "'none'"), (opened, STUDIO)):
        own = client.get("/api/t/own").headers.get_list("content-security-policy")
        assert own == ["default-src 'self'", f"frame-ancestors {ancestors}"]
        plain = client.get("/api/t/plain").headers.get_list("content-security-policy")
        assert plain == [f"default-src 'none'; frame-ancestors {ancestors}"]


@pytest.mark.parametrize("path", ["/api/t/data", "/api/t/plain", "/-/health", "/nowhere"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", STUDIO])
def test_without_origins_there_is_no_cors(closed: httpx.Client, path: str, origin: str) -> None:
    assert cors_of(closed.get(path, headers={"origin": origin})) == {}
    asks = {"origin": origin, "access-control-request-method": "GET"}
    assert cors_of(closed.options(path, headers=asks)) == {}


@pytest.mark.parametrize("path", ["/api/t/data", "/api/t/plain", "/api/t/picture", "/-/health", "/nowhere", "/t"])
@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (STUDIO, True),
        ("https://a.lab.example.org", True),
        ("https://a.b.lab.example.org", True),
        ("https://lab.example.org", False),
        ("http://a.lab.example.org", False),
        ("https://evil-lab.example.org", False),
        ("https://a.lab.example.org.evil.example", False),
        ("https://a.lab.example.org:8443", False),
        ("https://evil.example/.lab.example.org", False),
        (f"{STUDIO}/", False),
        (f"{STUDIO}:443", False),
        ("null", False),
        ("", False),
    ],
)
def test_who_may_read(opened: httpx.Client, path: str, origin: str, allowed: bool) -> None:
    answer = opened.get(path, headers={"origin": origin})
    assert "Origin" in answer.headers.get_list("vary")
    if allowed:
        assert answer.headers.get_list("access-control-allow-origin") == [origin]
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    else:
        assert cors_of(answer) == {}
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_an_answers_own_vary_stays(opened: httpx.Client) -> None:
    assert opened.get("/api/t/data").headers.get_list("vary") == ["Accept", "Origin"]


def test_a_problem_can_be_read_too(opened: httpx.Client) -> None:
    answer = opened.put("/api/t/data", headers={"origin": STUDIO})
    assert answer.status_code == 405
    assert answer.headers["access-control-allow-origin"] == STUDIO


@pytest.mark.parametrize(
    ("referer", "policy"),
    [
        (f"{STUDIO}/", "cross-origin"),
        (f"{STUDIO}/projects/1?x=https://evil.example/", "cross-origin"),
        ("https://evil.example/", "same-origin"),
        (f"https://evil.example/?{STUDIO}/", "same-origin"),
        (f"{STUDIO}@evil.example/", "same-origin"),
        ("about:blank", "same-origin"),
        ("", "same-origin"),
    ],
)
def test_who_may_embed_a_picture(opened: httpx.Client, referer: str, policy: str) -> None:
    answer = opened.get("/api/t/picture", headers={"referer": referer})
    assert answer.headers["cross-origin-resource-policy"] == policy
    assert cors_of(answer) == {}


@pytest.mark.parametrize(
    ("path", "method", "methods"),
    [
        ("/api/t/data", "POST", "POST"),
        ("/api/t/data", "GET", "GET, HEAD"),
        ("/api/t/guarded", "PUT", "PUT"),
        ("/-/health", "GET", "GET, HEAD"),
    ],
)
def test_preflights(opened: httpx.Client, path: str, method: str, methods: str) -> None:
    asks = {
        "origin": STUDIO,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type",
    }
    answer = opened.options(path, headers=asks)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == STUDIO
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-allow-methods"] == methods
    assert {"Authorization", "Content-Type"} <= set(answer.headers["access-control-allow-headers"].split(", "))
    assert answer.headers["access-control-max-age"] == "600"


@pytest.mark.parametrize(
    ("path", "origin", "method"),
    [
        ("/api/t/data", "https://evil.example", "GET"),
        ("/api/t/data", STUDIO, "DELETE"),
        ("/api/t/data", STUDIO, "PROPFIND"),
        ("/api/t/data", STUDIO, "get"),
        ("/nowhere", STUDIO, "GET"),
        ("/api/t/data", "", "GET"),
    ],
)
def test_preflights_that_are_refused(opened: httpx.Client, path: str, origin: str, method: str) -> None:
    answer = opened.options(path, headers={"origin": origin, "access-control-request-method": method})
    assert "access-control-allow-methods" not in answer.headers


def test_every_origin_without_credentials(pages: str, folder: Path) -> None:
    with gateway(pages, folder, BrowserSettings(origins=("*",), credentials=False)) as client:
        answer = client.get("/api/t/data", headers={"origin": "https://any.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


def test_strict_transport_only_over_https(opened: httpx.Client) -> None:
    assert "strict-transport-security" not in opened.get("/").headers
    secure = opened.get("/", headers={"x-forwarded-proto": "https"})
    assert secure.headers["strict-transport-security"] == "max-age=3600"


@pytest.mark.parametrize(
    "section",
    [
        {"origins": ["*"]},
        {"origins": ["null"]},
        {"origins": ["https://studio.example.org/"]},
        {"origins": ["https://Studio.example.org"]},
        {"origins": ["studio.example.org"]},
        {"origins": ["https://*"]},
        {"origins": ["https://a.*.example.org"]},
        {"origins": ["https://studio.example.org\r\nx: y"]},
        {"frame_ancestors": {"t": ["*"]}},
        {"frame_ancestors": {"t": ["https://a.example; script-src *"]}},
        {"headers": ["*"]},
        {"expose": ["a b"]},
        {"permissions_policy": "a\r\nb: c"},
    ],
)
def test_settings_that_are_refused(section: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(section, BrowserSettings)


@pytest.mark.parametrize(
    "additions",
    [
        {"script-src": ("'unsafe-inline'",)},
        {"script-src": ("https:",)},
        {"script-src": ("'UNSAFE-EVAL'",)},
        {"frame-ancestors": ("https://a.example",)},
        {"default-src": ("*",)},
        {"img-src": ("data:; script-src *",)},
        {"img-src": ("a b",)},
        {"img-src": ("",)},
    ],
)
def test_a_ui_may_not_declare_everything(folder: Path, additions: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match="csp: "):
        check_additions(additions)
    ui = StaticUI(directory=folder, paths=("/t",), policy=PUBLIC, csp=additions)
    record = plugin_record(PluginSpec(title="T", version="1", ui=ui), "t")
    with serving_gateway(record, strict=False) as serving:
        assert serving.gateway.host.by_name["t"].quarantine is not None


def test_what_a_ui_adds_is_beside_its_own_origin() -> None:
    check_additions({"worker-src": ("blob:",), "script-src": ("'wasm-unsafe-eval'",)})
    policy = ui_policy({"connect-src": ("wss://x.example",), "form-action": ("https://y.example",)}, ())
    assert "connect-src 'self' wss://x.example" in policy
    assert "form-action 'self' https://y.example" in policy


@given(st.binary(max_size=60))
def test_no_other_bytes_are_an_allowed_origin(origin: bytes) -> None:
    allowed = Origins((STUDIO, "https://*.lab.example.org"))
    assert not allowed.allow(origin)
    assert not allowed.allow(STUDIO.encode() + origin[:1]) or not origin
    assert not allowed.allow(origin_of_url(origin))


@given(st.from_regex(r"[a-z0-9-]{1,10}(\.[a-z0-9-]{1,10}){0,3}", fullmatch=True))
def test_every_host_below_is_allowed(host: str) -> None:
    assert Origins(("https://*.lab.example.org:8443",)).allow(f"https://{host}.lab.example.org:8443".encode())
