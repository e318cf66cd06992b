"""ops/systemd: every unit is valid and confined, runs what `./farm` would run, sees no secret beyond its work, and is told to systemd by a pulse."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import celeryconfig
from core import pulse, settings
from core.settings import ROOT, Settings
from ops.cli import programs, units
from ops.cli.state import State
from ops.deploy.host import units_of
from ops.report.components import components
from tests.debian_root import MAKING_SECONDS, debian_root
from venues import VENUES

FOLDER = ROOT / "ops" / "systemd"
QUEUES = sorted(celeryconfig.QUEUES)
INSTANCES = [
    *(f"tapefarm-streamer@{venue}-{replica}.service" for venue in sorted(VENUES) for replica in ("a", "b", programs.STAND_IN)),
    *(f"tapefarm-worker@{queue}.service" for queue in QUEUES),
    *(f"tapefarm-{name}.service" for name in ("beat", "flower", "console", "watcher")),
]
#: systemd's own scale from 0 (confined) to 10 (free); a service without any of these settings has 9.6.
MOST_EXPOSED = 2.0
#: What a unit is to see of that which programs are not given (ops/cli/programs.py), as in ops/cli/programs.py.
GIVEN = {
    "worker@maintenance": {"DATABASE_BACKUP_URL", "DATABASE_DRILL_URL", "BACKUP_AGE_IDENTITY_FILE", "S3_KEY_ID", "S3_SECRET_KEY"},
    "watcher": {"ALERT_URLS"},
    "flower": {"FLOWER_PASSWORD"},
    "console": {"CONSOLE_PASSWORD"},
}
#: Programs with a pulse, and the silence that `./farm up` allows them.
SILENT = {"streamer@binance-a": 30, "worker@writers": 90, "beat": 120, "watcher": 120}


@pytest.fixture(scope="module")
def analyze(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """systemd-analyze with our units in a folder of their own, as they are but for the place of the code; that of a Debian where the
    host has none."""
    folder = tmp_path_factory.mktemp("systemd")
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)

    def run(*words: str) -> str:
        names = [str(folder / word) if word.endswith((".service", ".target")) else word for word in words]
        done = subprocess.run(
            ["systemd-analyze", *names],
            env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_COLORS": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr + (f"\nstatus {done.returncode}" if done.returncode else "")

    if shutil.which("systemd-analyze"):
        for path in folder.rglob("tapefarm*"):
            if path.is_file():
                path.write_text(path.read_text().replace("/opt/tapefarm/current", str(ROOT)))
        yield run
        return
    with debian_root(include=("systemd",)) as system:
        shutil.copytree(ROOT / "ops/systemd", system.path / "opt/tapefarm/current/ops/systemd")
        shutil.copytree(FOLDER, system.path / "units")
        yield (
            lambda *words: (
                system.run(
                    "systemd-analyze", *words, folder="/units", env={"SYSTEMD_UNIT_PATH": "/units:", "SYSTEMD_COLORS": "0"}, check=False
                ).stdout
            )
        )


@pytest.mark.timeout(MAKING_SECONDS + 120)
def test_systemd_takes_every_unit(analyze: Callable[..., str]) -> None:
    assert analyze("verify", "tapefarm.target", *INSTANCES) == ""


@pytest.mark.timeout(MAKING_SECONDS + 120)
def test_systemd_finds_every_unit_confined(analyze: Callable[..., str]) -> None:
    for name in ("tapefarm-streamer@.service", "tapefarm-worker@.service", *INSTANCES[-4:]):
        said = analyze("security", "--offline=true", "--no-pager", name)
        exposed = re.search(r"Overall exposure level for \S+ ([\d.]+)", said)
        assert exposed, said
        assert float(exposed[1]) <= MOST_EXPOSED, said


def settings_of(instance: str) -> dict[str, list[str]]:
    """As systemd reads them: a unit, then drop-ins for all of its prefix and for itself by file name; an empty value takes back those before."""
    unit = FOLDER / f"tapefarm-{re.sub('@.*', '@', instance)}.service"
    drop_ins = [*FOLDER.glob("tapefarm-.service.d/*"), *FOLDER.glob(f"tapefarm-{instance}.service.d/*")]
    found: dict[str, list[str]] = {}
    for path in [unit, *sorted(drop_ins, key=lambda path: path.name)]:
        for line in path.read_text().splitlines():
            if match := re.fullmatch(r"([A-Za-z]+)=(.*)", line):
                found[match[1]] = [*found.get(match[1], []), match[2]] if match[2] else []
    return found


@pytest.mark.parametrize(
    "instance", ["streamer@binance-a", *(f"worker@{queue}" for queue in QUEUES), "beat", "flower", "console", "watcher"]
)
def test_a_program_sees_no_secret_beyond_its_work(instance: str) -> None:
    unset = {name for line in settings_of(instance)["UnsetEnvironment"] for name in line.split()}
    assert unset == set(programs._WITHHELD) - GIVEN.get(instance, set())


@pytest.mark.parametrize(
    "instance", ["streamer@binance-a", *(f"worker@{queue}" for queue in QUEUES), "beat", "flower", "console", "watcher"]
)
def test_what_ends_or_is_stuck_is_started_again(instance: str) -> None:
    settings = settings_of(instance)
    assert (settings["Restart"], settings["StartLimitIntervalSec"]) == (["always"], ["0"])
    assert settings["MemoryMax"], "the kernel bounds it"
    assert settings["Type"] == (["notify"] if instance.startswith(("streamer", "worker", "beat", "watcher")) else ["exec"])
    assert ("WatchdogSec" in settings) == (settings["Type"] == ["notify"])


def test_systemd_is_as_patient_as_our_own_supervisor() -> None:
    knobs, state = Settings(), State(venues=["binance"], ports={"flower": 1, "console": 2, "health": 3}, environment={})
    ours = {program.name: program for program in programs.of_farm(Path(), state, knobs, 0.0)}
    for instance, seconds in SILENT.items():
        name = {"streamer@binance-a": "streamer-binance", "worker@writers": "worker-writers"}.get(instance, instance)
        assert settings_of(instance)["WatchdogSec"] == [f"{seconds}s"]
        assert ours[name].silent_seconds == seconds
        stop = int(settings_of(instance)["TimeoutStopSec"][-1].removesuffix("s"))
        assert stop > ours[name].stop_seconds, "it is killed only behind its own end"


@pytest.fixture
def started(tmp_path: Path) -> Callable[..., list[str]]:
    """What `start` runs for a role, read off a Python that says its arguments."""
    place = tmp_path / "release"
    (place / "ops/systemd").mkdir(parents=True)
    (place / ".venv/bin").mkdir(parents=True)
    shutil.copy(FOLDER / "start", place / "ops/systemd/start")
    python = place / ".venv/bin/python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$PWD" "${FLOWER_BASIC_AUTH-}${FARM_CONSOLE_PORTS-}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "current").symlink_to(place)

    def start(*words: str, **environ: str) -> list[str]:
        argv = [tmp_path / "current/ops/systemd/start", *words]
        done = subprocess.run(argv, env={"PATH": os.environ["PATH"], **environ}, capture_output=True, text=True, check=True)
        where, *said = done.stdout.splitlines()
        assert where == str(place), "the release itself, not the link that the next one turns"
        return said

    return start


def test_a_unit_runs_what_the_farm_would_run(started: Callable[..., list[str]]) -> None:
    knobs = replace(Settings(), flower_password="secret")
    state = State(venues=["binance"], ports={"flower": 5555, "console": 8000, "health": 8080}, environment={})
    ours = {program.name: list(program.argv[1:]) for program in programs.of_farm(Path(), state, knobs, 0.0)}
    # Replica a is what is run where none is named.
    assert started("streamer", "binance-a")[1:] == [*ours["streamer-binance"], "--replica", "a"]
    assert started("streamer", "deribit-b")[1:] == ["-m", "streamers", "deribit", "--replica", "b"]
    assert started("beat")[1:] == ours["beat"]
    assert started("watcher")[1:] == ours["watcher"]
    assert started("flower", FLOWER_PASSWORD="secret") == ["farm:secret", *ours["flower"]]
    assert started("console") == ["8000,8080", *ours["console"]]
    whole = ours["worker-writers"]
    assert started("worker", "writers", WRITER_GROUPS=str(knobs.writer_groups))[1:] == whole
    for queue in QUEUES:
        argv = started("worker", queue)[1:]
        assert argv[argv.index("-Q") + 1] == queue
        assert argv[argv.index("-E") :] == whole[whole.index("-E") :]


def test_a_host_with_a_share_of_the_farm_runs_that_share(started: Callable[..., list[str]]) -> None:
    collect = settings.load({}).collect
    assert units_of(Settings(programs_here="streamers", replicas="a,b", replicas_here="b", collect=collect)) == [
        "tapefarm-streamer@binance-b.service"
    ]
    assert units_of(Settings(programs_here="writers,collectors,watcher", collect=collect)) == [
        *(f"tapefarm-worker@{queue}.service" for queue in ("metadata", "paper", "snapshots", "writers")),
        "tapefarm-watcher.service",
    ]
    words = started("worker", "writers", WRITER_GROUPS="6", WRITERS_HERE="3")
    assert words[words.index("-c") + 1] == "3"


def test_an_unknown_role_ends_with_a_sentence() -> None:
    done = subprocess.run([FOLDER / "start", "broom"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "start: broom is no program of the farm\n")


def test_a_pulse_tells_systemd_at_both_kinds_of_address(tmp_path: Path) -> None:
    abstract = f"tapefarm-test-{os.getpid()}-{tmp_path.name}"
    for address, bound in ((str(tmp_path / "notify"), str(tmp_path / "notify")), (f"@{abstract}", f"\0{abstract}")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(bound)
            systemd.settimeout(5)
            ours = pulse.Pulse(None, address)
            ours.beat()
            assert systemd.recv(100) == b"READY=1\nWATCHDOG=1"
            ours.beat()
            systemd.setblocking(False)
            with pytest.raises(BlockingIOError):
                systemd.recv(100)
    pulse.Pulse(None, str(tmp_path / "nobody")).beat()


def test_a_streamer_is_ready_when_it_turns_and_goes_on_telling(tmp_path: Path, redis_url: str, key_prefix: str) -> None:
    """With no instruments yet: what is ready is the program, whatever a venue says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        environ = {**os.environ, "REDIS_URL": redis_url, "KEY_PREFIX": key_prefix, "FARM_HOME": str(tmp_path / "home")}
        environ |= {pulse.SYSTEMD: str(tmp_path / "notify"), "BINANCE_WS_URL": "ws://127.0.0.1:9", "BINANCE_REST_URL": "http://127.0.0.1:9"}
        with subprocess.Popen([sys.executable, "-m", "streamers", "binance"], cwd=ROOT, env=environ, stderr=subprocess.DEVNULL) as streamer:
            try:
                assert [systemd.recv(100) for _ in range(2)] == [b"READY=1\nWATCHDOG=1"] * 2
            finally:
                streamer.terminate()


