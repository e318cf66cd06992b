"""What Kalshi's attributes say of a market's question."""

from typing import Any

import pytest

from venues.kalshi.questions import question


@pytest.mark.parametrize(
    ("attributes", "unfit"),
    [
        ({}, ""),
        ({"market_type": "binary", "strike_type": "structured"}, ""),
        ({"market_type": "scalar"}, "scalar: it may pay anything between"),
        ({"mve_collection_ticker": "KXMVESPORTS-R"}, "a combo of several markets"),
        ({"mve_selected_legs": [{"market_ticker": "A"}]}, "a combo of several markets"),
    ],
)
def test_combos_and_scalars_are_no_question_of_their_own(attributes: dict[str, Any], unfit: str) -> None:
    assert question(attributes).unfit == unfit


def test_an_early_close_is_a_caution_and_the_event_the_context() -> None:
    said = question(
        {"can_close_early": True, "early_close_condition": "after the match.", "event": {"title": "Fritz vs Bublik", "sub_title": "Jul 6"}}
    )
    assert (said.context, said.cautions) == ("Fritz vs Bublik Jul 6", ("may close early: after the match.",))
    assert question({"can_close_early": True, "is_provisional": True}).cautions == (
        "may close early: it does not say when",
        "provisional: it may be taken away",
    )
