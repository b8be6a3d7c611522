"""One broken plugin beside a healthy one, in a real server process: what fails is out of service, and nothing else."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import pytest

from tests.plugins.brokenplugins import AT_LOADING, AT_START, HEALTHY, UI, Failure, declaring
from tests.support.cli import Server, Site

UNKNOWN_KEY = """
@hookimpl
def fluxgate_settings() -> PluginSettings:
    return PluginSettings(type=BrokenSettings)
class BrokenSettings(msgspec.Struct, forbid_unknown_fields=True):
    greeting: str = "hi"
"""
FAILURES_OF_THE_GATEWAY = ("never retrieved", "Exception in ASGI application", "Task was destroyed")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.install("healthy", HEALTHY)
    (site.packages / "ui").mkdir()
    (site.packages / "ui" / "index.html").write_text("<p>broken</p>")
    return site


def ready(server: Server) -> dict[str, object]:
    answer = server.client.get("/-/health/ready")
    assert answer.status_code == 200, answer.text
    view: dict[str, object] = answer.json()
    return view


def until_quarantined(server: Server, plugin: str = "broken") -> dict[str, str]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        quarantined = ready(server)["quarantined"]
        assert isinstance(quarantined, dict)
        if plugin in quarantined:
            view: dict[str, str] = quarantined[plugin]
            return view
        time.sleep(0.02)
    raise AssertionError(server.log)


def is_quarantined(answer: httpx.Response, plugin: str = "broken") -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    problem = answer.json()
    assert problem["success"] is False
    assert problem["code"] == "PLUGIN_QUARANTINED"
    assert f"plugin {plugin} is out of service" in problem["message"]


def install_all(site: Site, failures: dict[str, Failure], **gateway: object) -> None:
    """Every failure as a plugin of its name, beside the healthy one."""
    for name, failure in failures.items():
        site.install(name, failure.named(name).source)
    site.configure(enabled=(*failures, "healthy"), **gateway)


def only_it_is_out(server: Server, name: str, failure: Failure) -> None:
    """What holds for every failure alike."""
    failure = failure.named(name)
    view = until_quarantined(server, name)
    assert view["stage"] == failure.stage
    assert failure.reason in view["reason"]
    for method, path in [("GET", ""), ("GET", "/"), ("GET", "/ping"), ("POST", "/no/such/route"), ("OPTIONS", "/ping")]:
        is_quarantined(server.client.request(method, f"/api/{name}{path}"), name)
    assert server.client.get(f"/api/{name}x").status_code == 404
    assert server.client.get(f"/api/{name[:-1]}").status_code == 404
    assert server.client.get(f"/{name}").status_code == 404
    health = server.client.get("/-/health").json()["plugins"]
    assert health[name]["quarantine"] == view
    log = server.log
    mention = log.index(f"plugin {name} is quarantined ({failure.stage}): ")
    explained = log[mention:].partition("fluxgate.plugins: ")[0]
    assert failure.reason in explained
    if failure.stage not in {"order", "check"} and "ignores" not in failure.reason:
        assert "Traceback" in explained


def the_others_are_served(server: Server) -> None:
    assert server.client.get("/api/healthy/ping").text == "pong"
    assert server.client.get("/-/health/live").json() == {"status": "ok"}
    view = ready(server)
    assert view["status"] == "degraded"
    assert view["plugins"] == {"healthy": "active"} | dict.fromkeys(view["quarantined"], "quarantined")  # type: ignore[call-overload]
    assert server.client.get("/-/health").status_code == 200
    assert server.client.get("/-/openapi.json").json()["paths"].keys() >= {"/api/healthy/ping"}
    for fault in FAILURES_OF_THE_GATEWAY:
        assert fault not in server.log


def test_plugins_that_cannot_be_loaded(site: Site) -> None:
    """All in one process, as nobody would have it."""
    install_all(site, AT_LOADING)
    with site.serve() as server:
        for name, failure in AT_LOADING.items():
            only_it_is_out(server, name, failure)
        the_others_are_served(server)
        assert "/api/healthy  Healthy (active)" in server.printed
        assert "(quarantined: SystemExit: 0)" in server.printed


def test_plugins_that_cannot_be_started_or_fail_later(site: Site) -> None:
    install_all(site, AT_START, start_timeout=0.5, shutdown_timeout=1)
    with site.serve() as server:
        for name, failure in AT_START.items():
            only_it_is_out(server, name, failure)
        the_others_are_served(server)


def test_commands_say_which_and_why(site: Site) -> None:
    install_all(site, AT_LOADING)
    listed = site.fluxgate("plugins")
    checked = site.fluxgate("check")
    assert (listed.returncode, checked.returncode) == (1, 1), listed.stderr
    for name, nameless in AT_LOADING.items():
        failure = nameless.named(name)
        [row] = [line for line in listed.stdout.splitlines() if line.split(maxsplit=1)[0] == name]
        assert f"quarantined ({failure.stage})" in row
        [why] = [line for line in listed.stderr.splitlines() if line.startswith(f"{name}: ")]
        [problem] = [line for line in checked.stderr.splitlines() if line.startswith(f"plugin {name} (")]
        assert failure.reason in why, why
        assert failure.reason in problem, problem
    assert "healthy" in listed.stdout
    assert "plugin healthy" not in checked.stderr


@pytest.mark.parametrize("name", ["import-error", "upstream-unknown"])
def test_strict_refuses_to_start(site: Site, name: str) -> None:
    site.install("broken", AT_LOADING[name].source)
    site.configure(enabled=("broken", "healthy"))
    refused = site.fluxgate("run", "--strict")
    assert refused.returncode == 2
    assert refused.stdout == ""
    last = refused.stderr.splitlines()[-1]
    assert last.startswith(f"fluxgate: refusing to start (strict): broken ({AT_LOADING[name].stage}): ")
    assert AT_LOADING[name].reason in last
    site.configure(enabled=("broken", "healthy"), strict=True)
    assert site.fluxgate("run").returncode == 2


@pytest.mark.parametrize("name", ["raises", "hangs", "migrations"])
def test_strict_refuses_what_does_not_start(site: Site, name: str) -> None:
    site.install("broken", AT_START[name].source)
    site.configure(enabled=("broken", "healthy"), start_timeout=0.5)
    refused = site.fluxgate("run", "--strict")
    assert refused.returncode == 3
    assert f"refusing to start (strict): broken ({AT_START[name].stage}): " in refused.stderr
    assert AT_START[name].reason in refused.stderr
    assert "is listening" not in refused.stdout


def test_a_wrong_setting_is_shown_with_file_line_key_and_the_nearest_key(site: Site) -> None:
    site.install("broken", HEALTHY + UNKNOWN_KEY)
    site.configure('\n[plugins.broken]\n# a comment\ngreting = "x"\n', enabled=("broken", "healthy"))
    line = site.config.read_text().splitlines().index('greting = "x"') + 1
    with site.serve() as server:
        only_it_is_out(server, "broken", Failure("", "settings", "plugins.broken.greting"))
        the_others_are_served(server)
        reason = until_quarantined(server)["reason"]
    assert f"{site.config.name}:{line}: plugins.broken.greting" in reason
    assert "greeting" in reason
    checked = site.fluxgate("check")
    assert checked.returncode == 1
    assert f"fluxgate.toml:{line}" in checked.stderr


def test_the_ui_of_a_broken_plugin_is_out_too(site: Site) -> None:
    site.install("broken", declaring(f'{UI}, upstreams=(Upstream(name="up", url="nonsense"),)'))
    site.configure(enabled=("broken", "healthy"))
    with site.serve() as server:
        assert until_quarantined(server)["stage"] == "declaration"
        for path in ("/NAME-ui", "/NAME-ui/", "/NAME-ui/some/page"):
            is_quarantined(server.client.get(path))
        assert server.client.get("/NAME-uix").status_code == 404


def test_two_plugins_on_one_path(site: Site) -> None:
    """The one that comes later in the order is out, whole."""
    source = declaring(f"{UI}, handlers=(ping,)")
    site.install("first", source)
    site.install("second", source)
    site.configure(enabled=("second", "first", "healthy"))
    with site.serve() as server:
        view = until_quarantined(server, "second")
        assert view["stage"] == "routes"
        assert "GET /NAME-ui is already served by plugin 'first'" in view["reason"]
        assert server.client.get("/api/second/ping").status_code == 503
        assert server.client.get("/api/first/ping").text == "pong"
        assert server.client.get("/NAME-ui").text == "<p>broken</p>"


def test_handlers_that_do_not_go_together(site: Site) -> None:
    """Each is well by itself; only the merged OpenAPI document shows that they claim one operation."""
    for name in ("first", "second"):
        site.install(
            name,
            declaring(
                "handlers=(one,)",
                '@get("/x", operation_id="same", sync_to_thread=False, policy=PUBLIC)\ndef one() -> str: return "x"',
            ),
        )
    site.configure(enabled=("first", "second"))
    with site.serve() as server:
        assert until_quarantined(server, "second")["stage"] == "declaration"
        assert server.client.get("/api/first/x").text == "x"
        assert server.client.get("/-/openapi.json").status_code == 200


def test_a_plugin_that_is_not_installed(site: Site) -> None:
    site.configure(enabled=("absent", "healthy"))
    with site.serve() as server:
        view = until_quarantined(server, "absent")
        assert view["stage"] == "discovery"
        assert "(installed: " in view["reason"]
        assert "healthy" in view["reason"]
        assert server.client.get("/api/absent/x").status_code == 503


def test_a_cycle_is_named(site: Site) -> None:
    site.install("a", declaring("handlers=(ping,), after=frozenset({'b'})"))
    site.install("b", declaring("handlers=(ping,), requires=frozenset({'c'})"))
    site.install("c", declaring("handlers=(ping,), before=frozenset({'d'}), after=frozenset({'a'})"))
    site.install("d", declaring("handlers=(ping,), requires=frozenset({'c'})"))
    site.configure(enabled=("a", "b", "c", "d", "healthy"))
    listed = site.fluxgate("plugins")
    assert listed.returncode == 1
    for name in "abc":
        [why] = [line for line in listed.stderr.splitlines() if line.startswith(f"{name}: ")]
        assert "before/after/requires form a cycle: " in why
        assert all(part in why for part in ("a", "b", "c", " → "))
    assert "d: requires plugin 'c', which is quarantined" in listed.stderr
    assert site.fluxgate("run", "--strict").returncode == 2


def test_all_broken_is_not_ready(site: Site) -> None:
    site.install("broken", AT_LOADING["import-error"].source)
    site.configure(enabled=("broken",))
    with site.serve() as server:
        answer = server.client.get("/-/health/ready")
        assert answer.status_code == 503
        assert answer.json()["status"] == "unavailable"
        assert server.client.get("/-/health/live").status_code == 200


def test_a_start_that_fails_once_is_tried_again(site: Site) -> None:
    site.install(
        "broken",
        declaring(
            "handlers=(ping,), lifespan=lifespan",
            """
