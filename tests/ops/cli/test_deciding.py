"""What `./farm up` decides before it starts anything: ports, settings, state, programs."""

import errno
import socket
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

import celeryconfig
from core.private import NotPrivate
from core.settings import SettingsError
from ops.cli import environment, plan, programs, state
from ops.cli.errors import Refused, sentence
from ops.cli.landing import wanted
from ops.cli.plan import Wish
from ops.cli.ports import choose
from ops.cli.state import State
from ops.cli.turn import one_at_a_time
from ops.local.errors import PortInUse, RuntimeUnavailable
from venues import VENUES


# --- ports
def except_for(*taken: int) -> Callable[[int], bool]:
    return lambda port: port not in taken


def test_ports_are_the_defaults_where_they_are_free() -> None:
    told: list[str] = []
    chosen = choose(["postgres", "redis", "flower"], {}, {}, told.append, is_free=except_for())
    assert chosen == {"postgres": 54329, "redis": 63799, "flower": 5555}
    assert told == []


def test_a_taken_port_makes_way_for_the_next_free_one_and_that_is_told() -> None:
    told: list[str] = []
    chosen = choose(["flower"], {}, {}, told.append, is_free=except_for(5555, 5556))
    assert chosen == {"flower": 5557}
    assert told == ["port 5555 is taken by another program, flower uses 5557"]


def test_the_port_of_last_time_is_taken_again() -> None:
    assert choose(["flower"], {}, {"flower": 6000}, print, is_free=except_for()) == {"flower": 6000}


def test_two_names_never_share_a_port() -> None:
    assert choose(["redis", "flower"], {}, {"redis": 7000, "flower": 7000}, print, is_free=except_for()) == {"redis": 7000, "flower": 7001}


def test_a_port_set_by_hand_is_taken_or_refused() -> None:
    assert choose(["redis"], {"FARM_REDIS_PORT": "7777"}, {"redis": 1234}, print, is_free=except_for()) == {"redis": 7777}
    with pytest.raises(Refused, match="FARM_REDIS_PORT"):
        choose(["redis"], {"FARM_REDIS_PORT": "7777"}, {}, print, is_free=except_for(7777))
    for nonsense in ("0", "65536", "http", "-1"):
        with pytest.raises(Refused, match="1 to 65535"):
            choose(["redis"], {"FARM_REDIS_PORT": nonsense}, {}, print)


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert choose(["redis"], {}, {"redis": port}, print)["redis"] > port


def test_no_port_at_all() -> None:
    with pytest.raises(Refused, match="FARM_SANDBOX_PORT"):
        choose(["sandbox"], {}, {}, print, is_free=lambda _: False)


