"""Pairs of markets of two venues that perhaps ask one question: found by rare words, numbers and days that both titles share, then weighed.
Pure. Proposals only: a person decides."""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from rapidfuzz import fuzz

from paper.orientation import Outcomes, sides
from paper.wording import Wording, days_agree, numbers_agree, worded

#: A word, alone or with a number or a day, that more markets of a side share tells nothing.
MOST_OF_A_KEY = 150
#: Words of a market that are joined with its numbers and days, the rarest of those that are too common alone; and how many of the latter.
JOINED_WORDS, MOST_FACTS = 4, 3
#: What shares less than this part of what the nearest shares is not weighed.
ROUGHLY = 0.35
#: Looked at roughly, and weighed, of each market; a number or a day that both say counts like a word that one in thirty says.
MOST_SEEN, MOST_WEIGHED, FACT = 600, 12, 3.5
#: Proposed of each market, on either side.
MOST_OF_A_MARKET = 3
LEAST_SCORE = 0.45
#: Left out: nothing that the market says is said by few on the other side.
ALONE = "shares nothing rare"
#: Off where a number stands on one side alone (half of it: a day does), and where the days are one apart.
ONE_SIDED, DAY_APART = 0.08, 0.2
#: Per cent, and letters: words as good as equal, by another grammar's ending or another spelling.
ALIKE, SHORTEST_ALIKE = 85.0, 4
DAY_US = 86_400_000_000
#: Ends so far apart are told; venues set them generously, so that they decide nothing.
FAR_DAYS = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """A market. `context`: what it is part of, such as the title of its event. `unfit`: why it is no question of its own; such are not
    proposed. `cautions`: what a person should know of it. `closes_us` is 0 where nobody says."""

    market_key: int
    title: str
    outcomes: Outcomes
    closes_us: int = 0
    context: str = ""
    unfit: str = ""
    cautions: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """The title, and the names of outcomes that say more than yes and no."""
        names = [name for _, name in self.outcomes if name.casefold() not in ("yes", "no") and name.casefold() not in self.title.casefold()]
        return ": ".join([self.title, *names])


