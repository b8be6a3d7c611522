"""Whether the caller of an answer without an end may still have it: asked again now and then, and at once when a
credential was withdrawn here.

Without this a camera that was opened with a key would go on for as long as it is watched, whatever became of the key.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from fluxgate.errors import ForbiddenError, NotFoundError, ProblemError, UnauthenticatedError
from fluxgate.policy import authorize

if TYPE_CHECKING:
    from fluxgate.auth import Authenticator
    from fluxgate.principal import Principal
    from fluxgate.routing import Route
    from fluxgate.switching import SwitchedProtocol
    from fluxgate.types import RawHeaders, Scope

__all__ = ["Standing", "Watch"]

logger = logging.getLogger("fluxgate.auth")

_OVER: Scope = {}
"""The scope of a request that is over."""


class Standing:
    """One per gateway. `interval`: seconds between two questions."""

    def __init__(self, auth: Authenticator, interval: float) -> None:
        self.interval = interval
        self._auth = auth
        self._watches: set[Watch] = set()
        auth.on_withdrawn = self.ask_now

    def watch(self, route: Route, principal: Principal, scope: Scope) -> Watch:
        """To be stopped when the request is over. Nothing is watched before the endpoint has said, through `scope`,
        how its answer is to be ended: with `fluxgate.on_ending` or `fluxgate.switch`."""
        return Watch(self, route, principal, scope)

    def ask_now(self) -> None:
        """Ask for all of them: a credential was withdrawn."""
        for watch in tuple(self._watches):
            watch.ask()

    async def holds(self, route: Route, principal: Principal, scope: Scope) -> bool:
        """Whether the caller would be let through now, and as the same. Yes where that can't be told now."""
        again = {**scope}  # what is written into it isn't for the endpoint
        try:
            if await self._auth.identify_again(principal, again) != principal:
                return False
            if (asking := authorize(route.policy, principal, again)) is not None:
                await asking
        except (UnauthenticatedError, ForbiddenError, NotFoundError):
            return False
        except ProblemError as error:
            logger.warning("whether %s may still have %s can't be told now: %s", principal.id, route.name, error)
        except Exception:
            logger.exception("whether %s may still have %s couldn't be found out", principal.id, route.name)
            return False
        return True

    def begun(self, watch: Watch) -> float:
        """It is watched from now on; seconds until the first question, which come at different times for those who
        came at once."""
        self._watches.add(watch)
        return self.interval * random.uniform(0.5, 1.0)  # noqa: S311 - nobody gains by guessing it

    def over(self, watch: Watch) -> None:
        """It isn't watched any more."""
        self._watches.discard(watch)


class Watch:
    """One request's."""

    __slots__ = (
        "_asking",
        "_end",
        "_is_outdated",
        "_on_ending",
        "_principal",
        "_route",
        "_scope",
        "_standing",
        "_switch",
        "_timer",
    )

    def __init__(self, standing: Standing, route: Route, principal: Principal, scope: Scope) -> None:
        self._standing = standing
        self._route = route
        self._principal = principal
        self._scope = scope
        self._end: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None
        self._is_outdated = False
        self._on_ending = scope.get("fluxgate.on_ending")
        if self._on_ending is not None:
            scope["fluxgate.on_ending"] = self._set_on_ending
        self._switch = scope.get("fluxgate.switch")
        if self._switch is not None:
            scope["fluxgate.switch"] = self._switched

    def ask(self) -> None:
        """Find out now whether the caller may still have it, and end it otherwise."""
        if self._end is None:
            return
        if self._asking is not None:
            self._is_outdated = True  # what it has read may be from before
            return
        self._asking = asyncio.ensure_future(self._ask())

    def stop(self) -> None:
        """The request is over."""
        # The scope knows its watch: without this, each request would be left to the garbage collector.
        self._scope = _OVER
        if self._end is None:
            return
        self._end = None
        self._standing.over(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._asking is not None:
            self._asking.cancel()

    def _set_on_ending(self, callback: Callable[[], None] | None) -> None:
        assert self._on_ending is not None
        self._on_ending(callback)
        if callback is None:
            self.stop()
        else:
            self._begin(callback)

    async def _switched(self, headers: RawHeaders, protocol: SwitchedProtocol) -> bool:
        assert self._switch is not None
        self._begin(protocol.withdraw)
        switched: bool = await self._switch(headers, protocol)
        return switched

    def _begin(self, end: Callable[[], None]) -> None:
        begun = self._end is not None
        self._end = end
        if not begun:
            self._ask_in(self._standing.begun(self))

    def _ask_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self.ask)

    async def _ask(self) -> None:
        holds = True
        while holds:
            self._is_outdated = False
            holds = await self._standing.holds(self._route, self._principal, self._scope)
            if not self._is_outdated:
                break
        self._asking = None
        end = self._end
        if end is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        if holds:
            self._ask_in(self._standing.interval)
            return
        logger.info("%s was ended: %s may not have it any more", self._scope["path"], self._principal.id)
        self.stop()
        end()
