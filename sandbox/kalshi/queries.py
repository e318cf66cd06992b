"""Query strings of the REST door, checked the way the venue checks them, and cursors."""

import base64
import binascii
import json
from typing import Any

PAGE, MOST = 100, 1000


class BadQuery(ValueError):
    """Answered with HTTP 400."""


class NotFound(LookupError):
    """Answered with HTTP 404."""


class Query:
    def __init__(self, values: Any, names: dict[str, str]) -> None:
        self.values = values  # a mapping that may hold a name more than once
        self.names = names  # parts of the path

    def text(self, name: str, default: str = "") -> str:
        return str(self.values.get(name, default))

    def number(self, name: str, default: int | None = None) -> int:
        text = self.values.get(name)
        if text is None and default is not None:
            return default
        try:
            return int(text or "")
        except ValueError:
            raise BadQuery(f"{name}: a whole number is needed") from None

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def limit(self, default: int = PAGE, most: int = MOST) -> int:
        limit = self.number("limit", default)
        if limit < 0 or limit > most:
            raise BadQuery(f"Field validation for 'Limit' failed on the '{'lte' if limit > most else 'gte'}' tag")
        return limit or default

    def listed(self, name: str) -> list[str]:
        """A parameter that is repeated, or holds several values with commas between."""
        return [part for text in self.values.getall(name, []) for part in text.split(",") if part]

    def cursor(self) -> Any:
        """What an earlier page left to go on from, None at the beginning."""
        text = self.text("cursor")
        if not text:
            return None
        try:
            return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, binascii.Error):
            raise BadQuery("cursor: it is none of ours") from None


def cursor_text(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
