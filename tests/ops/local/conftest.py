"""The embedded runtime of this checkout; where it cannot be had, a laptop skips and CI fails."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local import supervision
from ops.local.errors import RuntimeUnavailable
from ops.local.orphans import orphans
from ops.local.runtime import Runtime, ensure_runtime
from ops.local.servers import Servers, ephemeral_servers

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    try:
        return ensure_runtime(CHECKOUT / ".farm/runtime", print)
    except RuntimeUnavailable as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(exc))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account may enter, which pytest's own are not: root's servers are kept elsewhere then."""
    with tempfile.TemporaryDirectory(prefix="tapefarm-open-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def servers(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ephemeral_servers(tmp_path_factory.mktemp("servers"), durable=True, runtime=runtime) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Where a supervisor of the test's own keeps its files; it is stopped after the test, and leaves nothing."""
    folder = tmp_path / "farm home"
    yield folder
    supervision.stop_daemon(folder)
    assert orphans(folder) == []
