"""Secrets by files: NAME_FILE=/path stands for NAME=what is in the file, as Docker, Kubernetes and systemd hand secrets over.

Who may read such a file is the business of who hands it over: in a container it may be open to a group that the program is in.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

_FILE = "_FILE"
#: A venue's login, by its name before them.
_OF_A_VENUE = ("_CLIENT_ID", "_CLIENT_SECRET", "_KEY_ID")
_MOST_BYTES = 64 * 1024


class SettingsError(ValueError):
    """A setting that cannot be used; the message says which, and what would do, and never what is in a file."""


def stem(variable: str, secrets: Collection[str]) -> str:
    """The secret that a variable gives by a file; empty for any other variable."""
    name = variable.removesuffix(_FILE)
    return name if name != variable and (name in secrets or name.endswith(_OF_A_VENUE)) else ""


def taken(environ: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    """`environ` with the files read and their variables gone. An empty file is a secret that is not set. Raises SettingsError."""
    found = dict(environ)
    for variable, path in environ.items():
        if not (name := stem(variable, secrets)):
            continue
        del found[variable]
        if not path:
            continue
        if environ.get(name):
            raise SettingsError(f"{name} and {variable} are both set: leave one of them out.")
        found[name] = _read(variable, Path(path))
    return found


def _read(variable: str, path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MOST_BYTES)
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no text"
        raise SettingsError(f"{variable}={str(path)!r} cannot be used: {reason}.") from None
    value = text.rstrip("\r\n")
    if "\n" in value or "\0" in value:
        raise SettingsError(f"{variable}={str(path)!r} cannot be used: the secret is to be its only line.")
    return value
