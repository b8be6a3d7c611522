"""`fluxgate run`: start the gateway and say where to look."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec

from fluxgate import __version__
from fluxgate.app import Gateway, create_app
from fluxgate.auth import Access, refuse_exposure
from fluxgate.cli.common import configured
from fluxgate.plugins.discovery import installed
from fluxgate.server import make_server
from fluxgate.settings import GatewaySettings, unknown_sections

logger = logging.getLogger("fluxgate")

EXIT_NOT_STARTED = 3
_LEFTOVERS = 3.0
_ACCESS: dict[Access, list[str]] = {
    "asked": ["Callers are asked who they are (docs/authentication.md)."],
    "open": ["Open: whoever is on this machine may do everything; no other machine gets in. [auth] changes that."],
    "insecure": ["INSECURE: whoever reaches this address may do everything (auth.insecure)."],
}


@click.command()
@click.option("--strict", is_flag=True, help="Refuse to start when a plugin fails, instead of quarantining it.")
@click.pass_obj
def run(config: Path | None, strict: bool) -> None:
    """Serve."""
    settings = configured(config)
    if strict:
        settings = msgspec.structs.replace(settings, gateway=msgspec.structs.replace(settings.gateway, strict=True))
    for error in unknown_sections(settings, installed()):
        if settings.gateway.strict:
            raise error
        click.echo(f"fluxgate: {error}", err=True)
    refuse_exposure(settings)
    # Before any plugin starts: a second gateway must not touch the first one's printers and database.
    with ExitStack() as stack:
        sockets = [stack.enter_context(sock) for sock in _bind(settings.gateway)]
        gateway = create_app(settings, os.environ)
        server = make_server(gateway, settings.gateway, lambda host, port: _listening(gateway, host, port))
        gateway.on_stopped = lambda: _end_soon(0 if server.started else EXIT_NOT_STARTED)
        server.run(sockets)
    if not server.started:
        sys.exit(EXIT_NOT_STARTED)


def _bind(settings: GatewaySettings) -> list[socket.socket]:
    """Sockets on every address that the host means, taken and not listening yet."""
    host, port = settings.host, settings.port
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            sock = socket.socket(family, kind, protocol)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(address)
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise click.ClickException(
            f"can't listen on {host} port {port}: {(error.strerror or str(error)).lower()} "
            "(gateway.host and gateway.port, or FLUXGATE_HOST and FLUXGATE_PORT, choose another)"
        ) from None
    return sockets


def _end_soon(code: int) -> None:
    """End the process even if a plugin left a task that ignores its cancellation, or a thread."""

    def end() -> None:
        logger.error("what a plugin left running keeps the process from ending; it is ended")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    timer = threading.Timer(_LEFTOVERS, end)
    timer.daemon = True
    timer.start()


def _listening(gateway: Gateway, host: str, port: int) -> None:
    _greet(gateway, host, port)
    # What start-up made stays for good: the collector needn't look through it again and again, and what requests leave
    # behind is nearly all freed without it. An eighth of a proxied request's time went there.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _greet(gateway: Gateway, host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    base = f"http://{shown}:{port}"
    lines = [f"Fluxgate {__version__} is listening on {base}", ""]
    for record in gateway.host.records:
        title = record.spec.title if record.spec else record.name
        status = record.status if record.quarantine is None else f"quarantined: {record.quarantine.reason}"
        lines.append(f"  {record.prefix}  {title} ({status})")
    lines += ["", *_ACCESS[gateway.auth.access], "", "Look at", f"  {base}/-/health", f"  {base}/-/openapi.json"]
    for record in gateway.host.records:
        if record.spec is not None and record.quarantine is None and record.spec.examples:
            lines += ["", "Try"]
            lines += ["  " + example.replace("{base}", base) for example in record.spec.examples]
    click.echo("\n".join(lines) + "\n")
