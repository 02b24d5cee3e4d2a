"""What a server must stand: many clients, clients that are slow, clients that go away, and its own end.

Contract: each scenario returns (figures, flaws): what was counted and measured, and what must not be, in words. Nothing that
depends on how fast the machine is counts as a flaw; load.py judges figures.
Not here: starting the server, bars.
"""

import asyncio
import collections
import random
import time

import clients
import slow
from http_client import Connection, ask, get, metrics, post, request_bytes

WITNESS = {"prompt": clients.words(30, 7), "n_predict": 24, "temperature": 0, "ignore_eos": True}
IDLE_SECONDS = 30
LONGEST_RETRY_SECONDS = 2
MOST_FLAWS = 20


async def witness_text(address):
    answer = await post(address, "/completion", WITNESS)
    return answer.json["content"] if answer.status == 200 else f"{answer.status} {answer.broken}"


async def many_clients(address, seconds, count):
    """So many clients ask one request after the other, most of them on a connection that they keep."""
    statuses, flaws, waits = collections.Counter(), [], []
    until = time.monotonic() + seconds
    expected = await witness_text(address)

    async def client(index):
        connection, number = Connection(address), index
        while time.monotonic() < until:
            path, body = clients.request(number)
            answer = await connection.ask("POST", path, body)
            found = clients.flaw(path, body, answer)
            statuses["broken" if answer.broken else answer.status] += 1
            if found:
                flaws.append(f"request {number} {path}: {found}")
            if answer.status == 200 and answer.first:
                waits.append(answer.first - answer.sent)
            if index % 4 == 3 or found:
                connection.close()
            if answer.status in (429, 503):
                await asyncio.sleep(min(LONGEST_RETRY_SECONDS, int(answer.headers.get("retry-after", 1))))
            number += count
        connection.close()

    async def witness():
        while time.monotonic() < until:
            answer = await post(address, "/completion", WITNESS)
            if answer.status == 200 and answer.json["content"] != expected:
                flaws.append(f"the same request gave another text: {answer.json['content']!r}")
            await asyncio.sleep(0.2)

    await asyncio.gather(*(client(index) for index in range(count)), witness())
    flaws += await what_is_left(address)
    return {"answers": {str(status): number for status, number in sorted(statuses.items(), key=str)},
            "median_wait_s": round(sorted(waits)[len(waits) // 2], 2) if waits else None}, flaws[:MOST_FLAWS]


async def what_is_left(address):
    """Flaws if a server that nobody asks anything does not come to rest, or holds pages that only answers may hold."""
    deadline = time.monotonic() + IDLE_SECONDS
    while True:
        values = await metrics(address)
        held = values["hearth_kv_pool_used_bytes"] - values["hearth_prefix_cache_bytes"]
        busy = values["llamacpp:requests_processing"] + values["llamacpp:requests_deferred"]
        if not busy and not held:
            return []
        if time.monotonic() > deadline:
            return [f"{IDLE_SECONDS} s after the last request {busy:.0f} answers are being made and {held:.0f} bytes of pages are held"]
        await asyncio.sleep(0.1)


async def slow_clients(address, heads, bodies, unread, seconds, rounds=2):
    """What clients that behave get with and without others that do not: each measured `rounds` times for so many seconds."""
    good = slow.Throughput(address)
    await good.measure(min(2, seconds))
    alone, beside = [], []
    closed_after = {"head": [], "body": []}
    for _ in range(rounds):
        alone.append(await good.measure(seconds))
        crowd = slow.SlowClients(address, heads, bodies)
        streams = slow.UnreadStreams(address, unread)
        await streams.open()
        await streams.come_to_rest()
        beside.append(await good.measure(seconds))
        await crowd.finish()
        streams.close()
        for kind, values in crowd.closed_after.items():
            closed_after[kind] += values
    flaws = good.flaws + await what_is_left(address)
    figures = {"alone_tokens_s": round(sum(alone) / rounds, 1), "beside_tokens_s": round(sum(beside) / rounds, 1),
               "cost": round(1 - sum(beside) / sum(alone), 4)}
    for kind, values in closed_after.items():
        figures[f"slow_{kind}_closed_after_s"] = round(max(values), 1) if values else None
    return figures, flaws[:MOST_FLAWS]


async def cancel_one(address, number):
    """Asks for a long answer and goes away: in the middle of the request, while it waits or its prompt is read, or while it is
    answered; with an orderly end or a reset."""
    source = random.Random(number)
    body = {"prompt": clients.words(source.choice([5, 300, 900]), number), "n_predict": 400, "ignore_eos": True, "seed": number,
            "stream": source.random() < 0.8, "temperature": 0.8}
    data = request_bytes("POST", "/completion", body)
    connection = Connection(address)
    stage = number % 4
    if stage == 3 and body["stream"]:
        wanted = source.randint(1, 40)
        pieces = 0

        def enough(_):
            nonlocal pieces
            pieces += 1
            return pieces >= wanted

        await connection.ask("POST", "/completion", body, on_piece=enough)
    else:
        try:
            await connection.send(data[:source.randrange(1, len(data))] if stage == 0 else data)
            await asyncio.sleep(source.random() * (0.02 if stage < 2 else 0.4))
        except OSError:
            pass
    connection.close(abort=source.random() < 0.5)


async def cancels(address, count, at_once=16):
    """So many clients go away at a moment of chance; afterwards everything must be as before, and nobody else has noticed."""
    expected = await witness_text(address)
    flaws, numbers = [], iter(range(count))
    running = True

    async def leaver():
        for number in numbers:
            await cancel_one(address, number)

    async def witness():
        told = 0
        while running:
            answer = await post(address, "/completion", {**WITNESS, "stream": True}, keep_pieces=True)
            text = "".join(event["content"] for _, event in answer.events()) if answer.status == 200 else f"{answer.status}"
            if answer.broken or text != expected:
                flaws.append(f"a client that stayed got {answer.broken or text!r} instead of {expected!r}")
            told += 1
        return told

    staying = asyncio.create_task(witness())
    begun = time.perf_counter()
    await asyncio.gather(*(leaver() for _ in range(at_once)))
    left = time.perf_counter()
    flaws += await what_is_left_of_one(address)
    rest = time.perf_counter() - left
    running = False
    told = await staying
    flaws += await what_is_left(address)
    again = await asyncio.gather(*(witness_text(address) for _ in range(at_once)))
    flaws += [f"afterwards the same request gives {text!r}" for text in again if text != expected]
    flaws += await unload(address)
    return {"cancels": count, "seconds": round(left - begun, 1), "at_rest_after_s": round(rest, 2), "answers_meanwhile": told}, flaws[:MOST_FLAWS]


async def long_beginning(address, beginning_words, side_words, side_calls, rounds):
    """Shares of a beginning that many questions have in common which were remembered, while others ask short things."""
    async def chat(size, seed, question):
        content = f"{clients.words(size, seed)} {question}"
        answer = await post(address, "/v1/chat/completions", {"messages": [{"role": "user", "content": content}], "max_tokens": 4})
        if answer.status != 200:
            raise AssertionError(f"{answer.status} {answer.broken} {answer.body[:300]!r}")
        usage = answer.json["usage"]
        return usage["prompt_tokens_details"]["cached_tokens"] / usage["prompt_tokens"]

    shares = [await chat(beginning_words, 1, question) for question in ("What is this?", "Who wrote this?")]
    for turn in range(rounds):
        sides = [chat(side_words, 100 + turn * side_calls + side, "And this?") for side in range(side_calls)]
        share, *_ = await asyncio.gather(chat(beginning_words, 1, f"Question {turn}?"), *sides)
        shares.append(share)
    return shares


async def what_is_left_of_one(address):
    """The same as what_is_left, beside one client that goes on."""
    deadline = time.monotonic() + IDLE_SECONDS
    while time.monotonic() < deadline:
        values = await metrics(address)
        if values["llamacpp:requests_processing"] + values["llamacpp:requests_deferred"] <= 1:
            return []
        await asyncio.sleep(0.02)
    return [f"{IDLE_SECONDS} s after the last client left its answer is still being made"]


async def unload(address):
    """A model that somebody still holds, who is long gone, never leaves memory."""
    loaded = (await get(address, "/api/ps")).json["models"]
    for model in loaded:
        await post(address, "/api/generate", {"model": model["name"], "keep_alive": 0})
    deadline = time.monotonic() + IDLE_SECONDS
    while time.monotonic() < deadline:
        if not (await get(address, "/api/ps")).json["models"]:
            return []
        await asyncio.sleep(0.1)
    return ["the model stays in memory although nobody uses it"]


async def drain(server, count, tokens=120):
    """SIGTERM while answers run: they come to their end, others are told to go, and the exit code is 0."""
    flaws = []

    async def running(number):
        path, body = clients.native(20, tokens, number, number % 2 == 0)
        answer = await post(server.address, path, body)
        found = clients.flaw(path, body, answer)
        if found or answer.status != 200:
            flaws.append(f"a running answer: {found or answer.status}")

    async def late():
        answer = await ask(server.address, "POST", "/completion", WITNESS)
        if answer.status not in (0, 503):
            flaws.append(f"a request after SIGTERM got {answer.status}")

    await witness_text(server.address)
    tasks = [asyncio.create_task(running(number)) for number in range(count)]
    while (await metrics(server.address))["llamacpp:requests_processing"] < min(count, 2):
        await asyncio.sleep(0.01)
    begun = time.perf_counter()
    stopping = asyncio.create_task(asyncio.to_thread(server.stop))
    await asyncio.sleep(0.1)
    await late()
    await asyncio.gather(*tasks)
    code = await stopping
    if code != 0:
        flaws.append(f"the exit code is {code}: {server.stderr[-500:]}")
    return {"answers": count, "seconds": round(time.perf_counter() - begun, 2)}, flaws
