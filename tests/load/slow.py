"""Clients that cost nothing but patience, and those whose answers must not suffer from them.

Contract: Throughput counts tokens as they arrive. SlowClients and UnreadStreams hold their connections until they are told to
stop; the bytes that they send are few, so that it is the server's work that is measured and not theirs.
Not here: what share may be lost (load.py).
"""

import asyncio
import socket
import time

import clients
from http_client import Connection, metrics, request_bytes

BYTE_SECONDS = 2        # between two bytes of a slow client
REST_SECONDS = 1        # without a new token: streams that nobody reads have come to rest
LONGEST_REST_SECONDS = 300
RECEIVE_BYTES = 8192    # of a stream that is not read, in its client's kernel


class Throughput:
    """Tokens a second that clients get which behave well."""

    def __init__(self, address, count=4):
        self.address, self.count, self.flaws, self.number = address, count, [], 0

    async def measure(self, seconds):
        until = time.perf_counter() + seconds
        tokens = await asyncio.gather(*(self._client(until) for _ in range(self.count)))
        return sum(tokens) / seconds

    async def _client(self, until):
        connection, tokens = Connection(self.address), 0
        while time.perf_counter() < until:
            self.number += 1
            body = {"prompt": clients.words(20, self.number), "n_predict": 48, "temperature": 0.8, "seed": self.number,
                    "ignore_eos": True, "stream": True, "cache_prompt": False}
            answer = await connection.ask("POST", "/completion", body, keep_pieces=True)
            found = clients.flaw("/completion", body, answer)
            if found or answer.status != 200:
                self.flaws.append(f"a client that behaves: {found or answer.status}")
                await asyncio.sleep(0.5)
                continue
            tokens += sum(len(event["tokens"]) for moment, event in answer.events() if moment < until and not event["stop"])
        connection.close()
        return tokens


class SlowClients:
    """Connections that send their head or body a byte at a time, and begin again when the server closes them."""

    def __init__(self, address, heads, bodies):
        self.address = address
        self.closed_after = {"head": [], "body": []}
        kinds = ["head"] * heads + ["body"] * bodies
        self.tasks = [asyncio.create_task(self._run(kind)) for kind in kinds]

    async def _run(self, kind):
        data = request_bytes("POST", "/v1/completions", b'{"prompt": "' + b"x" * 1000 + b'"}', [("X-Padding", "y" * 500)])
        begin = 20 if kind == "head" else data.index(b"\r\n\r\n") + 10
        while True:
            begun = time.perf_counter()
            await self._send_slowly(data, begin)
            self.closed_after[kind].append(time.perf_counter() - begun)

    async def _send_slowly(self, data, begin):
        connection = Connection(self.address)
        closed = None
        try:
            await connection.send(data[:begin])
            closed = asyncio.ensure_future(connection.reader.read())
            for index in range(begin, len(data) - 1):
                await asyncio.wait([closed], timeout=BYTE_SECONDS)
                if closed.done():
                    return
                await connection.send(data[index:index + 1])
        except OSError:
            await asyncio.sleep(BYTE_SECONDS)
        finally:
            if closed:
                closed.cancel()
            connection.close(abort=True)

    async def finish(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class UnreadStreams:
    """Clients that ask for endless answers and never read them."""

    def __init__(self, address, count):
        self.address, self.count, self.sockets = address, count, []

    async def open(self):
        host, port = self.address.rsplit(":", 1)
        for number in range(self.count):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            one.connect((host, int(port)))
            body = {"prompt": clients.words(5, number), "n_predict": -1, "ignore_eos": True, "stream": True, "seed": number,
                    "temperature": 0.8, "cache_prompt": False}
            one.sendall(request_bytes("POST", "/completion", body))
            self.sockets.append(one)

    async def come_to_rest(self):
        """Waits until no more tokens are made for them; raises TimeoutError if that does not happen."""
        deadline = time.monotonic() + LONGEST_REST_SECONDS
        while time.monotonic() < deadline:
            before = await metrics(self.address)
            await asyncio.sleep(REST_SECONDS)
            after = await metrics(self.address)
            if after["llamacpp:tokens_predicted_total"] == before["llamacpp:tokens_predicted_total"] > 0:
                return
        raise TimeoutError("the server goes on with answers that nobody reads")

    def close(self):
        for one in self.sockets:
            one.close()
