"""Who a request comes from: its one credential is looked up among what was verified a moment ago, else verified.

A credential that isn't taken is an answer of its own, never a silent fall to nobody; only on a route that is anybody's
it doesn't lock its owner out: there the caller is nobody, and `scope["fluxgate.refused"]` says why.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from hashlib import sha256

from fluxgate.address import client_address, forwarded_scheme
from fluxgate.auth.attempts import Attempts
from fluxgate.auth.exposure import access_of, warn_of_exposure
from fluxgate.auth.presented import Presented, presented, take_link
from fluxgate.auth.recent import Recent
from fluxgate.auth.rejection import rejected
from fluxgate.auth.surroundings import Surroundings
from fluxgate.auth.tokens import TokenVerifier
from fluxgate.errors import ProblemError, UnauthenticatedError
from fluxgate.policy import Public
from fluxgate.principal import ANONYMOUS, LOCAL, Principal
from fluxgate.settings import Settings
from fluxgate.store import Store
from fluxgate.types import Scope

__all__ = ["Authenticator"]

logger = logging.getLogger("fluxgate.auth")

REFUSED_FOR = 2.0
"""Seconds that a credential which wasn't taken isn't looked at again: a page that goes on asking with it costs
nothing, and none of its address's attempts."""
_REFUSED = 1024


class Authenticator:
    """One per gateway. With no identity provider everybody is `LOCAL`; `access` says how callers are treated."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.access = access_of(settings)
        self._settings = settings
        self._surroundings = Surroundings(settings)
        self._trusted = tuple(ipaddress.ip_network(network) for network in settings.gateway.trusted_proxies)
        self._https = (settings.gateway.public_url or "").startswith("https://")
        self._attempts = Attempts()
        self._refused: Recent[UnauthenticatedError] = Recent(_REFUSED)
        self._tokens = TokenVerifier(settings)

    async def start(self) -> None:
        """Begin what runs in the background."""
        warn_of_exposure(self._settings)
        for source in self._tokens.sources:
            await source.start()

    async def stop(self) -> None:
        """End it."""
        for source in self._tokens.sources:
            await source.stop()

    async def identify(self, scope: Scope) -> Principal:
        """The caller; ANONYMOUS without credentials.

        Raises UnauthenticatedError for credentials that aren't taken, TooManyRequestsError for too many of them,
        ForbiddenError for what a foreign page asks for, UnavailableError where they can't be checked now.
        """
        try:
            link = take_link(scope) if scope["query_string"] else None
            if self.access != "asked":
                self._surroundings.check_open(scope)
                return LOCAL
            found = presented(scope, link, secure=self.is_secure(scope))
            return ANONYMOUS if found is None else await self._principal(found, scope)
        except ProblemError as problem:
            route = scope.get("fluxgate.route")
            if self.access != "asked" or route is None or not isinstance(route.policy, Public):
                raise
            scope["fluxgate.refused"] = problem
            return ANONYMOUS

    def is_secure(self, scope: Scope) -> bool:
        """Whether the client speaks https, to us or to a proxy that is trusted."""
        return self._https or forwarded_scheme(scope, self._trusted) in {"https", "wss"}

    async def _principal(self, found: Presented, scope: Scope) -> Principal:
        digest = sha256(found.value).digest()
        if (known := self._tokens.remembered(digest, time.time())) is not None:
            return known.principal
        return await self._verified(found, digest, scope)

    async def _verified(self, found: Presented, digest: bytes, scope: Scope) -> Principal:
        """The caller of a credential that wasn't seen a moment ago, at the cost of an attempt if it isn't taken."""
        now = time.monotonic()
        if (again := self._refused.get(digest, now)) is not None:
            raise again.with_traceback(None)
        address = client_address(scope, self._trusted)
        self._attempts.check(address)
        try:
            return await self._verify(found, digest, scope)
        except UnauthenticatedError as error:
            self._attempts.failed(address)
            self._refused.put(digest, error, now + REFUSED_FOR)
            logger.info("a %s from %s isn't taken: %s", found.kind, address, error.reason)
            raise

    async def _verify(self, found: Presented, digest: bytes, scope: Scope) -> Principal:
        if found.kind != "token" or not self._tokens:
            raise rejected(f"no {found.kind} is taken here")
        return (await self._tokens.verify(found.value, digest)).principal
