"""Which header fields cross the gateway, and what it adds. Fields are byte pairs: order and duplicates are kept,
nothing is joined."""

from __future__ import annotations

import ipaddress
from urllib.parse import quote

import msgspec

from fluxgate.credentials import sets_own_cookie, without_own
from fluxgate.principal import ANONYMOUS, Principal
from fluxgate.proxy.route import HeaderPolicy
from fluxgate.proxy.timing import UpstreamCall
from fluxgate.tracecontext import TraceContext
from fluxgate.types import RawHeaders, Scope

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""RFC 9110 §7.6.1: valid for one connection, never forwarded, whatever `Connection` names besides."""

CREDENTIALS = frozenset({b"authorization", b"cookie", b"x-api-key", b"x-csrf-token"})

_IDENTITY = frozenset(
    {
        b"forwarded",
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"true-client-ip",
        b"cf-connecting-ip",
        b"fastly-client-ip",
        b"x-original-url",
        b"x-original-host",
        b"x-rewrite-url",
        b"x-host",
        b"remote-user",
        b"x-remote-user",
        b"x-remote-group",
        b"x-user",
        b"x-user-id",
        b"x-username",
        b"x-auth-user",
        b"x-request-id",
    }
)
_FORWARDED = b"x-forwarded-"
_IDENTITY_PREFIXES = (_FORWARDED, b"x-auth-request-", b"x-authenticated-", b"x-fluxgate-")

_NEVER_REQUEST = HOP_BY_HOP | {b"host", b"expect"}

_FRAMING = frozenset({b"content-length", b"content-type", b"content-encoding"})

_TRACE = frozenset({b"traceparent", b"tracestate"})

VIA = b"fluxgate"

_PRINTABLE = " !#$&'()*+/:;=?@[]"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Caller(msgspec.Struct, frozen=True):
    """Who is on the other end of the connection, as upstreams are told: address, scheme and the Host that was asked
    for. `trusted`: it is a proxy of ours, whose own `X-Forwarded-*` are believed. `principal`: whom the gateway
    knows. `trace`: the fields of the trace that the request belongs to, in place of the client's own."""

    address: bytes
    scheme: bytes
    host: bytes
    http_version: bytes
    request_id: bytes
    trusted: bool
    principal: Principal = ANONYMOUS
    trace: RawHeaders = []


def caller_of(scope: Scope, host: bytes, networks: tuple[Network, ...]) -> Caller:
    """Who sent this request; `host` is its Host field, `networks` are those of our own proxies."""
    client = scope.get("client")
    address = client[0] if client else "unknown"
    return Caller(
        address=address.encode("latin-1"),
        scheme=scope["scheme"].encode("ascii"),
        host=host,
        http_version=scope["http_version"].encode("ascii"),
        request_id=scope["fluxgate.request_id"].encode("ascii"),
        trusted=peer_is_trusted(address, networks),
        principal=scope.get("fluxgate.principal", ANONYMOUS),
        trace=_trace_fields(scope),
    )


def _trace_fields(scope: Scope) -> RawHeaders:
    trace: TraceContext | None = scope.get("fluxgate.trace")
    call: UpstreamCall | None = scope.get("fluxgate.upstream")
    if trace is None or call is None:
        return []
    fields = [(b"traceparent", trace.parent(call.span_id))]
    return [*fields, (b"tracestate", trace.state)] if trace.state else fields


