"""Books on their way to the sockets: a snapshot for who comes, then changes chained by prev_change_id, and whole windows."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sandbox.deribit import wire
from sandbox.deribit.books import Change, Update
from sandbox.deribit.channels import INTERVALS
from sandbox.deribit.channels import Channel as Name
from sandbox.deribit.records import DELTA, FRAME
from sandbox.emission import SKIPPED, UNCHAINED, Channel, afflict, send, settle
from sandbox.sockets import Socket
from sandbox.wsframes import text_frame

if TYPE_CHECKING:
    from sandbox.deribit.venue import Deribit

PLACED = np.dtype([*FRAME.descr, ("place", "<i4")])
_NOTHING = (1, Change("new", 0, 0))
ASTRAY = 7  # how far a broken prev_change_id points beside the true one


class Pending(NamedTuple):
    symbol: int
    update: Update


class BookChannel(Channel):
    """One interval of `book.*`; a frame is a row of the batch, which knows its place among the updates of the beat."""

    pending: list[Pending]
    feed: "BookFeed"
    interval: str

    def payloads(self, batch: np.ndarray) -> list[bytes]:
        frames = [
            self.feed.change(self.pending[place], self.interval, broken=fault == UNCHAINED)
            for place, fault in zip(batch["place"].tolist(), batch["fault"].tolist(), strict=True)
        ]
        return self.feed.venue.troubles.disguised("book", batch, frames)


class BookFeed:
    def __init__(self, venue: "Deribit") -> None:
        self.venue = venue
        self.channels: dict[str, BookChannel] = {}
        for interval in INTERVALS:
            channel = BookChannel("book", lambda _: [], wire.corrupted)
            channel.feed, channel.interval, channel.pending = self, interval, []
            self.channels[interval] = channel

    def extend(self, count: int) -> None:
        for channel in self.channels.values():
            channel.prefixes += [b""] * count

    def rebuild(self) -> None:
        venue = self.venue
        for interval, channel in self.channels.items():
            listeners = venue.hub.by_symbol("book", lambda name, interval=interval: name.interval == interval)  # type: ignore[misc]
            channel.targets.rebuild(listeners, len(venue.names), lambda socket: venue.troubles.silenced("book", socket))

    def snapshot(self, name: Name, socket: Socket, now_us: int) -> None:
        """The state after the last change that the channel's listeners were told."""
        chain = self.venue.books.chain(name.symbol, name.interval)
        sides = [[Change("new", units, lots) for units, lots in side.items()] for side in (chain.bids, chain.asks)]
        update = Update(-1, chain.change_id, *sides)
        frames = np.zeros(1, PLACED)
        silent = self.venue.troubles.silenced("book", socket)
        frames["symbol"], frames["event_us"], frames["sent_us"] = name.symbol, now_us - now_us % 1000, now_us
        frames["delivered"], frames["fault"] = not silent, SKIPPED if silent else 0
        self._record(frames, [Pending(name.symbol, update)], name.interval)
        if not silent:
            head = {"type": "snapshot", "timestamp": now_us // 1000, "instrument_name": self.venue.names[name.symbol]}
            levels = {"change_id": chain.change_id, "bids": self._rows(name.symbol, sides[0]), "asks": self._rows(name.symbol, sides[1])}
            socket.out.append(text_frame(wire.notification(name.name, wire.encode(head | levels))))

    def beat(self, interval: str, now_us: int) -> None:
        """Changes of every book of this interval that somebody listens to."""
        venue, channel = self.venue, self.channels[interval]
        symbols = np.flatnonzero(channel.targets.wanted).tolist()
        for symbol in symbols:
            if venue.market.trading[symbol] and not venue.troubles.is_frozen(symbol):
                venue.books.follow(symbol)
        updates = [(symbol, venue.books.update(symbol, interval)) for symbol in symbols]
        channel.pending = [Pending(symbol, update) for symbol, update in updates if update]
        if not channel.pending:
            return
        batch = np.zeros(len(channel.pending), PLACED)
        batch["symbol"], batch["place"] = [row.symbol for row in channel.pending], np.arange(len(batch))
        batch["event_us"], batch["sent_us"] = now_us - now_us % 1000, now_us
        settle(batch, channel.targets, venue.troubles.frozen)
        if venue.faults.active:
            afflict(batch, "book", venue.faults, venue.index, None)
        self._record(batch, channel.pending, interval)
        send(batch, channel)

    def _record(self, frames: np.ndarray, pending: list[Pending], interval: str) -> None:
        """One record per level, with the fate of its frame; a book without any is nothing at price 0."""
        market = self.venue.market
        told = [[(side, level) for side, changes in _sides(row.update) for level in changes] or [_NOTHING] for row in pending]
        counts = [len(levels) for levels in told]
        rows = np.zeros(sum(counts), DELTA)
        for name in ("symbol", "event_us", "sent_us", "delivered", "fault"):
            rows[name] = np.repeat(frames[name], counts)
        rows["side"], units, lots = (np.array([(side, level.units, level.lots) for levels in told for side, level in levels])).T
        rows["update_id"] = np.repeat([row.update.change_id for row in pending], counts)
        astray = ASTRAY * (frames["fault"] == UNCHAINED)
        rows["previous_id"] = np.repeat(np.array([row.update.previous_id for row in pending]) - astray, counts)
        rows["interval"] = INTERVALS.index(interval)
        rows["price"], rows["quantity"] = market.price(rows["symbol"], units), market.amount(rows["symbol"], lots)
        self.venue.counts["book_deltas"].add(rows)
        self.venue.record("book_deltas", rows)

    def change(self, pending: Pending, interval: str, *, broken: bool) -> bytes:
        symbol, update = pending
        venue, name = self.venue, self.venue.names[pending.symbol]
        body = {
            "type": "change",
            "timestamp": venue.beat_us // 1000,
            "prev_change_id": update.previous_id - ASTRAY * broken,
            "instrument_name": name,
            "change_id": update.change_id,
            "bids": self._rows(symbol, update.bids),
            "asks": self._rows(symbol, update.asks),
        }
        return wire.notification(f"book.{name}.{interval}", wire.encode(body))

    def _rows(self, symbol: int, changes: list[Change]) -> list[tuple[str, float, float]]:
        market = self.venue.market
        unit, lot, step = float(market.unit[symbol]), int(market.lot[symbol]), float(market.step[symbol])
        return [(action, units / unit, lots * lot / step) for action, units, lots in changes]

    def windows(self, interval: str, now_us: int) -> None:
        """`book.{instrument}.{group}.{depth}.{interval}`: the best levels each time, not in the ledger."""
        venue = self.venue
        for name, sockets in venue.hub.feed("grouped"):
            if name.interval == interval and not venue.troubles.is_frozen(name.symbol):
                venue.books.follow(name.symbol)
                group, depth = name.scope.split(".")
                body = self.window(name.symbol, int(depth), 0.0 if group == "none" else float(group))
                venue.deliver("book", name, sockets, body | {"timestamp": now_us // 1000})

    def window(self, symbol: int, depth: int, group: float = 0.0) -> dict[str, Any]:
        """The best levels of a book; for REST too."""
        book, market = self.venue.books.book(symbol), self.venue.market
        unit, lot, step = float(market.unit[symbol]), int(market.lot[symbol]), float(market.step[symbol])
        found: dict[str, list[list[float]]] = {}
        for key, side, sign in (("bids", book.bids, -1), ("asks", book.asks, 1)):
            summed: dict[float, int] = {}
            for units, lots in sorted(side.items(), key=lambda level: level[0] * sign):
                price = units / unit
                price = price if not group else sign * -(-sign * price // group) * group
                summed[price] = summed.get(price, 0) + lots
            found[key] = [[price, lots * lot / step] for price, lots in list(summed.items())[:depth]]
        return {"instrument_name": self.venue.names[symbol], "change_id": book.change_id, **found}


def _sides(update: Update) -> tuple[tuple[int, list[Change]], tuple[int, list[Change]]]:
    return (1, update.bids), (-1, update.asks)
