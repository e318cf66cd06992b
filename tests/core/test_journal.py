"""core.journal: what goes in comes out, in order; what is not ours is refused by name."""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from core import journal, redisdb
from core.journal import START, Entry, Header, Journal, JournalError, StreamName, Wiped, decode_entry, id_order

STREAM, OTHER = StreamName("somewhere", "trade"), StreamName("somewhere", "trade", "1", "b")
ABSENT = StreamName("somewhere", "nothing")
AT = 1_795_300_000_000_000


def header_of(fields: dict[bytes, bytes]) -> Header:
    return decode_entry(b"1-0", fields).header


# --- the format -----------------------------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.binary(max_size=60), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=50))
def test_frames_and_times_come_back(batch: list[tuple[bytes, int]]) -> None:
    frames, times = [frame for frame, _ in batch], [time for _, time in batch]
    entry = decode_entry(b"1-0", journal.data_fields("c", 1, frames, times))
    found = entry.frames()
    assert found.split() == frames
    assert found.received_us.tolist() == times
    assert (entry.header.frames, entry.header.first_us, entry.header.last_us) == (len(frames), times[0], times[-1])


@pytest.mark.parametrize(
    ("frames", "lines"),
    [
        ([b'{"a":1}', b'{"b":2}'], True),
        ([b"one"], True),
        ([b"", b"", b""], True),
        ([b""], True),
        ([b"a\nb", b"c"], False),
        ([b"a\n"], False),
        ([b"\n", b"\n"], False),
    ],
    ids=["plain", "one", "empty frames", "one empty frame", "a newline inside", "a newline at the end", "only newlines"],
)
def test_newlines_join_frames_unless_a_frame_holds_one(frames: list[bytes], lines: bool) -> None:
    body, as_lines = journal.pack(frames, range(len(frames)))
    assert as_lines is lines
    assert journal.unpack(body, Header(1, "data", "c", 1, len(frames), 0, 0, as_lines)).split() == frames


def test_a_reply_and_an_event_come_back() -> None:
    reply = decode_entry(b"1-0", journal.reply_fields("c", 3, b'{"rows":\n[]}', AT, {"symbol": "币安", "limit": 5}))
    assert reply.frames().split() == [b'{"rows":\n[]}']
    assert (reply.header.type, reply.header.batch_no, reply.header.context) == ("reply", 3, {"symbol": "币安", "limit": 5})
    event = decode_entry(b"1-0", journal.event_fields("lost", "c", 4, AT, {"frames": 7, "cause": "disk full"}))
    assert event == Entry("1-0", Header(1, "lost", "c", 4, 0, AT, AT, True, {"frames": 7, "cause": "disk full"}), b"")


def test_times_may_be_an_array() -> None:
    fields = journal.data_fields("c", 1, [b"a", b"b"], np.array([AT, AT + 1]))
    assert decode_entry(b"1-0", fields).frames().received_us.tolist() == [AT, AT + 1]


# --- what is not ours -----------------------------------------------------------------------------------------------------
def changed(**values: Any) -> bytes:
    return msgspec.msgpack.encode(msgspec.structs.replace(header_of(journal.data_fields("c", 1, [b"a"], [AT])), **values))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {b"h": b""},
        {b"h": b"\x00"},
        {b"h": b"\xc1\xff"},
        {b"h": msgspec.msgpack.encode(["1", "data"])},
        {b"h": msgspec.msgpack.encode({"version": 1})},
        {b"field": b"of somebody else"},
    ],
    ids=["nothing", "empty", "a number", "no msgpack", "wrong types", "a map", "another writer's"],
)
def test_an_unreadable_header_is_named(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(JournalError, match="entry 17-3 has no readable header"):
        decode_entry(b"17-3", fields)


def test_a_newer_format_asks_for_an_upgrade() -> None:
    with pytest.raises(JournalError, match="has format 2; this farm reads 1: upgrade it"):
        decode_entry(b"17-3", {b"h": changed(version=2)})


GOOD = journal.data_fields("c", 1, [b"first", b"second"], [AT, AT + 1])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not zstd",
        GOOD[b"b"][:-3],
        GOOD[b"b"][:12] + b"\xff" + GOOD[b"b"][13:],
        zstandard.ZstdCompressor().compress(b"too short"),
        zstandard.ZstdCompressor(write_content_size=False).compressobj().compress(b"x"),
    ],
    ids=["nothing", "not compressed", "torn", "a flipped byte", "too short", "an open stream"],
)
def test_a_broken_body_is_a_journal_error(body: bytes) -> None:
    entry = decode_entry(b"1-0", {b"h": GOOD[b"h"], b"b": body})
    with pytest.raises(JournalError, match="body"):
        entry.frames()


