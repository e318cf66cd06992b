"""DigitalOcean's and Hetzner's firewalls over a real socket, as their documents describe them (seen 2026-11-23), with what may go wrong.

Both give rules back in another order and spelling than they were sent, list by pages, and carry changes out after they have answered.
"""

import ipaddress
import json
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "dop_hidden_token"  # it opens nothing

Answer = tuple[int, dict[str, str], Any]
#: The connection is closed behind the deed, or before it; or the deed is done, and a proxy answers that nothing came of it.
LOST, DROPPED, GATEWAY = "lost", "dropped", "gateway"


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    body: Any


@dataclass
class Trouble:
    """For the next `times` requests of this method whose path begins so: an answer instead of the deed, or one of the above."""

    method: str
    path: str
    answer: Answer | str
    times: int = 1


@dataclass
class Cloud(ABC):
    """`lag`: how many looks a change takes to be in force; `most`: what a page holds at most."""

    most: int
    lag: int = 4
    asked: list[Asked] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    firewalls: list[dict[str, Any]] = field(default_factory=list)
    fails: bool = False
    url: str = ""

    @property
    def writes(self) -> list[Asked]:
        return [one for one in self.asked if one.method != "GET"]

    def trouble(self, method: str, path: str, answer: Answer | str, times: int = 1) -> None:
        self.troubles.append(Trouble(method, path, answer, times))

    @abstractmethod
    def unauthorized(self) -> Answer:
        """To who shows no token, or another."""

    @abstractmethod
    def answer(self, asked: Asked) -> Answer:
        """The deed, and what is said of it."""

    def page(self, asked: Asked) -> tuple[list[Any], int, int]:
        """(what stands on it, its number, the number of the last)."""
        size = min(int(asked.query.get("per_page", 20)), self.most)
        number = int(asked.query.get("page", 1))
        every = [one for one in self.firewalls if "name" not in asked.query or one["name"] == asked.query["name"]]
        return every[(number - 1) * size : number * size], number, max(1, -(-len(every) // size))

    def struck(self, asked: Asked) -> Answer | str | None:
        for trouble in self.troubles:
            if trouble.times and trouble.method == asked.method and asked.path.startswith(trouble.path):
                trouble.times -= 1
                return trouble.answer
        return None


@dataclass
class DigitalOcean(Cloud):
    most: int = 200
    waiting: dict[str, int] = field(default_factory=dict)

    def unauthorized(self) -> Answer:
        return 401, {}, {"id": "unauthorized", "message": "Unable to authenticate you"}

    def answer(self, asked: Asked) -> Answer:
        match asked.method, asked.path.removeprefix("/v2/firewalls").strip("/"):
            case "GET", "":
                return self._listed(asked)
            case "GET", one:
                found = self._named(one)
                return (200, {}, {"firewall": self._shown(found)}) if found else _do_error(404, "not_found", "The resource was not found")
            case "POST", "":
                if any(one["name"] == asked.body["name"] for one in self.firewalls):
                    return _do_error(409, "conflict", "duplicate name")
                made = {"id": str(uuid.uuid4()), "created_at": "2026-11-23T06:00:00Z"}
                self.firewalls.append(made)
                return self._put(made, asked.body, 202)
            case "PUT", one if found := self._named(one):
                return self._put(found, asked.body, 200)
        return _do_error(404, "not_found", "The resource you were accessing could not be found.")

    def _put(self, found: dict[str, Any], body: dict[str, Any], status: int) -> Answer:
        if not body["inbound_rules"] or any(rule["protocol"] != "icmp" and not rule.get("ports") for rule in body["inbound_rules"]):
            return _do_error(422, "unprocessable_entity", "ports are required")
        for name in ("droplet_ids", "tags"):  # what is left out is taken away
            found[name] = body.get(name) or []
        found["name"] = body["name"]
        found["inbound_rules"] = [_do_rule(rule, "sources") for rule in reversed(body["inbound_rules"])]
        found["outbound_rules"] = [_do_rule(rule, "destinations") for rule in reversed(body.get("outbound_rules") or [])]
        self.waiting[found["id"]] = self.lag if found["droplet_ids"] else 0
        return status, {}, {"firewall": self._shown(found)}

    def _shown(self, found: dict[str, Any]) -> dict[str, Any]:
        left = self.waiting.get(found["id"], 0)
        self.waiting[found["id"]] = max(0, left - 1)
        status = "waiting" if left else "failed" if self.fails else "succeeded"
        pending = [{"droplet_id": one, "removing": False, "status": status} for one in found["droplet_ids"] if status != "succeeded"]
        return {**found, "status": status, "pending_changes": pending}

    def _listed(self, asked: Asked) -> Answer:
        found, number, last = self.page(asked)
        # Its own address, as it is told to whoever is asked: not to be followed with a token.
        links = {"pages": {"next": f"http://203.0.113.1/v2/firewalls?page={number + 1}"}} if number < last else {}
        return 200, {}, {"firewalls": [self._shown(one) for one in found], "links": links, "meta": {"total": len(self.firewalls)}}

    def _named(self, one: str) -> dict[str, Any] | None:
        return next((found for found in self.firewalls if found["id"] == one), None)


def _do_error(status: int, name: str, message: str) -> Answer:
    return status, {}, {"id": name, "message": message, "request_id": str(uuid.uuid4())}


def _do_rule(rule: dict[str, Any], ends: str) -> dict[str, Any]:
    addresses = [_spelled(one) for one in reversed(rule[ends].get("addresses") or [])]
    return {
        "protocol": rule["protocol"],
        "ports": "0" if rule.get("ports") in (None, "all") else rule["ports"],
        ends: {"addresses": addresses},
    }


def _spelled(network: str) -> str:
    """Of one address without its length."""
    found = ipaddress.ip_network(network)
    return str(found.network_address) if found.num_addresses == 1 else str(found)


@dataclass
class Hetzner(Cloud):
    most: int = 50
    actions: dict[int, dict[str, Any]] = field(default_factory=dict)
    running: dict[int, int] = field(default_factory=dict)

    def unauthorized(self) -> Answer:
        return _hetzner_error(401, "unauthorized", "unable to authenticate")

    def answer(self, asked: Asked) -> Answer:
        match asked.method, asked.path.removeprefix("/v1/").split("/"):
            case "GET", ["firewalls"]:
                return self._listed(asked)
            case "GET", ["actions", one]:
                return 200, {}, {"action": self._action(int(one))}
            case "POST", ["firewalls"]:
                if any(one["name"] == asked.body["name"] for one in self.firewalls):
                    return _hetzner_error(409, "uniqueness_error", "name is already used")
                made = {"id": 38 + len(self.firewalls), "name": asked.body["name"], "labels": {}, "created": "2026-11-23T06:00:00Z"}
                made |= {"rules": _hetzner_rules(asked.body["rules"]), "applied_to": []}
                self.firewalls.append(made)
                self._apply(made, asked.body.get("apply_to") or [])
                return 201, {}, {"firewall": made, "actions": [self._begun("create_firewall"), self._begun("set_firewall_rules")]}
            case "POST", ["firewalls", one, "actions", verb] if found := self._named(one):
                return self._act(found, verb, asked.body)
        return _hetzner_error(404, "not_found", "not found")

    def _act(self, found: dict[str, Any], verb: str, body: dict[str, Any]) -> Answer:
        if verb == "set_rules":
            found["rules"] = _hetzner_rules(body["rules"])
            return 201, {}, {"actions": [self._begun("set_firewall_rules")]}
        if any(self._is_applied(found, one) for one in body["apply_to"]):
            return _hetzner_error(422, "firewall_already_applied", "firewall was already applied on resource")
        self._apply(found, body["apply_to"])
        return 201, {}, {"actions": [self._begun("apply_firewall")]}

    def _is_applied(self, found: dict[str, Any], one: dict[str, Any]) -> bool:
        return any(applied.get(one["type"]) == one[one["type"]] for applied in found["applied_to"])

    def _apply(self, found: dict[str, Any], targets: list[dict[str, Any]]) -> None:
        for one in targets:
            more = {"applied_to_resources": [{"type": "server", "server": {"id": 42}}]} if one["type"] == "label_selector" else {}
            found["applied_to"].append({**one, **more})

    def _begun(self, command: str) -> dict[str, Any]:
        number = 1000 + len(self.actions)
        self.actions[number] = {"id": number, "command": command, "status": "running", "progress": 0, "error": None}
        self.running[number] = self.lag
        return dict(self.actions[number])

    def _action(self, number: int) -> dict[str, Any]:
        self.running[number] -= 1
        if self.running[number] <= 0:
            error = {"code": "action_failed", "message": "Action failed"} if self.fails else None
            self.actions[number] |= {"status": "error" if self.fails else "success", "progress": 100, "error": error}
        return self.actions[number]

    def _listed(self, asked: Asked) -> Answer:
        found, number, last = self.page(asked)
        every = [one for one in self.firewalls if "name" not in asked.query or one["name"] == asked.query["name"]]
        pagination = {
            "page": number,
            "per_page": self.most,
            "previous_page": number - 1 or None,
            "next_page": number + 1 if number < last else None,
            "last_page": last,
            "total_entries": len(every),
        }
        return 200, {}, {"firewalls": found, "meta": {"pagination": pagination}}

    def _named(self, one: str) -> dict[str, Any] | None:
        return next((found for found in self.firewalls if str(found["id"]) == one), None)


def _hetzner_error(status: int, code: str, message: str) -> Answer:
    return status, {}, {"error": {"code": code, "message": message, "details": {}}}


def _hetzner_rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**rule, "source_ips": list(reversed(rule["source_ips"])), "destination_ips": []} for rule in reversed(rules)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # an answer is one packet
    server: "_Server"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        asked = Asked(self.command, address.path, dict(parse_qsl(address.query)), body)
        with self.server.lock:
            self.server.cloud.asked.append(asked)
            self._send(self._decided(asked))

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def _decided(self, asked: Asked) -> Answer | str:
        cloud = self.server.cloud
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return cloud.unauthorized()
        struck = cloud.struck(asked)
        if struck in (LOST, GATEWAY):
            cloud.answer(asked)
        if struck == GATEWAY:
            return 502, {}, b"<html>Bad Gateway</html>"
        return struck if struck is not None else cloud.answer(asked)

    def _send(self, answer: Answer | str) -> None:
        self.close_connection = isinstance(answer, str)
        if isinstance(answer, str):
            return
        status, headers, body = answer
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """What was asked is in `asked`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cloud, self.lock = cloud, threading.Lock()


@contextmanager
def serving(cloud: Cloud) -> Iterator[Cloud]:
    """Its `url` is on the loopback while this lasts."""
    server = _Server(cloud)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    cloud.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield cloud
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
