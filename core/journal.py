"""The journal: a log of raw frames in Redis Streams. The only user of the data streams (keys: core/redisdb.py).

One stream per venue x channel x shard x replica. An entry is one batch: a header `h` (msgpack) and a body `b` (zstd level 1)
of receive times and raw frames; session events are entries without a body, in order with the frames around them.
"""

import os
import threading
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import numpy as np
import zstandard

from core.redisdb import Client, RedisError
from core.venue import Frames

FORMAT_VERSION = 1
#: `refused` stands where a reply should be: the venue would not give it, or gave more than is taken.
DATA, REPLY, REFUSED = "data", "reply", "refused"
#: Session events, each at its place in the stream. `lost` carries what was shed and why; `heartbeat` says that a silent socket lives.
CONNECTED, SUBSCRIBED, PROVEN, DISCONNECTED, LOST, HEARTBEAT = "connected", "subscribed", "proven", "disconnected", "lost", "heartbeat"
#: What an independent source says of the books of the stream at this place in it: `claims`, rows of (symbol, event time in us, bid, ask).
WITNESS = "witness"
START = "0-0"
#: Receive times in us, one a frame.
Times = Sequence[int] | np.ndarray[tuple[int], np.dtype[np.int64]]
#: An entry above this is no batch of ours (the largest REST reply is 32 MiB, far smaller when compressed).
MAX_BODY_BYTES = 256 << 20
#: Of a backlog so many are counted one by one.
COUNTED_ENTRIES = 32


class JournalError(ValueError):
    """An entry that is not one of ours."""


class StreamName(NamedTuple):
    venue: str
    channel: str
    shard: str = "0"
    replica: str = "a"

    def __str__(self) -> str:
        return ":".join(self)

    @classmethod
    def parse(cls, text: str) -> "StreamName":
        parts = text.split(":")
        if len(parts) != 4:
            raise JournalError(f"{text!r} is not venue:channel:shard:replica")
        return cls(*parts)


class Header(msgspec.Struct, frozen=True, array_like=True):
    """`batch_no` rises by one per connection over data and events alike, so that a repeated or a lost entry is known."""

    version: int
    type: str
    connection_id: str
    batch_no: int
    frames: int
    first_us: int
    last_us: int
    lines: bool = True
    context: dict[str, Any] | None = None


class Entry(NamedTuple):
    id: str
    header: Header
    body: bytes

    def frames(self) -> Frames:
        """The frames as they came. Raises JournalError when the body is not what the header says."""
        return unpack(self.body, self.header)


_local = threading.local()
#: A hash table of 2^11 entries stays in the nearest cache between two small batches: a third less time than level 1 as it comes, the
#: same size on recorded frames.
_COMPRESSION = zstandard.ZstdCompressionParameters.from_level(1, window_log=17, hash_log=11, write_checksum=1)
_encode_header = msgspec.msgpack.Encoder().encode
_decode_header = msgspec.msgpack.Decoder(Header).decode


def pack(frames: Sequence[bytes], received_us: Times) -> tuple[bytes, bool]:
    """(body, lines): compressed receive times (8 bytes each) and frames; newline-joined unless a frame holds a newline itself."""
    # An array of the standard library: the streamer makes it as it goes, and numpy would cost more than the conversion.
    times = (received_us if isinstance(received_us, array) else array("q", received_us)).tobytes()
    joined = b"\n".join(frames)
    lines = joined.count(b"\n") == len(frames) - 1
    if not lines:
        joined = b"".join(len(frame).to_bytes(4, "little") + frame for frame in frames)
    return pack_bytes(times + joined), lines


def pack_bytes(raw: bytes) -> bytes:
    """The body of an entry of what `unpack` found in one: receive times and frames as they stand there."""
    return _compressor().compress(raw)


def _compressor() -> zstandard.ZstdCompressor:
    """One a thread: making it costs as much as a small batch, and two threads must not share it."""
    found: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if found is None:
        found = _local.compressor = zstandard.ZstdCompressor(compression_params=_COMPRESSION)
    return found


