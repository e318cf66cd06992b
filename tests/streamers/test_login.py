"""Where a streamer's login comes from: the environment, for any venue."""

from pathlib import Path

import pytest

from core.settings import Settings, SettingsError, load

SECRET = "s3cr3t"


def test_a_login_is_read_for_any_venue_and_never_shown() -> None:
    found = load({"SOMEWHERE_CLIENT_ID": "me", "SOMEWHERE_CLIENT_SECRET": SECRET, "ELSEWHERE_CLIENT_ID": "", "OTHER_CLIENT_ID": "x"})
    assert found.credentials("somewhere") == {"client_id": "me", "client_secret": SECRET}
    assert found.credentials("elsewhere") == {}
    assert SECRET not in repr(found)


@pytest.mark.parametrize(("given", "lacking"), [("CLIENT_ID", "CLIENT_SECRET"), ("CLIENT_SECRET", "CLIENT_ID")])
def test_half_a_login_is_a_sentence_without_the_secret(given: str, lacking: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(logins={f"TINY_{given}": SECRET}).credentials("tiny")
    assert str(caught.value) == f"TINY_{lacking} is not set: give TINY_CLIENT_ID and TINY_CLIENT_SECRET, or neither"


PEM = "-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----\n"


def key_file(folder: Path, text: str = PEM, mode: int = 0o600) -> dict[str, str]:
    path = folder / "key.pem"
    path.write_text(text)
    path.chmod(mode)
    return {"TINY_KEY_ID": "me", "TINY_PRIVATE_KEY_FILE": str(path)}


def test_a_key_is_read_from_a_file_of_its_owners(tmp_path: Path) -> None:
    found = load(key_file(tmp_path))
    assert found.credentials("tiny") == {"key_id": "me", "private_key": PEM}
    assert SECRET not in repr(found)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SettingsError, match=r"others may read it: `chmod 600 .*key\.pem`"):
        load(key_file(tmp_path, mode=mode)).credentials("tiny")


@pytest.mark.parametrize("text", ["s3cr3t", PEM + "ö"])
def test_a_file_without_a_key_is_a_sentence_without_what_it_holds(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="there is no private key as PEM in it") as caught:
        load(key_file(tmp_path, text)).credentials("tiny")
    assert SECRET not in str(caught.value)


def test_a_key_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"TINY_PRIVATE_KEY_FILE=.* cannot be used: give a file with a private key as PEM"):
        load({"TINY_KEY_ID": "me", "TINY_PRIVATE_KEY_FILE": str(tmp_path / "nothing")}).credentials("tiny")
    with pytest.raises(SettingsError, match="TINY_PRIVATE_KEY_FILE is not set: give TINY_KEY_ID and TINY_PRIVATE_KEY_FILE, or neither"):
        load({"TINY_KEY_ID": "me"}).credentials("tiny")
