"""core.budget on a real Redis: who may have a share only leaves the rest to the others."""

from collections.abc import Callable

import pytest
import redis

from core.budget import Budget, Exhausted
from core.venue import Limits

#: Ten seconds into a minute.
NOW_MS = 1_795_312_810_000
Make = Callable[..., Budget]


@pytest.fixture
def make(redis_client: redis.Redis, key_prefix: str) -> Make:
    """Of a venue of 100 a minute, 80 are ours; of a bucket of 50 that gains 10 a second, 40 and 8."""

    def build(share: float | None = None, *, bucket: bool = False) -> Budget:
        limits = Limits(100_000, 1, 1, weight_per_second=10, burst=50) if bucket else Limits(100, 1, 1)
        return Budget("demo", limits, redis_client, prefix=key_prefix, share=share, jitter=lambda: 0.0)

    return build


def spent(budget: Budget, weight: int, now_ms: int = NOW_MS) -> int:
    """How much it may spend in all."""
    total = 0
    try:
        while True:
            budget.spend("x", weight, now_ms)
            total += weight
    except Exhausted:
        return total


def test_a_share_leaves_the_rest_to_the_others(make: Make) -> None:
    assert spent(make(share=0.5), 3) == 39
    assert spent(make(), 1) == 41


def test_a_share_is_one_for_all_who_have_it(make: Make) -> None:
    assert spent(make(share=0.5), 10) == 40
    assert spent(make(share=0.5), 10) == 0


def test_what_the_others_have_spent_a_share_cannot_spend(make: Make) -> None:
    assert spent(make(), 70) == 70
    assert spent(make(share=0.5), 5) == 10


def test_the_venues_own_count_bounds_a_share_too(make: Make) -> None:
    budget = make(share=0.5)
    budget.heed(75, NOW_MS)
    assert spent(budget, 5) == 5


def test_a_share_comes_back_with_the_minute(make: Make) -> None:
    budget = make(share=0.5)
    assert [spent(budget, 5, NOW_MS + minute * 60_000) for minute in range(3)] == [40, 40, 40]


def test_a_share_leaves_tokens_in_the_bucket_for_the_others(make: Make) -> None:
    budget = make(share=0.5, bucket=True)
    assert spent(budget, 5) == 20
    assert spent(make(bucket=True), 5) == 20
    with pytest.raises(Exhausted, match="tokens") as caught:
        budget.spend("x", 4, NOW_MS + 1000)
    assert (caught.value.paced, caught.value.seconds) == (True, 2.0)
    assert spent(budget, 4, NOW_MS + 3000) == 4


def test_a_request_that_no_share_has_room_for_is_a_mistake(make: Make) -> None:
    with pytest.raises(ValueError, match="weighs 41, and the budget is 40"):
        make(share=0.5).spend("x", 41, NOW_MS)
    with pytest.raises(ValueError, match="weighs 21, and the budget is 20"):
        make(share=0.5, bucket=True).spend("x", 21, NOW_MS)


def test_a_pause_stops_a_share_as_well(make: Make) -> None:
    make().pause(30, NOW_MS)
    with pytest.raises(Exhausted, match="paused"):
        make(share=0.5).spend("x", 0, NOW_MS)


@pytest.mark.parametrize("asked", [2.0, None])
def test_a_pause_is_never_shortened(asked: float | None, make: Make) -> None:
    budget = make()
    budget.pause(60, NOW_MS)
    assert budget.pause(asked, NOW_MS) == 60.0


def test_every_key_expires(make: Make, redis_client: redis.Redis, key_prefix: str) -> None:
    budget = make(share=0.5)
    budget.spend("x", 5, NOW_MS)
    budget.pause(None, NOW_MS)
    keys = list(redis_client.scan_iter(match=f"{key_prefix}:*"))
    assert len(keys) == 4
    assert all(0 < redis_client.ttl(key) <= 600 for key in keys)


def test_a_login_of_a_higher_tier_has_a_larger_bucket(make: Make) -> None:
    """40 held and 8 a second become 160 and 24, for a share too; the minute grows with the second."""
    make(bucket=True).allow(30, 200)
    assert spent(make(share=0.5, bucket=True), 1) == 80
    assert spent(make(bucket=True), 1) == 80
    assert spent(make(bucket=True), 1, NOW_MS + 1_000) == 24


def test_less_than_every_login_has_is_not_believed(make: Make) -> None:
    make(bucket=True).allow(1, 1)
    assert spent(make(bucket=True), 1) == 40


def test_where_there_is_no_bucket_none_is_made(make: Make) -> None:
    make().allow(30, 200)
    assert spent(make(), 1) == 80


def test_what_is_left_is_told_and_spends_nothing(make: Make) -> None:
    budget = make()
    assert budget.left(NOW_MS) == 1
    budget.spend("x", 20, NOW_MS)
    assert budget.left(NOW_MS) == budget.left(NOW_MS) == 0.75
    budget.heed(80, NOW_MS)
    assert budget.left(NOW_MS) == 0
    assert budget.left(NOW_MS + 60_000) == 1


def test_what_is_left_of_a_bucket_comes_back_by_the_second(make: Make) -> None:
    budget = make(bucket=True)
    budget.spend("x", 40, NOW_MS)
    assert budget.left(NOW_MS) == 0
    assert budget.left(NOW_MS + 2_500) == pytest.approx(0.5)
    budget.allow(20, 100)  # twice as fast, and twice as much
    assert budget.left(NOW_MS + 2_500) == pytest.approx(0.5)
    assert budget.left(NOW_MS + 10_000) == pytest.approx(1, abs=0.001)


def test_while_it_is_paused_nothing_is_left(make: Make) -> None:
    budget = make()
    budget.pause(5, NOW_MS)
    assert budget.left(NOW_MS) == 0
    assert budget.left(NOW_MS + 5_001) == 1
