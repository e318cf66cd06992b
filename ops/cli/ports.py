"""Which port each server takes: the one set by hand, else the one of last time, else the default, else the next free one."""

import socket
from collections.abc import Callable, Iterable, Mapping

from ops.cli.environment import DEFAULT_PORTS, port_variable
from ops.cli.errors import Refused

#: So many ports above the wanted one are tried.
_TRIES = 200


def choose(
    names: Iterable[str],
    given: Mapping[str, str],
    remembered: Mapping[str, int],
    say: Callable[[str], None],
    *,
    is_free: Callable[[int], bool] | None = None,
) -> dict[str, int]:
    """name -> port. Raises Refused when a port set by hand cannot be had."""
    free = is_free or _is_free
    chosen: dict[str, int] = {}
    for name in names:
        variable = port_variable(name)
        if variable in given:
            chosen[name] = _by_hand(variable, given[variable], name, free)
            continue
        wanted = remembered.get(name, DEFAULT_PORTS[name])
        port = next((p for p in range(wanted, min(wanted + _TRIES, 65536)) if p not in chosen.values() and free(p)), None)
        if port is None:
            raise Refused(f"None of the ports {wanted} to {wanted + _TRIES - 1} is free for {name}: set {variable} to one that is.")
        if port != wanted:
            say(f"port {wanted} is taken by another program, {name} uses {port}")
        chosen[name] = port
    return chosen


def _by_hand(variable: str, text: str, name: str, free: Callable[[int], bool]) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Refused(f"{variable}={text!r} cannot be used: give a port from 1 to 65535.", status=2)
    if not free(int(text)):
        raise Refused(f"Port {text}, set by {variable} for {name}, is in use: stop the program that has it, or set another.")
    return int(text)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # A port in TIME_WAIT is free for a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
