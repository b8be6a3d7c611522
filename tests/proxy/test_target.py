"""Upstream targets from templates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.policy import PUBLIC
from fluxgate.proxy.route import ProxyRoute
from fluxgate.proxy.target import TargetTemplate


def template(path: str, upstream_path: str, base: bytes = b"") -> TargetTemplate:
    route = ProxyRoute(policy=PUBLIC, methods=frozenset({"GET"}), path=path, upstream="u", upstream_path=upstream_path)
    return TargetTemplate(base, route)


@pytest.mark.parametrize(
    ("upstream_path", "base", "query", "target"),
    [
        ("/", b"", b"", b"/"),
        ("/", b"", b"a=1", b"/?a=1"),
        ("/", b"/base", b"", b"/base/"),
        ("/status", b"", b"", b"/status"),
        ("/status", b"/base", b"q", b"/base/status?q"),
        ("/{b}/x/{a}", b"/base", b"", b"/base/%42/x/1"),
        ("/{a}", b"", b"?&", b"/1??&"),
        ("/x/{b:path}", b"", b"", b"/x/%42"),
    ],
)
def test_render(upstream_path: str, base: bytes, query: bytes, target: bytes) -> None:
    assert template("/{a}/{b}", upstream_path, base).render({"a": b"1", "b": b"%42"}, query) == target


def test_a_parameter_the_route_doesnt_have_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\{c\} isn't a parameter of '/\{a\}'"):
        template("/{a}", "/{c}")


SEGMENT = st.binary(min_size=1, max_size=8).filter(lambda value: not set(value) & set(b"/?# "))


@given(SEGMENT, SEGMENT, st.binary(max_size=10))
def test_parameters_and_query_are_inserted_as_they_are(first: bytes, second: bytes, query: bytes) -> None:
    target = template("/{a}/{b}", "/api/{a}/files/{b}").render({"a": first, "b": second}, query)
    path, mark, rest = target.partition(b"?")
    assert path.split(b"/") == [b"", b"api", first, b"files", second]
    assert (bool(mark), rest) == (bool(query), query)
