"""Debian's package files of the embedded servers, or of tools for checks, fetched once per machine and kept outside the checkout.

A complete cache is proven by its manifest (each file with its SHA-256); it is then used without asking the mirror.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from ops.local.apt import Deb, PrivateApt
from ops.local.errors import DiskFull, NetworkFailed, RuntimeBuildFailed, RuntimeUnavailable
from ops.local.locks import exclusive
from ops.local.platforms import Platform, require_tools
from ops.local.sources import APT_FOLDER, KEYRINGS, archive_keyrings, debian_mirrors, host_sources

# What an installed Debian needs around the servers and the programs themselves never open: the JIT compiler (jit=off),
# perl and its wrappers, account and start-up tools, translations. 96 packages of 95 MB become 57 of 44 MB.
_LEFT_OUT = (
    "libllvm", "libz3", "perl", "libperl", "locales", "libc-l10n", "passwd", "login.defs", "adduser", "debconf",
    "procps", "libproc2", "postgresql-common", "postgresql-client-common", "ucf", "init-system-helpers",
    "sysvinit-utils", "sensible-utils", "ssl-cert", "base-passwd", "libdebconf", "libsemanage", "gcc-14-base",
    "libpam-modules", "libdb5", "libgdbm", "systemd", "udev", "dbus", "openssl-provider",
)  # fmt: skip
_MIRRORS_TRIED = 3


def is_wanted(package: str) -> bool:
    return not package.startswith(_LEFT_OUT) and not package.endswith("-perl") and package != "openssl"


@dataclass(frozen=True)
class Selection:
    """`wanted` with what they depend on, of that only what is `kept`; `words`: what they are, in a sentence. `place`: a folder of the cache."""

    suite: str
    wanted: tuple[str, ...]
    words: str
    place: str
    kept: Callable[[str], bool]
    room_bytes: int


SERVERS = Selection(
    "trixie",
    ("postgresql-17", "postgresql-17-timescaledb", "redis-server"),
    "PostgreSQL, TimescaleDB and Redis",
    place="",
    kept=is_wanted,
    room_bytes=200_000_000,
)


@dataclass(frozen=True)
class Package:
    """One verified package file in the cache."""

    name: str
    version: str
    path: Path


def cache_folder() -> Path:
    if chosen := os.environ.get("TAPEFARM_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tapefarm"


class PackageCache:
    """The package files of one selection and architecture under the cache folder."""

    def __init__(
        self,
        folder: Path,
        platform: Platform,
        selection: Selection = SERVERS,
        *,
        apt_folder: Path = APT_FOLDER,
        keyrings: Path = KEYRINGS,
    ) -> None:
        self._selection = selection
        self._folder = folder / selection.place / f"{selection.suite}-{platform.architecture}"
        self._platform = platform
        self._apt_folder = apt_folder
        self._keyrings = keyrings
        self._debs = self._folder / "debs"
        self._manifest = self._folder / "manifest.json"

    def packages(self, say: Callable[[str], None]) -> list[Package]:
        """The verified files, fetched when the cache is not complete."""
        try:
            with exclusive(self._folder / "lock", lambda: say("waiting for another download of the same packages")):
                return self._verified() or self._fetched(say)
        except PermissionError as exc:
            raise RuntimeBuildFailed(f"{self._folder} cannot be written: set TAPEFARM_CACHE to a folder of your own.") from exc

    def _verified(self) -> list[Package]:
        """All files of the manifest, or none when one is missing or differs."""
        try:
            sums: dict[str, str] = json.loads(self._manifest.read_text())["files"]
            if any(_sha256(self._debs / file) != value for file, value in sums.items()):
                return []
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return []
        return [_package(self._debs / file) for file in sums]

    def _fetched(self, say: Callable[[str], None]) -> list[Package]:
        require_tools()
        mirrors = debian_mirrors(host_sources(self._apt_folder))[:_MIRRORS_TRIED]
        keyrings = archive_keyrings(self._keyrings, release=self._selection.suite)
        if not mirrors:
            raise RuntimeUnavailable("No Debian mirror is configured in this system's apt sources.")
        if not keyrings:
            raise RuntimeUnavailable("The Debian archive keyring is not installed (package debian-archive-keyring).")
        _require_room(self._folder, self._selection.room_bytes)
        shutil.rmtree(self._debs, ignore_errors=True)
        self._debs.mkdir(parents=True)
        debs = self._fetch_from_first(mirrors, keyrings, say)
        self._record(debs)
        return self._verified()

    def _fetch_from_first(self, mirrors: list[str], keyrings: list[Path], say: Callable[[str], None]) -> list[Deb]:
        for number, mirror in enumerate(mirrors, 1):
            try:
                return self._fetch(mirror, keyrings, say)
            except (NetworkFailed, RuntimeUnavailable):
                if number == len(mirrors):
                    raise
        raise AssertionError("no mirror was given")

    def _fetch(self, mirror: str, keyrings: list[Path], say: Callable[[str], None]) -> list[Deb]:
        state = self._folder / "apt"
        shutil.rmtree(state, ignore_errors=True)
        apt = PrivateApt(state, mirror=mirror, suite=self._selection.suite, architecture=self._platform.architecture, keyrings=keyrings)
        try:
            say(f"asking the host's Debian mirror for {self._selection.words}")
            apt.update()
            debs = [deb for deb in apt.plan(self._selection.wanted) if self._selection.kept(deb.package)]
            total = sum(deb.size for deb in debs) // 1_000_000
            say(f"fetching {len(debs)} packages, {total} MB")
            names = [deb.package for deb in debs]
            apt.download(names, self._debs, lambda: say(f"fetched {self._size() // 1_000_000} of {total} MB"))
        finally:
            shutil.rmtree(state, ignore_errors=True)
        return debs

    def _record(self, debs: Iterable[Deb]) -> None:
        missing = [deb.file for deb in debs if not (self._debs / deb.file).is_file()]
        if missing:
            raise RuntimeBuildFailed(f"apt-get fetched all but {', '.join(missing)}; try again.")
        files = {deb.file: _sha256(self._debs / deb.file) for deb in debs}
        draft = self._manifest.with_suffix(".new")
        draft.write_text(json.dumps({"suite": self._selection.suite, "files": files}, indent=1))
        draft.replace(self._manifest)

    def _size(self) -> int:
        return sum(path.stat().st_size for path in self._debs.iterdir() if path.is_file())


def _package(path: Path) -> Package:
    name, version, _ = path.name.split("_")
    return Package(name, unquote(version), path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_room(folder: Path, room_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < room_bytes:
        raise DiskFull(f"{folder} has {free // 1_000_000} MB left and the packages need {room_bytes // 1_000_000} MB; free some room.")