# --- state
def test_state_comes_back_as_it_was_and_is_private(tmp_path: Path) -> None:
    saved = State({"redis": 7000}, ("a", "b"), ("a",), {"REDIS_URL": "redis://:secret@127.0.0.1:7000/0"})
    state.save(tmp_path / "home", saved)
    assert state.load(tmp_path / "home") == saved
    assert (tmp_path / "home" / "state.json").stat().st_mode & 0o777 == 0o600
    assert "secret" not in repr(saved)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"ports": {"redis": "x"}, "venues": [], "sandboxed": [], "environment": {}}',
        '{"ports": {"redis": 99999}, "venues": [], "sandboxed": [], "environment": {}}',
        "\x00",
    ],
)
def test_a_state_that_cannot_be_read_is_put_aside(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    (tmp_path / "state.json").chmod(0o600)
    told: list[str] = []
    assert state.load(tmp_path, told.append) is None
    assert len(told) == 1
    assert (tmp_path / "state.unreadable").read_text() == text
    assert state.load(tmp_path, told.append) is None


# --- settings
def test_files_with_secrets_that_others_may_read_are_refused(tmp_path: Path) -> None:
    state.save(tmp_path, State(environment={"REDIS_URL": "redis://:hidden@127.0.0.1/0"}))
    (tmp_path / ".env").write_text("REDIS_URL=redis://:hidden@127.0.0.1/0\n")
    for name, read in (("state.json", lambda: state.load(tmp_path)), (".env", lambda: environment.given({}, tmp_path / ".env"))):
        (tmp_path / name).chmod(0o640)
        with pytest.raises(NotPrivate) as caught:
            read()
        told = sentence(caught.value)
        assert told is not None
        assert (f"`chmod 600 {tmp_path / name}`" in told[0], "hidden" in told[0], told[1]) == (True, False, 2)


def test_the_environment_goes_before_dotenv(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.touch(mode=0o600)
    dotenv.write_text("# servers\nREDIS_URL=redis://one\nexport LOG_LEVEL='DEBUG'\nKEY_PREFIX = x  # note\nOTHER=1\nBINANCE_WS_URL=\n\n")
    found = environment.given({"REDIS_URL": "redis://two", "PATH": "/bin", "LINGER_MS": ""}, dotenv)
    assert found == {"REDIS_URL": "redis://two", "LOG_LEVEL": "DEBUG", "KEY_PREFIX": "x"}


def test_a_dotenv_that_is_none_says_which_line(tmp_path: Path) -> None:
    (tmp_path / ".env").touch(mode=0o600)
    (tmp_path / ".env").write_text("A=1\nwhat is this\n")
    with pytest.raises(Refused, match="line 2"):
        environment.given({}, tmp_path / ".env")


def test_commands_see_the_farm_as_it_was_started(tmp_path: Path) -> None:
    state.save(tmp_path, State(environment={"REDIS_URL": "redis://farm", "KEY_PREFIX": "a"}))
    _, values = environment.current(tmp_path, {"KEY_PREFIX": "b", "PATH": "/bin"})
    assert values == {"REDIS_URL": "redis://farm", "KEY_PREFIX": "b", "FARM_HOME": str(tmp_path)}


def test_a_farm_that_was_never_started(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="farm up"):
        environment.current(tmp_path, {})
    found = environment.current(tmp_path, {"DATABASE_URL": "postgresql://x/y", "REDIS_URL": "redis://x"})[1]
    assert found == {"DATABASE_URL": "postgresql://x/y", "REDIS_URL": "redis://x", "FARM_HOME": str(tmp_path)}


# --- Flower
def test_flower_is_shown_to_others_behind_a_password_only(tmp_path: Path, given: dict[str, str]) -> None:
    for setting in ({}, {"FLOWER_PASSWORD": ""}, {"FLOWER_PASSWORD": "x,y"}):
        with pytest.raises(Refused, match="FLOWER_PASSWORD"):
            make(tmp_path, given | {"FLOWER_ADDRESS": "0.0.0.0"} | setting)
    made = make(tmp_path, given | {"FLOWER_ADDRESS": "0.0.0.0", "FLOWER_USER": "me", "FLOWER_PASSWORD": "hidden"})
    found = {program.name: program for program in programs.of_farm(made.home, made.state, made.knobs, 0)}
    flower = found.pop("flower")
    assert "--address=0.0.0.0" in flower.argv and flower.env["FLOWER_BASIC_AUTH"] == "me:hidden"
    assert "hidden" not in " ".join(flower.argv)
    assert not [name for name, program in found.items() if "hidden" in str(dict(program.env))], "nobody else needs it"


def test_programs_are_given_no_way_to_be_the_owner(tmp_path: Path, given: dict[str, str]) -> None:
    made = make(
        tmp_path, given | {"DATABASE_OWNER_URL": "postgresql://owner:hidden@db/x", "DATABASE_READER_URL": "postgresql://r:reading@db/x"}
    )
    found = {program.name: dict(program.env) for program in programs.of_farm(made.home, made.state, made.knobs, 0)}
    assert not [name for name, environment in found.items() if "hidden" in str(environment)]
    assert {name for name, environment in found.items() if "reading" in str(environment)} == {"console"}, "it reads, and is no writer"
    assert "dbsecret" not in str(found["console"])
    assert made.knobs.migration_url == "postgresql+psycopg2://owner:hidden@db/x"
    with pytest.raises(Refused, match="DATABASE_URL is not"):
        make(tmp_path, {"DATABASE_OWNER_URL": "postgresql://owner:hidden@db/x", "REDIS_URL": "redis://r"})


def test_another_database_is_not_read_as_the_farms_own(tmp_path: Path) -> None:
    state.save(
        tmp_path, State(environment={"DATABASE_URL": "postgresql://a", "DATABASE_READER_URL": "postgresql://b", "REDIS_URL": "redis://c"})
    )
    assert environment.current(tmp_path, {})[1]["DATABASE_READER_URL"] == "postgresql://b"
    assert "DATABASE_READER_URL" not in environment.current(tmp_path, {"DATABASE_URL": "postgresql://d"})[1]


# --- venues and endpoints
FARM_TOML = '[venues.binance]\nchannels = ["aggTrade"]\n'


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    """Servers of the user's own, so that none is prepared."""
    (tmp_path / "farm.toml").write_text(FARM_TOML)
    return {
        "DATABASE_URL": "postgresql+psycopg2://u:dbsecret@db/x",
        "REDIS_URL": "redis://:redissecret@r/0",
        "FARM_TOML": str(tmp_path / "farm.toml"),
    }


def make(tmp_path: Path, given: dict[str, str], wish: Wish | None = None) -> plan.Plan:
    return plan.make(tmp_path / "home", wish or Wish(), given, None, set(), print)


def test_servers_of_the_users_own_are_used_and_none_is_started(tmp_path: Path, given: dict[str, str]) -> None:
    made = make(tmp_path, given)
    assert made.servers == []
    assert set(made.state.ports) == {"sandbox", "flower", "console", "health"}
    port = made.state.ports["sandbox"]
    assert made.state.environment == {
        **given,
        "BINANCE_WS_URL": f"ws://127.0.0.1:{port}/binance",
        "BINANCE_REST_URL": f"http://127.0.0.1:{port}/binance",
        "FARM_VENUES": "binance",
        "FARM_HOME": str(tmp_path / "home"),
    }
    assert wanted(made.knobs, made.state.venues) == [("binance", "aggTrade")]


@pytest.mark.skipif("deribit" not in VENUES, reason="its folder is deleted")
def test_the_sandbox_plays_a_venues_archive_too(tmp_path: Path, given: dict[str, str]) -> None:
    (tmp_path / "farm.toml").write_text("[venues.deribit]\n")
    made = make(tmp_path, given)
    assert made.state.environment["DERIBIT_ARCHIVE_URL"] == f"http://127.0.0.1:{made.state.ports['sandbox']}/deribit/history"


def test_the_sandbox_has_no_part_in_a_live_farm(tmp_path: Path, given: dict[str, str]) -> None:
    made = make(tmp_path, given, Wish(live=True))
    assert made.state.sandboxed == ()
    assert not [name for name in made.state.environment if name.endswith(("_WS_URL", "_REST_URL", "_ARCHIVE_URL"))]


def test_an_endpoint_of_the_users_own_is_kept(tmp_path: Path, given: dict[str, str]) -> None:
    elsewhere = {"BINANCE_WS_URL": "ws://127.0.0.1:1", "BINANCE_REST_URL": "http://127.0.0.1:1"}
    assert make(tmp_path, given | elsewhere).state.sandboxed == ()
    half = make(tmp_path, given | {"BINANCE_WS_URL": "ws://127.0.0.1:1"})
    assert half.state.sandboxed == ("binance",)
    assert half.state.environment["BINANCE_WS_URL"] == "ws://127.0.0.1:1"


def test_a_sandboxed_venue_that_asks_for_a_key_is_given_one_of_the_sandbox(tmp_path: Path, given: dict[str, str]) -> None:
    Path(given["FARM_TOML"]).write_text("[venues.kalshi]\n")
    key = {"KALSHI_KEY_ID": "sandbox", "KALSHI_PRIVATE_KEY_FILE": str(tmp_path / "home" / "sandbox" / "keys" / "kalshi.pem")}
    made = make(tmp_path, given)
    assert key.items() <= made.state.environment.items() and not made.knobs.lacking("kalshi", ("key_id", "private_key"))
    assert not key.keys() & make(tmp_path, given, Wish(live=True)).state.environment.keys()


@pytest.mark.parametrize(
    ("venues", "toml", "told"),
    [
        (("nowhere",), FARM_TOML, "There is no venue 'nowhere'"),
        (("binance",), "", "does not collect binance"),
        (None, "", "collects no venue"),
    ],
)
def test_venues_that_cannot_be_had(tmp_path: Path, given: dict[str, str], venues: tuple[str, ...] | None, toml: str, told: str) -> None:
    Path(given["FARM_TOML"]).write_text(toml)
    with pytest.raises(Refused, match=told) as refused:
        make(tmp_path, given, Wish(venues=venues))
    assert refused.value.status == 2


def test_a_setting_that_cannot_be_used_stops_before_anything_starts(tmp_path: Path, given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="WRITER_GROUPS"):
        make(tmp_path, given | {"WRITER_GROUPS": "many"})


# --- programs
def test_secrets_stand_in_no_argument(tmp_path: Path, given: dict[str, str]) -> None:
    made = make(tmp_path, given)
    whole = programs.of_farm(tmp_path, made.state, made.knobs, 500)
    for program in whole:
        assert not [word for word in program.argv if "dbsecret" in word or "redissecret" in word], program.name
        assert "dbsecret" not in repr(program)
    all_but_the_database = {name: value for name, value in made.state.environment.items() if name != "DATABASE_URL"}
    for program in whole:
        if program.name not in ("sandbox", "console"):
            streams = program.stage == programs.STREAMERS
            assert program.env == (all_but_the_database if streams else made.state.environment), program.name


def test_the_sandbox_plays_pairs_where_they_are_asked_for(tmp_path: Path, given: dict[str, str]) -> None:
    made = make(tmp_path, given)
    plain, paired = (programs.of_farm(tmp_path, made.state, made.knobs, 500, *pairs)[0] for pairs in ((), (20,)))
    assert plain.name == "sandbox" and "--pairs" not in plain.argv
    assert [*plain.argv, "--pairs", "20"] == list(paired.argv)
    with pytest.raises(Refused, match="two simulated venues"):
        plan.make(tmp_path, Wish(pairs=20), given, None, set(), lambda _: None)


def test_who_is_told_is_known_to_the_watcher_alone(tmp_path: Path, given: dict[str, str]) -> None:
    made = make(tmp_path, given | {"ALERT_URLS": "json://secret@host"})
    whole = programs.of_farm(tmp_path, made.state, made.knobs, 500)
    assert [program.name for program in whole if "ALERT_URLS" in program.env] == ["watcher"]


def test_who_makes_backups_alone_knows_how_to_read_and_to_restore_all(tmp_path: Path, given: dict[str, str]) -> None:
    known = {
        "DATABASE_BACKUP_URL": "postgresql://b:hidden@db/x",
        "DATABASE_DRILL_URL": "postgresql://d:hidden@drill/x",
        "BACKUP_AGE_IDENTITY_FILE": "/k",
    }
    made = make(tmp_path, given | known)
    whole = programs.of_farm(tmp_path, made.state, made.knobs, 500)
    for name in known:
        assert [program.name for program in whole if name in program.env] == ["worker-maintenance"], name


def test_the_watcher_stops_first_then_the_streamers_and_every_queue_has_a_worker(tmp_path: Path, given: dict[str, str]) -> None:
    made = make(tmp_path, given | {"WRITER_GROUPS": "3"})
    whole = {program.name: program for program in programs.of_farm(tmp_path, made.state, made.knobs, 500)}
    last_started = sorted(whole.values(), key=lambda program: program.stage)[-2:]
    assert [program.name for program in last_started] == ["streamer-binance", "watcher"]
    consumed = {
        queue for program in whole.values() if "-Q" in program.argv for queue in program.argv[list(program.argv).index("-Q") + 1].split(",")
    }
    assert consumed == {queue.name for queue in celeryconfig.task_queues}
    writers = list(whole["worker-writers"].argv)
    assert writers[writers.index("-c") + 1] == "3"
    assert "--address=127.0.0.1" in whole["flower"].argv


def test_each_replica_wanted_here_is_a_program_and_the_first_needs_no_name(tmp_path: Path, given: dict[str, str]) -> None:
    made = make(tmp_path, given | {"REPLICAS": "a,b,c", "REPLICAS_HERE": "a,c"})
    whole = programs.of_farm(tmp_path, made.state, made.knobs, 500)
    found = {program.name: list(program.argv[3:]) for program in whole if program.stage == programs.STREAMERS}
    assert found == {"streamer-binance": ["binance"], "streamer-binance-c": ["binance", "--replica", "c"]}


# --- a share of a farm
ELSEWHERE = {"BINANCE_WS_URL": "ws://venue", "BINANCE_REST_URL": "http://venue"}


def test_a_host_of_streamers_needs_redis_alone(tmp_path: Path, given: dict[str, str]) -> None:
    del given["DATABASE_URL"]
    made = make(tmp_path, given | ELSEWHERE | {"PROGRAMS_HERE": "streamers"})
    assert (made.servers, dict(made.state.ports), programs.use_database(made.knobs)) == ([], {}, False)
    assert [program.name for program in programs.of_farm(tmp_path, made.state, made.knobs, 500)] == ["streamer-binance"]


def test_a_host_of_workers_runs_so_many_writers_as_it_is_told(tmp_path: Path, given: dict[str, str]) -> None:
    made = make(tmp_path, given | ELSEWHERE | {"PROGRAMS_HERE": "writers,beat", "WRITER_GROUPS": "4", "WRITERS_HERE": "2"})
    writers, beat = programs.of_farm(tmp_path, made.state, made.knobs, 500)
    assert (writers.name, beat.name) == ("worker-writers", "beat")
    assert writers.argv[list(writers.argv).index("-c") + 1] == "2"
    assert programs.use_database(made.knobs) and not programs.have_whole_path(made.knobs)


@pytest.mark.parametrize(
    ("left_out", "setting", "told"),
    [
        ("REDIS_URL", {"PROGRAMS_HERE": "streamers"}, "set REDIS_URL, where the rest of it is"),
        ("DATABASE_URL", {"PROGRAMS_HERE": "writers"}, "set DATABASE_URL, where the rest of it is"),
        ("BINANCE_WS_URL", {"PROGRAMS_HERE": "streamers,writers"}, "The sandbox plays for one host alone"),
    ],
)
def test_a_share_is_told_where_the_rest_is(
    tmp_path: Path, given: dict[str, str], left_out: str, setting: dict[str, str], told: str
) -> None:
    settings = given | ELSEWHERE | setting
    del settings[left_out]
    with pytest.raises(Refused, match=told) as refused:
        make(tmp_path, settings)
    assert refused.value.status == 2


def test_a_program_that_there_is_none_of_is_refused(tmp_path: Path, given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="PROGRAMS_HERE='streamer' cannot be used: give names of streamers, writers"):
        make(tmp_path, given | {"PROGRAMS_HERE": "streamer"})


def test_one_up_or_down_at_a_time(tmp_path: Path) -> None:
    with one_at_a_time(tmp_path), pytest.raises(Refused, match="at work"), one_at_a_time(tmp_path):
        pass
    with one_at_a_time(tmp_path):
        pass


# --- failures as sentences
@pytest.mark.parametrize(
    ("failure", "told", "status"),
    [
        (Refused("Do this.", status=2), "Do this.", 2),
        (SettingsError("LINGER_MS='x' cannot be used"), "LINGER_MS", 2),
        (PortInUse("Port 1 is in use"), "Port 1", 1),
        (RuntimeUnavailable("This is not Linux."), "docker compose up", 1),
        (psycopg2.OperationalError("connection refused\nIs the server running?"), "(connection refused)", 1),
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full", 1),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x cannot be used", 1),
    ],
)
def test_known_failures_are_one_sentence(failure: Exception, told: str, status: int) -> None:
    found = sentence(failure)
    assert found is not None
    assert told in found[0]
    assert "\n" not in found[0]
    assert found[1] == status


@pytest.mark.parametrize("bug", [KeyError("x"), AssertionError(), OSError(errno.EBADF, "Bad file descriptor")])
def test_a_bug_keeps_its_traceback(bug: Exception) -> None:
    assert sentence(bug) is None
