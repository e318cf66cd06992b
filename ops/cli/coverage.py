"""`./farm coverage`: what the farm holds of each hour, and what it can prove."""

import json
import time
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta

import typer

from core import settings
from core.capability import Capability, of
from ops.cli import complete, environment, hours, strip
from ops.cli import replicas as by_replica
from ops.cli.backfill import moment_of
from ops.cli.columns import Columns
from ops.cli.console import out
from ops.cli.errors import Refused
from ops.cli.hours import Question
from venues import VENUES

#: What is shown when nothing is said, and the longest that may be asked for.
SHOWN, LONGEST = timedelta(hours=24), timedelta(days=366)


def coverage(
    venue: str | None = typer.Argument(None, help="As in farm.toml; all when left out.", autocompletion=complete.venues),
    channel: str | None = typer.Argument(
        None, help="A channel of the venue, or a poll whose past was read.", autocompletion=complete.channels
    ),
    instrument: str | None = typer.Argument(None, help="A symbol, or a pattern as of a shell: 'ETH-*-[CP]'."),
    since: str | None = typer.Option(None, "--from", help="Date or time, UTC unless it says otherwise: 2026-11-01, 2026-11-01T12:30."),
    until: str | None = typer.Option(None, "--to", help="Likewise; now when left out."),
    gaps: bool = typer.Option(False, "--gaps", help="The gaps behind what is broken; always shown with an instrument."),
    matrix: bool = typer.Option(False, "--matrix", help="Per venue and channel: how a loss shows, and whether it can be filled."),
    replicas: bool = typer.Option(False, "--replicas", help="What each replica missed, when and why, and who had it."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Say of each hour whether it is whole, and what proves that.

    `verified` is proven, `clean` has no known loss.
    """
    if matrix:
        _matrix(as_json=as_json)
        return
    if replicas:
        by_replica.show(as_json=as_json)
        return
    now = datetime.fromtimestamp(time.time(), UTC)
    question = asked(venue, channel, instrument, since, until, now)
    _, values = environment.current(environment.home())
    with_rows = {(one.venue, one.channel) for one in of(VENUES.values())}
    found = hours.answer(settings.load(values).database_url, question, with_rows, gaps=gaps or instrument is not None)
    if as_json:
        print(json.dumps(hours.plain(found), ensure_ascii=False))
    else:
        out.print(strip.render(found, now))


def asked(venue: str | None, channel: str | None, instrument: str | None, since: str | None, until: str | None, now: datetime) -> Question:
    """Raises Refused."""
    if venue is not None and venue not in VENUES:
        raise Refused(f"There is no venue {venue!r}: {', '.join(sorted(VENUES))} are known.", status=2)
    if venue is not None and channel is not None:
        known = {one.name for one in VENUES[venue].channels if one.kind} | set(VENUES[venue].histories)
        if channel not in known:
            raise Refused(f"{venue} has no channel {channel!r}: {', '.join(sorted(known))} are known.", status=2)
    end = now if until is None else _moment(until, "--to")
    begin = end - SHOWN if since is None else _moment(since, "--from")
    if begin >= end:
        raise Refused("--from lies behind --to, or in the future.", status=2)
    if end - begin > LONGEST:
        raise Refused(f"At most {LONGEST.days} days at a time: write a later --from or an earlier --to.", status=2)
    return Question(begin, end, venue, channel, instrument)


def _moment(text: str, option: str) -> datetime:
    return datetime.fromtimestamp(moment_of(text, option) / 1_000_000, UTC)


def _matrix(*, as_json: bool) -> None:
    found = of(VENUES.values())
    if as_json:
        print(json.dumps({"matrix": [asdict(one) for one in found]}))
        return
    names = [field.name for field in fields(Capability)]
    out.print(Columns(names, [[value.replace("`", "") for value in asdict(one).values()] for one in found], texts=names))
