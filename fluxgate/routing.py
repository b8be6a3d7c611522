"""The one route table: everything the gateway serves, matched on the raw bytes of the path, segment by segment.

Nothing is decoded before it is split, so `%2F` never becomes a separator, and `/prints` never takes `/printsevil`. A
static segment beats
a parameter, a parameter beats a tail, whatever the method. One trailing slash is forgiven.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from fluxgate.errors import BadRequestError, FluxgateError, MethodNotAllowedError, NotFoundError
from fluxgate.policy import PUBLIC, Policy
from fluxgate.routedoc import RouteDoc
from fluxgate.types import ASGIApp

WEBSOCKET = "WEBSOCKET"
"""The method under which a WebSocket route stands in the table. A GET that no other route takes finds it too, to be
told what is missing of a handshake."""

STREAM = "stream"
"""The class of requests whose answers last."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 §9.2.1)."""

_PLAIN_PATH = re.compile(rb"/[A-Za-z0-9_\-.~!$&'()*+,;=:@/]*\Z")
_LEGAL_PATH = re.compile(rb"/(?:[A-Za-z0-9_\-.~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*\Z")
_DOT_SEGMENT = re.compile(rb"(?:^|/)\.{1,2}(?:/|\Z)")
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::([a-z]+))?\}\Z")


class DuplicateRouteError(FluxgateError):
    """Two routes claim the same method and path."""

    def __init__(self, route: Route, taken_by: Route) -> None:
        self.route = route
        self.taken_by = taken_by
        methods = ", ".join(sorted(route.methods & taken_by.methods))
        super().__init__(f"{methods} {route.template} is already served by plugin {taken_by.plugin!r}")


