"""ops.docker.secrets: passwords are made once, kept, handed to one group each, and told nobody else."""

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from core import redisdb, settings
from ops.docker import secrets
from ops.docker.secrets import FILES, GROUPS, LOGINS, MADE, main, make

#: Of whoever runs the tests: another group is given by root, or by who is in it.
OURS = dict.fromkeys(GROUPS, os.getegid())
AWKWARD = "a b@c:d/e?f#g%h\"i\\j'kä"


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_what_is_not_given_is_made_once_and_stays(tmp_path: Path) -> None:
    assert set(make(tmp_path, {}, OURS)) == set(MADE)
    first = contents(tmp_path)
    assert set(first) == set(FILES)
    assert len({first[name.lower()] for name in MADE}) == len(MADE), "no two are alike"
    assert all(re.fullmatch("[0-9a-f]{40}", first[name.lower()]) for name in MADE)
    assert make(tmp_path, {}, OURS) == []
    assert contents(tmp_path) == first


def test_what_is_given_is_taken_and_stays_when_it_is_given_no_longer(tmp_path: Path) -> None:
    make(tmp_path, {}, OURS)
    assert make(tmp_path, {"REDIS_PASSWORD": "mine", "ALERT_URLS": "json://there"}, OURS) == []
    assert contents(tmp_path)["redis_password"] == "mine" and "mine" in contents(tmp_path)["redis_url"]
    make(tmp_path, {"REDIS_PASSWORD": "", "ALERT_URLS": ""}, OURS)
    assert contents(tmp_path)["redis_password"] == "mine", "a server may know it already"
    assert contents(tmp_path)["alert_urls"] == "", "who is told no longer is told no longer"


def test_any_password_is_read_back_from_its_url(tmp_path: Path) -> None:
    make(tmp_path, dict.fromkeys(MADE, AWKWARD), OURS)
    found = contents(tmp_path)
    for name in (name for name in found if name.endswith("_url") and name != "alertmanager_webhook_url"):
        variable = {"database_console_url": "DATABASE_URL"}.get(name, name.upper())
        knobs = settings.load({f"{variable}_FILE": str(tmp_path / name)})
        assert make_url(getattr(knobs, variable.lower())).password == AWKWARD, name


@pytest.mark.usefixtures("redis_url")  # the programs are there once one of them has run
def test_redis_takes_any_password_by_its_file(tmp_path: Path) -> None:
    """By a real server, which listens on a socket in this folder only."""
    program = settings.ROOT / ".farm/runtime/usr/bin/redis-server"
    if not program.exists():
        pytest.skip("no Redis of our own: REDIS_URL_TEST names another")
    make(tmp_path, {"REDIS_PASSWORD": AWKWARD}, OURS)
    argv = [program, tmp_path / "redis.conf", "--port", "0", "--unixsocket", tmp_path / "socket", "--save", "", "--dir", tmp_path]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server, _killed(server):
        assert server.stdout is not None
        assert any("ready to accept connections" in line.lower() for line in iter(server.stdout.readline, ""))
        with redisdb.redis.Redis(unix_socket_path=str(tmp_path / "socket"), password=AWKWARD) as client:
            assert client.ping()
        with (
            redisdb.redis.Redis(unix_socket_path=str(tmp_path / "socket")) as nobody,
            pytest.raises(redisdb.RedisError, match="authenticat"),
        ):
            nobody.ping()
        assert AWKWARD not in Path(f"/proc/{server.pid}/cmdline").read_text(encoding="utf-8")


@contextmanager
def _killed(server: "subprocess.Popen[str]") -> Iterator[None]:
    try:
        yield
    finally:
        server.kill()


def test_a_file_is_for_its_group_and_for_nobody_else(tmp_path: Path) -> None:
    make(tmp_path, {}, OURS)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o440, path.name


@pytest.mark.skipif(os.geteuid() != 0, reason="other groups are given by root alone")
def test_each_file_opens_to_the_group_of_its_readers(tmp_path: Path) -> None:
    make(tmp_path, {})
    assert {path.name: path.stat().st_gid for path in tmp_path.iterdir()} == {name: GROUPS[group] for name, group in FILES.items()}
    tmp_path.chmod(0o755)
    # As docker-compose.yml puts a worker into its groups: it reads its own, and not those of others.
    script = "import sys; print(''.join(str(int(__import__('os').access(name, 4))) for name in sys.argv[1:]))"
    names = ["database_url", "redis_url", "broker_url", "database_owner_url", "flower_password", "database_backup_url"]
    argv = ["setpriv", "--reuid=10001", "--regid=10001", "--groups=10102,10107,10108", "/usr/bin/python3", "-c", script]
    done = subprocess.run([*argv, *(tmp_path / name for name in names)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "111000"


@pytest.mark.skipif(os.geteuid() != 0, reason="other groups are given by root alone")
def test_it_needs_no_root_to_hand_files_to_groups_that_it_is_in(tmp_path: Path) -> None:
    """The container has no capability, and its user is in all groups."""
    os.chown(tmp_path, 10002, 10002)
    tmp_path.chmod(0o755)
    gids = ",".join(map(str, GROUPS.values()))
    script = "import os, sys; from ops.docker.secrets import main, Path; sys.exit(main(['make'], Path(sys.argv[1]), {}))"
    argv = ["setpriv", "--reuid=10002", "--regid=10002", f"--groups={gids}", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    python = ["/usr/bin/env", f"PYTHONPATH={':'.join(_readable())}", "/usr/bin/python3", "-c", script, str(tmp_path)]
    done = subprocess.run([*argv, *python], cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Made: POSTGRES_PASSWORD, " in done.stdout
    assert (tmp_path / "flower_password").stat().st_gid == GROUPS["flower"]


def _readable() -> list[str]:
    import sqlalchemy

    return [str(settings.ROOT), str(Path(sqlalchemy.__file__).parents[1])]


def test_what_is_made_is_named_and_never_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "GROUPS", OURS)
    assert main(["make"], tmp_path, {}) == 0
    said = capsys.readouterr()
    assert "docker compose run --rm secrets show" in said.out
    assert not [name for name in MADE if contents(tmp_path)[name.lower()] in said.out + said.err]
    assert main(["make"], tmp_path, {}) == 0
    assert capsys.readouterr().out == "", "nothing is made the second time"


def test_a_person_is_told_what_a_person_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, {}, OURS)
    assert main(["show", "flower"], tmp_path, {}) == 0
    assert capsys.readouterr().out == f"flower: {(tmp_path / 'flower_password').read_text()}\n"
    assert main(["show"], tmp_path, {}) == 0
    assert capsys.readouterr().out.count("\n") == len(LOGINS)
    assert main(["show", "owner"], tmp_path, {}) == 2
    assert "show console | flower | grafana" in capsys.readouterr().err


def test_a_volume_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["make"], tmp_path / "missing", {}) == 1
    assert "The volume `secrets` is to belong to this container's user." in capsys.readouterr().err
