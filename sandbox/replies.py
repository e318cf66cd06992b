"""HTTP answers with a body that is JSON already."""

from aiohttp import web


def reply(body: bytes, status: int, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=body, status=status, headers=headers, content_type="application/json", charset="utf-8")


async def padded(request: web.Request, body: bytes, megabytes: float, headers: dict[str, str]) -> web.StreamResponse:
    """The same JSON with megabytes of blanks inside, sent piece by piece."""
    response = web.StreamResponse(headers=headers | {"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(body[:1])
    blanks = b" " * 65_536
    for _ in range(int(megabytes * 16)):
        await response.write(blanks)
    await response.write(body[1:])
    await response.write_eof()
    return response
