import pytest

from core import redisdb
from core.lease import Lease


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def key(key_prefix: str) -> str:
    return f"{key_prefix}:lease"


def test_one_holds_it_and_gives_it_back(redis_client: redisdb.Client, key: str) -> None:
    one, two = Lease(redis_client, key, seconds=60), Lease(redis_client, key, seconds=60)
    assert not one.held
    assert one.renew() and one.held
    assert not two.renew() and not two.held
    two.release()
    assert one.renew(), "nobody gives back what another holds"
    one.release()
    assert not one.held and two.renew()


def test_it_passes_on_when_it_is_not_renewed(redis_client: redisdb.Client, key: str) -> None:
    one, two = Lease(redis_client, key, seconds=0.05), Lease(redis_client, key, seconds=60)
    assert one.renew()
    while not two.renew():
        pass
    assert not one.renew() and not one.held


def test_a_holder_that_slept_knows_without_asking(redis_client: redisdb.Client, key: str) -> None:
    clock = Clock()
    lease = Lease(redis_client, key, seconds=10, clock=clock)
    assert lease.renew()
    clock.now = 9.9
    assert lease.held
    clock.now = 10.0
    assert not lease.held


def test_the_time_of_asking_counts_and_not_that_of_the_answer(redis_client: redisdb.Client, key: str) -> None:
    clock = Clock()
    lease = Lease(redis_client, key, seconds=10, clock=clock)
    ask = lease._hold

    def slow(**words: object) -> object:
        clock.now += 4
        return ask(**words)  # type: ignore[arg-type]

    lease._hold = slow  # type: ignore[assignment]
    assert lease.renew()
    clock.now = 10.0
    assert not lease.held


def test_a_wiped_redis_gives_it_to_whoever_asks_first(redis_client: redisdb.Client, key: str) -> None:
    one, two = Lease(redis_client, key, seconds=60), Lease(redis_client, key, seconds=60)
    assert one.renew()
    redis_client.delete(key)
    assert two.renew() and not one.renew()
