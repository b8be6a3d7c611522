"""Live events: whoever listens ends up knowing what is so, whatever it missed in between."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fluxgate.streams import events
from fluxgate.streams.events import Event, EventHub, Listener

pytestmark = pytest.mark.anyio

KEYS = st.sampled_from("abc")
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), KEYS, st.integers(0, 2), st.sampled_from(["all", "some"])),
        st.tuples(st.just("end"), KEYS, st.integers(0, 2), st.sampled_from(["all", "some"])),
        st.tuples(st.just("read"), st.integers(0, 2)),
        st.tuples(st.just("come back"), st.integers(0, 2)),
    ),
    max_size=40,
)


class Client:
    """What a client makes of what it is told. It may see `all`, and `some` if `trusted`."""

    def __init__(self, hub: EventHub, *, trusted: bool) -> None:
        self.hub = hub
        self.trusted = trusted
        self.known: dict[str, bytes] = {}
        self.last: str | None = None
        self.listener = self._listen()

    def sees(self, event: Event) -> bool:
        return event.scope == "all" or self.trusted

    def _listen(self) -> Listener:
        listener = self.hub.listen(self.sees, self.last)
        self.fresh = not listener.resumed
        return listener

    async def read(self) -> None:
        if not self.listener._wake.is_set():
            return
        if self.fresh:
            self.known.clear()
            self.fresh = False
        for event in await anext(self.listener):
            self.last = self.hub.id_of(event)
            assert self.sees(event) or event.data == b"bye"
            if event.gone:
                self.known.pop(event.key, None)
            else:
                self.known[event.key] = event.data

    def come_back(self) -> None:
        self.listener.close()
        self.listener = self._listen()


@given(ACTIONS)
@example([("publish", "a", 0, "all"), ("read", 1), ("publish", "a", 0, "some"), ("come back", 1)])
async def test_everybody_knows_what_is_so_and_no_more_than_they_may(actions: list[tuple[object, ...]]) -> None:
    hub = EventHub()
    clients = [Client(hub, trusted=True), Client(hub, trusted=False), Client(hub, trusted=True)]
    so: dict[str, tuple[bytes, str]] = {}
    for action in actions:
        match action:
            case ("publish" | "end" as what, str(key), int(value), str(scope)):
                data = b"%d" % value
                hub.publish(key, "thing", data, scope=scope, parting=b"bye", gone=what == "end")
                if what == "end":
                    so.pop(key, None)
                else:
                    so[key] = (data, scope)
            case ("read", int(number)):
                await clients[number].read()
            case ("come back", int(number)):
                clients[number].come_back()
    for client in clients:
        await client.read()
        assert client.known == {key: data for key, (data, scope) in so.items() if scope == "all" or client.trusted}


async def test_the_last_states_are_kept_for_a_slow_listener_and_those_between_are_not() -> None:
    hub = EventHub()
    with hub.listen(lambda _: True) as listener:
        await anext(listener)
        for number in range(1000):
            hub.publish("a", "n", b"%d" % number)
        hub.publish("b", "n", b"1")
        assert [(event.key, event.data) for event in await anext(listener)] == [("a", b"999"), ("b", b"1")]
        assert hub.dropped == 999


@pytest.mark.parametrize("last", ["", "x", "-", "1-1", "zz-0", "{epoch}-99", "{epoch}-x", "{epoch}-" + "9" * 30])
async def test_an_id_that_means_nothing_gets_everything(last: str) -> None:
    hub = EventHub()
    hub.publish("a", "n", b"1")
    with hub.listen(lambda _: True, last.format(epoch=hub.epoch)) as listener:
        assert not listener.resumed
        assert len(await anext(listener)) == 1


async def test_who_comes_back_after_an_end_was_forgotten_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = EventHub()
    hub.publish("a", "n", b"1")
    hub.publish("b", "n", b"1")
    before = hub.id_now
    hub.publish("a", "n", b"1", gone=True)
    with hub.listen(lambda _: True, before) as listener:
        assert listener.resumed
        assert [(event.key, event.gone) for event in await anext(listener)] == [("a", True)]
    monkeypatch.setattr(events, "REMEMBERED", -1.0)
    hub.publish("b", "n", b"1", gone=True)
    with hub.listen(lambda _: True, before) as listener:
        assert not listener.resumed
    with hub.listen(lambda _: True, hub.id_now) as listener:
        assert listener.resumed


async def test_the_end_ends_every_listener() -> None:
    hub = EventHub()
    listener = hub.listen(lambda _: True)
    await anext(listener)
    hub.close()
    with pytest.raises(StopAsyncIteration):
        await anext(listener)
    assert hub.listeners == 0
