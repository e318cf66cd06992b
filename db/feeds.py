"""Which channels tell of which kind: whose coverage says how whole its rows are."""

from core.records import KINDS, QUOTES
from venues import VENUES


def channels(venue_name: str, kind: str) -> frozenset[str] | None:
    """Channels and polls of the venue whose coverage concerns rows of the kind; None where the venue is not known any more: then all do."""
    venue = VENUES.get(venue_name)
    if venue is None:
        return None
    found = {name for name, history in venue.histories.items() if history.kind == kind}
    for channel in venue.channels:
        states = KINDS[channel.kind].states if channel.kind else None
        if kind in (channel.kind, states) or (kind == QUOTES.name and channel.book_tops):
            found.add(channel.name)
    return frozenset(found)
