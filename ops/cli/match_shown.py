"""How a pair of markets looks: in a list, and with both texts of rules side by side."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from ops.cli.columns import Columns
from ops.cli.console import cell
from ops.cli.errors import Refused
from paper import sums

Row = Mapping[str, Any]
#: Of a hash: enough to tell two texts apart.
MARK = 10
_TEXTS = ("rules_a", "rules_b")


def mark(row: Row) -> str:
    """Of both texts as they are now: `confirm --rules` takes it."""
    return ":".join((row[f"rules_now_{side}"] or "")[:MARK] for side in "ab")


def read_mark(text: str) -> tuple[str, str]:
    """Raises Refused."""
    a, colon, b = text.partition(":")
    if not colon or min(len(a), len(b)) < MARK:
        raise Refused(f"--rules {text!r} is no mark: write what `./farm match show` says of the texts.", status=2)
    return a, b


def table(rows: Sequence[Row]) -> Columns:
    shown = []
    for row in rows:
        told = row["reason"] or "; ".join(row["cautions"])
        score = "–" if row["score"] is None else f"{row['score']:.2f}"
        shown.append((row["pair_id"], row["state"], score, _market(row, "a"), _market(row, "b"), _ends(row), told))
    return Columns(("pair", "state", "score", "a", "b", "ends", "reason or caution"), shown, texts=("a", "b", "ends", "reason or caution"))


def _market(row: Row, side: str) -> str:
    """With the outcomes where they say more than yes and no."""
    names = " / ".join(name for _, name in row[f"outcomes_{side}"] if name.casefold() not in ("yes", "no"))
    return f"{row[f'title_{side}']}{f' [{names}]' if names else ''}"


def _ends(row: Row) -> str:
    ends = [row[f"closes_at_{side}"] for side in "ab" if row[f"closes_at_{side}"]]
    return f"{max(ends):%Y-%m-%d}" if ends else "–"


def sentence(row: Row) -> str:
    """What a pair is after a decision."""
    base = f"pair {row['pair_id']} is {row['state']}"
    if row["state"] != "confirmed":
        return base
    yes = ", ".join(f"YES of {row[f'venue_{side}']} is {row[f'yes_name_{side}']!r}" for side in "ab")
    return f"{base}: {yes}; tail cases: {', '.join(row['tails']) or 'none'}"


def costs(total: float) -> str:
    what = (
        ", about 1 as it should be" if abs(total - 1) <= sums.TOLERANCE else ", which is not 1: perhaps they are inverted, or two questions"
    )
    return f"YES of a and NO of b cost {total:.2f} together now{what}"


# --- one pair -------------------------------------------------------------------------------------------------------------
def render(row: Row, history: Sequence[Row], total: float | None) -> Iterator[Table | Text]:
    score = "" if row["score"] is None else f", score {row['score']:.2f}"
    reason = f", {_safe(row['reason'])}" if row["reason"] else ""
    yield Text(f"pair {row['pair_id']}: {row['state']}{score}{reason}", style="bold")
    yield _sides(row)
    yield from (Text(f"+ {_safe(word)}", style="green") for word in row["why"])
    yield from (Text(f"! {_safe(word)}", style="yellow") for word in row["cautions"])
    for changed in _changed(row):
        yield Text(f"! {changed}", style="red")
    yield Text("what YES of a and NO of b cost together is not known: the books do not say" if total is None else costs(total))
    if row["tails"] or row["notes"]:
        yield Text(f"tail cases: {', '.join(row['tails']) or 'none'}; {_safe(row['notes'])}")
    for one in history:
        at, by = one["decided_at"].astimezone(UTC), _safe(one["decided_by"])
        yield Text(f"{at:%Y-%m-%d %H:%M} {by}: {one['state']} {_safe(one['reason'])}".rstrip(), style="dim")
    yield Text(f"To confirm these very texts: ./farm match confirm {row['pair_id']} --rules {mark(row)}", style="dim")


def _sides(row: Row) -> Table:
    shown = Table(show_lines=True, expand=True)
    shown.add_column("")
    for side in "ab":
        shown.add_column(cell(f"{side}: {row[f'venue_{side}']} {row[f'market_id_{side}']}"), ratio=1, overflow="fold")
    for name, value in (
        ("question", lambda side: row[f"title_{side}"]),
        ("outcomes", lambda side: _outcomes(row, side)),
        ("ends", lambda side: f"{_at(row[f'closes_at_{side}'])}, {row[f'status_{side}']}"),
        ("source", lambda side: row[f"resolution_source_{side}"]),
        ("rules", lambda side: row[f"rules_{side}"]),
    ):
        shown.add_row(name, *(_paragraphs(value(side)) for side in "ab"))
    return shown


def _at(at: datetime | None) -> str:
    return "nobody says" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _outcomes(row: Row, side: str) -> str:
    names = [f"{name}{' = YES' if symbol == row[f'yes_symbol_{side}'] else ''}" for symbol, name in row[f"outcomes_{side}"]]
    return " / ".join(names) + ("" if row[f"yes_symbol_{side}"] else "  (which is YES has to be said)")


def _changed(row: Row) -> list[str]:
    """Against what was confirmed."""
    return [
        f"the rules of {side} are other ones than were confirmed"
        for side in "ab"
        if row[f"rules_sha256_{side}"] and row[f"rules_sha256_{side}"] != row[f"rules_now_{side}"]
    ]


def _paragraphs(text: str | None) -> Text:
    return Text("\n").join(cell(line or " ") for line in (text or "–").splitlines())


def _safe(text: str) -> str:
    return cell(text).plain


# --- for machines ---------------------------------------------------------------------------------------------------------
def document(row: Row, *, texts: bool) -> dict[str, Any]:
    return {"mark": mark(row)} | {name: _plain(value) for name, value in row.items() if texts or name not in _TEXTS}


def plain(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
