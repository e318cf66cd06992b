"""What is fetched, from where, and what is said when that cannot be done."""

import json
from pathlib import Path

import pytest

from ops.local.apt import sort_failure
from ops.local.errors import DiskFull, LocalError, NetworkFailed, RuntimeBuildFailed, RuntimeUnavailable
from ops.local.packages import PackageCache, cache_folder, is_wanted
from ops.local.platforms import Platform, this_platform

AMD64 = Platform("amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2")

FAILURES = [
    ("Err:1 http://a.test trixie InRelease\n  Could not resolve 'a.test'\nE: Failed to fetch", NetworkFailed),
    ("E: Failed to fetch http://a.test/x.deb  503  Service Unavailable", NetworkFailed),
    ("E: Failed to fetch x.deb  Hash Sum mismatch", NetworkFailed),
    ("W: GPG error: http://a.test trixie InRelease: NO_PUBKEY 0123", RuntimeUnavailable),
    ("E: The repository 'http://a.test trixie InRelease' is not signed.", RuntimeUnavailable),
    ("E: Unable to locate package postgresql-17", RuntimeUnavailable),
    ("E: Write error - write (28: No space left on device)", DiskFull),
    ("E: Something new", RuntimeBuildFailed),
    ("", RuntimeBuildFailed),
]


@pytest.mark.parametrize(("output", "kind"), FAILURES)
def test_apt_failures_are_sorted(output: str, kind: type[LocalError]) -> None:
    assert type(sort_failure(output)) is kind


@pytest.mark.parametrize("package", ["libllvm19", "perl-base", "libjson-perl", "locales", "openssl", "systemd"])
def test_left_out(package: str) -> None:
    assert not is_wanted(package)


@pytest.mark.parametrize("package", ["postgresql-17", "postgresql-client-17", "libc6", "libpq5", "libsystemd0", "libpam0g"])
def test_wanted(package: str) -> None:
    assert is_wanted(package)


def test_without_a_debian_mirror_the_other_ways_are_named(tmp_path: Path) -> None:
    cache = PackageCache(tmp_path, AMD64, apt_folder=tmp_path / "no-apt")
    with pytest.raises(RuntimeUnavailable, match=r"docker compose up.*DATABASE_URL and REDIS_URL"):
        cache.packages(print)


def test_without_a_keyring(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://a.test/debian bookworm main\n")
    cache = PackageCache(tmp_path, AMD64, apt_folder=tmp_path, keyrings=tmp_path / "none")
    with pytest.raises(RuntimeUnavailable, match="debian-archive-keyring"):
        cache.packages(print)


def test_unreachable_mirror(tmp_path: Path) -> None:
    # Port 9 of the loopback refuses at once; nothing leaves the machine.
    (tmp_path / "sources.list").write_text("deb http://127.0.0.1:9/debian bookworm main\n")
    (tmp_path / "debian-archive-keyring.gpg").touch()
    cache = PackageCache(tmp_path / "cache", AMD64, apt_folder=tmp_path, keyrings=tmp_path)
    with pytest.raises(NetworkFailed, match="try again"):
        cache.packages(print)


def _filled(tmp_path: Path) -> PackageCache:
    folder = tmp_path / "trixie-amd64"
    (folder / "debs").mkdir(parents=True)
    (folder / "debs/redis-tools_5%3a8.0.2-3_amd64.deb").write_bytes(b"content")
    sums = {"redis-tools_5%3a8.0.2-3_amd64.deb": "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"}
    (folder / "manifest.json").write_text(json.dumps({"files": sums}))
    return PackageCache(tmp_path, AMD64, apt_folder=tmp_path / "no-apt")


def test_a_complete_cache_needs_no_mirror(tmp_path: Path) -> None:
    [package] = _filled(tmp_path).packages(print)
    assert (package.name, package.version) == ("redis-tools", "5:8.0.2-3")


@pytest.mark.parametrize("manifest", ["", "{}", "[]", '{"files": 1}', '{"files": {"absent.deb": "0"}}'])
def test_a_damaged_manifest_is_fetched_anew(tmp_path: Path, manifest: str) -> None:
    cache = _filled(tmp_path)
    (tmp_path / "trixie-amd64/manifest.json").write_text(manifest)
    with pytest.raises(RuntimeUnavailable, match="No Debian mirror"):
        cache.packages(print)


def test_a_damaged_file_is_fetched_anew(tmp_path: Path) -> None:
    cache = _filled(tmp_path)
    next((tmp_path / "trixie-amd64/debs").iterdir()).write_bytes(b"other")
    with pytest.raises(RuntimeUnavailable, match="No Debian mirror"):
        cache.packages(print)


def test_cache_folder_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TAPEFARM_CACHE", raising=False)
    assert cache_folder() == tmp_path / "tapefarm"
    monkeypatch.setenv("TAPEFARM_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"


def test_other_systems_are_told_the_other_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(RuntimeUnavailable, match="docker compose up"):
        this_platform()
