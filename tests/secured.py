"""Real servers as they stand on hosts of their own: they speak TLS alone, want passwords, and were signed for by an authority of a test's own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlencode

import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import make_url

from ops.local.ephemeral import Running
from ops.local.files import write_private
from ops.local.launch import bound_argv
from ops.local.ports import free_port
from ops.local.postgres import Postgres, prepare_postgres
from ops.local.redis import prepare_redis
from ops.local.runtime import Runtime
from ops.local.server import Server

_MEMORY = 4 * 2**30
#: Short: a path of a socket has a hundred characters.
_SOCKET = "s"
_PEM = serialization.Encoding.PEM


class Authority:
    """Signs certificates; `pem` is the one by which others trust it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.pem = folder / f"{name}.pem"
        self.pem.write_bytes(self._signed(self._name, self._key, [x509.BasicConstraints(ca=True, path_length=None)]).public_bytes(_PEM))
        self.pem.chmod(0o644)

    def _signed(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, extensions: Sequence[x509.ExtensionType]) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            self._name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, hashes.SHA256())

    def certified(self, address: str) -> tuple[str, str]:
        """(certificate, key) of a server at the address, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, address)])
        signed = self._signed(name, key, [x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])])
        text = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return signed.public_bytes(_PEM).decode(), text.decode()


@dataclass(frozen=True)
class Secured:
    """Both servers, and how a client of them is told which authority to trust. `inside`: the database by its socket on this machine, for who
    only looks."""

    postgres: Running
    redis: Running
    inside: str

    def look_into_redis(self) -> redis.Redis:
        """By its socket likewise; the caller closes it."""
        return _by_socket(self.redis.server.data / _SOCKET, make_url(self.redis.server.url).password or "")

    def database_url(self, trusted: Path, **more: str) -> str:
        return _with(self.postgres.server.url, {"sslmode": "verify-full", "sslrootcert": str(trusted), **more})

    def redis_url(self, trusted: Path) -> str:
        return _with(self.redis.server.url, {"ssl_cert_reqs": "required", "ssl_ca_certs": str(trusted)})


def _with(url: str, options: dict[str, str]) -> str:
    return f"{url}?{urlencode(options, safe='/')}"


@contextmanager
def servers(
    runtime: Runtime,
    folder: Path,
    authority: Authority,
    *,
    postgres_on: str = "127.0.0.1",
    redis_on: str = "127.0.0.1",
    postgres_by: Sequence[str] = (),
    redis_by: Sequence[str] = (),
) -> Iterator[Secured]:
    """Running. `_on`: the address of each; `_by`: a program that starts it elsewhere, such as `ip netns exec NAME`."""
    prepared = prepare_postgres(runtime, folder / "postgres", free_port(), memory=_MEMORY, durable=False)
    database = Running(_moved(_postgres(prepared, authority, postgres_on), postgres_by))
    journal = Running(_moved(_redis(runtime, folder / "redis", authority, redis_on), redis_by))
    try:
        yield Secured(database.start(), journal.start(), prepared.url)
    finally:
        journal.kill()
        database.stop()


def _moved(server: Server, by: Sequence[str]) -> Server:
    """`by` needs root, so it comes before the account is left."""
    if not by:
        return server
    inner = bound_argv(server.argv, account=server.account, death_signal="KILL")
    return replace(server, argv=(*by, *inner), account=replace(server.account, switch=False))


def _certify(server: Server, authority: Authority, address: str) -> dict[str, Path]:
    """File names of what it shows and of what it keeps to itself."""
    found = {}
    for name, text in zip(("cert", "key"), authority.certified(address), strict=True):
        found[name] = server.data / f"server.{name}.pem"
        write_private(found[name], text, server.account)
    return found


def _postgres(server: Postgres, authority: Authority, address: str) -> Server:
    files = _certify(server, authority, address)
    settings = {"listen_addresses": address, "ssl": "on", "ssl_cert_file": files["cert"], "ssl_key_file": files["key"]}
    write_private(server.data / "custom.conf", "".join(f"{name} = '{value}'\n" for name, value in settings.items()), server.account)
    write_private(server.data / "pg_hba.conf", "local all all trust\nhostssl all all all scram-sha-256\n", server.account)
    url = make_url(server.tcp_url).set(host=address).render_as_string(hide_password=False)
    return replace(server, url=url)


def _redis(runtime: Runtime, data: Path, authority: Authority, address: str) -> Server:
    server = prepare_redis(runtime, data, free_port(), memory=_MEMORY)
    files = _certify(server, authority, address)
    trusted = server.data / "authority.pem"  # of its own: the test's folder may be closed to the server's account
    write_private(trusted, authority.pem.read_text(), server.account)
    socket, configuration = server.data / _SOCKET, server.data / "redis.conf"
    more = {"bind": address, "port": 0, "tls-port": server.port, "unixsocket": socket}
    more |= {"tls-cert-file": files["cert"], "tls-key-file": files["key"], "tls-ca-cert-file": trusted, "tls-auth-clients": "no"}
    text = configuration.read_text() + "".join(f"{name} {value}\n" for name, value in more.items())
    write_private(configuration, text, server.account)
    password = make_url(server.url).password or ""
    return replace(server, url=f"rediss://:{password}@{address}:{server.port}/0", answers=_answers(socket, password))


def _answers(socket: Path, password: str) -> Callable[[], bool]:
    def ask() -> bool:
        with suppress(redis.RedisError), _by_socket(socket, password) as client:
            return bool(client.ping())
        return False

    return ask


def _by_socket(socket: Path, password: str) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(socket), password=password)
