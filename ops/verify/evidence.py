"""What the farm itself says about holes and unreadable frames, as the comparison wants it."""

from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import connection as RawConnection

from core.records import KINDS, QUOTES
from db.moments import micros, moment
from ops.verify.explain import Gap
from venues import VENUES

#: An instrument that a frame in quarantine does not tell.
UNTOLD = -1


_HEAD_BYTES = 256


def channels_of(venue: str, kind: str) -> list[str]:
    """Channels whose frames become rows of the kind: a channel of changes brings the whole states too, and what is no channel's own
    kind any of them may bring."""
    channels = VENUES[venue].channels
    own = [channel.name for channel in channels if channel.kind and kind in (channel.kind, KINDS[channel.kind].states)]
    return own or [channel.name for channel in channels]


class Evidence:
    """Asks the database; the connection is the caller's."""

    def __init__(self, connection: RawConnection, venue: str, channels: list[str]) -> None:
        self._connection, self._venue, self._channels = connection, venue, channels

    def derived(self, kind: str) -> bool:
        """Whether rows of the kind come out of replayed books, and so say nothing while those are in doubt."""
        return kind == QUOTES.name and any(channel.book_tops for channel in VENUES[self._venue].channels)

    def instruments(self) -> dict[str, int]:
        """symbol -> instrument_id."""
        return dict(self._rows("SELECT symbol, instrument_id FROM instruments WHERE venue = %s", self._venue))

    def gaps(self, numbers: Mapping[int, int]) -> list[Gap]:
        """Gaps of all states: one that was filled since explains nothing, as its rows are there. `numbers`: instrument_id -> ledger's."""
        rows = self._rows(
            "SELECT event_from, event_to, instrument_id, first_missing, last_missing, cause FROM data_gaps "
            "WHERE venue = %s AND channel = ANY(%s) ORDER BY gap_id",
            self._venue,
            self._channels,
        )
        return [
            Gap(micros(start), micros(end), None if instrument is None else numbers.get(instrument, UNTOLD), first or 0, last or 0, cause)
            for start, end, instrument, first, last, cause in rows
        ]

    def quarantined(self, since_us: int, symbols: list[str]) -> list[int]:
        """The ledger's number of the instrument of each frame in quarantine."""
        numbers = {symbol: number for number, symbol in enumerate(symbols)}
        rows = self._rows(
            "SELECT substring(raw FOR %s) FROM quarantine WHERE venue = %s AND channel = ANY(%s) AND received_at >= %s ORDER BY quarantine_id",
            _HEAD_BYTES,
            self._venue,
            self._channels,
            moment(since_us),
        )
        subscription = VENUES[self._venue].stream.subscription
        return [numbers.get(subscription(bytes(head)), UNTOLD) for (head,) in rows]

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()