@contextlib.asynccontextmanager
async def lifespan(context):
    marker = context.data_dir / "tried"
    if not marker.exists():
        marker.touch()
        raise RuntimeError("not yet")
    yield
""",
        ),
    )
    site.configure(enabled=("broken", "healthy"))
    with site.serve() as server:
        assert until_quarantined(server)["reason"] == "RuntimeError: not yet"
        deadline = time.monotonic() + 10
        while ready(server)["status"] != "ok":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert server.client.get("/api/broken/ping").text == "pong"
        assert "plugin broken is out of quarantine (was startup)" in server.log


def test_a_runtime_check_takes_the_plugin_out_and_lets_it_in_again(site: Site) -> None:
    site.install(
        "broken",
        declaring(
            "handlers=(ping,), lifespan=lifespan, "
            "health_checks=(HealthCheck(name='link', check=check, critical=True, interval=0.05),)",
            """
where = []
@contextlib.asynccontextmanager
async def lifespan(context):
    where.append(context.data_dir)
    yield
async def check():
    down = (where[0] / "down").exists()
    return CheckResult(status="down" if down else "up", detail="unplugged" if down else "")
""",
        ),
    )
    site.configure(enabled=("broken", "healthy"))
    with site.serve() as server:
        assert server.client.get("/api/broken/ping").text == "pong"
        marker = site.folder / "fluxgate-data" / "broken" / "down"
        for _ in range(2):
            marker.touch()
            assert until_quarantined(server) == {"stage": "check", "reason": "check 'link' is down: unplugged"}
            is_quarantined(server.client.get("/api/broken/ping"))
            assert server.client.get("/api/healthy/ping").text == "pong"
            marker.unlink()
            deadline = time.monotonic() + 10
            while ready(server)["status"] != "ok":
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert server.client.get("/api/broken/ping").text == "pong"


def test_the_log_as_json_has_the_traceback_in_one_record(site: Site) -> None:
    site.install("broken", AT_LOADING["import-raises"].source)
    site.configure(enabled=("broken", "healthy"), log_format="json")
    with site.serve() as server:
        until_quarantined(server)
    records = [json.loads(line) for line in server.log.splitlines()]
    [record] = [record for record in records if "is quarantined (import)" in record.get("message", "")]
    assert record["level"] == "error"
    assert record["message"].endswith("RuntimeError: two; lines")
    assert "Traceback" in record["exception"]
    assert "RuntimeError: two\nlines" in record["exception"]
