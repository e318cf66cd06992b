"""The part of the contract that is about the past: how what was missed, or was before the farm, is read again. Pure: no I/O, no clock."""

from collections.abc import Callable
from dataclasses import dataclass

from core.venue import Reply, Request

#: In the place of a symbol: all instruments of the venue.
ALL = ""


@dataclass(frozen=True, slots=True)
class Page:
    """What a reply of a history brought. Positions are numbers of the sequence, or microseconds where it is read by time."""

    rows: int
    reached: int  # all below is told, by this page and those before it; the next one begins here
    event_us: int | None  # venue's clock at the last row; None without a row
    ended: bool  # nothing more is to be had of what was asked for
    #: the venue's cursor: to be asked next; `reached` stays where it was until there is none
    follow: Request | None = None


@dataclass(frozen=True, slots=True)
class History:
    """How the past of a channel or a poll is read again, page by page. A page is a reply of `poll` and goes the way of its replies.

    `request(symbol, first, last)` asks for the page that begins at `first`, both ends included; without `last`, as far as there is.
    `read` raises Unreadable when a reply is no page, or does not go on from where it was asked.
    """

    poll: str
    kind: str  # the table of its rows
    request: Callable[[str, int, int | None], Request]
    read: Callable[[Reply], Page]
    numbered: bool = False  # by numbers of the kind's sequence, else by the venue's clock in us
    #: of a numbered one: (symbol, us) -> the page of one row, the first at or after that time
    locate: Callable[[str, int], Request] | None = None
    reach_seconds: float | None = None  # how far back `rest_url` serves it; None: as far as there is
    archived: bool = False  # what is older is at `archive_url`
    #: of one that is not numbered: whether one request can ask for ALL, so that a deaf shard costs no request an instrument
    whole: bool = False
