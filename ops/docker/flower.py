"""`python -m ops.docker.flower`: Flower behind its password, which it takes from its environment alone and we from a file."""

import os
import sys

from core import settings

OPTIONS = ("--address=0.0.0.0", "--port=5555", "--read_only=True", "--max_tasks=2000", "--logging=warning")


def main() -> None:
    knobs = settings.load()
    if not (knobs.flower_user and knobs.flower_password):
        sys.exit("Flower shows the farm to others here: set FLOWER_USER and FLOWER_PASSWORD.")
    environ = {**os.environ, "FLOWER_BASIC_AUTH": f"{knobs.flower_user}:{knobs.flower_password}"}
    os.execve(sys.executable, [sys.executable, "-m", "celery", "-A", "tasks", "flower", *OPTIONS], environ)  # noqa: S606


if __name__ == "__main__":
    main()