@dataclass(frozen=True, slots=True)
class Candidate:
    """`yes_a`, `yes_b`: symbols of the instruments that pay on yes, as far as the names tell. `score`: 0 to 1."""

    market_key_a: int
    market_key_b: int
    yes_a: str | None
    yes_b: str | None
    score: float
    why: tuple[str, ...]
    cautions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """`candidates`: the best first. `left_out`: reason -> markets; `dropped`: candidates beyond the bound."""

    candidates: tuple[Candidate, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    listed: Listed
    said: Wording
    words: frozenset[str]
    context: frozenset[str]
    facts: frozenset[object]


def candidates(a: Sequence[Listed], b: Sequence[Listed], *, most: int = 2000) -> Found:
    """Seconds for tens of thousands of markets a side: only what shares something rare is held against each other."""
    left_out = Counter[str]()
    ours, theirs = _fit(a, left_out), _fit(b, left_out)
    counts = Counter(word for entry in (*ours, *theirs) for word in entry.words)
    total = len(ours) + len(theirs) + 1
    weights = {word: math.log(1 + total / count) for word, count in counts.items()}
    index = _indexed(theirs)
    found: list[Candidate] = []
    for entry in ours:
        if not (seen := _seen(entry, index, weights)):
            left_out[ALONE] += 1
        rough = {place: weight + FACT * len(entry.facts & theirs[place].facts) for place, weight in seen.items()}
        least = ROUGHLY * max(rough.values(), default=0.0)
        near = heapq.nlargest(MOST_WEIGHED, (place for place in rough if rough[place] >= least), key=lambda place: (rough[place], -place))
        weighed = [one for place in near if (one := _weighed(entry, theirs[place], weights)) is not None]
        found += heapq.nlargest(MOST_OF_A_MARKET, weighed, key=_rank)
    best = _of_each_market(sorted(found, key=_rank, reverse=True))
    return Found(tuple(best[:most]), dict(left_out), max(0, len(best) - most))


def _fit(markets: Sequence[Listed], left_out: Counter[str]) -> list[_Entry]:
    entries = []
    for market in markets:
        unfit = market.unfit or ("" if 1 <= len(market.outcomes) <= 2 else f"{len(market.outcomes)} outcomes")
        said = worded(market.question)
        if unfit or not said.words:
            left_out[unfit or "no words"] += 1
            continue
        context = frozenset(worded(market.context).words) if market.context else frozenset()
        entries.append(_Entry(market, said, frozenset(said.words), context, frozenset(_facts(said))))
    return entries


def _rank(one: Candidate) -> tuple[float, int, int]:
    return one.score, -one.market_key_a, -one.market_key_b


def _of_each_market(ranked: Sequence[Candidate]) -> list[Candidate]:
    taken = Counter[int]()
    kept = []
    for one in ranked:
        if taken[one.market_key_b] < MOST_OF_A_MARKET:
            taken[one.market_key_b] += 1
            kept.append(one)
    return kept


# --- what is held against each other --------------------------------------------------------------------------------------
Index = Mapping[object, Sequence[int]]


def _indexed(entries: Sequence[_Entry]) -> Index:
    """Word -> places; a word that is too common is there once more with each number and each day."""
    counts = Counter(word for entry in entries for word in entry.words)
    common = {word: count for word, count in counts.items() if count > MOST_OF_A_KEY}
    index: defaultdict[object, list[int]] = defaultdict(list)
    for place, entry in enumerate(entries):
        for key in (*(word for word in entry.words if word not in common), *_joined(entry, common)):
            index[key].append(place)
    return {key: places for key, places in index.items() if len(places) <= MOST_OF_A_KEY}


def _joined(entry: _Entry, common: Mapping[str, int]) -> Iterator[object]:
    rarest = heapq.nsmallest(JOINED_WORDS, (word for word in entry.words if word in common), key=lambda word: (common[word], word))
    return ((word, fact) for word in rarest for fact in entry.facts)


def _facts(said: Wording) -> list[object]:
    """Numbers, days, and each of the one with each of the other."""
    numbers = [f"{number:.4g}" for number in sorted(said.numbers)[:MOST_FACTS]]
    days = [day[1:] for day in sorted(said.days) if day[1]][:MOST_FACTS]
    return [*numbers, *days, *product(numbers, days)]


def _seen(entry: _Entry, index: Index, weights: Mapping[str, float]) -> Counter[int]:
    """place -> weight of what is shared, of those that share the rarest."""
    keys: list[tuple[float, object]] = [(weights[word], word) for word in entry.words if word in index]
    keys += [(weights[word], (word, fact)) for word in entry.words if word not in index for fact in entry.facts]
    there = sorted(((len(index[key]), weight, key) for weight, key in keys if key in index), key=lambda one: (*one[:2], str(one[2])))
    seen, left = Counter[int](), MOST_SEEN
    for size, weight, key in there:
        if (left := left - size) < 0:
            break
        for place in index[key]:
            seen[place] += weight  # type: ignore[assignment]  # a Counter counts whatever can be added
    return seen


# --- weighing -------------------------------------------------------------------------------------------------------------
def _weighed(a: _Entry, b: _Entry, weights: Mapping[str, float]) -> Candidate | None:
    """None: they contradict each other, or resemble each other too little."""
    days, numbers = days_agree(a.said.days, b.said.days), numbers_agree(a.said.numbers, b.said.numbers)
    times = not (a.said.times and b.said.times) or bool(a.said.times & b.said.times)
    if days is False or numbers is False or not times:
        return None
    common = a.words & b.words
    alike = _alike(a.words - common, b.words - common)
    lone_a, lone_b = a.words - common - alike.keys() - b.context, b.words - common - set(alike.values()) - a.context
    shared = sum(weights[word] for word in common) + sum(min(weights[one], weights[other]) for one, other in alike.items())
    names = (a.said.names & (common | alike.keys())) | (b.said.names & common)
    if not shared or (a.said.names and b.said.names and not names):
        return None
    left_a, left_b = (sum(weights[word] for word in lone) for lone in (lone_a, lone_b))
    # Each names somebody whom the other does not: two rows of one table rather than one question.
    strange = min(sum(weights[word] for word in lone & entry.said.names) for lone, entry in ((lone_a, a), (lone_b, b)))
    score = 0.7 * 2 * shared / (2 * shared + left_a + left_b) + 0.3 * fuzz.token_set_ratio(a.said.text, b.said.text) / 100
    score -= 0.8 * strange / (shared + strange) + (ONE_SIDED if numbers is None else 0)
    score -= ONE_SIDED / 2 * _one_says_when(a, b) + DAY_APART * _a_day_apart(a, b)
    found = sides(a.listed.outcomes, b.listed.outcomes, a.said, b.said)
    if score < LEAST_SCORE or found is None:
        return None
    why = [f"both say {', '.join(sorted(common, key=lambda word: (-weights[word], word))[:8])}"]
    why += [f"{one} is like {other}" for one, other in sorted(alike.items())]
    why += [words for words, true in (("the same numbers", a.said.numbers and numbers), ("the same days", days)) if true]
    told = [*_cautions(a, b, numbers), found.caution, *a.listed.cautions, *b.listed.cautions]
    keys = a.listed.market_key, b.listed.market_key
    return Candidate(*keys, found.a, found.b, round(min(score, 1.0), 3), tuple(why), tuple(dict.fromkeys(filter(None, told))))


def _alike(ours: frozenset[str], theirs: frozenset[str]) -> dict[str, str]:
    """Word -> the other side's that is nearly it."""
    near = [(fuzz.ratio(one, other), one, other) for one in ours for other in theirs if min(len(one), len(other)) >= SHORTEST_ALIKE]
    found: dict[str, str] = {}
    for ratio, one, other in sorted(near, reverse=True):
        if ratio >= ALIKE and one not in found and other not in found.values():
            found[one] = other
    return found


def _one_says_when(a: _Entry, b: _Entry) -> bool:
    """A month or a day; a year is often left out."""
    return any(day[1] for day in a.said.days) != any(day[1] for day in b.said.days)


def _a_day_apart(a: _Entry, b: _Entry) -> bool:
    ours, theirs = ({day[1:] for day in entry.said.days if day[2]} for entry in (a, b))
    return bool(ours and theirs and not ours & theirs)


def _cautions(a: _Entry, b: _Entry, numbers: bool | None) -> Iterator[str]:
    if numbers is None:
        yield "one names a number that the other does not"
    if _one_says_when(a, b):
        yield "only one says when"
    if _a_day_apart(a, b):
        yield "their days are one apart: one midnight in two zones, or two days"
    if a.listed.closes_us and b.listed.closes_us and abs(a.listed.closes_us - b.listed.closes_us) > FAR_DAYS * DAY_US:
        yield f"they end {abs(a.listed.closes_us - b.listed.closes_us) // DAY_US} days apart"
