"""Documents that cannot rot: what they name exists, what they list is what the code says."""

import re
from collections.abc import Callable, Iterable
from dataclasses import astuple, fields
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sqlalchemy import Column, Inspector, Table, UniqueConstraint, inspect
from sqlalchemy.dialects import postgresql

from core import metrics
from core.capability import Capability, of
from core.counts import Metric
from core.records import KINDS
from db.engine import engine
from db.tables import archive, bars, coverage, farm, instruments, matching, metadata, paper, storage
from ops.__main__ import COMMANDS
from tests import documents
from venues import VENUES

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["CHANGELOG.md", *(str(path.relative_to(ROOT)) for path in documents.PAGES)]

#: Words in `code` that look like a path and are none: a place to be filled in, a name of somebody else's.
NOT_PATHS = re.compile(r"[<>*{}…]|NNNN|^\.farm|^\.venv|^/")


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


# --- data dictionary ------------------------------------------------------------------------------------------------------
VIEWS = {
    "symbols": "instruments, as the venues describe them now",
    "book_ticker": "quotes with venue and symbol",
    "agg_trades": "trades with venue and symbol; `is_buyer_maker` is the venue's word for a taker who sold",
    "ingestion_stats": "what each stream has written; `last_lag` is from our clock at the newest frame to its commit",
    "data_quality_check": "the last hour of each instrument: trades, ids that are missing between the first and the last, gaps",
    "gaps": "data_gaps with the symbol and the number of ids that are missing",
    "bt_1s": "bars_1s with venue and symbol",
}
_BARS = "of the minutes before the last two; prices are mids of quotes with two sides, and absent where there was none"
PUBLIC_VIEWS = {
    "eth_option_quotes": "best bid and ask of ETH options, in `price_unit`; 0 means that side is empty",
    "eth_option_trades": "trades of ETH options, in `price_unit`",
    "options_greeks": "tickers of options that have greeks; prices in `price_unit`",
    "perpetuals_ohlcv": "candles of perpetuals",
    "futures_ohlcv": "candles of dated futures",
    "options_ohlcv": "candles of options",
    "orderbooks": "price levels as they change, with the market and the outcome where there are such",
    "order_book_snapshots": "price levels of whole books, likewise",
    "bars_1s": f"seconds in which there were quotes or trades, {_BARS}",
    "bars_1m": "the same a minute",
    "bars_1h": "the same an hour that is over",
    "coverage_daily": "coverage by day: seconds of each state, the weakest state, and how many hours lack something",
}
HEAD = """\
# Data dictionary

Generated from `db/tables/` and `core/records.py`; a test holds it to them.

Two clocks: `event_at` is the venue's, `received_at` is ours at the socket. Both are UTC to the microsecond and never mixed. Prices and
quantities are double precision and read back to the venue's own decimal (up to 15 significant digits). Market tables hold all venues.

What an amount counts and what a price is in stands with each instrument, in `instruments.amount_unit` and `instruments.price_unit`: an
inverse future counts USD and is priced in USD, an option that settles in its coin counts coins and is priced in the coin, what is linear
counts coins and is priced in a stablecoin. `usd_value(price, price_unit, coin_price)` is the price in dollars; for an option `coin_price` is
the ticker's `underlying_price`, or else its `index_price`.

A bar: `open`, `high`, `low`, `close` of the mid price, `spread_mean` and `spread_max` of the quotes that have two sides; `imbalance`, the mean of
(bid - ask) / (bid + ask) of the amounts at the top; `updates`, the number of quotes; `trades`, their number; `volume`, `buy_volume` (takers who
bought) and `vwap` of the trades. `bucket` is its begin on the venue's clock. Where there was no quote or no trade, that side of it is 0 or absent.
"""


