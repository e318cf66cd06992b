"""db.evidence: what the farm lacks is told in rows that can be told apart."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg2.extensions import connection as RawConnection

from db import evidence
from db.evidence import (
    BookDoubted,
    BookTrusted,
    GapClosed,
    GapOpened,
    Note,
    NumberGap,
    Place,
    SequenceGap,
    SocketEnded,
    SocketOpened,
    SocketProven,
    Unread,
)
from db.moments import moment

AT = 1_795_300_000_000_000
HERE, THERE = Place("somewhere", "trade", "0"), Place("somewhere", "trade", "1")

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def write(connection: RawConnection) -> Callable[..., None]:
    def write(*notes: Note) -> None:
        with connection, connection.cursor() as cursor:
            evidence.write(cursor, notes)

    return write


def test_the_life_of_a_socket(write: Callable[..., None], query: Query) -> None:
    write(SocketOpened(HERE, "c1", AT), SocketProven("c1", AT + 1), SocketProven("c1", AT + 9), SocketEnded("c1", AT + 2, "rotated"))
    write(SocketOpened(HERE, "c1", AT + 50), SocketEnded("c1", AT + 60, "again"))
    assert query("SELECT connection_id, shard, connected_at, proven_at, ended_at, cause FROM sessions") == [
        ("c1", "0", moment(AT), moment(AT + 1), moment(AT + 2), "rotated")
    ]


def test_a_deaf_shard_is_an_open_gap_until_it_hears(write: Callable[..., None], query: Query) -> None:
    write(
        GapOpened(HERE, "disconnected", AT, AT + 1),
        GapOpened(HERE, "lost", AT + 2, AT + 3, 17, "disk full"),
        GapOpened(THERE, "disconnected", None, None),
    )
    write(GapClosed(HERE, AT + 10, AT + 11))
    rows = query(
        "SELECT shard, cause, event_from, event_to, received_from, received_to, frames, state, detail FROM data_gaps ORDER BY gap_id"
    )
    assert rows == [
        ("0", "disconnected", moment(AT), moment(AT + 10), moment(AT + 1), moment(AT + 11), None, "missing", None),
        ("0", "lost", moment(AT + 2), moment(AT + 10), moment(AT + 3), moment(AT + 11), 17, "missing", "disk full"),
        ("1", "disconnected", None, None, None, None, None, "open", None),
    ]


def test_a_closed_gap_is_not_closed_again(write: Callable[..., None], query: Query) -> None:
    write(GapOpened(HERE, "disconnected", AT, AT), GapClosed(HERE, AT + 1, AT + 1), GapClosed(HERE, AT + 99, AT + 99))
    assert query("SELECT received_to FROM data_gaps") == [(moment(AT + 1),)]


def test_gaps_in_a_sequence_name_their_ids(write: Callable[..., None], query: Query) -> None:
    write(
        SequenceGap(HERE, 7, 101, 109, AT, AT + 5), SequenceGap(HERE, 8, 3, 3, None, AT + 6), SequenceGap(HERE, 9, None, None, AT, AT + 7)
    )
    assert query("SELECT instrument_id, cause, first_missing, last_missing, event_from, event_to, state FROM data_gaps ORDER BY 1") == [
        (7, "sequence", 101, 109, moment(AT), moment(AT + 5), "missing"),
        (8, "sequence", 3, 3, None, moment(AT + 6), "missing"),
        (9, "sequence", None, None, moment(AT), moment(AT + 7), "missing"),
    ]


def test_closing_a_shards_gap_leaves_an_instruments_gap(write: Callable[..., None], query: Query) -> None:
    write(SequenceGap(HERE, 7, 101, 109, AT, AT + 5))
    write(GapClosed(HERE, AT + 10, AT + 11))
    assert query("SELECT event_to FROM data_gaps") == [(moment(AT + 5),)]


@pytest.mark.parametrize(
    ("reason", "stands"),
    [
        ("bad\0frame", "bad\\0frame"),
        ("lone \ud83d half", "lone \\ud83d half"),
        ("价格 не то", "价格 не то"),
        ("x" * 10_000, "x" * evidence.MAX_REASON_CHARS),
    ],
    ids=["NUL", "lone surrogate", "not ASCII", "too long"],
)
def test_any_reason_can_be_stored(write: Callable[..., None], query: Query, reason: str, stands: str) -> None:
    write(Unread(HERE, "c1", 4, 2, AT, reason, b"\0\xff{"))
    assert query("SELECT batch_no, frame_no, reason, raw FROM quarantine")[0][:3] == (4, 2, stands)
    assert bytes(query("SELECT raw FROM quarantine")[0][0]) == b"\0\xff{"


def test_a_frame_is_put_aside_once_and_cut_at_its_bound(write: Callable[..., None], query: Query) -> None:
    frame = Unread(HERE, "c1", 4, 2, AT, "why", b"x" * (evidence.MAX_RAW_BYTES + 5))
    write(frame, frame)
    write(frame)
    assert query("SELECT count(*), max(length(raw)) FROM quarantine") == [(1, evidence.MAX_RAW_BYTES)]


def test_thousands_of_frames_at_once(write: Callable[..., None], query: Query) -> None:
    write(*(Unread(HERE, "c1", 1, i, AT, "why", b"raw") for i in range(3000)))
    assert query("SELECT count(*) FROM quarantine") == [(3000,)]


def test_an_instrument_that_never_spoke_is_one_open_gap(write: Callable[..., None], query: Query) -> None:
    write(evidence.Silent(HERE, 7, AT), evidence.Silent(HERE, 7, AT + 5), evidence.Silent(HERE, 8, AT))
    write(GapClosed(HERE, AT + 10, AT + 11))
    assert query("SELECT instrument_id, cause, state, event_to FROM data_gaps ORDER BY 1") == [
        (7, "silent", "open", None),
        (8, "silent", "open", None),
    ]


def test_a_hole_in_the_numbers_of_a_connection_is_a_gap_of_its_shard(write: Callable[..., None], query: Query) -> None:
    write(NumberGap(HERE, 3, 10, 12, AT, AT + 9, AT + 1, AT + 8))
    assert query(
        "SELECT shard, instrument_id, cause, first_missing, last_missing, event_from, event_to, received_from, received_to, state, detail "
        "FROM data_gaps"
    ) == [
        ("0", None, "sequence", 10, 12, moment(AT), moment(AT + 9), moment(AT + 1), moment(AT + 8), "missing", "numbers of subscription 3")
    ]


@pytest.mark.parametrize(
    "notes",
    [
        pytest.param((NumberGap(HERE, 3, 10, 12, AT, AT + 9, AT + 8, AT + 5),), id="within a batch"),
        pytest.param((GapOpened(HERE, "disconnected", AT, AT + 8), GapClosed(HERE, AT + 9, AT + 5)), id="over an outage"),
    ],
)
def test_a_clock_that_is_set_back_hides_no_gap(write: Callable[..., None], query: Query, notes: tuple[Note, ...]) -> None:
    write(*notes)
    assert query("SELECT received_from, received_to, state FROM data_gaps") == [(moment(AT + 8), moment(AT + 8), "missing")]


def test_a_doubted_book_is_an_open_gap_of_its_instrument_until_it_is_trusted(write: Callable[..., None], query: Query) -> None:
    write(BookDoubted(HERE, 7, AT, "crossed"), BookDoubted(HERE, 7, AT + 5, "crossed again"), BookDoubted(HERE, 8, AT, "crossed"))
    write(BookTrusted(HERE, 7, AT + 9))
    assert query("SELECT instrument_id, event_from, event_to, state, detail FROM data_gaps WHERE cause = 'book' ORDER BY 1") == [
        (7, moment(AT), moment(AT + 9), "missing", "crossed"),
        (8, moment(AT), None, "open", "crossed"),
    ]


def test_the_first_whole_state_of_a_silent_one_ends_its_silence(write: Callable[..., None], query: Query) -> None:
    write(evidence.Silent(HERE, 7, AT), evidence.Silent(HERE, 8, AT), BookTrusted(HERE, 7, AT + 9))
    assert query("SELECT instrument_id, state, event_to, jsonb_array_length(evidence) FROM data_gaps ORDER BY 1") == [
        (7, "filled", moment(AT + 9), 1),
        (8, "open", None, 0),
    ]
