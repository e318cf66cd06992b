"""What each replica missed, and who had it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.cli.programs import stands_in
from ops.cli.replicas import report

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLACE = {"venue": "v", "channel": "c", "shard": "0"}


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else START + timedelta(seconds=seconds)


def replica(name: str, start: float | None = 0, stop: float = 100) -> dict[str, Any]:
    return {**PLACE, "replica": name, "heard_from": at(start), "heard_to": at(stop), "last_event_at": None, "fresh": True}


def outage(number: int, name: str, start: float, stop: float | None) -> dict[str, Any]:
    times = {"received_from": at(start), "received_to": at(stop), "event_from": None, "event_to": None}
    return {**PLACE, "outage_id": number, "replica": name, "cause": "disconnected", "detail": "reset", **times}


def told(outages: list[dict[str, Any]], *replicas: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(one["replica"], one["seconds"], one["had_by"], one["unheard_s"]) for one in report(replicas, outages)["outages"]]


def test_what_one_missed_another_had() -> None:
    assert told([outage(1, "a", 10, 12.5)], replica("a"), replica("b")) == [("a", 2.5, ["b"], 0)]


def test_what_both_missed_nobody_had() -> None:
    both = [outage(2, "b", 11, 20), outage(1, "a", 10, 12.5)]
    assert told(both, replica("a"), replica("b")) == [("b", 9, [], 1.5), ("a", 2.5, [], 1.5)]


def test_an_outage_that_lasts_has_no_length_and_may_be_had_by_another() -> None:
    assert told([outage(1, "a", 10, None)], replica("a"), replica("b")) == [("a", None, ["b"], 0)]
    assert told([outage(1, "a", 10, None)], replica("a")) == [("a", None, [], None)]


def test_a_replica_that_never_heard_had_nothing() -> None:
    assert told([outage(1, "a", 10, 12)], replica("a"), replica("b", None)) == [("a", 2, [], 2)]


def test_the_sum_of_each_replica_is_told_and_one_without_a_twin_only_where_it_missed_something() -> None:
    found = report([replica("a"), replica("b")], [outage(2, "a", 20, None), outage(1, "a", 10, 12)])["replicas"]
    assert [(one["replica"], one["outages"], one["missed_s"], one["unheard_s"], one["deaf_now"]) for one in found] == [
        ("a", 2, 2, 0, True),
        ("b", 0, 0, 0, False),
    ]
    assert report([replica("a")], [])["replicas"] == []


@pytest.mark.parametrize(
    ("down", "running", "other"),
    [
        ("streamer-v", {"streamer-v-b", "beat"}, "streamer-v-b"),
        ("streamer-v-b", {"streamer-v", "streamer-w"}, "streamer-v"),
        ("streamer-v", {"streamer-w", "streamer-w-b"}, ""),
        ("worker-writers", {"worker-writers-b"}, ""),
        ("beat", {"beat-b"}, ""),
    ],
)
def test_only_a_replica_of_the_same_venue_stands_in_for_a_streamer(down: str, running: set[str], other: str) -> None:
    assert stands_in(down, running) == other
