"""The raw archive's file: entries of one channel's journal streams, block after block, appended and never changed.

A block is a skippable frame with its head and that head's digest, and behind it one zstd frame, so that `zstd -dc` reads a file as it
is. The zstd frame holds an index (msgpack), the receive times of all its frames as differences, and the raw frames as they came: unpacked
from their journal entries, as many small batches compress badly. A file that ends in the middle of a block ends before it.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
import numpy as np
import zstandard

from core.journal import MAX_BODY_BYTES, Header, JournalError, pack_bytes, read_header, unpack

FORMAT_VERSION = 1
#: Of the sixteen magic numbers that zstd passes over, ours.
MAGIC = (0x184D2A5A).to_bytes(4, "little")
#: Half again as small as level 3, at twice its CPU, which is a few percent of a core for a busy venue.
LEVEL = 6
#: A block is written when it holds so much; a single entry may be larger.
BLOCK_BYTES = 8 << 20
#: No head of ours is longer, and no block: lengths that are read are not believed beyond.
MAX_HEAD_BYTES, MAX_BLOCK_BYTES = 1 << 20, 1 << 30
DIGEST_BYTES = 16
#: Behind a damaged place blocks are looked for so far.
LOOKED_BYTES = 64 << 20


class ArchiveError(ValueError):
    """What stands in an archive is not what was written there."""


class Record(NamedTuple):
    """An entry of a journal stream, as Redis held it."""

    stream: str
    id: str
    fields: Mapping[bytes, bytes]


class Head(msgspec.Struct, frozen=True, array_like=True):
    """`size` and `digest` (BLAKE2b) are of the zstd frame, times in us as the headers of the entries have them. `streams`: how many entries
    are of each."""

    version: int
    size: int
    digest: bytes
    entries: int
    frames: int
    first_us: int
    last_us: int
    streams: dict[str, int]


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """`frames` >= 0: the body stands in the sections of times and frames with so many of them and so many bytes."""

    stream: int
    id: str
    fields: dict[bytes, bytes]
    frames: int = -1
    size: int = 0


class _Index(msgspec.Struct, frozen=True, array_like=True):
    streams: list[str]
    entries: list[_Kept]
    state: dict[str, Any]
    times_size: int


class Block(NamedTuple):
    """`state`: what the archiver knew of each stream behind this block (tasks/archiving.py)."""

    head: Head
    records: list[Record]
    state: dict[str, Any]


def encode(records: Sequence[Record], state: Mapping[str, Any]) -> bytes:
    streams = sorted({record.stream for record in records})
    places = {stream: place for place, stream in enumerate(streams)}
    kept, times, bodies, headers = [], [np.zeros(1, np.int64)], [], []
    for record in records:
        header, body = _opened(record.fields)
        if header is not None:
            headers.append(header)
        if body is None:
            kept.append(_Kept(places[record.stream], record.id, dict(record.fields)))
            continue
        assert header is not None
        stamps, raw = body
        times.append(stamps)
        bodies.append(raw)
        kept.append(_Kept(places[record.stream], record.id, {b"h": record.fields[b"h"]}, len(stamps), len(raw)))
    # Byte by byte of all differences: the upper ones are nearly all nought.
    deltas = np.diff(np.concatenate(times)).view(np.uint8).reshape(-1, 8).T.tobytes()
    index = msgspec.msgpack.encode(_Index(streams, kept, dict(state), len(deltas)))
    parts = (len(index).to_bytes(4, "little"), index, deltas, *bodies)
    frame = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True).compress(b"".join(parts))
    first_us = min((header.first_us for header in headers), default=0)
    last_us = max((header.last_us for header in headers), default=0)
    frames = sum(header.frames for header in headers)
    counts = Counter(record.stream for record in records)
    head = msgspec.msgpack.encode(Head(FORMAT_VERSION, len(frame), _digest(frame), len(records), frames, first_us, last_us, dict(counts)))
    head += _digest(head)
    return MAGIC + len(head).to_bytes(4, "little") + head + frame


def _opened(fields: Mapping[bytes, bytes]) -> tuple[Header | None, tuple[Any, bytes] | None]:
    """(header, (times, raw frames)) of an entry. What cannot be read is kept as it is, and so is what has no body."""
    try:
        header = read_header(fields)
        if fields.keys() != {b"h", b"b"}:
            return header, None
        frames = unpack(fields[b"b"], header)
    except JournalError:
        return None, None
    return header, (frames.received_us, frames.body)


def _decode(head: Head, frame: bytes) -> Block:
    raw = zstandard.ZstdDecompressor().decompress(frame, max_output_size=MAX_BLOCK_BYTES)
    size = int.from_bytes(raw[:4], "little")
    index = msgspec.msgpack.decode(raw[4 : 4 + size], type=_Index)
    at = 4 + size
    deltas = np.frombuffer(raw, np.uint8, index.times_size, at).reshape(8, -1)
    times = np.cumsum(np.ascontiguousarray(deltas.T).view("<i8").ravel())
    at, first = at + index.times_size, 0
    records = []
    for kept in index.entries:
        fields = kept.fields
        if kept.frames >= 0:
            fields = {**fields, b"b": pack_bytes(times[first : first + kept.frames].tobytes() + raw[at : at + kept.size])}
            first, at = first + kept.frames, at + kept.size
        records.append(Record(index.streams[kept.stream], kept.id, fields))
    return Block(head, records, index.state)


def _digest(frame: bytes) -> bytes:
    return hashlib.blake2b(frame, digest_size=DIGEST_BYTES).digest()


class Place(NamedTuple):
    """Where a block stands in its file: from `begin` its head, from `frame` to `end` its zstd frame."""

    begin: int
    frame: int
    end: int
    head: Head


def walk(file: IO[bytes]) -> Iterator[Place]:
    """The blocks of a file by their heads, in order; ends before one that is cut short or is none of ours."""
    size = os.fstat(file.fileno()).st_size
    at = 0
    while (place := _place(file, at, size)) is not None:
        yield place
        at = place.end


def goes_on(file: IO[bytes], at: int) -> bool:
    """Whether there are blocks behind what is none at this byte: then it is no torn tail."""
    size = os.fstat(file.fileno()).st_size
    file.seek(at)
    rest = file.read(LOOKED_BYTES)
    found = rest.find(MAGIC, 1)
    while found > 0 and _place(file, at + found, size) is None:
        found = rest.find(MAGIC, found + 1)
    return found > 0


def is_whole(file: IO[bytes], place: Place) -> bool:
    file.seek(place.frame)
    return _digest(file.read(place.head.size)) == place.head.digest


def _place(file: IO[bytes], at: int, size: int) -> Place | None:
    file.seek(at)
    start = file.read(8)
    length = int.from_bytes(start[4:], "little")
    if len(start) < 8 or start[:4] != MAGIC or length > MAX_HEAD_BYTES:
        return None
    told = file.read(length)
    if _digest(told[:-DIGEST_BYTES]) != told[-DIGEST_BYTES:]:
        return None
    try:
        head = msgspec.msgpack.decode(told[:-DIGEST_BYTES], type=Head)
    except msgspec.MsgspecError:
        return None
    begin = at + 8 + length
    if head.version != FORMAT_VERSION or not 0 < head.size <= MAX_BLOCK_BYTES or begin + head.size > size:
        return None
    return Place(at, begin, begin + head.size, head)


def block(file: IO[bytes], place: Place) -> Block:
    """Raises ArchiveError."""
    file.seek(place.frame)
    frame = file.read(place.head.size)
    if _digest(frame) != place.head.digest:
        raise ArchiveError(f"the block at byte {place.begin} is not what was written")
    try:
        return _decode(place.head, frame)
    except (zstandard.ZstdError, msgspec.MsgspecError, ValueError, IndexError) as exc:
        raise ArchiveError(f"the block at byte {place.begin} cannot be read: {exc}") from exc


def blocks(path: Path) -> Iterator[Block]:
    """All of a closed file. Raises ArchiveError where one is not what was written, and where the file ends in the middle of one."""
    end = 0
    with path.open("rb") as file:
        for place in walk(file):
            try:
                yield block(file, place)
            except ArchiveError as exc:
                raise ArchiveError(f"{path}: {exc}") from exc
            end = place.end
        if end != path.stat().st_size:
            raise ArchiveError(f"{path}: from byte {end} on it is no block of ours")


def weight(fields: Mapping[bytes, bytes]) -> int:
    """Bytes that an entry takes in a block before it is compressed."""
    body = fields.get(b"b", b"")
    try:
        unpacked = zstandard.frame_content_size(body)
    except zstandard.ZstdError:
        unpacked = -1
    return sum(map(len, fields.values())) + (unpacked if 0 <= unpacked <= MAX_BODY_BYTES else 0)