class RequestHeaderRules:
    """A route's header policy, compiled once."""

    def __init__(self, policy: HeaderPolicy) -> None:
        drop = {name.lower().encode("ascii") for name in policy.drop_request}
        if policy.credentials != "forward":
            drop |= CREDENTIALS
        self._drop = frozenset(drop | _NEVER_REQUEST)
        self._forwards = policy.credentials == "forward"
        self._identity = policy.identity
        self._set = [(name.encode("ascii"), value.encode("latin-1")) for name, value in policy.set_request]
        self._replaced = frozenset(name.lower() for name, _ in self._set)

    def apply(self, headers: RawHeaders, caller: Caller) -> RawHeaders:
        """The request's fields for the upstream, without Host and framing: what HTTP and the policy leave, then the
        gateway's own."""
        if self._forwards:
            headers = without_own(headers, by_session=caller.principal.method == "session")
        named = connection_names(headers)
        kept: RawHeaders = []
        said: dict[bytes, bytes] = {}
        via = b""
        for name, value in headers:
            lowered = name.lower()
            if lowered in self._drop or lowered in named or lowered in self._replaced:
                continue
            if lowered in _TRACE and caller.trace:
                continue
            if b"_" in lowered and self._is_disguised(lowered.replace(b"_", b"-")):
                continue
            if lowered == b"via":
                via = via + b", " + value if via else value
                continue
            if _is_identity(lowered):
                if caller.trusted and lowered.startswith(_FORWARDED):
                    said[lowered] = said[lowered] + b", " + value if lowered in said else value
                continue
            kept.append((name, value))
        kept.extend(self._set)
        if self._identity and not caller.principal.is_anonymous:
            kept += identity_fields(caller.principal)
        chain = said.pop(b"x-forwarded-for", b"")
        host = said.pop(b"x-forwarded-host", b"") or caller.host
        own_via = caller.http_version + b" " + VIA
        kept += (
            (b"x-forwarded-for", chain + b", " + caller.address if chain else caller.address),
            (b"x-forwarded-proto", said.pop(b"x-forwarded-proto", b"") or caller.scheme),
        )
        if host:
            kept.append((b"x-forwarded-host", host))
        kept += (
            *said.items(),
            *caller.trace,
            (b"x-request-id", caller.request_id),
            (b"via", via + b", " + own_via if via else own_via),
        )
        return kept

    def _is_disguised(self, plain: bytes) -> bool:
        """Whether a field whose name has `_` for `-` would be one that isn't the client's to set, to a server that
        makes variables of names (CGI, WSGI)."""
        return plain in self._drop or plain in self._replaced or plain in _FRAMING


class ResponseHeaderRules:
    """The same for answers."""

    def __init__(self, policy: HeaderPolicy) -> None:
        self._set = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in policy.set_response]
        replaced = {name for name, _ in self._set}
        self._drop = frozenset(HOP_BY_HOP | replaced | {name.lower().encode("ascii") for name in policy.drop_response})

    def apply(self, headers: RawHeaders) -> RawHeaders:
        """The answer's fields for the client. No upstream gives it a session of the gateway's."""
        named = connection_names(headers)
        drop = self._drop
        kept = [
            field
            for field in headers
            if (lowered := field[0].lower()) not in drop
            and lowered not in named
            and not (lowered == b"set-cookie" and sets_own_cookie(field[1]))
        ]
        kept += self._set
        return kept


def connection_names(headers: RawHeaders) -> frozenset[bytes]:
    """The fields that `Connection` declares hop-by-hop, lower case. Framing is not the client's to remove this way."""
    names: set[bytes] = set()
    for name, value in headers:
        if len(name) == 10 and name.lower() == b"connection":
            names.update(token.strip().lower() for token in value.split(b","))
    if not names:
        return _NOTHING
    return frozenset(names - {b"", b"close", b"keep-alive", b"content-length", b"content-type"})


_NOTHING: frozenset[bytes] = frozenset()


def identity_fields(principal: Principal) -> RawHeaders:
    """Who is calling, for an upstream that is told so. Values are percent-encoded; names in a list are divided by
    commas."""
    return [
        (b"x-fluxgate-user", quote(principal.id, safe=_PRINTABLE + ",").encode("ascii")),
        (b"x-fluxgate-roles", _listed(principal.roles)),
        (b"x-fluxgate-groups", _listed(principal.groups)),
        (b"x-fluxgate-method", principal.method.encode("ascii")),
    ]


def _listed(names: frozenset[str]) -> bytes:
    return ",".join(quote(name, safe=_PRINTABLE) for name in sorted(names)).encode("ascii")


def _is_identity(lowered: bytes) -> bool:
    name = lowered.replace(b"_", b"-") if b"_" in lowered else lowered
    return name in _IDENTITY or (name[:2] == b"x-" and name.startswith(_IDENTITY_PREFIXES))


def peer_is_trusted(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether the peer may tell who the client is (`X-Forwarded-*`)."""
    if not networks:
        return False
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    return any(peer in network for network in networks)
