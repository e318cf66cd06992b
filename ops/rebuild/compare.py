"""Whether two databases hold the same rows: one hash a table and hour, over everything that an entry of the journal decides.

What cannot be equal is listed here with its reason, and nothing else is left out.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as RawConnection

from core.records import KINDS
from db import engine
from db.moments import moment
from db.tables import metadata
from ops.rebuild.run import Range

NUMBER = "numbers are dealt out in the order of writing; instruments are compared by venue and symbol"
COMMITTED = "our clock at the commit"
LATER = "what tasks make of it later, out of more than the journal"
TWICE = "what Redis lost, and was told again, was read twice then and is read once now"


@dataclass(frozen=True, slots=True)
class Compared:
    """A table: the clock by which its rows fall into hours, and the columns that cannot be equal. `whole`: it tells the present, or its rows
    are replaced by later ones, so that it is equal only when both databases have read as far. `end`: when a row is over; `ending`: what it
    then tells, which does not count when that is behind the range. `found`: a row may be found only by what ends it, so that one whose end is
    behind the range is not compared."""

    hour: str
    unequal: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    end: str = ""
    ending: tuple[str, ...] = ()
    found: bool = False


NO_HOUR = "NULL::timestamptz"
_DESCRIBED = {"first_seen_at": COMMITTED, "updated_at": COMMITTED}
#: Tables that name something by a number of ours, and what it is compared by instead: (join, columns).
_INSTRUMENT = ("LEFT JOIN instruments i ON i.instrument_id = t.instrument_id", ("i.venue", "i.symbol"))
_MARKET = ("LEFT JOIN markets i ON i.market_key = t.market_key", ("i.venue", "i.market_id"))
NAMED = {**dict.fromkeys((*KINDS, "data_gaps", "instrument_history"), _INSTRUMENT), "market_history": _MARKET}
TABLES: dict[str, Compared] = {
    **{name: Compared("received_at", whole=kind.revises) for name, kind in KINDS.items()},
    "sessions": Compared("connected_at", end="ended_at", ending=("ended_at", "cause")),
    "outages": Compared(
        "coalesce(received_from, event_from, received_to)",
        {"outage_id": NUMBER, "found_at": COMMITTED},
        end="received_to",
        ending=("received_to", "event_to"),
    ),
    "data_gaps": Compared(
        "coalesce(received_from, event_from, received_to, event_to)",
        {"gap_id": NUMBER, "outage_id": NUMBER, "found_at": COMMITTED, "state": LATER, "evidence": LATER},
        end="coalesce(received_to, event_to)",
        found=True,
    ),
    "quarantine": Compared("received_at", {"quarantine_id": NUMBER}),
    "subscriptions": Compared(
        "from_at",
        {"subscription_id": NUMBER, "instrument_id": "absent where a symbol was registered later"},
        end="to_at",
        ending=("to_at", "left_out"),
    ),
    "planned_pauses": Compared("told_at", {"pause_id": NUMBER}, whole=True),
    "instruments": Compared(NO_HOUR, {"instrument_id": NUMBER, **_DESCRIBED}, whole=True),
    "instrument_history": Compared("valid_from", {"history_id": NUMBER, "instrument_id": NUMBER}, whole=True),
    "markets": Compared(NO_HOUR, {"market_key": NUMBER, **_DESCRIBED}, whole=True),
    "market_history": Compared("valid_from", {"history_id": NUMBER, "market_key": NUMBER}, whole=True),
    "stream_offsets": Compared(
        "last_received_at",
        {"updated_at": COMMITTED, "connections": "as cut into batches by the drain", "entries": TWICE, "repeated": TWICE},
        whole=True,
    ),
}
#: Besides, where a stream has several replicas.
REPLICATED = {**dict.fromkeys(KINDS, ("received_at",)), "stream_offsets": ("rows", "repeated", "ignored")}
#: Tables that are not compared, and why.
NOT_COMPARED = {
    **dict.fromkeys(
        ("opportunities", "orders", "fills", "open_positions", "paper_settlements", "risk_states", "audit_logs", "paper_state"),
        "decided on paper, in the moment",
    ),
    "witnesses": "counts what tasks compared, too",
    **dict.fromkeys(
        ("coverage", "judged_streams", "stale_coverage", "backfills", "recorded_days", "stale_bars", "rolled_bars"),
        "worked out of the tables by tasks",
    ),
    **dict.fromkeys(("storage", "storage_guards", "storage_sizes"), "how tables are kept, not what they hold"),
    **dict.fromkeys(("contract_matches", "contract_match_history", "paper_asks"), "decided by a person, not heard"),
    **dict.fromkeys(
        ("alerts", "archived_streams", "collector_status", "platform_health_logs", "system_metadata"), "how the farm was, not what it heard"
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """Of one table and hour: (rows, hash) here and there; None: there are none."""

    table: str
    hour: datetime | None
    live: tuple[int, str] | None
    rebuilt: tuple[int, str] | None

    @property
    def equal(self) -> bool:
        return self.live == self.rebuilt


def compare(live_url: str, rebuilt_url: str, wanted: Range, *, whole: bool) -> list[Line]:
    """One line a table and hour that either has rows of. `whole`: the rebuilt one has read all that the live one has."""
    lines = []
    with (
        closing(engine.connect(live_url, name="tapefarm compare")) as live,
        closing(engine.connect(rebuilt_url, name="tapefarm compare")) as rebuilt,
    ):
        venues = _venues(rebuilt) if wanted.venues is None else sorted(wanted.venues)
        replicated = _replicated(rebuilt)
        for name, table in TABLES.items():
            if table.whole and not whole:
                continue
            here, there = (hashes(one, name, wanted, venues, replicated=replicated, whole=whole) for one in (live, rebuilt))
            lines += [Line(name, hour, here.get(hour), there.get(hour)) for hour in sorted({*here, *there}, key=str)]
    return lines


def hashes(
    connection: RawConnection, name: str, wanted: Range, venues: Sequence[str], *, replicated: bool, whole: bool
) -> dict[datetime | None, tuple[int, str]]:
    """hour -> (rows, hash). The hash is a sum over rows, so that their order does not matter."""
    table = TABLES[name]
    left_out = {*table.unequal, *(REPLICATED.get(name, ()) if replicated else ())}
    # By the venue's clock where ours is that of whichever replica came first.
    hour = "event_at" if "received_at" in left_out and name in KINDS else table.hour
    join, names = NAMED.get(name, ("", ()))
    left_out |= {"instrument_id"} if join else set()
    over = f"CASE WHEN {_at(table.end)} < %(to)s THEN t." if table.end else ""
    columns = [
        f"{over}{column.name} END" if column.name in table.ending else f"t.{column.name}"
        for column in metadata.tables[name].columns
        if column.name not in left_out
    ]
    within = f" AND {_at(table.end)} < %(to)s" if table.found and not whole else ""
    venue = "t.venue" if "venue" in metadata.tables[name].columns else "i.venue"
    statement = (
        f"SELECT date_trunc('hour', at), count(*), coalesce(sum(hashtextextended(said, 0)::numeric), 0), "
        f"coalesce(sum(hashtextextended(said, 1)::numeric), 0) FROM ("
        f"  SELECT {_at(hour)} AS at, ROW({', '.join([*columns, *names])})::text AS said FROM {name} t {join} WHERE {venue} = ANY(%(venues)s){within}"
        f") r WHERE at IS NULL OR (at >= %(from)s AND at < %(to)s) GROUP BY 1"
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(statement, {"venues": list(venues), "from": moment(wanted.from_us), "to": moment(wanted.to_us)})
        return {at: (rows, f"{int(one) % 2**64:016x}{int(other) % 2**64:016x}") for at, rows, one, other in cursor.fetchall()}


def _at(hour: str) -> str:
    return re.sub(r"\b([a-z]+_(?:from|to|at))\b", r"t.\1", hour)


def _venues(connection: RawConnection) -> list[str]:
    return [name for (name,) in _ask(connection, "SELECT DISTINCT venue FROM stream_offsets ORDER BY 1")]


def _replicated(connection: RawConnection) -> bool:
    return bool(_ask(connection, "SELECT FROM stream_offsets GROUP BY venue, channel, shard HAVING count(*) > 1 LIMIT 1"))


def _ask(connection: RawConnection, statement: str) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def have_read_as_far(live_url: str, rebuilt_url: str) -> bool:
    """Whether both stand at the same entry of each stream, and so may be compared in what tells the present."""
    found = []
    for url in (live_url, rebuilt_url):
        with closing(engine.connect(url, name="tapefarm compare")) as connection:
            found.append(dict(_ask(connection, "SELECT stream, last_id FROM stream_offsets")))
    return found[0] == found[1]
