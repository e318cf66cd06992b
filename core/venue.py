"""The contract a venue fills in: what it offers, how its sockets and replies speak. Pure: no I/O, no clock.

A venue is a folder below venues/ whose package holds `VENUE = Venue(...)`. Streamers and tasks know this page, never a venue.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import numpy as np

from core.records import Columns, Instrument, Market, Pause
from core.trading import Facts, TradingTerms

if TYPE_CHECKING:
    from core.history import History


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of feed of a venue, under the venue's own name for it; a connection carries one channel."""

    name: str
    kind: str  # the table its frames become rows of; "" where they are only kept as sent
    instruments_per_connection: int  # how many subscriptions share a socket; below the venue's ceiling
    first_frame_seconds: float  # subscribed and no frame at all on the connection for so long: the route is dead
    idle_seconds: float  # nothing received for so long on a proven connection: reconnect
    #: subscribed to as they stand, in the place of the instruments of the universe (index names, feeds of the whole venue)
    topics: tuple[str, ...] = ()
    names_per_message: int = 200  # how many names one subscribe frame may hold
    keepalive: str = ""  # text that the venue wants to hear every `keepalive_seconds`
    keepalive_seconds: float = 0.0
    sockets: int = 1  # how many connections say the same at once (hot-hot), for a venue that freezes in part
    continuous: bool = True  # the sequence or chain of its kind holds here; false where ids do not follow each other
    numbered: bool = False  # the venue numbers its frames, each subscription by itself: Decoded.numbered
    login: bool = False  # with credentials a connection subscribes once the login of its greeting is answered
    raw: bool = False  # every change by itself, where a login gives that; set by the streamer on a connection whose login is in force
    #: (name, value) of what is asked for with every subscription and changes what frames mean: it stands in the journal before them
    terms: tuple[tuple[str, str | bool], ...] = ()
    #: of trades: the poll of their candles, where a candle's volume is what its trades sum up to, in one unit
    candles: str = ""
    book_tops: bool = False  # the top of each book is written to quotes: for a venue without a feed of best prices


@dataclass(frozen=True, slots=True)
class Limits:
    """What the venue tolerates; counted over all processes of one address."""

    weight_per_minute: int
    messages_per_second: float
    connection_seconds: float  # rotate before the venue cuts
    #: of a token bucket: what it gains a second, and what it holds; 0: the venue counts by the minute alone
    weight_per_second: float = 0.0
    burst: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One REST call: GET base + path with params, or POST where there is a `body`; `weight` is what the venue charges for it. A name
    in braces in the path is the place of the param of that name."""

    poll: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    weight: int = 1
    max_bytes: int = 32 << 20
    body: Any = None  # sent as JSON

    def target(self) -> tuple[str, dict[str, str | int]]:
        """(path, query) as they are sent."""
        named = {name for name in self.params if f"{{{name}}}" in self.path}
        path = self.path
        for name in named:
            path = path.replace(f"{{{name}}}", quote(str(self.params[name]), safe=""))
        return path, {name: value for name, value in self.params.items() if name not in named}


@dataclass(frozen=True, slots=True)
class Reply:
    """One REST answer with status 200: the body exactly as sent."""

    poll: str
    params: Mapping[str, Any]
    body: bytes
    received_us: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A frame (by its place in the batch), or a row of a reply (by its place in the list), that could not be read, and why."""

    frame: int
    reason: str


