"""One laboratory for all stages in their smallest form. It empties its Redis, so it has servers of its own."""

from collections.abc import Iterator

import pytest

from bench.servers import Lab, laboratory
from ops.local.errors import LocalError


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    context = laboratory(print, durable=False)
    try:
        opened = context.__enter__()
    except LocalError as exc:
        pytest.skip(f"no private servers: {exc}")
    yield opened
    context.__exit__(None, None, None)
