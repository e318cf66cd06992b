"""Coverage for the eye: a strip a channel, a cell an hour, a line a day; and gaps as a table. Fits 80 columns, and speaks without colours."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.cli.console import cell
from ops.cli.hours import HOUR, floor

#: state -> (character, style)
CELLS = {
    "verified": ("#", "green"),
    "witnessed": ("=", "cyan"),
    "unverifiable": ("~", "yellow"),
    "broken": ("x", "red"),
    "all broken": ("X", "bold red"),
    "planned pause": ("p", "blue"),
    "not judged yet": ("?", "dim"),
    "not asked for": (".", "dim"),
}
WIDEST = max(map(len, CELLS)) + 1
#: An hour is all broken from this share of its time on.
ALL = 0.5
LISTED = 40
#: Of a name and what is told of it; beyond, that stands on a line of its own.
WIDE = 74


def render(found: dict[str, Any], now: datetime) -> RenderableType:
    """`found`: what ops.cli.hours.answer says."""
    parts: list[RenderableType] = [_legend(), Text(f"{'':12}0     6     12    18", style="dim")]
    for channel in found["channels"]:
        parts += _channel(channel, found["from"], min(found["to"], now))
    if not found["channels"]:
        parts = [Text("Nothing was asked for in this time, or nothing of it has been judged yet (a minute or two).")]
    if found["stale"]:
        parts.append(Text(f"{found['stale']:,} times wait to be judged anew: the next runs do that", style="yellow"))
    if found.get("gaps"):
        parts += ["", _gaps(found["gaps"])]
        if found["gaps_found"] > LISTED:
            parts.append(Text(f"and {found['gaps_found'] - LISTED:,} more: --json tells up to 1,000, or ask for less", style="yellow"))
    elif "gaps" in found:
        parts.append(Text("no gap that is not filled"))
    return Group(*parts)


def _legend() -> Text:
    text = Text()
    for number, (name, (mark, style)) in enumerate(CELLS.items()):
        text.append("\n" if number == len(CELLS) // 2 else "").append(mark, style=style).append(f" {name:{WIDEST}}", style="dim")
    return text


def _channel(channel: dict[str, Any], since: datetime, until: datetime) -> Iterator[RenderableType]:
    name = f"{channel['venue']} {channel['channel']}"
    newest = channel["newest_at"]
    told = [
        f"verified {_percent(channel['verified'])}",
        f"clean {_percent(channel['clean'])}",
        f"newest {newest.astimezone(UTC):%m-%d %H:%M:%S}" if newest else "no row",
    ]
    apart = "\n  " if len(name) + sum(map(len, told)) > WIDE else "  "
    yield Text(name, style="bold").append(f"{apart}{', '.join(told)}", style="not bold")
    yield from _strip(channel, since, until)
    if channel["behind"]:
        streams = ", ".join(channel["behind"][:3]) + (" and others" if len(channel["behind"]) > 3 else "")
        yield Text(f"  nothing more is written of {streams}", style="red")
    if channel["strangers"]:
        yield Text(f"  {channel['strangers']:,} of the symbols asked for are known as no instrument", style="yellow")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2f} %"


def _strip(channel: dict[str, Any], since: datetime, until: datetime) -> Iterator[Text]:
    hours = {hour["hour"]: hour for hour in channel["hours"]}
    judged = channel["judged_until"]
    moments = [floor(since) + number * HOUR for number in range(-((floor(since) - until) // HOUR))]
    for day, of_day in groupby(moments, key=lambda moment: moment.date()):
        line, listed = Text(f"  {day}"), list(of_day)
        line.append(" " * listed[0].hour)
        for moment in listed:
            line.append(*CELLS[cell_of(hours.get(moment), open_end=judged is not None and moment + HOUR > judged)])
        yield line


def cell_of(hour: dict[str, Any] | None, *, open_end: bool) -> str:
    """A key of CELLS. `open_end`: it goes on, or has not been judged to its end."""
    if hour is None:
        return "not judged yet" if open_end else "not asked for"
    whole = hour["verified"] + hour["witnessed"] + hour["unverifiable"] + hour["broken"]
    if hour["state"] == "broken" and hour["broken"] >= ALL * whole:
        return "all broken"
    return str(hour["state"])


def _gaps(gaps: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for name in ("gap", "what", "cause", "state", "from", "lasted", "why"):
        table.add_column(name, overflow="fold")
    for gap in gaps[:LISTED]:
        begin, end = gap["from_at"], gap["to_at"]
        table.add_row(
            str(gap["gap_id"]),
            cell(f"{gap['channel']} {gap['symbol'] or 'shard ' + gap['shard']}"),
            gap["cause"],
            gap["state"],
            f"{begin.astimezone(UTC):%m-%d %H:%M:%S}" if begin else "–",
            _lasted(begin, end),
            cell(why(gap)),
        )
    return table


def _lasted(begin: datetime | None, end: datetime | None) -> str:
    if begin is None or end is None:
        return "–"
    lasted = max(end - begin, timedelta())
    return f"{lasted.total_seconds():.3f} s" if lasted < timedelta(seconds=10) else str(timedelta(seconds=round(lasted.total_seconds())))


def why(gap: dict[str, Any]) -> str:
    """What is missing, and the last word on it."""
    first, last = gap["first_missing"], gap["last_missing"]
    words = [f"{last - first + 1:,} ids from {first}" if first is not None and last is not None else "", gap["detail"] or ""]
    words.append(gap["evidence"][-1].get("reason", "") if gap["evidence"] else "")
    return "; ".join(word for word in words if word)
