"""All that the paper engine knows, as values that survive a restart: what it was told, what it holds, what it has under way.

Each entry is stored under its own key ("books 12"), as JSON that reads back to the same value, so that a commit writes what has changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from paper.audit import GENESIS
from paper.values import Book, Leg, Pair

ZERO = Decimal(0)


@dataclass(slots=True)
class Head:
    """Counters (the number last given) and the end of the audit chain. `awake_us`: since when it was told something without a long pause."""

    now_us: int = 0
    awake_us: int = 0
    opportunities: int = 0
    orders: int = 0
    fills: int = 0
    settlements: int = 0
    audits: int = 0
    hash: bytes = GENESIS
    rules: str = ""


@dataclass(slots=True)
class Venue:
    """`heard`: instrument -> our clock at the newest frame of its book. `paused`: why it does not trade; empty: it does."""

    heard_us: int = 0
    paused: str = ""
    heard: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """The last word of a source on a result."""

    status: str
    payout: Decimal | None


@dataclass(slots=True)
class Opportunity:
    """A lock that the books offer, while they do. `edge`: dollars in all of the last look, `best_edge` of the
    best, with its `cost` and `fees`. `gone_us`: when it was
    not there any more; 0 while it is. `stored_us`: when its row was written; `unstored`: it is behind."""

    number: int
    pair_id: int
    yes_leg: str
    first_us: int
    last_us: int
    edge: Decimal
    shares: Decimal
    best_edge: Decimal
    best_edge_share: Decimal
    capacity: Decimal
    cost: Decimal
    fees: Decimal
    fees_known: bool
    note: str
    breaks: tuple[str, ...]
    looks: int = 1
    appearances: int = 1
    taken_shares: Decimal = ZERO
    reasons: tuple[str, ...] = ()
    gone_us: int = 0
    gone_why: str = ""
    stored_us: int = 0
    unstored: bool = False


@dataclass(slots=True)
class Order:
    """`price`: the worst of a share of `outcome` that is taken. `lock`: number of the first order of the lock it belongs to. `reserved`: the
    most it may cost; `worth_days`: for how long, in dollars times days. `paid`: price times shares of its fills; `why`: what kept it from more."""

    number: int
    lock: int
    opportunity: int
    pair_id: int
    leg: Leg
    name: str
    purpose: str
    action: str
    outcome: str
    quantity: Decimal
    price: Decimal
    sent_us: int
    arrives_us: int
    closes_us: int
    reserved: Decimal = ZERO
    reserved_days: Decimal = ZERO
    state: str = "under way"
    filled: Decimal = ZERO
    paid: Decimal = ZERO
    fee: Decimal = ZERO
    why: str = ""


@dataclass(slots=True)
class Position:
    """Shares of one outcome that a pair holds. `cost`: dollars, fees included. `bound_days`: cost times days until the market closes, as
    taken at entry; `capital_days`: cost times days up to `since_us`. `unmatched`: shares that no other leg covers."""

    pair_id: int
    name: str
    venue: str
    instrument_id: int
    outcome: str
    sources: int
    opened_us: int
    since_us: int
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    bound_days: Decimal = ZERO
    capital_days: Decimal = ZERO
    unmatched: Decimal = ZERO


@dataclass(slots=True)
class Scope:
    """What is bound and won in all ("all"), at a venue ("venue NAME") or in a pair ("pair NUMBER"). `cash`: of a venue and of all.
    `bound`: cost of positions, `reserved`: for orders under way. `spent`, `won`: on `day` (days since 1970); `accepted`: of `won`, what a
    person has taken note of. `halted`: reasons; none: it is not."""

    cash: Decimal = ZERO
    bound: Decimal = ZERO
    reserved: Decimal = ZERO
    bound_days: Decimal = ZERO
    capital_days: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    day: int = 0
    spent: Decimal = ZERO
    won: Decimal = ZERO
    accepted: Decimal = ZERO
    halted: tuple[str, ...] = ()
    halted_us: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """What we took of a level (`side`: 1 bid, -1 ask) that showed `shown` then. It stays taken while the level shows the same."""

    side: int
    price: Decimal
    shown: Decimal
    quantity: Decimal


@dataclass(slots=True)
class State:
    head: dict[str, Head] = field(default_factory=lambda: {"": Head()})
    pairs: dict[int, Pair] = field(default_factory=dict)
    books: dict[int, Book] = field(default_factory=dict)
    venues: dict[str, Venue] = field(default_factory=dict)
    markets: dict[int, str] = field(default_factory=dict)
    said: dict[int, dict[str, Said]] = field(default_factory=dict)
    settled: dict[int, Decimal] = field(default_factory=dict)
    opportunities: dict[str, Opportunity] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)
    taken: dict[int, tuple[Taken, ...]] = field(default_factory=dict)


#: kind -> how its keys and its values read
_NUMBERED: dict[str, Any] = {
    "pairs": Pair,
    "books": Book,
    "markets": str,
    "said": dict[str, Said],
    "settled": Decimal,
    "orders": Order,
    "taken": tuple[Taken, ...],
}
_NAMED: dict[str, Any] = {"head": Head, "venues": Venue, "opportunities": Opportunity, "positions": Position, "scopes": Scope}
_DECODERS = {kind: msgspec.json.Decoder(type) for kind, type in {**_NUMBERED, **_NAMED}.items()}
_ENCODERS = {kind: msgspec.json.Encoder() for kind in _DECODERS}
_ENCODERS["pairs"] = msgspec.json.Encoder(order="sorted")  # sets have an order of their own in each process

Row = dict[str, Any]


@dataclass(slots=True)
class Changes:
    """What is to be stored in one transaction. `rows`: table -> key -> the row as it is now (None: no more); of fills, paper_settlements and
    audit_logs only new ones. Times (`..._at`) are microseconds. `state`: key -> JSON (None: no more)."""

    rows: dict[str, dict[Any, Row | None]] = field(default_factory=dict)
    state: dict[str, str | None] = field(default_factory=dict)


def encode(state: State, dirty: Mapping[str, Iterable[Any]]) -> dict[str, str | None]:
    """`dirty`: kind -> keys of what has changed."""
    found: dict[str, str | None] = {}
    for kind, keys in dirty.items():
        entries = getattr(state, kind)
        for key in sorted(keys):
            found[f"{kind} {key}"] = _ENCODERS[kind].encode(entries[key]).decode() if key in entries else None
    return found


def decode(stored: Mapping[str, str]) -> State:
    """The state as it was encoded, entry by entry. Raises ValueError when something else stands there."""
    state = State()
    for name in sorted(stored):
        kind, _, key = name.partition(" ")
        if kind not in _DECODERS:
            raise ValueError(f"{name!r} is no entry of the paper engine's state")
        getattr(state, kind)[int(key) if kind in _NUMBERED else key] = _DECODERS[kind].decode(stored[name])
    return state
