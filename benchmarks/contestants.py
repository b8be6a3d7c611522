"""The upstream and every proxy that is compared: how each is configured and started. All get one process, one core."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.guarded import CONFIG, HEADERS
from benchmarks.processes import HOST, Cores, PrerequisiteError, Server, free_port

PEERS = Path(__file__).with_name("peers")

ROUTES = {
    "/api/printing/status": "/api/printer/status",
    "/api/printing/job": "/api/job",
    "/api/printing/queue": "/api/queue",
    "/api/printing/files": "/api/files",
    "/api/printing/temperature": "/api/printer/temperature",
}
"""The five JSON GETs: the gateway's path → FluxPrint's."""

GATEWAY_PATHS = tuple(ROUTES)
UPSTREAM_PATHS = tuple(ROUTES.values())
PROXIES = ("fluxgate", "guarded", "nginx", "hpm", "axios")
"""`guarded` is Fluxgate too, of which every caller wants a token; see `guarded.py`."""


def headers_for(name: str) -> dict[str, str]:
    """What a client sends to this contestant besides."""
    return HEADERS if name == "guarded" else {}


NGINX = """\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 60;
    default_type application/json;
    client_max_body_size 0;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_max_temp_file_size 0;
{extra}
    server {{
        listen {host}:{port};
{locations}
    }}
}}
"""


def octoprint_like_body(kind: str) -> str:
    """A JSON body of about 1.4 kB, of the shape and density of OctoPrint's."""
    entry = {
        "tool0": {"actual": 214.83, "target": 215.0, "offset": 0},
        "bed": {"actual": 59.97, "target": 60.0, "offset": 0},
    }
    history = [{"time": 1_700_000_000 + 5 * index, **entry} for index in range(8)]
    body = {
        "kind": kind,
        "state": {
            "text": "Printing",
            "flags": {"operational": True, "printing": True, "paused": False, "error": False},
        },
        "temperature": {**entry, "history": history},
    }
    return json.dumps(body)


class Workshop:
    """Starts servers in one temporary folder and stops them all, newest first."""

    def __init__(self, folder: Path, cores: Cores) -> None:
        self.folder = folder
        self.cores = cores
        self.servers: list[Server] = []

    def start(
        self, name: str, command: list[str], port: int, *, core: int, env: dict[str, str], cwd: Path | None = None
    ) -> Server:
        log = self.folder / f"{name}-{port}.log"
        server = Server(command, core=core, port=port, log=log, cwd=cwd or self.folder, env=env)
        self.servers.append(server)
        return server

    def stop(self, *servers: Server) -> None:
        for server in servers or tuple(reversed(self.servers)):
            server.stop()
            self.servers.remove(server)

    def _nginx(self, name: str, core: int, extra: str, locations: str) -> Server:
        port = free_port()
        folder = self.folder / f"{name}-{port}"
        folder.mkdir()
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, host=HOST, port=port, extra=extra, locations=locations))
        server = self.start(name, ["nginx", "-p", str(folder), "-c", str(config)], port, core=core, env={})
        server.wait_listening()
        return server

    def upstream(self) -> Server:
        """nginx answering constant JSON at FluxPrint's paths, keep-alive."""
        locations = [f"location = {path} {{ return 200 '{octoprint_like_body(path)}'; }}" for path in UPSTREAM_PATHS]
        locations.append("location = /health { return 200 '{}'; }")
        return self._nginx("upstream", self.cores.load, "", "\n".join(locations))

    def bulk(self) -> Server:
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.bulk", str(port)]
        server = self.start("bulk", command, port, core=self.cores.load, env={}, cwd=PEERS.parent.parent)
        server.wait_listening()
        return server

    def proxy(self, name: str, upstream: Server) -> Server:
        """One of PROXIES in front of `upstream`, ready to serve."""
        if name in {"fluxgate", "guarded"}:
            config = CONFIG if name == "guarded" else ""
            return self.fluxgate({"FLUXPRINT_SERVICE_URL": upstream.origin}, config=config)
        if name == "nginx":
            extra = (
                f"upstream fluxprint {{ server {HOST}:{upstream.port}; keepalive 256; keepalive_requests 100000000; }}"
            )
            routes = {**ROUTES, "/api/printing/files/upload": "/api/files/upload"}
            options = "proxy_request_buffering off;"
            places = [
                f"location = {path} {{ {options} proxy_pass http://fluxprint{target}; }}"
                for path, target in routes.items()
            ]
            return self._nginx("nginx", self.cores.server, extra, "\n".join(places))
        port = free_port()
        env = {"PORT": str(port), "UPSTREAM": upstream.origin, "NODE_ENV": "production"}
        server = self.start(name, ["node", f"{name}.mjs"], port, core=self.cores.server, env=env, cwd=PEERS)
        server.wait_listening()
        return server

    def fluxgate(self, env: dict[str, str], *, home: Path | None = None, wait: bool = True, config: str = "") -> Server:
        """`fluxgate run` in an empty folder (or in `home`) with this `fluxgate.toml`, told the rest by its
        environment."""
        port = free_port()
        if home is None:
            home = self.folder / f"fluxgate-{port}"
            home.mkdir()
        if config:
            (home / "fluxgate.toml").write_text(config)
        command = [sys.executable, "-m", "fluxgate", "run"]
        env = {
            "FLUXGATE_HOST": HOST,
            "FLUXGATE_PORT": str(port),
            # Counted like any caller, and never refused: the load all comes from one address.
            "FLUXGATE_LIMITS__RATES": json.dumps(dict.fromkeys(("read", "write", "upload", "stream"), "1000000/s")),
            "PYTHONUNBUFFERED": "1",
            **env,
        }
        server = self.start("fluxgate", command, port, core=self.cores.server, env=env, cwd=home)
        if wait:
            server.wait_listening()
        return server


def install_peers() -> None:
    """Installs the Node peers' pinned packages beside them, once a change of their package.json."""
    for program in ("node", "npm", "nginx", "wrk"):
        if shutil.which(program) is None:
            raise PrerequisiteError(f"{program} is needed on the PATH (see benchmarks/README.md)")
    wanted = (PEERS / "package.json").read_text()
    stamp = PEERS / "node_modules" / ".installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    installed = subprocess.run(command, cwd=PEERS, capture_output=True, text=True, timeout=300, check=False)
    if installed.returncode:
        raise PrerequisiteError(f"npm install failed in {PEERS}:\n{installed.stderr[-2000:]}")
    stamp.write_text(wanted)
