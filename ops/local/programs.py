"""What the supervisor runs: a program as a value, and the files that tell supervisord about it."""

import hashlib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ops.local.accounts import Account
from ops.local.launch import bound_argv
from ops.local.server import Server
from ops.local.watchdog import GREETING, MEMORY, PULSE, SILENT, Greeting

_LOG_BYTES = "10MB"
_LOG_BACKUPS = 3
#: Redis and PostgreSQL answer within milliseconds; a disk that stalls may hold them up for longer.
_SERVER_SILENT_SECONDS = 60


@dataclass(frozen=True)
class Program:
    """One program to keep running. Lower stages are started first and stopped last."""

    name: str
    argv: Sequence[str]
    directory: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold passwords
    account: Account | None = None  # None: the farm's own
    stage: int = 0
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    start_seconds: int = 1  # a program that ends sooner is started again after a growing pause
    silent_seconds: int = 0  # one that has not turned for so long is killed; 0: nobody looks
    greeting: Greeting | None = None  # None: it turns when its pulse moves (core/pulse.py)
    most_bytes: int = 0  # one that holds more memory in a process is asked to end; 0: no bound
    nice: int = 0

    @classmethod
    def of(cls, server: Server, *, stage: int) -> Self:
        return cls(
            name=server.name,
            argv=server.argv,
            directory=server.data,
            env=server.env,
            account=server.account,
            stage=stage,
            stop_signal=server.stop_signal,
            stop_seconds=server.stop_seconds,
            silent_seconds=_SERVER_SILENT_SECONDS,
            greeting=server.greeting,
        )

    def script(self) -> str:
        """A shell script that becomes the program; anybody may run it by hand to see what the supervisor sees."""
        exports = [f"export {name}={shlex.quote(value)}" for name, value in sorted(self.env.items())]
        argv = bound_argv(self.argv, account=self.account, death_signal=self.stop_signal)
        if self.nice:
            argv = ["nice", "-n", str(self.nice), *argv]
        return "\n".join(["#!/bin/sh", f"cd {shlex.quote(str(self.directory))} || exit 1", *exports, f"exec {shlex.join(argv)}", ""])


@dataclass(frozen=True)
class Layout:
    """Where the supervisor of one farm keeps its files."""

    home: Path
    sockets: Path

    @property
    def socket(self) -> Path:
        return self.sockets / "supervisor.sock"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def configuration(self) -> Path:
        return self.home / "supervisord.conf"

    @property
    def facts(self) -> Path:
        """What the supervisor knows of the programs, for the farm's own tasks."""
        return self.run / "programs.json"

    def pulse(self, name: str) -> Path:
        return self.run / "pulses" / name

    def script(self, name: str) -> Path:
        return self.run / f"{name}.sh"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


_HEAD = """\
; Written by ./farm at every start.
[supervisord]
nodaemon = false
pidfile = {run}/supervisord.pid
logfile = {logs}/supervisord.log
logfile_maxbytes = {log_bytes}
logfile_backups = {log_backups}
childlogdir = {logs}
directory = {home}
identifier = tapefarm
{user}
[unix_http_server]
file = {socket}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[rpcinterface:farm]
supervisor.rpcinterface_factory = ops.local.supervisor_plugin:make_rpcinterface
facts = {facts}
"""

# startretries is out of reach: the plugin caps the pause between attempts and so keeps FATAL away.
# autostart is off because the stages are started one by one, each when what it needs is ready.
_PROGRAM = """
[program:{name}]
command = /bin/sh "{script}"
environment = {environment}
directory = {home}
priority = {stage}
autostart = false
autorestart = true
startsecs = {start_seconds}
startretries = 1000000
stopsignal = {stop_signal}
stopwaitsecs = {stop_seconds}
stopasgroup = false
killasgroup = true
redirect_stderr = true
stdout_logfile = {log}
stdout_logfile_maxbytes = {log_bytes}
stdout_logfile_backups = {log_backups}
"""


def configuration(layout: Layout, programs: Iterable[Program], *, as_root: bool) -> str:
    """The text of supervisord.conf; the sum makes a change inside a script visible to supervisord's reload."""
    limits = {"log_bytes": _LOG_BYTES, "log_backups": _LOG_BACKUPS}
    paths = {name: _escaped(value) for name, value in (("run", layout.run), ("logs", layout.logs), ("home", layout.home))}
    user = "user = root\n" if as_root else ""
    sections = [_HEAD.format(**limits, **paths, socket=_escaped(layout.socket), facts=_escaped(layout.facts), user=user)]
    for program in programs:
        section = _PROGRAM.format(
            **limits,
            name=program.name,
            script=_escaped(layout.script(program.name)),
            environment=",".join(f'{name}="{value}"' for name, value in _watched(layout, program).items()),
            home=paths["home"],
            stage=program.stage,
            start_seconds=program.start_seconds,
            stop_signal=program.stop_signal,
            stop_seconds=program.stop_seconds,
            log=_escaped(layout.log(program.name)),
        )
        sections.append(section)
    return "".join(sections)


def _watched(layout: Layout, program: Program) -> dict[str, str]:
    """What tells the plugin of a change and of how to watch the program."""
    found = {"TAPEFARM_PROGRAM_SUM": hashlib.sha256(program.script().encode()).hexdigest()[:16]}
    if program.silent_seconds:
        found[SILENT] = str(program.silent_seconds)
        if program.greeting is None:
            found[PULSE] = _escaped(layout.pulse(program.name))
        else:
            found[GREETING] = program.greeting.as_text()
    if program.most_bytes:
        found[MEMORY] = str(program.most_bytes)
    return found


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
