"""What the archive knows of a stream, whatever order batches come in."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from core.journal import START, WITNESS, data_fields, event_fields
from tasks.known import MAX_CONNECTIONS, Known

batches = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 12)), max_size=60)


@given(batches, st.integers(0, 60))
def test_each_batch_is_kept_once_whenever_it_comes_and_however_often(said: list[tuple[str, int]], restarted: int) -> None:
    known, kept = Known(), []
    for place, (name, number) in enumerate(said):
        if place == restarted:
            known = Known.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(known.stored())))
        if b"b" in known.take(f"{place + 1}-0", data_fields(name, number, [b"x"], [1])):
            kept.append((name, number))
    assert sorted(kept) == sorted(set(said))


def test_a_header_is_kept_of_every_entry_and_a_witness_is_never_a_repeat() -> None:
    known = Known()
    for _ in range(2):
        assert set(known.take("1-1", data_fields("c", 1, [b"x"], [1]))) >= {b"h"}
        witness = event_fields(WITNESS, "w", 1, 1, {"claims": []})
        assert known.take("1-2", witness) == witness


def test_connections_heard_longest_ago_are_forgotten() -> None:
    known = Known()
    for number in range(MAX_CONNECTIONS + 5):
        known.take("1-1", data_fields(str(number), 1, [b"x"], [1]))
    assert len(known.heard) == MAX_CONNECTIONS
    assert b"b" in known.take("1-1", data_fields("0", 1, [b"x"], [1]))
    assert (known.last_id, Known().last_id) == ("1-1", START)
