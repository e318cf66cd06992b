"""Reads a journal as a reader does: repeats are known by connection id and batch number, holes and disorder are errors."""

from collections import Counter
from dataclasses import dataclass, field

from core import redisdb
from core.journal import CONNECTED, DATA, DISCONNECTED, LOST, START, Header, Journal, StreamName, decode_entry


@dataclass
class Reading:
    frames: list[bytes] = field(default_factory=list)
    headers: list[Header] = field(default_factory=list)
    repeats: int = 0
    lost: int = 0

    @property
    def types(self) -> list[str]:
        return [header.type for header in self.headers if header.type != DATA]

    def contexts(self, type: str) -> list[dict[str, object]]:
        return [header.context or {} for header in self.headers if header.type == type]


class Log:
    def __init__(self, client: redisdb.Client, prefix: str) -> None:
        self.client = client
        self.prefix = prefix
        self.journal = Journal(client, prefix)

    def read(self, stream: StreamName) -> Reading:
        """Everything in the stream, each batch once; asserts that numbers rise without a hole but for counted loss."""
        reading = Reading()
        last: dict[str, int] = {}
        bodies: dict[tuple[str, int], bytes] = {}
        for _, entries in self.journal.read({stream: START}, block_ms=1, max_entries=1_000_000):
            for entry_id, fields in entries:
                entry = decode_entry(entry_id, fields)
                header = entry.header
                key = (header.connection_id, header.batch_no)
                if header.batch_no <= last.get(header.connection_id, -1):
                    assert bodies[key] == entry.body, "a repeat must be the same batch"
                    reading.repeats += 1
                    continue
                first = header.context["first_batch"] if header.type == LOST and header.context else header.batch_no
                assert first == last.get(header.connection_id, -1) + 1, f"hole before {header}"
                last[header.connection_id] = header.batch_no
                bodies[key] = entry.body
                reading.headers.append(header)
                reading.lost += header.context["frames"] if header.type == LOST and header.context else 0
                if header.type == DATA:
                    reading.frames += entry.frames().split()
        _check_lives(reading.headers)
        return reading


def _check_lives(headers: list[Header]) -> None:
    """CONNECTED first, DISCONNECTED last, each at most once."""
    by_connection: dict[str, list[str]] = {}
    for header in headers:
        by_connection.setdefault(header.connection_id, []).append(header.type)
    for connection_id, types in by_connection.items():
        counts = Counter(types)
        assert types[0] == CONNECTED, (connection_id, types[:3])
        assert counts[CONNECTED] == 1
        assert counts[DISCONNECTED] <= 1
        assert DISCONNECTED not in types[:-1], "nothing comes after the end of a connection"
