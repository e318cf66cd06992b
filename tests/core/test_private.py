"""core.private: a file with secrets is read only when nobody else may read it."""

import os
from pathlib import Path

import pytest

from core.private import NotPrivate, read_private


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "secrets"
    path.write_text("hidden\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_what_only_its_owner_may_read_is_read(secrets: Path, mode: int) -> None:
    secrets.chmod(mode)
    assert read_private(secrets) == "hidden\n"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o601])
def test_what_others_may_read_or_write_is_refused_with_what_helps(secrets: Path, mode: int) -> None:
    secrets.chmod(mode)
    with pytest.raises(NotPrivate, match=f"`chmod 600 {secrets}`") as caught:
        read_private(secrets)
    assert "hidden" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
def test_what_another_account_wrote_is_refused_unless_it_is_the_one_expected(secrets: Path) -> None:
    os.chown(secrets, 54321, 54321)
    with pytest.raises(NotPrivate, match="belongs to another account"):
        read_private(secrets)
    assert read_private(secrets, owner=54321) == "hidden\n"


def test_a_link_is_as_private_as_what_it_leads_to(secrets: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(secrets)
    assert read_private(tmp_path / "link") == "hidden\n"
    secrets.chmod(0o644)
    with pytest.raises(NotPrivate):
        read_private(tmp_path / "link")
