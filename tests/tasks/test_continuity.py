"""What is missing, told from what came."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import journal
from core.journal import Header
from db.evidence import GapClosed, GapOpened, Place, SocketEnded, SocketOpened, SocketProven
from tasks.continuity import MAX_ENDED, Sequence, Sockets

PLACE = Place("venue", "channel", "0")


def missing(sequence: Sequence, *rows: tuple[int, int]) -> list[tuple[int, int, int]]:
    instruments, ids = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    return [(g.instrument_id, g.first_missing, g.last_missing) for g in sequence.gaps(PLACE, instruments, ids, ids * 1000)]


def test_contiguous_ids_have_no_gap() -> None:
    sequence = Sequence([(1, 10, 10_000)])
    assert missing(sequence, (1, 11), (2, 500), (1, 12), (2, 501)) == []


def test_a_jump_is_a_gap_of_just_the_ids_left_out() -> None:
    sequence = Sequence([(1, 10, 10_000)])
    assert missing(sequence, (1, 14), (1, 15), (1, 20)) == [(1, 11, 13), (1, 16, 19)]


def test_the_first_id_ever_is_no_gap() -> None:
    assert missing(Sequence([]), (7, 1_000_000)) == []


def test_reordering_inside_a_batch_is_no_gap() -> None:
    assert missing(Sequence([(1, 1, 1)]), (1, 4), (1, 2), (1, 3)) == []


def test_repeats_and_late_ids_are_no_gap_and_do_not_move_back() -> None:
    sequence = Sequence([(1, 10, 10_000)])
    assert missing(sequence, (1, 9), (1, 10)) == []
    assert missing(sequence, (1, 11)) == []


def test_a_gap_carries_the_times_around_it() -> None:
    gap = Sequence([(1, 10, 777)]).gaps(PLACE, np.array([1]), np.array([13]), np.array([999]))[0]
    assert (gap.event_from_us, gap.event_to_us) == (777, 999)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.lists(st.integers(1, 8), min_size=1, max_size=10))
def test_told_gaps_are_the_ids_that_never_came_however_batches_are_cut(ids: list[int], sizes: list[int]) -> None:
    ids = sorted(set(ids))
    sequence, told, at = Sequence([(1, 1, 1)]), set(), 0
    while at < len(ids):
        size = sizes[at % len(sizes)]
        for _, first, last in missing(sequence, *((1, i) for i in ids[at : at + size])):
            told |= set(range(first, last + 1))
        at += size
    assert told == set(range(2, max(ids))) - set(ids)


def header(type: str, connection: str, batch: int, at: int = 0, **context: object) -> Header:
    return Header(1, type, connection, batch, 1 if type == journal.DATA else 0, at, at, True, context or None)


def read(sockets: Sockets, *headers: Header) -> list[object]:
    """Feed headers as the digest does; data of event time = receive time."""
    notes: list[object] = []
    for h in headers:
        if sockets.is_repeat(h):
            notes.append("repeat")
            continue
        notes += sockets.take_number(h)
        if h.type == journal.DATA:
            sockets.last_received_us = h.last_us
            notes += sockets.hear(h, h.first_us) if sockets.awaits_data(h.connection_id) else []
            sockets.last_event_us = h.last_us
        else:
            notes += sockets.event(h)
    return notes


def connected(connection: str, batch: int = 1, incarnation: str = "i", at: int = 0) -> Header:
    return header(journal.CONNECTED, connection, batch, at, incarnation=incarnation)


def test_the_first_data_proves_a_connection_not_the_socket() -> None:
    notes = read(Sockets(PLACE), connected("a"), header(journal.SUBSCRIBED, "a", 2), header(journal.DATA, "a", 3, 5))
    assert notes == [SocketOpened(PLACE, "a", 0), SocketProven("a", 5)]


def test_losing_the_only_socket_opens_a_gap_that_the_next_data_closes() -> None:
    sockets = Sockets(PLACE)
    read(sockets, connected("a"), header(journal.DATA, "a", 2, 5))
    assert read(sockets, header(journal.DISCONNECTED, "a", 3, 6, cause="reset")) == [
        SocketEnded("a", 6, "reset"),
        GapOpened(PLACE, "disconnected", 5, 5, None, "reset"),
    ]
    assert read(sockets, connected("b", at=8), header(journal.DATA, "b", 2, 9)) == [
        SocketOpened(PLACE, "b", 8),
        SocketProven("b", 9),
        GapClosed(PLACE, 9, 9),
    ]


def test_make_before_break_is_no_gap() -> None:
    sockets = Sockets(PLACE)
    read(sockets, connected("a"), header(journal.DATA, "a", 2, 5), connected("b"), header(journal.DATA, "b", 2, 6))
    assert read(sockets, header(journal.DISCONNECTED, "a", 3, 7, cause="rotated")) == [SocketEnded("a", 7, "rotated")]


def test_a_replacement_that_never_spoke_does_not_cover() -> None:
    sockets = Sockets(PLACE)
    read(sockets, connected("a"), header(journal.DATA, "a", 2, 5), connected("b"))
    assert GapOpened(PLACE, "disconnected", 5, 5, None, "reset") in read(sockets, header(journal.DISCONNECTED, "a", 3, 7, cause="reset"))


def test_a_new_incarnation_ends_the_connections_of_the_dead_one() -> None:
    sockets = Sockets(PLACE)
    read(sockets, connected("a", incarnation="old"), header(journal.DATA, "a", 2, 5))
    assert read(sockets, connected("b", incarnation="new", at=50)) == [
        SocketEnded("a", 5, "streamer died"),
        GapOpened(PLACE, "disconnected", 5, 5, None, "streamer died"),
        SocketOpened(PLACE, "b", 50),
    ]


def test_a_repeated_batch_is_known_by_connection_and_number() -> None:
    sockets = Sockets(PLACE)
    read(sockets, connected("a"), header(journal.DATA, "a", 2), header(journal.DATA, "a", 3))
    assert read(sockets, header(journal.DATA, "a", 2), header(journal.DATA, "a", 3), header(journal.DATA, "a", 4)) == ["repeat", "repeat"]


def test_a_jump_in_the_batch_numbers_is_a_loss_of_the_journal() -> None:
    sockets = Sockets(PLACE)
    read(sockets, connected("a"), header(journal.DATA, "a", 2, 5))
    opened, closed = read(sockets, header(journal.DATA, "a", 5, 9))
    assert opened.cause == "journal" and "batches 3 to 4" in opened.detail
    assert closed == GapClosed(PLACE, 9, 9)


def test_shed_batches_are_a_gap_with_their_count_and_not_a_journal_loss() -> None:
    sockets = Sockets(PLACE)
    read(sockets, connected("a"), header(journal.DATA, "a", 2, 5))
    lost = header(journal.LOST, "a", 7, 6, cause="spool_full", frames=400, first_batch=3, last_batch=6)
    assert read(sockets, lost, header(journal.DATA, "a", 8, 9)) == [
        GapOpened(PLACE, "lost", 5, 5, 400, "spool_full"),
        GapClosed(PLACE, 9, 9),
    ]


def test_state_survives_being_stored() -> None:
    sockets = Sockets(PLACE)
    read(sockets, connected("a"), header(journal.DATA, "a", 2, 5), header(journal.DISCONNECTED, "a", 3, 6), connected("b", at=7))
    again = Sockets.restore(PLACE, sockets.stored(), sockets.last_event_us, sockets.last_received_us)
    assert again == sockets


@pytest.mark.parametrize("connections", [MAX_ENDED * 3])
def test_ended_connections_are_forgotten_beyond_a_bound(connections: int) -> None:
    sockets = Sockets(PLACE)
    for number in range(connections):
        read(
            sockets, connected(f"c{number:03}"), header(journal.DATA, f"c{number:03}", 2), header(journal.DISCONNECTED, f"c{number:03}", 3)
        )
    assert len(sockets.connections) <= MAX_ENDED
    assert f"c{connections - 1:03}" in sockets.connections
