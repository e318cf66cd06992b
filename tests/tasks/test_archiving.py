"""The raw archive: every entry once and in order, whatever breaks."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import archive, redisdb
from core import journal as journals
from core.archive import ArchiveError, Record
from core.held import Held
from core.journal import Journal, StreamName
from tasks import archiving
from tasks.archive import Run
from tasks.archiving import files
from tests.tasks.conftest import QUOTES, TRADES, Socket, full, quote, trade

OTHER = StreamName("binance", "aggTrade", "1", "b")
HOUR_US = 3_600_000_000
Archive = Callable[..., Run]


@pytest.fixture
def held(redis_client: redisdb.Client, key_prefix: str) -> Held:
    return Held(redis_client, key_prefix)


@pytest.fixture
def take(tmp_path: Path, held: Held) -> Archive:
    """What is in the journal goes into the archive, as if it were a minute old."""

    def run(*, seconds: float = 30.0, min_free_bytes: int = 0) -> Run:
        at_work = Run(tmp_path, held, min_free_bytes, age_ms=-1000)
        at_work.work(time.monotonic() + seconds)
        return at_work

    return run


def kept(root: Path, stream: StreamName) -> list[Record]:
    """What stands in the archive of a stream, open files too."""
    folder = root / stream.venue / stream.channel
    return [r for _, path in files(folder) for block in archive.blocks(path) for r in block.records if r.stream == str(stream)]


def waiting(journal: Journal, stream: StreamName) -> list[Record]:
    found = journal.read({stream: journals.START}, block_ms=1, max_entries=10_000)
    return [Record(str(name), entry_id.decode(), fields) for name, entries in found for entry_id, fields in entries]


def said(records: list[Record]) -> list[tuple[str, Any, list[bytes] | None, list[int]]]:
    """Of each entry what a reader makes of it."""
    found = []
    for record in records:
        entry = journals.decode_entry(record.id.encode(), record.fields)
        frames = entry.frames() if entry.body else None
        found.append((entry.id, entry.header, frames.split() if frames else None, frames.received_us.tolist() if frames else []))
    return found


def test_every_kind_of_entry_comes_out_as_it_went_in(take: Archive, journal: Journal, tmp_path: Path) -> None:
    socket = Socket(journal, TRADES, "t")
    socket.send(trade(1), trade(2, "ÄÖ币USDT"))
    socket.send(b"a line\nwithin", b"\x00\xff")
    socket.event(journals.LOST, frames=3, cause="full")
    journal.append([(TRADES, journals.reply_fields("r", 1, b'{"a": 1}', 5, {"symbol": "X"}))])
    journal.append([(TRADES, journals.event_fields(journals.WITNESS, "w", 1, 6, {"claims": [["X", 1, 2.0, 3.0]]}))])
    journal.append([(TRADES, {b"h": b"no header", b"b": b"no body"})])
    journal.append([(TRADES, {b"h": journals.event_fields("data", "t", 9, 7)[b"h"], b"b": b"torn"})])
    expected = waiting(journal, TRADES)
    take()
    found = kept(tmp_path, TRADES)
    assert [record.id for record in found] == [record.id for record in expected]
    assert said(found[:-2]) == said(expected[:-2])
    assert found[-2:] == expected[-2:], "what cannot be read is kept byte for byte"


def test_shards_and_replicas_of_a_channel_share_an_hour_each_in_its_order(take: Archive, journal: Journal, tmp_path: Path) -> None:
    one, other = Socket(journal, TRADES, "t"), Socket(journal, OTHER, "o")
    for number in range(1, 200):
        one.send(trade(number))
        other.send(trade(number, "ETHUSDT"))
        if number % 40 == 0:
            take()
    expected = {stream: waiting(journal, stream) for stream in (TRADES, OTHER)}
    take()
    assert len(files(tmp_path / "binance" / "aggTrade")) == 1
    for stream, records in expected.items():
        assert said(kept(tmp_path, stream)) == said(records)


def test_nothing_younger_than_a_minute_is_taken(held: Held, journal: Journal, tmp_path: Path) -> None:
    Socket(journal, TRADES, "t").send(trade(1))
    Run(tmp_path, held, 0).work(time.monotonic() + 5)
    assert files(tmp_path / "binance" / "aggTrade") == []


def test_a_batch_appended_again_is_kept_once_and_counted_as_often_as_it_came(take: Archive, journal: Journal, tmp_path: Path) -> None:
    socket = Socket(journal, QUOTES, "q")
    socket.send(quote(1), quote(2), times=3)
    take()
    bodies = [record.fields.get(b"b") for record in kept(tmp_path, QUOTES)]
    assert [body is not None for body in bodies] == [False, True, False, False]


def test_a_wiped_redis_that_is_told_again_brings_nothing_twice(
    take: Archive, journal: Journal, redis_client: redisdb.Client, key_prefix: str, tmp_path: Path
) -> None:
    socket = Socket(journal, TRADES, "t")
    for number in range(1, 6):
        socket.send(trade(number))
    before = waiting(journal, TRADES)
    take()
    for key in redis_client.scan_iter(match=f"{key_prefix}:*"):
        redis_client.delete(key)
    journal.add([(TRADES, record.fields) for record in before[2:]], new={TRADES})  # what its ring holds
    socket.send(trade(6))
    take()
    frames = [frames for _, _, frames, _ in said(kept(tmp_path, TRADES)) if frames]
    assert [json.loads(frame)["data"]["a"] for batch in frames for frame in batch] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("set_back_ms", [0, 86_400_000], ids=["same clock", "clock set back"])
def test_a_stream_that_counts_anew_is_read_from_its_beginning(
    take: Archive, journal: Journal, redis_client: redisdb.Client, key_prefix: str, tmp_path: Path, set_back_ms: int
) -> None:
    key, now_ms = f"{key_prefix}:journal:{TRADES}", time.time_ns() // 1_000_000
    journal.register([TRADES])
    for number in range(1, 5):
        redis_client.xadd(key, journals.data_fields("old", number, [trade(number)], [1]), id=f"{now_ms}-{number}")  # type: ignore[arg-type]
    take()
    redis_client.delete(key)
    for number in range(1, 3):
        fields = journals.data_fields("new", number, [trade(number)], [1])
        redis_client.xadd(key, fields, id=f"{now_ms - set_back_ms}-{number}")  # type: ignore[arg-type]
    take()
    assert [header.connection_id for _, header, _, _ in said(kept(tmp_path, TRADES))] == ["old"] * 4 + ["new"] * 2
    assert take().archived[0].missed == 0


def test_what_was_trimmed_before_it_was_taken_is_counted_to_the_entry(take: Archive, journal: Journal, tmp_path: Path) -> None:
    socket = Socket(journal, TRADES, "t")
    take()
    for number in range(1, 9):
        socket.send(trade(number))
    journal.trim({TRADES: waiting(journal, TRADES)[5].id})
    run = take()
    assert [one.missed for one in run.archived] == [5]
    assert len(kept(tmp_path, TRADES)) == 4
    assert [one.missed for one in take().archived] == [5], "and told once"


def at(redis_client: redisdb.Client, key_prefix: str, stream: StreamName, number: int, ms: int, name: str = "t") -> None:
    redis_client.sadd(f"{key_prefix}:journals", str(stream))
    fields = journals.data_fields(name, number, [trade(number)], [ms * 1000])
    redis_client.xadd(f"{key_prefix}:journal:{stream}", fields, id=f"{ms}-1")  # type: ignore[arg-type]


def test_hours_are_closed_with_a_manifest_and_what_comes_late_goes_into_the_open_one(
    take: Archive, redis_client: redisdb.Client, key_prefix: str, tmp_path: Path
) -> None:
    hour_ms = 3_600_000
    first = (time.time_ns() // 1_000_000 // hour_ms - 4) * hour_ms
    for hour in range(3):
        at(redis_client, key_prefix, TRADES, hour + 1, first + hour * hour_ms + 5)
    take()
    names = [path.name for _, path in files(tmp_path / "binance" / "aggTrade")]
    assert [name.partition(".")[2] for name in names] == ["zst"] * 3
    at(redis_client, key_prefix, OTHER, 1, first + 7, "late")
    take()
    found = files(tmp_path / "binance" / "aggTrade")
    assert [path.stem for _, path in found][:3] == [path[:2] for path in names]
    assert found[3][1].stem == f"{names[2][:2]}-1", "the last hour goes on in another file"
    assert [header.connection_id for _, header, _, _ in said(kept(tmp_path, OTHER))] == ["late"]
    manifest = json.loads(found[0][1].with_suffix(".json").read_text())
    assert manifest["bytes"] == found[0][1].stat().st_size
    assert (manifest["entries"], manifest["frames"], manifest["first_us"]) == (1, 1, (first + 5) * 1000)


def test_a_clock_that_was_ahead_holds_nothing_up(take: Archive, redis_client: redisdb.Client, key_prefix: str, tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    at(redis_client, key_prefix, TRADES, 1, now_ms)
    at(redis_client, key_prefix, TRADES, 2, now_ms + 5 * 3_600_000)
    at(redis_client, key_prefix, OTHER, 1, now_ms + 1)
    take()
    assert (len(kept(tmp_path, TRADES)), len(kept(tmp_path, OTHER))) == (2, 1)


def test_a_tail_torn_at_any_byte_is_cut_and_taken_again(take: Archive, journal: Journal, tmp_path: Path) -> None:
    socket = Socket(journal, TRADES, "t")
    socket.send(trade(1))
    take()
    (_, path), *_ = files(tmp_path / "binance" / "aggTrade")
    whole = path.read_bytes()
    socket.send(trade(2), trade(3))
    expected = said(waiting(journal, TRADES))
    take()
    longer = path.read_bytes()
    for size in range(len(whole), len(longer)):
        path.write_bytes(longer[:size])
        take()
        assert path.read_bytes() == longer
        assert said(kept(tmp_path, TRADES)) == expected


def test_a_tail_of_other_bytes_is_cut(take: Archive, journal: Journal, tmp_path: Path) -> None:
    socket = Socket(journal, TRADES, "t")
    socket.send(trade(1))
    take()
    (_, path), *_ = files(tmp_path / "binance" / "aggTrade")
    whole = path.read_bytes()
    path.write_bytes(whole[:-3] + b"???")
    take()
    assert path.read_bytes() == whole


def test_what_is_damaged_in_the_middle_is_not_cut_but_told(take: Archive, journal: Journal, tmp_path: Path) -> None:
    socket = Socket(journal, TRADES, "t")
    for number in range(3):
        socket.send(trade(number))
        take()
    (_, path), *_ = files(tmp_path / "binance" / "aggTrade")
    with path.open("rb") as file:
        _, second, _ = archive.walk(file)
    damaged = bytearray(path.read_bytes())
    damaged[second.begin + 20] ^= 1
    path.write_bytes(damaged)
    assert f"damaged at byte {second.begin}" in take().trouble
    assert path.read_bytes() == damaged


def test_a_byte_that_has_changed_in_a_closed_file_is_an_error(take: Archive, journal: Journal, tmp_path: Path) -> None:
    Socket(journal, TRADES, "t").send(trade(1))
    take()
    (_, path), *_ = files(tmp_path / "binance" / "aggTrade")
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="not what was written"):
        list(archive.blocks(path))


def test_a_full_disk_stops_the_archive_and_it_goes_on_where_it_was(take: Archive, journal: Journal, held: Held, tmp_path: Path) -> None:
    socket = Socket(journal, TRADES, "t")
    socket.send(trade(1))
    run = take(min_free_bytes=1 << 60)
    assert "left to others" in run.trouble
    assert held.archived([TRADES]) == {TRADES: journals.START}
    socket.send(trade(2))
    take()
    assert len(kept(tmp_path, TRADES)) == 3
    assert held.archived([TRADES]) == {TRADES: waiting(journal, TRADES)[-1].id}


def test_a_redis_out_of_memory_does_not_stop_it(take: Archive, journal: Journal, redis_client: redisdb.Client, tmp_path: Path) -> None:
    Socket(journal, TRADES, "t").send(trade(1))
    with full(redis_client):
        take()
    assert len(kept(tmp_path, TRADES)) == 2


def test_a_file_is_closed_when_it_is_large(take: Archive, journal: Journal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(archiving, "MAX_FILE_BYTES", 1)
    socket = Socket(journal, TRADES, "t")
    for number in range(1, 4):
        socket.send(trade(number))
        take()
    assert [path.name[2:] for _, path in files(tmp_path / "binance" / "aggTrade")] == [".zst", "-1.zst", "-2.part"]
    assert len(kept(tmp_path, TRADES)) == 4
