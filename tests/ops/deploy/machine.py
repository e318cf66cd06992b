#!/usr/bin/python3
"""A stand-in for systemd in a Debian root: it really starts, watches and ends what units say, and writes down what it was asked.

`machine.py serve` is the first program of the system; under the name of systemctl it asks that one over a socket. It runs by the system's
own Python, so the standard library alone. Units are read as systemd.unit(5) has it, as far as ours use it; what confines them is not put
on, which only a real systemd can do (tests/ops/deploy/test_units.py has it judge that).
"""

import fnmatch
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

UNITS = Path("/etc/systemd/system")
PLACE = Path("/run/machine")
SOCKET, CALLS = PLACE / "socket", PLACE / "calls"


def drop_ins(unit: str) -> list[Path]:
    """Of the whole prefix, of the template and of the instance, by the names of the files."""
    stem, _, suffix = unit.rpartition(".")
    prefix, at, _ = stem.partition("@")
    parts = prefix.split("-")
    names = ["-".join(parts[:count]) + "-" for count in range(1, len(parts))]
    names += [f"{prefix}{at}", stem] if at else [stem]
    found = [path for name in names for path in (UNITS / f"{name}.{suffix}.d").glob("*.conf")]
    return sorted(found, key=lambda path: path.name)


def settings(unit: str) -> dict[str, list[str]]:
    """Lists, as most may be given again; an empty value takes back what stands before it."""
    stem, _, suffix = unit.rpartition(".")
    template, at, instance = stem.partition("@")
    found: dict[str, list[str]] = {}
    for path in [UNITS / f"{template}{at}.{suffix}", *drop_ins(unit)]:
        for line in path.read_text().splitlines():
            if match := re.fullmatch(r"([A-Z]\w+)=(.*)", line):
                value = match[2].replace("%i", instance)
                found[match[1]] = [*found.get(match[1], []), value] if value else []
    return found


def environment(unit: dict[str, list[str]]) -> dict[str, str]:
    found = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    for name in unit.get("EnvironmentFile", ()):
        path = Path(name.removeprefix("-"))
        if name.startswith("-") and not path.exists():
            continue
        for line in path.read_text().splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.partition("=")
                found[key] = value
    for name in " ".join(unit.get("UnsetEnvironment", ())).split():
        found.pop(name, None)
    return found


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


