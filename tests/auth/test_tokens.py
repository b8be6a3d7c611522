"""Bearer tokens: every algorithm with its keys, and everything about a token that may be wrong."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hmac
import json
import time
from typing import Any

import jwt
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.auth.tokens import TokenVerifier
from fluxgate.errors import ProblemError, SettingsError, UnauthenticatedError
from fluxgate.settings import AuthSettings, ClaimSettings, JwtSettings, Settings, VerificationKeySettings
from fluxgate.testing import running_gateway
from tests.support.identity import (
    SECRET,
    asking,
    bearer,
    jwk,
    private_key,
    private_pem,
    public_pem,
    token,
    trusting,
    who,
)

pytestmark = pytest.mark.anyio
PUBLIC_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


async def identified(settings: Settings, text: str | bytes) -> Any:
    """The principal of a token. Raises what the gateway would answer."""
    encoded = text if isinstance(text, bytes) else text.encode()
    return (await TokenVerifier(settings).verify(encoded, b"")).principal


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def refused(settings: Settings, text: str | bytes, reason: str) -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        await identified(settings, text)
    assert reason in caught.value.reason
    assert b'error="invalid_token"' in caught.value.headers[0][1]


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_every_algorithm_with_a_secret(algorithm: str) -> None:
    principal = await identified(asking(trusting()), token(algorithm, roles=["viewer"]))
    assert (principal.id, principal.roles, principal.scopes, principal.method) == ("ada", {"viewer"}, None, "token")


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
async def test_every_algorithm_with_a_public_key(algorithm: str) -> None:
    settings = asking(trusting(public_key=public_pem(private_key(algorithm))))
    assert (await identified(settings, token(algorithm))).id == "ada"
    tampered = token(algorithm)
    head, _, signature = tampered.split(".")
    await refused(settings, f"{head}.{part({'sub': 'eve', 'exp': time.time() + 99})}.{signature}", "no key fits")


async def test_ed448() -> None:
    key = private_key("Ed448")
    settings = asking(trusting(public_key=public_pem(key)))
    assert (await identified(settings, token("EdDSA", key))).id == "ada"


async def test_a_certificate() -> None:
    key = private_key("RS256")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )

    settings = asking(trusting(public_key=certificate.public_bytes(Encoding.PEM).decode()))
    assert (await identified(settings, token("RS256"))).id == "ada"


async def test_several_keys_by_kid() -> None:
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    keys = (
        VerificationKeySettings(kid="old", public_key=public_pem(private_key("RS256"))),
        VerificationKeySettings(kid="new", public_key=public_pem(new)),
        VerificationKeySettings(kid="shared", secret=SECRET),
    )
    settings = asking(trusting(keys=keys))
    assert (await identified(settings, token("RS256", headers={"kid": "old"}))).id == "ada"
    assert (await identified(settings, token("RS256", new, headers={"kid": "new"}))).id == "ada"
    assert (await identified(settings, token("HS256", headers={"kid": "shared"}))).id == "ada"
    assert (await identified(settings, token("RS256", new))).id == "ada"
    await refused(settings, token("RS256", new, headers={"kid": "old"}), "no key fits")
    await refused(settings, token("RS256", new, headers={"kid": "gone"}), "no key fits")
    await refused(settings, token("HS256", headers={"kid": "new"}), "no key fits")


async def test_a_public_key_is_never_the_secret_of_an_hmac() -> None:
    pem = public_pem(private_key("RS256"))
    settings = asking(trusting(public_key=pem))

    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': 'eve', 'exp': int(time.time()) + 99})}"
    signature = hmac.digest(pem.encode(), signed.encode(), "sha256")
    await refused(settings, f"{signed}.{part(signature)}", "no key fits")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "HS1", "RS256 ", "dir"])
async def test_no_algorithm_is_no_signature(alg: str) -> None:
    body = part({"sub": "eve", "exp": int(time.time()) + 99})
    for signature in ("", part(b"x")):
        await refused(asking(trusting()), f"{part({'alg': alg})}.{body}.{signature}", "")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"exp": 1}, "expired"),
        ({"exp": None}, "MissingRequiredClaim"),
        ({"exp": "soon"}, ""),
        ({"exp": 1e400}, ""),
        ({"exp": []}, ""),
        ({"exp": 10**400}, ""),
        ({"nbf": 9_999_999_999}, "isn't valid yet"),
        ({"iat": 9_999_999_999}, "isn't valid yet"),
        ({"aud": "somebody-else"}, "another audience"),
        ({"aud": None}, "MissingRequiredClaim"),
        ({"aud": 5}, "audience"),
        ({"iss": "https://evil.example.org"}, "InvalidIssuer"),
        ({"iss": None}, "MissingRequiredClaim"),
        ({"sub": None}, "names nobody"),
        ({"sub": ""}, "names nobody"),
        ({"sub": "  "}, "names nobody"),
        ({"sub": 5}, "names nobody"),
        ({"sub": "a\nb"}, "names nobody"),
        ({"sub": "x" * 256}, "longer"),
        ({"sub": "key:abc"}, "doesn't speak for"),
        ({"sub": "local"}, "doesn't speak for"),
        ({"roles": 5}, "neither a list"),
        ({"roles": ["a", 5]}, "neither a list"),
        ({"groups": {"a": 1}}, "neither a list"),
    ],
)
async def test_claims_that_are_wrong(changed: dict[str, Any], reason: str) -> None:
    await refused(asking(trusting()), token(**changed), reason)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"crit": ["b64"], "b64": False}, "extension"),
        ({"crit": ["x"], "x": 1}, "extension"),
        ({"typ": "logout+jwt"}, "type"),
        ({"typ": "dpop+jwt"}, "type"),
    ],
)
async def test_headers_that_are_wrong(headers: dict[str, Any], reason: str) -> None:
    head = part({"alg": "HS256", **headers})
    await refused(asking(trusting()), ".".join([head, *token().split(".")[1:]]), reason)


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt", None])
async def test_types_of_tokens_to_call_with(typ: str | None) -> None:
    assert (await identified(asking(trusting()), token(headers={"typ": typ}))).id == "ada"


async def test_the_clocks_may_differ_by_the_leeway() -> None:
    now = int(time.time())
    assert (await identified(asking(trusting(secret=SECRET, leeway=30)), token(exp=now - 10, nbf=now + 10))).id == "ada"
    await refused(asking(trusting(secret=SECRET, leeway=0)), token(exp=now - 10), "expired")


async def test_an_audience_that_nobody_expects() -> None:
    await refused(asking(JwtSettings(secret=SECRET)), token(), "auth.jwt.audience isn't set")
    assert (await identified(asking(JwtSettings(secret=SECRET)), token(aud=None))).id == "ada"
    assert (await identified(asking(trusting()), token(aud=["other", "fluxgate"]))).id == "ada"


async def test_only_the_algorithms_that_are_set() -> None:
    settings = asking(trusting(public_key=public_pem(private_key("RS256")), algorithms=("PS256",)))
    assert (await identified(settings, token("PS256"))).id == "ada"
    await refused(settings, token("RS256"), "algorithm")


async def test_a_token_that_is_too_large() -> None:
    await refused(asking(trusting()), token(padding="x" * 9000), "larger than 8192")


async def test_claims_nested_too_deeply() -> None:
    nested = '{"sub":"ada","exp":9999999999,"x":' + "[" * 2900 + "]" * 2900 + "}"
    signed = f"{part({'alg': 'HS256'})}.{part(nested.encode())}"

    text = f"{signed}.{part(hmac.digest(SECRET.encode(), signed.encode(), 'sha256'))}"
    await refused(asking(JwtSettings(secret=SECRET)), text, "")


@given(st.binary(max_size=200) | st.from_regex(rb"[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,30}"))
async def test_whatever_comes_is_refused_and_nothing_else(text: bytes) -> None:
    verifier = TokenVerifier(asking(trusting()))
    with pytest.raises(ProblemError) as caught:
        await verifier.verify(text, b"")
    assert caught.value.problem_status == 401


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
    st.sampled_from(["exp", "nbf", "iat", "aud", "iss", "sub", "jti", "roles", "groups", "name"]),
)
async def test_a_signed_claim_of_any_shape_is_taken_or_refused(value: Any, claim: str) -> None:
    verifier = TokenVerifier(asking(trusting()))
    payload = {"sub": "ada", "exp": int(time.time()) + 60, "iss": "https://id.example.org", "aud": "fluxgate"}

    signed = f"{part({'alg': 'HS256'})}.{part({**payload, claim: value})}"
    text = f"{signed}.{part(hmac.digest(SECRET.encode(), signed.encode(), 'sha256'))}"
    with contextlib.suppress(UnauthenticatedError):
        assert (await verifier.verify(text.encode(), b"")).principal.id


# -- claims → principal


async def test_claims_by_configured_paths() -> None:
    mapping = ClaimSettings(
        id="oid",
        name="profile.display",
        roles="realm_access.roles",
        groups="https://example.org/groups",
        scopes="scp",
        role_map={"flux-admins": ("admin",), "staff": ("viewer", "operator")},
    )
    principal = await identified(
        asking(trusting(secret=SECRET, claims=mapping, id_prefix="corp:")),
        token(
            oid="42",
            profile={"display": "Ada"},
            realm_access={"roles": ["flux-admins", "staff", "admin", "unmapped"]},
            scp="print, read  write",
            **{"https://example.org/groups": "a,b"},
        ),
    )
    assert (principal.id, principal.name) == ("corp:42", "Ada")
    assert principal.roles == {"admin", "viewer", "operator"}
    assert principal.groups == {"a", "b"}
    assert principal.scopes == {"print", "read", "write"}


async def test_roles_that_a_mapping_does_not_know_count_for_nothing() -> None:
    mapping = ClaimSettings(role_map={"x": ("viewer",)}, default_roles=("guest",))
    settings = asking(trusting(secret=SECRET, claims=mapping))
    assert (await identified(settings, token(roles=["admin"]))).roles == {"guest"}
    assert (await identified(settings, token(roles=["x", "admin"]))).roles == {"viewer"}


async def test_a_token_without_the_claim_of_scopes_has_none() -> None:
    settings = asking(trusting(secret=SECRET, claims=ClaimSettings(scopes="scope")))
    assert (await identified(settings, token())).scopes == frozenset()
    optional = asking(trusting(secret=SECRET, claims=ClaimSettings(scopes="scope", scopes_optional=True)))
    assert (await identified(optional, token())).scopes is None
    assert (await identified(optional, token(scope=""))).scopes == frozenset()


# -- several issuers


def two(**second: Any) -> Settings:
    other = JwtSettings(
        **{"issuer": "https://corp.example.org", "audience": ("fluxgate",), "secret": SECRET[::-1], **second}
    )
    return Settings(auth=AuthSettings(jwt=trusting(), issuers={"corp": other}))


async def test_two_issuers_do_not_speak_for_each_other() -> None:
    settings = two()
    assert (await identified(settings, token())).id == "ada"
    theirs = {"iss": "https://corp.example.org"}
    assert (await identified(settings, token(key=SECRET[::-1], **theirs))).id == "corp:ada"
    await refused(settings, token(**theirs), "no key fits")
    await refused(settings, token(key=SECRET[::-1]), "no key fits")
    await refused(settings, token(iss="https://else.example.org"), "issuer isn't known")
    await refused(settings, token(iss=None), "issuer isn't known")
    await refused(settings, token(sub="corp:ada"), "doesn't speak for")


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (asking(JwtSettings()), "auth.jwt"),
        (asking(JwtSettings(secret=SECRET, jwks_url="http://x/y")), "auth.jwt"),
        (asking(JwtSettings(secret="too-short")), "auth.jwt.secret"),
        (asking(JwtSettings(secret="-----BEGIN PUBLIC KEY-----" + "x" * 40)), "auth.jwt.secret"),
        (asking(JwtSettings(public_key="nonsense")), "auth.jwt.public_key"),
        (asking(JwtSettings(public_key=private_pem(private_key("RS256")))), "auth.jwt.public_key"),
        (asking(JwtSettings(public_key=public_pem(ec.generate_private_key(ec.SECP256K1())))), "auth.jwt.public_key"),
        (
            asking(JwtSettings(public_key=public_pem(rsa.generate_private_key(65537, 1024)))),
            "auth.jwt.public_key",
        ),
        (asking(JwtSettings(secret=SECRET, algorithms=("RS256",))), "auth.jwt.algorithms"),
        (asking(JwtSettings(secret="x" * 32, algorithms=("HS512",))), "auth.jwt.algorithms"),
        (asking(JwtSettings(keys=(VerificationKeySettings(kid="a"),))), "auth.jwt.keys[0]"),
        (asking(JwtSettings(keys=(VerificationKeySettings(kid="a", secret=SECRET),) * 2)), "auth.jwt.keys[0]"),
        (two(issuer=None), "auth.issuers.corp.issuer"),
        (two(issuer="https://id.example.org"), "auth.jwt.issuer"),
        (two(id_prefix=""), "auth.jwt.id_prefix"),
    ],
)
def test_settings_that_can_not_be_verified_against(settings: Settings, key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        TokenVerifier(settings)
    assert caught.value.key == key
    assert "PRIVATE" not in str(caught.value)
    assert "too-short" not in str(caught.value)


# -- over HTTP


async def test_over_http() -> None:
    async with running_gateway(who(), settings=asking(trusting())) as running:
        client = running.client
        assert (await client.get("/api/who/me", headers=bearer(token(name="Ada")))).json() == {
            "id": "ada",
            "name": "Ada",
            "roles": [],
            "groups": [],
            "scopes": None,
            "method": "token",
            "credential": "",
        }
        nobody = await client.get("/api/who/me")
        assert (nobody.status_code, nobody.json()["code"]) == (401, "UNAUTHENTICATED")
        assert nobody.headers["www-authenticate"] == 'Bearer realm="fluxgate"'
        expired = await client.get("/api/who/me", headers=bearer(token(exp=1)))
        assert (expired.status_code, expired.json()["code"]) == (401, "CREDENTIALS_EXPIRED")
        assert expired.headers["www-authenticate"] == 'Bearer realm="fluxgate", error="invalid_token"'
        for scheme in ("Basic YTpi", "Bearer", "Bearer ", "Token x", "Bearer a b"):
            answer = await client.get("/api/who/me", headers={"Authorization": scheme})
            assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_CREDENTIALS"), scheme
        assert (await client.get("/api/who/me", headers={"Authorization": f"bearer   {token()}"})).status_code == 200


async def test_a_token_that_is_not_taken_does_not_lock_anybody_out_of_what_is_public() -> None:
    async with running_gateway(who(), settings=asking(trusting())) as running:
        answer = await running.client.get("/api/who/anybody", headers=bearer("nonsense"))
        assert answer.json()["method"] == "anonymous"
        assert (await running.client.get("/api/who/anybody", headers=bearer(token()))).json()["id"] == "ada"


async def test_a_verified_token_is_remembered_until_it_expires() -> None:
    verifier = TokenVerifier(asking(trusting(secret=SECRET, leeway=0)))
    now = time.time()
    text = token(exp=int(now) + 60).encode()
    found = await verifier.verify(text, b"digest")
    assert verifier.remembered(b"digest", now) is found
    assert verifier.remembered(b"other", now) is None
    assert verifier.remembered(b"digest", now + 61) is None


async def test_scopes_restrict(caplog: pytest.LogCaptureFixture) -> None:
    settings = asking(trusting(secret=SECRET, claims=ClaimSettings(scopes="scope")))
    async with running_gateway(who(), settings=settings) as running:
        client = running.client
        assert (await client.get("/api/who/printing", headers=bearer(token(scope="print x")))).status_code == 200
        missing = await client.get("/api/who/printing", headers=bearer(token(scope="x")))
        assert (missing.status_code, missing.json()["code"]) == (403, "INSUFFICIENT_SCOPE")
        assert 'error="insufficient_scope"' in missing.headers["www-authenticate"]
        assert (await client.get("/api/who/me", headers=bearer(token(scope="print")))).status_code == 403


def test_a_jwk_says_what_it_is_for() -> None:
    assert msgspec.json.encode(jwk(private_key("ES256"), "a"))
    assert jwt.PyJWK(jwk(private_key("EdDSA"), "b")).key_id == "b"
