"""Confirmed pairs have the terms that their venues give and the rounding that was chosen."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from core.settings import Settings
from core.trading import ACCUMULATED, CENT_PER_ORDER
from db import engine
from tasks import pairs
from tests.tasks.trading import confirm, market

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.mark.parametrize("rounding", [CENT_PER_ORDER, ACCUMULATED])
def test_fees_are_rounded_as_was_chosen(farm: Settings, query: Query, rounding: str) -> None:
    instruments = {market(query, name) for name in ("KXONE-1", "KXTWO-1")}
    confirm(query, "KXONE-1", "KXTWO-1")
    with engine.kept(farm.database_url, name="test") as connection, connection, connection.cursor() as cursor:
        for found in (
            pairs.confirmed(cursor, time.time_ns() // 1000, rounding=rounding),
            pairs.ever_confirmed(cursor, time.time_ns() // 1000, rounding=rounding),
        ):
            (pair,) = found
            assert {leg.instrument_id for leg in (pair.a, pair.b)} == instruments
            assert {leg.terms.fees.rounding for leg in (pair.a, pair.b)} == {rounding}
