"""The door of the console: who is let in, and what a browser is told about everything it gets."""

import base64
import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
import requests

from core.settings import Settings
from ops.console.security import HEADERS, meant_for_here, objection

PATHS = ("/health/live", "/health/ready", "/health", "/api/health", "/api/status", "/docs", "/openapi.json", "/nowhere")


@pytest.fixture(scope="module")
def locked(away: Settings) -> Iterator[str]:
    from tests.ops.console.conftest import serving

    with serving(dataclasses.replace(away, console_user="farm", console_password="p\u00e4ss:word")) as url:
        yield url


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("127.0.0.1:8000", True),
        ("localhost", True),
        ("LOCALHOST:9", True),
        ("[::1]:8000", True),
        ("", True),  # a browser always names one
        ("farm.example", False),
        ("127.0.0.1.farm.example:8000", False),
        ("localhost.farm.example", False),
        ("[::1.farm.example", False),
        ("10.0.0.1:8000", False),
    ],
)
def test_without_a_password_only_what_is_meant_for_this_machine_is_answered(host: str, taken: bool) -> None:
    assert meant_for_here(host) is taken


def test_a_page_from_elsewhere_whose_name_points_here_reads_nothing(blind: str) -> None:
    for path in PATHS:
        assert requests.get(blind + path, headers={"Host": "farm.example"}, timeout=20).status_code == 421, path
    assert requests.get(f"{blind}/health/live", timeout=20).json() == {"state": "live"}


def test_with_a_password_all_but_life_and_readiness_want_it(locked: str) -> None:
    for path in PATHS:
        found = requests.get(locked + path, timeout=20)
        assert (found.status_code == 401) is (path not in ("/health/live", "/health/ready")), path
        assert ("www-authenticate" in found.headers) is (found.status_code == 401)
    right = ("farm", "p\u00e4ss:word".encode())
    assert requests.get(f"{locked}/openapi.json", auth=right, timeout=20).ok  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !",
        "Bearer x",
        "Basic " + base64.b64encode(b"farm:wrong").decode(),
        "Basic " + base64.b64encode(b"farm").decode(),
        "",
    ],
)
def test_a_wrong_password_is_refused_however_it_is_written(locked: str, header: str) -> None:
    assert requests.get(f"{locked}/openapi.json", headers={"Authorization": header}, timeout=20).status_code == 401


def test_every_answer_says_what_a_browser_may_do_with_it(blind: str, locked: str) -> None:
    for url in (blind, locked):
        for path in PATHS:
            found = requests.get(url + path, timeout=20).headers
            assert {name: found[name] for name in HEADERS if name != "content-security-policy"} == {
                name: value for name, value in HEADERS.items() if name != "content-security-policy"
            }, path
            policy = found["content-security-policy"]
            assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
            assert "server" not in found


def test_the_page_of_the_api_loads_nothing_from_elsewhere_and_runs_the_one_script_it_names(blind: str) -> None:
    found = requests.get(f"{blind}/docs", timeout=20)
    assert not re.search(r"https?://", found.text)
    for script in re.findall(r"<script>(.*?)</script>", found.text, re.DOTALL):
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in found.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', found.text)
    assert len(loaded) >= 3
    for path in loaded:
        assert requests.get(blind + path, timeout=20).ok, path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, None),
        ({"console_address": "localhost"}, None),
        ({"console_address": "0.0.0.0"}, "set CONSOLE_USER and CONSOLE_PASSWORD too"),
        ({"console_address": "192.168.1.2", "console_password": "x", "console_user": ""}, "set CONSOLE_USER and CONSOLE_PASSWORD too"),
        ({"console_address": "0.0.0.0", "console_password": "x"}, None),
        ({"console_user": "a:b", "console_password": "x"}, "leave out colons"),
    ],
)
def test_what_others_can_reach_wants_a_password(change: dict[str, str], words: str | None) -> None:
    said = objection(dataclasses.replace(Settings(), **change))
    assert said is None if words is None else words in (said or "")


def test_no_password_of_a_server_is_told(blind: str, serve: Callable[[Settings], AbstractContextManager[str]]) -> None:
    for path in ("/health", "/health/ready", "/api/gaps", "/api/tasks"):
        found = requests.get(blind + path, timeout=30)
        assert found.status_code == 503 and "secret" not in found.text and "Traceback" not in found.text, path
