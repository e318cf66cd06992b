"""The lean client: frames go from the parser straight to the handler, without a task or a queue between."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress

import picows
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from streamers.client import CLOSE_SECONDS, MAX_MESSAGE_BYTES, SEND_SECONDS, Handler
from streamers.errors import BadAddress, ConnectFailed, Refused

#: The event loop does not always tell of a reset (uvloop 0.23 with libuv 1.52: one that meets a burst of frames may go unheard until
#: the next send), so the kernel is asked so often.
RESET_SECONDS = 0.5
#: More unsent bytes than this on a connection that sends a few hundred an hour: the peer takes nothing.
MAX_UNSENT_BYTES = 1 << 20

_TEXT, _BINARY, _CONTINUATION, _CLOSE = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION, WSMsgType.CLOSE


class _Listener(WSListener):
    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._deliver: Callable[[bytes], None] = handler.on_frame
        self._parts: list[bytes] = []
        self._part_bytes = 0
        self.cause = "connection lost"

    def on_ws_connected(self, transport: WSTransport) -> None:
        raw = transport.underlying_transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._look(transport, raw)
        self._ended = asyncio.get_running_loop().create_task(_ended(transport))  # a task that nobody holds may be collected
        self._handler.on_open(_Socket(transport, self))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if frame.fin and (kind is _TEXT or kind is _BINARY):
            self._deliver(frame.get_payload_as_bytes())
        elif kind is _CLOSE:
            self._peer_closes(transport, frame)
        elif kind is _TEXT or kind is _BINARY or kind is _CONTINUATION:
            self._fragment(transport, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._handler.on_closed(self.cause)

    def _look(self, transport: WSTransport, raw: socket.socket) -> None:
        """An error that stands at the socket is one that nobody has been told of."""
        if transport.is_disconnected:
            return
        if error := raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.cause = os.strerror(error)
            transport.disconnect(graceful=False)
            return
        asyncio.get_running_loop().call_later(RESET_SECONDS, self._look, transport, raw)

    def _peer_closes(self, transport: WSTransport, frame: WSFrame) -> None:
        code, reason = int(frame.get_close_code().value), frame.get_close_message() or b""
        self.cause = f"closed by venue: {code} {reason.decode(errors='replace')}".rstrip()
        if not transport.is_close_frame_sent:
            transport.send_close(WSCloseCode.OK)
        transport.disconnect()

    def _fragment(self, transport: WSTransport, frame: WSFrame) -> None:
        self._parts.append(frame.get_payload_as_bytes())
        self._part_bytes += len(self._parts[-1])
        if self._part_bytes > MAX_MESSAGE_BYTES:
            self.cause = f"message above {MAX_MESSAGE_BYTES} bytes"
            self._parts.clear()
            transport.disconnect(graceful=False)
        elif frame.fin:
            message = b"".join(self._parts)
            self._parts.clear()
            self._part_bytes = 0
            self._deliver(message)


async def _ended(transport: WSTransport) -> None:
    """The library logs why it gave a connection up, and hands it on to whoever waits: without that it is logged once more, as an error of ours."""
    with suppress(picows.WSError):
        await transport.wait_disconnected()


class _Socket:
    def __init__(self, transport: WSTransport, listener: _Listener) -> None:
        self._transport = transport
        self._listener = listener
        self._closing = False

    def send(self, text: str) -> None:
        self._transport.send(WSMsgType.TEXT, text)
        self._watch_unsent()

    def ping(self) -> None:
        self._transport.send_ping()
        self._watch_unsent()

    def pause(self) -> None:
        if not self._transport.is_disconnected:
            self._transport.underlying_transport.pause_reading()

    def resume(self) -> None:
        if not self._transport.is_disconnected:
            self._transport.underlying_transport.resume_reading()

    def close(self) -> None:
        if self._closing or self._transport.is_disconnected:
            return
        self._closing = True
        self.resume()
        self._transport.send_close(WSCloseCode.OK)
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._abort)

    def _watch_unsent(self) -> None:
        unsent = self._transport.underlying_transport.get_write_buffer_size()
        if unsent > MAX_UNSENT_BYTES:
            self._abort()
        elif unsent:
            asyncio.get_running_loop().call_later(SEND_SECONDS, self._abort_if_stuck)

    def _abort_if_stuck(self) -> None:
        if not self._transport.is_disconnected and self._transport.underlying_transport.get_write_buffer_size():
            self._listener.cause = f"peer took nothing for {SEND_SECONDS:g} s"
            self._abort()

    def _abort(self) -> None:
        if not self._transport.is_disconnected:
            self._transport.disconnect(graceful=False)


async def connect(url: str, handler: Handler, tls: ssl.SSLContext | None, headers: Mapping[str, str], timeout_seconds: float) -> None:
    try:
        # The library bounds the handshake and closes its transport then; the outer bound is for name look-up, TCP and TLS.
        async with asyncio.timeout(2 * timeout_seconds):
            await picows.ws_connect(
                lambda: _Listener(handler),
                url,
                ssl_context=tls,
                # An exception of ours must not cost the venue's next frames; it is logged by the library.
                disconnect_on_exception=False,
                websocket_handshake_timeout=timeout_seconds,
                max_frame_size=MAX_MESSAGE_BYTES,
                extra_headers=list(headers.items()),
                max_redirects=0,
                proxy=None,
            )
    except picows.WSInvalidURL as exc:
        raise BadAddress(f"{url[:80]!r} is no WebSocket address") from exc
    except picows.WSInvalidStatusError as exc:
        raise Refused(int(exc.response.status) if exc.response is not None else 0) from exc
    except (picows.WSError, OSError, TimeoutError) as exc:
        raise ConnectFailed(f"{type(exc).__name__}: {exc}".rstrip(": ")) from exc
