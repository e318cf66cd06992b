"""The cloud's firewall is made, brought up to date, and left alone when it is as it should be; whatever goes wrong takes no rule away."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.settings import ROOT
from ops.__main__ import application
from ops.cli.errors import sentence
from ops.cloud import CloudError, digitalocean, hetzner
from ops.cloud.api import ATTEMPTS, Api
from ops.cloud.ensure import PROVIDERS, ensured
from ops.cloud.rules import Wanted, incoming
from tests.ops.firewall.fakes import DROPPED, GATEWAY, LOST, TOKEN, Cloud, DigitalOcean, Hetzner, serving

NOW = 1_795_413_600.0
LISTS = {"digitalocean": "/v2/firewalls", "hetzner": "/v1/firewalls"}
CREATED = {
    "digitalocean": {
        "name": "tapefarm",
        "inbound_rules": [
            {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["203.0.113.7/32", "2001:db8::/48"]}},
            {"protocol": "tcp", "ports": "8080", "sources": {"addresses": ["198.51.100.0/24"]}},
        ],
        "outbound_rules": [
            {"protocol": "tcp", "ports": "all", "destinations": {"addresses": ["0.0.0.0/0", "::/0"]}},
            {"protocol": "udp", "ports": "all", "destinations": {"addresses": ["0.0.0.0/0", "::/0"]}},
            {"protocol": "icmp", "destinations": {"addresses": ["0.0.0.0/0", "::/0"]}},
        ],
        "droplet_ids": [3164494],
        "tags": ["farm"],
    },
    "hetzner": {
        "name": "tapefarm",
        "rules": [
            {"direction": "in", "protocol": "tcp", "port": "22", "source_ips": ["203.0.113.7/32", "2001:db8::/48"], "description": "SSH"},
            {"direction": "in", "protocol": "tcp", "port": "8080", "source_ips": ["198.51.100.0/24"], "description": "health"},
        ],
        "apply_to": [
            {"type": "server", "server": {"id": 3164494}},
            {"type": "label_selector", "label_selector": {"selector": "farm"}},
        ],
    },
}


class Office:
    """A provider, and somebody who wants a firewall of it; waits are noted and not waited."""

    def __init__(self, name: str, cloud: Cloud) -> None:
        self.name, self.cloud, self.provider = name, cloud, PROVIDERS[name]
        self.path = LISTS[name]
        self.waits: list[float] = []

    def api(self, token: str = TOKEN) -> Api:
        return Api(self.cloud.url, token, what=self.provider.NAME, sleep=self.waits.append, clock=lambda: NOW)

    def want(self, *, ssh: tuple[str, ...] = ("203.0.113.7", "2001:db8::/48"), machines: tuple[int, ...] = (3164494,)) -> list[str]:
        """Methods and paths of what was sent."""
        rules = incoming(ssh, ["198.51.100.0/24"], [], ssh_port=22, health_port=8080, anywhere=False)
        sent, _ = ensured(self.provider, self.api(), Wanted("tapefarm", rules, machines, ("farm",)))
        return [f"{call.method} {call.path}" for call in sent]

    def fails(self) -> str:
        with pytest.raises(CloudError) as caught:
            self.want()
        assert TOKEN not in str(caught.value)
        return str(caught.value)

    def others(self, count: int) -> None:
        """Firewalls of other names, and one whose name only begins so."""
        for number in range(count):
            self.cloud.firewalls.insert(0, {"id": f"other-{number}", "name": f"tapefarm-{number}", **EMPTY})


EMPTY: dict[str, Any] = {"inbound_rules": [], "outbound_rules": [], "droplet_ids": [], "tags": [], "rules": [], "applied_to": []}


@pytest.fixture(params=["digitalocean", "hetzner"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    with serving({"digitalocean": DigitalOcean, "hetzner": Hetzner}[request.param]()) as cloud:
        yield Office(request.param, cloud)


# --- as it should be
def test_it_is_made_with_what_is_wanted_and_waited_for(office: Office) -> None:
    office.want()
    assert [(one.method, one.path, one.body) for one in office.cloud.writes] == [("POST", office.path, CREATED[office.name])]
    assert office.waits and set(office.waits) == {1.0}, "it was not in force at once"


def test_a_second_time_nothing_is_written_though_it_is_told_in_another_order_and_spelling(office: Office) -> None:
    office.want()
    assert office.want(ssh=("2001:0db8:0::/48", "203.0.113.7/32")) == []
    assert len(office.cloud.writes) == 1


def test_other_rules_are_replaced_and_what_stands_behind_it_stays(office: Office) -> None:
    office.want()
    office.want(ssh=("192.0.2.0/24",), machines=(7,))
    (found,) = office.cloud.firewalls
    if office.name == "digitalocean":
        assert (found["droplet_ids"], found["tags"]) == ([7, 3164494], ["farm"])
        assert {str(rule["sources"]) for rule in found["inbound_rules"]} == {
            "{'addresses': ['192.0.2.0/24']}",
            "{'addresses': ['198.51.100.0/24']}",
        }
        assert len(found["outbound_rules"]) == 3
    else:
        assert [one.get("server", {}).get("id") for one in found["applied_to"]] == [3164494, None, 7]
        assert {tuple(rule["source_ips"]) for rule in found["rules"]} == {("192.0.2.0/24",), ("198.51.100.0/24",)}
    assert office.want(ssh=("192.0.2.0/24",), machines=(7,)) == []


def test_a_machine_more_changes_no_rule_of_hetzner() -> None:
    with serving(Hetzner()) as cloud:
        office = Office("hetzner", cloud)
        office.want()
        assert office.want(machines=(3164494, 7)) == ["POST /v1/firewalls/38/actions/apply_to_resources"]
        assert cloud.writes[-1].body == {"apply_to": [{"type": "server", "server": {"id": 7}}]}


def test_what_somebody_let_in_by_hand_is_taken_away(office: Office) -> None:
    """A tag of DigitalOcean is a source as well; Hetzner may restrict what goes out."""
    office.want()
    (found,) = office.cloud.firewalls
    if office.name == "digitalocean":
        found["inbound_rules"][0]["sources"]["tags"] = ["bastion"]
    else:
        found["rules"].append({"direction": "out", "protocol": "tcp", "port": "443", "source_ips": [], "destination_ips": ["0.0.0.0/0"]})
    assert len(office.want()) == 1 and office.want() == []


# --- pages
def test_it_is_found_on_the_last_of_many_pages(office: Office) -> None:
    office.want()
    office.cloud.most = 2
    office.others(7)
    assert office.want() == []
    if office.name == "digitalocean":
        assert [one.query["page"] for one in office.cloud.asked if one.method == "GET" and one.path == office.path][-4:] == [
            "1",
            "2",
            "3",
            "4",
        ]


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, {}),
        (200, {}, {}),
        (200, {}, []),
        (200, {}, b"<html>"),
        (200, {}, {"firewalls": None}),
        (200, {}, {"firewalls": [], "meta": {"total": 3, "pagination": {"next_page": None, "total_entries": 3}}}),
        (200, {}, {"firewalls": [], "links": {"pages": {"next": "x"}}, "meta": {"pagination": {"next_page": 2}}}),
        (200, {}, {"firewalls": [{"name": "tapefarm"}]}),
        (302, {"Location": "?page=1"}, {}),
        DROPPED,
    ],
    ids=["failing", "nothing", "a list", "no JSON", "no list", "some are missing", "an empty page", "no id", "elsewhere", "dropped"],
)
def test_a_list_that_is_not_whole_changes_nothing(office: Office, answer: Any) -> None:
    office.want()
    before = json.dumps(office.cloud.firewalls)
    office.cloud.trouble("GET", office.path, answer, times=ATTEMPTS)
    office.fails()
    assert len(office.cloud.writes) == 1 and json.dumps(office.cloud.firewalls) == before


def test_a_list_without_an_end_is_not_read_for_ever(office: Office) -> None:
    page = {"firewalls": [{"name": "other"}], "links": {"pages": {"next": "x"}}, "meta": {"pagination": {"next_page": 2}}}
    office.cloud.trouble("GET", office.path, (200, {}, page), times=10_000)
    assert "more than 100 pages" in office.fails() and not office.cloud.writes


def test_two_of_one_name_are_nobodys_to_choose_from(office: Office) -> None:
    office.want()
    office.cloud.firewalls.append({**office.cloud.firewalls[0], "id": 99})
    assert "2 firewalls that are called tapefarm" in office.fails() and len(office.cloud.writes) == 1


# --- patience
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_too_many_requests_are_followed_by_the_wait_that_is_asked_for(office: Office, method: str) -> None:
    office.cloud.lag = 0
    error = {"id": "too_many_requests", "message": "API Rate limit exceeded.", "error": {"code": "rate_limit_exceeded", "message": "wait"}}
    office.cloud.trouble(method, office.path, (429, {"Retry-After": "7"}, error))
    office.cloud.trouble(method, office.path, (429, {"RateLimit-Reset": f"{NOW + 30:.0f}", "RateLimit-Remaining": "0"}, error))
    office.want()
    assert [int(wait) for wait in office.waits[:2]] == [7, 30]
    assert len(office.cloud.firewalls) == 1


def test_a_wait_of_an_hour_is_told_instead(office: Office) -> None:
    office.cloud.trouble("POST", office.path, (429, {"Retry-After": "3600"}, {}))
    assert "wait for 3600 s" in office.fails() and office.waits == []


def test_it_is_not_asked_for_ever(office: Office) -> None:
    office.cloud.trouble("GET", office.path, (503, {}, {}), times=1000)
    assert f"{ATTEMPTS} times" in office.fails()
    assert len(office.cloud.asked) == ATTEMPTS


def test_somebody_else_at_it_is_waited_for() -> None:
    with serving(Hetzner()) as cloud:
        for status, code in ((409, "conflict"), (423, "locked")):
            cloud.trouble("POST", "/v1/firewalls", (status, {}, {"error": {"code": code, "message": "again"}}))
        Office("hetzner", cloud).want()
        assert len(cloud.firewalls) == 1


@pytest.mark.parametrize(
    "trouble", [LOST, DROPPED, GATEWAY, (502, {}, {})], ids=["done and not told", "dropped", "done and denied", "not done"]
)
def test_an_answer_that_is_lost_makes_no_second_one(office: Office, trouble: Any) -> None:
    office.cloud.trouble("POST", office.path, trouble)
    office.want()
    assert [one["name"] for one in office.cloud.firewalls] == ["tapefarm"]
    assert office.want() == []


def test_a_change_whose_answer_is_lost_is_made_in_the_end(office: Office) -> None:
    office.want()
    office.cloud.trouble("PUT", office.path, LOST)
    office.cloud.trouble("POST", f"{office.path}/", LOST)
    office.want(ssh=("192.0.2.0/24",), machines=(7,))
    assert office.want(ssh=("192.0.2.0/24",), machines=(7,)) == []


def test_what_is_not_in_force_after_a_minute_is_told(office: Office) -> None:
    office.cloud.lag = 1000
    assert "not in force everywhere after 60 s" in office.fails()
    assert sum(office.waits) == 60


def test_what_the_provider_could_not_do_is_told(office: Office) -> None:
    office.cloud.fails = True
    told = office.fails()
    assert "[3164494]" in told if office.name == "digitalocean" else "action_failed: Action failed" in told


# --- noes
@pytest.mark.parametrize(
    ("status", "told"), [(401, "The token is not taken"), (403, "may read and write firewalls"), (404, "--apply-to"), (422, "ids and tags")]
)
def test_a_no_is_told_with_the_words_of_the_provider_and_what_to_do(office: Office, status: int, told: str) -> None:
    fields = {"fields": [{"name": "apply_to.0.server.id", "messages": ["unknown"]}]}
    body = {"id": "nope", "message": f"{TOKEN} says no"}
    if office.name == "hetzner":
        body = {"error": {"code": "nope", "message": f"{TOKEN} says no", "details": fields}}  # type: ignore[dict-item]
    office.cloud.trouble("POST", office.path, (status, {}, body))
    said = office.fails()
    assert f"HTTP {status} nope: … says no" in said and told in said
    assert office.name == "digitalocean" or "apply_to.0.server.id: unknown" in said
    assert office.waits == [], "asking again would not help"


def test_a_wrong_token_is_told(office: Office) -> None:
    with pytest.raises(CloudError, match=r"HTTP 401 unauthorized: [Uu]nable to authenticate") as caught:
        office.provider.find(office.api("wrong-hidden"), "tapefarm")
    assert "wrong-hidden" not in str(caught.value)


def test_a_netrc_does_not_take_the_place_of_the_token(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    api = office.api()
    api._session.trust_env = True  # as it is for the world outside
    assert office.provider.find(api, "tapefarm") is None


@pytest.mark.parametrize("token", ["a b", "a\nb", "schlüssel"])
def test_what_is_no_token_is_not_sent_and_not_told(token: str) -> None:
    with pytest.raises(CloudError, match="copy it again") as caught:
        Api("https://api.example.org", token, what="Hetzner")
    assert token not in str(caught.value)


def test_a_token_is_sent_encrypted_or_to_this_machine() -> None:
    with pytest.raises(CloudError, match="over https only"):
        Api("http://api.example.org", TOKEN, what="Hetzner")
    assert digitalocean.URL.startswith("https://") and hetzner.URL.startswith("https://")


# --- the command
def command(*words: str) -> tuple[int, str, str]:
    """(exit status, stdout, what was told on stderr)."""
    done = CliRunner().invoke(application(["firewall"]), ["firewall", *words])
    known = sentence(done.exception) if done.exception and not isinstance(done.exception, SystemExit) else None
    assert done.exception is None or known or isinstance(done.exception, SystemExit), done.exception
    assert TOKEN not in done.output
    return (known[1] if known else done.exit_code), done.stdout, done.stderr + (known[0] if known else "")


SOURCES = ("--ssh-from", "203.0.113.7", "--ssh-from", "2001:db8::/48", "--health-from", "198.51.100.0/24")
TARGETS = ("--apply-to", "3164494", "--apply-to", "farm")


@pytest.fixture
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITALOCEAN_TOKEN", raising=False)
    monkeypatch.delenv("HCLOUD_TOKEN", raising=False)


@pytest.mark.usefixtures("no_token")
def test_a_dry_run_without_a_token_prints_the_payload_and_asks_nobody(office: Office) -> None:
    status, out, told = command("--provider", office.name, *SOURCES, *TARGETS, "--dry-run", "--api-url", office.cloud.url)
    assert (status, json.loads(out)) == (0, [{"method": "POST", "path": office.path, "body": CREATED[office.name]}])
    assert "was not asked" in told and office.cloud.asked == []


def test_a_dry_run_with_a_token_prints_what_would_change_and_changes_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(office.provider.TOKEN, TOKEN)
    words = ("--provider", office.name, *SOURCES, *TARGETS, "--dry-run", "--api-url", office.cloud.url)
    assert json.loads(command(*words)[1])[0]["method"] == "POST" and office.cloud.writes == []
    office.want()
    assert json.loads(command(*words)[1]) == []
    changed = json.loads(command(*words, "--ssh-from", "192.0.2.0/24")[1])
    assert "192.0.2.0/24" in json.dumps(changed) and len(office.cloud.writes) == 1


def test_it_says_what_is_let_in_and_that_nothing_stands_behind_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(office.provider.TOKEN, f"{TOKEN}\n")
    office.cloud.lag = 0
    for said in ("changed", "unchanged"):
        status, out, told = command("--provider", office.name, *SOURCES, "--api-url", office.cloud.url)
        assert status == 0 and f"tapefarm at {office.provider.NAME}: {said}" in out
        assert "SSH: tcp 22 from 203.0.113.7/32, 2001:db8::/48" in out
        assert "No machine stands behind it yet" in told
    assert len(office.cloud.writes) == 1


@pytest.mark.usefixtures("no_token")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Nobody could log in"),
        (("--ssh-from", "0.0.0.0/0"), "--anywhere"),
        (("--ssh-from", "10.0.0.0/8"), "HCLOUD_TOKEN"),
        (("--ssh-from", "10.0.0.0/8", "--provider", "aws"), "aws"),
        (("--ssh-from", "10.0.0.0/8", "--ssh-port", "0"), "--ssh-port"),
    ],
)
def test_what_is_wrongly_asked(words: tuple[str, ...], told: str) -> None:
    status, out, said = command("--provider", "hetzner", *words)
    assert (status, out) == (2, "") and told in said


def test_the_file_itself_is_a_program(tmp_path: Path) -> None:
    """From anywhere, and with nothing of its folder before the standard library."""
    with serving(Hetzner(lag=0)) as cloud:
        environ = {**os.environ, "HCLOUD_TOKEN": TOKEN}
        argv = [sys.executable, ROOT / "ops/firewall.py", "--provider", "hetzner", *SOURCES, *TARGETS, "--api-url", cloud.url]
        done = subprocess.run(argv, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, "tapefarm at Hetzner: changed" in done.stdout) == (0, True), done.stderr
        refused = subprocess.run(
            [*argv, "--ssh-from", "x"], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert refused.returncode == 2 and "is no network" in refused.stderr and "Traceback" not in refused.stderr
