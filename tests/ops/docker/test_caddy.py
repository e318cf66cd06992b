"""ops/caddy/Caddyfile: a real Caddy serves each page by HTTPS at its own name, and nothing else."""

import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core.settings import ROOT
from tests.debian_programs import debian_program
from tests.ops.docker.waiting import eventually

CADDYFILE = ROOT / "ops" / "caddy" / "Caddyfile"
NAMES = ("console", "flower", "grafana")


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.server.said} for {self.headers['Host']} by {self.headers['X-Forwarded-Proto']}".encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def pages() -> Iterator[dict[str, int]]:
    servers = {}
    for name in NAMES:
        servers[name] = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        servers[name].said = name  # type: ignore[attr-defined]
        threading.Thread(target=servers[name].serve_forever, daemon=True).start()
    yield {name: server.server_port for name, server in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def caddy(pages: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The ports and the CA of a Caddy with this file, beside pages as the stack has them."""
    program, data = debian_program("caddy"), tmp_path_factory.mktemp("caddy")
    http, https, health = free_ports(3)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(data),
        "XDG_DATA_HOME": str(data),
        "XDG_CONFIG_HOME": str(data),
        "FARM_DOMAIN": "farm.test",
        "CADDY_HTTP_PORT": str(http),
        "CADDY_HTTPS_PORT": str(https),
        "CADDY_HEALTH_PORT": str(health),
        **{f"CADDY_{name.upper()}": f"127.0.0.1:{port}" for name, port in pages.items()},
    }
    argv = [program, "run", "--config", CADDYFILE, "--adapter", "caddyfile"]
    with (data / "log").open("wb") as log:
        running = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    found = {"http": http, "https": https, "health": health, "root": data / "caddy/pki/authorities/local/root.crt"}
    try:
        eventually(lambda: running.poll() is not None or _answers(found), f"{data / 'log'} says why not")
        assert running.poll() is None, (data / "log").read_text()
        yield found
    finally:
        running.terminate()
        running.wait(30)


def _answers(found: dict[str, Any]) -> bool:
    with suppress(OSError):
        return found["root"].exists() and ask(found, "console.farm.test")[0] == 200
    return False


class _Named(HTTPSConnection):
    """To this machine, by a name that no server of names knows."""

    def __init__(self, name: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(name, port, context=context, timeout=30)
        self._tls = context

    def connect(self) -> None:
        self.sock = self._tls.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 30), server_hostname=self.host)


def ask(found: dict[str, Any], name: str, path: str = "/") -> tuple[int, str, Any]:
    connection = _Named(name, found["https"], ssl.create_default_context(cafile=str(found["root"])))
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


@pytest.mark.parametrize("name", NAMES)
def test_each_page_is_behind_tls_at_its_own_name(caddy: dict[str, Any], name: str) -> None:
    status, body, headers = ask(caddy, f"{name}.farm.test")
    assert (status, body.split(":")[0], body.split()[-1]) == (200, f"{name} for {name}.farm.test", "https")
    assert headers["Strict-Transport-Security"] and headers["Server"] is None


def test_a_name_that_is_not_the_farms_gets_no_certificate(caddy: dict[str, Any]) -> None:
    with pytest.raises(ssl.SSLError):
        ask(caddy, "elsewhere.test")


def test_who_comes_without_tls_is_sent_to_it(caddy: dict[str, Any]) -> None:
    connection = HTTPConnection("127.0.0.1", caddy["http"], timeout=30)
    connection.request("GET", "/x", headers={"Host": "grafana.farm.test"})
    answer = connection.getresponse()
    assert answer.status == 308
    assert answer.headers["Location"].startswith("https://grafana.farm.test")
    connection.close()


def test_the_health_check_is_answered_without_tls_on_the_loopback(caddy: dict[str, Any]) -> None:
    connection = HTTPConnection("127.0.0.1", caddy["health"], timeout=30)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize(("said", "issuers"), [("", {"internal"}), ("internal", {"internal"}), ("me@farm.test", {"acme", "zerossl"})])
def test_an_address_asks_a_public_authority_and_else_ours_signs(said: str, issuers: set[str]) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **({"FARM_TLS": said} if said else {})}
    argv = [debian_program("caddy"), "adapt", "--config", CADDYFILE, "--adapter", "caddyfile"]
    adapted = json.loads(subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout)
    (policy,) = adapted["apps"]["tls"]["automation"]["policies"]
    assert {issuer["module"] for issuer in policy["issuers"]} == issuers
    assert set(policy["subjects"]) == {f"{name}.farm.localhost" for name in NAMES}


def test_it_is_formatted() -> None:
    done = subprocess.run([debian_program("caddy"), "fmt", CADDYFILE], capture_output=True, text=True, check=False)
    assert done.stdout == CADDYFILE.read_text(encoding="utf-8")
