"""Changes of fees, past and to come, of series and of single events. Must not know HTTP.

One is an instrument of the type `fee change` that is not traded, so that a change which is moved or taken back is a row of history.
"""

from collections.abc import Callable

import msgspec

from core.records import Instrument
from core.venue import Decoded, Reply
from venues.decoding import checked_text
from venues.errors import BadFrame
from venues.kalshi import wire_rest
from venues.kalshi.replies import microseconds, rows_of
from venues.replies import read_each

OF_SERIES, OF_EVENTS = "series_fee_changes", "event_fee_changes"
_CHANGE = msgspec.json.Decoder(wire_rest.FeeChange)


def parser(key: str) -> Callable[[Reply], Decoded]:
    """`key`: what the reply calls its list."""

    def parse(reply: Reply) -> Decoded:
        read, rejected = read_each(rows_of(reply, key), _CHANGE, _check)
        return Decoded(instruments=[_instrument(row) for row in read], rejected=rejected)

    return parse


def _check(row: wire_rest.FeeChange) -> None:
    checked_text(row.id)
    if microseconds(row.scheduled_ts) is None:
        raise BadFrame(f"a change of fees at {row.scheduled_ts.isoformat()}")


def _instrument(row: wire_rest.FeeChange) -> Instrument:
    """An override that is null takes back the one before it, and is kept so."""
    about = msgspec.structs.asdict(row)
    attributes = {name: value for name, value in about.items() if name not in ("id", "scheduled_ts") and value is not msgspec.UNSET}
    return Instrument(
        f"fee change {row.id}",
        "scheduled",
        contract_type="fee change",
        listed_at_us=microseconds(row.scheduled_ts),
        attributes=attributes,
    )
