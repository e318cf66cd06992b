"""How a worker's child learns that it should come to an end: a byte it shares with its parent since the fork."""

import mmap
import os

_flag = mmap.mmap(-1, 1)
_parent = os.getpid()


def announce_shutdown(**_: object) -> None:
    """Called in the parent when the worker begins to shut down."""
    _flag[0] = 1


def ending() -> bool:
    """True when the worker shuts down, or its parent is gone and nobody would miss this child's results."""
    return _flag[0] == 1 or (os.getppid() == 1 and os.getpid() != _parent)
