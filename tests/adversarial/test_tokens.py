"""Token confusion: whatever is made of a token without the issuer's key is nobody's, on every route there is."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import jwt
import pytest

from tests.adversarial.guarded import SOMEBODY, Guarded, guarded_gateway
from tests.adversarial.ledger import Ledger
from tests.support.identity import bearer, claims, private_key, public_pem, token


@pytest.fixture(scope="module")
def target() -> Iterator[Guarded]:
    with guarded_gateway() as guarded:
        yield guarded


def b64(value: bytes | dict[str, Any]) -> str:
    data = json.dumps(value, separators=(",", ":")).encode() if isinstance(value, dict) else value
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(head: dict[str, Any], signature: bytes = b"", **changed: Any) -> str:
    """A token of these very parts."""
    return f"{b64(head)}.{b64(claims(roles=['admin'], **changed))}.{b64(signature)}"


def hs(secret: bytes, head: dict[str, Any]) -> str:
    """Signed by HMAC with what everybody can know."""
    stem = f"{b64(head)}.{b64(claims(roles=['admin']))}"
    return f"{stem}.{b64(hmac.digest(secret, stem.encode(), sha256))}"


def signed(headers: dict[str, Any] | None = None, **changed: Any) -> str:
    """By the issuer's own key: what is wrong is what it says."""
    return token("RS256", headers=headers, **{"roles": ["admin"], **changed})


def tampered() -> Iterator[tuple[str, str]]:
    head, body, signature = signed().split(".")
    evil = b64(claims(roles=["admin"], sub="root"))
    yield "another body", f"{head}.{evil}.{signature}"
    yield "no signature", f"{head}.{body}."
    yield "no signature part", f"{head}.{body}"
    yield "half a signature", f"{head}.{body}.{signature[: len(signature) // 2]}"
    yield "a longer signature", f"{head}.{body}.{signature}AAAA"
    yield "zeros for a signature", f"{head}.{body}.{b64(bytes(256))}"
    yield "four parts", f"{head}.{body}.{signature}.{signature}"
    yield "padding", f"{head}=.{body}=.{signature}=="
    yield "an empty body", f"{head}..{signature}"
    yield "an empty head", f".{body}.{signature}"
    yield "a body that is a list", f"{head}.{b64(b'[]')}.{signature}"
    yield "a signature of another token", f"{head}.{evil}.{signed(sub='other').split('.')[2]}"


def forgeries() -> dict[str, str]:
    now = int(time.time())
    pem = public_pem(private_key("RS256")).encode()
    other = private_key("ES256")
    other_public = jwt.algorithms.ECAlgorithm.to_jwk(other.public_key(), as_dict=True)

    def mine(**head: Any) -> str:
        """By a key of the attacker's."""
        return jwt.encode(claims(roles=["admin"]), other, "ES256", head or None)

    found = {
        f"alg {name}": forged({"alg": name, "typ": "JWT"})
        for name in ("none", "None", "NONE", "nOnE", "", "null", "HS256", "RS256", "none\0", " none", "ES256K", "dir")
    }
    found |= {
        f"alg {value!r}": forged({"alg": value, "typ": "JWT"}) for value in (None, 0, True, [], {}, ["none"], ["RS256"])
    }
    found |= {"no alg": forged({"typ": "JWT"})}
    found |= {
        f"HMAC with {name}": hs(secret, {"alg": alg, "typ": "JWT"})
        for alg in ("HS256", "HS384", "HS512")
        for name, secret in (
            (f"the public key, {alg}", pem),
            (f"the public key stripped, {alg}", pem.strip()),
            (f"the public key's body, {alg}", b"".join(pem.split(b"\n")[1:-2])),
            (f"nothing, {alg}", b""),
            (f"the word secret, {alg}", b"secret"),
        )
    }
    found |= {
        "a key of the attacker's": mine(),
        "the attacker's key in the head": mine(jwk=other_public),
        "the attacker's key by URL": mine(jku="http://127.0.0.1:9/jwks"),
        "the attacker's certificate": mine(x5c=[b64(b"x")]),
        "its URL": mine(x5u="http://127.0.0.1:9/x"),
        "a signature of zeros (ES256)": forged({"alg": "ES256"}, bytes(64)),
        "an unknown kid": mine(kid="nobody's"),
        "a kid that climbs": hs(b"", {"alg": "HS256", "kid": "../../../../dev/null"}),
        "a kid of SQL": hs(b"x", {"alg": "HS256", "kid": "x' UNION SELECT 'x"}),
        "expired": signed(exp=now - 60),
        "expired long ago": signed(exp=1),
        "not yet valid": signed(nbf=now + 600),
        "issued in the future": signed(iat=now + 6000, nbf=now + 6000),
        "no end": signed(exp=None),
        "an end that is text": forged({"alg": "RS256"}, b"x", exp="tomorrow"),
        "another audience": signed(aud="someone-else"),
        "no audience": signed(aud=None),
        "audience in other letters": signed(aud="FLUXGATE"),
        "another issuer": signed(iss="https://evil.example.org"),
        "no issuer": signed(iss=None),
        "nobody": signed(sub=""),
        "no subject": signed(sub=None),
        "a critical header": signed({"crit": ["exp"], "exp": now + 60}),
        "an unencoded body": signed({"b64": False, "crit": ["b64"]}),
        "an ID token's type": signed({"typ": "dpop+jwt"}),
        "a huge token": signed(padding="x" * 20000),
        "a nested token": signed({"cty": "JWT"}) + "." + signed(),
    }
    return found | dict(tampered())


