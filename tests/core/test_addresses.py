"""core.addresses: a URL with a password is refused in words that hold nothing of it."""

import pytest

from core.addresses import objection
from core.settings import SettingsError, load

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        f"redis://:{SECRET}@127.0.0.1:6379/0",
        f"rediss://user:{SECRET}@[::1]:6379/0?ssl_cert_reqs=required",
        "unix:///run/redis.sock?db=1",
        "postgresql+psycopg2://tapefarm@/tapefarm?host=/var/run/sockets&port=54329",
        f"postgres://u:{SECRET}%40%2F@db.example:5432/x?sslmode=verify-full&sslrootcert=system",
        f"postgresql://u:{SECRET}@db/x?sslmode=disable",
    ],
)
def test_what_may_work_is_tried(url: str) -> None:
    assert objection(url) is None


@pytest.mark.parametrize(
    "broken", [f"a/{SECRET}", f"a@{SECRET}", f"a#{SECRET}", f"[{SECRET}", f"12/{SECRET}", f"a?{SECRET}", f"{SECRET}:x@h:"]
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_READER_URL", "REDIS_URL", "BROKER_URL"])
def test_a_password_that_is_not_written_for_a_url_is_not_told(name: str, broken: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} cannot be used: give NAME://USER:PASSWORD") as caught:
        load({name: f"scheme://user:{broken}@127.0.0.1:1/x"})
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None and SECRET not in repr(caught.value.__context__ or "")


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("DATABASE_URL", "sslmode=require"),
        ("DATABASE_URL", "sslmode=prefer"),
        ("DATABASE_OWNER_URL", "sslmode=ALLOW"),
        ("REDIS_URL", "ssl_cert_reqs=none"),
        ("BROKER_URL", "ssl_cert_reqs=optional"),
        ("REDIS_URL", "ssl_check_hostname=False"),
    ],
)
def test_tls_that_verifies_nothing_is_refused(name: str, option: str) -> None:
    with pytest.raises(
        SettingsError, match=f"{name} cannot be used: its .* would speak TLS without looking at who answers: write"
    ) as caught:
        load({name: f"scheme://u:{SECRET}@127.0.0.1/0?{option}"})
    assert SECRET not in str(caught.value)


def test_no_setting_with_a_password_is_shown() -> None:
    found = load({"DATABASE_URL": f"postgresql://u:{SECRET}@h/x", "REDIS_URL": f"redis://:{SECRET}@h/0", "FLOWER_PASSWORD": SECRET})
    assert SECRET not in repr(found)