def test_a_body_cannot_eat_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(4 << 20))
    monkeypatch.setattr(journal, "MAX_BODY_BYTES", 1 << 20)
    with pytest.raises(JournalError):
        decode_entry(b"1-0", {b"h": GOOD[b"h"], b"b": bomb}).frames()


@pytest.mark.parametrize("text", ["", "a:b:c", "a:b:c:d:e", "plain"])
def test_a_name_that_is_not_a_stream(text: str) -> None:
    with pytest.raises(JournalError, match="is not venue:channel:shard:replica"):
        StreamName.parse(text)


def test_a_name_reads_back() -> None:
    assert StreamName.parse(str(OTHER)) == OTHER and str(STREAM) == "somewhere:trade:0:a"


# --- on Redis -------------------------------------------------------------------------------------------------------------
@pytest.fixture
def log(redis_client: redisdb.Client, key_prefix: str) -> Journal:
    return Journal(redis_client, key_prefix)


@dataclass
class Reading:
    log: Journal

    def __call__(self, offsets: dict[StreamName, str], *, most: int = 100, block_ms: int = 1) -> dict[StreamName, list[bytes]]:
        reads = self.log.read(offsets, block_ms=block_ms, max_entries=most)
        return {stream: [frame for entry in entries for frame in decode_entry(*entry).frames().split()] for stream, entries in reads}


def put(log: Journal, *frames: bytes, stream: StreamName = STREAM) -> None:
    for number, frame in enumerate(frames, start=1):
        log.append([(stream, journal.data_fields("c", number, [frame], [AT]))])


def test_entries_are_read_in_order_from_an_offset(log: Journal) -> None:
    log.append(
        [(STREAM, journal.data_fields("c", n, [b"%d" % n], [AT])) for n in range(5)]
        + [(OTHER, journal.data_fields("d", 1, [b"other"], [AT]))]
    )
    read = Reading(log)
    assert read({STREAM: START, OTHER: START}) == {STREAM: [b"0", b"1", b"2", b"3", b"4"], OTHER: [b"other"]}
    ((_, entries),) = log.read({STREAM: START}, block_ms=1, max_entries=2)
    assert [decode_entry(*entry).frames().split() for entry in entries] == [[b"0"], [b"1"]]
    assert read({STREAM: entries[-1][0].decode()}) == {STREAM: [b"2", b"3", b"4"]}


def test_reading_waits_for_the_first_and_ends_with_nothing(log: Journal) -> None:
    assert log.read({STREAM: START}, block_ms=20, max_entries=10) == []


def test_streams_are_found_by_name(log: Journal) -> None:
    put(log, b"x", stream=OTHER)
    put(log, b"x")
    assert log.streams() == [STREAM, OTHER]


def test_trimming_forgets_up_to_the_offset_and_no_more(log: Journal) -> None:
    put(log, b"0", b"1", b"2", b"3")
    ((_, entries),) = log.read({STREAM: START}, block_ms=1, max_entries=10)
    log.trim({STREAM: entries[1][0].decode()})
    assert Reading(log)({STREAM: START}) == {STREAM: [b"2", b"3"]}
    assert (log.length(STREAM), log.backlog(STREAM, entries[1][0].decode())) == (2, 2)
    log.trim({STREAM: entries[3][0].decode()})
    assert log.length(STREAM) == 0


def test_an_offset_at_the_start_trims_nothing(log: Journal) -> None:
    put(log, b"0")
    log.trim({STREAM: START, OTHER: START})
    assert log.length(STREAM) == 1


def test_a_backlog_is_what_waits(log: Journal) -> None:
    assert (log.backlog(STREAM, START), log.last_id(STREAM)) == (0, None)
    put(log, b"0", b"1")
    assert log.backlog(STREAM, START) == 2
    last = log.last_id(STREAM)
    assert last is not None and log.backlog(STREAM, last) == 0, "committed, though not yet trimmed"


