"""python -m bench.bare_client URL…: the socket library alone. Connects to each URL, takes every frame's bytes and counts them."""

import asyncio
import json
import sys

import picows
import uvloop


class Counter(picows.WSListener):
    frames = 0

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            frame.get_payload_as_bytes()
            Counter.frames += 1
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            transport.disconnect()


async def run(urls: list[str]) -> None:
    transports = [(await picows.ws_connect(Counter, url))[0] for url in urls]
    print(json.dumps({"ready": True}), flush=True)
    await asyncio.gather(*(transport.wait_disconnected() for transport in transports))


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1:]))
    print(json.dumps({"frames": Counter.frames}), flush=True)
