"""For tests of who is calling: a plugin that tells, keys of every kind, and tokens that are signed with them."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from litestar import get, post
from litestar.di import NamedDependency

from fluxgate.plugin import AUTHENTICATED, PUBLIC, PluginSpec, Principal, Require, StreamRoute
from fluxgate.plugins.record import PluginRecord
from fluxgate.policy import Authenticated
from fluxgate.settings import AuthSettings, JwtSettings, Settings
from fluxgate.testing import plugin_record
from fluxgate.types import Receive, Scope, Send

ISSUER = "https://id.example.org"
AUDIENCE = "fluxgate"
SECRET = "a-secret-that-only-the-issuer-and-the-gateway-know-and-that-is-long-enough-for-sha-512"


class Caller(msgspec.Struct):
    """Who the gateway says is calling."""

    id: str
    name: str
    roles: list[str]
    groups: list[str]
    scopes: list[str] | None
    method: str
    credential: str


def caller(principal: Principal) -> Caller:
    scopes = None if principal.scopes is None else sorted(principal.scopes)
    return Caller(
        principal.id,
        principal.name,
        sorted(principal.roles),
        sorted(principal.groups),
        scopes,
        principal.method,
        principal.credential,
    )


@get("/me", sync_to_thread=False, policy=AUTHENTICATED)
def me(principal: NamedDependency[Principal]) -> Caller:
    return caller(principal)


@get("/anybody", sync_to_thread=False, policy=PUBLIC)
def anybody(principal: NamedDependency[Principal]) -> Caller:
    return caller(principal)


@post("/anybody", sync_to_thread=False, policy=PUBLIC)
def anybody_changes(principal: NamedDependency[Principal]) -> Caller:
    return caller(principal)


@get("/printing", sync_to_thread=False, policy=Authenticated(frozenset({"print"})))
def scoped(principal: NamedDependency[Principal]) -> Caller:
    return caller(principal)


@get("/viewers", sync_to_thread=False, policy=Require(roles=frozenset({"viewer"})))
def viewers(principal: NamedDependency[Principal]) -> Caller:
    return caller(principal)


@post("/change", sync_to_thread=False, policy=AUTHENTICATED)
def change(principal: NamedDependency[Principal]) -> Caller:
    return caller(principal)


async def query(scope: Scope, receive: Receive, send: Send) -> None:
    """Tells the query as it came here, and who is calling."""
    principal: Principal = scope["fluxgate.principal"]
    body = scope["query_string"] + b"|" + principal.method.encode() + b"|" + principal.id.encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def who() -> PluginRecord:
    """The plugin `who`."""
    spec = PluginSpec(
        title="Who",
        version="1",
        handlers=(me, anybody, anybody_changes, scoped, viewers, change),
        streams=(
            StreamRoute(policy=AUTHENTICATED, path="/query", app=query),
            StreamRoute(policy=Require(roles=frozenset({"viewer"})), path="/file/{name}", app=query),
        ),
    )
    return plugin_record(spec, "who")


@cache
def private_key(algorithm: str) -> Any:
    """A key that signs with `algorithm`; the same each time."""
    match algorithm:
        case "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512":
            return _rsa()
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "Ed448":
            return ed448.Ed448PrivateKey.generate()
    return SECRET


@cache
def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(key: Any) -> str:
    """The public half of a private key."""
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def private_pem(key: Any) -> str:
    """The private half."""
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def jwk(key: Any, kid: str | None, /, **members: Any) -> dict[str, Any]:
    """The public half as an issuer publishes it."""
    algorithms = jwt.algorithms
    family = {rsa.RSAPrivateKey: algorithms.RSAAlgorithm, ec.EllipticCurvePrivateKey: algorithms.ECAlgorithm}
    to_jwk: Any = next((one for kind, one in family.items() if isinstance(key, kind)), algorithms.OKPAlgorithm).to_jwk
    found: dict[str, Any] = to_jwk(key.public_key(), as_dict=True)
    found.pop("key_ops", None)
    return {**found, **({} if kid is None else {"kid": kid}), "use": "sig", **members}


def claims(**changed: Any) -> dict[str, Any]:
    """A good token's; None takes one away."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 300}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def token(algorithm: str = "HS256", key: Any = None, headers: dict[str, Any] | None = None, **changed: Any) -> str:
    """A token, good but for what is changed."""
    return jwt.encode(claims(**changed), private_key(algorithm) if key is None else key, algorithm, headers)


def bearer(text: str) -> dict[str, str]:
    """The header field."""
    return {"Authorization": f"Bearer {text}"}


def asking(jwt: JwtSettings | None = None, **auth: Any) -> Settings:
    """Settings of a gateway with one issuer."""
    return Settings(auth=AuthSettings(jwt=jwt, **auth))


def trusting(**fields: Any) -> JwtSettings:
    """`[auth.jwt]` for `token()`."""
    return JwtSettings(
        **{"issuer": ISSUER, "audience": (AUDIENCE,), **({} if fields else {"secret": SECRET}), **fields}
    )