def test_the_key_does_open_the_door(target: Guarded, ledger: Ledger) -> None:
    """Else what follows would prove nothing."""
    answer = target.ask("GET", SOMEBODY, *bearer(signed()).items())
    assert (answer.status, json.loads(answer.body)["roles"]) == (200, ["admin"])
    ledger.enter("no credential", through=target.ask("GET", SOMEBODY).status != 401)


def test_forged_tokens(target: Guarded, ledger: Ledger) -> None:
    for name, text in forgeries().items():
        answer = target.ask("GET", SOMEBODY, *bearer(text).items())
        ledger.enter(name, through=answer.status not in {400, 401} and f"status {answer.status}")
        for secret in (b"Traceback", b"PyJWT", b"InvalidSignature", b"cryptography", b"PEM"):
            ledger.enter(f"{name}: what is told", through=secret in answer.body and secret)


def test_how_it_is_sent(target: Guarded, ledger: Ledger) -> None:
    good = signed()
    ways: dict[str, list[tuple[str, str | bytes]]] = {
        "Basic": [("Authorization", f"Basic {b64(b'admin:admin')}")],
        "the token alone": [("Authorization", good)],
        "Token": [("Authorization", f"Token {good}")],
        "a cookie": [("Cookie", f"Authorization=Bearer {good}; access_token={good}; fluxgate_session={good}")],
        "X-API-Key": [("X-API-Key", good)],
        "Proxy-Authorization": [("Proxy-Authorization", f"Bearer {good}")],
        "X-Authorization": [("X-Authorization", f"Bearer {good}")],
        "Authorization with an underscore": [("Authorization_", f"Bearer {good}")],
        "two of them": [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {forged({'alg': 'none'})}")],
        "two of them, turned": [("Authorization", "Bearer x"), ("Authorization", f"Bearer {good}")],
        "a key beside it": [("Authorization", f"Bearer {good}"), ("X-API-Key", "fg_abc_def")],
        "a comma": [("Authorization", f"Bearer x, Bearer {good}")],
        "a NUL": [("Authorization", f"Bearer {good}\0x".encode())],
        "high bytes": [("Authorization", b"Bearer \xff\xfe\xfd")],
        "nothing behind Bearer": [("Authorization", "Bearer ")],
        "a made-up key": [("X-API-Key", "fg_" + "a" * 16 + "_" + "b" * 43)],
        "SQL for a key": [("X-API-Key", "fg_' OR '1'='1")],
        "a made-up session": [("Cookie", "fluxgate_session=" + "a" * 43)],
        "a forwarded user": [("X-Forwarded-User", "root"), ("X-Fluxgate-User", "root"), ("Remote-User", "root")],
    }
    for name, fields in ways.items():
        answer = target.ask("GET", SOMEBODY, *fields)
        ledger.enter(name, through=answer.status not in {400, 401} and f"status {answer.status}")
    for query in (f"access_token={good}", f"token={good}", "fg_link=x.y", f"fg_link={good}"):
        ledger.enter(query[:20], through=target.ask("GET", f"{SOMEBODY}?{query}").status not in {400, 401})


KINDS: dict[str, Callable[[], dict[str, str]]] = {
    "nobody": dict,
    "alg none": lambda: bearer(forged({"alg": "none"})),
    "HMAC with the public key": lambda: bearer(hs(public_pem(private_key("RS256")).encode(), {"alg": "HS256"})),
    "expired": lambda: bearer(signed(exp=int(time.time()) - 60)),
    "another audience": lambda: bearer(signed(aud="someone-else")),
    "a made-up key": lambda: {"X-API-Key": "fg_" + "a" * 16 + "_" + "b" * 43},
    "a made-up session": lambda: {"Cookie": "fluxgate_session=" + "a" * 43},
}


def test_every_route(target: Guarded, ledger: Ledger) -> None:
    """From the gateway's own document, so that a new route can't be forgotten; one that doesn't say it is anybody's is
    nobody's."""
    operations = target.operations()
    assert len(operations) > 25
    for operation in operations:
        for name, credential in KINDS.items():
            fields = [*credential().items(), ("Content-Type", operation.content_type)]
            answer = target.ask(operation.method, operation.path, *fields, body=operation.body)
            allowed = {200, 204} if operation.is_public else {401}
            ledger.enter(
                f"{name}: {operation.method} {operation.path}",
                through=answer.status < 400 and answer.status not in allowed and f"status {answer.status}",
            )
            if not operation.is_public:
                told = answer.status != 401 or not answer.all(b"www-authenticate")
                ledger.enter(f"{name}: {operation.method} {operation.path}, asked who", through=told and answer.status)
    assert target.running.get("/queue")["items"] == []
    assert target.running.get("/files")["files"] == []