class Route(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One entry of the table. `template` is the whole path; `endpoint` serves it.

    `policy`: who may use it. `rate`: the class of requests under which it is limited; empty: `read` or `write`, as each
    request's method says. `action`: what the audit trail
    calls a use of it; empty for what changes nothing. `upstream`: the name of the upstream it is forwarded to.
    """

    plugin: str
    kind: Literal["proxy", "websocket", "stream", "handler", "ui", "gateway", "quarantine"]
    methods: frozenset[str]
    template: str
    endpoint: ASGIApp
    name: str = ""
    summary: str = ""
    policy: Policy = PUBLIC
    rate: str = "read"
    action: str = ""
    upstream: str = ""
    doc: RouteDoc = RouteDoc()
    allow_encoded_separators: bool = False

    @property
    def is_stream(self) -> bool:
        """Whether its answers last as long as their clients stay: cameras, events, WebSockets."""
        return self.rate == STREAM or WEBSOCKET in self.methods


class Match(msgspec.Struct, frozen=True):
    """A route and its parameters as the raw bytes that came, each one segment; a tail has the rest of the path."""

    route: Route
    params: dict[str, bytes]

    @property
    def path_params(self) -> dict[str, str]:
        """The parameters, decoded."""
        return {name: unquote(value.decode("ascii")) for name, value in self.params.items()} if self.params else {}


class _Node:
    __slots__ = ("children", "is_tail", "parameter", "routes", "tail")

    def __init__(self, *, is_tail: bool = False) -> None:
        self.is_tail = is_tail
        self.children: dict[bytes, _Node] = {}
        self.parameter: _Node | None = None
        self.tail: _Node | None = None
        self.routes: list[tuple[Route, tuple[str, ...]]] = []


class RouteTable:
    """All routes of all plugins."""

    def __init__(self) -> None:
        self._root = _Node()
        self._static: dict[bytes, dict[str, Match]] = {}

    def __iter__(self) -> Iterator[Route]:
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            yield from (route for route, _ in node.routes)
            nodes.extend(node.children.values())
            nodes.extend(child for child in (node.parameter, node.tail) if child is not None)

    def add(self, route: Route) -> None:
        """Add `route`; `DuplicateRouteError` if one of its methods is taken on an equal path, `ValueError` on a bad
        template."""
        node = self._root
        names: list[str] = []
        static = True
        for segment in split_template(route.template):
            if (parameter := _PARAMETER.match(segment)) is None:
                node = node.children.setdefault(segment.encode(), _Node())
                continue
            static = False
            if parameter[1] in names:
                raise ValueError(f"route path {route.template!r} names {{{parameter[1]}}} twice")
            names.append(parameter[1])
            if parameter[2] == "path":
                node.tail = node = node.tail or _Node(is_tail=True)
            else:
                node.parameter = node = node.parameter or _Node()
        for other, _ in node.routes:
            if other.methods & route.methods:
                raise DuplicateRouteError(route, other)
        node.routes.append((route, tuple(names)))
        if static:
            methods = self._static.setdefault(route.template.encode(), {})
            for method in route.methods:
                methods[method] = Match(route, {})
            if "GET" in route.methods:
                methods.setdefault("HEAD", Match(route, {}))

    def resolve(self, method: str, raw_path: bytes) -> Match:
        """The route for a request. Raises `BadRequestError` for a path nobody may send, `NotFoundError`,
        `MethodNotAllowedError`."""
        if (methods := self._static.get(raw_path)) is not None and (found := methods.get(method)) is not None:
            return found
        if (problem := malformed(raw_path)) is not None:
            raise BadRequestError(problem, code="INVALID_PATH", field="path")
        segments = raw_path.split(b"/")[1:]
        trailing = len(segments) > 1 and segments[-1] == b""
        if trailing:
            segments.pop()
        allowed: set[str] = set()
        ambiguous = ambiguity(raw_path)
        for node, values in _walk(self._root, segments, 0, ()):
            for route, names in node.routes:
                if ambiguous is not None and not route.allow_encoded_separators:
                    raise BadRequestError(ambiguous, code="INVALID_PATH", field="path")
                if method in route.methods or (method == "HEAD" and "GET" in route.methods):
                    params = dict(zip(names, values, strict=True))
                    if trailing and node.is_tail:
                        params[names[-1]] += b"/"
                    return Match(route, params)
                allowed |= route.methods
            break  # the most exact template is the resource; a wider one doesn't lend it methods
        if method == "GET" and WEBSOCKET in allowed:
            return self.resolve(WEBSOCKET, raw_path)
        if allowed:
            raise MethodNotAllowedError(f"{method} is not allowed here.", allow=_allow(allowed))
        if ambiguous is not None:
            raise BadRequestError(ambiguous, code="INVALID_PATH", field="path")
        raise NotFoundError("There is nothing at this path.")


def _allow(methods: set[str]) -> frozenset[str]:
    """What `Allow` says of a path that these are served at."""
    allowed = methods - {WEBSOCKET}
    if "GET" in methods:
        allowed.add("HEAD")
    if WEBSOCKET in methods:
        allowed.add("GET")  # the method of its handshake
    return frozenset(allowed)


def split_template(template: str) -> list[str]:
    """The segments of a route template; `ValueError` when it isn't one."""
    if not template.startswith("/"):
        raise ValueError(f"route path {template!r} must start with '/'")
    segments = template.split("/")[1:]
    if segments == [""]:
        return segments
    for position, segment in enumerate(segments):
        if segment in {"", ".", ".."}:
            raise ValueError(f"route path {template!r} has an empty or dot segment")
        if "{" in segment or "}" in segment:
            parameter = _PARAMETER.match(segment)
            if parameter is None:
                raise ValueError(f"route path {template!r}: {segment!r} is not a whole-segment parameter like {{name}}")
            if parameter[2] == "path" and position != len(segments) - 1:
                raise ValueError(f"route path {template!r}: a {{name:path}} parameter must be the last segment")
        elif not _PLAIN_PATH.match(b"/" + segment.encode()):
            raise ValueError(f"route path {template!r}: {segment!r} has characters a path can't have")
    return segments


def malformed(raw_path: bytes) -> str | None:
    """Why no route may ever see this path, or None: illegal bytes, bad escapes, dot segments, NUL or control
    characters."""
    if _PLAIN_PATH.match(raw_path):
        return "The path has a dot segment." if _DOT_SEGMENT.search(raw_path) else None
    if not _LEGAL_PATH.match(raw_path):
        return "The path has a character or an escape that a path can't have."
    decoded = unquote_to_bytes(raw_path)
    if any(byte < 0x20 or byte == 0x7F for byte in decoded):
        return "The path has an encoded control character."
    if _DOT_SEGMENT.search(decoded.replace(b"\\", b"/")):
        return "The path has a dot segment."
    return None


def ambiguity(raw_path: bytes) -> str | None:
    """Why only a route that opts in may see this path, or None: servers disagree on where its segments end."""
    if b"//" in raw_path:
        return "The path has an empty segment."
    if b"%" in raw_path:
        lowered = raw_path.lower()
        if b"%2f" in lowered or b"%5c" in lowered:
            return "The path has an encoded separator."
    return None


def _walk(
    node: _Node, segments: list[bytes], at: int, values: tuple[bytes, ...]
) -> Iterator[tuple[_Node, tuple[bytes, ...]]]:
    if at == len(segments):
        if node.routes:
            yield node, values
        return
    segment = segments[at]
    key = unquote_to_bytes(segment) if b"%" in segment else segment
    if (child := node.children.get(key)) is not None:
        yield from _walk(child, segments, at + 1, values)
    if node.parameter is not None and segment:
        yield from _walk(node.parameter, segments, at + 1, (*values, segment))
    if node.tail is not None:
        yield node.tail, (*values, b"/".join(segments[at:]))