def test_programs_are_told_of_by_systemd_where_it_runs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As systemd 252 writes it."""
    (tmp_path / "systemctl").write_text(
        """#!/bin/sh
case $* in
*Wants*) echo 'tapefarm-beat.service tapefarm-streamer@binance-a.service tapefarm-streamer@binance-b.service network-online.target' ;;
*) cat <<'END'
Id=tapefarm-beat.service
ActiveState=activating
SubState=auto-restart
MainPID=0
NRestarts=7
ActiveEnterTimestamp=

Id=tapefarm-streamer@binance-a.service
ActiveState=failed
SubState=failed
MainPID=0
NRestarts=0
ActiveEnterTimestamp=@1795400000

Id=tapefarm-streamer@binance-b.service
ActiveState=active
SubState=running
MainPID=812
NRestarts=1
ActiveEnterTimestamp=@1795400000
END
;;
esac
"""
    )
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv(units.TARGET, "tapefarm.target")
    rows, reasons, notices = components(tmp_path, None)
    assert [(row["name"], row["state"], row["pid"], row["restarts"], row["since"]) for row in rows] == [
        ("beat", "down", None, 7, None),
        ("streamer-binance", "down", None, 0, None),
        ("streamer-binance-b", "running", 812, 1, 1_795_400_000.0),
    ]
    assert reasons == ["beat is down (activating, auto-restart): `journalctl -u` its unit shows what it says"]
    assert "meanwhile streamer-binance-b records the same" in notices[0]


def test_a_systemd_that_does_not_say_is_a_reason_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv(units.TARGET, "tapefarm.target")
    assert components(tmp_path, None) == ([], ["systemd does not say which programs run: Failed to connect to bus"], [])
