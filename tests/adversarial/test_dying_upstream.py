"""An upstream that dies at every byte of its answer, by an end or a reset: the client gets the whole answer, a problem,
or a transfer that is seen to be broken; never a part that looks whole.
"""

from __future__ import annotations

import itertools

import pytest

from tests.adversarial.ledger import Ledger
from tests.support.gateway import GatewayProcess
from tests.support.rawpeer import RawUpstream, chunks

BODY = b"G28\nG1 X10 Y10\nM84\n"
ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(BODY[:4], BODY[4:]),
    "trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n13\r\n" + BODY + b"\r\n0\r\nX: y\r\n\r\n",
    "interim": b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n" + BODY,
}


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
@pytest.mark.parametrize("form", ANSWERS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_at_every_byte(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger, form: str, reset: bool, method: str
) -> None:
    whole = ANSWERS[form]
    for at in itertools.chain(range(len(whole)), [len(whole)]):
        name = f"{key}x{at}"
        upstream.on(name, *[whole[:at]] * (at > 0), end=not reset, reset=reset)
        answer = gateway.ask(method, f"/api/t/once/{name}", (), b"body" if method == "POST" else b"")
        asked = len(upstream.seen[name])
        if asked > 1:
            ledger.enter(f"{form} at {at}", through=f"it was asked {asked} times")
        elif answer.status == 200:
            broken = not answer.complete
            ledger.enter(
                f"{form} at {at}",
                through=not broken and answer.body != BODY and f"a part as the whole: {answer.body!r}",
            )
        else:
            ledger.enter(f"{form} at {at}", through=answer.status not in {502, 504} and f"status {answer.status}")


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_a_dead_upstream_is_never_asked_twice_for_what_changes(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger, method: str
) -> None:
    """RFC 9110 §9.2.2: only what is idempotent, and never once a byte of a body has left."""
    for number, body in enumerate((b"", b"start the print")):
        name = f"{key}x{number}"
        upstream.on(name, end=True)
        gateway.ask(method, f"/api/t/r/{name}", (), body)
        most = 2 if method in {"GET", "PUT", "DELETE"} and not body else 1
        asked = len(upstream.seen[name])
        ledger.enter(f"{method} {body!r}", through=asked > most and f"asked {asked} times")
