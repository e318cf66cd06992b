"""tests/debian_root.py: a system is whole, each use its own, and nothing of it stays behind."""

from pathlib import Path

import pytest

from tests.debian_root import MAKING_SECONDS, debian_root


@pytest.mark.timeout(MAKING_SECONDS + 120)
def test_it_is_a_system_with_what_was_asked_for_and_others_see_nothing_of_what_is_done_in_it() -> None:
    with debian_root(include=("python3",)) as root:
        assert root.run("cat", "/proc/1/comm").stdout.strip() == "cat", "programs see themselves alone"
        assert "VERSION_CODENAME=trixie" in root.run("cat", "/etc/os-release").stdout
        assert root.run("python3", "-c", "import os; print(os.getuid())", user="1234:1234").stdout.strip() == "1234"
        root.run("touch", "/left-behind")
        assert root.run("false", check=False).returncode == 1
        assert not [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(root.path) in line]
        with debian_root(include=("python3",)) as other:
            assert not (other.path / "left-behind").exists()
    assert not root.path.exists()
