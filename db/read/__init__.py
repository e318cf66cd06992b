"""Rows for research: from closed days as files and from the database for the rest, and nobody sees where the one ends.

    from db import read
    found = read.quotes("VENUE", "SYMBOL", "2026-11-01", "2026-11-03")
    found.rows, found.coverage

Rows come by day, venue, instrument and time, with `venue` and `symbol` in front. `as_`: polars, arrow or pandas. `as_of`: only what our clock
had received by then. `holes`: an hour that lacks something is an error ("raise"), a warning ("warn") or false in a column `whole` ("mask").
`batches`: an iterator of frames of so many rows, bounded in memory, in the place of one frame. Times are aware, or UTC where a text or a
date does not say. `source`: where to read; left out, as the settings say.

book_at, chain and markets tell the state of one instant, as of the receive clock.
"""

from db.read.answer import Answer
from db.read.coverage import Holes, HolesWarning
from db.read.moments import book_at, chain, markets
from db.read.plan import Nowhere
from db.read.series import bars, quotes, rows, trades, yesterday
from db.read.source import Source

__all__ = [
    "Answer",
    "Holes",
    "HolesWarning",
    "Nowhere",
    "Source",
    "bars",
    "book_at",
    "chain",
    "markets",
    "quotes",
    "rows",
    "trades",
    "yesterday",
]
