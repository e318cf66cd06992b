"""One finds out what many ask for."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ops.console.look import Late, Look

YOUNG = {"young_seconds": 60.0, "old_seconds": 120.0, "patience_seconds": 20.0}


class Asked:
    """Counts, and lets those who ask wait until it may answer."""

    def __init__(self) -> None:
        self.times = 0
        self.may = threading.Event()
        self.fails: Exception | None = None

    def __call__(self) -> int:
        self.times += 1
        assert self.may.wait(20)
        if self.fails is not None:
            raise self.fails
        return self.times


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_who_asks_together_waits_for_one_look(asked: Asked) -> None:
    look = Look(asked, **YOUNG)
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(look.get) for _ in range(8)]
        asked.may.set()
        assert {one.result().value for one in waiting} == {1}
    assert look.get().value == 1 and asked.times == 1, "and while it is young nobody looks again"


def test_what_is_not_young_is_given_at_once_and_made_anew_behind_it(asked: Asked) -> None:
    asked.may.set()
    look = Look(asked, young_seconds=0.0, old_seconds=120.0, patience_seconds=20.0)
    assert look.get().value == 1
    asked.may.clear()
    assert look.get().value == 1, "the second look has not ended"
    asked.may.set()
    while look.get().value == 1:
        pass


def test_what_is_old_is_waited_for(asked: Asked) -> None:
    asked.may.set()
    look = Look(asked, young_seconds=0.0, old_seconds=0.0, patience_seconds=20.0)
    assert [look.get().value for _ in range(3)] == [1, 2, 3]


def test_who_is_not_answered_in_time_is_told_and_no_crowd_of_questions_hangs(asked: Asked) -> None:
    look = Look(asked, young_seconds=0.0, old_seconds=0.0, patience_seconds=0.01)
    for _ in range(5):
        with pytest.raises(Late):
            look.get()
    assert asked.times == 1
    asked.may.set()


def test_a_failure_is_raised_where_it_was_asked_for_and_the_next_look_is_a_new_one(asked: Asked) -> None:
    asked.may.set()
    asked.fails = ValueError("no")
    look = Look(asked, **YOUNG)
    with pytest.raises(ValueError, match="no"):
        look.get()
    asked.fails = None
    assert look.get().value == 2
