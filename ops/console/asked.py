"""What questions have in common: how a time is written, and which text a database takes."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator

#: PostgreSQL's integer, and no character that it refuses.
MOST_NUMBER, PLAIN = 2**31 - 1, r"^[^\x00]+$"


def _read(text: object) -> datetime:
    """Raises ValueError. No number is a time, though one could be taken for seconds."""
    if not isinstance(text, str) or "T" not in text.upper():
        raise ValueError("write a date and a time, as 2026-11-01T12:30:00Z")
    at = datetime.fromisoformat(text)
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError("no calendar has this time") from exc


#: UTC unless it says otherwise.
Moment = Annotated[datetime, BeforeValidator(_read)]
