"""./farm secrets: `.env` becomes `.env.age` and comes back, nothing is lost and nothing is told, whoever does what wrong."""

import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyrage
import pytest
from typer.testing import CliRunner

from core.settings import ROOT
from ops.__main__ import application
from ops.cli.errors import sentence
from ops.envfile import editing
from tests.ops.envfile.conftest import FARM

HIDDEN = "s3cret-hidden"
TEXT = f"# the farm's\nREDIS_URL=redis://:{HIDDEN}@redis.example.org/0\nLOG_LEVEL=DEBUG\n"


class Desk:
    """Files of settings in a folder, and an account whose private key is in another; what was told is kept."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.plain, self.sealed, self.recipients = folder / ".env", folder / ".env.age", folder / ".env.recipients"
        self.key = folder / "config" / "tapefarm" / "age.key"
        self.patch = patch
        self.told = ""
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.delenv("VISUAL", raising=False)
        patch.setenv("EDITOR", "false")

    def write(self, text: str = TEXT) -> None:
        self.plain.touch(mode=0o600)
        self.plain.write_text(text)

    def run(self, *words: str) -> tuple[int, str]:
        """(exit status, what was told), as `python -m ops` would have it."""
        done = CliRunner().invoke(application(["secrets"]), ["secrets", words[0], "--file", str(self.plain), *words[1:]])
        status, said = done.exit_code, done.output
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            known = sentence(done.exception)
            assert known is not None, done.exception
            status, said = known[1], said + known[0]
        self.told += said
        return status, " ".join(said.split())

    def done(self, *words: str) -> str:
        status, said = self.run(*words)
        assert status == 0, said
        return said

    def refused(self, *words: str) -> str:
        status, said = self.run(*words)
        assert status in (1, 2), said
        return said

    def editor(self, script: str) -> None:
        """A shell script that is given the file as $1."""
        path = self.plain.with_name("editor")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        self.patch.setenv("EDITOR", str(path))

    def opened(self) -> str:
        identity = self.key.read_text().splitlines()[-1]
        return pyrage.decrypt(self.sealed.read_bytes(), [pyrage.x25519.Identity.from_str(identity)]).decode()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    found = Desk(tmp_path, monkeypatch)
    yield found
    assert HIDDEN not in found.told, "a secret was told"
    assert "AGE-SECRET-KEY" not in found.told
    assert not list(tmp_path.glob("*.new")), "a draft was left"


@pytest.fixture
def sealed(desk: Desk) -> Desk:
    """With a key, and .env sealed to it; .env itself is gone."""
    desk.write()
    desk.done("keygen")
    desk.done("encrypt")
    desk.plain.unlink()
    return desk


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def tree(folder: Path) -> Mapping[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.rglob("*")) if path.is_file()}


# --- keys
def test_a_key_is_made_once_for_its_owner_alone_and_named_for_the_others(desk: Desk) -> None:
    said = desk.done("keygen")
    assert (mode(desk.key), mode(desk.key.parent)) == (0o600, 0o700)
    public = desk.recipients.read_text().splitlines()[-1]
    assert public.startswith("age1") and public in said
    before = desk.key.read_text()
    assert "is there already" in desk.refused("keygen") and desk.key.read_text() == before


def test_a_second_one_is_added_and_each_opens_it(desk: Desk, tmp_path: Path) -> None:
    desk.write()
    desk.done("keygen")
    desk.done("keygen", "--identity", str(tmp_path / "other.key"))
    assert "for 2 keys" in desk.done("encrypt")
    for words in ((), ("--identity", str(tmp_path / "other.key"))):
        desk.plain.unlink()
        desk.done("decrypt", *words)
        assert desk.plain.read_text() == TEXT


def test_a_private_key_that_others_may_read_is_not_used(sealed: Desk) -> None:
    sealed.key.chmod(0o644)
    assert "chmod 600" in sealed.refused("decrypt") and not sealed.plain.exists()


# --- there and back
def test_it_comes_back_as_it_was_for_its_owner_alone(sealed: Desk) -> None:
    assert HIDDEN.encode() not in sealed.sealed.read_bytes()
    assert "2 settings" in sealed.done("decrypt")
    assert (sealed.plain.read_text(), mode(sealed.plain)) == (TEXT, 0o600)
    assert "says the same already" in sealed.done("decrypt")


def test_as_root_it_goes_to_whom_the_folder_belongs(sealed: Desk) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(sealed.plain.parent, 65534, 65534)
    sealed.done("decrypt")
    assert (sealed.plain.stat().st_uid, mode(sealed.plain)) == (65534, 0o600)


def test_a_file_that_says_something_else_is_left_alone(sealed: Desk) -> None:
    sealed.write("REDIS_URL=redis://mine\nLOG_LEVEL=DEBUG\n")
    said = sealed.refused("decrypt")
    assert "They differ in REDIS_URL." in said and "--force" in said
    assert "mine" in sealed.plain.read_text()
    sealed.done("decrypt", "--force")
    assert sealed.plain.read_text() == TEXT


def test_what_somebody_else_has_sealed_since_is_not_sealed_over(sealed: Desk) -> None:
    sealed.write(TEXT.replace("DEBUG", "INFO"))
    os.utime(sealed.plain, (1, 1))
    assert "is newer than" in sealed.refused("encrypt") and sealed.opened() == TEXT
    sealed.done("encrypt", "--force")
    assert sealed.opened() == TEXT.replace("DEBUG", "INFO")


def test_sealing_again_at_once_is_no_conflict(desk: Desk) -> None:
    desk.write()
    desk.done("keygen")
    desk.done("encrypt")
    desk.done("encrypt")


def test_what_nothing_reads_is_told_with_what_was_perhaps_meant(desk: Desk) -> None:
    desk.write("LOG_LEVL=x\nFROBNICATE=1\nCOMPOSE_PROFILES=monitoring\nREDIS_URL=y\nFARM_REDIS_PORT=1\n")
    desk.done("keygen")
    assert "Nothing here reads LOG_LEVL (perhaps LOG_LEVEL?), FROBNICATE." in desk.done("encrypt")


# --- what is wrong is told, and changes nothing
def _no_file(desk: Desk) -> None:
    desk.plain.unlink()


def _open_file(desk: Desk) -> None:
    desk.plain.chmod(0o644)


def _no_settings(desk: Desk) -> None:
    desk.plain.write_text(f"LOG_LEVEL=INFO\n{HIDDEN}\n")


def _nobody(desk: Desk) -> None:
    desk.recipients.write_text("# nobody\n")


def _private_key_as_recipient(desk: Desk) -> None:
    desk.recipients.write_text(f"# us\n{desk.key.read_text().splitlines()[-1]}\n")


@pytest.mark.parametrize(
    ("spoil", "words", "told"),
    [
        (_no_file, (), "There is no "),
        (_open_file, (), "chmod 600"),
        (_no_settings, (), "line 2: write NAME=value"),
        (_nobody, (), "Nobody is named who may open it"),
        (_private_key_as_recipient, (), ".env.recipients, line 2 is no public key of age"),
        (lambda _: None, ("--recipient", "age1wrong"), "--recipient number 1 is no public key"),
        (lambda _: None, ("--recipient", "age1wrong", "--passphrase"), "one or the other"),
        (lambda _: None, ("--passphrase",), "asked on a terminal"),
    ],
)
def test_what_cannot_be_sealed(desk: Desk, spoil: Any, words: tuple[str, ...], told: str) -> None:
    desk.write()
    desk.done("keygen")
    desk.done("encrypt")
    spoil(desk)
    before = tree(desk.plain.parent)
    assert told in desk.refused("encrypt", *words)
    assert tree(desk.plain.parent) == before


def _gone(desk: Desk) -> None:
    desk.sealed.unlink()


def _junk(desk: Desk) -> None:
    desk.sealed.write_text(TEXT.replace(HIDDEN, "x"))


def _torn(desk: Desk) -> None:
    desk.sealed.write_bytes(desk.sealed.read_bytes()[:-3])


def _turned(desk: Desk) -> None:
    data = bytearray(desk.sealed.read_bytes())
    data[-1] ^= 1
    desk.sealed.write_bytes(data)


def _huge(desk: Desk) -> None:
    desk.sealed.write_bytes(bytes(1_000_001))


def _no_key(desk: Desk) -> None:
    desk.key.unlink()


def _other_key(desk: Desk) -> None:
    desk.key.unlink()
    desk.done("keygen")


def _not_settings_inside(desk: Desk) -> None:
    identity = pyrage.x25519.Identity.from_str(desk.key.read_text().splitlines()[-1])
    desk.sealed.write_bytes(pyrage.encrypt(f"A=1\n{HIDDEN}\n".encode(), [identity.to_public()]))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_gone, "`./farm secrets encrypt` makes it"),
        (_junk, "is no file of age"),
        (_torn, "is damaged or cut off"),
        (_turned, "is damaged or cut off"),
        (_huge, "is it the right one?"),
        (_no_key, "`./farm secrets keygen` makes one"),
        (_other_key, "Your key does not open"),
        (_not_settings_inside, "line 2: write NAME=value"),
    ],
)
@pytest.mark.parametrize("command", ["decrypt", "edit"])
def test_what_cannot_be_opened(sealed: Desk, spoil: Any, told: str, command: str) -> None:
    spoil(sealed)
    before = tree(sealed.plain.parent)
    assert told in sealed.refused(command)
    assert tree(sealed.plain.parent) == before


# --- editing
PRIVATE = 'test "$(stat -c %a "$1")" = 600 && test "$(stat -c %a "$(dirname "$1")")" = 700'


def traces() -> set[Path]:
    """Folders of editing that are left, wherever they are made."""
    return {path for base in (Path("/dev/shm"), Path("/tmp")) if base.is_dir() for path in base.glob(f"{editing.PREFIX}*")}


def test_an_edit_is_sealed_again_and_leaves_nothing_behind(sealed: Desk, tmp_path: Path) -> None:
    before = traces()
    sealed.editor(f'{PRIVATE} && dirname "$1" >{tmp_path}/where && cp "$1" "$1~" && sed -i s/DEBUG/INFO/ "$1"')
    sealed.done("edit")
    assert sealed.opened() == TEXT.replace("DEBUG", "INFO")
    assert not sealed.plain.exists()
    assert not Path((tmp_path / "where").read_text().strip()).exists()
    assert traces() <= before


def test_an_edit_that_changes_nothing_changes_no_file(sealed: Desk) -> None:
    sealed.editor("exit 0")
    before = tree(sealed.plain.parent)
    assert "Nothing was changed" in sealed.done("edit")
    assert tree(sealed.plain.parent) == before


def test_a_file_that_said_the_same_is_brought_along_and_another_is_not(sealed: Desk) -> None:
    sealed.done("decrypt")
    sealed.editor('sed -i s/DEBUG/INFO/ "$1"')
    assert "was changed with it" in sealed.done("edit")
    assert (sealed.plain.read_text(), mode(sealed.plain)) == (TEXT.replace("DEBUG", "INFO"), 0o600)
    sealed.write("LOG_LEVEL=ERROR\n")
    sealed.editor('sed -i s/INFO/WARNING/ "$1"')
    assert "says something else" in sealed.done("edit")
    assert sealed.plain.read_text() == "LOG_LEVEL=ERROR\n"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ('echo LOG_LEVL=INFO >>"$1"', "Nothing reads LOG_LEVL (perhaps LOG_LEVEL?)"),
        ('echo what is this >>"$1"', "what you wrote, line 4: write NAME=value"),
        ('printf "A=\\377" >"$1"', "left no text"),
        ('rm "$1"', "left no text"),
        ('head -c 1000001 /dev/zero >"$1"', "more than any file of settings"),
        ("exit 3", "ended with 3"),
        ("kill -9 $$", "was killed by signal 9"),
    ],
)
def test_what_an_edit_may_not_leave_changes_nothing(sealed: Desk, script: str, told: str) -> None:
    sealed.editor(f'sed -i s/DEBUG/INFO/ "$1"\n{script}')
    left, before = traces(), tree(sealed.plain.parent)
    assert told in sealed.refused("edit")
    assert tree(sealed.plain.parent) == before and traces() <= left


@pytest.mark.parametrize(("editor", "told"), [("no-such-editor", "cannot be started"), ("'", "as in a shell")])
def test_an_editor_that_is_none(sealed: Desk, monkeypatch: pytest.MonkeyPatch, editor: str, told: str) -> None:
    monkeypatch.setenv("EDITOR", editor)
    assert told in sealed.refused("edit")


def test_an_edit_that_would_lock_its_author_out_is_not_kept(sealed: Desk) -> None:
    sealed.editor('sed -i s/DEBUG/INFO/ "$1"')
    other = str(pyrage.x25519.Identity.generate().to_public())
    assert "Your own key is not among" in sealed.refused("edit", "--recipient", other)
    assert sealed.opened() == TEXT


def test_of_two_edits_at_a_time_the_second_is_put_beside(sealed: Desk) -> None:
    """As after a `git pull` while the editor was open."""
    theirs = sealed.sealed.read_bytes() + b"x\n"
    sealed.editor(f'sed -i s/DEBUG/INFO/ "$1"; echo x >>{sealed.sealed}')
    said = sealed.refused("edit")
    aside = sealed.sealed.with_name(".env.age.mine")
    assert "was changed by somebody else meanwhile" in said
    assert sealed.sealed.read_bytes() == theirs
    sealed.sealed.write_bytes(aside.read_bytes())
    assert sealed.opened() == TEXT.replace("DEBUG", "INFO")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda number: number.name)
def test_a_command_that_is_ended_amid_an_edit_leaves_nothing_in_the_end(sealed: Desk, tmp_path: Path, number: signal.Signals) -> None:
    sealed.editor(f'dirname "$1" >{tmp_path}/draft && mv {tmp_path}/draft {tmp_path}/where && exec sleep 100')
    before = tree(sealed.plain.parent)
    process = subprocess.Popen([*FARM, "edit", "--file", sealed.plain], cwd=ROOT, process_group=0)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "where").exists() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        where = Path((tmp_path / "where").read_text().strip())
        process.send_signal(number)
        status = process.wait(timeout=30)
        if number == signal.SIGKILL:  # nobody can do anything at that moment: the next one does
            os.killpg(process.pid, signal.SIGKILL)
            assert (where / ".env").exists()
            sealed.editor("exit 0")
            sealed.done("edit")
        else:
            assert status == 128 + number
        assert not where.exists()
        assert {name: found for name, found in tree(sealed.plain.parent).items() if name in before} == before | (
            {str(tmp_path / "editor"): tree(tmp_path)[str(tmp_path / "editor")]}
        )
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_another_who_edits_at_the_same_time_is_not_wiped(tmp_path: Path) -> None:
    with editing.private_folder(print, tmp_path) as one:
        (one / ".env").write_text("A=1")
        with editing.private_folder(print, tmp_path) as other:
            assert one != other and (one / ".env").read_text() == "A=1"
        assert one.is_dir()
    assert list(tmp_path.iterdir()) == []


# --- version control
def test_git_takes_the_sealed_file_and_no_open_one() -> None:
    names = [".env", ".env.new", ".env.before", ".env.age.mine", ".env.age", ".env.recipients", ".env.example"]
    done = subprocess.run(["git", "check-ignore", "--no-index", *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [".env", ".env.new", ".env.before", ".env.age.mine"]
