from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.journal import CONNECTED, DATA, DISCONNECTED, HEARTBEAT, LOST, Header, StreamName, data_fields, decode_entry, event_fields
from streamers.batcher import Batch
from streamers.overflow import Entry, Overflow, decode, encode
from streamers.spool import Spool

STREAM = StreamName("tiny", "trades")


def data(number: int, *, connection: str = "c1", frames: int = 2) -> tuple[Batch, Entry]:
    raw = [f"{connection} {number} {frame}".encode() for frame in range(frames)]
    times = [number * 10 + frame for frame in range(frames)]
    batch = Batch(STREAM, connection, number, raw, times, sum(map(len, raw)))
    return batch, (STREAM, data_fields(connection, number, raw, times))


def event(number: int, type: str, *, connection: str = "c1") -> tuple[Batch, Entry]:
    return Batch(STREAM, connection, number, [], [number * 10], 0, type), (STREAM, event_fields(type, connection, number, number * 10))


def headers(overflow: Overflow) -> list[Header]:
    found = []
    while entries := overflow.read(1 << 20):
        found += [decode_entry(b"0-1", fields).header for _, fields in entries]
        overflow.advance()
    return found


Make = Callable[[int], Overflow]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """An overflow on the same folder each time, as the next process would find it."""
    spools: list[Spool] = []

    def made(max_bytes: int) -> Overflow:
        for spool in spools:
            spool.close()
        spools.append(Spool(tmp_path, max_bytes=max_bytes))
        return Overflow(spools[-1])

    yield made
    for spool in spools:
        spool.close()


@pytest.fixture
def full(make: Make) -> Overflow:
    """Its spool has room for nothing."""
    return make(8)


def test_an_entry_survives_the_disk() -> None:
    for _, entry in (data(3), event(4, CONNECTED)):
        assert decode(encode(entry)) == entry


def test_order_is_kept(make: Make) -> None:
    overflow = make(1 << 20)
    overflow.put([event(0, CONNECTED), data(1)])
    overflow.put([data(2), event(3, DISCONNECTED)])
    assert overflow.behind
    assert [(header.type, header.batch_no) for header in headers(overflow)] == [(CONNECTED, 0), (DATA, 1), (DATA, 2), (DISCONNECTED, 3)]
    assert not overflow.behind


def test_a_run_of_shed_batches_is_one_exact_loss(full: Overflow) -> None:
    full.put([data(1), data(2, frames=3)])
    full.put([data(3)])
    (lost,) = headers(full)
    assert (lost.type, lost.connection_id, lost.batch_no) == (LOST, "c1", 3)
    assert lost.context == {
        "cause": "spool_full",
        "frames": 7,
        "bytes": 7 * len("c1 1 0"),
        "first_us": 10,
        "last_us": 31,
        "first_batch": 1,
        "last_batch": 3,
    }
    assert full.lost_frames == 7
    assert not full.behind


def test_events_are_never_shed_and_stay_in_their_place(full: Overflow) -> None:
    full.put([event(0, CONNECTED), data(1), event(2, HEARTBEAT), event(3, DISCONNECTED)])
    full.put([event(0, CONNECTED, connection="c2"), data(1, connection="c2")])
    found = [(header.connection_id, header.type, header.batch_no) for header in headers(full)]
    assert found == [("c1", CONNECTED, 0), ("c1", LOST, 2), ("c1", DISCONNECTED, 3), ("c2", CONNECTED, 0), ("c2", LOST, 1)]


def test_loss_is_told_apart_by_connection(full: Overflow) -> None:
    full.put([data(1), data(1, connection="c2"), data(2), data(2, connection="c2")])
    found = [
        (h.connection_id, h.context and (h.context["first_batch"], h.context["last_batch"], h.context["frames"])) for h in headers(full)
    ]
    assert found == [("c1", (1, 2, 4)), ("c2", (1, 2, 4))]


def test_the_loss_goes_in_before_the_next_kept_batch(make: Make) -> None:
    size = len(encode(data(1)[1])) + 8
    overflow = make(32 * size)
    overflow.put([data(number) for number in range(40)])
    kept = overflow.read(1 << 20)
    overflow.advance()
    overflow.put([data(number) for number in range(40, 44)])
    rest = [(header.type, header.batch_no, header.frames) for header in headers(overflow)]
    lost = overflow.lost_frames
    assert rest[-5:] == [(LOST, 39, 0), (DATA, 40, 2), (DATA, 41, 2), (DATA, 42, 2), (DATA, 43, 2)]
    assert 2 * len(kept) + sum(frames for _, _, frames in rest) + lost == 2 * 44


def test_leaving_puts_what_is_held_on_disk(make: Make) -> None:
    overflow = make(8)
    overflow.put([data(1), event(2, DISCONNECTED)])
    overflow.secure()
    assert [header.type for header in headers(make(8))] == [LOST, DISCONNECTED]
