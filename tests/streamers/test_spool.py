import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamers.errors import SpoolBusy
from streamers.spool import Spool

BIG = 1 << 20
HEAD = 8  # length and checksum of a record


@contextmanager
def spool(folder: Path, max_bytes: int = BIG) -> Iterator[Spool]:
    opened = Spool(folder, max_bytes=max_bytes)
    try:
        yield opened
    finally:
        opened.close()


def records(count: int, start: int = 0) -> list[bytes]:
    return [f"record {number:05d}".encode() for number in range(start, start + count)]


def drained(opened: Spool, max_bytes: int = 64) -> list[bytes]:
    found = []
    while part := opened.read(max_bytes):
        found += part
        opened.advance()
    return found


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.seg"))


def test_what_goes_in_comes_out_in_order(tmp_path: Path) -> None:
    with spool(tmp_path) as opened:
        assert opened.append(records(50)) == 50
        assert opened.append(records(50, 50)) == 50
        assert not opened.empty
        assert drained(opened) == records(100)
        assert opened.empty
        assert segments(tmp_path) == []


def test_reading_does_not_remove(tmp_path: Path) -> None:
    with spool(tmp_path) as opened:
        opened.append(records(3))
        assert opened.read(BIG) == opened.read(BIG) == records(3)


def test_it_goes_on_where_the_last_process_stopped(tmp_path: Path) -> None:
    with spool(tmp_path) as opened:
        opened.append(records(10))
        first = opened.read(3 * (HEAD + 12))
        opened.advance()
    with spool(tmp_path) as opened:
        opened.append(records(5, 10))
        assert first + drained(opened) == records(15)


def test_a_number_is_not_used_again(tmp_path: Path) -> None:
    """The cursor of a deleted segment must not skip what came later."""
    for turn in range(3):
        with spool(tmp_path) as opened:
            opened.append(records(4, turn))
            assert drained(opened) == records(4, turn)
        with spool(tmp_path) as opened:
            opened.append(records(2))
            opened.read(BIG)
        with spool(tmp_path) as opened:
            assert drained(opened) == records(2)


def test_the_bound_is_kept_and_said(tmp_path: Path) -> None:
    with spool(tmp_path, 10 * (HEAD + 12)) as opened:
        assert opened.append(records(7)) == 7
        assert opened.roomy
        assert opened.append(records(7, 7)) == 3
        assert opened.append(records(1)) == 0
        assert not opened.roomy
        assert opened.append(records(1, 10), beyond=True) == 1
        assert drained(opened) == records(11)
        assert opened.roomy


def test_segments_are_deleted_as_they_are_read(tmp_path: Path) -> None:
    with spool(tmp_path, 16 * 100) as opened:
        for number in range(60):
            opened.append(records(1, number))
        before = len(segments(tmp_path))
        opened.read(700)
        opened.advance()
        assert len(segments(tmp_path)) < before
        assert opened.size_bytes == sum(path.stat().st_size for path in segments(tmp_path))


@pytest.mark.parametrize("cut", [1, 5, HEAD + 11])
def test_a_torn_tail_is_cut_and_counted(tmp_path: Path, cut: int) -> None:
    with spool(tmp_path) as opened:
        opened.append(records(5))
    (path,) = segments(tmp_path)
    os.truncate(path, path.stat().st_size - cut)
    with spool(tmp_path) as opened:
        assert opened.torn_bytes == HEAD + 12 - cut
        opened.append(records(1, 5))
        assert drained(opened) == [*records(4), *records(1, 5)]


def test_a_damaged_segment_costs_its_rest_and_no_more(tmp_path: Path) -> None:
    with spool(tmp_path, 16 * 100) as opened:
        for number in range(30):
            opened.append(records(1, number))
    first = segments(tmp_path)[0]
    data = bytearray(first.read_bytes())
    kept, size = len(data) // (HEAD + 12), len(data)
    data[HEAD + 12 + HEAD] ^= 0xFF  # the body of the second record
    first.write_bytes(data)
    with spool(tmp_path) as opened:
        assert drained(opened) == [*records(1), *records(30 - kept, kept)]
        assert opened.torn_bytes == size - (HEAD + 12)


def test_a_lost_cursor_repeats_and_loses_nothing(tmp_path: Path) -> None:
    with spool(tmp_path) as opened:
        opened.append(records(5))
        opened.read(HEAD + 12)
        opened.advance()
    (tmp_path / "cursor").write_text("nonsense")
    with spool(tmp_path) as opened:
        assert drained(opened) == records(5)


@contextmanager
def refusing_disk() -> Iterator[None]:
    """A file size limit stands in for a full disk: the write fails in the middle of the seventh record."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6 * (HEAD + 12) + 3, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_a_disk_that_refuses_is_told_once_and_once_when_it_takes_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "streamers.spool")
    with spool(tmp_path) as opened:
        with refusing_disk():
            for _ in range(100):
                assert opened.append(records(10)) == 0
        for _ in range(2):
            opened.append(records(1))
    assert [record.message.split(" folder=")[0] for record in caplog.records] == ["spool cannot be written", "spool can be written again"]


def test_a_disk_that_refuses_keeps_what_was_safe(tmp_path: Path) -> None:
    with spool(tmp_path) as opened:
        opened.append(records(5))
        with refusing_disk():
            assert opened.append(records(5, 5)) == 0
        assert opened.append(records(1, 5)) == 1
        assert drained(opened) == records(6)


def test_two_processes_cannot_share_a_folder(tmp_path: Path) -> None:
    with spool(tmp_path), pytest.raises(SpoolBusy, match=f"is in use by process {os.getpid()}"):
        Spool(tmp_path, max_bytes=BIG)


def test_a_killed_owner_leaves_the_folder_free(tmp_path: Path) -> None:
    code = (
        "import sys,os; from pathlib import Path; from streamers.spool import Spool\n"
        "s=Spool(Path(sys.argv[1]),max_bytes=1<<20); s.append([b'x']); os.kill(os.getpid(),9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    with spool(tmp_path) as opened:
        assert drained(opened) == [b"x"]
