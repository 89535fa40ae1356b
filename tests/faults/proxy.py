"""A TCP proxy whose wire can be cut, reset, stalled, deaf or made slow while it is in use."""

import asyncio
import ctypes
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

_PIECE_BYTES: Final = 16_384
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: closing sends RST instead of FIN."""
_SO_ATTACH_FILTER: Final = 26
_SO_DETACH_FILTER: Final = 27
_RETURN_0: Final = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
_DROP_ALL: Final = struct.pack("HP", 1, ctypes.addressof(_RETURN_0))
"""A packet filter (linux/filter.h) of one instruction. TCP asks it before it looks at a segment, so whoever sends to
such a socket gets no acknowledgement, no answer to keep-alives and no reset: as if packets were dropped on the way."""


class Proxy:
    """Hands connections on from `port` to a loopback port. All methods are called from other threads than its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target_port: int) -> None:
        self.port = 0
        self._loop = loop
        self._target_port = target_port
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        self._latency_s = 0.0
        self._bytes_per_s = float("inf")
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listens."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Ends everything."""
        if self._server is not None:
            self._server.close()
        self._abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Resets what there is, and whatever tries to connect."""
        self._call(self._cut)

    def reset(self) -> None:
        """Resets what there is; new connections pass."""
        self._call(self._abort)

    def stall(self) -> None:
        """Connections stay, and nothing passes."""
        self._call(self._flows.clear)

    def silence(self) -> None:
        """Packets are dropped both ways, also of whoever tries to connect; those connections never come back."""
        self._call(self._silence)

    def slow(self, *, latency_s: float, bytes_per_s: float) -> None:
        """Each piece waits, and longer the more it holds."""
        self._latency_s, self._bytes_per_s = latency_s, bytes_per_s

    def heal(self) -> None:
        """All is well again; what was stalled goes on, and what was silenced is dead without knowing it."""
        self._call(self._heal)

    def _call(self, action: Callable[[], Any]) -> None:
        self._loop.call_soon_threadsafe(action)

    def _cut(self) -> None:
        self._is_cut = True
        self._abort()

    def _silence(self) -> None:
        for end in (*self._listening(), *(writer.get_extra_info("socket") for writer in self._writers)):
            with suppress(OSError):  # closed already
                end.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _DROP_ALL)

    def _listening(self) -> tuple[Any, ...]:
        return self._server.sockets if self._server is not None else ()

    def _heal(self) -> None:
        for end in self._listening():
            with suppress(OSError):  # hears already
                end.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        self._is_cut = False
        self._latency_s, self._bytes_per_s = 0.0, float("inf")
        self._flows.set()

    def _abort(self) -> None:
        for writer in self._writers:
            _abort(writer)
        self._flows.set()  # who waits must see the end

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._join(reader, writer)
        finally:
            _abort(writer)
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._writers.add(far_writer)
        pumps = [asyncio.create_task(self._pump(*ends)) for ends in ((reader, far_writer), (far_reader, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._writers.discard(far_writer)
            _abort(far_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_PIECE_BYTES):
            await self._flows.wait()
            pause_s = self._latency_s + len(data) / self._bytes_per_s
            if pause_s:
                await asyncio.sleep(pause_s)
            writer.write(data)
            await writer.drain()
        writer.close()  # sends what is still buffered
        await writer.wait_closed()


def _abort(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with suppress(OSError):  # closed already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


class Network:
    """The thread in which proxies run."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network")
        self._proxies: list[Proxy] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for proxy in self._proxies:
            asyncio.run_coroutine_threadsafe(proxy.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def proxy(self, target_port: int) -> Proxy:
        """A new proxy in front of a loopback port."""
        proxy = Proxy(self._loop, target_port)
        asyncio.run_coroutine_threadsafe(proxy.open(), self._loop).result(10)
        self._proxies.append(proxy)
        return proxy
