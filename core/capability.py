"""What can be known of a loss on each channel, and what can be got back: read off the venues' own declarations."""

from collections.abc import Iterable
from dataclasses import dataclass

from core.records import KINDS
from core.venue import Channel, Venue

#: What an interval in which nothing was missed can be called.
VERIFIED, WITNESSED, UNVERIFIABLE = "verified", "witnessed", "unverifiable"


@dataclass(frozen=True, slots=True)
class Capability:
    """`state`: what the farm can say at best of a time without a gap. `detected`: by what a loss shows. `size`: whether it is known how much is
    missing. `scope`: what may lack something when a loss shows. `filled`: from where it is read again, and how far back."""

    venue: str
    channel: str
    table: str
    state: str
    detected: str
    size: str
    scope: str
    filled: str


def of(venues: Iterable[Venue]) -> list[Capability]:
    """One for each channel that becomes rows."""
    return [_of(venue, channel) for venue in venues for channel in venue.channels if channel.kind]


def _of(venue: Venue, channel: Channel) -> Capability:
    return Capability(venue.name, channel.name, channel.kind, *_proof(venue, channel), _filled(venue, channel))


def _proof(venue: Venue, channel: Channel) -> tuple[str, str, str, str]:
    kind = KINDS[channel.kind]
    volumes = f", or a volume of {channel.candles} that its rows do not reach" if channel.candles else ""
    if channel.continuous and kind.sequence:
        return VERIFIED, f"a jump in `{kind.sequence}`{volumes}", "ids", "instrument"
    if channel.continuous and kind.chain:
        return VERIFIED, f"a `{kind.chain[0]}` that is not the last `{kind.chain[1]}`", "unknown", "instrument"
    if channel.numbered:
        return VERIFIED, f"a jump in the numbers of a subscription{volumes}", "frames", "subscription"
    ways = [f"{channel.sockets} sockets at once"] if channel.sockets > 1 else []
    ways += [f"samples of {venue.witness}"] if venue.witness and venue.keeps_books(channel.name) else []
    if ways:
        return WITNESSED, " and ".join(ways), "unknown", "instrument"
    return UNVERIFIABLE, "the end of a socket, or its silence", "unknown", "connection"


def _filled(venue: Venue, channel: Channel) -> str:
    history = venue.histories.get(channel.name)
    if history is None:
        return "no"
    reach = "as far as there is" if history.reach_seconds is None else f"{history.reach_seconds / 86400:g} days back"
    return f"{history.poll}, {reach}{', older ones from the archive' if history.archived else ''}"
