"""API keys: how they are written, kept, made, used, listed and revoked; on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.auth import keyring
from fluxgate.auth.apikeys import KEY_PATTERN, new_key, parse_key
from fluxgate.auth.keystore import KeyGrant, KeyStore
from fluxgate.cli.keys import Duration
from fluxgate.db import Database
from fluxgate.migrations import drift, migrate
from fluxgate.principal import Principal
from fluxgate.settings import KeySettings
from fluxgate.store import PICCOLO_APP
from fluxgate.testing import RunningGateway, TokenIssuer, running_gateway
from tests.support.cli import Site
from tests.support.identity import asking, bearer, who
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio
ADMIN = Principal(id="boss", roles=frozenset({"admin"}))


# -- how they are written


def test_a_key_is_written_as_scanners_expect_it() -> None:
    keys = [new_key() for _ in range(50)]
    for key in keys:
        assert re.fullmatch(KEY_PATTERN, key.text)
        parsed = parse_key(key.text.encode())
        assert parsed is not None
        assert (parsed.id, parsed.secret_hash) == (key.id, key.secret_hash)
        assert key.text.split("_")[2][:43] not in key.secret_hash
    assert len({key.text for key in keys}) == 50


@given(st.data())
def test_a_mistyped_key_is_seen_without_a_database(data: st.DataObject) -> None:
    text = new_key().text
    at = data.draw(st.integers(3, len(text) - 1))
    other = data.draw(st.sampled_from("0aZ_-é"))
    if text[at] != other:
        assert parse_key((text[:at] + other + text[at + 1 :]).encode()) is None


@given(st.binary(max_size=100) | st.from_regex(KEY_PATTERN.encode(), fullmatch=True))
def test_whatever_comes_is_parsed_or_not(text: bytes) -> None:
    parsed = parse_key(text)
    assert parsed is None or (len(parsed.id) == 12 and len(parsed.secret_hash) == 64)


# -- how they are kept


@pytest.fixture
async def keys(database_url: str) -> AsyncIterator[KeyStore]:
    database = Database.from_url(database_url)
    await migrate(database, [PICCOLO_APP])
    await database.start()
    yield KeyStore(database)
    await database.stop()


async def test_a_key_is_kept_as_it_was_made(keys: KeyStore) -> None:
    expires = datetime.now(UTC) + timedelta(days=1)
    grant = KeyGrant(
        name="build 'server' ä",
        subject="ci",
        roles=frozenset({"operator", "viewer"}),
        groups=frozenset({"g"}),
        scopes=frozenset({"print"}),
        expires_at=expires,
    )
    made, key = await keys.create(grant, "boss")
    assert await keys.find(made.id) == made
    assert (made.id, made.secret_hash, made.expires_at, made.created_by) == (key.id, key.secret_hash, expires, "boss")
    plain, _ = await keys.create(KeyGrant(name="plain"), "boss")
    assert await keys.find(plain.id) == plain
    assert (plain.subject, plain.scopes, plain.expires_at) == (f"key:{plain.id}", None, None)
    none, _ = await keys.create(KeyGrant(name="no scope", scopes=frozenset()), "boss")
    found = await keys.find(none.id)
    assert found is not None
    assert found.scopes == frozenset()
    assert [record.id for record in await keys.all()] == [none.id, plain.id, made.id]
    assert await keys.find("nothing") is None


async def test_revoking_and_using_are_written_once(keys: KeyStore) -> None:
    made, _ = await keys.create(KeyGrant(name="x"), "boss")
    assert made.unusable(datetime.now(UTC)) == ""
    revoked = await keys.revoke(made.id)
    assert revoked is not None
    assert revoked.unusable(datetime.now(UTC)) == "revoked"
    assert await keys.revoke(made.id) == revoked
    assert await keys.revoke("nothing") is None
    later, earlier = datetime.now(UTC), datetime.now(UTC) - timedelta(hours=1)
    await keys.used({made.id: later})
    await keys.used({made.id: earlier})
    found = await keys.find(made.id)
    assert found is not None
    assert found.last_used_at == later


async def test_the_tables_are_as_their_migrations_made_them() -> None:
    assert await drift([PICCOLO_APP]) == {}


# -- over HTTP


@asynccontextmanager
async def gateway(database_url: str | None = None, **keys: Any) -> AsyncIterator[tuple[RunningGateway, TokenIssuer]]:
    issuer = TokenIssuer()
    settings = asking(keys=KeySettings(enabled=True, **keys))
    async with running_gateway(who(), settings=settings, issuer=issuer, database_url=database_url) as running:
        yield running, issuer


async def made(running: RunningGateway, issuer: TokenIssuer, **fields: Any) -> dict[str, Any]:
    answer = await running.client.post("/-/auth/keys", json={"name": "a key", **fields}, headers=issuer.headers(ADMIN))
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def ask(running: RunningGateway, key: str, path: str = "/api/who/me") -> httpx.Response:
    return await running.client.get(path, headers={"X-API-Key": key})


async def test_from_making_to_revoking(database_url: str) -> None:
    async with gateway(database_url) as (running, issuer):
        created = await made(running, issuer, roles=["viewer"], groups=["g"], subject="ci")
        key, record = created["key"], created["record"]
        assert (record["status"], record["created_by"], record["last_used_at"]) == ("active", "boss", None)
        me = {
            "id": "ci",
            "name": "a key",
            "roles": ["viewer"],
            "groups": ["g"],
            "scopes": None,
            "method": "key",
            "credential": record["id"],
        }
        assert (await ask(running, key)).json() == me
        assert (await running.client.get("/api/who/me", headers=bearer(key))).json() == me
        assert (await ask(running, key, "/api/who/viewers")).status_code == 200
        listed = (await running.client.get("/-/auth/keys", headers=issuer.headers(ADMIN))).json()
        assert [one["id"] for one in listed] == [record["id"]]
        assert key not in str(listed)
        assert "secret_hash" not in str(listed)
        revoked = await running.client.delete(f"/-/auth/keys/{record['id']}", headers=issuer.headers(ADMIN))
        assert revoked.json()["status"] == "revoked"
        refused = await ask(running, key)
        assert (refused.status_code, refused.json()["code"]) == (401, "INVALID_CREDENTIALS")
        missing = await running.client.delete("/-/auth/keys/nothing", headers=issuer.headers(ADMIN))
        assert (missing.status_code, missing.json()["code"]) == (404, "KEY_NOT_FOUND")


async def test_a_key_ends_when_it_expires() -> None:
    async with gateway(cache_seconds=60) as (running, issuer):
        key = (await made(running, issuer, expires_in=1))["key"]
        assert (await ask(running, key)).status_code == 200

        async def expired() -> bool:
            answer = await ask(running, key)
            return answer.status_code == 401 and answer.json()["code"] == "CREDENTIALS_EXPIRED"

        await eventually(expired)


async def test_another_replicas_revocation_is_noticed_within_the_caches_time() -> None:
    async with gateway(cache_seconds=0.3) as (running, issuer):
        created = await made(running, issuer)
        assert (await ask(running, created["key"])).status_code == 200
        await KeyStore(running.gateway.store.require()).revoke(created["record"]["id"])

        async def refused() -> bool:
            return (await ask(running, created["key"])).status_code == 401

        await eventually(refused, timeout=2)


async def test_when_a_key_was_used_is_written_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "WRITE_EVERY", 0.05)
    async with gateway() as (running, issuer):
        created = await made(running, issuer)
        await ask(running, created["key"])

        async def written() -> bool:
            [record] = await KeyStore(running.gateway.store.require()).all()
            return record.last_used_at is not None

        await eventually(written)


async def test_only_admins_manage_keys_and_none_gives_away_more_than_it_has() -> None:
    async with gateway() as (running, issuer):
        for caller, status in (
            (Principal(id="u"), 403),
            (Principal(id="u", roles=frozenset({"operator"})), 403),
            (Principal(id="u", roles=frozenset({"admin"}), scopes=frozenset({"print"})), 403),
            (Principal(id="u", roles=frozenset({"admin"}), scopes=frozenset({"keys", "print"})), 200),
        ):
            answer = await running.client.get("/-/auth/keys", headers=issuer.headers(caller))
            assert answer.status_code == status, caller
        assert (await running.client.get("/-/auth/keys")).status_code == 401
        for body, status in (
            ({"name": "x"}, 403),
            ({"name": "x", "scopes": None}, 403),
            ({"name": "x", "scopes": ["print", "write"]}, 403),
            ({"name": "x", "scopes": ["print"]}, 201),
            ({"name": "x", "scopes": []}, 201),
        ):
            answer = await running.client.post("/-/auth/keys", json=body, headers=issuer.headers(caller))
            assert answer.status_code == status, (body, answer.text)
            for word in ("token", "unauthorized", "authentication"):
                assert word not in answer.json().get("message", "").lower()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"{}", "name"),
        (b'{"name": ""}', "name"),
        (b'{"name": 5}', "name"),
        (b'{"name": "a\\n"}', "name"),
        (b'{"name": "a\\u0000b"}', "name"),
        (b'{"name": "x", "roles": ["a\\n"]}', "roles[0]"),
        (b'{"name": "x", "rolls": []}', "rolls"),
        (b'{"name": "x", "roles": "admin"}', "roles"),
        (b'{"name": "x", "roles": ["a b"]}', "roles[0]"),
        (b'{"name": "x", "expires_in": 0}', "expires_in"),
        (b'{"name": "x", "expires_in": 1e300}', "expires_in"),
        (b'{"name": "x", "subject": "key:123"}', "subject"),
        (b'{"name": "x", "subject": "local"}', "subject"),
        (b'{"name": "x", "subject": "a\\nb"}', "subject"),
        (b"[" * 50_000, "body"),
        (b'{"name": "' + b"x" * 70_000, "body"),
    ],
)
async def test_a_body_that_is_wrong_names_its_field(body: bytes, field: str) -> None:
    async with gateway() as (running, issuer):
        headers = {**issuer.headers(ADMIN), "Content-Type": "application/json"}
        answer = await running.client.post("/-/auth/keys", content=body, headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (413 if len(body) > 65_536 else 400, field), answer.text
        unnamed = await running.client.post("/-/auth/keys", content=b"{}", headers=issuer.headers(ADMIN))
        assert unnamed.status_code == 415


async def test_keys_are_taken_only_where_they_are_enabled() -> None:
    issuer = TokenIssuer()
    async with running_gateway(who(), issuer=issuer) as running:
        _, key = await KeyStore(running.gateway.store.require()).create(KeyGrant(name="x"), "test")
        assert (await ask(running, key.text)).status_code == 401
        answer = await running.client.post("/-/auth/keys", json={"name": "x"}, headers=issuer.headers(ADMIN))
        assert (answer.status_code, answer.json()["code"]) == (409, "KEYS_DISABLED")


async def test_one_credential_in_one_field() -> None:
    async with gateway() as (running, issuer):
        key = (await made(running, issuer))["key"]
        token = issuer.headers(ADMIN)["Authorization"]
        for fields in (
            [("X-API-Key", key), ("Authorization", token)],
            [("X-API-Key", key), ("X-API-Key", key)],
            [("Authorization", token), ("Authorization", token)],
            [("Authorization", f"Bearer {key}"), ("Authorization", token)],
        ):
            answer = await running.client.get("/api/who/me", headers=fields)
            assert (answer.status_code, answer.json()["code"]) == (400, "AMBIGUOUS_CREDENTIALS")
            assert 'error="invalid_request"' in answer.headers["www-authenticate"]
            public = await running.client.get("/api/who/anybody", headers=fields)
            assert public.json()["method"] == "anonymous"


async def test_an_address_that_guesses_is_slowed_and_good_credentials_that_are_known_are_not() -> None:
    async with gateway() as (running, issuer):
        key = (await made(running, issuer))["key"]
        assert (await ask(running, key)).status_code == 200
        answers = [await ask(running, new_key().text) for _ in range(60)]
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {401, 429}
        assert statuses[:25] == [401] * 25
        slowed = next(answer for answer in answers if answer.status_code == 429)
        assert (slowed.json()["code"], slowed.headers["retry-after"]) == ("TOO_MANY_ATTEMPTS", "1")
        assert (await ask(running, key)).status_code == 200


async def test_a_page_that_goes_on_with_an_expired_token_uses_up_no_attempts() -> None:
    async with gateway() as (running, issuer):
        old = bearer(issuer.token(ADMIN, lifetime=-100))
        assert {(await running.client.get("/api/who/me", headers=old)).status_code for _ in range(100)} == {401}


async def test_a_log_tells_why_and_never_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "fluxgate.auth")
    async with gateway() as (running, issuer):
        created = await made(running, issuer)
        await running.client.delete(f"/-/auth/keys/{created['record']['id']}", headers=issuer.headers(ADMIN))
        await ask(running, created["key"])
        assert f"the key {created['record']['id']} is revoked" in caplog.text
        assert created["key"].split("_")[2] not in caplog.text


# -- from the command line


def test_the_command_line(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure("[auth.keys]\nenabled = true\n", enabled=())
    made_ = site.fluxgate("keys", "create", "ops", "--role", "admin", "--expires", "90d")
    assert made_.returncode == 0, made_.stderr
    key = made_.stdout.strip()
    parsed = parse_key(key.encode())
    assert parsed is not None
    assert "isn't shown again" in made_.stderr
    listed = site.fluxgate("keys", "list").stdout
    assert re.search(rf"^{parsed.id} +ops +active +key:{parsed.id} +admin +any +\d{{4}}-", listed, re.MULTILINE)
    assert key not in listed
    with site.serve() as server:
        me = server.client.get("/-/auth/me", headers={"X-API-Key": key}).json()
        assert (me["id"], me["roles"], me["method"], me["open"]) == (f"key:{parsed.id}", ["admin"], "key", False)
    assert site.fluxgate("keys", "revoke", parsed.id).stdout == f"revoked: {parsed.id} ops\n"
    assert " revoked " in site.fluxgate("keys", "list").stdout
    for arguments, words in (
        (("revoke", "nothing"), "there is no key nothing"),
        (("create", "x", "--role", "a b"), "roles"),
    ):
        refused = site.fluxgate("keys", *arguments)
        assert refused.returncode == 1
        assert words in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(("text", "seconds"), [("90d", 7_776_000), ("12h", 43_200), ("1y", 31_536_000), ("5m", 300)])
def test_durations(text: str, seconds: int) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "soon", "90", "0d", "-1d", "1.5h", "9999999999d", "1 d"])
def test_no_durations(text: str) -> None:
    with pytest.raises(click.BadParameter, match="not a duration"):
        Duration().convert(text, None, None)
