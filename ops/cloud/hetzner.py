"""Firewalls of Hetzner Cloud, API v1 (docs.hetzner.cloud, /v1/firewalls; seen 2026-11-23).

Rules and machines are changed by actions, which go on after the answer. Without rules for it, everything may go out.
"""

from collections.abc import Iterator
from typing import Any

from ops.cloud import CloudError
from ops.cloud.api import Api, only, poll
from ops.cloud.rules import Call, Rule, Wanted, normal

NAME = "Hetzner"
TOKEN = "HCLOUD_TOKEN"
URL = "https://api.hetzner.cloud"
_PATH = "/v1/firewalls"
_PAGE = "50"

Atom = tuple[str, str, str, str]


def find(api: Api, name: str) -> dict[str, Any] | None:
    """The firewall of this name. Raises CloudError."""
    total: list[Any] = []

    def more(answer: dict[str, Any]) -> bool:
        pagination = (answer.get("meta") or {}).get("pagination") or {}
        total.append(pagination.get("total_entries"))
        return pagination.get("next_page") is not None

    every = list(api.pages(_PATH, "firewalls", {"name": name, "per_page": _PAGE}, more))
    return only(every, total[-1], name, NAME)


def calls(found: dict[str, Any] | None, wanted: Wanted) -> list[Call]:
    rules: list[dict[str, object]] = [_rule(rule) for rule in wanted.rules]
    if found is None:
        return [Call("POST", _PATH, {"name": wanted.name, "rules": rules, "apply_to": _targets(set(wanted.machines), set(wanted.labels))})]
    made = []
    if set(_atoms(found)) != {atom for rule in wanted.rules for atom in rule.atoms()}:
        made.append(Call("POST", f"{_PATH}/{found['id']}/actions/set_rules", {"rules": rules}))
    machines, labels = _applied(found)
    if missing := _targets(set(wanted.machines) - machines, set(wanted.labels) - labels):
        made.append(Call("POST", f"{_PATH}/{found['id']}/actions/apply_to_resources", {"apply_to": missing}))
    return made


def send(api: Api, call: Call) -> None:
    """set_rules replaces all rules and may be sent twice."""
    answer = api.ask(call.method, call.path, body=call.body, repeatable=call.path.endswith("/set_rules"))
    actions = answer.get("actions")
    if not isinstance(actions, list) or not all(isinstance(one, dict) and "id" in one for one in actions):
        raise CloudError(f"{NAME} answered {call.method} {call.path} without actions: run this again to see what became of it.")
    for action in actions:
        _wait(api, action)


def _wait(api: Api, action: dict[str, Any]) -> None:
    latest = action

    def done() -> bool:
        nonlocal latest
        if latest.get("status") == "running":
            latest = api.ask("GET", f"/v1/actions/{action['id']}").get("action") or {}
        if latest.get("status") == "error":
            error = latest.get("error") or {}
            raise CloudError(f"{NAME} could not carry out {action.get('command')}: {error.get('code')}: {error.get('message')}")
        return bool(latest.get("status") == "success")

    poll(api, done, f"{action.get('command')}")


def settle(api: Api, found: dict[str, Any]) -> None:
    """Actions were waited for when they were sent."""


def protects(found: dict[str, Any]) -> bool:
    return bool(found.get("applied_to"))


def _targets(machines: set[int], labels: set[str]) -> list[dict[str, object]]:
    servers: list[dict[str, object]] = [{"type": "server", "server": {"id": one}} for one in sorted(machines)]
    selected: list[dict[str, object]] = [{"type": "label_selector", "label_selector": {"selector": one}} for one in sorted(labels)]
    return servers + selected


def _applied(found: dict[str, Any]) -> tuple[set[Any], set[Any]]:
    applied = found.get("applied_to") or ()
    return (
        {(one.get("server") or {}).get("id") for one in applied if one.get("type") == "server"},
        {(one.get("label_selector") or {}).get("selector") for one in applied if one.get("type") == "label_selector"},
    )


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "direction": rule.direction,
        "protocol": rule.protocol,
        "port": rule.ports,
        "source_ips": list(rule.sources),
        "description": rule.name,
    }


def _atoms(found: dict[str, Any]) -> Iterator[Atom]:
    for rule in found.get("rules") or ():
        ports = "" if rule.get("port") in (None, "", "any", "1-65535") else str(rule["port"])
        for network in rule.get("source_ips" if rule.get("direction") == "in" else "destination_ips") or ():
            yield (str(rule.get("direction")), str(rule.get("protocol")), ports, normal(str(network)))
