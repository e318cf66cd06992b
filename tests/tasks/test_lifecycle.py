"""A child ends with its worker, however the worker ends."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

#: A worker that forks a child like Celery does; the child says "running", then waits until `ending`, then says so.
WORKER = """
    import os, sys, time
    from tasks import lifecycle
    if os.fork() == 0:
        print("running", os.getpid(), lifecycle.ending(), flush=True)
        while not lifecycle.ending():
            time.sleep(0.01)
        print("ended", flush=True)
        os._exit(0)
    for line in sys.stdin:
        lifecycle.announce_shutdown()
"""


@pytest.mark.parametrize("end", ["announced", "killed"])
def test_a_child_ends_when_the_worker_says_so_or_is_gone(end: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        word, child, ending = worker.stdout.readline().split()
        assert (word, ending) == ("running", "False")
        assert int(child) != worker.pid
        if end == "announced":
            worker.stdin.write("now\n")
            worker.stdin.flush()
        else:
            os.kill(worker.pid, signal.SIGKILL)
        assert worker.stdout.readline() == "ended\n"
