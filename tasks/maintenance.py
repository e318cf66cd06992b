"""Tidying: the journal behind what is committed, silences that have ended since."""

from typing import Any

from core.journal import id_order
from core.records import KINDS
from db import pauses, queries
from tasks import app, resources
from tasks.trimming import Trimmer
from venues import VENUES

#: Of each table in an hour: many times what a farm writes in one, and done in a second.
FORGOTTEN_AT_ONCE = 20_000


@app.task
def trim_journal() -> dict[str, Any]:
    """Trim behind what is committed and archived; a drain does so as it goes, this catches what one that ended has left.

    Where books are kept, only the drain knows how far back they need the journal.
    """
    offsets = queries.offsets(resources.config().database_url)
    streams = [
        stream
        for stream in resources.journal().streams()
        if stream.venue in VENUES and not VENUES[stream.venue].keeps_books(stream.channel)
    ]
    known = {stream: offsets[str(stream)] for stream in streams if str(stream) in offsets}
    newest = resources.journal().last_ids(known)
    # A journal that counts from lower ids than are committed was lost and begun anew: nothing of it is committed yet.
    behind = {stream: offset for stream, offset in known.items() if id_order(newest[stream] or offset) >= id_order(offset)}
    Trimmer(resources.config(), resources.journal()).trim(behind)
    return {"streams": len(known), "entries_left": sum(resources.journal().length(stream) for stream in known)}


@app.task
def forget() -> dict[str, int]:
    """Drop what the farm knew of itself RECORDS_DAYS ago. What data there is and what they lack stays. Result: table -> rows that went."""
    knobs = resources.config()
    return queries.forget(knobs.database_url, knobs.records_days * 86_400, FORGOTTEN_AT_ONCE)


@app.task
def settle_gaps() -> dict[str, Any]:
    return settled(resources.config().database_url)


def settled(url: str) -> dict[str, Any]:
    """Silences end with the first row of an instrument, and gaps that lie within a pause of the venue's own are planned."""
    # Where books are replayed, whole states end a silence by themselves; others in their table were asked for.
    named = [(venue.name, channel) for venue in VENUES.values() for channel in venue.channels if channel.kind and not channel.book_tops]
    filled = sum(queries.settle_silent(url, venue, channel.name, KINDS[channel.kind]) for venue, channel in named)
    return {"filled": filled, "planned": queries.run(url, "settle_planned_pauses", slack=pauses.SLACK)}
