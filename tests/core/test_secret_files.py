"""core.secret_files: a secret may come by a file, and never by two ways."""

from pathlib import Path

import pytest

from core import settings
from core.secret_files import taken
from core.settings import SettingsError
from ops.cli import environment
from ops.cli.errors import Refused


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "redis_url"
    path.write_text("redis://:hidden@redis:6379/0\n")
    return path


def test_a_file_stands_for_its_only_line(secret: Path) -> None:
    assert taken({"REDIS_URL_FILE": str(secret), "LOG_LEVEL": "INFO"}, {"REDIS_URL"}) == {
        "REDIS_URL": "redis://:hidden@redis:6379/0",
        "LOG_LEVEL": "INFO",
    }
    assert settings.load({"REDIS_URL": "", "REDIS_URL_FILE": str(secret)}).redis_url == "redis://:hidden@redis:6379/0"


def test_a_venues_login_may_come_by_files_too(secret: Path) -> None:
    found = settings.load({"SOMEWHERE_CLIENT_ID": "me", "SOMEWHERE_CLIENT_SECRET_FILE": str(secret)})
    assert found.credentials("somewhere") == {"client_id": "me", "client_secret": "redis://:hidden@redis:6379/0"}


def test_an_empty_file_is_a_secret_that_is_not_set(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert settings.load({"ALERT_URLS_FILE": str(tmp_path / "empty")}).alert_urls == ""
    assert settings.load({"ALERT_URLS_FILE": ""}).alert_urls == ""


def test_what_names_a_file_for_another_reason_stays(secret: Path) -> None:
    given = {"BACKUP_AGE_IDENTITY_FILE": str(secret), "KALSHI_PRIVATE_KEY_FILE": str(secret), "LOG_LEVEL_FILE": str(secret)}
    assert taken(given, settings.SECRETS) == given


def test_a_secret_is_given_once(secret: Path) -> None:
    with pytest.raises(SettingsError, match="REDIS_URL and REDIS_URL_FILE are both set: leave one of them out") as caught:
        settings.load({"REDIS_URL": "redis://elsewhere", "REDIS_URL_FILE": str(secret)})
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("content", [b"hidden\nmore\n", b"hid\0den", b"\xff\xfehidden"], ids=["two lines", "a zero byte", "no text"])
def test_what_is_no_line_of_text_is_refused_and_not_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(SettingsError, match=r"REDIS_URL_FILE=.* cannot be used") as caught:
        taken({"REDIS_URL_FILE": str(tmp_path / "secret")}, {"REDIS_URL"})
    assert "hid" not in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"REDIS_URL_FILE='.*/missing' cannot be used: No such file or directory\."):
        settings.load({"REDIS_URL_FILE": str(tmp_path / "missing")})


def test_the_commands_read_them_as_the_programs_do(tmp_path: Path, secret: Path) -> None:
    (tmp_path / ".env").touch(mode=0o600)
    assert environment.given({"REDIS_URL_FILE": str(secret)}, tmp_path / ".env") == {"REDIS_URL": "redis://:hidden@redis:6379/0"}
    with pytest.raises(Refused, match="REDIS_URL_FILE"):
        environment.given({"REDIS_URL_FILE": str(tmp_path / "missing")}, tmp_path / ".env")
