"""Debian systems in folders, for tests of what is done to a whole machine: made by debootstrap once, kept where other fetched packages
are, unpacked anew for each use, entered by chroot in namespaces that leave no mount and no process behind.

Needs root. A plain user, and a laptop that cannot make one, skip; in CI root must be able to. A test that may be the first to ask for a
system carries `pytest.mark.timeout` with MAKING_SECONDS and its own time.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ops.local.errors import LocalError, RuntimeBuildFailed, RuntimeUnavailable
from ops.local.locks import exclusive
from ops.local.packages import PackageCache, Selection, cache_folder
from ops.local.platforms import this_platform
from ops.local.sources import archive_keyrings, debian_mirrors, host_sources

DEBOOTSTRAP = Selection(
    "trixie", ("debootstrap",), "debootstrap", place="debootstrap", kept=lambda package: package == "debootstrap", room_bytes=2_000_000
)
#: debootstrap takes one to two minutes; the bound is for a mirror far away and a machine with much else to do.
MAKING_SECONDS = 900
_ROOM_BYTES = 1_000_000_000
#: What a program in the folder sees, whatever the host's own environment is.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: The namespaces go with the first process in them, and that one with `unshare`: whoever is killed leaves nothing.
_NAMESPACES = ("unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child")
#: $1: the root; then pairs of what is seen where, up to a `--`; then a command.
_ENTER = """
root=$1; shift
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --rbind "$1" "$root$2"
    shift 2
done
shift
exec "$@"
"""


@dataclass(frozen=True)
class DebianRoot:
    """One system. `shared`: folders of the host by the place where the system sees them."""

    path: Path
    shared: Mapping[str, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, *argv: str | Path, user: str = "root", folder: str = "/", env: Mapping[str, str] | None = None) -> list[str]:
        """What carries `argv` out in there, as a name or as numbers `user:group`; for Popen, where `run` will not do."""
        seen = [word for place, source in self.shared.items() for word in (str(source), place)]
        values = {"PATH": _PATH, "HOME": "/root" if user == "root" else "/tmp", "LANG": "C.UTF-8", **self.environment, **(env or {})}
        variables = [f"{name}={value}" for name, value in values.items()]
        inside = ["chroot", *([] if user == "root" else [f"--userspec={user}"]), str(self.path), "env", "-i", f"--chdir={folder}"]
        return [*_NAMESPACES, "sh", "-euc", _ENTER, "enter", str(self.path), *seen, "--", *inside, *variables, *map(str, argv)]

    def run(
        self,
        *argv: str | Path,
        user: str = "root",
        folder: str = "/",
        env: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float = 600.0,
    ) -> "subprocess.CompletedProcess[str]":
        """Carry `argv` out and return what it said, both outputs in one. Fails the test with that where it ends badly and `check` is set."""
        command = self.command(*argv, user=user, folder=folder, env=env)
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(map(str, argv))} ended with {done.returncode}:\n{done.stdout}")
        return done


@contextmanager
def debian_root(suite: str = "trixie", include: Sequence[str] = (), shared: Mapping[str, Path] | None = None) -> Iterator[DebianRoot]:
    """A system of its own with `include` installed, which is removed in the end. Skips where none can be made, and fails in CI."""
    if os.geteuid() != 0:
        pytest.skip("a Debian system in a folder is made by root alone")
    try:
        archive = _archive(suite, sorted(include))
    except LocalError as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no Debian system: {exc}")
    folder = Path(tempfile.mkdtemp(prefix="tapefarm-root-"))
    try:
        folder.chmod(0o755)
        _tar("--extract", archive, folder)
        (folder / "etc/resolv.conf").unlink(missing_ok=True)
        shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
        yield DebianRoot(folder, shared or {})
    finally:
        # Mounts are in namespaces that ended with their programs; one that were here would be another's and must not be emptied.
        subprocess.run(["rm", "--recursive", "--force", "--one-file-system", folder], check=False)


def pip_of_host() -> tuple[dict[str, str], dict[str, Path]]:
    """pip's settings on this machine, as variables, and the folders that they name, for a system that is to install packages as it does."""
    said = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^[:\w]+\.([\w-]+)='(.*)'$", said, re.MULTILINE)
    variables = {f"PIP_{name.replace('-', '_').upper()}": value for name, value in found}
    folders: dict[str, Path] = {}
    for value in variables.values():
        for word in value.split():
            # An index on the disk refers to files beside it.
            place = Path(urlsplit(word).path).parent if word.startswith("file://") else Path(word)
            if place.is_absolute() and place.is_dir():
                folders[str(place)] = place
    if bundle := variables.pop("PIP_CERT", ""):
        # A system that has its own certificates must not have them hidden by the host's.
        variables["PIP_CERT"] = "/run/host-certificates/" + Path(bundle).name
        folders["/run/host-certificates"] = Path(bundle).resolve().parent
    return variables, folders


