"""An issuer's published keys, fetched beside the requests: a server that is slow, dead or talks nonsense costs those
who wait for a key that isn't known yet, and nobody else.

    start ─ fetch ─ ok ─────────── sleep max-age ─┐      an unknown kid: fetch now, at most every `jwks_min_interval`
              └──── failed ─ back-off ────────────┴─→    however many wait, one fetch at a time
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from typing import Any

import httpx
import msgspec

from fluxgate import __version__
from fluxgate.auth.keyset import KeySet, UnusableKeyError, VerificationKey, from_jwk
from fluxgate.errors import UnavailableError
from fluxgate.settings import JwtSettings

__all__ = ["JwksSource"]

MAX_BYTES = 512 * 1024
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])", re.IGNORECASE)

logger = logging.getLogger("fluxgate.auth")


class _Published(msgspec.Struct):
    """RFC 7517 §5."""

    keys: list[dict[str, Any]]


class _FetchError(Exception):
    """Why there are no new keys, for the log."""


class JwksSource:
    """The keys behind one `jwks_url`. `changed` counts how often the set became another one."""

    def __init__(self, settings: JwtSettings, url: str) -> None:
        self._settings = settings
        self._url = url
        self._keys: KeySet | None = None
        self._document = b""
        self._fetched_at = 0.0
        self._tried_at = -float("inf")
        self._lifetime = settings.jwks_max_age
        self._client: httpx.AsyncClient | None = None
        self._fetch_task: asyncio.Task[bool] | None = None
        self._loop_task: asyncio.Task[None] | None = None
        self._failure = ""
        self.changed = 0

    @property
    def failure(self) -> str:
        """Why the last fetch failed, for operators; empty if it didn't."""
        return self._failure

    async def start(self) -> None:
        """Begin to fetch, in the background."""
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=self._settings.jwks_timeout,
            headers={"accept": "application/json", "user-agent": f"fluxgate/{__version__}"},
        )
        self._loop_task = asyncio.create_task(self._keep_fresh(), name="published keys")

    async def stop(self) -> None:
        """End it."""
        tasks = {task for task in (self._loop_task, self._fetch_task) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._client is not None:
            await self._client.aclose()
        self._client = self._loop_task = self._fetch_task = None

    def current(self) -> KeySet | None:
        """The keys, unless there never were any or they are older than the time of grace."""
        if self._keys is None or time.monotonic() - self._fetched_at > self._lifetime + self._settings.jwks_stale:
            return None
        return self._keys

    async def with_key(self, kid: str | None) -> KeySet:
        """The keys, after having asked for new ones if `kid` isn't among them and it is time to ask.

        Raises UnavailableError when there are none.
        """
        keys = self.current()
        if keys is None or not keys.knows(kid):
            await self._refresh()
            keys = self.current()
        if keys is None:
            raise UnavailableError(
                "Sign-ins can't be checked at the moment.", code="IDENTITY_PROVIDER_UNAVAILABLE", retry_after=1
            )
        return keys

    async def _refresh(self) -> None:
        """Wait for the fetch that runs, or for a new one if the last isn't too near."""
        running = self._fetch_task is not None and not self._fetch_task.done()
        if running or time.monotonic() - self._tried_at >= self._settings.jwks_min_interval:
            # Not the fetch itself: whoever stops waiting must not stop it for the others.
            await asyncio.wait({self._fetching()})

    def _fetching(self) -> asyncio.Task[bool]:
        if self._fetch_task is None or self._fetch_task.done():
            self._fetch_task = asyncio.create_task(self._fetch(), name="fetching published keys")
        return self._fetch_task

    async def _keep_fresh(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            task = self._fetching()
            await asyncio.wait({task})
            if task.result():
                pause = _FIRST_PAUSE
                await asyncio.sleep(self._lifetime)
            else:
                await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - replicas that don't march in step
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _fetch(self) -> bool:
        self._tried_at = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.jwks_timeout):
                document, lifetime = await self._ask()
            keys = _read(document)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, _FetchError) as error:
            failure = str(error) or type(error).__name__
            if failure != self._failure:
                logger.warning("the keys at %s can't be fetched: %s", self._url, failure)
            self._failure = failure
            return False
        if self._failure:
            logger.info("the keys at %s can be fetched again", self._url)
            self._failure = ""
        self._fetched_at = time.monotonic()
        self._lifetime = lifetime
        if document != self._document:
            self._document, self._keys = document, keys
            self.changed += 1
        return True

    async def _ask(self) -> tuple[bytes, float]:
        if self._client is None:
            raise _FetchError("the gateway isn't started")
        document = bytearray()
        async with self._client.stream("GET", self._url) as answer:
            if answer.status_code != 200:
                raise _FetchError(f"the answer is {answer.status_code}")
            async for piece in answer.aiter_bytes():
                document += piece
                if len(document) > MAX_BYTES:
                    raise _FetchError(f"the answer is larger than {MAX_BYTES} bytes")
            said = _MAX_AGE.search(answer.headers.get("cache-control", ""))
        longest = self._settings.jwks_max_age
        shortest = min(max(self._settings.jwks_min_interval, 1.0), longest)
        return bytes(document), longest if said is None else min(max(float(said[1]), shortest), longest)


def _read(document: bytes) -> KeySet:
    """The keys of a set that can be used. Raises `_FetchError` if none can."""
    try:
        published = msgspec.json.decode(document, type=_Published)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _FetchError("the answer isn't a set of keys (RFC 7517)") from None
    keys: list[VerificationKey] = []
    for jwk in published.keys:
        try:
            keys.append(from_jwk(jwk))
        except UnusableKeyError as error:
            logger.debug("a published key isn't used: %s", error)
    if not keys:
        raise _FetchError("none of the published keys can be used")
    return KeySet(keys)
