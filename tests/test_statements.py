"""No value that a user or a venue gave reaches the database as text: statements are constants, or composed from names that stand in the code."""

import ast
import re
from collections.abc import Iterator

import pytest

from core.records import KINDS
from db import roles
from db.instruments import INSTRUMENTS
from db.markets import MARKETS
from tests.test_architecture import sources, tree_of

#: What sends a statement, and which of its arguments is one.
SENDERS = {"execute": 0, "executemany": 0, "mogrify": 0, "copy_expert": 0, "execute_values": 1, "execute_batch": 1, "text": 0}
_SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|COPY|CREATE|ALTER|DROP|TRUNCATE|EXISTS|VALUES|GRANT)\b")
LOOKED_AT = ("core", "db", "streamers", "tasks", "venues", "ops", "celeryconfig")
#: What takes the place of a name within a statement, where, and where it comes from.
COMPOSED = {
    "db.archive": {"sql('archived_until')"},
    # COPY takes no parameters: names of db.datasets, our numbers of instruments, and times made from numbers.
    "db.arrow": {
        *("dataset.name", "', '.join(names)", "', '.join(COVERAGE.names)", "heard", "order"),
        *("dataset.time", "dataset.received", "where(dataset.time, old)", "_text(span.as_of_us)"),
        *("where(dataset.time, span)", "where('hour', span)", "select(dataset, span, wanted.names, ordered=ordered)"),
        *("statement", "SORT_MEMORY", "STATEMENT_SECONDS"),
    },
    "db.copy": {"kind.name", "names", "key", "conflict", "table", "'DESC' if kind.revises else 'ASC'"},  # core.records
    # Names that the server has quoted, of tables and columns that are there; numbers of ours.
    "db.backups.contents": {
        *("table", "where"),
        *(f"queries.sql('backup_{name}')" for name in ("tables", "hypertables", "chunks", "origin", "structure")),
    },
    "db.backups.dumping": {"LOCK_SECONDS", "', '.join(names)"},
    "db.backups.restoring": {"sql.SQL(statement).format(*map(sql.Identifier, names))"},
    "db.extension": {"queries.sql('make_dumpable')"},
    "db.coverage": {"sql('judge_coverage').replace('{table}', proof.table)"},  # a kind's name
    "db.gaps": {"kind.name", "one"},  # core.records
    "db.instruments": {"names", "column", "table"},  # core.records, INSTRUMENTS
    "db.markets": {"MARKETS.names"},
    "db.outages": {"_PLACE", "kind.name", "number"},  # core.records
    "db.paper.facts": {"_MARKET", "_INSTRUMENT"},  # its own
    "db.paper.store": {"table.name", "key.name", "', '.join(adapters)", "conflict", "sql('paper_profit')"},  # its own tables
    "db.paper.report": {"sql(statement)"},  # its own parts
    "db.present": {"kind.name", "kind.sequence"},  # core.records
    # .sql files beside it, with a kind's name in them, or a table's and a column's of its own list
    "db.queries": {"text(sql(name))", "sql(name)", "text(statement)", "statement", "sql('forget_records').format(table=table, at=at)"},
    "db.roles": {"role"},  # its own three
    # its own names of tables
    "db.rollups": {
        "sql('take_stale_bars')",
        "sql('roll_seconds')",
        "sql('roll_bars').format(bars='bars_1m', source='bars_1s', width='1 minute')",
        "sql('roll_bars').format(bars='bars_1h', source='bars_1m', width='1 hour')",
    },
    "db.storage": {  # core.records, core.storage, .sql files, constants
        *("KINDS[chunk.table].name", "name", "at", "edge", "sql(name)", "_LOCKS"),
    },
    "db.subscriptions": {"which"},  # one of two words
    "db.versions": {
        *("changes", "new", "old", "always", "types"),
        *("what.name", "what.names", "what.table", "what.history", "what.key"),
    },  # Described
    "db.witnesses": {"sql('witness_volumes')"},
    # Panels of its own statements, which Grafana asks.
    "ops.grafana.markets": {"_SIDES"},
    "ops.grafana.venue": {"_CHAIN"},
    "ops.local.postgres": {"DATABASE", "_MUTE"},
    "ops.paper.recorded": {"queries.sql(name)"},  # its own names
    "ops.paper.replay": {"table"},  # its own list
    # Names of our tables and columns, from its own list and db.tables.
    "ops.rebuild.compare": {"within", "statement", "_at(hour)", "', '.join([*columns, *names])", "name", "join", "venue"},
    "ops.rebuild.target": {"statement"},  # the database's name as an identifier of psycopg2.sql
    "ops.verify.evidence": {"statement"},
    # COPY takes no parameters: names of its own, our numbers of instruments, and times made from numbers.
    "ops.verify.table": {
        *("names", "chosen", "self._comparison.kind", "self._ours", "self._select(from_us, until_us)"),
        *("_text(from_us)", "_text(until_us)"),
    },
}


def dynamic(tree: ast.Module) -> Iterator[str]:
    """Every expression that becomes a part of a statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and isinstance(first := node.values[0], ast.Constant) and _SQL.match(str(first.value)):
            yield from _parts(node)  # wherever it is sent from
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in SENDERS and len(node.args) > SENDERS[name]:
            yield from _parts(node.args[SENDERS[name]])


def _parts(statement: ast.expr) -> Iterator[str]:
    match statement:
        case ast.Constant():
            return
        case ast.JoinedStr(values=values):
            for value in values:
                if isinstance(value, ast.FormattedValue):
                    yield ast.unparse(value.value)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            yield from _parts(left)
            yield from _parts(right)
        case _:
            yield ast.unparse(statement)


def test_a_statement_is_composed_of_names_of_the_code_alone() -> None:
    looked = {module: set(dynamic(tree_of(path))) for module, path in sources().items() if module.partition(".")[0] in LOOKED_AT}
    found = {module: parts for module, parts in looked.items() if parts}
    assert {module: parts - COMPOSED.get(module, set()) for module, parts in found.items() if parts - COMPOSED.get(module, set())} == {}
    assert {module: parts - found.get(module, set()) for module, parts in COMPOSED.items() if parts - found.get(module, set())} == {}


@pytest.mark.parametrize(
    "line",
    [
        "cursor.execute(f\"SELECT * FROM trades WHERE symbol = '{symbol}'\")",
        "cursor.execute('SELECT %s' % symbol)",
        "cursor.execute('SELECT ' + symbol)",
        "cursor.execute('SELECT {}'.format(symbol))",
        "connection.execute(text(statement))",
        "execute_values(cursor, f'INSERT INTO {table} VALUES %s', rows)",
    ],
)
def test_a_value_within_a_statement_is_seen(line: str) -> None:
    assert list(dynamic(ast.parse(line)))


def test_names_of_the_code_need_no_quotes() -> None:
    names = {kind.name for kind in KINDS.values()} | {column.name for kind in KINDS.values() for column in kind.columns}
    names |= {name for what in (INSTRUMENTS, MARKETS) for name in (what.table, what.history, what.key, what.name, *what.columns)}
    names |= {roles.WRITER, roles.READER, roles.CONSOLE}
    assert [name for name in names if not re.fullmatch("[a-z][a-z0-9_]*", name)] == []
