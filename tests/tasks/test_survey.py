"""When a silent stream is a reason to call the farm unwell."""

import dataclasses
import time
from typing import Any

import pytest

from core import journal as journals
from core import redisdb
from core.board import Board
from core.journal import Journal, StreamName
from core.settings import Collect, Settings
from core.venue import Channel
from db.backups import facts
from tasks import survey
from venues import VENUES

NAME, FIRST, IDLE = "tiny", 30.0, 60.0


@pytest.fixture
def surveyed(farm: Settings, journal: Journal, board: Board, monkeypatch: pytest.MonkeyPatch) -> Any:
    """(seconds since the slot was made, seconds since its last frame) -> the reasons of a survey."""
    (model, *_) = VENUES.values()
    channel = Channel("rare", "", 50, first_frame_seconds=FIRST, idle_seconds=IDLE)
    monkeypatch.setitem(VENUES, NAME, dataclasses.replace(model, name=NAME, channels=(channel,)))
    knobs = dataclasses.replace(farm, collect={NAME: Collect()})

    def ask(since: float, data_age: float | None) -> list[str]:
        now = time.time()
        stream = {"channel": "rare", "shard": "0", "since_us": (now - since) * 1e6}
        board.report(f"streamer:{NAME}:0:a", {"streams": [{**stream, "last_data_us": 0 if data_age is None else (now - data_age) * 1e6}]})
        reasons: list[str] = survey.survey(knobs, board, journal)["reasons"]
        return reasons

    return ask


@pytest.mark.parametrize(
    ("since", "data_age", "says"),
    [
        pytest.param(5, None, "", id="it may yet speak"),
        pytest.param(50, None, "no data ever, for 50 s (allowed 30 s)", id="it should have spoken"),
        pytest.param(500, 50, "", id="a pause"),
        pytest.param(500, 70, "no data for 70 s (allowed 60 s)", id="too long a pause"),
    ],
)
def test_silence_is_judged_by_what_the_channel_allows(surveyed: Any, since: float, data_age: float | None, says: str) -> None:
    name = StreamName(NAME, "rare", "0", "a")
    assert surveyed(since, data_age) == ([f"{name}: {says}"] if says else [])


def test_a_stream_that_nobody_writes_is_a_reason_however_little_waits(surveyed: Any, redis_client: redisdb.Client, key_prefix: str) -> None:
    name = StreamName(NAME, "rare", "0", "a")
    redis_client.sadd(f"{key_prefix}:journals", str(name))
    redis_client.xadd(f"{key_prefix}:journal:{name}", {"x": "y"}, id=f"{int(time.time() - survey.WAITING_SECONDS - 10) * 1000}-0")
    (reason,) = surveyed(5, 1)
    assert reason.startswith(f"{name}: nothing is written, the oldest of 1 journal entries waits since")


@pytest.mark.parametrize(
    ("logins", "lacking"),
    [
        pytest.param({}, "TINY_KEY_ID and TINY_PRIVATE_KEY_FILE", id="no login"),
        pytest.param({"TINY_KEY_ID": "k"}, "TINY_PRIVATE_KEY_FILE", id="half of one"),
    ],
)
def test_a_venue_that_lets_in_nobody_without_a_login_is_named(
    farm: Settings, journal: Journal, board: Board, monkeypatch: pytest.MonkeyPatch, logins: dict[str, str], lacking: str
) -> None:
    (model, *_) = VENUES.values()
    channel = Channel("rare", "", 50, first_frame_seconds=FIRST, idle_seconds=IDLE)
    monkeypatch.setitem(VENUES, NAME, dataclasses.replace(model, name=NAME, channels=(channel,), login=("key_id", "private_key")))
    knobs = dataclasses.replace(farm, collect={NAME: Collect()}, logins=logins)
    reasons = [reason for reason in survey.survey(knobs, board, journal)["reasons"] if reason.startswith(NAME)]
    assert reasons == [f"{NAME}: {lacking} not set, so no socket is opened and only what REST tells is recorded"]
    able = dataclasses.replace(knobs, logins={"TINY_KEY_ID": "k", "TINY_PRIVATE_KEY_FILE": "f"})
    assert f"{NAME}:rare: nothing has arrived yet" in survey.survey(able, board, journal)["reasons"]


# --- replicas -------------------------------------------------------------------------------------------------------------
@pytest.fixture
def replicas(farm: Settings, journal: Journal, board: Board, monkeypatch: pytest.MonkeyPatch) -> Any:
    """(replicas wanted, seconds since the last frame of each that speaks) -> (reasons, notices) of a survey."""
    (model, *_) = VENUES.values()
    channel = Channel("rare", "", 50, first_frame_seconds=FIRST, idle_seconds=IDLE)
    monkeypatch.setitem(VENUES, NAME, dataclasses.replace(model, name=NAME, channels=(channel,)))

    def ask(wanted: str, known: str, **ages: float) -> tuple[list[str], list[str]]:
        now = time.time()
        journal.append([(StreamName(NAME, "rare", "0", name), journals.event_fields("heartbeat", name, 1, 1)) for name in known])
        for name, age in ages.items():
            stream = {"channel": "rare", "shard": "0", "since_us": (now - 500) * 1e6, "last_data_us": (now - age) * 1e6}
            board.report(f"streamer:{NAME}:0:{name}", {"streams": [stream]})
        found = survey.survey(dataclasses.replace(farm, collect={NAME: Collect()}, replicas=wanted), board, journal)
        return found["reasons"], found["notices"]

    return ask


COVERED = "replica b records it, nothing is lost"


@pytest.mark.parametrize(
    ("wanted", "known", "ages", "reasons", "notices"),
    [
        pytest.param("a,b", "ab", {"a": 1, "b": 1}, [], [], id="both live"),
        pytest.param("a,b", "ab", {"b": 1}, [], [f"a: no streamer reports it; {COVERED}"], id="one is down"),
        pytest.param("a,b", "ab", {"a": 70, "b": 1}, [], [f"a: no data for 70 s (allowed 60 s); {COVERED}"], id="one is silent"),
        pytest.param("a,b", "ab", {"a": 70}, ["a: no data for 70 s (allowed 60 s)", "b: no streamer reports it"], [], id="none records"),
        pytest.param("a,b", "b", {"b": 1}, [], ["replica a has not brought anything yet"], id="one never began"),
        pytest.param("b", "ab", {"b": 1}, [], [], id="one is not wanted any more"),
        pytest.param("a", "ab", {"a": 1, "b": 1}, [], [], id="one more than this host knows of"),
    ],
)
def test_one_replica_that_is_down_is_said_and_does_not_make_the_farm_unwell(
    replicas: Any, wanted: str, known: str, ages: dict[str, float], reasons: list[str], notices: list[str]
) -> None:
    place = f"{NAME}:rare:0:"
    found = tuple([text.removeprefix(place).strip() for text in texts] for texts in replicas(wanted, known, **ages))
    assert found == (reasons, notices)


def test_a_backup_that_failed_is_said_and_does_not_make_the_farm_unwell(farm: Settings, journal: Journal, board: Board) -> None:
    knobs = dataclasses.replace(farm, collect={})
    facts.look(knobs, 1000.0)
    facts.failed(knobs, "daily", "There is no pg_dump here.")
    facts.failed(knobs, "proof", "no key")
    found = survey.survey(knobs, board, journal)
    assert found["notices"] == ["the last daily backup failed: There is no pg_dump here.", "the last drill failed: no key"]
    assert found["reasons"] == [] and found["backups"]["hourly"]["at"] == 1000.0
