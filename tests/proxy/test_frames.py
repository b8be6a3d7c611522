"""The frame tracker against a decoder that holds whole streams: any frames, cut anywhere."""

from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from fluxgate.proxy.frames import FrameTracker, close_frame
from tests.support.websocket import CLOSE, TEXT, Frame, close_payload, frame, frames_in

SIZES = st.one_of(st.integers(0, 12), st.sampled_from([124, 125, 126, 127, 128, 255, 256, 65535, 65536, 65537]))
FRAMES = st.builds(
    lambda size, opcode, masked, final: frame(b"\x81" * size, opcode, masked=masked, final=final),
    SIZES,
    st.sampled_from([0, 1, 2, 9, 10]),
    st.booleans(),
    st.booleans(),
)


def chopped(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(stream) + 1) for cut in cuts} | {0, len(stream)})
    return [stream[start:end] for start, end in itertools.pairwise(places)]


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(0, 600_000), max_size=20))
@example([frame(b"a" * 70_000, masked=True), frame(b"", masked=False)], list(range(20)))
def test_it_knows_after_each_piece_whether_a_frame_has_ended(frames: list[bytes], cuts: list[int]) -> None:
    ends = {0}
    at = 0
    for one in frames:
        at += len(one)
        ends.add(at)
    tracker = FrameTracker()
    passed = 0
    for piece in chopped(b"".join(frames), cuts):
        tracker.feed(piece)
        passed += len(piece)
        assert tracker.at_boundary == (passed in ends)
    assert not tracker.closing


@given(st.lists(FRAMES, max_size=3), st.booleans(), st.lists(st.integers(0, 200), max_size=10))
def test_it_knows_a_close_frame_from_its_first_bytes_and_its_end(
    before: list[bytes], masked: bool, cuts: list[int]
) -> None:
    tracker = FrameTracker()
    for one in before:
        tracker.feed(one)
    assert not tracker.closing
    goodbye = frame(close_payload(1000, b"bye"), CLOSE, masked=masked)
    passed = 0
    for piece in chopped(goodbye, cuts):
        tracker.feed(piece)
        passed += len(piece)
        assert tracker.closing == (passed >= 2)
        assert tracker.closed == (passed == len(goodbye))


@given(st.lists(FRAMES, max_size=5))
def test_a_byte_at_a_time(frames: list[bytes]) -> None:
    stream = b"".join(frames)[:2000]
    whole, bytewise = FrameTracker(), FrameTracker()
    whole.feed(stream)
    for at in range(len(stream)):
        bytewise.feed(stream[at : at + 1])
    assert bytewise.at_boundary == whole.at_boundary
    assert bytewise.closing == whole.closing


@given(st.sampled_from([1001, 1011]), st.text(max_size=30), st.booleans())
def test_a_close_frame_of_our_own(code: int, reason: str, masked: bool) -> None:
    made = close_frame(code, reason.encode(), masked=masked)
    assert frames_in(made) == [Frame(CLOSE, close_payload(code, reason.encode()), masked)]
    tracker = FrameTracker()
    tracker.feed(frame(b"text", TEXT, masked=masked) + made)
    assert tracker.closed