def _archive(suite: str, include: Sequence[str]) -> Path:
    """The packed system, made where it is not there yet: a plain one by debootstrap, one with more by the plain one's own apt, as the
    alternatives of a dependency are beyond debootstrap."""
    architecture = this_platform().architecture
    plain = _archive(suite, ()) if include else None
    name = "-".join([suite, architecture, *([sha256(",".join(include).encode()).hexdigest()[:12]] if include else [])])
    packed = cache_folder() / "roots" / f"{name}.tar"
    with exclusive(packed.with_suffix(".lock")):
        if not packed.is_file():
            if shutil.disk_usage(packed.parent).free < _ROOM_BYTES:
                raise RuntimeBuildFailed(f"{packed.parent} has no room for a Debian system; free 1 GB.")
            with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=packed.parent) as draft:
                root = Path(draft) / "root"
                if plain is None:
                    _make(root, suite, architecture)
                else:
                    root.mkdir(mode=0o755)
                    _tar("--extract", plain, root)
                    _install(root, include)
                _tar("--create", Path(draft) / "packed.tar", root)
                (Path(draft) / "packed.tar").replace(packed)
    return packed


def _tar(action: str, archive: Path, folder: Path) -> None:
    options = ("--numeric-owner", "--same-permissions", "--same-owner", "--xattrs")
    subprocess.run(["tar", action, *options, "--file", archive, "--directory", folder, "."], check=True)


def _make(root: Path, suite: str, architecture: str) -> None:
    (package,) = PackageCache(cache_folder(), this_platform(), DEBOOTSTRAP).packages(print)
    mirrors = [mirror for mirror in debian_mirrors(host_sources()) if mirror.startswith(("http", "file:"))]
    keyrings = archive_keyrings(release=suite)
    if not mirrors or not keyrings:
        raise RuntimeUnavailable("debootstrap needs a Debian mirror in apt's sources and the package debian-archive-keyring.")
    with tempfile.TemporaryDirectory(prefix="debootstrap-") as unpacked:
        subprocess.run(["dpkg-deb", "--extract", package.path, unpacked], check=True)
        options = ["--variant=minbase", f"--arch={architecture}", f"--keyring={keyrings[0]}"]
        program = Path(unpacked) / "usr/sbin/debootstrap"
        # Its mounts stay in a namespace of its own, whatever it ends by.
        argv = [*_NAMESPACES, "--mount-proc", str(program), *options, suite, str(root), mirrors[0]]
        done = subprocess.run(
            argv,
            env={**os.environ, **_proxies(), "DEBOOTSTRAP_DIR": f"{unpacked}/usr/share/debootstrap", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=MAKING_SECONDS,
            check=False,
        )
    if done.returncode:
        raise RuntimeBuildFailed(f"debootstrap failed: {done.stdout[-2000:]}")
    for archive in (root / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()
    # A package that is installed there starts nothing: the host's ports and servers are not its own.
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    (root / "etc/apt/apt.conf.d/01proxy").write_text("".join(f'Acquire::{name[:-6]}::Proxy "{url}";\n' for name, url in _proxies().items()))


def _install(root: Path, packages: Sequence[str]) -> None:
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    for words in (("update",), ("install", "--yes", "--no-install-recommends", *packages), ("clean",)):
        argv = DebianRoot(root).command("apt-get", "-q", *words, env={"DEBIAN_FRONTEND": "noninteractive"})
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=MAKING_SECONDS, check=False
        )
        if done.returncode:
            raise RuntimeBuildFailed(f"apt-get {words[0]} in a Debian system failed: {done.stdout[-2000:]}")


def _proxies() -> dict[str, str]:
    """By which the host's apt goes out, as variables."""
    said = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=False).stdout
    return {
        f"{scheme}_proxy": url for scheme, url in re.findall(r'^Acquire::(https?)::Proxy "([^"]+)";', said, re.MULTILINE | re.IGNORECASE)
    }
