"""A small HTTP/1.1 client on asyncio that notes when every piece of an answer came: for load tests and measurements.

Contract: an Answer says how far it got; a connection that breaks (reset, or an end in the middle) is an Answer with `broken`
set, never an exception. Clocks are time.perf_counter().
Not here: what is asked, and what answers must be like.
"""

import asyncio
import json
import time

LONGEST_SECONDS = 900
LINE_BYTES = 1 << 24


class Broken(Exception):
    """The connection ended where it must not."""


class Answer:
    def __init__(self):
        self.status = 0
        self.headers = {}
        self.body = b""
        self.sent = 0.0        # when the request had been handed to the kernel
        self.first = None      # when the first piece of the body came
        self.ended = 0.0
        self.pieces = []       # (time, bytes), where they were asked for
        self.broken = ""       # why, if the connection broke
        self.complete = False

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def seconds(self):
        return self.ended - self.sent

    def events(self):
        """[(time, data)] of server-sent events; data is parsed, [DONE] is None."""
        found, rest = [], b""
        for moment, piece in self.pieces or [(self.ended, self.body)]:
            *blocks, rest = (rest + piece).split(b"\n\n")
            for block in blocks:
                data = [line[6:] for line in block.split(b"\n") if line.startswith(b"data: ")]
                if data:
                    found.append((moment, None if data[0] == b"[DONE]" else json.loads(data[0])))
        return found

    @property
    def first_event(self):
        """When the first one came; comments, which keep a connection alive, do not count."""
        return self.events()[0][0]

    def lines(self):
        """The objects of a stream of lines of JSON."""
        return [json.loads(line) for line in self.body.splitlines() if line]


def request_bytes(method, path, body=None, headers=()):
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers)]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


class Connection:
    """To one server; opened when it is needed, and again after the server closed it between two answers."""

    def __init__(self, address):
        self.host, self.port = address.rsplit(":", 1)
        self.reader = self.writer = None
        self.used = False

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(self.host, int(self.port), limit=LINE_BYTES)
        self.used = False

    def close(self, abort=False):
        """`abort`: what was not read is thrown away, so that the other side sees a reset."""
        if self.writer is None:
            return
        self.writer.transport.abort() if abort else self.writer.close()
        self.reader = self.writer = None

    async def send(self, data):
        if self.writer is None:
            await self.open()
        self.writer.write(data)
        await self.writer.drain()

    async def head(self):
        """(status, headers)"""
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise Broken("no answer came" if not line else "the answer ends in its first line")
        status = int(line.split(b" ", 2)[1])
        headers = {}
        while True:
            line = await self.reader.readline()
            if not line.endswith(b"\n"):
                raise Broken("the answer ends in its head")
            if line == b"\r\n":
                return status, headers
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()

    async def pieces(self, headers):
        """The body, as it comes."""
        if headers.get("transfer-encoding") == "chunked":
            while True:
                size = await self.reader.readline()
                if not size.endswith(b"\n"):
                    raise Broken("the stream was cut")
                count = int(size.split(b";")[0], 16)
                piece = await self.reader.readexactly(count + 2)
                if count == 0:
                    return
                yield piece[:-2]
        else:
            yield await self.reader.readexactly(int(headers.get("content-length", 0)))

    async def ask(self, method, path, body=None, headers=(), keep_pieces=False, on_piece=None):
        """One request; `on_piece(answer)` is called for each piece of the body and may stop reading by returning True."""
        data = request_bytes(method, path, body, headers)
        answer = await self._ask(data, keep_pieces, on_piece)
        # A server may close an idle connection at any time: then the request is sent once more, as every client does.
        if answer.broken == "no answer came" and self.used:
            self.close()
            answer = await self._ask(data, keep_pieces, on_piece)
        if answer.broken or not answer.complete or answer.headers.get("connection") == "close":
            self.close(abort=bool(answer.broken) or not answer.complete)
        else:
            self.used = True
        return answer

    async def _ask(self, data, keep_pieces, on_piece):
        answer = Answer()
        body = bytearray()
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                answer.sent = time.perf_counter()
                await self.send(data)
                answer.status, answer.headers = await self.head()
                async for piece in self.pieces(answer.headers):
                    now = time.perf_counter()
                    answer.first = answer.first or now
                    body += piece
                    if keep_pieces:
                        answer.pieces.append((now, piece))
                    if on_piece and on_piece(answer):
                        break
                else:
                    answer.complete = True
        except (Broken, OSError, EOFError) as problem:
            answer.broken = str(problem) if isinstance(problem, Broken) else f"{type(problem).__name__}: {problem}"
        except TimeoutError:
            answer.broken = f"no end within {LONGEST_SECONDS} s"
        answer.body = bytes(body)
        answer.ended = time.perf_counter()
        return answer


async def ask(address, method, path, body=None, headers=(), **more):
    """On a connection of its own."""
    connection = Connection(address)
    try:
        return await connection.ask(method, path, body, headers, **more)
    finally:
        connection.close()


async def get(address, path):
    return await ask(address, "GET", path)


async def post(address, path, body, **more):
    return await ask(address, "POST", path, body, **more)


async def metrics(address):
    """{name: value summed over the models}"""
    values = {}
    answer = await get(address, "/metrics")
    for line in answer.body.decode().splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            name = name.partition("{")[0]
            values[name] = values.get(name, 0.0) + float(value)
    return values
