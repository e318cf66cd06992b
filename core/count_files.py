"""The files that processes count in, as bytes: written by `core/counts.py`, joined here for whoever asks.

Magic, bytes used (int64), then entry behind entry: length of key (int32), values (int32), key padded to 8, values (float64). A key is
["name", [labels], [bounds]] as JSON: a histogram of other bounds than today's is another series.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SUFFIX = ".counts"
#: Of one series.
MOST_VALUES = 32
_MAGIC = b"tapecnt1"
_HEAD, _ENTRY = struct.Struct("<8sq"), struct.Struct("<ii")
HEAD_BYTES = _HEAD.size


def key_of(name: str, labels: Sequence[str], bounds: Sequence[float]) -> bytes:
    return json.dumps([name, list(labels), list(bounds)], separators=(",", ":")).encode()


def head(used: int) -> bytes:
    return _HEAD.pack(_MAGIC, used)


def entry(key: bytes, count: int) -> bytes:
    """With values of 0."""
    return _ENTRY.pack(len(key), count) + key.ljust(_padded(len(key))) + bytes(8 * count)


def joined(folder: Path) -> dict[bytes, Any]:
    """key -> its values (float64), summed over all slots. A file that cannot be read is left out: its process says so when it begins."""
    found: dict[bytes, Any] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        for one in entries(data) or ():
            values = np.frombuffer(data, np.float64, one.count, one.begins)
            found[one.key] = found[one.key] + values if one.key in found else values
    return found


@dataclass(frozen=True, slots=True)
class Entry:
    key: bytes
    begins: int
    count: int

    @property
    def ends(self) -> int:
        return self.begins + 8 * self.count


def entries(data: bytes) -> list[Entry] | None:
    """Of a file's bytes; none of one that is new. None: it is not whole."""
    magic, used = _HEAD.unpack_from(data) if len(data) >= _HEAD.size else (b"", 0)
    if not any(data[: _HEAD.size]):
        return []
    if magic != _MAGIC or not _HEAD.size <= used <= len(data):
        return None
    try:
        return list(_walk(data, used))
    except (ValueError, struct.error):
        return None


def _walk(data: bytes, used: int) -> Iterator[Entry]:
    at = _HEAD.size
    while at < used:
        length, count = _ENTRY.unpack_from(data, at)
        found = Entry(data[at + _ENTRY.size : at + _ENTRY.size + length], at + _ENTRY.size + _padded(length), count)
        if length <= 0 or not 0 < count <= MOST_VALUES or found.ends > used:
            raise ValueError("not whole")
        yield found
        at = found.ends


def _padded(length: int) -> int:
    return -(-length // 8) * 8
