"""Microseconds since 1970, as everywhere in the farm, to and from PostgreSQL's aware timestamps."""

from datetime import UTC, datetime


def moment(us: int | None) -> datetime | None:
    return None if us is None else datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)


def micros(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp()) * 1_000_000 + at.microsecond
