"""python -m tests.db.parquet.killed URL FOLDER N: export, and be killed at the N-th thing done to the folder; says how many there are."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from db.parquet import writing
from tests.db.parquet.recorded import exported

EVENTS = {"open", "os.rename", "os.mkdir", "os.link", "os.remove", "os.rmdir", "shutil.rmtree"}


def main() -> None:
    url, folder, last = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    done = 0

    def strike(event: str, args: tuple[Any, ...]) -> None:
        nonlocal done
        if event in EVENTS and args and str(folder) in str(args[0]):
            done += 1
            if done == last:
                os.kill(os.getpid(), signal.SIGKILL)

    writing.GROUP_ROWS = 50
    sys.addaudithook(strike)
    exported(url, folder)
    sys.stdout.write(f"{done}\n")


if __name__ == "__main__":
    main()
