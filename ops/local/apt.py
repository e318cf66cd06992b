"""apt with a state of its own: it reads the host's mirror, proxy and keyring and changes nothing of the host's."""

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.local.errors import DiskFull, NetworkFailed, RuntimeBuildFailed, RuntimeUnavailable

# Own entries for all that apt would read or write elsewhere. Parts and main are shut out because hosts hang scripts
# on an update there; the host's Acquire settings (proxy, certificates) are taken over one by one instead.
_CONFIGURATION = """
{acquire}
Dir::State "{state}";
Dir::State::status "{state}/status";
Dir::State::extended_states "{state}/extended_states";
Dir::Cache "{state}";
Dir::Log "{state}";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "{state}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "/dev/null";
APT::Architecture "{architecture}";
APT::Architectures "{architecture}";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
"""
_PRINTED_URI = re.compile(r"^'[^']*' (?P<file>\S+) (?P<size>\d+) ?\S*$")
_FAILURES: tuple[tuple[str, type[Exception], str], ...] = (
    (
        r"No space left on device|enough free space",
        DiskFull,
        "The disk filled up while fetching packages; free 500 MB and try again.",
    ),
    (
        r"NO_PUBKEY|not signed|GPG error|signatures? (were|was|couldn't|is) ",
        RuntimeUnavailable,
        "The host's Debian archive keyring does not know the release the servers come from.",
    ),
    (
        r"Unable to locate package|no installation candidate",
        RuntimeUnavailable,
        "The host's package mirror lacks the servers.",
    ),
    (
        r"resolve|connect|timed out|Failed to fetch|Network is unreachable|unexpected size|Hash Sum mismatch|5\d\d  ",
        NetworkFailed,
        "The package mirror could not be reached; look at the network (or the proxy in apt's settings) and try again.",
    ),
)


@dataclass(frozen=True)
class Deb:
    """A package file that an installation would fetch."""

    package: str
    file: str
    size: int


def sort_failure(output: str) -> Exception:
    """The error that apt's output stands for."""
    for pattern, kind, sentence in _FAILURES:
        if re.search(pattern, output, re.IGNORECASE):
            detail = "" if kind is RuntimeUnavailable else f" ({_last_error(output)})"
            return kind(sentence + detail)
    return RuntimeBuildFailed(f"apt-get failed: {_last_error(output)}")


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "Err:", "W:"))]
    return (errors or lines or ["no message"])[-1]


class PrivateApt:
    """apt-get over one mirror and one suite, with its state in `state`."""

    def __init__(self, state: Path, *, mirror: str, suite: str, architecture: str, keyrings: Sequence[Path]) -> None:
        for folder in ("lists/partial", "archives/partial"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        signed = ",".join(map(str, keyrings))
        (state / "sources.list").write_text(f"deb [arch={architecture} signed-by={signed}] {mirror} {suite} main\n")
        configuration = _CONFIGURATION.format(acquire=_host_acquire(), state=state, architecture=architecture)
        (state / "apt.conf").write_text(configuration)
        self._environ = {**os.environ, "APT_CONFIG": str(state / "apt.conf"), "LC_ALL": "C"}

    def update(self) -> None:
        self._run(["update", "-q"])

    def plan(self, packages: Sequence[str]) -> list[Deb]:
        """What an installation of `packages` on an empty system would fetch."""
        output = self._run(["-qq", "--print-uris", "install", *packages])
        found = [_PRINTED_URI.match(line) for line in output.splitlines()]
        return [Deb(m["file"].split("_")[0], m["file"], int(m["size"])) for m in found if m]

    def download(self, packages: Sequence[str], into: Path, tick: Callable[[], None]) -> None:
        """Fetch the package files, verified, into a folder; what is there already is not fetched again."""
        self._run(["-q", "download", *packages], folder=into, tick=tick)

    def _run(self, arguments: list[str], *, folder: Path | None = None, tick: Callable[[], None] = lambda: None) -> str:
        # An apt-get that outlives a killed parent would keep the state locked against the next attempt.
        argv = ["setpriv", "--pdeathsig", "KILL", "apt-get", *arguments]
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while True:
            try:
                output, _ = process.communicate(timeout=1.0)
                break
            except subprocess.TimeoutExpired:
                tick()
        # apt-get update ends with 0 when an index could not be fetched.
        if process.returncode or re.search(r"^(E|Err):", output, re.MULTILINE) or "Some index files failed" in output:
            raise sort_failure(output)
        return output


def _host_acquire() -> str:
    """The host's own settings for fetching: proxies, certificates, validity checks."""
    dump = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=False).stdout
    skipped = ("Acquire::IndexTargets", "Acquire::Languages", "Acquire::Changelogs")
    return "\n".join(line for line in dump.splitlines() if not line.startswith(skipped))
