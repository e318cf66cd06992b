"""What a title says, in words that the titles of different houses share: words, names, numbers, days, times of day. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

#: Longer titles are cut: nobody tells two questions apart behind this.
MOST_LETTERS = 600
ABOVE, BELOW, BETWEEN = "above", "below", "between"

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_MONTH_OF = {name[:3]: place for place, name in enumerate(_MONTHS, 1)}
_MONTH = "(" + "|".join(f"{name[:3]}(?:{name[3:]})?" if len(name) > 3 else name for name in _MONTHS) + r"|sept)\b\.?"
_YEAR = r"(20\d\d)"
_ISO = re.compile(rf"\b{_YEAR}-(\d\d)-(\d\d)\b")
_MONTH_DAY = re.compile(rf"\b{_MONTH} (\d{{1,2}})(?:st|nd|rd|th)?(?![\d:])(?:,? {_YEAR}\b)?")
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{_MONTH}(?:,? {_YEAR}\b)?")
#: A month by itself needs a year or a preposition: "may" and "march" are verbs too.
_MONTH_YEAR = re.compile(rf"\b{_MONTH},? (?:of )?{_YEAR}\b")
_MONTH_ALONE = re.compile(rf"\b(?:in|by|of|after|before|during|for|end) (?:the )?{_MONTH}")
_SEASON = re.compile(r"\b(20\d\d)[-/](\d\d)\b(?!-)")
_BEFORE_YEAR = re.compile(rf"\bbefore {_YEAR}\b")
_LONE_YEAR = re.compile(rf"\b{_YEAR}\b")
_CLOCK = re.compile(r"\b(\d{1,2})(?::(\d\d))? ?(am|pm)\b|\b(\d{1,2}):(\d\d)\b|\b(noon|midnight)\b")
_NUMBER = re.compile(
    r"(?<![\w.])(-)?[$€£]?(\d[\d,]*(?:\.\d+)?|\.\d+) ?(k|thousand|mm?|million|bn?|billion|t|trillion)?(?![a-z0-9])|(?<![\w.])(\d+)(?:st|nd|rd|th)\b"
)
_TIMES = {"k": 1e3, "t": 1e12, "b": 1e9, "m": 1e6}
_PHRASES = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"\bunited states(?: of america)?\b", "usa"),
        (r"\bunited kingdom\b", "uk"),
        (r"\bfederal reserve\b", "fed"),
        (r"\bbasis points?\b|\bbps\b", "bp"),
        (r"(\d)bps?\b", r"\1 bp"),
        (r"\b(?:hike|cut|change|increase|decrease)s? (?:of |rates? )?(?:by )?0 bp\b|\bno change\b|\bmaintains?\b|\bkeeps?\b", "unchanged"),
        (r"\b(?:any|some)?(?:one|body) (?:other than|else than|but)\b|\bother than\b", "not"),
        (r"\bround of \d+ match\b", " "),  # whoever plays says it all
        (r"(\d)\+", rf"\1 {ABOVE}"),
        (r">=?|≥", f" {ABOVE} "),
        (r"<=?|≤", f" {BELOW} "),
        (r"\bor (?:more|higher|above|greater)\b|\bat least\b|\bmore than\b|\bgreater than\b|\bhigher than\b", ABOVE),
        (r"\bor (?:less|lower|below|fewer)\b|\bat most\b|\bless than\b|\blower than\b|\bfewer than\b", BELOW),
        (r"%", " percent "),
        (r"[°º]f?", " degree "),
    )
)
_SAME = {
    "us": "usa", "btc": "bitcoin", "eth": "ethereum", "sol": "solana", "xrp": "ripple", "doge": "dogecoin",
    "decrease": "cut", "lower": "cut", "reduce": "cut", "increase": "hike", "raise": "hike", "exceed": ABOVE, "over": ABOVE, "surpass": ABOVE,
    "under": BELOW, "beneath": BELOW, "winner": "win", "winning": "win", "won": "win", "advancing": "advance", "nominee": "nomination",
    "presidential": "president", "presidency": "president", "championship": "champion", "temp": "temperature", "highest": "high",
    "reach": "hit",
}  # fmt: skip
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a an and any are as at be been before after between by did do does during end for from had has have how if in into is it its of on or "
        "than that the their then there these they this those to vs was were what when where which who whom whose why will with would",
    )
)
_NEGATIONS = frozenset(("not", "never", "fail", "without", "cannot", "wont"))
_INITIALS, _APOSTROPHE = re.compile(r"\b(?:[a-z]\.){2,}"), re.compile(r"'s\b|'")
_WORD = re.compile(r"[^\W\d_]+(?:\d+)?|\d+[^\W\d_]+")
_NAME = re.compile(r"(?<![\w'’])[^\W\d_a-z][\w'’.-]*")


@dataclass(frozen=True, slots=True)
class Wording:
    """`words`: in their order, each once, the empty ones left out; `names`: those of them that are written with a capital letter. `days`:
    (year, month, day), 0 where it is not said; `times`: minutes of a day. `sense`: above, below, between or "" of the numbers."""

    words: tuple[str, ...]
    names: frozenset[str]
    numbers: frozenset[float]
    days: frozenset[tuple[int, int, int]]
    times: frozenset[int]
    sense: str
    negated: bool

    @property
    def text(self) -> str:
        return " ".join(self.words)


def worded(title: str) -> Wording:
    """Any text gives a wording; of nothing known it is an empty one."""
    plain = _folded(title[:MOST_LETTERS])
    names = frozenset(_words(_phrased(_folded(" ".join(_NAME.findall(title[:MOST_LETTERS]))))))
    days: set[tuple[int, int, int]] = set()
    plain = _without_days(plain, days)
    times: set[int] = set()
    plain = _CLOCK.sub(lambda found: _time(found, times), plain)
    plain = _phrased(plain)
    numbers: set[float] = set()
    plain = _NUMBER.sub(lambda found: _number(found, numbers), plain)
    words = tuple(dict.fromkeys(_words(plain)))
    said = {ABOVE, BELOW} & set(words)
    sense = BETWEEN if BETWEEN in plain or len(said) > 1 else (said.pop() if said else "")
    return Wording(
        words,
        names & set(words),
        frozenset(numbers),
        frozenset(days),
        frozenset(times),
        sense if numbers else "",
        bool(_NEGATIONS & set(words)),
    )


def _folded(text: str) -> str:
    """Small letters without accents; what an apostrophe adds to a word is left out."""
    if not text.isascii():
        text = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
        text = text.replace("’", "'").replace("‘", "'").replace("–", "-")
    return _APOSTROPHE.sub("", _INITIALS.sub(lambda found: found[0].replace(".", ""), text.casefold()))


def _phrased(text: str) -> str:
    for pattern, word in _PHRASES:
        text = pattern.sub(word, text)
    return text


def _words(text: str) -> Iterable[str]:
    for word in _WORD.findall(text):
        # A plural's letter, cut off both here and there.
        short = word[:-1] if len(word) > 3 and word[-1] == "s" and word[-2] not in "sui" else word
        found = _SAME.get(word) or _SAME.get(short, short)
        if len(found) > 1 and found not in _EMPTY:
            yield found


# --- days and numbers -----------------------------------------------------------------------------------------------------
def _without_days(text: str, days: set[tuple[int, int, int]]) -> str:
    def take(year: str | None, month: int, day: str | None) -> str:
        if 0 < month <= 12 and int(day or 0) <= 31:
            days.add((int(year or 0), month, int(day or 0)))
        return " "

    text = _ISO.sub(lambda found: take(found[1], int(found[2]), found[3]), text)
    text = _MONTH_DAY.sub(lambda found: take(found[3], _MONTH_OF[found[1][:3]], found[2]), text)
    text = _DAY_MONTH.sub(lambda found: take(found[3], _MONTH_OF[found[2][:3]], found[1]), text)
    text = _MONTH_YEAR.sub(lambda found: take(found[2], _MONTH_OF[found[1][:3]], None), text)
    text = _MONTH_ALONE.sub(lambda found: take(None, _MONTH_OF[found[1][:3]], None), text)
    for found in _SEASON.finditer(text):
        days.update(((int(found[1]), 0, 0), (2000 + int(found[2]), 0, 0)))
    text = _SEASON.sub(" ", text)
    text = _BEFORE_YEAR.sub(lambda found: str(int(found[1]) - 1), text)
    days.update((int(found[1]), 0, 0) for found in _LONE_YEAR.finditer(text))
    return _LONE_YEAR.sub(" ", text)


def _time(found: re.Match[str], times: set[int]) -> str:
    if found[6]:
        times.add(720 if found[6] == "noon" else 0)
    elif found[3]:
        times.add((int(found[1]) % 12 + (12 if found[3] == "pm" else 0)) * 60 + int(found[2] or 0))
    else:
        times.add(int(found[4]) * 60 + int(found[5]))
    return " "


def _number(found: re.Match[str], numbers: set[float]) -> str:
    if found[4]:
        numbers.add(float(found[4]))
        return " "
    digits = found[2].replace(",", "").rstrip(".")
    if len(digits) > 18:
        return " "
    value = float(digits) * _TIMES.get((found[3] or " ")[0], 1.0) * (-1 if found[1] else 1)
    numbers.add(value)
    return " "


# --- agreement ------------------------------------------------------------------------------------------------------------
#: A strike "above 99,999.99" is one "100,000 or more".
SAME_NUMBER = 1e-4


def days_agree(one: Iterable[tuple[int, int, int]], other: Iterable[tuple[int, int, int]]) -> bool | None:
    """Whether some day of the one may be one of the other; a day more or less is the same midnight in another zone. None: one is silent."""
    ours, theirs = list(one), list(other)
    if not ours or not theirs:
        return None
    years = {day[0] for day in ours if day[0]}, {day[0] for day in theirs if day[0]}
    finer = [day for day in ours if day[1]], [day for day in theirs if day[1]]
    if finer[0] and finer[1]:
        return any(_near(a, b) for a in finer[0] for b in finer[1])
    if not years[0] or not years[1]:
        return None
    return bool(years[0] & years[1])


def _near(a: tuple[int, int, int], b: tuple[int, int, int]) -> bool:
    year_a, year_b = a[0] or b[0] or 2000, b[0] or a[0] or 2000
    if not a[2] or not b[2]:
        return (year_a, a[1]) == (year_b, b[1])
    try:
        return abs(date(year_a, a[1], a[2]) - date(year_b, b[1], b[2])) <= timedelta(days=1)
    except ValueError:  # no day of the calendar: then as it is written
        return a[1:] == b[1:]


def numbers_agree(one: frozenset[float], other: frozenset[float]) -> bool | None:
    """False where each names a number that the other does not; None where one names less than the other."""
    lacking = [x for x in one if not any(_same(x, y) for y in other)], [y for y in other if not any(_same(x, y) for x in one)]
    if lacking[0] and lacking[1]:
        return False
    return None if lacking[0] or lacking[1] else True


def _same(x: float, y: float) -> bool:
    return abs(x - y) <= SAME_NUMBER * max(abs(x), abs(y))
