"""JSON-RPC as Deribit speaks it: the envelope, its errors, and parameters checked the way the venue checks them."""

import time
from typing import Any

import msgspec

from sandbox.deribit.wire import encode

MAX_COUNT = 1000


class Refused(Exception):
    """Answered with an error of the venue."""

    def __init__(self, code: int, message: str, data: Any = None, *, fatal: bool = False) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data
        self.fatal = fatal  # the session ends after the answer

    @property
    def status(self) -> int:
        return 429 if self.code == TOO_MANY else 400


TOO_MANY = 10028
INVALID_CREDENTIALS = 13004


def too_many_requests() -> Refused:
    return Refused(TOO_MANY, "too_many_requests", fatal=True)


def invalid(param: str, reason: str) -> Refused:
    return Refused(-32602, "Invalid params", {"reason": reason, "param": param})


def not_found() -> Refused:
    return Refused(13020, "not_found")


class Request(msgspec.Struct):
    id: Any
    method: str
    params: dict[str, Any]


def parsed(text: str | bytes) -> Request:
    """Raises Refused for what is no request."""
    try:
        body = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise Refused(11050, "bad_request", "invalid json") from None
    if not isinstance(body, dict) or not isinstance(body.get("method"), str):
        raise Refused(-32600, "Invalid Request")
    params = body.get("params") or {}
    if not isinstance(params, dict):
        raise invalid("params", "must be an object")
    return Request(body.get("id"), body["method"], params)


def _times(began_us: int) -> dict[str, Any]:
    ended_us = time.time_ns() // 1000
    return {"usIn": began_us, "usOut": ended_us, "usDiff": ended_us - began_us, "testnet": False}


def answer(request_id: Any, result: Any, began_us: int) -> bytes:
    head = {"jsonrpc": "2.0"} | ({} if request_id is None else {"id": request_id})
    return encode(head | {"result": result} | _times(began_us))


def refusal(request_id: Any, refused: Refused, began_us: int) -> bytes:
    head = {"jsonrpc": "2.0"} | ({} if request_id is None else {"id": request_id})
    data = {} if refused.data is None else {"data": refused.data}
    return encode(head | {"error": {"message": refused.message, **data, "code": refused.code}} | _times(began_us))


class Params:
    """Values of a query string are text, those of a JSON body have types; both are taken."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str, default: str | None = None, allowed: tuple[str, ...] = ()) -> str:
        value = self.values.get(name, default)
        if value is None:
            raise invalid(name, "value required")
        if not isinstance(value, str) or (allowed and value not in allowed):
            raise invalid(name, f"invalid {name}")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        value = self.values.get(name, default)
        if value is None:
            raise invalid(name, "value required")
        try:
            return int(value)
        except (TypeError, ValueError):
            raise invalid(name, "must be an integer") from None

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.values.get(name, default)
        return value if isinstance(value, bool) else str(value).lower() == "true"

    def count(self, default: int = 10, most: int = MAX_COUNT) -> int:
        count = self.number("count", default)
        if not 1 <= count <= most:
            raise invalid("count", f"must be from 1 to {most}")
        return count

    def names(self, name: str) -> list[str]:
        value = self.values.get(name)
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise invalid(name, "must be an array of strings")
        return value
