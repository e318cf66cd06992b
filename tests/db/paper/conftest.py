"""Two venues with a market each that ask one question."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg2.extensions import connection as RawConnection

from tests.db.paper.pairs import Markets


@pytest.fixture
def listed(connection: RawConnection) -> Markets:
    return Markets(connection)


@pytest.fixture
def state(query: Callable[..., list[tuple[Any, ...]]]) -> Callable[[int], str]:
    return lambda pair: str(query("SELECT state FROM contract_matches WHERE pair_id = %s", (pair,))[0][0])
