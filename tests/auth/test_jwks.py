"""Published keys: fetched beside the requests, rotated, kept while their server is away, whatever that server does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from fluxgate.auth.keyset import UnusableKeyError, from_jwk
from fluxgate.testing import RunningGateway, running_gateway
from tests.support.identity import asking, bearer, jwk, private_key, token, trusting, who
from tests.support.rawhttp import RawServer, json_answer, raw_server
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio
PATH = "GET /keys"


def published(*keys: dict[str, Any], headers: str = "") -> bytes:
    return json_answer(200, json.dumps({"keys": list(keys)}), headers)


def first(**members: Any) -> dict[str, Any]:
    return jwk(private_key("ES256"), "first", **members)


def signed(**claims: Any) -> dict[str, str]:
    return bearer(token("ES256", headers={"kid": "first"}, **claims))


@asynccontextmanager
async def gateway(raw: RawServer, **fields: Any) -> AsyncIterator[RunningGateway]:
    settings = trusting(**{"jwks_url": f"{raw.url}/keys", "jwks_timeout": 5.0, "jwks_min_interval": 0.0, **fields})
    async with running_gateway(who(), settings=asking(settings)) as running:
        yield running


async def me(running: RunningGateway, headers: dict[str, str]) -> httpx.Response:
    return await running.client.get("/api/who/me", headers=headers)


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"])
async def test_every_kind_of_key(algorithm: str) -> None:
    async with raw_server() as raw:
        raw.answers[PATH] = published(jwk(private_key(algorithm), "k"))
        async with gateway(raw) as running:
            assert (await me(running, bearer(token(algorithm, headers={"kid": "k"})))).json()["id"] == "ada"
            assert (await me(running, bearer(token(algorithm, sub="no-kid")))).json()["id"] == "no-kid"


async def test_however_many_wait_it_is_one_fetch() -> None:
    async with raw_server() as raw:
        go = asyncio.Event()

        async def answer(writer: asyncio.StreamWriter) -> None:
            await go.wait()
            writer.write(published(first()))
            await writer.drain()

        raw.answers[PATH] = answer
        async with gateway(raw, jwks_timeout=10, jwks_min_interval=60) as running:
            waiting = [asyncio.create_task(me(running, signed(sub=f"u{n}"))) for n in range(50)]
            await eventually(lambda: raw.requests)
            go.set()
            assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
            assert len(raw.requests) == 1
            head = raw.requests[0].lower()
            assert "accept: application/json" in head
            assert "authorization" not in head


async def test_rotation_an_unknown_kid_fetches_again_but_not_always() -> None:
    second = ed25519.Ed25519PrivateKey.generate()
    async with raw_server() as raw:
        raw.answers[PATH] = published(first())
        async with gateway(raw, jwks_min_interval=0.3) as running:
            assert (await me(running, signed())).status_code == 200
            raw.answers[PATH] = published(jwk(second, "second"))
            fresh = bearer(token("EdDSA", second, headers={"kid": "second"}))
            await eventually(lambda: _status(running, fresh))
            # The first key was withdrawn: what was verified under it has to be verified anew.
            assert (await me(running, signed())).status_code == 401
            asked = len(raw.requests)
            begun = time.monotonic()
            for number in range(20):
                unknown = bearer(token("EdDSA", second, headers={"kid": f"no-{number}"}))
                assert (await me(running, unknown)).status_code in {401, 429}
            assert len(raw.requests) - asked <= 1 + (time.monotonic() - begun) / 0.3


async def _status(running: RunningGateway, headers: dict[str, str]) -> bool:
    return (await me(running, headers)).status_code == 200


async def test_keys_go_on_being_used_while_their_server_is_away_and_no_longer() -> None:
    async with raw_server() as raw:
        raw.answers[PATH] = published(first())
        async with gateway(raw, jwks_max_age=1.0, jwks_stale=1.0) as running:
            assert (await me(running, signed())).status_code == 200
            begun = time.monotonic()
            raw.answers[PATH] = json_answer(500, "{}")
            await eventually(lambda: len(raw.requests) > 1)
            assert (await me(running, signed(sub="grace"))).json()["id"] == "grace"

            async def gone() -> bool:
                answer = await me(running, signed(sub=f"at{time.monotonic()}"))
                assert answer.status_code in {200, 503}
                return answer.status_code == 503

            await eventually(gone)
            assert time.monotonic() - begun > 1.8
            answer = await me(running, signed(sub="after"))
            assert (answer.json()["code"], answer.headers["retry-after"]) == ("IDENTITY_PROVIDER_UNAVAILABLE", "1")
            raw.answers[PATH] = published(first())
            assert (await me(running, signed(sub="again"))).status_code == 200


async def test_cache_control_has_them_fetched_sooner() -> None:
    async with raw_server() as raw:
        raw.answers[PATH] = published(first(), headers="Cache-Control: public, max-age=0\r\n")
        async with gateway(raw):
            await eventually(lambda: len(raw.requests) >= 2)


async def _endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    for _ in range(100):
        writer.write(b" " * 65536)
        await writer.drain()


async def _dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    for _ in range(100):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


USELESS: dict[str, Any] = {
    "silent": None,
    "closed": b"",
    "no HTTP": b"nonsense\r\n\r\n",
    "no JSON": json_answer(200, "nonsense"),
    "a list": json_answer(200, "[]"),
    "a number": json_answer(200, '{"keys": 5}'),
    "no key": json_answer(200, '{"keys": []}'),
    "a symmetric key": json_answer(200, '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'),
    "nested": json_answer(200, '{"keys": ' + "[" * 100_000),
    "missing": json_answer(404, "{}"),
    "a redirect": json_answer(302, "", "Location: /other\r\n"),
    "endless": _endless,
    "dripping": _dripping,
}


@pytest.mark.parametrize("answer", USELESS.values(), ids=USELESS)
async def test_a_server_that_is_no_use(answer: Any) -> None:
    async with raw_server() as raw:
        raw.answers["GET /other"] = published(first())
        raw.answers[PATH] = answer
        begun = time.monotonic()
        async with gateway(raw, jwks_timeout=4) as running:
            assert time.monotonic() - begun < 3.8, "the start waits for nobody"
            found = await me(running, signed())
            assert (found.status_code, found.json()["code"]) == (503, "IDENTITY_PROVIDER_UNAVAILABLE")
            assert raw.url not in found.text
            assert (await running.client.get("/-/health/live")).status_code == 200
            raw.answers[PATH] = published(first())
            assert (await me(running, signed())).status_code == 200


async def test_nobody_listens() -> None:
    async with raw_server() as raw:
        pass
    async with gateway(raw) as running:
        assert (await me(running, signed())).status_code == 503


@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "none"},
        {"kty": "oct"},
        {"kty": None},
        {"d": "AAAA"},
        {"kid": 5},
        {"x": "!!!"},
        {"x": None},
        {"crv": "secp256k1"},
    ],
)
def test_published_keys_that_are_not_used(members: dict[str, Any]) -> None:
    with pytest.raises(UnusableKeyError):
        from_jwk(first(**members))


def test_a_published_key_is_good_for_what_its_alg_says() -> None:
    assert from_jwk(jwk(private_key("RS256"), "a", alg="PS384")).algorithms == {"PS384"}
    assert from_jwk(jwk(private_key("RS256"), None)).kid is None
