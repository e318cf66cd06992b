"""`./farm coverage --replicas`: what each replica missed, when and why, and that another had it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf
from typing import Any

from core import settings
from db import queries
from db.moments import micros
from db.replicas import Hearing, Outage, missed
from ops.cli import environment
from ops.cli.columns import Columns
from ops.cli.console import out
from ops.cli.programs import STAND_IN

#: The newest of them; a farm that has more is told so.
MOST_OUTAGES = 1_000
#: Of those a terminal shows the newest; --json has them all.
SHOWN = 40

Place = tuple[str, str, str]
Row = Mapping[str, Any]


def show(*, as_json: bool) -> None:
    _, values = environment.current(environment.home())
    url = settings.load(values).database_url
    newest = queries.rows(url, "outages", most=MOST_OUTAGES + 1)
    found = report(queries.rows(url, "replicas"), newest[:MOST_OUTAGES]) | {"truncated": len(newest) > MOST_OUTAGES}
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    out.print(_table(found["replicas"]))
    if found["outages"]:
        out.print(_table(found["outages"][:SHOWN]))
    hidden = len(found["outages"]) - SHOWN
    if hidden > 0 or found["truncated"]:
        out.print(
            f"and {'more than ' if found['truncated'] else ''}{max(hidden, 0)} older ones: --json lists {MOST_OUTAGES} at most", style="dim"
        )


def report(replicas: Sequence[Row], outages: Sequence[Row]) -> dict[str, Any]:
    """{"replicas": one a stream, with what it missed in all; "outages": each, the newest first}.

    What a stand-in missed, which is mostly away, is not told. `had_by`: replicas that heard all of an outage; `unheard_s`: seconds of it
    in which none heard. `seconds` is absent while it lasts.
    """
    hearings = {place: [_hearing(row) for row in replicas if _place(row) == place] for place in map(_place, replicas)}
    spans = {place: [_outage(row) for row in outages if _place(row) == place] for place in map(_place, outages)}
    told = [_told(row, spans[_place(row)], hearings.get(_place(row), [])) for row in outages if row["replica"] != STAND_IN]
    summary = []
    for row in replicas:
        mine = [one for one in told if (_place(one), one["replica"]) == (_place(row), row["replica"])]
        if row["replica"] != STAND_IN and (mine or len(hearings[_place(row)]) > 1):
            summary.append(
                {
                    **{name: row[name] for name in ("venue", "channel", "shard", "replica")},
                    "outages": len(mine),
                    "missed_s": round(sum(one["seconds"] or 0.0 for one in mine), 3),
                    "unheard_s": round(sum(one["unheard_s"] or 0.0 for one in mine), 3),
                    "deaf_now": any(one["to"] is None for one in mine),
                }
            )
    return {"replicas": summary, "outages": told}


def _told(row: Row, outages: Sequence[Outage], hearings: Sequence[Hearing]) -> dict[str, Any]:
    one = next(outage for outage in outages if outage.outage_id == row["outage_id"])
    others = [hearing for hearing in hearings if hearing.replica != one.replica]
    left = missed(one, outages, others)
    return {
        **{name: row[name] for name in ("venue", "channel", "shard", "replica", "cause")},
        "from": _text(row["received_from"]),
        "to": _text(row["received_to"]),
        "seconds": _seconds(one.from_us, one.to_us),
        "had_by": [other.replica for other in others if not missed(one, outages, [other])],
        "unheard_s": None if any(inf in map(abs, span) for span in left) else round(sum(b - a for a, b in left) / 1e6, 6),
        "detail": row["detail"],
    }


def _seconds(start: float, stop: float) -> float | None:
    return None if inf in (abs(start), abs(stop)) else round((stop - start) / 1e6, 6)


def _place(row: Row) -> Place:
    return row["venue"], row["channel"], row["shard"]


def _hearing(row: Row) -> Hearing:
    return Hearing(row["replica"], _us(row["heard_from"], inf), _us(row["heard_to"], -inf), None, bool(row["fresh"]))


def _outage(row: Row) -> Outage:
    return Outage(row["outage_id"], row["replica"], _us(row["received_from"], -inf), _us(row["received_to"], inf))


def _us(at: datetime | None, absent: float) -> float:
    found = micros(at)
    return absent if found is None else found


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _table(rows: Sequence[Row]) -> Columns:
    names = [name.replace("_", " ") for name in rows[0]] if rows else ["no replica has missed anything"]
    return Columns(names, [[" ".join(value) if isinstance(value, list) else value for value in row.values()] for row in rows], texts=names)
