"""A mail server, and a farm's settings without a farm."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import settings
from core.settings import Settings
from tests.ops.alerting.peers import Mailbox, mailbox


@pytest.fixture
def mails() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def knobs(fresh_database_url: str, redis_url: str, key_prefix: str, tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a farm of this test's own, with changes."""
    given = {"database_url": fresh_database_url, "redis_url": redis_url, "key_prefix": key_prefix, "farm_home": str(tmp_path)}
    return lambda **changes: dataclasses.replace(settings.load({}), **{**given, **changes})
