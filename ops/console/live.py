"""What changes, told to every open page over one connection each (server-sent events). One producer serves them all, and runs while somebody
looks."""

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ops.console.parts import Parts

log = logging.getLogger(__name__)

#: Pages that are open at one time.
MOST_PAGES = 64
#: How often the producer looks which parts have grown too old.
TURN_SECONDS = 0.5
#: A page that takes nothing for so long is cut off; it comes back by itself when it is awake.
PATIENCE_SECONDS = 15.0
#: A line in between, by which both ends notice that the other is gone.
SIGN_SECONDS = 15.0
#: After which a page that was cut off tries again.
RETRY_MS = 2_000


class Page:
    """An open one. What is told is what is newest when it takes it: one that is slow misses moments, and nothing piles up."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self.changed = asyncio.Event()
        self._seen: dict[str, str] = {}

    def news(self, parts: Parts) -> list[str]:
        """Events of the parts that this page has not been told of as they are now."""
        found = []
        for key in self.keys:
            made = parts.made(key)
            if made is not None and self._seen.get(key) != made.version:
                self._seen[key] = made.version
                found.append(json.dumps({"key": key, "html": made.html, "chart": made.chart}, ensure_ascii=False))
        return found


class Hub:
    def __init__(self, parts: Parts, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.parts, self.patience_seconds = parts, patience_seconds
        self.pages: set[Page] = set()
        self.turns = 0
        self._producer: asyncio.Task[None] | None = None

    def join(self, page: Page) -> None:
        self.pages.add(page)
        if self._producer is None or self._producer.done():
            self._producer = asyncio.create_task(self._produce())

    def leave(self, page: Page) -> None:
        self.pages.discard(page)

    async def _produce(self) -> None:
        while self.pages:
            self.turns += 1
            self.parts.renew({key for page in self.pages for key in page.keys})
            await asyncio.sleep(TURN_SECONDS)
            for page in self.pages:
                page.changed.set()


class Stream(Response):
    """Of one page, until it goes, or takes nothing any more."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, page: Page) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._hub, self._page = hub, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._hub.join(self._page)
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            text = f"retry: {RETRY_MS}\n\n"
            while not gone.done():
                if text:
                    await asyncio.wait_for(
                        send({"type": "http.response.body", "body": text.encode(), "more_body": True}), self._hub.patience_seconds
                    )
                text = await self._next(gone)
        except TimeoutError:
            log.info("a page takes nothing any more, and is cut off")
        finally:
            gone.cancel()
            self._hub.leave(self._page)

    async def _next(self, gone: "asyncio.Future[None]") -> str:
        changed = asyncio.ensure_future(self._page.changed.wait())
        either: set[asyncio.Future[Any]] = {changed, gone}
        done, _ = await asyncio.wait(either, timeout=SIGN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        if changed not in done:
            return "" if done else ": here\n\n"
        self._page.changed.clear()
        return "".join(f"data: {event}\n\n" for event in self._page.news(self._hub.parts))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
