"""Who a request comes from: its one credential is looked up among what was verified a moment ago, else verified.

A credential that isn't taken is an answer of its own, never a silent fall to nobody; only on a route that is anybody's
it doesn't lock its owner out: there the caller is nobody, and `scope["fluxgate.refused"]` says why.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import sha256
from hmac import compare_digest
from typing import TypeVar

from fluxgate.address import ClientAddress
from fluxgate.auth.attempts import Attempts
from fluxgate.auth.exposure import access_of, warn_of_exposure
from fluxgate.auth.key_api import KeyApi
from fluxgate.auth.keyring import Keyring
from fluxgate.auth.link_api import LinkApi, Resolve
from fluxgate.auth.links import Links
from fluxgate.auth.presented import Presented, presented, take_link
from fluxgate.auth.recent import Recent
from fluxgate.auth.rejection import rejected
from fluxgate.auth.session_api import SessionApi
from fluxgate.auth.sessions import LiveSession, Sessions
from fluxgate.auth.signing import SigningSecret
from fluxgate.auth.surroundings import Surroundings
from fluxgate.auth.tokens import TokenVerifier, Verified
from fluxgate.credentials import CSRF_FIELD
from fluxgate.errors import ForbiddenError, ProblemError, UnauthenticatedError
from fluxgate.policy import Public
from fluxgate.principal import ANONYMOUS, LOCAL, Principal
from fluxgate.routing import SAFE_METHODS, Route
from fluxgate.settings import Settings
from fluxgate.store import Store
from fluxgate.types import Scope

__all__ = ["Authenticator"]

logger = logging.getLogger("fluxgate.auth")

T = TypeVar("T")

REFUSED_FOR = 2.0
"""Seconds that a credential which wasn't taken isn't looked at again: a page that goes on asking with it costs
nothing, and none of its address's attempts."""
_REFUSED = 1024


