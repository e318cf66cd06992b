"""Query strings and cursors, with the refusals of each host."""

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any


class Refused(Exception):
    """Answered with an error of the host."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.status, self.body = status, body


def invalid(message: str) -> Refused:
    """Gamma's."""
    return Refused(422, {"type": "validation error", "error": message})


def not_found(message: str = "not found") -> Refused:
    return Refused(404, {"type": "not found error", "error": message})


def clob_error(status: int, message: str) -> Refused:
    return Refused(status, {"error": message})


def data_error(status: int, code: str, message: str) -> Refused:
    return Refused(status, {"error": message, "code": code, "retryable": status >= 500, "trace_id": "0" * 32})


class Query:
    """Parameters that may repeat; several values also come with commas between."""

    def __init__(self, pairs: Iterable[tuple[str, str]], refuse: Callable[[str], Refused]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)
        self._refuse = refuse

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name, [default])[0]

    def many(self, name: str) -> list[str]:
        return [part for value in self._values.get(name, []) for part in value.split(",") if part]

    def whole(self, name: str, default: int, most: int) -> int:
        if name not in self:
            return default
        text = self.text(name)
        if not text.isascii() or not text.isdigit():
            raise self._refuse(f"{name}: {text[:50]!r} is no number")
        return min(int(text), most)

    def number(self, name: str, default: float) -> float:
        try:
            return float(self.text(name, str(default)))
        except ValueError:
            raise self._refuse(f"{name} is no number") from None

    def flag(self, name: str) -> bool | None:
        if name not in self:
            return None
        text = self.text(name).lower()
        if text not in ("true", "false"):
            raise self._refuse(f"{name} is true or false")
        return text == "true"


def sealed(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def opened(cursor: str, refuse: Callable[[str], Refused]) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(cursor))
    except ValueError:
        raise refuse("invalid cursor") from None


def page_after(offset: int) -> str:
    """The CLOB's cursors: an offset in base64, -1 at the end."""
    return base64.b64encode(str(offset).encode()).decode()


def offset_of(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor))
    except ValueError:
        raise clob_error(400, "invalid cursor") from None