def rendered(inspector: Inspector) -> str:
    topics = {
        "Market data": [metadata.tables[name] for name in KINDS],
        "Instruments and markets": [table for table in vars(instruments).values() if isinstance(table, Table)],
        "Pairs of markets": [table for table in vars(matching).values() if isinstance(table, Table)],
        "Bars": [table for table in vars(bars).values() if isinstance(table, Table)],
        "How whole the record is": [table for table in vars(coverage).values() if isinstance(table, Table)],
        "How it is kept": [table for part in (storage, archive) for table in vars(part).values() if isinstance(table, Table)],
        "Paper trading": [table for table in vars(paper).values() if isinstance(table, Table)],
        "What the farm knows of itself": [table for table in vars(farm).values() if isinstance(table, Table)],
    }
    assert sum(map(len, topics.values())) == len(metadata.tables), "a topic of db/tables is missing here"
    parts = [HEAD]
    for topic, tables in topics.items():
        parts.append(f"\n## {topic}\n")
        parts += [_table(table) for table in tables]
    parts.append("\n## Views\n")
    for schema, views in (("marketdata", VIEWS), ("public", PUBLIC_VIEWS)):
        parts.append(f"\n| `{schema}.` | what it shows | columns |\n| --- | --- | --- |\n")
        parts += [f"| `{name}` | {meaning} | {_names(inspector, name, schema)} |\n" for name, meaning in views.items()]
    return "".join(parts)


def _names(inspector: Inspector, view: str, schema: str) -> str:
    return ", ".join(f"`{column['name']}`" for column in inspector.get_columns(view, schema=schema))


def _table(table: Table) -> str:
    unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    keys = [list(c.columns) for c in unique] or [list(table.primary_key.columns)]
    named = "; ".join(", ".join(f"`{column.name}`" for column in key) for key in keys)
    rows = "".join(_column(column) for column in table.columns)
    return f"\n### {table.name}\n\n{_sentence(table.comment)} Key: {named}.\n\n| column | type | absent | meaning |\n| --- | --- | --- | --- |\n{rows}"


def _column(column: Column) -> str:  # type: ignore[type-arg]
    kind = (
        column.type.compile(dialect=postgresql.dialect())
        .lower()
        .replace("timestamp with time zone", "timestamptz")
        .replace("float(53)", "double precision")
    )  # type: ignore[no-untyped-call]
    return f"| `{column.name}` | {kind} | {'yes' if column.nullable else ''} | {column.comment} |\n"


def _sentence(text: str | None) -> str:
    assert text, "a table without a word about it"
    return f"{text[0].upper()}{text[1:]}."


def test_the_data_dictionary_is_what_the_tables_say(kept: Callable[[str, str], None], migrated_database_url: str) -> None:
    inspector = inspect(engine(migrated_database_url))
    assert set(VIEWS) == set(inspector.get_view_names(schema="marketdata"))
    assert set(PUBLIC_VIEWS) == set(inspector.get_view_names(schema="public"))
    kept("docs/data-dictionary.md", rendered(inspector))


CAPABILITIES = """\
# What can be proven

Generated from what the venues declare; `./farm coverage --matrix` prints the same. `state` is what can be said at best of a time without a
gap: verified (the venue's own numbers prove it), witnessed (an independent source agrees) or unverifiable. A loss that shows is a row of
`data_gaps`; `size` says whether it is known how much is missing, `scope` what may lack something, and `filled` from where it is read again.
"""


def test_the_matrix_is_what_the_venues_declare(kept: Callable[[str, str], None]) -> None:
    names = [field.name for field in fields(Capability)]
    told = [_line(astuple(one)) for one in of(VENUES.values())]
    # A line of a venue whose folder was deleted does no harm, and deleting a folder is to break nothing.
    written = [line for line in read("docs/coverage.md").splitlines(keepends=True)[8:] if line.split()[1] not in VENUES]
    kept("docs/coverage.md", f"{CAPABILITIES}\n{_line(names)}{_line(['---'] * len(names))}{''.join(sorted(told + written))}")


METRICS = """\
# Metrics

Generated from `core/metrics.py`. The console serves them at `/metrics`; `ops/prometheus/` has a configuration of Prometheus that scrapes it,
alert rules, and their tests.

What programs count they count in files of `FARM_HOME/metrics`, which the console joins when it is asked: nothing is sent, and nothing is done
while nobody asks. Counts do not fall when a program is started again, or killed. To begin anew, stop the farm and delete the folder.
What is looked up comes from the same look as `./farm status`; several who scrape within seconds cost one. Of a farm whose database or Redis
is away the rest is told, with `tapefarm_healthy` 0.

`replica` is the name of a streamer among those that record the same, `shard` its part of a channel, `stage` one of venue, journal and commit.
"""


