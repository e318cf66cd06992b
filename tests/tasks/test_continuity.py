"""What is missing, told from what came."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import journal
from core.journal import Header
from core.records import BOOK_DELTAS, BOOK_STATES
from core.venue import Numbered
from db.evidence import BookDoubted, GapClosed, GapOpened, Place, SocketEnded, SocketOpened, SocketProven
from tasks.continuity import MAX_ENDED, Chain, Connection, Sequence, Sockets, first_moment

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


def test_a_late_id_at_the_head_of_a_batch_does_not_widen_the_gap_behind_it() -> None:
    assert missing(Sequence([(1, 10, 10_000)]), (1, 5), (1, 13)) == [(1, 11, 12)]


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


@pytest.mark.parametrize("was_deaf", [False, True])
def test_nothing_is_missed_of_a_shard_that_is_asked_for_nothing_any_more(was_deaf: bool) -> None:
    sockets = Sockets(PLACE)
    read(sockets, connected("a"), header(journal.DATA, "a", 2, 5))
    if was_deaf:
        read(sockets, header(journal.DISCONNECTED, "a", 3, 6, cause="reset"), connected("b", at=8))
    name, batch = ("b", 2) if was_deaf else ("a", 3)
    notes = read(sockets, header(journal.DISCONNECTED, name, batch, 9, cause="no instruments"))
    assert notes == [SocketEnded(name, 9, "no instruments"), *([GapClosed(PLACE, None, 9)] if was_deaf else [])]
    assert not sockets.deaf


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


# --- chains ---------------------------------------------------------------------------------------------------------------


def updates(*rows: tuple[int, int, int]) -> dict[str, dict[str, Any]]:
    """(instrument, previous, own), each as two price levels."""
    instrument, previous, own = (np.repeat(np.array(column, np.int64), 2) for column in zip(*rows, strict=True))
    return {"book_deltas": {"instrument_id": instrument, "previous_id": previous, "update_id": own, "event_at": own * 1000}}


def states(*rows: tuple[int, int]) -> dict[str, dict[str, Any]]:
    """(instrument, own), each as two price levels."""
    instrument, own = (np.repeat(np.array(column, np.int64), 2) for column in zip(*rows, strict=True))
    return {"book_snapshots": {"instrument_id": instrument, "update_id": own, "event_at": own * 1000}}


def chain(*known: tuple[int, int, int]) -> Chain:
    return Chain(BOOK_DELTAS, list(known))


def told(following: Chain, rows: dict[str, dict[str, Any]]) -> list[tuple[int, str, int]]:
    """(instrument, doubted or trusted, since or at), and what is wanted is just what is doubted at the end."""
    notes, wanted = following.follow(PLACE, rows)
    last = {note.instrument_id: isinstance(note, BookDoubted) for note in notes}
    assert wanted == {instrument for instrument, in_doubt in last.items() if in_doubt}
    return [
        (note.instrument_id, "doubted", note.since_us) if isinstance(note, BookDoubted) else (note.instrument_id, "trusted", note.event_us)
        for note in notes
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(updates((1, 10, 15), (2, 900, 907), (1, 15, 40), (2, 907, 908)), [], id="it follows"),
        pytest.param(updates((1, 10, 15), (1, 16, 40)), [(1, "doubted", 15_000)], id="a break inside the batch"),
        pytest.param(updates((1, 11, 15), (1, 15, 16)), [(1, "doubted", 777)], id="a break at its beginning"),
        pytest.param(updates((1, 11, 15), (1, 17, 18)), [(1, "doubted", 777)], id="two are one doubt"),
        pytest.param(updates((1, 15, 40), (1, 10, 15)), [], id="reordered inside the batch"),
        pytest.param(updates((1, 8, 9), (1, 9, 10), (1, 10, 11)), [], id="a repeat, then it follows"),
        pytest.param(updates((1, 8, 12), (1, 12, 14), (1, 10, 13)), [], id="a second connection that cuts otherwise"),
        pytest.param(states((1, 30)) | updates((1, 30, 31)), [], id="a state, and on from there"),
        pytest.param(states((1, 5)) | updates((1, 10, 31)), [], id="a late state"),
        pytest.param(states((1, 30)) | updates((1, 32, 33)), [(1, "doubted", 30_000)], id="a break behind a state"),
        pytest.param(states((1, 34)) | updates((1, 20, 33)), [(1, "doubted", 777), (1, "trusted", 34_000)], id="a state behind a break"),
        pytest.param(updates((7, 99, 100)), [], id="the first of an instrument"),
        pytest.param({}, [], id="nothing"),
        pytest.param({"trades": {}}, [], id="rows of another kind"),
    ],
)
def test_a_chain_breaks_where_an_update_names_one_that_never_came(rows: dict[str, dict[str, Any]], expected: list[Any]) -> None:
    assert told(chain((1, 10, 777), (2, 900, 888)), rows) == expected


def test_a_broken_chain_is_in_doubt_until_a_whole_state() -> None:
    following = chain()
    assert told(following, states((1, 10), (2, 7))) == []
    assert told(following, updates((1, 10, 12), (2, 8, 9))) == [(2, "doubted", 7_000)]
    assert told(following, updates((1, 12, 13), (2, 9, 30))) == []
    assert told(following, updates((1, 13, 14), (2, 33, 34))) == [], "it is in doubt already"
    assert told(following, states((2, 34)) | updates((2, 34, 35))) == [(2, "trusted", 34_000)]
    assert told(following, updates((2, 40, 41))) == [(2, "doubted", 35_000)]


def test_a_doubt_outlives_the_drain() -> None:
    following = Chain(BOOK_DELTAS, [(1, 10, 777)], {1})
    assert told(following, updates((1, 12, 13))) == []
    assert told(following, states((1, 20))) == [(1, "trusted", 20_000)]


def test_of_what_is_known_the_greatest_counts() -> None:
    assert told(chain((1, 20, 5), (1, 10, 777)), updates((1, 20, 21))) == []
    assert told(chain((1, 10, 777), (1, 20, 5)), updates((1, 20, 21))) == []


@given(st.lists(st.integers(1, 40), min_size=2, max_size=60, unique=True).map(sorted), st.sets(st.integers(0, 59)), st.integers(1, 8))
def test_a_chain_is_doubted_just_where_a_lost_update_shows(ids: list[int], lost: set[int], size: int) -> None:
    sent = [(1, before, own) for before, own in pairwise(ids)]
    came = [row for place, row in enumerate(sent) if place not in lost]
    following, found = chain((1, ids[0], ids[0] * 1000)), []
    for at in range(0, len(came), size):
        found += told(following, updates(*came[at : at + size]))
    shown = [place for place in range(len(sent)) if place not in lost and place - 1 in lost]
    last_before = [own for place, (_, _, own) in enumerate(sent) if shown and place < shown[0] and place not in lost]
    assert found == ([(1, "doubted", (last_before or [ids[0]])[-1] * 1000)] if shown else [])


def test_a_socket_that_was_open_and_silent_was_frozen() -> None:
    sockets = Sockets(PLACE)
    read(sockets, header(journal.CONNECTED, "a", 1, 1, incarnation="i"))
    read(sockets, header(journal.DATA, "a", 2, 5))
    assert GapOpened(PLACE, "frozen", 5, 5, None, "idle") in read(sockets, header(journal.DISCONNECTED, "a", 3, 7, cause="idle"))


# --- numbers of a connection ----------------------------------------------------------------------------------------------
def holes(connection: Connection, *said: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """`said`: (scope, number) of each frame."""
    scopes, numbers = np.array([s for s, _ in said]), np.array([n for _, n in said])
    return connection.count(Numbered(np.arange(len(said)), scopes, numbers))[0]


def again(connection: Connection, *numbers: int) -> list[int]:
    return connection.count(Numbered(np.arange(len(numbers)), np.ones(len(numbers), np.int64), np.array(numbers)))[1]


def test_numbers_that_follow_each_other_have_no_hole_wherever_they_begin() -> None:
    connection = Connection(0)
    assert holes(connection, (1, 40), (2, 1), (1, 41), (2, 2)) == []
    assert holes(connection, (1, 42), (2, 3)) == []


def test_a_jump_is_a_hole_of_its_scope_at_the_frame_behind_it() -> None:
    connection = Connection(0)
    assert holes(connection, (1, 1), (2, 1), (1, 5), (2, 2), (1, 6), (1, 8)) == [(1, 2, 4, 2), (1, 7, 7, 5)]
    assert holes(connection, (2, 9)) == [(2, 3, 8, 0)]


def test_a_repeat_or_an_older_number_is_no_hole_and_sets_nothing_back() -> None:
    connection = Connection(0)
    assert holes(connection, (1, 5), (1, 5), (1, 3), (1, 6)) == []
    assert holes(connection, (1, 4), (1, 7)) == []


def test_a_frame_that_is_sent_twice_is_known_by_its_number_and_one_that_is_late_is_none() -> None:
    connection = Connection(0)
    assert again(connection, 1, 2, 2, 3) == [2]
    assert again(connection, 3, 3, 5, 4, 5, 6) == [0, 1, 4]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 30)), min_size=1, max_size=40), st.integers(0, 40))
def test_holes_are_the_same_however_the_frames_are_cut(said: list[tuple[int, int]], cut: int) -> None:
    whole, parted = Connection(0), Connection(0)
    parts = [part for part in (said[:cut], said[cut:]) if part]
    in_parts = [hole[:3] for part in parts for hole in holes(parted, *part)]
    assert sorted(in_parts) == sorted(hole[:3] for hole in holes(whole, *said))
    assert whole.numbers == parted.numbers


def test_a_stream_is_heard_again_from_its_first_word_or_else_from_the_newest_of_whole_states() -> None:
    states = {"event_at": np.array([5, 90, 40])}
    assert first_moment({BOOK_STATES: states, "book_snapshots": states}) == 90
    assert first_moment({BOOK_STATES: states, "trades": {"event_at": np.array([99, 97])}}) == 97
    assert first_moment({}) is None
