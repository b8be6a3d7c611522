"""A gateway that asks who calls, and API keys for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect

from tests.support.forked import run_forked
from tests.support.printing_gateway import PrintingGateway


@contextmanager
def asking(config: str = "") -> Iterator[PrintingGateway]:
    """A gateway that takes API keys, and asks for them; its own `client` is an admin."""
    gateway = PrintingGateway("[auth.keys]\nenabled = true\n" + config)
    gateway.client.headers["X-API-Key"] = make_key(gateway, "tests", "admin")
    with gateway:
        yield gateway


def make_key(gateway: PrintingGateway, name: str, *roles: str, scopes: tuple[str, ...] = ()) -> str:
    """The text of a new API key, made as whoever runs the gateway makes the first."""
    options = [*(f"--role={role}" for role in roles), *(f"--scope={scope}" for scope in scopes)]
    made = run_forked(
        ("-m", "fluxgate", "keys", "create", name, "--json", *options), cwd=gateway.folder, env=gateway.env
    )
    made.check_returncode()
    return str(json.loads(made.stdout)["key"])


def sign_in(page: Page, key: str) -> None:
    """From the page that asks for a key to the one that was asked for."""
    page.get_by_label("API key or token").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Sign in to print")).to_have_count(0)
