"""Blocks of the raw archive: what goes in comes out, and nothing else does."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import archive
from core import journal as journals
from core.archive import ArchiveError, Record

frames = st.lists(st.one_of(st.binary(max_size=40), st.just(b'{"a":1}')), min_size=1, max_size=8)
times = st.integers(-(2**62), 2**62)


def data(name: str, number: int, batch: list[bytes], at_us: int) -> Record:
    fields = journals.data_fields("c", number, batch, [at_us + n for n in range(len(batch))])
    return Record(name, f"{number}-0", fields)


records = st.one_of(
    st.builds(data, st.sampled_from(["v:c:0:a", "v:c:1:b"]), st.integers(1, 9), frames, times),
    st.builds(lambda h, b: Record("v:c:0:a", "1-1", {b"h": h, b"b": b}), st.binary(max_size=20), st.binary(max_size=20)),
    st.builds(lambda at: Record("v:c:0:a", "1-2", journals.event_fields("connected", "c", 1, at, {"n": [1, "ä"]})), st.integers(0, 2**62)),
)


def said(record: Record) -> object:
    try:
        entry = journals.decode_entry(record.id.encode(), record.fields)
        content = entry.frames()
    except journals.JournalError:
        return record
    return record.stream, entry.header, content.split(), content.received_us.tolist()


@given(st.lists(records, max_size=12), st.dictionaries(st.text(max_size=5), st.integers(0, 9)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_block_holds_what_it_was_made_of(entries: list[Record], state: dict[str, int]) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(archive.encode(entries, state) * 2)
        file.flush()
        first, second = archive.walk(file)
        found = archive.block(file, second)
    assert (found.state, [said(one) for one in found.records]) == (state, [said(one) for one in entries])
    assert (first.head.entries, sum(first.head.streams.values())) == (len(entries), len(entries))


def test_a_file_is_one_that_zstd_reads(tmp_path: Path) -> None:
    path = tmp_path / "10.zst"
    path.write_bytes(archive.encode([data("v:c:0:a", n, [b"one", b"two"], n) for n in range(1, 9)], {}))
    try:
        shown = subprocess.run(["zstd", "-dc", str(path)], capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("zstd is not installed")
    assert shown.count(b"one\ntwo") == 8


@pytest.mark.parametrize("at", [0, 3, 6, 9, 20, 40, 60, -30, -1])
def test_a_changed_byte_is_never_read_as_something_else(tmp_path: Path, at: int) -> None:
    path = tmp_path / "10.zst"
    content = bytearray(archive.encode([data("v:c:0:a", 1, [b"one", b"two"], 5)], {}))
    content[at] ^= 0x55
    path.write_bytes(content)
    with pytest.raises(ArchiveError):
        list(archive.blocks(path))
