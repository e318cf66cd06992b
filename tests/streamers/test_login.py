"""Where a streamer's login comes from: the environment, for any venue."""

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
