"""Our clock: whether the kernel holds it to a time server. How far it is off, venues and servers tell."""

import ctypes
import ctypes.util
import sys
from collections.abc import Iterator

from ops.doctor.finding import FAILURE, OK, SKIPPED, WARNING, Finding

#: A Date header has whole seconds. Beyond the second, latencies and signed requests are nonsense.
OFF_SECONDS, FAR_OFF_SECONDS = 2.0, 10.0
#: linux/timex.h
_UNSYNCHRONISED = 0x40
_TIME_ERROR = 5
SYNC = "Latencies are wrong by it, and venues refuse signed requests: let chrony or systemd-timesyncd set the clock (timedatectl set-ntp true)."


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),  # more than the kernel fills
    )


def kernel() -> Iterator[Finding]:
    """What the kernel knows of who steers its clock; a container shares that with its host."""
    asked = _adjtimex() if sys.platform == "linux" else None
    if asked is None:
        yield Finding("clock", SKIPPED, "this system does not say whether a time server steers it")
        return
    state, found = asked
    if state == _TIME_ERROR or found.status & _UNSYNCHRONISED:
        advice = "The host of a virtual machine may hold it right all the same; else: timedatectl set-ntp true, or install chrony."
        yield Finding("clock", WARNING, "no time server steers the kernel's clock", advice)
    else:
        yield Finding("clock", OK, f"steered by a time server, off by at most {found.maxerror / 1000:.0f} ms")


def _adjtimex() -> tuple[int, _Timex] | None:
    name = ctypes.util.find_library("c")
    found = _Timex()  # modes 0: only asks
    try:
        state = int(ctypes.CDLL(name).adjtimex(ctypes.byref(found)))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else (state, found)


def offset(check: str, seconds: float, precision: float) -> Finding:
    """`seconds`: theirs minus ours, known to `precision`. What could be less than the bounds is not complained of."""
    told = f"{seconds:+.1f} s against ours, known to {precision:.1f} s"
    sure = max(0.0, abs(seconds) - precision)
    if sure > FAR_OFF_SECONDS:
        return Finding(check, FAILURE, told, SYNC)
    return Finding(check, WARNING if sure > OFF_SECONDS else OK, told, SYNC if sure > OFF_SECONDS else "")
