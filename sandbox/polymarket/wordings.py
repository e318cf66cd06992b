"""Questions of pairs in Polymarket's words: long rules with their own hours and sources, and now and then the other way round. Pure."""

from collections.abc import Callable
from typing import NamedTuple

from sandbox.pairs.questions import MONTHS, Question, amount

RULES = (
    "This market will resolve to “{first}” if {what}. Otherwise, this market will resolve to “{second}”.\n\n"
    "If {cancelled}, this market will resolve to 50-50.\n\nThe resolution source for this market is {source}."
)


class Wording(NamedTuple):
    title: str
    outcomes: tuple[str, str]
    rules: str
    yes: int  # the token that is the question's YES


class Told(NamedTuple):
    """A title and what has to be, of the question and of its contrary; `apart`: a source, an hour or a tail that the other venue does not
    have."""

    title: str
    what: str
    other_title: str
    other_what: str
    cancelled: str
    source: str
    apart: str


def wording(asked: Question) -> Wording:
    told = _TOLD[asked.topic](asked)
    title, what = (told.other_title, told.other_what) if asked.inverted else (told.title, told.what)
    outcomes = ("Yes", "No")
    if asked.topic == "match":
        outcomes = (asked.rival, asked.subject) if asked.inverted else (asked.subject, asked.rival)
    rules = RULES.format(first=outcomes[0], second=outcomes[1], what=what, cancelled=told.cancelled, source=told.source)
    return Wording(title, outcomes, f"{rules} {told.apart}" if asked.differs else rules, int(asked.inverted))


def _day(asked: Question) -> str:
    """`November 24`"""
    return f"{MONTHS[asked.at.month - 1]} {asked.at.day}"


def _year(asked: Question) -> str:
    return f"{_day(asked)}, {asked.at.year}"


def _crypto(asked: Question) -> Told:
    price, index = f"${amount(asked.strike)}", f"the {asked.subject} Real-Time Index of CF Benchmarks at 5:00 PM ET on {_year(asked)}"
    return Told(
        f"Will the price of {asked.subject} be above {price} on {_day(asked)}?",
        f"{index} is above {price}, as a simple average of the minute before",
        f"Will the price of {asked.subject} be {price} or lower on {_day(asked)}?",
        f"{index} is {price} or lower, as a simple average of the minute before",
        "no index is published within 7 days of that time",
        "CF Benchmarks",
        f"In the place of the index, the close of Binance's one-minute candle of {asked.code}/USDT at 12:00 in the ET timezone (noon) counts.",
    )


def _weather(asked: Question) -> Told:
    least, most = f"{asked.strike + 1:.10g}°F", f"{asked.strike:.10g}°F"
    recorded = f"the highest temperature recorded in {asked.subject} on {_year(asked)} by the National Weather Service is"
    return Told(
        f"Will the highest temperature in {asked.subject} be {least} or higher on {_day(asked)}?",
        f"{recorded} {least} or higher",
        f"Will the highest temperature in {asked.subject} be {most} or below on {_day(asked)}?",
        f"{recorded} {most} or below",
        "no report is published within 7 days",
        "the daily climatological report of the National Weather Service",
        "Readings of Weather Underground for the airport's station prevail over it, and revisions of the day after count.",
    )


def _match(asked: Question) -> Told:
    wins = "{} wins the match between {} and {} scheduled for {}, a retirement or a walkover counting as a win"
    return Told(
        f"{asked.subject} vs {asked.rival}",
        wins.format(asked.subject, asked.subject, asked.rival, _year(asked)),
        f"{asked.rival} vs {asked.subject}",
        wins.format(asked.rival, asked.rival, asked.subject, _year(asked)),
        "the match is cancelled, or not played within 7 days",
        "the tour's official site",
        "A match that begins and is not completed, by a retirement too, resolves to 50-50.",
    )


def _index(asked: Question) -> Told:
    level = amount(asked.strike)
    return Told(
        f"{asked.subject} above {level} at the close on {_day(asked)}?",
        f"the {asked.subject} closes above {level} on {_year(asked)}",
        f"{asked.subject} at or below {level} at the close on {_day(asked)}?",
        f"the {asked.subject} closes at or below {level} on {_year(asked)}",
        "the index is not published within 7 days",
        "Reuters",
        "What the index touches at any time of that session counts, not only its close.",
    )


def _election(asked: Question) -> Told:
    held = f"the {asked.rival} mayoral election held on {_year(asked)}, a runoff included"
    return Told(
        f"Will {asked.subject} win the {asked.rival} mayoral election?",
        f"{asked.subject} wins {held}",
        f"Will anyone other than {asked.subject} win the {asked.rival} mayoral election?",
        f"anyone other than {asked.subject} wins {held}",
        "the election is cancelled, or not decided within 7 days",
        "the electoral office",
        "A candidate who does not win in the first round, without the runoff, has not won.",
    )


def _inflation(asked: Question) -> Told:
    month = MONTHS[(asked.at.month - 2) % 12]
    rate, figure = f"{asked.strike:.10g}%", f"the annual change of {asked.subject}'s consumer price index for {month}, as first published"
    return Told(
        f"Will annual inflation in {asked.subject} be above {rate} in {month}?",
        f"{figure}, is above {rate}",
        f"Will annual inflation in {asked.subject} be {rate} or lower in {month}?",
        f"{figure}, is {rate} or lower",
        "no figure is published within 7 days of its date",
        "the statistics office",
        "The second estimate counts, should it differ from the first.",
    )


def _border(asked: Question) -> Told:
    lands = f"{asked.subject} and {asked.rival}"
    return Told(
        f"Border between {asked.subject} and {asked.rival} open by {_day(asked)}?",
        f"regular passenger traffic crosses the border between {lands} by {_year(asked)}",
        f"Border between {asked.subject} and {asked.rival} still closed on {_day(asked)}?",
        f"no regular passenger traffic has crossed the border between {lands} by {_year(asked)}",
        "one of the two lands ceases to exist",
        "a consensus of credible reporting",
        "An official announcement that the border is open suffices, whether or not anybody has crossed it.",
    )


_TOLD: dict[str, Callable[[Question], Told]] = {
    "crypto": _crypto,
    "weather": _weather,
    "match": _match,
    "index": _index,
    "election": _election,
    "inflation": _inflation,
    "border": _border,
}
