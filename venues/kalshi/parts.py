"""Messages of one kind out of a batch, with the places and times of their frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from venues.decoding import integers


@dataclass(frozen=True, slots=True)
class Part:
    """`frames`: places in the batch; `received`: of those, in us. `yes_price`: prices of NO are written as prices of YES."""

    rows: Sequence[Any]
    frames: Any
    received: Any
    yes_price: bool

    def chosen(self, at: Sequence[int]) -> "Part":
        return Part([self.rows[i] for i in at], self.frames[at], self.received[at], self.yes_price)

    def head(self, messages: Sequence[Any], event_at: Any) -> dict[str, Any]:
        """What every row of these messages has, one row a message."""
        symbols = [message.market_ticker for message in messages]
        return {"symbol": symbols, "event_at": event_at, "received_at": self.received, "frame": self.frames}

    def times(self, milliseconds: Sequence[int | None]) -> Any:
        """In us; our own clock where a message has none."""
        if None in milliseconds:
            own = (self.received // 1000).tolist()
            milliseconds = [mine if ms is None else ms for ms, mine in zip(milliseconds, own, strict=True)]
        return np.fromiter(milliseconds, np.int64, len(milliseconds)) * 1000

    def numbered(self) -> tuple[Any, Any, Any] | None:
        """(frames, subscriptions, numbers) of the messages that have a number."""
        numbers: list[Any] = [getattr(row, "seq", None) for row in self.rows]
        scopes = [row.sid for row in self.rows]
        if None not in numbers:
            return self.frames, integers(scopes), integers(numbers)
        at = [i for i, number in enumerate(numbers) if number is not None]
        if not at:
            return None
        return self.frames[at], integers([scopes[i] for i in at]), integers([numbers[i] for i in at])