def unpack(body: bytes, header: Header) -> Frames:
    try:
        if zstandard.frame_content_size(body) > MAX_BODY_BYTES:
            raise JournalError(f"body would have more than {MAX_BODY_BYTES} bytes")
        raw = zstandard.ZstdDecompressor().decompress(body, max_output_size=MAX_BODY_BYTES)
    except zstandard.ZstdError as exc:
        raise JournalError(f"body cannot be decompressed: {exc}") from exc
    if len(raw) < header.frames * 8:
        raise JournalError(f"body of {len(raw)} bytes is too short for {header.frames} frames")
    times = np.frombuffer(raw, dtype="<i8", count=header.frames)
    return Frames(raw[header.frames * 8 :], header.frames, times, lines=header.lines)


def data_fields(connection_id: str, batch_no: int, frames: Sequence[bytes], received_us: Times) -> dict[bytes, bytes]:
    body, lines = pack(frames, received_us)
    header = Header(FORMAT_VERSION, DATA, connection_id, batch_no, len(frames), int(received_us[0]), int(received_us[-1]), lines)
    return {b"h": _encode_header(header), b"b": body}


def reply_fields(connection_id: str, batch_no: int, body: bytes, received_us: int, context: dict[str, Any]) -> dict[bytes, bytes]:
    packed, lines = pack([body], [received_us])
    return {
        b"h": _encode_header(Header(FORMAT_VERSION, REPLY, connection_id, batch_no, 1, received_us, received_us, lines, context)),
        b"b": packed,
    }


def event_fields(type: str, connection_id: str, batch_no: int, at_us: int, context: dict[str, Any] | None = None) -> dict[bytes, bytes]:
    return {b"h": _encode_header(Header(FORMAT_VERSION, type, connection_id, batch_no, 0, at_us, at_us, True, context))}


