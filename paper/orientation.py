"""Which outcome of each market is YES of the question that both ask. Pure. What cannot be told is left to the person."""

from collections.abc import Sequence
from dataclasses import dataclass

from paper.wording import ABOVE, BELOW, Wording, worded

#: (symbol of the instrument, name of the outcome)
Outcomes = Sequence[tuple[str, str]]
_YES, _NO = "yes", "no"
#: Where the one is false, the other is true; "hike" and "cut" are none, as there may be neither.
_CONTRARIES = ({"open", "closed"}, {"up", "down"}, {"rise", "fall"}, {"win", "lose"})


@dataclass(frozen=True, slots=True)
class Sides:
    """Symbol of YES on either side; None where nobody can tell. `caution`: what the person has to look at."""

    a: str | None
    b: str | None
    caution: str = ""


def plain(outcomes: Outcomes) -> bool:
    """One instrument that pays on yes, or two called Yes and No."""
    return len(outcomes) == 1 or {name.casefold() for _, name in outcomes} == {_YES, _NO}


def sides(a: Outcomes, b: Outcomes, said_a: Wording, said_b: Wording) -> Sides | None:
    """None: the questions are opposed, and neither market has an instrument for the other answer."""
    if plain(a) and plain(b):
        return _plain(a, b, opposed=opposed(said_a, said_b))
    if plain(a):
        return Sides(_symbol(a, _YES), _named_as(b, a, said_a), "outcomes have names: look which of them is yes")
    if plain(b):
        return Sides(_named_as(a, b, said_b), _symbol(b, _YES), "outcomes have names: look which of them is yes")
    first = a[0]
    return Sides(first[0], _alike(b, worded(first[1])), "outcomes have names on both sides: look which of them is yes")


def opposed(said_a: Wording, said_b: Wording) -> bool:
    """One asks for above what the other asks for below, or for its contrary; or one of them says not."""
    turned = {said_a.sense, said_b.sense} == {ABOVE, BELOW} or _contrary(set(said_a.words), set(said_b.words))
    return turned != (said_a.negated != said_b.negated)


def _contrary(a: set[str], b: set[str]) -> bool:
    """Who says both says neither."""
    said = [(pair & a, pair & b) for pair in _CONTRARIES]
    return any(len(ours) == len(theirs) == 1 and ours != theirs for ours, theirs in said)


def _plain(a: Outcomes, b: Outcomes, *, opposed: bool) -> Sides | None:
    if not opposed:
        return Sides(_symbol(a, _YES), _symbol(b, _YES))
    caution = "one asks the opposite of the other: NO of one side stands for YES; look at what happens on the strike itself"
    if len(b) == 2:
        return Sides(_symbol(a, _YES), _symbol(b, _NO), caution)
    return Sides(_symbol(a, _NO), _symbol(b, _YES), caution) if len(a) == 2 else None


def _symbol(outcomes: Outcomes, name: str) -> str:
    return outcomes[0][0] if len(outcomes) == 1 else next(symbol for symbol, called in outcomes if called.casefold() == name)


def _named_as(named: Outcomes, other: Outcomes, said: Wording) -> str | None:
    """The outcome that the other market's is called like, or the only one that its title names."""
    called = worded(other[0][1]) if len(other) == 1 else worded("")
    return _alike(named, called) or _alike(named, said)


def _alike(outcomes: Outcomes, words: Wording) -> str | None:
    """The only outcome that shares a word with these."""
    shared = [len(set(worded(name).words) & set(words.words)) for _, name in outcomes]
    best = max(shared)
    return outcomes[shared.index(best)][0] if best and shared.count(best) == 1 else None
