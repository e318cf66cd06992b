"""Questions of pairs in Kalshi's words: series and tickers, short titles, dry rules with the source and the hour in them. Pure."""

from typing import NamedTuple

from sandbox.kalshi.listings import Series
from sandbox.kalshi.times import date_text
from sandbox.pairs.questions import MONTHS, Question, amount, initials


class Wording(NamedTuple):
    event: str  # ticker
    code: str
    event_title: str
    title: str
    sub_title: str
    rules: str
    more_rules: str


#: topic -> what its series have in common; where strikes are listed by subject, each has a series of its own
SERIES = {
    "crypto": Series("KX{code}D", "{subject} price", "Crypto", "daily", exchange_index=2, source="CF Benchmarks"),
    "weather": Series("KXHIGHT{code}", "Highest temperature in {subject}", "Climate and Weather", "daily", source="NWS"),
    "match": Series("KXATPMATCH", "Tennis match", "Sports", "custom", "quadratic_with_maker_fees", 1, 3, "tapered_deci_cent", "ATP"),
    "index": Series("KX{code}U", "{subject} close", "Financials", "daily", fee_multiplier=0.5, structure="deci_cent", source="Reuters"),
    "election": Series("KXMAYOR", "Next mayor", "Politics", "custom", structure="tapered_deci_cent", source="The electoral office"),
    "inflation": Series(
        "KXCPI{code}", "Inflation in {subject}", "Economics", "monthly", "quadratic_with_maker_fees", source="The statistics office"
    ),
    "border": Series("KXBORDER", "Borders", "World", "custom", source="Reuters"),
}
CANCELLED = "If {what}, the Exchange settles every contract at 50 cents for each side."


def series_of(asked: Question) -> Series:
    """With its own ticker and title."""
    made = Series(**vars(SERIES[asked.topic]))
    made.ticker, made.title = (text.format(code=asked.code, subject=asked.subject) for text in (made.ticker, made.title))
    return made


def wording(asked: Question) -> Wording:
    return _TOLD[asked.topic](asked, f"{series_of(asked).ticker}-{date_text(asked.at_us)}", f"{asked.strike:.10g}")


def _day(asked: Question) -> str:
    """`Nov 24, 2026`"""
    return f"{MONTHS[asked.at.month - 1][:3]} {asked.at.day}, {asked.at.year}"


def _month(asked: Question) -> str:
    """The month that is measured: its figure is published in the next."""
    month = (asked.at.month - 2) % 12
    return f"{MONTHS[month]} {asked.at.year - (month == 11)}"


def _rules(what: str, cancelled: str) -> tuple[str, str]:
    return f"If {what}, then the market resolves to Yes.", CANCELLED.format(what=cancelled)


def _crypto(asked: Question, event: str, strike: str) -> Wording:
    sure = f"the simple average of the sixty seconds of CF Benchmarks' {asked.subject} Real-Time Index before 5 PM EST is above {strike} on"
    about = f"{asked.subject} price on {_day(asked)}"
    title = f"Will the price of {asked.subject} be above ${amount(asked.strike)} on {_day(asked)} at 5pm EST?"
    rules = _rules(f"{sure} {_day(asked)}", "no index is published for 7 days")
    return Wording(f"{event}17", f"T{strike}", f"{about}?", title, f"Above ${amount(asked.strike)}", *rules)


def _weather(asked: Question, event: str, strike: str) -> Wording:
    where = f"in {asked.subject} for {_day(asked)} as reported by the National Weather Service's Climatological Report (Daily)"
    rules = _rules(f"the highest temperature recorded {where} is greater than {strike}°", "no report is published for 7 days")
    about = f"Highest temperature in {asked.subject} on {_day(asked)}"
    title = f"Will the high temp in {asked.subject} be >{strike}° on {_day(asked)}?"
    return Wording(event, f"T{strike}", f"{about}?", title, f"{asked.strike + 1:.10g}° or above", *rules)


def _match(asked: Question, event: str, strike: str) -> Wording:
    one, other = (name.split()[-1] for name in (asked.subject, asked.rival))
    title = f"Will {asked.subject} win the {one} vs {other} match?"
    what = f"{asked.subject} wins the {asked.subject} vs {asked.rival} professional tennis match scheduled for {_day(asked)}"
    rules = _rules(f"{what}, a retirement or a walkover counting as a win", "the match is cancelled, or not played within 7 days")
    return Wording(f"{event}{asked.code}{initials(asked.rival)}", asked.code, f"{one} vs {other}", title, asked.subject, *rules)


def _index(asked: Question, event: str, strike: str) -> Wording:
    title = f"Will the {asked.subject} close above {amount(asked.strike)} on {_day(asked)}?"
    rules = _rules(f"the end-of-day {asked.subject} value on {_day(asked)} is above {strike}", "the index is not published for 7 days")
    return Wording(f"{event}16", f"T{strike}", f"{asked.subject} close on {_day(asked)}?", title, f"Above {amount(asked.strike)}", *rules)


def _election(asked: Question, event: str, strike: str) -> Wording:
    title = f"Will {asked.subject} be elected mayor of {asked.rival}?"
    what = f"{asked.subject} wins the {asked.at.year} {asked.rival} mayoral election held on {_day(asked)}, a runoff included"
    rules = _rules(what, "the election is cancelled, or not decided within 7 days")
    code = "".join(word[0] for word in asked.rival.split()) + asked.rival[-3:].upper()
    return Wording(f"{event}{code}", asked.code, f"Next mayor of {asked.rival}?", title, asked.subject, *rules)


def _inflation(asked: Question, event: str, strike: str) -> Wording:
    title = f"Will inflation in {asked.subject} be above {strike}% in {_month(asked)}?"
    what = f"the year-over-year change of the consumer price index of {asked.subject} for {_month(asked)}, as first published, is above {strike}%"
    rules = _rules(what, "no figure is published for 7 days after its date")
    return Wording(event, f"T{strike}", f"Inflation in {asked.subject} in {_month(asked)}?", title, f"Above {strike}%", *rules)


def _border(asked: Question, event: str, strike: str) -> Wording:
    title = f"Will the border between {asked.subject} and {asked.rival} be open by {_day(asked)}?"
    what = f"regular passenger traffic crosses the border between {asked.subject} and {asked.rival} by {_day(asked)}"
    rules = _rules(what, "one of the two lands ceases to exist")
    return Wording(f"{event}{asked.code}", "Y", f"{asked.subject}–{asked.rival} border", title, f"Before {_day(asked)}", *rules)


_TOLD = {
    "crypto": _crypto,
    "weather": _weather,
    "match": _match,
    "index": _index,
    "election": _election,
    "inflation": _inflation,
    "border": _border,
}
