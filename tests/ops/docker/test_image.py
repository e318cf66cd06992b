"""ops/Dockerfile, carried out step by step in Debian systems in folders until the health check passes, without an engine.

What differs from the image: its base has a Python 3.11 of its own below /usr/local, and Debian's trixie has 3.13 as /usr/bin/python3, which stands
in; so the pinned packages are proven for that one, and for 3.11 by every other test. Containers share a kernel with limits and without capabilities;
here the account alone is other. The servers are those of the tests.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from core.settings import ROOT
from ops.docker import secrets
from ops.local.servers import Postgres, Servers
from tests.debian_root import MAKING_SECONDS, DebianRoot, debian_root, pip_of_host
from tests.ops.docker.dockerfile import Stage, Step, built, stages
from tests.ops.docker.waiting import eventually
from tests.test_compose import SERVICES, plain

DOCKERFILE = (ROOT / "ops" / "Dockerfile").read_text(encoding="utf-8")
#: What the base image has beside Debian's smallest system.
BASE = ("ca-certificates", "python3", "python3-venv")
BUILDING_SECONDS = 600

pytestmark = pytest.mark.timeout(MAKING_SECONDS + 2 * BUILDING_SECONDS)


def test_steps_are_read_as_an_engine_reads_them() -> None:
    (first, second) = stages('FROM a AS b\n# words\nRUN one \\\n    && two\nFROM c\nCMD ["x", "y z"]\n')
    assert first == [Step("FROM", "a AS b"), Step("RUN", "one      && two")]
    assert second[1].argv == ["x", "y z"] and first[1].argv == ["/bin/sh", "-c", "one      && two"]


@pytest.fixture(scope="module")
def image() -> Iterator[Stage]:
    """The last stage, built."""
    variables, folders = pip_of_host()
    with ExitStack() as stack:

        def base(name: str) -> DebianRoot:
            assert name.startswith("python:3.11") and name.endswith("-slim-trixie")
            root = stack.enter_context(debian_root("trixie", BASE, folders))
            (root.path / "usr/local/bin/python").symlink_to("/usr/bin/python3")
            return root

        yield built(DOCKERFILE, base, variables)


def test_the_image_is_what_the_file_says(image: Stage) -> None:
    said = image.root.run("pg_dump", "--version").stdout
    assert " 17." in said, "of the server's major version"
    assert image.user == "10001:10001" and image.folder == "/app"
    owners = {
        path: (image.root.path / path).stat().st_uid
        for path in ("var/lib/tapefarm", "run/tapefarm", "var/lib/tapefarm-certificates", "app")
    }
    assert owners == {"var/lib/tapefarm": 10001, "run/tapefarm": 10002, "var/lib/tapefarm-certificates": 10003, "app": 0}
    assert not list((image.root.path / "var/lib/apt/lists").iterdir()) if (image.root.path / "var/lib/apt/lists").exists() else True
    made = list((image.root.path / "app/core/__pycache__").glob("*.pyc"))
    assert made and all(path.read_bytes()[4] == 1 for path in made), "byte code that asks for no time of a file"


def test_every_program_of_the_stack_is_in_it_and_can_be_loaded(image: Stage) -> None:
    modules = {
        service["command"][2] if service["command"][1] == "-m" else "celery"
        for name, service in SERVICES.items()
        if service["image"] == "tapefarm:local" and name != "secrets"
    }
    health = {
        service["healthcheck"]["test"][3] for service in SERVICES.values() if "ops.docker.health" in service["healthcheck"].get("test", [])
    }
    script = """
import importlib, importlib.util, sys, celeryconfig
for name in sys.argv[1:]:
    package = importlib.util.find_spec(name).submodule_search_locations
    importlib.import_module(f"{name}.__main__" if package else name)
for name in celeryconfig.imports:
    importlib.import_module(name)
