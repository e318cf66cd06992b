"""The age program opens what ./farm seals, and the other way round: by key and by passphrase, as bytes and as lines of letters."""

import subprocess
from pathlib import Path

import pytest

from tests.ops.envfile.conftest import FARM, Terminal

#: Passphrases are slow on purpose, and programs begin slowly on a machine that is busy.
pytestmark = pytest.mark.timeout(300)

TEXT = "LOG_LEVEL=DEBUG\nREDIS_URL=redis://:hidden@h/0\n"
PHRASE = "five words are better here"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.touch(mode=0o600)
    path.write_text(TEXT)
    return path


@pytest.fixture
def key(age: Path, tmp_path: Path) -> tuple[Path, str]:
    """As age-keygen makes one: its file, and the public key."""
    path = tmp_path / "age.key"
    subprocess.run([age.with_name("age-keygen"), "-o", path], check=True, capture_output=True)
    shown = subprocess.run([age.with_name("age-keygen"), "-y", path], check=True, capture_output=True, text=True)
    return path, shown.stdout.strip()


def farm(*words: str | Path) -> None:
    from tests.ops.cli.test_secrets import CliRunner, application

    done = CliRunner().invoke(application(["secrets"]), ["secrets", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_age_opens_what_was_sealed_here(age: Path, key: tuple[Path, str], plain: Path) -> None:
    farm("encrypt", "--file", plain, "--recipient", key[1])
    done = subprocess.run([age, "-d", "-i", key[0], f"{plain}.age"], capture_output=True, text=True, check=True)
    assert done.stdout == TEXT


def test_age_opens_it_with_a_key_that_was_made_here(age: Path, plain: Path) -> None:
    identity = plain.with_name("made.key")
    farm("keygen", "--file", plain, "--identity", identity)
    farm("encrypt", "--file", plain)
    done = subprocess.run([age, "-d", "-i", identity, f"{plain}.age"], capture_output=True, text=True, check=True)
    assert done.stdout == TEXT


@pytest.mark.parametrize("options", [(), ("--armor",)], ids=["bytes", "letters"])
def test_what_age_has_sealed_to_the_file_of_recipients_is_opened_here(
    age: Path, key: tuple[Path, str], plain: Path, options: tuple[str, ...]
) -> None:
    recipients = plain.with_name(".env.recipients")
    recipients.write_text(f"# us\n{key[1]}\n")
    subprocess.run([age, *options, "-R", recipients, "-o", f"{plain}.age", plain], check=True)
    plain.unlink()
    farm("decrypt", "--file", plain, "--identity", key[0])
    assert plain.read_text() == TEXT


def test_a_passphrase_is_asked_on_the_terminal_and_age_opens_it(age: Path, plain: Path, terminal: Terminal) -> None:
    made = terminal([*FARM, "encrypt", "--passphrase", "--file", plain], [("Passphrase: ", PHRASE), ("Once more: ", PHRASE)])
    assert made.status == 0 and PHRASE not in made.heard, made.heard
    opened = terminal([age, "-d", "-o", plain.with_name("opened"), f"{plain}.age"], [("Enter passphrase", PHRASE)])
    assert opened.status == 0, opened.heard
    assert plain.with_name("opened").read_text() == TEXT


def test_what_age_has_sealed_by_a_passphrase_is_edited_here(age: Path, plain: Path, terminal: Terminal) -> None:
    made = terminal([age, "-p", "--armor", "-o", f"{plain}.age", plain], [("Enter passphrase", PHRASE), ("Confirm passphrase", PHRASE)])
    assert made.status == 0, made.heard
    changed = terminal([*FARM, "edit", "--file", plain], [("Passphrase: ", PHRASE)], {"EDITOR": "sed -i s/DEBUG/INFO/", "VISUAL": ""})
    assert changed.status == 0, changed.heard
    assert plain.read_text() == TEXT.replace("DEBUG", "INFO"), "it said the same and was brought along"


def test_a_wrong_passphrase_opens_nothing_and_a_short_one_seals_nothing(age: Path, plain: Path, terminal: Terminal) -> None:
    for first, second, why in (("short", "", "at least 12"), (PHRASE, f"{PHRASE}!", "They differ")):
        talk = terminal([*FARM, "encrypt", "--passphrase", "--file", plain], [("Passphrase: ", first), ("Once more: ", second)])
        assert talk.status == 2 and why in talk.heard, talk.heard
        assert not Path(f"{plain}.age").exists()


def test_what_cannot_be_taken_is_edited_again_on_a_terminal(age: Path, key: tuple[Path, str], plain: Path, terminal: Terminal) -> None:
    farm("encrypt", "--file", plain, "--recipient", key[1])
    script = plain.with_name("editor")
    script.write_text(
        f'#!/bin/sh\nif test -e {script}.ran; then sed -i s/LEVL/LEVEL/ "$1"; else touch {script}.ran; sed -i s/LEVEL/LEVL/ "$1"; fi\n'
    )
    script.chmod(0o755)
    words = [*FARM, "edit", "--file", plain, "--identity", key[0], "--recipient", key[1]]
    talk = terminal(words, [("Edit again?", "y")], {"EDITOR": str(script), "VISUAL": ""})
    assert talk.status == 0 and "perhaps LOG_LEVEL" in talk.heard and "Nothing was changed." in talk.heard, talk.heard
