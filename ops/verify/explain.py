"""What became of the rows that met nobody: quarantined, lost and counted, or missing; copied twice, or never emitted. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ops.verify.compared import Rows, keys, symbol_of, symbols_of

#: Ledger faults whose frame no reader can accept: torn, corrupt.
UNREADABLE_FAULTS = (1, 5)
_ALWAYS = np.iinfo(np.int64)


@dataclass(frozen=True, slots=True)
class Gap:
    """A row of data_gaps: a deaf shard (`symbol` None), or ids of one instrument that were left out. Times in the venue's clock."""

    from_us: int | None
    to_us: int | None
    symbol: int | None = None
    first_missing: int = 0
    last_missing: int = 0
    doubt: bool = False  # the rows of its instrument are read off a book that was not known then

    def span(self) -> tuple[int, int]:
        """Both ends belong to it; an absent one has not been seen, or has not come yet."""
        return (_ALWAYS.min if self.from_us is None else self.from_us, _ALWAYS.max if self.to_us is None else self.to_us)


@dataclass(frozen=True, slots=True)
class Absences:
    quarantined: int
    counted_loss: int
    missing: Rows


def explain_absent(absent: Rows, gaps: Sequence[Gap], quarantined: Iterable[int], *, by_moment: bool = False) -> Absences:
    """`quarantined`: the instrument of each frame in quarantine, -1 where its frame does not tell. `by_moment`: a frame held all rows
    of its instrument and time."""
    put_aside = _put_aside(absent, Counter(quarantined), by_moment=by_moment)
    lost = _lost(absent, gaps) & ~put_aside
    return Absences(int(put_aside.sum()), int(lost.sum()), absent[~put_aside & ~lost])


def _put_aside(absent: Rows, frames: Counter[int], *, by_moment: bool) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Unreadable frames for which a frame of the same instrument is in quarantine; one frame excuses one row, or those of one moment."""
    found = np.zeros(len(absent), bool)
    excused: set[tuple[int, int]] = set()
    for at in np.flatnonzero(np.isin(absent["fault"], UNREADABLE_FAULTS)):
        symbol = symbol_of(absent["key"][at])
        moment = (symbol, int(absent["event_us"][at]))
        pool = symbol if frames[symbol] > 0 else -1
        if by_moment and moment in excused:
            found[at] = True
        elif frames[pool] > 0:
            frames[pool] -= 1
            found[at] = True
            excused.add(moment)
    return found


def _lost(absent: Rows, gaps: Sequence[Gap]) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """A hole in the ids explains nothing by itself: that we noticed it does not mean that nobody was to blame for it."""
    deaf = [gap.span() for gap in gaps if gap.symbol is None]
    found = np.zeros(len(absent), bool)
    for start, end in deaf:
        found |= (absent["event_us"] >= start) & (absent["event_us"] <= end)
    symbols = symbols_of(absent["key"])
    for gap in gaps:
        if gap.doubt:
            start, end = gap.span()
            found |= (symbols == gap.symbol) & (absent["event_us"] >= start) & (absent["event_us"] <= end)
    order = np.argsort(absent["key"])
    for gap in gaps:
        # A loss of unknown size leaves out no ids: what it cost is told by the deaf time.
        if gap.symbol is not None and gap.symbol >= 0 and gap.last_missing and _overlaps(gap.span(), deaf):
            # The ids of one instrument are one range of keys.
            ends = keys(np.array([gap.symbol] * 2), np.array([gap.first_missing, gap.last_missing]))
            found[order[slice(*np.searchsorted(absent["key"], ends + np.array([0, 1], np.uint64), sorter=order))]] = True
    return found


def _overlaps(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(start <= span[1] and end >= span[0] for start, end in others)


@dataclass(frozen=True, slots=True)
class Extras:
    """`moved`: pairs (absent row's place, table row) with another event time; the other two are table rows."""

    moved: list[tuple[int, Rows]]
    duplicate: Rows
    surplus: Rows


def explain_unmatched(unmatched: Rows, absent: Rows, emitted: Rows) -> Extras:
    """`emitted`: all ledger rows, delivered or not, whose key is among the unmatched ones."""
    places = {int(key): at for at, key in enumerate(absent["key"])}
    times = {int(row["key"]): int(row["event_us"]) for row in emitted}
    undelivered = set(times) - set(places)
    moved: list[tuple[int, Rows]] = []
    duplicate, surplus = np.zeros(len(unmatched), bool), np.zeros(len(unmatched), bool)
    stored_alone: set[int] = set()
    for at, row in enumerate(unmatched):
        key = int(row["key"])
        if key not in times:
            surplus[at] = True
        elif key in places:
            moved.append((places.pop(key), row))
        elif key in undelivered and key not in stored_alone and times[key] == int(row["event_us"]):
            stored_alone.add(key)
        else:
            duplicate[at] = True
    return Extras(moved, unmatched[duplicate], unmatched[surplus])
