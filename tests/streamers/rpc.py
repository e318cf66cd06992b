"""A JSON-RPC venue: it wants its test requests answered, and grants what it likes without a word about the rest."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from websockets.asyncio.server import ServerConnection

from core.venue import Channel, Control
from tests.streamers.peer import Feed, SilentStream


def call(method: str, request_id: int | None = None, **params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


class RpcStream(SilentStream):
    data_prefix = b'{"name":"'

    def headers(self, channel: Channel, credentials: Mapping[str, str], now_us: int) -> Mapping[str, str]:
        return {}

    def resync(self, channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
        return [f"resync {request_id} {' '.join(symbols)}"] if symbols else []

    def greeting(self, channel: Channel, credentials: Mapping[str, str]) -> Sequence[str]:
        login = [call("auth", -2, **credentials)] if credentials else []
        return [call("set_heartbeat", -1, interval=10), *login]

    def subscribe(self, channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
        return [call("subscribe", request_id, channels=list(symbols))]

    def unsubscribe(self, channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
        return [call("unsubscribe", request_id, channels=list(symbols))]

    def control(self, frame: bytes) -> Control | None:
        message = json.loads(frame)
        if message.get("method") == "heartbeat":
            return Control("pong", answer=call("test") if message["params"]["type"] == "test_request" else "")
        listed = message["result"] if isinstance(message["result"], list) else None
        return Control("ack", message["id"], subscribed=None if listed is None else tuple(listed))

    def subscription(self, frame: bytes) -> str:
        return str(json.loads(frame)["name"])


class RpcFeed(Feed):
    """Grants every name but `refused`, and sends one frame for each it grants."""

    def __init__(self, refused: str = "") -> None:
        super().__init__()
        self.refused = refused.split()
        self.requests: list[tuple[str, Any]] = []

    async def _talk(self, connection: ServerConnection, text: str) -> None:
        request = json.loads(text)
        self.requests.append((request["method"], request["params"]))
        if request["method"] == "test":
            return
        result: Any = "ok"
        if request["method"] == "subscribe":
            result = sorted(set(request["params"]["channels"]) - set(self.refused), reverse=True)
        await connection.send(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}))
        if request["method"] == "set_heartbeat":
            for kind in ("heartbeat", "test_request", "test_request"):
                await connection.send(call("heartbeat", type=kind))
        for name in result if isinstance(result, list) else ():
            await connection.send(json.dumps({"name": name}, separators=(",", ":")))

    def methods(self) -> list[str]:
        return [method for method, _ in self.requests]
