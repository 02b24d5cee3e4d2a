"""Clients of all dialects that ask for all kinds of answers, and what a sound answer to them is.

Contract: request(number) is always the same for a number. `flaw` finds what is wrong with an answer that is neither whole nor
a refusal with 429 or 503. Not here: how many ask at a time (scenarios.py).
"""

import random

WORDS = ("river stone lantern garden winter copper engine signal harbour kettle meadow thunder paper window marble candle forest "
         "bridge velvet orchard compass glacier saddle pepper violin anchor cotton desert ladder mirror needle pocket").split()


def words(count, seed):
    source = random.Random(seed)
    return " ".join(source.choice(WORDS) for _ in range(count))


def messages(count, seed):
    return [{"role": "user", "content": f"Write about this: {words(count, seed)}."}]


def openai_chat(size, tokens, seed, stream):
    body = {"messages": messages(size, seed), "max_tokens": tokens, "seed": seed, "temperature": 0.8, "stream": stream}
    if stream:
        body["stream_options"] = {"include_usage": True}
    return "/v1/chat/completions", body


def openai_completion(size, tokens, seed, stream):
    return "/v1/completions", {"prompt": words(size, seed), "max_tokens": tokens, "temperature": 0, "logprobs": 2, "stream": stream}


def ollama_chat(size, tokens, seed, stream):
    return "/api/chat", {"messages": messages(size, seed), "stream": stream, "options": {"num_predict": tokens, "seed": seed}}


def anthropic(size, tokens, seed, stream):
    return "/v1/messages", {"messages": messages(size, seed), "max_tokens": tokens, "stream": stream}


def native(size, tokens, seed, stream):
    return "/completion", {"prompt": words(size, seed), "n_predict": tokens, "seed": seed, "stream": stream, "ignore_eos": True}


DIALECTS = (openai_chat, openai_completion, ollama_chat, anthropic, native)


def request(number, longest_prompt=600, longest_answer=48):
    """(path, body): short and long prompts and answers, streamed or whole, in every dialect."""
    source = random.Random(number)
    dialect = DIALECTS[number % len(DIALECTS)]
    size = source.choice([3, 10, 40, 150, longest_prompt])
    return dialect(size, source.randint(1, longest_answer), number, source.random() < 0.6)


def ends_of(path, answer):
    """Whether a streamed answer has the end that its dialect promises."""
    if path == "/api/chat":
        lines = answer.lines()
        return bool(lines) and lines[-1].get("done") is True
    events = answer.events()
    if not events:
        return False
    last = events[-1][1]
    if path == "/v1/messages":
        return last is not None and last.get("type") == "message_stop"
    return last is not None and last.get("stop") is True if path == "/completion" else last is None


def is_error(answer):
    return b'"error"' in answer.body


def flaw(path, body, answer):
    """What is wrong with an answer, or None. A refusal says when to come again."""
    if answer.broken:
        return f"broken: {answer.broken}"
    if answer.status in (429, 503):
        return None if answer.headers.get("retry-after", "").isdigit() else f"{answer.status} without Retry-After"
    if answer.status != 200:
        return f"status {answer.status}: {answer.body[:200]!r}"
    if is_error(answer):
        return f"an error in the answer: {answer.body[-200:]!r}"
    if body.get("stream") and not ends_of(path, answer):
        return f"the stream has no end: {answer.body[-100:]!r}"
    if not body.get("stream") and not answer.json:
        return "an empty answer"
    return None
