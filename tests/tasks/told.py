"""A stream's log with times of the test's own choosing, and what was made of it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core import journal as journals
from core.journal import Journal, StreamName
from tests.tasks.conftest import trade

Query = Callable[..., list[tuple[Any, ...]]]
#: A full hour some hours ago; all that these tests tell lies between it and now.
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
STATES = ("verified", "witnessed", "unverifiable", "broken", "paused")


def us(seconds: float) -> int:
    return int((START.timestamp() + seconds) * 1_000_000)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Line:
    """One connection; every word at so many seconds after START."""

    def __init__(
        self, journal: Journal, stream: StreamName, name: str, symbols: Sequence[str], seconds: float, incarnation: str = "i"
    ) -> None:
        self._journal, self._stream, self._name, self._batch = journal, stream, name, 0
        self.event(journals.CONNECTED, seconds, incarnation=incarnation, subscriptions=list(symbols))

    def event(self, type: str, moment: float, **context: object) -> None:
        self._batch += 1
        self._journal.append([(self._stream, journals.event_fields(type, self._name, self._batch, us(moment), context))])

    def end(self, seconds: float, cause: str = "closed") -> None:
        self.event(journals.DISCONNECTED, seconds, cause=cause)

    def trade(self, number: int, symbol: str, seconds: float) -> None:
        self._batch += 1
        frame = trade(number, symbol, T=us(seconds) // 1000, E=us(seconds) // 1000)
        self._journal.append([(self._stream, journals.data_fields(self._name, self._batch, [frame], [us(seconds)]))])


def hours(query: Query, symbol: str) -> list[tuple[Any, ...]]:
    """(hours since START, state, seconds of each state) of an instrument, in the order of time; the five that are over."""
    found = query(
        f"SELECT extract(epoch FROM c.hour - %s)::int / 3600, c.state, {', '.join(f'c.{name}' for name in STATES)} "
        "FROM coverage c JOIN instruments USING (instrument_id) WHERE symbol = %s AND c.hour < %s ORDER BY c.hour",
        (START, symbol, at(5 * 3600)),
    )
    return [(hour, state, *(round(seconds, 3) for seconds in parts)) for hour, state, *parts in found]
