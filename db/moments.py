"""Microseconds since 1970, as everywhere in the farm, to and from PostgreSQL's aware timestamps."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def moment(us: int | None) -> datetime | None:
    return None if us is None else _EPOCH + us * _MICROSECOND


def micros(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND
