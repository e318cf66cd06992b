"""Questions that two venues ask in words of their own. Pure: what is asked follows from the number and the day of the start."""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import NamedTuple

TOPICS = ("crypto", "weather", "match", "index", "election", "inflation", "border")
MOST = 1000  # every topic has as many questions that differ
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")

#: (subject, its code, where strikes begin, how far they stand apart)
LADDERS: dict[str, tuple[tuple[str, str, float, float], ...]] = {
    "crypto": (
        ("Bitcoin", "BTC", 104_000, 250),
        ("Ethereum", "ETH", 3_400, 20),
        ("Solana", "SOL", 180, 2),
        ("Bitcoin Cash", "BCH", 480, 4),
    ),
    "weather": (
        *(("New York City", "NY", 48, 1), ("Chicago", "CHI", 39, 1), ("Miami", "MIA", 72, 1), ("Denver", "DEN", 41, 1)),
        *(("Austin", "AUS", 63, 1), ("Los Angeles", "LAX", 64, 1), ("Philadelphia", "PHIL", 46, 1)),
    ),
    "index": (("S&P 500", "INX", 6_800, 25), ("Nasdaq-100", "NASDAQ100", 24_500, 100), ("Russell 2000", "RTY", 2_400, 10)),
    "inflation": (
        *(("Canada", "CA", 1.6, 0.1), ("Japan", "JP", 2.1, 0.1), ("Australia", "AU", 2.4, 0.1)),
        *(("Sweden", "SE", 0.8, 0.1), ("Norway", "NO", 2.2, 0.1), ("Switzerland", "CH", 0.3, 0.1)),
    ),
}
#: Nobody's names.
PLAYERS = (
    *("Marek Dolan", "Luca Ferrand", "Anton Breskov", "Jonas Wikmark", "Teo Alvarin", "Pavel Hrubec", "Nils Oderberg", "Rafa Quirante"),
    *("Emil Sorkness", "Dario Vantelli", "Kenji Moriyasu", "Oscar Lindhagen", "Bruno Castelao", "Igor Zelenik", "Hugo Marchetal"),
    *("Samir Belkadour", "Viktor Pallson", "Andre Rousseval", "Milan Jovetek", "Tomas Kranjec"),
)
CANDIDATES = (
    *("Ada Norrby", "Felix Harrowgate", "Ines Calderas", "Owen Tresillian", "Mara Lindqvister", "Silas Pemberley", "Greta Hollund"),
    *("Jude Abernethal", "Petra Vasilenka", "Rowan Castelmar", "Lena Okonski", "Miles Thornbury"),
)
TOWNS = (
    *("Westmark", "Port Ellory", "Harlow Falls", "Kingsmere", "Saint Auber", "Lowfield", "Grand Tarn", "Eastholm", "Brackwater"),
    *("Oldcastle", "Rivermouth", "Summerlea"),
)
LANDS = (
    *("Northmark", "Sudria", "Valdena", "Ostrovia", "Carminia", "Tarkhan", "Belmora", "Zephyria", "Lagoria", "Montasar", "Karelund"),
    *("Ishtova", "Porvenia", "Drakonia", "Selvaria", "Arvandi", "Quillia", "Hesperon"),
)
_MATCHES = tuple((one, other) for gap in range(1, len(PLAYERS)) for one, other in zip(PLAYERS, PLAYERS[gap:], strict=False))
_BORDERS = tuple(combinations(LANDS, 2))


class Question(NamedTuple):
    """`subject` is what YES is about; `rival` the other player, the town of an election, the other land; `at_us` is when it is decided.
    `inverted`: the second venue asks it the other way round; `differs`: its rules do not say the same in a tail."""

    number: int
    topic: str
    subject: str
    code: str
    rival: str
    strike: float
    at_us: int
    inverted: bool
    differs: bool

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.at_us // 1_000_000, UTC)


def question(number: int, started_us: int, *, inverted: bool, differs: bool) -> Question:
    """The `number`th of all, from 0; no two are the same. Raises ValueError above MOST."""
    if not 0 <= number < MOST:
        raise ValueError(f"at most {MOST} pairs")
    turn, place = divmod(number, len(TOPICS))
    topic = TOPICS[place]
    subject, code, rival, strike = _asked(topic, turn)
    midnight = datetime.fromtimestamp(started_us // 1_000_000, UTC).replace(hour=0, minute=0, second=0)
    at = midnight + timedelta(days=3 + turn % 4 + {"inflation": 20, "election": 30, "border": 45}.get(topic, 0), hours=22)
    return Question(number, topic, subject, code, rival, strike, int(at.timestamp()) * 1_000_000, inverted, differs)


def _asked(topic: str, turn: int) -> tuple[str, str, str, float]:
    """(subject, code, rival, strike)"""
    if topic in LADDERS:
        step, place = divmod(turn, len(LADDERS[topic]))
        subject, code, first, apart = LADDERS[topic][place]
        return subject, code, "", round(first + step * apart, 4)
    if topic == "match":
        one, other = _MATCHES[turn]
        return one, initials(one), other, 0.0
    if topic == "election":
        step, place = divmod(turn, len(TOWNS))
        candidate = CANDIDATES[(place + step) % len(CANDIDATES)]
        return candidate, initials(candidate), TOWNS[place], 0.0
    one, other = _BORDERS[turn]
    return one, one[:3].upper() + other[:3].upper(), other, 0.0


def initials(name: str) -> str:
    """`DOL` of Marek Dolan."""
    return name.split()[-1][:3].upper()


def amount(value: float) -> str:
    """`104,250`, `2.4`"""
    return f"{value:,.10g}"
