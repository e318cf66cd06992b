"""Query strings of the REST door, checked the way the venue checks them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.binance.venue import Binance


class BadQuery(ValueError):
    """Answered with HTTP 400 and the venue's code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Query:
    def __init__(self, venue: "Binance", values: dict[str, str]) -> None:
        self._venue = venue
        self.values = values

    def number(self, name: str, default: int) -> int:
        text = self.values.get(name)
        if text is None:
            return default
        try:
            return int(text)
        except ValueError:
            message = f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
            raise BadQuery(-1100, message) from None

    def limit(self, default: int, most: int) -> int:
        limit = self.number("limit", default)
        if not 1 <= limit <= most:
            raise BadQuery(-1130, "Data sent for parameter 'limit' is not valid.")
        return limit

    def symbol(self) -> int:
        if "symbol" not in self.values:
            raise BadQuery(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        index = self._venue.index.get(self.values["symbol"])
        if index is None:
            raise BadQuery(-1121, "Invalid symbol.")
        return index

    def symbols(self) -> tuple[list[int], bool]:
        """(instruments asked for, whether one was named)."""
        if "symbol" in self.values:
            return [self.symbol()], True
        return list(range(len(self._venue.names))), False
