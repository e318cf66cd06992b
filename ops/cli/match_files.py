"""Confirmed pairs as YAML: to carry decisions to another farm, or to keep them beside the code. What is read has to fit what is here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from psycopg2.extensions import cursor as Cursor

from db import markets
from db.paper import matches
from db.paper.matches import Decision, MatchError
from ops.cli.errors import Refused

VERSION = 1
MOST_BYTES = 16 << 20
IMPORTED, UNCHANGED, REFUSED = "confirmed", "is so already", "refused"
#: Not "yes", which YAML reads as true.
_SIDE = {"venue", "market", "yes_is", "outcome", "rules_sha256"}
_PAIR = {"a", "b", "question", "tails", "notes", "confirmed_by"}


@dataclass(frozen=True, slots=True)
class Side:
    """`yes_is`: symbol of the instrument that is YES; `rules_sha256`: of the text that was confirmed."""

    venue: str
    market: str
    yes_is: str
    rules_sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    a: Side
    b: Side
    tails: tuple[str, ...]
    notes: str
    confirmed_by: str

    def __str__(self) -> str:
        return f"{self.a.venue} {self.a.market} and {self.b.venue} {self.b.market}"


def written(rows: Sequence[Mapping[str, Any]]) -> str:
    """Of confirmed pairs; in the order of their names, so that two exports can be held against each other."""
    pairs = [
        {
            "question": row["title_a"],
            **{
                side: {
                    "venue": row[f"venue_{side}"],
                    "market": row[f"market_id_{side}"],
                    "yes_is": row[f"yes_symbol_{side}"],
                    "outcome": row[f"yes_name_{side}"],
                    "rules_sha256": row[f"rules_sha256_{side}"],
                }
                for side in "ab"
            },
            "tails": list(row["tails"]),
            "notes": row["notes"],
            "confirmed_by": row["decided_by"],
        }
        for row in sorted(rows, key=lambda row: (row["venue_a"], row["market_id_a"], row["venue_b"], row["market_id_b"]))
    ]
    text: str = yaml.safe_dump({"version": VERSION, "pairs": pairs}, sort_keys=False, allow_unicode=True, width=120)
    return text


# --- reading --------------------------------------------------------------------------------------------------------------
def read(path: Path) -> list[Entry]:
    """Raises Refused with the place of what cannot be used; nothing is taken over then."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Refused(f"{path} is larger than {MOST_BYTES >> 20} MB: it cannot be a list of pairs.", status=2)
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as exc:
        raise Refused(f"{path} cannot be read: {exc}", status=2) from exc
    pairs = document.get("pairs") if isinstance(document, dict) and document.get("version") == VERSION else None
    if not isinstance(pairs, list):
        raise Refused(f"{path} is no list of pairs: it is to begin with `version: {VERSION}` and `pairs:`.", status=2)
    return [_entry(f"{path}, pair {place}", pair) for place, pair in enumerate(pairs, 1)]


def _entry(where: str, pair: Any) -> Entry:
    _known(where, pair, _PAIR)
    tails, notes, by = pair.get("tails", []), pair.get("notes", ""), pair.get("confirmed_by", "")
    if not isinstance(tails, list) or not set(map(str, tails)) <= set(matches.TAILS):
        raise Refused(f"{where}: tails are to be a list out of {', '.join(matches.TAILS)}.", status=2)
    if not isinstance(notes, str) or not isinstance(by, str):
        raise Refused(f"{where}: notes and confirmed_by are to be texts.", status=2)
    a, b = (_side(f"{where}, {side}", pair.get(side)) for side in "ab")
    if a.venue > b.venue:  # as the farm's own pairs are
        a, b, tails = b, a, ["/".join(reversed(tail.split("/"))) for tail in tails]
    return Entry(a, b, tuple(sorted(tails)), notes, by)


def _side(where: str, side: Any) -> Side:
    _known(where, side, _SIDE)
    found = {name: side.get(name) for name in ("venue", "market", "yes_is", "rules_sha256")}
    for name, value in found.items():
        if not isinstance(value, str) or not value:
            raise Refused(f"{where}: {name} is to be a text; quote what looks like a number.", status=2)
    return Side(**found)


def _known(where: str, table: Any, names: set[str]) -> None:
    if not isinstance(table, dict) or not set(table) <= names:
        raise Refused(f"{where}: it is to have {', '.join(sorted(names))}, and nothing else.", status=2)


# --- taking over ----------------------------------------------------------------------------------------------------------
def take_over(cursor: Cursor, entry: Entry, by: str) -> tuple[str, str]:
    """(IMPORTED, UNCHANGED or REFUSED, why). What a person here has rejected or the farm has suspended is not overruled by a file."""
    keys = [markets.key_of(cursor, side.venue, side.market) for side in (entry.a, entry.b)]
    for side, key in zip((entry.a, entry.b), keys, strict=True):
        if key is None:
            return REFUSED, f"{side.venue} {side.market} is not known here"
    cursor.execute("SAVEPOINT entry")
    number = matches.enter(cursor, *keys)  # type: ignore[arg-type]  # None has returned above
    known = matches.state_of(cursor, number)
    if known == _as_known(entry):
        return UNCHANGED, ""
    if known["state"] in (matches.REJECTED, matches.SUSPENDED):
        return REFUSED, f"it is {known['state']} here as pair {number}: decide of it by hand"
    rules = entry.a.rules_sha256, entry.b.rules_sha256
    signed = Decision(entry.confirmed_by or by, entry.a.yes_is, entry.b.yes_is, entry.tails, entry.notes, rules, f"imported by {by}")
    try:
        matches.confirm(cursor, number, signed)
    except MatchError as exc:
        cursor.execute("ROLLBACK TO SAVEPOINT entry")
        return REFUSED, str(exc)
    return IMPORTED, f"as pair {number}"


def _as_known(entry: Entry) -> dict[str, Any]:
    """As matches.state_of would tell it."""
    rules = {"rules_a": entry.a.rules_sha256, "rules_b": entry.b.rules_sha256}
    return {
        "state": matches.CONFIRMED,
        "yes_a": entry.a.yes_is,
        "yes_b": entry.b.yes_is,
        **rules,
        "tails": list(entry.tails),
        "notes": entry.notes,
    }
