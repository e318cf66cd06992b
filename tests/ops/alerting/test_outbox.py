"""Notices are sent by a process beside, in order, again while a place does not take them, and not for ever."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ops.alerting import outbox
from ops.alerting.notices import Notice
from ops.alerting.outbox import Outbox
from ops.local.ports import free_port
from tests.ops.alerting.peers import Mailbox
from tests.sandbox.conftest import until

MAIL, NOBODY = "1 (mailto)", "2 (json)"


@pytest.fixture
def box(mails: Mailbox) -> Iterator[Outbox]:
    made = Outbox({"ALERT_URLS": f"{mails.url} json://127.0.0.1:{free_port()}/"})
    yield made
    made.close(0.0)


def notice(number: int) -> Notice:
    return Notice(f"number {number}", "text", "warning")


def turned(box: Outbox, now: Callable[[], float], true: Callable[[], Any]) -> None:
    def turn() -> Any:
        box.turn(now())
        return true()

    until(turn, 30)


def test_what_is_taken_leaves_the_box(box: Outbox, mails: Mailbox) -> None:
    box.add(notice(1), [MAIL], 0.0)
    turned(box, lambda: 0.0, lambda: not box.waiting)
    assert [subject for subject, _ in mails.mails] == ["number 1"]
    assert box.trouble == {}


def test_only_a_place_that_failed_is_tried_again_and_later(box: Outbox, mails: Mailbox) -> None:
    box.add(notice(1), [MAIL, NOBODY], 100.0)
    turned(box, lambda: 100.0, lambda: box.waiting and box.waiting[0].attempts == 1)
    (left,) = box.waiting
    assert (left.places, left.due) == ((NOBODY,), 100.0 + outbox.FIRST_PAUSE)
    assert list(box.trouble) == [NOBODY] and "Errno 111" in box.trouble[NOBODY]
    box.turn(100.1)
    assert box.waiting[0].attempts == 1
    turned(box, lambda: 100.0 + outbox.FIRST_PAUSE, lambda: box.waiting[0].attempts == 2)
    assert len(mails.mails) == 1


def test_a_place_gets_its_notices_in_order(box: Outbox, mails: Mailbox) -> None:
    mails.refuses = "451 later"
    box.add(notice(1), [MAIL], 0.0)
    box.add(notice(2), [MAIL], 0.0)
    turned(box, lambda: 0.0, lambda: box.waiting[0].attempts == 1)
    mails.refuses = ""
    box.turn(1.0)
    assert not mails.mails, "the second does not overtake the first"
    turned(box, lambda: 10.0, lambda: not box.waiting)
    assert [subject for subject, _ in mails.mails] == ["number 1", "number 2"]


def test_nothing_waits_longer_than_a_day_or_behind_too_many(box: Outbox) -> None:
    for number in range(outbox.MOST + 2):
        box.add(notice(number), [NOBODY], 0.0)
    assert (len(box.waiting), box.given_up, box.waiting[0].notice.title) == (outbox.MOST, 2, "number 2")
    box.turn(outbox.GIVE_UP_SECONDS + 1)
    assert (len(box.waiting), box.given_up) == (0, outbox.MOST + 2)


def test_a_process_that_hangs_is_ended(box: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "CHILD_SECONDS", 0.0)
    monkeypatch.setattr(outbox, "LAST_SECONDS", 0.0)
    box.add(notice(1), [MAIL], 0.0)
    box.turn(0.0)
    began = time.monotonic()
    box.turn(0.0)
    assert time.monotonic() - began < 2
    assert (box.waiting[0].attempts, box.trouble) == (1, {MAIL: "no end after 0 s"})


def test_without_a_place_nothing_waits(box: Outbox) -> None:
    box.add(notice(1), [], 0.0)
    assert not box.waiting


def test_what_waits_can_be_written_down() -> None:
    waiting = [outbox.Waiting(notice(1), (MAIL,), 1.0, 2.0, 3)]
    assert outbox.loaded(outbox.dumped(waiting)) == waiting
