"""The schedule, the routes and the tasks: names are strings there, so their agreement is a test."""

import inspect
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml
from celery.app.defaults import NAMESPACES, flatten
from celery.schedules import crontab

import celeryconfig
import tasks
from core.settings import ROOT, load
from db import engine
from ops.cli import programs
from tasks import beat, resources
from venues import VENUES

QUEUES = {queue.name for queue in celeryconfig.task_queues}
SCHEDULE: dict[str, dict[str, Any]] = celeryconfig.beat_schedule


@pytest.fixture(scope="module")
def registered() -> dict[str, Any]:
    """name -> task, of our own tasks, as a worker loads them."""
    tasks.app.loader.import_default_modules()
    return {name: task for name, task in tasks.app.tasks.items() if not name.startswith("celery.")}


def period(entry: dict[str, Any]) -> float:
    """Seconds between two rings, the shortest of a day where they have times of their own."""
    schedule = entry["schedule"]
    if not isinstance(schedule, crontab):
        return float(schedule)
    minutes = sorted(60 * hour + minute for hour in schedule.hour for minute in schedule.minute)
    return 60.0 * min(later - one for one, later in zip(minutes, [*minutes[1:], minutes[0] + 1440], strict=True))


def queue_of(name: str, options: dict[str, Any]) -> str:
    if "queue" in options:
        return str(options["queue"])
    return next(
        (route["queue"] for pattern, route in celeryconfig.task_routes.items() if fnmatch(name, pattern)), celeryconfig.task_default_queue
    )


@pytest.mark.parametrize("entry", SCHEDULE.values(), ids=SCHEDULE)
def test_an_entry_names_a_task_that_takes_its_arguments(entry: dict[str, Any], registered: dict[str, Any]) -> None:
    assert entry["task"] in registered
    inspect.signature(registered[entry["task"]].run).bind(*entry["args"])
    assert queue_of(entry["task"], entry["options"]) in QUEUES


@pytest.mark.parametrize("entry", SCHEDULE.values(), ids=SCHEDULE)
def test_a_message_nobody_took_expires(entry: dict[str, Any]) -> None:
    assert 0 < entry["options"]["expires"] <= max(2.0, period(entry)), "else messages heap up while a worker is away"


def test_a_tasks_name_is_its_place(registered: dict[str, Any]) -> None:
    assert {name: f"{task.run.__module__}.{task.run.__name__}" for name, task in registered.items()} == {name: name for name in registered}


def test_every_task_is_routed_and_every_route_leads_somewhere(registered: dict[str, Any]) -> None:
    patterns = set(celeryconfig.task_routes)
    assert [name for name in registered if not any(fnmatch(name, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fnmatch(name, pattern) for name in registered)] == []
    assert {route["queue"] for route in celeryconfig.task_routes.values()} <= QUEUES


def test_every_module_with_a_task_is_imported(registered: dict[str, Any]) -> None:
    assert {task.run.__module__ for task in registered.values()} <= set(celeryconfig.imports)


def test_every_queue_has_a_canary() -> None:
    canaries = {entry["args"][0]: entry["options"]["queue"] for entry in SCHEDULE.values() if entry["task"] == "tasks.health.canary"}
    assert canaries == {name: name for name in QUEUES}


def test_every_group_is_rung() -> None:
    groups = sorted(entry["args"][0] for entry in SCHEDULE.values() if entry["task"] == "tasks.writers.drain")
    assert groups == list(range(len(groups))) and groups


def test_every_poll_of_a_collected_venue_is_scheduled() -> None:
    polls = {tuple(entry["args"]) for entry in SCHEDULE.values() if entry["task"].endswith(".poll")}
    farm = load()
    logins = {name: not farm.lacking(name, VENUES[name].login) for name in farm.collect}
    wanted = [(name, poll) for name, login in logins.items() for poll in VENUES[name].polls if poll.login in (None, login)]
    assert polls == {(name, poll.name) for name, poll in wanted if poll.every_seconds is not None}


def test_a_poll_goes_to_the_queue_it_asks_for() -> None:
    for entry in SCHEDULE.values():
        if entry["task"].endswith(".poll"):
            venue, name = entry["args"]
            assert queue_of(entry["task"], entry["options"]) == VENUES[venue].poll(name).queue


# --- times that depend on each other --------------------------------------------------------------------------------------
def limits(registered: dict[str, Any]) -> dict[str, tuple[float, float]]:
    config = tasks.app.conf
    return {
        name: (task.soft_time_limit or config.task_soft_time_limit, task.time_limit or config.task_time_limit)
        for name, task in registered.items()
    }


def test_every_task_ends_before_its_message_is_repeated(registered: dict[str, Any]) -> None:
    visible = celeryconfig.broker_transport_options["visibility_timeout"]
    for name, (soft, hard) in limits(registered).items():
        assert 0 < soft < hard < visible, name  # type: ignore[operator]


def test_a_worker_that_is_stopped_has_the_time_it_asks_for() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    workers = [service for name, service in compose.items() if name.startswith("worker-")]
    patience = min(programs.WORKER_STOP_SECONDS, *(float(service["stop_grace_period"].removesuffix("s")) for service in workers))
    assert 0 < celeryconfig.worker_soft_shutdown_timeout < patience


def test_a_beat_renews_its_lease_long_before_it_ends_and_is_replaced_within_a_canarys_minute() -> None:
    slowest = beat.RENEW_SECONDS + resources.BEAT_TIMEOUT_SECONDS + celeryconfig.beat_max_loop_interval
    assert slowest < beat.LEASE_SECONDS
    canary = min(entry["schedule"] for entry in SCHEDULE.values() if entry["task"] == "tasks.health.canary")
    assert canary > beat.LEASE_SECONDS + beat.LOOK_SECONDS


def test_a_turn_and_a_commit_behind_it_fit_into_the_limits_of_a_drain(registered: dict[str, Any]) -> None:
    turn = celeryconfig._farm.writer_turn_seconds
    soft, hard = limits(registered)["tasks.writers.drain"]
    assert turn + engine.STATEMENT_TIMEOUT_SECONDS + engine.LOCK_TIMEOUT_SECONDS < soft < hard < celeryconfig.task_time_limit


def test_beat_wakes_often_enough_for_every_entry() -> None:
    assert celeryconfig.beat_max_loop_interval <= 5
    assert min(period(entry) for entry in SCHEDULE.values()) >= 1


def test_a_half_open_socket_is_noticed() -> None:
    options = celeryconfig.broker_transport_options
    assert options["socket_timeout"] is not None and options["socket_keepalive"] and options["health_check_interval"]


def test_nothing_but_json_and_no_results() -> None:
    assert celeryconfig.accept_content == ["json"] and celeryconfig.task_serializer == "json"
    assert celeryconfig.task_ignore_result is True
    assert celeryconfig.task_create_missing_queues is False


def test_every_name_is_one_that_celery_knows() -> None:
    known = {name for name, _ in flatten(NAMESPACES)}
    ours = {
        name
        for name in vars(celeryconfig)
        if name.islower() and not name.startswith("_") and not inspect.ismodule(getattr(celeryconfig, name))
    }
    assert ours <= known, "Celery would ignore it in silence"
