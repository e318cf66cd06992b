"""Times as the venue writes them, and the names it makes of dates."""

from datetime import UTC, datetime

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def rfc3339(us: int) -> str:
    """`2026-06-11T05:39:31.28563Z`: a fraction loses its last zeros, a whole second has none."""
    moment = datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{us % 1_000_000:06d}".rstrip("0") if us % 1_000_000 else ""
    return f"{moment}{fraction}Z"


def date_text(us: int) -> str:
    """`26NOV22`"""
    when = datetime.fromtimestamp(us // 1_000_000, UTC)
    return f"{when.year % 100:02d}{MONTHS[when.month - 1]}{when.day:02d}"


def clock_text(us: int) -> str:
    """`26NOV22051530`"""
    return date_text(us) + datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%H%M%S")
