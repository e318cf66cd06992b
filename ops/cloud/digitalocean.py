"""Cloud firewalls of DigitalOcean, API v2 (docs.digitalocean.com/reference/api, /v2/firewalls; seen 2026-11-23).

A change replaces the whole firewall, so what it is applied to is sent along. What goes out is dropped unless a rule lets it.
"""

from collections.abc import Iterator
from typing import Any

from ops.cloud import CloudError
from ops.cloud.api import Api, only, poll
from ops.cloud.rules import EVERYWHERE, Call, Rule, Wanted, normal

NAME = "DigitalOcean"
TOKEN = "DIGITALOCEAN_TOKEN"
URL = "https://api.digitalocean.com"
_PATH = "/v2/firewalls"
_PAGE = "200"
_OUT = tuple(Rule("out", protocol, "", EVERYWHERE) for protocol in ("tcp", "udp", "icmp"))

Atom = tuple[str, str, str, str]


def find(api: Api, name: str) -> dict[str, Any] | None:
    """The firewall of this name. Raises CloudError."""
    total: list[Any] = []

    def more(answer: dict[str, Any]) -> bool:
        total.append((answer.get("meta") or {}).get("total"))
        # Only whether there is a next page: its address is the provider's, and would be given the token.
        return bool(((answer.get("links") or {}).get("pages") or {}).get("next"))

    every = list(api.pages(_PATH, "firewalls", {"per_page": _PAGE}, more))
    return only(every, total[-1], name, NAME)


def calls(found: dict[str, Any] | None, wanted: Wanted) -> list[Call]:
    rules = (*wanted.rules, *_OUT)
    if found is None:
        return [Call("POST", _PATH, _body(wanted.name, rules, set(wanted.machines), set(wanted.labels)))]
    machines, labels = set(found.get("droplet_ids") or ()), set(found.get("tags") or ())
    if (
        set(_atoms(found)) == {atom for rule in rules for atom in rule.atoms()}
        and machines >= {*wanted.machines}
        and labels >= {*wanted.labels}
    ):
        return []
    return [Call("PUT", f"{_PATH}/{found['id']}", _body(wanted.name, rules, machines | {*wanted.machines}, labels | {*wanted.labels}))]


def send(api: Api, call: Call) -> None:
    """PUT may be sent twice, POST would make a second one."""
    answer = api.ask(call.method, call.path, body=call.body, repeatable=call.method == "PUT")
    if not isinstance(answer.get("firewall"), dict) or not answer["firewall"].get("id"):
        raise CloudError(f"{NAME} answered {call.method} {call.path} without a firewall: run this again to see what became of it.")


def settle(api: Api, found: dict[str, Any]) -> None:
    """Wait until the droplets have it."""

    def done() -> bool:
        one = api.ask("GET", f"{_PATH}/{found['id']}").get("firewall") or {}
        if one.get("status") == "failed":
            late = [change.get("droplet_id") for change in one.get("pending_changes") or () if isinstance(change, dict)]
            raise CloudError(f"{NAME} could not put it into force on droplets {late}: look at them in its control panel.")
        return bool(one.get("status") == "succeeded")

    if found.get("status") != "succeeded":
        poll(api, done, f"The firewall {found.get('name')}")


def protects(found: dict[str, Any]) -> bool:
    return bool(found.get("droplet_ids") or found.get("tags"))


def _body(name: str, rules: tuple[Rule, ...], machines: set[int], labels: set[str]) -> dict[str, object]:
    return {
        "name": name,
        "inbound_rules": [_rule(rule, "sources") for rule in rules if rule.direction == "in"],
        "outbound_rules": [_rule(rule, "destinations") for rule in rules if rule.direction == "out"],
        "droplet_ids": sorted(machines),
        "tags": sorted(labels),
    }


def _rule(rule: Rule, ends: str) -> dict[str, object]:
    ports = {} if rule.protocol == "icmp" else {"ports": rule.ports or "all"}
    return {"protocol": rule.protocol, **ports, ends: {"addresses": list(rule.sources)}}


def _atoms(found: dict[str, Any]) -> Iterator[Atom]:
    """All ports are told as "0", "all" or not at all; sources may be tags and droplets as well, which are never wanted here."""
    for direction, ends in (("in", "sources"), ("out", "destinations")):
        for rule in found.get(f"{direction}bound_rules") or ():
            ports = "" if rule.get("ports") in (None, "", "0", "all", "1-65535") else str(rule["ports"])
            for kind, named in (rule.get(ends) or {}).items():
                for one in named or ():
                    yield (direction, str(rule.get("protocol")), ports, normal(str(one)) if kind == "addresses" else f"{kind} {one}")
