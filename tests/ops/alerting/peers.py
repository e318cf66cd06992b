"""Real peers that notices are sent to: a mail server, and a web server in the shape of Telegram's bot API."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header, make_header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from ops.local.ports import free_port


@dataclass
class Mailbox:
    """`refuses`: what it answers instead of taking a mail. `mails`: (subject, text) as they came."""

    port: int = field(default_factory=free_port)
    refuses: str = ""
    mails: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"mailto://farmer:hunter22@127.0.0.1:{self.port}/?from=farm@example.org&to=me@example.org&mode=insecure"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.refuses:
            return self.refuses
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content)
        parts = [part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == "text/plain"]
        text = b"\n".join(part for part in parts if isinstance(part, bytes)).decode()
        self.mails.append((str(make_header(decode_header(mail["Subject"]))), text.replace("\r\n", "\n")))
        return "250 taken"


def _login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
    ours = isinstance(given, LoginPassword) and (given.login, given.password) == (b"farmer", b"hunter22")
    return AuthResult(success=ours, handled=False)  # the server answers


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    options: dict[str, Any] = {"authenticator": _login, "auth_require_tls": False}
    controller = Controller(box, hostname="127.0.0.1", port=box.port, server_hostname="localhost", **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Bot:
    port: int
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200


@contextmanager
def telegram() -> Iterator[Bot]:
    """POST /bot<TOKEN>/<method> with a JSON body, as https://core.telegram.org/bots/api has it."""

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            bot.asked.append((self.path, body))
            good = bot.status == 200
            answer = (
                {"ok": True, "result": {"message_id": 1}}
                if good
                else {"ok": False, "error_code": bot.status, "description": "Unauthorized"}
            )
            self.send_response(bot.status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        bot = Bot(server.server_port)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield bot
        server.shutdown()
        thread.join()
