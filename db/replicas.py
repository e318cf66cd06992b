"""What no replica of a place heard, told from what each of them missed. Pure.

Times are microseconds of our clock at the socket; no beginning or no end is an infinite one. A replica is known to have heard from its
first frame to the newest entry that has been read of it, its outages left out; of what comes later nobody knows yet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Outage:
    """One replica heard nothing, or not all. `to_us` is infinite while it lasts; event times are the venue's clock there."""

    outage_id: int
    replica: str
    from_us: float
    to_us: float
    event_from_us: int | None = None
    event_to_us: int | None = None

    @property
    def span(self) -> Span:
        return self.from_us, self.to_us


@dataclass(frozen=True, slots=True)
class Hearing:
    """`from_us`: a replica's first frame, infinite for none yet. `to_us`: newest entry read of it. `fresh`: that is so new that it lives."""

    replica: str
    from_us: float
    to_us: float
    event_us: int | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Deaf:
    """Part of an outage in which no replica heard."""

    from_us: float
    to_us: float
    event_from_us: int | None
    event_to_us: int | None


def deaf(outage: Outage, outages: Sequence[Outage], hearings: Sequence[Hearing]) -> list[Deaf]:
    """The parts of an outage that no other replica heard, in order. Where outages of several are one hole, the one that began last has
    it, so that no hole is told twice.

    An outage that is over counts as a hole until another is known to have heard; one that lasts does not, while another lives.
    """
    parts = missed(outage, outages, [hearing for hearing in hearings if hearing.replica != outage.replica])
    for later in outages:
        if later.replica != outage.replica and (later.from_us, later.outage_id) > (outage.from_us, outage.outage_id):
            parts = without(parts, later.span)
    events = {hearing.to_us: hearing.event_us for hearing in hearings}
    events |= {at: event for one in outages for at, event in ((one.from_us, one.event_from_us), (one.to_us, one.event_to_us))}
    before = {**events, outage.from_us: outage.event_from_us}
    after = {**events, outage.to_us: outage.event_to_us}
    return [Deaf(start, stop, *_in_order(before.get(start), after.get(stop))) for start, stop in parts]


def missed(outage: Outage, outages: Sequence[Outage], others: Sequence[Hearing]) -> list[Span]:
    """The parts of an outage that none of these others heard either."""
    parts = [outage.span]
    for other in others:
        parts = _common(parts, _unheard(other, outages, lasting=outage.to_us == inf))
    return parts


def _unheard(hearing: Hearing, outages: Iterable[Outage], *, lasting: bool) -> list[Span]:
    mine = [one.span for one in outages if one.replica == hearing.replica]
    trusted = lasting and hearing.fresh and not any(stop == inf for _, stop in mine)
    return _merged([*mine, (-inf, hearing.from_us), (inf if trusted else hearing.to_us, inf)])


def _in_order(first: int | None, last: int | None) -> tuple[int | None, int | None]:
    """Replicas hear at slightly different times: the first word of one may be older than the last of another."""
    return first, last if first is None or last is None else max(first, last)


def _merged(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for start, stop in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], stop))
        else:
            found.append((start, stop))
    return found


def _common(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What lies in both. A moment (start = stop) is in a span when it is inside it: at its ends something was heard."""
    return [
        (max(start, left), min(stop, right))
        for start, stop in spans
        for left, right in others
        if max(start, left) < min(stop, right) or left < start == stop < right
    ]


def without(spans: Sequence[Span], cut: Span) -> list[Span]:
    """The spans without one; a moment at its end is within it."""
    left, right = cut
    parts = []
    for start, stop in spans:
        if start == stop:
            parts += [] if left <= start <= right else [(start, stop)]
            continue
        parts += [(a, b) for a, b in ((start, min(stop, left)), (max(start, right), stop)) if a < b]
    return parts
