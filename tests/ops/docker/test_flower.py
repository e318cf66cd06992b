"""ops.docker.flower: nobody looks at Flower without its password, which no command line tells."""

import os
import sys
from pathlib import Path

import pytest

from ops.docker import flower


def test_without_a_password_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWER_PASSWORD", "")
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("it was started"))
    with pytest.raises(SystemExit, match="set FLOWER_USER and FLOWER_PASSWORD"):
        flower.main()


def test_it_takes_the_password_of_a_file_and_hands_it_on_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hidden")
    monkeypatch.setenv("FLOWER_PASSWORD", "")
    monkeypatch.setenv("FLOWER_PASSWORD_FILE", str(tmp_path / "password"))
    started: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *given: started.append(given))
    flower.main()
    ((program, argv, environment),) = started
    assert program == sys.executable and argv[1:6] == ["-m", "celery", "-A", "tasks", "flower"]
    assert environment["FLOWER_BASIC_AUTH"] == "farm:hidden" and "hidden" not in " ".join(argv)