class Service:
    """One unit: its process, the words it sends, and whether it is to run."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wanted = False
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.lock = threading.Lock()

    def start(self) -> str:
        """Why not, or nothing."""
        with self.lock:
            if self.process is not None and self.process.poll() is None:
                return ""
            self.wanted = True
            return self._start()

    def _start(self) -> str:
        unit = settings(self.name)
        user = unit["User"][-1]
        environ = environment(unit)
        words = None
        if unit["Type"][-1] == "notify":
            address = PLACE / f"notify-{self.name}"
            with suppress(FileNotFoundError):
                address.unlink()
            words = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            words.bind(str(address))
            address.chmod(0o666)
            environ["NOTIFY_SOCKET"] = str(address)
        self.starts += 1
        with (PLACE / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                shlex.split(unit["ExecStart"][-1]),
                cwd=unit["WorkingDirectory"][-1],
                env=environ,
                user=user,
                group=unit["Group"][-1],
                extra_groups=[],
                umask=int(unit["UMask"][-1], 8),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if words is not None and not self._is_ready(words, seconds(unit["TimeoutStartSec"][-1])):
            self._kill()
            return f"{self.name} was not ready in time: {(PLACE / f'{self.name}.log').read_text()[-2000:]}"
        watchdog = seconds(unit["WatchdogSec"][-1]) if words is not None else None
        threading.Thread(target=self._watch, args=(self.process, words, watchdog), daemon=True).start()
        return ""

    def _is_ready(self, words: socket.socket, patience: float) -> bool:
        assert self.process is not None
        until = time.monotonic() + patience
        words.settimeout(0.2)
        while time.monotonic() < until and self.process.poll() is None:
            with suppress(TimeoutError):
                return b"READY=1" in words.recv(4096)
        return False

    def _watch(self, process: "subprocess.Popen[bytes]", words: socket.socket | None, watchdog: float | None) -> None:
        heard = time.monotonic()
        while process.poll() is None:
            if words is None:
                time.sleep(0.2)
                continue
            with suppress(TimeoutError):
                if b"WATCHDOG=1" in words.recv(4096):
                    heard = time.monotonic()
            if watchdog and time.monotonic() - heard > watchdog:
                (PLACE / "stuck").open("a").write(f"{self.name}\n")
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        with self.lock:
            if self.wanted and self.process is process:
                time.sleep(1.0)
                self._start()

    def stop(self) -> None:
        with self.lock:
            self.wanted = False
            if self.process is not None and self.process.poll() is None:
                self.process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(seconds(settings(self.name)["TimeoutStopSec"][-1]))
                self._kill()

    def _kill(self) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Machine:
    def __init__(self) -> None:
        self.services: dict[str, Service] = {}
        self.redis: subprocess.Popen[bytes] | None = None
        self.lock = threading.Lock()

    def service(self, name: str) -> Service:
        with self.lock:
            return self.services.setdefault(name, Service(name))

    def answer(self, words: list[str]) -> tuple[int, str, str]:
        (verb, *names), options = [word for word in words if not word.startswith("--")], [word for word in words if word.startswith("--")]
        ours = [name for name in names if name.startswith("tapefarm")]
        match verb:
            case "list-units":
                found = [name for name, service in sorted(self.services.items()) if fnmatch.fnmatch(name, names[0]) and service.starts]
                return 0, "".join(f"{name} loaded {'active' if self.services[name].runs else 'inactive'}\n" for name in found), ""
            case "is-active":
                return (0 if all(self.service(name).runs for name in ours) else 3), "", ""
            case "enable" | "disable":
                for name in ours:
                    self.link(name, made=verb == "enable")
                if "--now" in options:
                    self.each(ours, "stop")
            case "start" | "stop" | "restart":
                return self.turn(verb, names, ours)
            case "show":
                return 0, self.shown(ours, options), ""
            case "starts":
                return 0, json.dumps({name: service.starts for name, service in self.services.items()}), ""
        return 0, "", ""

    def shown(self, names: list[str], options: list[str]) -> str:
        if "--property=Wants" in options:
            return " ".join(sorted(path.name for path in (UNITS / "tapefarm.target.wants").iterdir()))
        found = [self.service(name) for name in names]
        return "\n".join(
            f"Id={one.name}\nActiveState={'active' if one.runs else 'failed'}\nSubState=x\n"
            f"MainPID={one.process.pid if one.process and one.runs else 0}\nNRestarts=0\nActiveEnterTimestamp=@{int(time.time())}\n"
            for one in found
        )

    def turn(self, verb: str, names: list[str], ours: list[str]) -> tuple[int, str, str]:
        for name in names:
            if verb != "stop" and name not in ours:
                self.servers(name, anew=verb == "restart")
        if "tapefarm.target" in ours:
            ours.remove("tapefarm.target")
            ours += [path.name for path in (UNITS / "tapefarm.target.wants").iterdir()]
        if verb != "start":
            self.each(ours, "stop")
        failed = [why for why in self.each(ours, "start") if why] if verb != "stop" else []
        return (1 if failed else 0), "", "\n".join(failed)

    def servers(self, name: str, *, anew: bool) -> None:
        """Debian's own units, by what they come to."""
        if name == "postgresql.service":
            subprocess.run(["pg_ctlcluster", "17", "main", "restart" if anew else "start"], check=False)
        if name == "redis-server.service":
            if anew and self.redis is not None:
                self.redis.terminate()
                self.redis.wait()
            if self.redis is None or self.redis.poll() is not None:
                argv = ["redis-server", "/etc/redis/redis.conf", "--daemonize", "no", "--supervised", "no"]
                self.redis = subprocess.Popen(argv, user="redis", group="redis", extra_groups=[], cwd="/var/lib/redis")

    def each(self, names: list[str], verb: str) -> list[str]:
        """All at a time, as systemd does."""
        said: list[str] = []
        threads = [threading.Thread(target=lambda name=name: said.append(getattr(self.service(name), verb)() or "")) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return said

    def link(self, name: str, *, made: bool) -> None:
        stem, _, suffix = name.rpartition(".")
        prefix, at, _ = stem.partition("@")
        target = "multi-user.target" if suffix == "target" else "tapefarm.target"
        link = UNITS / f"{target}.wants" / name
        link.parent.mkdir(exist_ok=True)
        if made and not link.is_symlink():
            link.symlink_to(UNITS / f"{prefix}{at}.{suffix}")
        if not made:
            link.unlink(missing_ok=True)


def serve() -> None:
    PLACE.mkdir()
    CALLS.touch()
    machine = Machine()

    def carry_out(connection: socket.socket) -> None:
        with connection, connection.makefile("rw") as stream:
            words = json.loads(stream.readline())
            with CALLS.open("a") as calls:
                calls.write(f"systemctl {' '.join(words)}\n")
            stream.write(json.dumps(machine.answer(words)))

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(SOCKET))
        SOCKET.chmod(0o666)  # anybody may ask systemd what runs
        listening.listen(16)
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=carry_out, args=(connection,), daemon=True).start()


def ask(words: list[str]) -> int:
    with socket.socket(socket.AF_UNIX) as machine:
        machine.connect(str(SOCKET))
        machine.sendall(json.dumps(words).encode() + b"\n")
        status, said, complaint = json.loads(machine.makefile().read())
    sys.stdout.write(said)
    sys.stderr.write(complaint)
    return int(status)


if __name__ == "__main__":
    if Path(sys.argv[0]).name == "systemctl":
        sys.exit(ask(sys.argv[1:]))
    if Path(sys.argv[0]).name == "ufw":
        with CALLS.open("a") as calls:
            calls.write(f"ufw {' '.join(sys.argv[1:])}\n")
        sys.exit(0)
    serve()