def decode_entry(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Entry:
    try:
        header = read_header(fields)
    except JournalError as exc:
        raise JournalError(f"entry {entry_id.decode()} {exc}") from exc.__cause__
    return Entry(entry_id.decode(), header, fields.get(b"b", b""))


def read_header(fields: Mapping[bytes, bytes]) -> Header:
    try:
        header = _decode_header(fields[b"h"])
    except (KeyError, msgspec.MsgspecError) as exc:
        raise JournalError(f"has no readable header: {exc}") from exc
    if header.version != FORMAT_VERSION:
        raise JournalError(f"has format {header.version}; this farm reads {FORMAT_VERSION}: upgrade it")
    return header


#: Where an entry goes, and its fields.
Batch = tuple[StreamName, Mapping[bytes, bytes]]


class Wiped(RedisError):
    """the journal has lost streams that it had"""


class Mark(NamedTuple):
    """What a streamer appends with its entries: the number of its group, by which it knows later how much of its log Redis holds."""

    who: str
    value: str


def append_commands(
    prefix: str,
    entries: Sequence[Batch],
    new: Collection[StreamName],
    mark: Mark | None = None,
    floors: Mapping[StreamName, str] | None = None,
) -> list[tuple[Any, ...]]:
    """The commands that append entries, all or none. `new` names the streams to be made and registered: in the place of any other that
    is not there the reply is nil, and so it is for a mark that was never set. `floors`: ids that a stream has to count on from."""
    floors = dict(floors or {})
    commands: list[tuple[Any, ...]] = [
        (
            "XADD",
            f"{prefix}:journal:{stream}",
            *(() if stream in new else ("NOMKSTREAM",)),
            _after(floors.pop(stream)) if stream in floors else "*",
            *chain.from_iterable(fields.items()),
        )
        for stream, fields in entries
    ]
    if names := sorted(map(str, new)):
        commands.append(("SADD", f"{prefix}:journals", *names))
    if mark is not None:
        commands.append(("SET", f"{prefix}:appended:{mark.who}", mark.value, "XX"))
    if len(commands) > 1:
        # Atomic, because Redis may refuse one write (memory) and take the next: a batch behind a younger one would pass for a repeat.
        commands = [("MULTI",), *commands, ("EXEC",)]
    return commands


def appended_ids(reply: Any, count: int) -> list[bytes]:
    """The ids that the last of `append_commands` tells, which appended so many entries. Raises Wiped."""
    parts = reply if isinstance(reply, list) else [reply]
    if None in parts:
        raise Wiped("the journal has lost streams that it had")
    return parts[:count]


class Journal:
    def __init__(self, client: Client, prefix: str) -> None:
        # Any: redis-py types every answer as what it would be with and without decoding.
        self._redis: Any = client
        self.client = client
        self._prefix = prefix
        self._registered: set[StreamName] = set()
        self._wire: Any = None
        self._wire_pid = 0

    def _key(self, stream: StreamName) -> str:
        return f"{self._prefix}:journal:{stream}"

    def append(self, batches: Iterable[Batch]) -> None:
        """Append in order, in one round trip: all or none. After an error it is unknown which: repeat the whole, readers skip repeats."""
        entries = list(batches)
        streams = {stream for stream, _ in entries}
        if entries:
            try:
                self.add(entries, new=streams - self._registered)
            except Wiped:
                self.add(entries, new=streams)
        self._registered |= streams

    def add(
        self,
        entries: Sequence[Batch],
        *,
        new: Collection[StreamName],
        mark: Mark | None = None,
        floors: Mapping[StreamName, str] | None = None,
    ) -> list[bytes]:
        """As `append`, for who keeps account of the streams by himself; returns the entries' ids. Raises Wiped where a stream that is
        not `new`, or the mark, is not there: what of the rest was appended is unknown."""
        return appended_ids(self._exchange(append_commands(self._prefix, entries, new, mark, floors)), len(entries))

    def mark(self, who: str) -> str | None:
        """How far the log of this streamer goes that Redis holds."""
        found = self._redis.get(f"{self._prefix}:appended:{who}")
        return None if found is None else str(found.decode())

    def set_mark(self, mark: Mark) -> None:
        self._redis.set(f"{self._prefix}:appended:{mark.who}", mark.value)

    def _exchange(self, commands: Sequence[tuple[Any, ...]]) -> Any:
        """One write, one read, on a connection kept for it: the client's pipeline and pool cost as much as the round trip itself."""
        if self._wire is None or self._wire_pid != os.getpid():
            self._wire, self._wire_pid = self._redis.connection_pool.get_connection(), os.getpid()
        wire = self._wire
        try:
            wire.send_packed_command(wire.pack_commands(commands))
            reply: Any = None
            for _ in commands:
                reply = wire.read_response()
        except BaseException:
            wire.disconnect()  # replies may be under way that belong to nobody
            raise
        for part in reply if isinstance(reply, list) else ():
            if isinstance(part, RedisError):
                raise part
        return reply

    def register(self, streams: Iterable[StreamName]) -> None:
        self._redis.sadd(f"{self._prefix}:journals", *map(str, streams))

    def streams(self) -> list[StreamName]:
        return sorted(StreamName.parse(member.decode()) for member in self._redis.smembers(f"{self._prefix}:journals"))

    def read(
        self, offsets: Mapping[StreamName, str], *, block_ms: int, max_entries: int
    ) -> list[tuple[StreamName, list[tuple[bytes, dict[bytes, bytes]]]]]:
        """Raw entries behind each stream's offset, at most max_entries a stream; waits up to block_ms for the first."""
        keys = {self._key(stream): stream for stream in offsets}
        reply = self._redis.xread({key: offsets[stream] for key, stream in keys.items()}, count=max_entries, block=block_ms)
        return [(keys[key.decode()], entries) for key, entries in reply or []]

    def between(self, stream: StreamName, after: str, upto: str, page: int) -> Iterator[list[tuple[bytes, dict[bytes, bytes]]]]:
        """Raw entries behind one id and up to another, in pages."""
        while id_order(after) < id_order(upto) and (entries := self._redis.xrange(self._key(stream), f"({after}", upto, count=page)):
            yield entries
            after = entries[-1][0].decode()

    def keep_state(self, stream: StreamName, state: Mapping[str, Any]) -> None:
        """What a reader of the stream has gathered over its entries, of plain values; replaces what was kept before."""
        self._redis.set(f"{self._prefix}:state:{stream}", _compressor().compress(msgspec.msgpack.encode(state)))

    def drop_state(self, stream: StreamName) -> None:
        self._redis.delete(f"{self._prefix}:state:{stream}")

    def state(self, stream: StreamName) -> dict[str, Any] | None:
        """None when nothing was kept. Raises JournalError when it is not one of ours."""
        data = self._redis.get(f"{self._prefix}:state:{stream}")
        if data is None:
            return None
        try:
            return msgspec.msgpack.decode(
                zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_BODY_BYTES), type=dict[str, Any]
            )
        except (zstandard.ZstdError, msgspec.MsgspecError) as exc:
            raise JournalError(f"the state kept of {stream} cannot be read: {exc}") from exc

    def trim(self, offsets: Mapping[StreamName, str]) -> None:
        """Forget everything up to and including each offset."""
        pipe = self._redis.pipeline(transaction=False)
        for stream, offset in offsets.items():
            pipe.xtrim(self._key(stream), minid=_after(offset), approximate=False)
        pipe.execute()

    def backlog(self, stream: StreamName, offset: str) -> int:
        """Entries that wait to be committed, as `waiting` counts them."""
        return self.waiting({stream: offset})[stream][0]

    def waited_seconds(self, stream: StreamName, offset: str) -> float:
        """Since the oldest entry behind the offset was appended, by the clock of Redis; 0 when none waits."""
        return self.waiting({stream: offset})[stream][1]

    def waiting(self, offsets: Mapping[StreamName, str]) -> dict[StreamName, tuple[int, float]]:
        """Of each stream: entries behind the offset, and seconds since the oldest of them was appended, by the clock of Redis. Where committed
        ones are held for the archive, and more than a few wait, they are estimated by time: Redis does not count a part of a stream."""
        pipe = self._redis.pipeline(transaction=False)  # a hundred streams are asked as fast as one
        for stream, offset in offsets.items():
            pipe.xrange(self._key(stream), count=1).xrange(self._key(stream), min=f"({offset}", count=1)
            pipe.xrevrange(self._key(stream), count=1).xlen(self._key(stream))
        pipe.time()
        *found, (seconds, microseconds) = pipe.execute()
        now_ms, found_of = seconds * 1000 + microseconds / 1000, zip(offsets, *(found[part::4] for part in range(4)), strict=True)
        ends = {stream: ([one[0][0].decode() for one in ids], length) for stream, *ids, length in found_of if ids[1]}
        held = [stream for stream, ((first, *_), _) in ends.items() if id_order(first) <= id_order(offsets[stream])]
        for stream in held:
            pipe.xrange(self._key(stream), min=f"({offsets[stream]}", count=COUNTED_ENTRIES)
        counted = dict(zip(held, map(len, pipe.execute()), strict=True))
        waiting = dict.fromkeys(offsets, (0, 0.0))
        for stream, ((first, oldest, last), length) in ends.items():
            entries = counted.get(stream, length)
            if stream in counted and entries >= COUNTED_ENTRIES:
                at, begin, end = (id_order(one)[0] for one in (offsets[stream], first, last))
                entries = max(entries, round(length * (end - at) / max(end - begin, 1)))
            waiting[stream] = entries, max(0.0, now_ms - id_order(oldest)[0]) / 1000
        return waiting

    def length(self, stream: StreamName) -> int:
        return int(self._redis.xlen(self._key(stream)))

    def last_id(self, stream: StreamName) -> str | None:
        return self.last_ids([stream])[stream]

    def last_ids(self, streams: Iterable[StreamName]) -> dict[StreamName, str | None]:
        """Newest entry of each; None where there is none."""
        pipe, asked = self._redis.pipeline(transaction=False), list(streams)
        for stream in asked:
            pipe.xrevrange(self._key(stream), count=1)
        found = zip(asked, pipe.execute(), strict=True)
        return {stream: newest[0][0].decode() if newest else None for stream, newest in found}

    def reached(self, streams: Iterable[StreamName]) -> dict[StreamName, str | None]:
        """The id that each counts on from, of entries that were trimmed too; None for a stream that is not there."""
        pipe, asked = self._redis.pipeline(transaction=False), list(streams)
        for stream in asked:
            pipe.xinfo_stream(self._key(stream))
        found = zip(asked, pipe.execute(raise_on_error=False), strict=True)
        return {stream: _text(said["last-generated-id"]) if isinstance(said, dict) else None for stream, said in found}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _after(offset: str) -> str:
    milliseconds, _, number = offset.partition("-")
    return f"{milliseconds}-{int(number or 0) + 1}"


def id_order(offset: str) -> tuple[int, int]:
    """Stream ids compare by number, not by text."""
    milliseconds, _, number = offset.partition("-")
    return int(milliseconds), int(number or 0)