"""
    names = sorted({*modules, *health, "ops.docker.secrets", "db.backups.programs"} - {"sandbox"})
    image.root.run("python", "-c", script, *names, user=image.user, folder=image.folder, env=image.environment)
    image.root.run("python", "-m", "sandbox", "--help", user=image.user, folder=image.folder, env=image.environment)


def test_its_account_writes_where_volumes_are_and_nowhere_else(image: Stage) -> None:
    script = 'for place in "$@"; do if touch "$place/x" 2>/dev/null; then echo "$place"; rm "$place/x"; fi; done'
    places = [
        "/",
        "/app",
        "/app/ops",
        "/opt/venv",
        "/run/tapefarm",
        "/var/lib/tapefarm",
        "/var/lib/tapefarm/data",
        "/var/lib/tapefarm-metrics",
    ]
    done = image.root.run("sh", "-c", script, "sh", *places, user=image.user, folder=image.folder, env=image.environment)
    assert done.stdout.split() == places[5:]


def test_it_becomes_healthy_when_its_work_is_done_and_not_before(
    image: Stage, private_servers: Callable[[], Servers], empty_database: Callable[[], str], key_prefix: str, tmp_path: Path
) -> None:
    """In the order of docker-compose.yml: the secrets, the migration by them, then the worker of the image's own command, and beat."""
    servers = private_servers()
    _secrets(image)
    _point_at(image, servers, make_url(empty_database()).database or "")
    assert "10102" in SERVICES["beat"]["group_add"]
    container = Container(image, key_prefix, tmp_path)
    container.run("migrate", SERVICES["migrate"]["command"])
    assert container.health(image.health).returncode == 1, "nobody has done anything yet"
    workers = [name for name in SERVICES if name.startswith("worker-")]
    with (
        container.started("beat", image.command, "worker") as worker,
        container.started("beat", SERVICES["beat"]["command"], "beat") as beat,
    ):
        eventually(lambda: _ended(worker, beat) or container.health(image.health).returncode == 0, "nobody is well", seconds=300)
        assert not _ended(worker, beat), container.said()
        for name in workers:
            words = SERVICES[name]["healthcheck"]["test"][1:]
            eventually(lambda words=words: container.health(words).returncode == 0, f"{name}: {container.said()}", seconds=300)  # type: ignore[misc]


def _secrets(image: Stage) -> None:
    groups = ",".join(SERVICES["secrets"]["group_add"])
    as_keeper = [
        "setpriv",
        "--reuid=10002",
        "--regid=10002",
        f"--groups={groups}",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--no-new-privs",
    ]
    done = image.root.run(*as_keeper, *SERVICES["secrets"]["entrypoint"], "make", folder=image.folder, env=image.environment)
    assert "Made: POSTGRES_PASSWORD" in done.stdout


def _point_at(image: Stage, servers: Servers, database: str) -> None:
    """The files name the hosts of the stack's network; here they are this machine's, and the passwords of roles stay as they were made."""
    assert isinstance(servers.postgres.server, Postgres)
    there = make_url(servers.postgres.server.tcp_url)
    folder = image.root.path / "run/tapefarm"
    for name in (name for name in secrets.DERIVED if name.startswith("database_")):
        url = make_url((folder / name).read_text()).set(host=there.host, port=there.port, database=database)
        url = url.set(username=there.username, password=there.password) if name == "database_owner_url" else url
        (folder / name).write_text(url.render_as_string(hide_password=False))
    for name in ("redis_url", "broker_url"):
        (folder / name).write_text(servers.redis_url)


class Container:
    """The account, groups and environment of services, in the image."""

    def __init__(self, image: Stage, key_prefix: str, logs: Path) -> None:
        self._image = image
        self._prefix = key_prefix
        self._logs = logs

    def _command(self, service: str, argv: list[str]) -> list[str]:
        """As docker-compose.yml would start it: nothing of it comes from the environment of the test."""
        uid, _, gid = SERVICES[service]["user"].partition(":")
        groups = ",".join(SERVICES[service]["group_add"])
        as_service = [
            "setpriv",
            f"--reuid={uid}",
            f"--regid={gid}",
            f"--groups={groups}",
            "--bounding-set=-all",
            "--inh-caps=-all",
            "--no-new-privs",
        ]
        said = {name: plain(value) for name, value in SERVICES[service]["environment"].items() if ":+" not in value}
        environment = {**self._image.environment, **said, "HOME": "/var/lib/tapefarm", "KEY_PREFIX": self._prefix}
        return self._image.root.command(*as_service, *argv, folder=self._image.folder, env=environment)

    def run(self, service: str, argv: list[str]) -> None:
        done = subprocess.run(self._command(service, argv), capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def health(self, argv: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(self._command("beat", argv), capture_output=True, text=True, timeout=120, check=False)

    @contextmanager
    def started(self, service: str, argv: list[str], name: str) -> Iterator["subprocess.Popen[bytes]"]:
        with (self._logs / name).open("wb") as log:
            running = subprocess.Popen(self._command(service, argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield running
        finally:
            running.kill()  # its namespaces, and all in them, go with it
            running.wait(30)

    def said(self) -> str:
        return "\n".join((self._logs / name).read_text(errors="replace")[-3000:] for name in ("worker", "beat"))


def _ended(*programs: "subprocess.Popen[bytes]") -> bool:
    return any(program.poll() is not None for program in programs)