def test_the_oldest_that_waits_says_since_when(log: Journal, redis_client: redisdb.Client, key_prefix: str) -> None:
    assert log.waited_seconds(STREAM, START) == 0
    now = int(redis_client.time()[0])  # type: ignore[index]
    for age in (90, 30):
        redis_client.xadd(f"{key_prefix}:journal:{STREAM}", {"x": "y"}, id=f"{(now - age) * 1000}-0")
    waited = [log.waited_seconds(STREAM, offset) for offset in (START, f"{(now - 90) * 1000}-0", f"{(now - 30) * 1000}-0")]
    assert waited == [pytest.approx(90, abs=10), pytest.approx(30, abs=10), 0]


def test_what_waits_in_many_streams_is_asked_at_once(log: Journal, redis_client: redisdb.Client, key_prefix: str) -> None:
    now = int(redis_client.time()[0])  # type: ignore[index]
    for number in range(100):
        redis_client.xadd(f"{key_prefix}:journal:{STREAM}", {"x": "y"}, id=f"{(now - 200 + 2 * number) * 1000}-0")
    put(log, b"0", stream=OTHER)

    def waiting(committed: int) -> tuple[int, float]:
        found = log.waiting({STREAM: f"{(now - 200 + 2 * committed) * 1000}-0", OTHER: START, ABSENT: START})
        assert found[OTHER][0] == 1 and found[ABSENT] == (0, 0.0)
        return found[STREAM]

    assert waiting(-1) == (100, pytest.approx(200, abs=10)), "nothing is committed"
    assert waiting(89) == (10, pytest.approx(20, abs=10)), "what is held for the archive does not wait"
    assert waiting(49) == (pytest.approx(50, abs=2), pytest.approx(100, abs=10)), "many are estimated by time"
    assert waiting(99) == (0, 0.0)


def test_nothing_is_appended_when_one_entry_is_refused(log: Journal, redis_client: redisdb.Client, key_prefix: str) -> None:
    redis_client.set(f"{key_prefix}:journal:{OTHER}", "not a stream")
    with pytest.raises(redisdb.RedisError):
        log.append([(STREAM, journal.data_fields("c", 1, [b"x"], [AT])), (OTHER, journal.data_fields("c", 1, [b"x"], [AT]))])
    assert log.streams() in ([], [STREAM, OTHER])


def test_a_redis_that_came_back_empty_learns_the_names_again(log: Journal, redis_client: redisdb.Client, key_prefix: str) -> None:
    put(log, b"x")
    redis_client.delete(f"{key_prefix}:journals", f"{key_prefix}:journal:{STREAM}")
    put(log, b"y")
    assert log.streams() == [STREAM]
    assert Reading(log)({STREAM: START}) == {STREAM: [b"y"]}


def test_a_stream_that_is_gone_is_not_made_anew_in_silence(log: Journal, redis_client: redisdb.Client, key_prefix: str) -> None:
    entry = (STREAM, journal.data_fields("c", 1, [b"x"], [AT]))
    log.add([entry], new={STREAM})
    redis_client.delete(f"{key_prefix}:journal:{STREAM}")
    with pytest.raises(Wiped):
        log.add([entry], new=())
    assert not redis_client.exists(f"{key_prefix}:journal:{STREAM}")


def test_a_stream_that_is_made_anew_counts_on_from_where_it_was(log: Journal, redis_client: redisdb.Client, key_prefix: str) -> None:
    reached = f"{2**41}-5"
    entries = [(STREAM, journal.data_fields("c", number, [b"x"], [AT])) for number in (1, 2)]
    assert log.reached([STREAM]) == {STREAM: None}
    ids = log.add(entries, new={STREAM}, floors={STREAM: reached})
    assert [id_order(entry_id.decode()) for entry_id in ids] == [(2**41, 6), (2**41, 7)]
    log.trim({STREAM: ids[1].decode()})
    assert log.last_id(STREAM) is None and log.reached([STREAM]) == {STREAM: ids[1].decode()}


def test_ids_compare_by_number() -> None:
    assert sorted(["10-2", "9-11", "10-10", "0-0"], key=id_order) == ["0-0", "9-11", "10-2", "10-10"]


def test_farms_on_one_redis_do_not_meet(log: Journal, redis_client: redisdb.Client, key_prefix: str) -> None:
    put(log, b"x")
    assert Journal(redis_client, f"{key_prefix}:neighbour").streams() == []
    assert all(key.decode().startswith(key_prefix) for key in redis_client.keys(f"*{STREAM}"))
