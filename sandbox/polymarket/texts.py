"""The prose of markets: rules as long as the venue's own, with quotes and dashes in them. Pure."""

from datetime import UTC, datetime

from sandbox.polymarket.universe import Market

RULES = (
    "This market will resolve to “{first}” if what its title says comes to pass by {end}. Otherwise, this market will resolve to "
    "“{second}”.\n\nIf the matter is cancelled, or not decided within 7 days of that time, this market will resolve to 50-50.\n\n"
    'Announcements — official ones excepted — don\'t count; neither does anything "expected".\n\nThe resolution source for this '
    "market is the simulation itself, specifically event {event}, case {place} (seed's draw {number}). Price precision is determined "
    "by the number of decimal places in the source."
)


def description(market: Market) -> str:
    first, second = market.outcomes
    return market.rules or RULES.format(
        first=first, second=second, end=iso(market.end_ms), event=market.event, place=market.place + 1, number=market.number
    )


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_fraction(ms: int) -> str:
    """With microseconds, as `createdAt` is written."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def closed_time(ms: int) -> str:
    """`2026-10-03 12:00:00+00`: a blank, and a short offset."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S+00")


def day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
