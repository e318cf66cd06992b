"""The notice board: small facts one process tells the others through Redis (keys: core/redisdb.py). Never market data.

A fact is replaced whole and most expire by themselves, so that a dead process stops speaking.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from core.redisdb import Client

#: A process that has not said anything for so long is taken for dead by whoever reads the board.
VITAL_SECONDS = 30
#: A wish for a whole state that nobody has taken for so long: its streamer is down, and a new connection begins with the state anyway.
RESYNC_SECONDS = 60
#: Symbols taken at one time; the rest waits for the next.
RESYNC_MOST = 1_000


class Board:
    def __init__(self, client: Client, prefix: str) -> None:
        # Any: redis-py types every answer as what it would be with and without decoding.
        self._redis: Any = client
        self._prefix = prefix

    def publish_universe(self, venue: str, symbols: Sequence[str]) -> None:
        self._redis.set(f"{self._prefix}:universe:{venue}", json.dumps(list(symbols), ensure_ascii=False))

    def remind_of_universe(self, venue: str, symbols: Sequence[str]) -> None:
        """Publish what was published last where nothing is: Redis has lost it, and the next round of metadata may be an hour away."""
        self._redis.set(f"{self._prefix}:universe:{venue}", json.dumps(list(symbols), ensure_ascii=False), nx=True)

    def universe(self, venue: str) -> list[str] | None:
        """The symbols to record, or None when nobody has published them yet."""
        found = self._redis.get(f"{self._prefix}:universe:{venue}")
        return None if found is None else list(json.loads(found))

    def tell_shards(self, who: str, channel: str, shards: Mapping[int, Sequence[str]]) -> None:
        """Shard number -> its symbols, of one channel of a streamer whatever its replica."""
        text = json.dumps({str(number): list(symbols) for number, symbols in shards.items()}, ensure_ascii=False)
        self._redis.hset(f"{self._prefix}:shards:{who}", channel, text)

    def shards(self, who: str) -> dict[str, dict[int, list[str]]]:
        """channel -> what was told last."""
        found = self._redis.hgetall(f"{self._prefix}:shards:{who}")
        return {channel.decode(): {int(number): symbols for number, symbols in json.loads(text).items()} for channel, text in found.items()}

    def placed_channels(self, who: str) -> set[str]:
        return {channel.decode() for channel in self._redis.hkeys(f"{self._prefix}:shards:{who}")}

    def ask_resync(self, stream: str, symbols: Sequence[str]) -> None:
        """Ask the streamer of this journal stream for the whole state of these symbols anew; none: of all. Forgotten when nobody takes it."""
        key = f"{self._prefix}:resync:{stream}"
        pipe = self._redis.pipeline(transaction=True)
        pipe.sadd(key, *(symbols or ("",)))
        pipe.expire(key, RESYNC_SECONDS)
        pipe.execute()

    def ask_rotation(self, stream: str) -> None:
        """Ask the streamer of this journal stream for new connections in the place of the present ones."""
        self._redis.set(f"{self._prefix}:rotate:{stream}", "1", ex=RESYNC_SECONDS)

    def rotations(self, streams: Sequence[str]) -> list[str]:
        """Those of the streams that were asked to rotate since the last time, taken off the board."""
        pipe = self._redis.pipeline(transaction=False)
        for stream in streams:
            pipe.getdel(f"{self._prefix}:rotate:{stream}")
        return [stream for stream, asked in zip(streams, pipe.execute() if streams else (), strict=True) if asked]

    def resyncs(self, streams: Sequence[str]) -> dict[str, list[str]]:
        """stream -> what was asked for since the last time, taken off the board."""
        pipe = self._redis.pipeline(transaction=False)
        for stream in streams:
            pipe.spop(f"{self._prefix}:resync:{stream}", RESYNC_MOST)
        asked = zip(streams, pipe.execute(), strict=True) if streams else ()
        return {stream: sorted(symbol.decode() for symbol in symbols) for stream, symbols in asked if symbols}

    def report(self, who: str, vital: dict[str, Any], *, seconds: int = VITAL_SECONDS) -> None:
        self._redis.set(f"{self._prefix}:vital:{who}", json.dumps(vital, ensure_ascii=False), ex=seconds)

    def vitals(self, kind: str) -> dict[str, dict[str, Any]]:
        """who -> what it last said, of all whose name begins with `kind:`."""
        head = f"{self._prefix}:vital:"
        keys = sorted(self._redis.scan_iter(match=f"{head}{kind}:*", count=500))
        values = self._redis.mget(keys) if keys else []
        return {key.decode()[len(head) :]: json.loads(value) for key, value in zip(keys, values, strict=True) if value is not None}

    def count_failure(self, task: str) -> None:
        """A task has failed once more; the counts are never set back."""
        self._redis.hincrby(f"{self._prefix}:failures", task, 1)

    def failures(self) -> dict[str, int]:
        """task -> failures so far."""
        return {task.decode(): int(count) for task, count in self._redis.hgetall(f"{self._prefix}:failures").items()}

    def tell_rung(self, times: Mapping[str, float]) -> None:
        """Entry of the schedule -> when its message was sent, in seconds of the epoch."""
        self._redis.hset(f"{self._prefix}:rung", mapping=dict(times))

    def rung(self) -> dict[str, float]:
        """What was told last of each entry, of those too that the schedule has no more."""
        return {name.decode(): float(at) for name, at in self._redis.hgetall(f"{self._prefix}:rung").items()}
