"""Tidying: the journal behind what is committed, gaps that have been filled since."""

from typing import Any

from db import queries
from tasks import app, resources


@app.task
def trim_journal() -> dict[str, Any]:
    """Trim behind the committed offsets; a drain does so as it goes, this catches what a killed one left."""
    offsets = queries.offsets(resources.config().database_url)
    known = {stream: offsets[str(stream)] for stream in resources.journal().streams() if str(stream) in offsets}
    resources.journal().trim(known)
    return {"streams": len(known), "entries_left": sum(resources.journal().length(stream) for stream in known)}


@app.task
def settle_gaps() -> dict[str, Any]:
    """Gaps in a sequence whose every id has arrived since (a second connection, a backfill) become `filled`."""
    return {"filled": queries.settle_sequence_gaps(resources.config().database_url)}
