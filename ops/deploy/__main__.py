"""`python -m ops.deploy WORD`: what ops/deploy.sh asks of a release, and `farm …` behind the command `tapefarm`.

require RELEASE   ends with 1 and a sentence where the database is newer than the folder RELEASE knows
migrate           brings the database to this release's schema, and lets the roles of its own server in
units             the units that are wanted on this host
ports             of the page and of health, which a firewall may open
key               a new key for backups: its private half on stdout
recipient FILE    the public half of it
roll              restarts what runs, without a hole in the data
farm …            a command of the farm, as its account and with its settings
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pyrage

from core import settings
from core.settings import ROOT
from ops.cli.environment import DEFAULT_PORTS, port_variable
from ops.cli.errors import sentence
from ops.deploy import host, rolling, schema


def main(words: Sequence[str]) -> int:
    match list(words):
        case ["require", release]:
            values = host.settings_of_host()
            schema.require_known(Path(release), values)
        case ["migrate"]:
            schema.upgrade(host.settings_of_host(), host.FOLDER)
        case ["units"]:
            print("\n".join(host.units_of(settings.load(host.settings_of_host()))))
        case ["ports"]:
            values = host.settings_of_host()
            print(*(values.get(port_variable(name), DEFAULT_PORTS[name]) for name in ("console", "health")))
        case ["key"]:
            print(pyrage.x25519.Identity.generate())
        case ["recipient", file]:
            print(pyrage.x25519.Identity.from_str(Path(file).read_text(encoding="ascii").strip()).to_public())
        case ["roll"]:
            rolling.roll(settings.load(host.settings_of_host()), lambda text: print(f"deploy: {text}", file=sys.stderr, flush=True))
        case ["farm", *rest]:
            return _farm(rest)
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


def _farm(words: Sequence[str]) -> int:
    values = host.settings_of_host()
    host.become_account()
    # -P: the folder that the caller stands in is no place of code.
    argv = [sys.executable, "-P", "-m", "ops", *words]
    os.execve(argv[0], argv, {**host.environment_for(values), "PYTHONPATH": str(ROOT)})  # noqa: S606 (our own interpreter and code)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Exception as exc:
        known = sentence(exc)
        if known is None:
            raise
        sys.stderr.write(f"deploy: {known[0]}\n")
        sys.exit(known[1])
