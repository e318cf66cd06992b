"""What is installed is what was looked at: every package pinned, with the hashes of all its files, for every machine that is served."""

import hashlib
import re
import subprocess
import sys
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LISTS = ["requirements.txt", "requirements-dev.txt", "requirements-clients.txt", "bench/cryptofeed.txt"]
#: name, version, and the lines of hashes behind them
_PIN = re.compile(r"^([A-Za-z0-9_.\[\]-]+)==(\S+)((?: \\\n\s+--hash=sha256:[0-9a-f]{64})*)", re.MULTILINE)


def pins(name: str) -> dict[str, tuple[str, int]]:
    """package -> (version, number of its hashes)"""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {str(canonicalize_name(m[1].partition("[")[0])): (m[2], m[3].count("--hash")) for m in _PIN.finditer(text)}


@pytest.mark.parametrize("name", LISTS)
def test_every_package_is_pinned_with_its_hashes(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    named = [line for line in lines if line and not line.startswith((" ", "#"))]
    found = pins(name)
    assert len(found) == len(named) > 0
    assert [package for package, (_, hashes) in found.items() if hashes == 0] == []


def test_both_lists_agree() -> None:
    both = pins("requirements.txt"), pins("requirements-dev.txt")
    assert both[0].items() <= both[1].items()


def test_packages_of_one_kind_of_machine_have_files_for_the_others() -> None:
    """Compiled packages come as one file for each processor and Python, plain ones as one or two."""
    for package in ("numpy", "msgspec", "psycopg2-binary", "cryptography", "picows", "uvloop", "zstandard", "hiredis"):
        assert pins("requirements.txt")[package][1] > 10, package


@pytest.mark.parametrize("python", ["3.11.2", "3.11.14", "3.12.0", "3.13.5"], ids=lambda python: f"Python {python}")
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_nothing_is_missing_on_another_python_or_processor(python: str, machine: str) -> None:
    """With hashes pip installs nothing that is not listed, and the list was made on one machine. Debian 12 has the first, and 13 the last."""
    here = {
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "platform_machine": machine,
        "sys_platform": "linux",
    }
    extras = {"celery": {"redis"}, "redis": {"hiredis"}, "kombu": {"redis"}}
    listed = pins("requirements.txt")
    missing = [
        f"{package} needs {wanted.name}"
        for package in listed
        for wanted in map(Requirement, requires(package) or ())
        for extra in ("", *extras.get(package, ()))
        if (wanted.marker is None or wanted.marker.evaluate({**here, "extra": extra})) and canonicalize_name(wanted.name) not in listed
    ]
    assert missing == []


@pytest.mark.parametrize("name", ["farm", "ops/Dockerfile", "bench/cryptofeed.py"])
def test_who_installs_asks_for_hashes(name: str) -> None:
    text = re.sub(r",\s*\n\s*", ", ", (ROOT / name).read_text(encoding="utf-8"))
    installing = [line for line in text.splitlines() if re.search(r"\binstall\b.*(-r\b|--requirement)", line)]
    assert installing and all("--require-hashes" in line for line in installing)


@pytest.mark.slow
def test_a_file_with_another_hash_is_not_installed(tmp_path: Path) -> None:
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    listed, there = tmp_path / "requirements.txt", tmp_path / "there"
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--find-links", str(tmp_path), "--require-hashes"]
    for digest, installed in (("0" * 64, False), (hashlib.sha256(wheel.read_bytes()).hexdigest(), True)):
        listed.write_text(f"tiny==1.0 --hash=sha256:{digest}\n")
        done = subprocess.run([*command, "--target", str(there), "-r", str(listed)], capture_output=True, text=True, check=False)
        assert (done.returncode == 0, there.exists()) == (installed, installed), done.stderr
        assert installed or "DO NOT MATCH THE HASHES" in done.stderr
