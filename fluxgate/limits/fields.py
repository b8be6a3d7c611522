"""How a client is told its limits: the `RateLimit` fields of draft-ietf-httpapi-ratelimit-headers-10."""

from __future__ import annotations

from fluxgate.limits.limiter import Decision
from fluxgate.settings.rate import Rate

__all__ = ["RateFields"]

_SECOND = 1_000_000_000


class RateFields:
    """One class's fields. The quota is the burst, its window the time in which all of it comes back; that is the rate,
    said so that a client who keeps to it is never refused."""

    __slots__ = ("_name", "policy")

    def __init__(self, name: str, rate: Rate) -> None:
        self._name = name.encode("ascii")
        window = -(-rate.burst * rate.interval // _SECOND)
        self.policy = (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (self._name, rate.burst, window))

    def state(self, decision: Decision) -> tuple[bytes, bytes]:
        """What is left of the quota, and the seconds until it is whole again."""
        return b"ratelimit", b'"%b";r=%d;t=%d' % (self._name, decision.remaining, -(-decision.reset // _SECOND))