@dataclass(frozen=True, slots=True)
class Numbered:
    """Frames that a connection numbers: int64 arrays of equal length, in the order of the frames.

    `frames`: place in the batch; `scopes`: what is counted, a subscription for instance; `numbers` rise by one per connection and scope.
    """

    frames: Any
    scopes: Any
    numbers: Any


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch of frames, or a reply, says.

    `rows`: kind -> columns, with `symbol` (list of str) in the place of instrument_id; rows keep the order of the frames. Beside the
    kinds of core.records there may be BOOK_STATES, BOOK_CHANGES, BOOK_CLAIMS and BOOK_EPOCHS, which the writer's books turn into such. Of a
    numbered connection every row has `frame`, its place in the batch.
    `ignored`: reason -> frames that are known and left out on purpose.
    """

    rows: Mapping[str, Columns] = field(default_factory=dict)
    instruments: Sequence[Instrument] = ()
    markets: Sequence[Market] = ()
    #: what the venue says of its own pauses, planned or under way; None: this reply speaks of none, (): there is none at present.
    #: Plans alone, each with its end, say nothing of the present
    pauses: Sequence[Pause] | None = None
    rejected: Sequence[Rejected] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)
    #: true when `instruments` is the whole list of the venue, so that one not in it is gone
    complete: bool = False
    #: true when `instruments` and `markets` are a first word only: what has been described already stays as it is
    provisional: bool = False
    #: kinds of which only rows of registered instruments count: the venue tells everybody of everything, recorded or not
    of_known: Collection[str] = ()
    numbered: Numbered | None = None


class Frames:
    """A batch of frames as it came: `body` holds them joined by newlines (`lines`), or each behind a 4-byte length (`sized`)."""

    __slots__ = ("body", "count", "lines", "received_us")

    def __init__(self, body: bytes, count: int, received_us: Any, *, lines: bool) -> None:
        self.body = body
        self.count = count
        self.received_us = received_us  # int64 array, one a frame
        self.lines = lines

    def split(self) -> list[bytes]:
        if self.lines:
            return self.body.split(b"\n") if self.count else []
        out, at = [], 0
        for _ in range(self.count):
            size = int.from_bytes(self.body[at : at + 4], "little")
            out.append(self.body[at + 4 : at + 4 + size])
            at += 4 + size
        return out

    @classmethod
    def joined(cls, parts: Sequence["Frames"]) -> "Frames":
        """Several batches as one."""
        if len(parts) == 1:
            return parts[0]
        received = np.concatenate([part.received_us for part in parts])
        if all(part.lines for part in parts):
            return cls(b"\n".join(part.body for part in parts), len(received), received, lines=True)
        frames = [frame for part in parts for frame in part.split()]
        body = b"".join(len(frame).to_bytes(4, "little") + frame for frame in frames)
        return cls(body, len(frames), received, lines=False)


@dataclass(frozen=True, slots=True)
class Control:
    """A frame that belongs to the protocol, not to the market.

    `type` is ack, error, pong, heartbeat, closing (the venue will close soon) or ended (nothing more will come on this connection).
    """

    type: str
    request_id: int | None = None
    message: str = ""
    #: to be sent back at once (a heartbeat that wants an answer)
    answer: str = ""
    #: it takes part in the numbering of data frames, so it goes into the journal like one
    keep: bool = False
    #: of an answer to a login: whether it is in force; `message` then is what the operator is to know of the key, and `renewal` is the text
    #: that renews it, to be sent after `renew_seconds`
    login: bool | None = None
    renewal: str = field(default="", repr=False)
    renew_seconds: float = 0.0
    #: of an ack: what the venue says it has subscribed, where it says so; what is missing from it was refused without a word
    subscribed: tuple[str, ...] | None = None


class StreamProtocol(Protocol):
    """How a venue's sockets speak (venues/<venue>/stream.py)."""

    #: every market-data frame begins so; others are asked about through `control`
    data_prefix: bytes

    def greeting(self, channel: Channel, credentials: Mapping[str, str]) -> Sequence[str]:
        """Frames to send on an open connection before anything else (heartbeat, login). `credentials` may be empty."""
        ...

    def url(self, base: str, channel: Channel, symbols: Sequence[str]) -> str: ...

    def headers(self, channel: Channel, credentials: Mapping[str, str], now_us: int) -> Mapping[str, str]:
        """Of one handshake. Empty where the venue wants none."""
        ...

    def subscribe(self, channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
        """Frames to send on an open connection to add symbols. Empty where the URL already said it all at connecting."""
        ...

    def unsubscribe(self, channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]: ...

    def resync(self, channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
        """Frames that make the venue send the whole state of these symbols anew on the open connection. Empty where there is no state."""
        ...

    def control(self, frame: bytes) -> Control | None:
        """None: not a protocol frame, so it goes to the journal as it is."""
        ...

    def subscription(self, frame: bytes) -> str:
        """Which symbol (upper case, as in payloads) a data frame belongs to, '' where it cannot be told cheaply; of several, each, with
        blanks between."""
        ...


VENUE, INSTRUMENTS, UNRECORDED, MARKETS, UNRESOLVED, UNKNOWN = "venue", "instruments", "unrecorded", "markets", "unresolved", "unknown"


@dataclass(frozen=True, slots=True)
class Poll:
    """A periodic REST read: `requests` says what to ask, `parse` what the reply means.

    `about`: what `requests` is given: the symbols of the universe, which may be none yet (VENUE) or not (INSTRUMENTS), what is listed of the
    same base assets and not in the universe (UNRECORDED), the symbols of every market that trades (MARKETS), the ids of markets whose
    end has passed and whose result is not settled (UNRESOLVED), or symbols that frames have named and no list (UNKNOWN). A poll without
    `every_seconds` is not scheduled. With `follow` each answer names the next request, at most `max_pages` of them.
    """

    name: str
    every_seconds: float | None
    requests: Callable[[Sequence[str], int], Sequence[Request]]  # (symbols, now in us) -> requests
    parse: Callable[[Reply], Decoded]
    about: str = VENUE
    queue: str = "snapshots"
    follow: Callable[[Reply], Request | None] | None = None
    max_pages: int = 1
    #: whether it is for farms that have the venue's login (True), for those that have not (False), or for both
    login: bool | None = None
    #: (weight a second, weight held) of the login's own token bucket, where the reply tells it. Raises Unreadable
    allowance: Callable[[Reply], tuple[float, float]] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What farm.toml asks of a universe: the `top` instruments or markets, by the venue's own `options` ([venues.NAME.universe])."""

    top: int
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Universe:
    """How the list of instruments to record is found.

    `requests` says what to ask; it raises ValueError with a sentence about an option that cannot be used. `rank` turns the replies,
    which come one by one as they are read, into at most the wanted number of symbols, best first, and holds no more than it must.
    """

    requests: Callable[[Wanted], Sequence[Request]]
    rank: Callable[[Iterable[Reply], Wanted], Sequence[str]]
    follow: Callable[[Reply], Request | None] | None = None
    max_pages: int = 1
    every_seconds: float = 300  # how often it is found anew


@dataclass(frozen=True, slots=True)
class Question:
    """What a market's attributes say beyond its title. `context`: the title of what it is a part of; `unfit`: why it is no question that
    another venue could ask too; `cautions`: what a person should know before taking it for the same question as another."""

    context: str = ""
    unfit: str = ""
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Venue:
    name: str
    ws_url: str  # the real venue; `<NAME>_WS_URL` overrides
    rest_url: str  # the real venue; `<NAME>_REST_URL` overrides
    channels: tuple[Channel, ...]
    polls: tuple[Poll, ...]
    limits: Limits
    stream: StreamProtocol
    decode: Callable[[str, Frames], Decoded]  # (channel name, frames)
    universe: Universe
    #: of a venue with several: first part of a path -> the real host that it stands for. An address that overrides serves them all, each
    #: below its part of the path.
    hosts: Mapping[str, str] = field(default_factory=dict)
    #: header name -> reads the weight used so far in this minute, as the venue counts it
    used_weight_header: str | None = None
    #: credentials (core.settings) without which no socket is let in
    login: tuple[str, ...] = ()
    #: (request, credentials, now in us) -> headers of one attempt, where the venue wants requests signed and there are credentials
    sign: Callable[[Request, Mapping[str, str], int], Mapping[str, str]] | None = None
    #: the poll whose replies bear witness: its rows hold BOOK_CLAIMS of the instruments asked about
    witness: str | None = None
    #: how many sources must agree on the result of a market before it is final
    resolution_sources: int = 1
    #: attributes of a market -> what they say of its question, where the venue has markets that others may have too
    question: Callable[[Mapping[str, Any]], Question] | None = None
    #: name of a channel or a poll -> how its past is read again
    histories: "Mapping[str, History]" = field(default_factory=dict)
    #: (facts of a market, moment in us) -> what trading it costs and allows then, where the venue's markets pay 1 or nothing
    terms: Callable[[Facts, int], TradingTerms] | None = None
    archive_url: str = ""  # serves the same requests for what is older; `<NAME>_ARCHIVE_URL` overrides

    def channel(self, name: str) -> Channel:
        return next(channel for channel in self.channels if channel.name == name)

    def keeps_books(self, channel_name: str) -> bool:
        return any(channel.book_tops for channel in self.channels if channel.name == channel_name)

    def poll(self, name: str) -> Poll:
        return next(poll for poll in self.polls if poll.name == name)
