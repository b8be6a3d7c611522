"""API keys as requests bring them: parsed, compared with the database, and remembered for a few seconds."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from datetime import UTC, datetime

from fluxgate.auth.apikeys import parse_key
from fluxgate.auth.keystore import KeyRecord, KeyStore
from fluxgate.auth.recent import Recent
from fluxgate.auth.rejection import rejected
from fluxgate.errors import FluxgateError
from fluxgate.principal import Principal
from fluxgate.settings import KeySettings
from fluxgate.store import Store

__all__ = ["Keyring"]

REMEMBERED = 4096
WRITE_EVERY = 60.0
"""Seconds between writings of when keys were used last."""

logger = logging.getLogger("fluxgate.auth")


class Keyring:
    """The keys of one gateway process."""

    def __init__(self, settings: KeySettings, store: Store) -> None:
        self._cache_seconds = settings.cache_seconds
        self._store = store
        self._recent: Recent[Principal] = Recent(REMEMBERED)
        self._valid: dict[str, float] = {}
        """Until when a key id needn't be looked up again: what was made with the key asks for it alone."""
        self._forgotten = 0
        """How often something had to be forgotten: what was read before isn't remembered after."""
        self._used: dict[str, datetime] = {}
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to write down, now and then, when keys were used last."""
        self._writer = asyncio.create_task(self._keep_writing(), name="last uses of API keys")

    async def stop(self) -> None:
        """Write down the rest."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait({self._writer})
            self._writer = None
        await self._write()

    def remembered(self, digest: bytes, now: float) -> Principal | None:
        """Who calls with a key that was verified a moment ago. `digest`: its SHA-256; `now`: monotonic seconds."""
        return self._recent.get(digest, now)

    async def verify(self, text: bytes, digest: bytes) -> Principal:
        """Who calls with the key. Raises UnauthenticatedError; UnavailableError while the database is away."""
        parsed = parse_key(text)
        if parsed is None:
            raise rejected("it isn't an API key")
        forgotten = self._forgotten
        record = await self._store_now().find(parsed.id)
        if record is None or not hmac.compare_digest(record.secret_hash, parsed.secret_hash):
            raise rejected("there is no such key")
        self._check(record)
        principal = record.principal
        if forgotten == self._forgotten:
            self._recent.put(digest, principal, self._until(record))
        self._used[record.id] = datetime.now(UTC)
        return principal

    async def check_valid(self, key_id: str, *, asked_lately: bool = False) -> None:
        """Raise UnauthenticatedError if the key, with which a session or a link was made, is no longer good.

        `asked_lately`: what was read within the cache's time will do.
        """
        if asked_lately and self._valid.get(key_id, 0.0) > time.monotonic():
            return
        forgotten = self._forgotten
        record = await self._store_now().find(key_id)
        if record is None:
            raise rejected("the key that it was made with is gone")
        self._check(record)
        if len(self._valid) >= REMEMBERED:
            self._valid.clear()
        if forgotten == self._forgotten:
            self._valid[key_id] = self._until(record)

    def forget(self, key_id: str) -> None:
        """A key was revoked here: it isn't taken from now on."""
        self._forgotten += 1
        self._recent.drop(lambda principal: principal.credential == key_id)
        self._valid.pop(key_id, None)

    def _until(self, record: KeyRecord) -> float:
        """Until when (monotonic seconds) the record needn't be looked at again."""
        seconds = self._cache_seconds
        if record.expires_at is not None:
            seconds = min(seconds, (record.expires_at - datetime.now(UTC)).total_seconds())
        return time.monotonic() + seconds

    def _check(self, record: KeyRecord) -> None:
        why = record.unusable(datetime.now(UTC))
        if why:
            raise rejected(f"the key {record.id} is {why}", expired=why == "expired")

    def _store_now(self) -> KeyStore:
        return KeyStore(self._store.require())

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY)
            await self._write()

    async def _write(self) -> None:
        used, self._used = self._used, {}
        if not used or not self._store.is_ready:
            return
        # When it was last used is worth no failure; it is written at the next use.
        try:
            await self._store_now().used(used)
        except FluxgateError as error:
            logger.warning("when keys were used last can't be written: %s", error)
