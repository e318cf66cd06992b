"""python -m ops.chaos.proxy PORT TARGET: a TCP proxy that does to its connections what a line of standard input says. Ends with that.

pass            bytes go through
slow RATE       at most RATE bytes a second to each client, which so reads too slowly for the server
hole            nothing goes through, and new connections are accepted and not served; bytes are held, as the kernel would repeat them
half-open       the server's side of each connection ends without the client hearing of it; new ones pass
reset           each connection is reset; new ones pass
"""

import asyncio
import socket
import struct
import sys
from contextlib import suppress

CHUNK_BYTES = 64 << 10
#: So that what a slow client has not read waits at the server, not here.
BUFFER_BYTES = 256 << 10


class Proxy:
    def __init__(self, target: int) -> None:
        self._target = target
        self._mode, self._rate = "pass", 0.0
        self._changed = asyncio.Event()
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()  # client, server
        self._unaware: set[asyncio.StreamWriter] = set()  # clients whose server has left half-open

    def order(self, words: list[str]) -> None:
        match words:
            case ["slow", rate]:
                self._mode, self._rate = "slow", float(rate)
            case ["reset"]:
                self._mode = "pass"
                for client, server in list(self._pairs):
                    client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.transport.abort()
                    server.transport.abort()
            case ["half-open"]:
                self._mode = "pass"
                for client, server in list(self._pairs):
                    self._unaware.add(client)
                    server.transport.abort()
            case ["pass" | "hole" as mode]:
                self._mode = mode
        self._changed.set()
        self._changed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        server: asyncio.StreamWriter | None = None
        try:
            await self._passable()
            answers, server = await asyncio.open_connection("127.0.0.1", self._target)
            server.transport.set_write_buffer_limits(BUFFER_BYTES)
            client.transport.set_write_buffer_limits(BUFFER_BYTES)
            self._pairs.add((client, server))
            pumps = [asyncio.create_task(self._pump(reader, server)), asyncio.create_task(self._pump(answers, client, slow=True))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.wait(pumps)
            while client in self._unaware and await reader.read(CHUNK_BYTES):
                pass  # until it leaves by itself
        except OSError:
            pass
        finally:
            for side in (client, server):
                if side is not None:
                    self._pairs.discard((client, side))
                    side.close()
            self._unaware.discard(client)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, slow: bool = False) -> None:
        with suppress(ConnectionError):
            while data := await source.read(CHUNK_BYTES):
                await self._passable()
                if slow and self._mode == "slow":
                    await asyncio.sleep(len(data) / self._rate)
                sink.write(data)
                await sink.drain()

    async def _passable(self) -> None:
        while self._mode == "hole":
            await self._changed.wait()


async def main(port: int, target: int) -> None:
    proxy, loop = Proxy(target), asyncio.get_running_loop()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", port)
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    print("ready", flush=True)
    while line := await orders.readline():
        proxy.order(line.decode().split())
        print("done", flush=True)
    server.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