def test_the_list_of_metrics_is_what_the_code_says(kept: Callable[[str, str], None]) -> None:
    parts = [METRICS]
    for title, found in (("Counted by programs", metrics.COUNTED), ("Looked up when asked", metrics.LOOKED_UP)):
        parts.append(f"\n## {title}\n\n{_line(['metric', 'kind', 'labels', 'what it says'])}{_line(['---'] * 4)}")
        parts += [_line([f"`{one.name}`", one.kind, ", ".join(one.labels), one.help]) for one in found]
    kept("docs/metrics.md", "".join(parts))


def test_every_metric_is_in_its_list() -> None:
    """And has the name that its kind asks for."""
    defined = [one for one in vars(metrics).values() if isinstance(one, Metric)]
    assert {one.name for one in defined} == {one.name for one in (*metrics.COUNTED, *metrics.LOOKED_UP)}
    for one in defined:
        assert re.fullmatch(r"tapefarm_[a-z]+(_[a-z]+)*", one.name)
        assert one.name.endswith("_total") == (one.kind == "counter"), one.name


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


@pytest.mark.parametrize("table", metadata.tables.values(), ids=metadata.tables)
def test_every_column_has_a_meaning(table: Table) -> None:
    assert [column.name for column in table.columns if not column.comment] == []


# --- what pages name ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)", read(page))
    assert [link for link in links if not link.startswith("http") and not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_into_a_page_finds_its_heading(page: str) -> None:
    for name, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", read(page)):
        there = ((ROOT / page).parent / name).resolve() if name else ROOT / page
        headings = re.findall(r"^#+ (.*)", there.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, f"{name}#{anchor}"


def test_the_picture_says_in_words_what_it_shows() -> None:
    """For who cannot see it."""
    picture = ElementTree.parse(ROOT / "docs" / "picture.svg").getroot()
    told = {part.get("id"): part.text or "" for part in picture if part.tag.endswith(("}title", "}desc"))}
    assert picture.get("role") == "img"
    assert [len(told[name]) > 20 for name in str(picture.get("aria-labelledby")).split()] == [True, True]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_exists(page: str) -> None:
    words = {word.partition(":")[0] for word in re.findall(r"`([^`\s]+)`", read(page))}
    tops = {path.name for path in ROOT.iterdir()}
    paths = [word for word in words if (word.partition("/")[0] in tops and "/" in word) or word.endswith((".py", ".toml", ".yml"))]
    assert [path for path in paths if not NOT_PATHS.search(path) and not _exists(path, (ROOT / page).parent)] == []


def _exists(path: str, beside: Path) -> bool:
    """A bare file name may stand for one of the part that the sentence is about, or beside the page; a module may go without its ending."""
    folders = [ROOT, *(ROOT / name for name in ("streamers", "venues", "venues/binance", "ops/grafana"))]
    if beside != ROOT and any(beside.rglob(path)):
        return True
    return any((folder / path).exists() or (folder / f"{path}.py").exists() for folder in folders)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists(page: str) -> None:
    named = set(re.findall(r"(?:^|`)(?:[A-Z_]+=\S+ )*\./farm ([a-z]+)", read(page), re.MULTILINE))
    assert named <= set(COMMANDS)


def test_the_readme_names_every_command() -> None:
    assert set(COMMANDS) == set(re.findall(r"\./farm ([a-z]+)", read("README.md")))


def test_every_view_in_the_readme_exists() -> None:
    assert set(re.findall(r"marketdata\.([a-z0-9_]+)", read("README.md"))) <= set(VIEWS)


def test_architecture_fits_on_a_page() -> None:
    assert len(read("ARCHITECTURE.md").splitlines()) < 120


def test_decisions_are_numbered_without_holes() -> None:
    pages = [page for page in PAGES if page.startswith("docs/decisions/")]
    assert [page[len("docs/decisions/") :][:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        headings = re.findall(r"^## (.*)", read(page), re.MULTILINE)
        assert headings == ["Context", "Choice", "What it costs"], page
        assert len(read(page).splitlines()) <= 60, page


def test_the_import_table_names_every_part() -> None:
    tops = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.rglob("*.py")) and not path.name.startswith(".")} - {
        "tests",
        "bench",
    }
    page = read("ARCHITECTURE.md")
    assert [top for top in sorted(tops) if f"`{top}/" not in page] == []
