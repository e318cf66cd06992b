"""TLS is verified wherever it is spoken: against a real server with a certificate that nobody has signed, or that is another's."""

import ast
import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from random import Random

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.http import Http, TryLater
from core.journal import StreamName
from core.lane import Lane
from core.redisdb import connect as connect_redis
from core.venue import Request
from streamers.batcher import Batch, Linger
from streamers.client import connect
from streamers.errors import ConnectFailed
from streamers.pacer import Pacer
from streamers.slot import Slot, Wiring
from tests.streamers.peer import TRADES, Recorder, tiny_venue, until
from tests.test_architecture import sources, tree_of

#: What turns verification off, in whatever library: names, keywords with a value, and words in texts.
FORBIDDEN_NAMES = {
    "CERT_NONE",
    "CERT_OPTIONAL",
    "_create_unverified_context",
    "disable_warnings",
    "InsecureRequestWarning",
    "TCPConnectorInsecure",
}
FORBIDDEN_KEYWORDS = {
    "verify",
    "verify_ssl",
    "ssl_verify",
    "check_hostname",
    "ssl_check_hostname",
    "verify_mode",
    "assert_hostname",
    "cert_reqs",
}
FORBIDDEN_TEXTS = (
    "sslmode=disable",
    "sslmode=allow",
    "sslmode=prefer",
    "sslmode=require",
    "ssl_cert_reqs=none",
    "trusted=yes",
    "--trusted-host",
)
LOOKED_AT = ("core", "db", "streamers", "tasks", "venues", "ops", "migrations", "celeryconfig")


# --- in the source --------------------------------------------------------------------------------------------------------
def offences(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in FORBIDDEN_NAMES:
                yield name
            case ast.keyword(arg=name, value=ast.Constant(value=False | None | "none")) if name in FORBIDDEN_KEYWORDS:
                yield f"{name}=…"
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Constant(value=False | None)) if name in FORBIDDEN_KEYWORDS:
                yield f"{name} = …"
            case ast.keyword(arg="ssl", value=ast.Constant(value=False)):
                yield "ssl=False"
            case ast.Constant(value=str(text)) if any(word in text for word in FORBIDDEN_TEXTS):
                yield text


def test_verification_is_nowhere_turned_off() -> None:
    looked = {module: path for module, path in sources().items() if module.partition(".")[0] in LOOKED_AT}
    assert len(looked) > 150
    assert {module: found for module, path in looked.items() if (found := list(offences(tree_of(path))))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "session.get(url, verify=False)",
        "session.verify = False",
        "context.check_hostname = False",
        "context.verify_mode = ssl.CERT_NONE",
        "ssl._create_unverified_context()",
        "connect(url, ssl=False)",
        "redis.from_url(url, ssl_check_hostname=False)",
        "url = f'{base}?sslmode=require'",
    ],
)
def test_what_would_turn_it_off_is_seen(line: str) -> None:
    assert list(offences(ast.parse(line)))


# --- on the wire ----------------------------------------------------------------------------------------------------------
def certificate(folder: Path, address: str) -> ssl.SSLContext:
    """Of a server that has signed for itself that it is `address`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, address)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
    )
    for extension in (x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), x509.BasicConstraints(ca=True, path_length=None)):
        builder = builder.add_extension(extension, critical=False)
    pem = folder / f"{address}.pem"
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem.write_bytes(text + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


class Impostor:
    """Listens with such a certificate; notes what came after each handshake, which is nothing where the other side looks."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context = context
        self.port = self._listener.getsockname()[1]
        self.asked = 0
        self.told: list[bytes] = []

    def serve(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self.asked += 1
            raw.settimeout(5)
            with suppress(OSError), self._context.wrap_socket(raw, server_side=True) as secured:
                if text := secured.recv(4096):
                    self.told.append(text)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def impostor(folder: Path, address: str = "127.0.0.1") -> Iterator[Impostor]:
    server = Impostor(certificate(folder, address))
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


def test_a_request_is_not_sent_to_who_cannot_prove_to_be_the_venue(tmp_path: Path, redis_client: redis.Redis, key_prefix: str) -> None:
    with impostor(tmp_path) as server:
        url = f"https://127.0.0.1:{server.port}"
        http = Http(tiny_venue(url), url, redis_client, prefix=key_prefix, credentials={"key_id": "me"})
        for _ in range(2):
            with pytest.raises(TryLater, match="CERTIFICATE_VERIFY_FAILED"):
                http.fetch(Request("poll", "/x"))
        http.close()
        assert (server.asked, server.told) == (2, [])


@pytest.mark.parametrize("library", ["picows", "websockets"])
@pytest.mark.parametrize("known", [False, True], ids=["unknown", "anothers"])
def test_a_socket_is_not_opened_to_who_cannot_prove_to_be_the_venue(tmp_path: Path, library: str, known: bool) -> None:
    """`known`: the certificate is trusted, but it is that of another address."""
    with impostor(tmp_path, "127.0.0.2" if known else "127.0.0.1") as server:
        trusting = ssl.create_default_context(cafile=str(tmp_path / "127.0.0.2.pem")) if known else None
        with pytest.raises(ConnectFailed, match="IP address mismatch" if known else "CERTIFICATE_VERIFY_FAILED"):
            asyncio.run(connect(f"wss://127.0.0.1:{server.port}", Recorder(), library=library, tls=trusting))
        assert (server.asked, server.told) == (1, [])


@pytest.mark.parametrize("library", ["picows", "websockets"])
def test_a_streamer_says_why_and_goes_on_trying(tmp_path: Path, library: str, caplog: pytest.LogCaptureFixture) -> None:
    async def play(server: Impostor) -> list[Batch]:
        batches: list[Batch] = []
        url = f"wss://127.0.0.1:{server.port}"
        linger = Linger(asyncio.get_running_loop(), 0.005)
        wiring = Wiring(
            *(tiny_venue(url), url, library, 1 << 16, "i1", linger, Pacer(Random(1), 0.0), batches.append),
            random=Random(1),
        )
        slot = Slot(wiring, TRADES, StreamName("tiny", "trades"), ["A"])
        running = asyncio.create_task(slot.run())
        await until(lambda: server.asked >= 3)
        running.cancel()
        slot.close("stopped")
        await slot.closed()
        return batches

    caplog.set_level(logging.INFO)
    with impostor(tmp_path) as server:
        assert not [batch for batch in asyncio.run(play(server)) if batch.event == "connected"]
        assert server.told == []
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


def test_a_redis_that_cannot_prove_itself_is_told_no_password(tmp_path: Path) -> None:
    with impostor(tmp_path) as server:
        url = f"rediss://:hidden@127.0.0.1:{server.port}/0"
        with (
            pytest.raises(redis.ConnectionError, match="certificate verify failed"),
            closing(connect_redis(url, timeout_seconds=5)) as client,
        ):
            client.ping()
        with pytest.raises(ssl.SSLCertVerificationError):
            asyncio.run(Lane(url, "tapefarm", timeout_seconds=5).open())
        assert (server.asked, server.told) == (2, [])
