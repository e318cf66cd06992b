"""What of the journal waits for the archive: its entries with their place in the stream, how far the archive is, and how much room is left.

Redis counts what a stream has ever had, so that what was trimmed before somebody read it is known to the entry.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from core.journal import START, StreamName, id_order
from core.redisdb import Client, RedisError

#: Asked so often at most; drains trim four times a second.
SHARE_SECONDS = 2.0
#: Streams of one transaction: Redis tells of each its first and its last entry as well, and answers nobody else meanwhile.
TOGETHER = 16


class Stretch(NamedTuple):
    """Entries behind an id. `added`: how many the stream has ever had; `trimmed`: how many of them are gone from its beginning."""

    entries: Sequence[tuple[bytes, dict[bytes, bytes]]]
    added: int
    trimmed: int
    last_id: str


class Held:
    def __init__(self, client: Client, prefix: str) -> None:
        # Any: redis-py types every answer as what it would be with and without decoding.
        self._redis: Any = client
        self._prefix = prefix
        self._share, self._share_at = 0.0, -SHARE_SECONDS

    def streams(self) -> list[StreamName]:
        return sorted(StreamName.parse(member.decode()) for member in self._redis.smembers(f"{self._prefix}:journals"))

    def stretches(self, after: Mapping[StreamName, tuple[str, str]], count: int) -> dict[StreamName, Stretch]:
        """At most `count` entries behind the first id and up to the second of each stream that is there, each with what is told of it at
        the same moment."""
        found: dict[StreamName, Stretch] = {}
        asked = list(after)
        for begin in range(0, len(asked), TOGETHER):
            found |= self._stretches({stream: after[stream] for stream in asked[begin : begin + TOGETHER]}, count)
        return found

    def _stretches(self, after: Mapping[StreamName, tuple[str, str]], count: int) -> dict[StreamName, Stretch]:
        pipe = self._redis.pipeline(transaction=True)
        for stream, (behind, upto) in after.items():
            pipe.xinfo_stream(f"{self._prefix}:journal:{stream}")
            pipe.xrange(f"{self._prefix}:journal:{stream}", f"({behind}", upto, count=count)
        replies = pipe.execute(raise_on_error=False)
        found = {}
        for stream, told, entries in zip(after, replies[::2], replies[1::2], strict=True):
            if isinstance(told, dict) and not isinstance(entries, RedisError):
                added, last = int(told["entries-added"]), told["last-generated-id"]
                found[stream] = Stretch(entries, added, added - int(told["length"]), last.decode() if isinstance(last, bytes) else last)
        return found

    def now_ms(self) -> int:
        """By the clock that ids are made of."""
        seconds, microseconds = self._redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    def tell(self, archived: Mapping[StreamName, str]) -> None:
        if archived:
            self._redis.hset(f"{self._prefix}:archived", mapping={str(stream): last_id for stream, last_id in archived.items()})

    def archived(self, streams: Iterable[StreamName]) -> dict[StreamName, str]:
        """The id up to which each is archived; START where nobody has told one."""
        asked = list(streams)
        found = self._redis.hmget(f"{self._prefix}:archived", list(map(str, asked))) if asked else []
        return {stream: START if said is None else said.decode() for stream, said in zip(asked, found, strict=True)}

    def share(self) -> float:
        """Of the memory that Redis may use, what it uses."""
        if time.monotonic() - self._share_at >= SHARE_SECONDS:
            told = self._redis.info("memory")
            self._share = int(told["used_memory"]) / max(1, int(told["maxmemory"]) or int(told["total_system_memory"]))
            self._share_at = time.monotonic()
        return self._share


def earlier(one: str, other: str) -> str:
    return min(one, other, key=id_order)
