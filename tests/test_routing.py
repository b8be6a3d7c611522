"""The route table: what it takes, what it refuses, and properties over arbitrary bytes."""

from __future__ import annotations

from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.errors import BadRequestError, MethodNotAllowedError, NotFoundError
from fluxgate.routing import DuplicateRouteError, Route, RouteTable, ambiguity, malformed, split_template
from fluxgate.types import Receive, Scope, Send


async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """Serves nothing."""


def route(template: str, *methods: str, plugin: str = "p", separators: bool = False) -> Route:
    return Route(
        plugin=plugin,
        kind="proxy",
        methods=frozenset(methods or {"GET"}),
        template=template,
        endpoint=endpoint,
        allow_encoded_separators=separators,
    )


def table(*routes: Route) -> RouteTable:
    made = RouteTable()
    for one in routes:
        made.add(one)
    return made


def found(routes: RouteTable, path: str | bytes, method: str = "GET") -> tuple[str, dict[str, bytes]]:
    match = routes.resolve(method, path.encode("latin-1") if isinstance(path, str) else path)
    return match.route.template, match.params


def test_static_beats_parameter_beats_tail() -> None:
    routes = table(route("/a/{rest:path}"), route("/a/{one}"), route("/a/b"), route("/a/{one}/c"), route("/"))
    assert found(routes, "/") == ("/", {})
    assert found(routes, "/a/b") == ("/a/b", {})
    assert found(routes, "/a/x") == ("/a/{one}", {"one": b"x"})
    assert found(routes, "/a/b/c") == ("/a/{one}/c", {"one": b"b"})
    assert found(routes, "/a/b/d") == ("/a/{rest:path}", {"rest": b"b/d"})
    assert found(routes, "/a/b/d/") == ("/a/{rest:path}", {"rest": b"b/d/"})
    assert found(routes, "/a/%62") == ("/a/b", {})


def test_a_wider_template_lends_no_methods() -> None:
    """`DELETE /files/upload` is not the deletion of a file named `upload`."""
    routes = table(route("/a/b", "GET"), route("/a/{one}", "POST"))
    assert found(routes, "/a/c", "POST") == ("/a/{one}", {"one": b"c"})
    for method in ("POST", "DELETE"):
        with pytest.raises(MethodNotAllowedError) as refused:
            routes.resolve(method, b"/a/b")
        assert refused.value.allow == {"GET", "HEAD"}


def test_one_trailing_slash_is_forgiven() -> None:
    routes = table(route("/a"), route("/a/{one}"))
    assert found(routes, "/a/") == ("/a", {})
    assert found(routes, "/a/x/") == ("/a/{one}", {"one": b"x"})
    with pytest.raises(BadRequestError):
        routes.resolve("GET", b"/a//")


def test_the_same_method_and_path_twice_names_who_has_it() -> None:
    routes = table(route("/a/{one}", "GET", "POST", plugin="first"))
    with pytest.raises(DuplicateRouteError, match=r"POST /a/\{other\} is already served by plugin 'first'"):
        routes.add(route("/a/{other}", "POST", plugin="second"))
    routes.add(route("/a/{other}", "DELETE", plugin="second"))
    assert found(routes, "/a/1", "DELETE") == ("/a/{other}", {"other": b"1"})
    assert len(list(routes)) == 2


@pytest.mark.parametrize(
    "template",
    [
        "",
        "a",
        "/a//b",
        "//",
        "/a/",
        "/a/..",
        "/./a",
        "/a{b}",
        "/{b}c",
        "/{1}",
        "/{}",
        "/{a:path}/b",
        "/a b",
        "/a%2fb",
        "/é",
    ],
)
def test_what_is_no_template(template: str) -> None:
    with pytest.raises(ValueError):
        split_template(template)


def test_a_template_cannot_name_a_parameter_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        table(route("/{a}/{a}"))


# -- properties

SEGMENT = st.text("abcXYZ019-._~!$&'()*+,;=:@", min_size=1, max_size=6).filter(lambda text: text not in {".", ".."})
PARTS = st.lists(st.one_of(SEGMENT, st.just("{}")), min_size=1, max_size=5)


def template_of(parts: list[str]) -> str:
    return "".join(f"/{{p{at}}}" if part == "{}" else f"/{part}" for at, part in enumerate(parts))


@given(st.lists(PARTS, max_size=6), st.binary(max_size=40), st.sampled_from(["GET", "HEAD", "POST", "BREW", ""]))
def test_any_bytes_are_matched_or_refused_and_never_crash(parts: list[list[str]], path: bytes, method: str) -> None:
    routes = RouteTable()
    for one in parts:
        try:
            routes.add(route(template_of(one)))
        except DuplicateRouteError:
            continue
    for raw in (path, b"/" + path, b"/" + quote_from_bytes(path, safe="/").encode()):
        try:
            match = routes.resolve(method, raw)
        except (BadRequestError, NotFoundError, MethodNotAllowedError):
            continue
        assert match.route.template.startswith("/")


SAFE = st.text("abc09-._~;=@", min_size=1, max_size=5)
ESCAPE = st.integers(0, 255).map(lambda byte: f"%{byte:02x}")
VALUE = st.lists(st.one_of(SAFE, ESCAPE, st.just(".."), st.just("%2F"), st.just("/")), min_size=1, max_size=6).map(
    "".join
)


@given(VALUE)
def test_a_parameter_never_holds_a_separator_or_a_dot_segment(value: str) -> None:
    routes = table(route("/files/{name}"), route("/files/{name}/log"), route("/open/{name}", separators=True))
    for prefix, opted_in in (("/files/", False), ("/open/", True)):
        raw = (prefix + value).encode()
        try:
            match = routes.resolve("GET", raw)
        except (BadRequestError, NotFoundError):
            continue
        for parameter in match.params.values():
            decoded = unquote_to_bytes(parameter)
            assert parameter in raw
            assert parameter
            assert b"/" not in parameter
            assert not set(parameter) & set(b"?#\\ ")
            assert not any(byte < 0x20 or byte == 0x7F for byte in decoded)
            assert not {b".", b".."} & set(decoded.replace(b"\\", b"/").split(b"/"))
            if not opted_in:
                assert not set(decoded) & set(b"/\\")


@given(st.lists(PARTS, min_size=1, max_size=8), st.lists(SEGMENT, min_size=5, max_size=5))
def test_every_added_template_resolves_to_itself(parts: list[list[str]], values: list[str]) -> None:
    routes = RouteTable()
    added: list[list[str]] = []
    for one in parts:
        try:
            routes.add(route(template_of(one)))
        except DuplicateRouteError:
            continue
        added.append(one)
    for one in added:
        # A value that no static segment can take the place of.
        filled = ["v:" + values[at] + ":v" if part == "{}" else part for at, part in enumerate(one)]
        path = "/" + "/".join(filled)
        match = routes.resolve("GET", path.encode())
        assert match.route.template == template_of(one)
        assert match.params == {f"p{at}": filled[at].encode() for at, part in enumerate(one) if part == "{}"}
        assert routes.resolve("HEAD", path.encode()).route is match.route


@given(st.binary(max_size=30))
def test_a_path_without_fault_has_none_when_it_is_decoded(path: bytes) -> None:
    raw = b"/" + path
    if malformed(raw) is None and ambiguity(raw) is None:
        decoded = unquote_to_bytes(raw)
        assert raw.count(b"/") == decoded.count(b"/")
        assert b"\\" not in decoded
        assert b"//" not in decoded
        assert not {b".", b".."} & set(decoded.split(b"/"))
