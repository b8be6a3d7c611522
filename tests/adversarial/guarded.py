"""A gateway that asks who its callers are, with the printing plugin: RS256 tokens of one issuer, and API keys."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.support.identity import AUDIENCE, ISSUER, bearer, private_key, public_pem, token
from tests.support.printing_gateway import PrintingGateway
from tests.support.rawpeer import Answer, RawClient, request_bytes

__all__ = ["SOMEBODY", "Guarded", "Operation", "guarded_gateway"]

SOMEBODY = "/-/auth/me"
_addresses = itertools.count(1)

CONFIG = """
[auth.jwt]
issuer = {issuer}
audience = [{audience}]
public_key = '''{pem}'''
[auth.keys]
enabled = true
[plugins.printing]
backend = "native"
"""


class Operation(NamedTuple):
    """A method and a path of the gateway's OpenAPI document, its parameters filled in, and a body that fits."""

    method: str
    path: str
    body: bytes
    content_type: str
    is_public: bool


class Guarded:
    """The running gateway."""

    def __init__(self, running: PrintingGateway) -> None:
        self.running = running
        self.port = int(running.url.rpartition(":")[2])

    def ask(self, method: str, path: str, *fields: tuple[str, str | bytes], body: bytes = b"") -> Answer:
        """One request, from an address that nobody has used before: what one attack cost isn't the next one's."""
        number = next(_addresses)
        source = f"127.{1 + number // 62500 % 250}.{number // 250 % 250}.{1 + number % 250}"
        with RawClient(self.port, source) as client:
            client.send(request_bytes(method, path, (("Connection", "close"), *fields), body))
            return client.answer(bodyless=method == "HEAD")

    def operations(self) -> list[Operation]:
        """Every operation there is, from the document that the gateway gives of itself."""
        document = json.loads(self.ask("GET", "/-/openapi.json").body)
        found = []
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                filled = path
                for parameter in operation.get("parameters", ()):
                    if parameter["in"] == "path":
                        filled = filled.replace("{" + parameter["name"] + "}", _value(parameter["schema"]))
                content = operation.get("requestBody", {}).get("content", {})
                media, shape = next(iter(content.items()), ("", {}))
                body = json.dumps(shape.get("example", {})).encode() if media == "application/json" else b""
                public = operation["security"] == [{}]
                found.append(Operation(method.upper(), filled, body, media or "application/json", public))
        return found


def _value(schema: dict[str, object]) -> str:
    if schema.get("format") == "uuid":
        return "7f3a3f0e-7a53-4c1e-9d0b-0c1f4f7f5a11"
    return "1" if schema.get("type") == "integer" else "a.gcode"


@contextmanager
def guarded_gateway() -> Iterator[Guarded]:
    """Started, with an admin as its tests' own caller."""
    quoted = json.dumps
    config = CONFIG.format(issuer=quoted(ISSUER), audience=quoted(AUDIENCE), pem=public_pem(private_key("RS256")))
    admin = bearer(token("RS256", roles=["admin"], sub="root", exp=4_000_000_000))
    with PrintingGateway(config, headers=admin) as running:
        yield Guarded(running)
