"""The upstream's request target from a route's template: parameters are inserted as the bytes that came, never decoded.

A parameter is one segment of the gateway's path, already checked by the route table, so it can't hold a separator, a
query or a fragment.
"""

from __future__ import annotations

from fluxgate.proxy.route import ProxyRoute, WebSocketRoute
from fluxgate.routing import split_template


class TargetTemplate:
    """`/api/files/{name}` with the upstream's base path before it."""

    def __init__(self, base_path: bytes, route: ProxyRoute | WebSocketRoute) -> None:
        known = {segment[1:-1].partition(":")[0] for segment in split_template(route.path) if segment.startswith("{")}
        self._parts: list[bytes | str] = []
        literal = base_path
        for segment in split_template(route.upstream_path):
            if segment.startswith("{"):
                name = segment[1:-1].partition(":")[0]
                if name not in known:
                    raise ValueError(
                        f"upstream path {route.upstream_path!r}: {{{name}}} isn't a parameter of {route.path!r}"
                    )
                self._parts += (literal + b"/", name)
                literal = b""
            else:
                literal += b"/" + segment.encode("ascii")
        if literal:
            self._parts.append(literal)
        self._static = literal if len(self._parts) == 1 and isinstance(self._parts[0], bytes) else None

    def render(self, params: dict[str, bytes], query: bytes) -> bytes:
        """Path and query for one request."""
        if self._static is not None:
            path = self._static
        else:
            path = b"".join(part if isinstance(part, bytes) else params[part] for part in self._parts)
        return path + b"?" + query if query else path
