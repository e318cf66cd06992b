"""How a worker's child learns that it should come to an end: a byte it shares with its parent since the fork."""

import mmap
import os

_flag = mmap.mmap(-1, 1)
#: The worker itself: this module is imported before it forks (celeryconfig.imports). In a container its number may well be 1.
_worker = os.getpid()


def announce_shutdown(**_: object) -> None:
    """Called in the worker when it begins to shut down."""
    _flag[0] = 1


def ending() -> bool:
    """True when the worker shuts down, or is gone so that nobody would miss this child's results."""
    return _flag[0] == 1 or (os.getpid() != _worker and os.getppid() != _worker)
