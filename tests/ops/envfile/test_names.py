"""A name that something here reads is known, whoever reads it; one that nothing reads is told with its nearest."""

import re
from pathlib import Path

import pytest

from core.settings import ROOT
from ops.envfile import names
from venues import VENUES


def test_all_that_the_example_and_the_compose_file_name_is_known() -> None:
    listed = re.findall(r"^#([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(listed) > 50 and names.unknown(listed) == []
    assert names.unknown(re.findall(r"\$\{([A-Z0-9_]+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8"))) == []


def test_each_venue_has_its_addresses_and_its_login() -> None:
    ends = ("WS_URL", "REST_URL", "CLIENT_ID", "CLIENT_SECRET", "KEY_ID", "PRIVATE_KEY_FILE")
    assert names.unknown(f"{venue.upper()}_{end}" for venue in VENUES for end in ends) == []
    assert names.unknown(["NYSE_WS_URL"])


def test_an_override_of_the_operators_own_may_ask_for_more(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.override.yml").write_text("services: {x: {image: 'y:${MY_TAG:-1}'}}\n")
    assert "MY_TAG" in names.known(tmp_path) and "MY_TAG" not in names.known()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("REDIS_URI", "REDIS_URI (perhaps REDIS_URL?)"),
        ("log_level", "log_level (perhaps LOG_LEVEL?)"),
        ("HCLOUD_TOKEN", "HCLOUD_TOKEN"),
        ("FROBNICATE", "FROBNICATE"),
    ],
)
def test_what_nothing_reads(name: str, told: str) -> None:
    assert names.unknown([name]) == [told]


def test_two_files_differ_in_names_and_never_in_values() -> None:
    assert names.differing({"A": "1", "B": "2", "C": "3"}, {"A": "1", "B": "9", "D": "4"}) == "B, C, D"
    assert names.differing({"A": "1"}, {"A": "1"}) == "comments or order alone"