class Authenticator:
    """One per gateway. With no identity provider everybody is `LOCAL`; `access` says how callers are treated."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.access = access_of(settings)
        self._settings = settings
        self._store = store
        self._surroundings = Surroundings(settings)
        self._clients = ClientAddress(settings.gateway.trusted_proxies)
        self._https = (settings.gateway.public_url or "").startswith("https://")
        self._attempts = Attempts()
        self._refused: Recent[UnauthenticatedError] = Recent(_REFUSED)
        self._tokens = TokenVerifier(settings)
        self._keyring = Keyring(settings.auth.keys, store)
        self._sessions = Sessions(settings.auth.session, store, self._keyring, self._withdrawn)
        self._links = Links(SigningSecret(settings))
        self.on_withdrawn: Callable[[], None] = lambda: None
        """Called when a key was revoked, or a session ended, by this process."""

    def routes(self, resolve: Resolve) -> list[Route]:
        """The routes below `/-/auth/`. `resolve`: the route table, once it is there."""
        settings = self._settings.auth
        return [
            *SessionApi(settings.session, self._sessions).routes(),
            *LinkApi(settings.links, self._links, resolve, self._settings.gateway.public_url or "").routes(),
            *KeyApi(self._store, self._forget_key, enabled=settings.keys.enabled).routes(),
        ]

    async def start(self) -> None:
        """Begin what runs in the background."""
        warn_of_exposure(self._settings)
        for source in self._tokens.sources:
            await source.start()
        await self._keyring.start()

    async def stop(self) -> None:
        """End it."""
        await self._keyring.stop()
        for source in self._tokens.sources:
            await source.stop()

    async def identify(self, scope: Scope) -> Principal:
        """The caller; ANONYMOUS without credentials.

        Raises UnauthenticatedError for credentials that aren't taken, TooManyRequestsError for too many of them,
        ForbiddenError for what a foreign page asks for, UnavailableError where they can't be checked now.
        """
        secure = scope["fluxgate.secure"] = self.is_secure(scope)
        try:
            link = take_link(scope) if scope["query_string"] else None
            if self.access != "asked":
                self._surroundings.check_open(scope)
                return LOCAL
            found = presented(scope, link, secure=secure)
            return ANONYMOUS if found is None else await self._principal(found, scope)
        except ProblemError as problem:
            if self.access != "asked" or not isinstance(scope["fluxgate.route"].policy, Public):
                raise
            scope["fluxgate.refused"] = problem
            return ANONYMOUS

    async def identify_again(self, principal: Principal, scope: Scope) -> Principal:
        """The caller of a request that was let through as `principal`. Raises what `identify` does.

        A link's time is the time to begin: what was begun with it goes on while the key that it was made with is good.
        """
        if principal.method == "link":
            if principal.credential:
                await self._keyring.check_valid(principal.credential, asked_lately=True)
            return principal
        return await self.identify(scope)

    def is_secure(self, scope: Scope) -> bool:
        """Whether the client speaks https, to us or to a proxy that is trusted."""
        return self._https or self._clients.scheme(scope) == "https"

    async def _principal(self, found: Presented, scope: Scope) -> Principal:
        digest = sha256(found.value).digest()
        match found.kind:
            case "token":
                verified = self._tokens.remembered(digest, time.time())
                if verified is None:
                    verified = await self._tried(found, digest, scope, self._token)
                scope["fluxgate.expires_at"] = verified.expires_at
                return verified.principal
            case "key":
                principal = self._keyring.remembered(digest, time.monotonic())
                return principal if principal is not None else await self._tried(found, digest, scope, self._key)
            case "session":
                session = self._sessions.remembered(digest, time.monotonic())
                if session is None:
                    session = await self._tried(found, digest, scope, self._sessions.verify)
                self._check_csrf(session, scope)
                scope["fluxgate.session"] = session
                return session.principal
            case "link":
                return await self._tried(found, digest, scope, partial(self._link, scope))

    async def _tried(
        self, found: Presented, digest: bytes, scope: Scope, verify: Callable[[bytes, bytes], Awaitable[T]]
    ) -> T:
        """Verify a credential that wasn't seen a moment ago, at the cost of an attempt if it isn't taken."""
        now = time.monotonic()
        if (again := self._refused.get(digest, now)) is not None:
            raise again.with_traceback(None)
        address = self._clients.of(scope)
        self._attempts.check(address)
        try:
            return await verify(found.value, digest)
        except UnauthenticatedError as error:
            self._attempts.failed(address)
            # A link may be good for another path.
            if found.kind != "link":
                self._refused.put(digest, error, now + REFUSED_FOR)
            logger.info("a %s from %s isn't taken: %s", found.kind, address, error.reason)
            raise

    async def _token(self, text: bytes, digest: bytes) -> Verified:
        if not self._tokens:
            raise rejected("no issuer of tokens is configured")
        return await self._tokens.verify(text, digest)

    async def _key(self, text: bytes, digest: bytes) -> Principal:
        if not self._settings.auth.keys.enabled:
            raise rejected("API keys aren't enabled")
        return await self._keyring.verify(text, digest)

    async def _link(self, scope: Scope, text: bytes, digest: bytes) -> Principal:
        if scope["fluxgate.route"].kind == "websocket":
            raise rejected("it isn't good for a WebSocket")
        claims = self._links.check(text, scope["method"], scope["raw_path"], scope["query_string"])
        if claims.key_id:
            await self._keyring.check_valid(claims.key_id, asked_lately=True)
        return claims.principal

    def _check_csrf(self, session: LiveSession, scope: Scope) -> None:
        """Raise ForbiddenError for a change that isn't asked for by a page of the gateway's own."""
        if scope["method"] in SAFE_METHODS:
            return
        self._surroundings.check_origin(scope)
        sent = [value for name, value in scope["headers"] if name == CSRF_FIELD]
        if len(sent) != 1 or not compare_digest(sent[0], session.csrf.encode("ascii")):
            raise ForbiddenError("Load the page again, and then try again.", code="CSRF_FAILED", field="x-csrf-token")

    def _withdrawn(self) -> None:
        self.on_withdrawn()

    def _forget_key(self, key_id: str) -> None:
        self._keyring.forget(key_id)
        self._sessions.forget_key(key_id)
