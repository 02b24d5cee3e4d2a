"""Requests that no server should be given: what they send, and what may come back.

Contract: `cases(document, model)` gives every Case; `document` is the server's own description (GET /openapi.json), so that a
parameter that is added is abused, too. A case is bytes for a connection of its own. Not here: sending them (abuse_test.py).
"""

import dataclasses
import json
import typing

REFUSED = frozenset(range(400, 500))
ANSWERED = frozenset({200})
EITHER = REFUSED | ANSWERED
NESTING = 200000


@dataclasses.dataclass
class Case:
    name: str
    pieces: typing.List[bytes]                # sent one after the other
    expected: typing.FrozenSet[int] = REFUSED
    dialect: str = ""                         # whose form an error must have; "": that of errors before any route
    answers: int = 1                          # that must come
    leaves: bool = False                      # the client goes without waiting for an answer
    method: str = "GET"                       # what the last answer is read as


CHAT = {"messages": [{"role": "user", "content": "Hi"}]}
# dialect: (path, body, where parameters stand)
GENERATING = {
    "openai": [("/v1/chat/completions", {**CHAT, "max_tokens": 1}, None), ("/v1/completions", {"prompt": "Hi", "max_tokens": 1}, None),
               ("/v1/responses", {"input": "Hi", "max_output_tokens": 1}, None)],
    "ollama": [("/api/chat", {**CHAT, "stream": False, "options": {"num_predict": 1}}, "options"),
               ("/api/generate", {"prompt": "Hi", "stream": False, "options": {"num_predict": 1}}, "options")],
    "anthropic": [("/v1/messages", {**CHAT, "max_tokens": 1}, None)],
    "native": [("/completion", {"prompt": "Hi", "n_predict": 1}, None),
               ("/infill", {"input_prefix": "a", "input_suffix": "b", "n_predict": 1}, None)],
    "lmstudio": [("/api/v0/chat/completions", {**CHAT, "max_tokens": 1}, None), ("/api/v0/completions", {"prompt": "Hi", "max_tokens": 1}, None),
                 ("/api/v1/chat", {"input": "Hi", "max_output_tokens": 1}, None)],
}
ROUTES = [(dialect, *route) for dialect, routes in GENERATING.items() for route in routes]


def request(method, path, body=b"", headers=(), host="localhost", length=True):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1".encode(), f"Host: {host}".encode(), b"Connection: close"]
    lines += [header if isinstance(header, bytes) else header.encode() for header in headers]
    if length and (body or method == "POST"):
        lines.append(f"Content-Length: {len(body)}".encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def post(path, body, headers=()):
    return request("POST", path, body, headers)


def placed(body, nested, name, text):
    """The body as JSON with `name` set to what `text` writes, whatever that is, after all other members."""
    changed = json.loads(json.dumps(body))
    target = changed.setdefault(nested, {}) if nested else changed
    target.pop(name, None)
    target["\x00here"] = 0
    return json.dumps(changed).replace('"\\u0000here": 0', f"{json.dumps(name)}: {text}").encode()


def bad_values(schema):
    """What a parameter of this description may not be, as JSON is written."""
    kind = (schema.get("type") or [""])[0]
    values = ['{"a": {"b": 1}}']
    if kind in ("integer", "number"):
        low, high = schema["minimum"], schema["maximum"]
        values += ['"1x"', "[[1]]", "1e300", "-1e300", "1e999", "NaN", "-Infinity", "9" * 400, "-" + "9" * 40, "true",
                   repr(low - max(1, abs(low) * 1e-6)), repr(high + max(1, abs(high) * 1e-6))]
        if kind == "integer":
            values += ["0.5", "1e-300"]
    elif kind == "boolean":
        values += ["1", '"true"', "[]"]
    elif kind == "string":
        values += ["1", "[]", "false"]
    return values


def fine_values(schema):
    kind = (schema.get("type") or [""])[0]
    return ["null"] + ([repr(schema["minimum"]), repr(schema["maximum"])] if kind == "number" else [])


def parameter_cases(document):
    """Every value that is wrong on one route, and one that is wrong on every route."""
    options = document["components"]["schemas"]["Options"]["properties"]
    for number, (name, schema) in enumerate(sorted(options.items())):
        values = bad_values(schema)
        for index, value in enumerate(values):
            dialect, path, body, nested = ROUTES[(number + index) % len(ROUTES)]
            if path == "/infill" and name == "prompt":
                continue
            # Booleans and counts share a name, so "true" is right there.
            expected = EITHER if name in ("logprobs", "truncate") else REFUSED
            yield Case(f"{path} {name}={value[:30]}", [post(path, placed(body, nested, name, value))], expected, dialect)
        for index, (dialect, path, body, nested) in enumerate(ROUTES):
            value = values[(number + index) % len(values)]
            expected = EITHER if name in ("logprobs", "truncate") else REFUSED
            yield Case(f"{path} {name}={value[:30]} everywhere", [post(path, placed(body, nested, name, value))], expected, dialect)
        for index, value in enumerate(fine_values(schema)):
            dialect, path, body, nested = ROUTES[(number + index) % len(ROUTES)]
            yield Case(f"{path} {name}={value} is fine", [post(path, placed(body, nested, name, value))], EITHER, dialect)


def list_cases():
    """Parameters that are lists or objects, and how they can be wrong inside."""
    texts = {
        "stop": ['[1]', '[[]]', '["' + "x" * 5000 + '"]', json.dumps(["x"] * 500)],
        "logit_bias": ['{"a": 1}', '{"-1": 1}', '{"99999999": 1}', '{"1": 1e9}', '{"1": "x"}', '[[1]]', '[[1, 2, 3]]', '[["a", 1]]', '[[-5, 1]]',
                       json.dumps({str(i): 1 for i in range(5000)})],
        "stop_token_ids": ['["a"]', '[-1]', '[1e9]', '[0.5]', '[999999]'],
        "samplers": ['[1]', '[null]', '5'],
        "dry_sequence_breakers": ['[1]', json.dumps(["x"] * 100), json.dumps(["x" * 4000])],
        "response_fields": ['[1]', '"content"'],
    }
    for name, values in texts.items():
        for value in values:
            for dialect, path, body, nested in ROUTES[::4]:
                yield Case(f"{path} {name}={value[:30]}", [post(path, placed(body, nested, name, value))], REFUSED, dialect)


def json_cases(model):
    """Bodies that are no JSON, or not what a body is."""
    broken = {
        "nothing": b"", "blank": b"   ", "open": b"{", "text": b"hello", "array": b"[]", "number": b"1", "null": b"null", "string": b'"a"',
        "trailing": b'{"prompt":"a"} x', "two": b'{"prompt":"a"}{"prompt":"a"}', "comma": b'{"prompt":"a",}', "single": b"{'prompt':'a'}",
        "comment": b'{"prompt":"a" /* b */}', "bare": b"{prompt:1}", "bom": b'\xef\xbb\xbf{"prompt":1}', "utf16": '{"prompt":1}'.encode("utf-16"),
        "wrong utf-8": b'{"prompt":"\xff\xfe"}', "overlong": b'{"prompt":"\xc0\xaf"}', "surrogate": b'{"prompt":"\xed\xa0\x80"}',
        "cut utf-8": b'{"prompt":"\xe2\x82"}', "lone escape": b'{"prompt":"\\ud800"}', "bad escape": b'{"prompt":"\\x41"}',
        "control": b'{"prompt":"\x01"}', "nul": b'{"prompt":"a\x00b"}', "zeros": b"\x00" * 100, "leading zero": b'{"max_tokens":01}',
        "hex": b'{"max_tokens":0x10}', "plus": b'{"max_tokens":+1}', "dot": b'{"temperature":.5}', "bare dot": b'{"temperature":1.}',
        "deep arrays": b'{"prompt":' + b"[" * NESTING + b"]" * NESTING + b"}", "deep objects": b'{"a":' * NESTING + b"1" + b"}" * NESTING,
        "deep open": b"[" * NESTING, "no colon": b'{"a" 1}', "long number": b'{"max_tokens":' + b"1" * 100000 + b"}",
        "long key": b'{"' + b"k" * 300000 + b'":1,"temperature":"x"}', "many keys": json.dumps({f"k{i}": i for i in range(50000)}).encode(),
        "many of one key": b"{" + b'"temperature":9999,' * 5000 + b'"temperature":9999}',
    }
    for name, body in broken.items():
        for dialect, path, _, _ in ROUTES:
            # An empty body, or one that has nothing but unknown members, loads the model in Ollama's dialect.
            fine = EITHER if name in ("nothing", "many keys", "lone escape") or dialect == "ollama" else REFUSED
            yield Case(f"{path} {name}", [post(path, body)], fine, dialect)
    twice = b'{"model":"absent","model":' + json.dumps(model).encode() + b',"prompt":"Hi","n_predict":1,"n_predict":1}'
    yield Case("a key twice", [post("/completion", twice)], EITHER, "native")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "\x7f", "application/json; charset=utf-16"):
        yield Case(f"content type {kind!r}", [post("/completion", {"prompt": "Hi", "n_predict": 1}, [f"Content-Type: {kind}"])], EITHER, "native")


def shape_cases():
    """The members that are not parameters, in every wrong type."""
    wrong = ["1", "true", "{}", "[1]", "[[]]", '[{"role": 1}]', '[{"role": "user"}, 5]', "1e999", '"' + "x" * 70000 + '"']
    members = {"/v1/chat/completions": ["messages", "model", "tools", "response_format", "stream_options", "functions"],
               "/v1/completions": ["prompt", "model", "echo", "suffix"], "/v1/responses": ["input", "instructions", "previous_response_id", "text"],
               "/api/chat": ["messages", "model", "options", "keep_alive", "format", "think", "tools"],
               "/api/generate": ["prompt", "system", "template", "context", "raw", "images", "suffix", "keep_alive"],
               "/v1/messages": ["messages", "system", "model", "tools", "thinking"],
               "/completion": ["prompt", "model", "grammar", "json_schema", "lora"], "/infill": ["input_prefix", "input_suffix", "input_extra", "prompt"],
               "/api/v0/chat/completions": ["messages", "ttl"], "/api/v0/completions": ["prompt"], "/api/v1/chat": ["input", "system_prompt", "context_length"]}
    for dialect, path, body, _ in ROUTES:
        for member in members[path]:
            for value in wrong:
                yield Case(f"{path} {member}={value[:20]}", [post(path, placed(body, None, member, value))], EITHER, dialect)
    for path, body in (("/tokenize", {"content": 1}), ("/tokenize", {"content": [1, {}]}), ("/detokenize", {"tokens": "a"}),
                       ("/detokenize", {"tokens": [-1]}), ("/detokenize", {"tokens": [1e99]}), ("/apply-template", {"messages": 5}),
                       ("/apply-template", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}]}),
                       ("/v1/chat/completions/input_tokens", {"messages": {}})):
        yield Case(f"{path} {body}", [post(path, body)], EITHER, "openai" if "/v1/" in path else "native")
    for path, body in (("/api/show", {"model": 5}), ("/api/show", {"model": "../../etc/passwd"}), ("/api/pull", {"model": "file:///etc/passwd"}),
                       ("/api/pull", {"model": "http://127.0.0.1:1/x.gguf"}), ("/api/pull", {"model": "/etc/passwd"}), ("/api/pull", {"model": {}}),
                       ("/api/copy", {"source": "../a", "destination": "../../b"}), ("/api/copy", {"source": 1, "destination": []})):
        yield Case(f"{path} {body}", [post(path, {**body, "stream": False})], REFUSED, "ollama")
    yield Case("delete a path", [request("DELETE", "/api/delete", {"model": "../../etc/passwd"})], REFUSED, "ollama")
    for name in ("/etc/passwd", "../../../etc/passwd", "a\u0000b", "x" * 10000, "a/b/c/d:e", "\u202e", "%2e%2e/x", "C:\\x", ".", "", " "):
        yield Case(f"model {name[:20]!r}", [post("/completion", {"model": name, "prompt": "Hi", "n_predict": 1})], EITHER, "native")


def target_cases():
    """Paths, queries and methods."""
    for path in ("/../etc/passwd", "/v1/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v1/models/..%2f..%2fetc%2fpasswd", "/v1/models/%00", "/%", "/%1",
                 "/%zz", "/%ff%fe", "/v1/models/%c0%af", "//", "/./", "/v1/models/" + "a" * 5000, "/\\..\\..", "*", "no-slash", "http://localhost/../x",
                 "ftp://localhost/", "http://evil.example/v1/models", "/v1/models/%0d%0aX-Injected:%201", "/\x01", "/a\x7fb", "/v1/responses/..", "/v1/models/%F0%9F%98"):
        yield Case(f"target {path[:40]!r}", [request("GET", path)], REFUSED)
    for path in ("/v1/models?" + "a=b&" * 5000, "/props?model=%ff", "/props?model=" + "x" * 3000, "/slots?model=../..", "/slots?fail_on_no_slot=zzz", "/health?%",
                 "/health?a=%zz", "/metrics?model=absent", "/v1/models?limit=-1", "/v1/models?limit=1e99", "/?#", "/health#x"):
        yield Case(f"query {path[:40]!r}", [request("GET", path)], EITHER)
    yield Case("CONNECT", [b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"])
    for method in ("GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get", "M" * 100):
        yield Case(f"{method[:10]} of a route for POST", [request(method, "/v1/chat/completions")])
    for path in ("/health", "/v1/models", "/api/tags", "/props", "/slots", "/metrics", "/nowhere", "/v1/chat/completions"):
        yield Case(f"HEAD {path}", [request("HEAD", path)], EITHER, method="HEAD")
        yield Case(f"POST {path} without a body", [request("POST", path)], EITHER)
        preflight = ["Origin: http://localhost", "Access-Control-Request-Method: POST"]
        yield Case(f"OPTIONS {path}", [request("OPTIONS", path, b"", preflight)], EITHER | {204})
        yield Case(f"OPTIONS {path} from elsewhere", [request("OPTIONS", path, b"", ["Origin: https://evil.example", preflight[1]])])
        yield Case(f"plain OPTIONS {path}", [request("OPTIONS", path)], EITHER | {204})


def gate_cases():
    """Hosts, origins and what a browser's page would try."""
    for host in ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "", " ", "[::1", "[evil]", "192.168.1.1",
                 "localhost:99999", "localhost:abc", "a" * 3000, "localhost, evil.example", "\x80", "http://localhost", "localhost/", "0177.0.0.1.example"):
        # Ports are not looked at: what keeps others out is the name.
        yield Case(f"host {host[:30]!r}", [request("GET", "/v1/models", host=host)], EITHER if host == "localhost:99999" else REFUSED)
    for origin in ("https://evil.example", "null", "http://localhost.evil.example", "http://evil.example:11434", "file://", "", "http://localhost@evil.example", "javascript:alert(1)",
                   "http://127.0.0.1.evil.example", "HTTP://EVIL.EXAMPLE", "app://obsidian.md.evil.example", "vscode-webview-x://a", "a" * 5000):
        for method, path in (("GET", "/v1/models"), ("POST", "/api/delete")):
            expected = EITHER if origin == "" else REFUSED
            yield Case(f"origin {origin[:30]!r} {path}", [request(method, path, headers=[f"Origin: {origin}"])], expected)


def http_cases():
    """Requests that are not HTTP, or that two readers would understand differently."""
    body = json.dumps({"prompt": "Hi", "n_predict": 1}).encode()
    head = b"POST /completion HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    size = f"{len(body):x}".encode()
    wrong = {
        "rubbish": b"\x00\x01\x02\x03\r\n\r\n", "TLS": bytes([22, 3, 1, 0, 200, 1, 0, 0, 196]) + b"\x00" * 50, "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/0.9": b"GET /\r\n\r\n", "HTTP/3.0": b"GET / HTTP/3.0\r\nHost: localhost\r\n\r\n", "HTTP/1.9": b"GET / HTTP/1.9\r\nHost: localhost\r\n\r\n",
        "no host": b"GET /v1/models HTTP/1.1\r\n\r\n", "two hosts": b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        "bare line feeds": b"GET / HTTP/1.1\nHost: localhost\n\n", "space before colon": b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "folded header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", "no colon": b"GET / HTTP/1.1\r\nHost: localhost\r\nrubbish\r\n\r\n",
        "nul in header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n", "empty name": b"GET / HTTP/1.1\r\nHost: localhost\r\n: a\r\n\r\n",
        "two lengths": head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345", "same length twice": head + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n12345",
        "negative length": head + b"Content-Length: -1\r\n\r\n", "length in words": head + b"Content-Length: five\r\n\r\n12345",
        "length list": head + b"Content-Length: 5, 5\r\n\r\n12345", "plus length": head + b"Content-Length: +5\r\n\r\n12345", "hex length": head + b"Content-Length: 0x5\r\n\r\n12345",
        "huge length": head + b"Content-Length: 99999999999999999999999\r\n\r\n", "64 bit length": head + b"Content-Length: 18446744073709551615\r\n\r\n",
        "length over the limit": head + b"Content-Length: 999999999999\r\n\r\n", "both lengths": head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "gzip coding": head + b"Transfer-Encoding: gzip\r\n\r\n", "gzip and chunked": head + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "chunked twice": head + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "obscured coding": head + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        "chunks in 1.0": b"POST /completion HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "chunk size in words": chunked + b"five\r\n12345\r\n0\r\n\r\n",
        "negative chunk": chunked + b"-5\r\n12345\r\n0\r\n\r\n", "huge chunk": chunked + b"ffffffffffffffffffff\r\n", "big chunk": chunked + b"fffffffffffffff\r\n",
        "chunk without end": chunked + b"5\r\n1234567\r\n0\r\n\r\n", "hex chunk": chunked + b"0x5\r\n12345\r\n0\r\n\r\n", "long chunk extension": chunked + b"5;" + b"a" * 40000 + b"\r\n12345\r\n0\r\n\r\n",
        "long trailer": chunked + b"0\r\nX: " + b"a" * 40000 + b"\r\n\r\n", "big header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100000 + b"\r\n\r\n",
        "many headers": b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: a\r\n" % i for i in range(500)) + b"\r\n", "long target": b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "long method": b"A" * 100000 + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n", "endless head": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 30000,
        "other expectation": head + b"Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}",
    }
    for name, data in wrong.items():
        # RFC 9112 lets a server refuse a folded header or read it as one line.
        may = {"HTTP/0.9": {505}, "HTTP/3.0": {505}, "HTTP/1.9": {505}, "HTTP/2": {505}, "folded header": ANSWERED}
        yield Case(name, [data], REFUSED | may.get(name, frozenset()))
    upgrade = [b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13"]
    yield Case("websocket", [b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"\r\n".join(upgrade) + b"\r\n\r\n"], EITHER)
    yield Case("h2c", [b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"], EITHER)
    yield Case("100-continue", [head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body), body], ANSWERED)
    yield Case("100-continue refused", [b"POST /completion HTTP/1.1\r\nHost: evil.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"])
    yield Case("chunks of one byte", [chunked + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"], ANSWERED)
    yield Case("chunk extensions and trailers", [chunked + size + b";a=b\r\n" + body + b"\r\n0\r\nX-Trailer: 1\r\n\r\n"], ANSWERED)
    yield Case("a byte at a time", [bytes([byte]) for byte in head + b"Content-Length: %d\r\n\r\n" % len(body) + body], ANSWERED)
    yield Case("HTTP/1.0", [b"POST /completion HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body) + body], ANSWERED)
    yield Case("blank lines first", [b"\r\n\r\n" + request("GET", "/health")], EITHER)
    alive = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield Case("pipelined", [alive * 20 + request("GET", "/health")], ANSWERED, answers=21)
    kept = f"POST /completion HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    yield Case("pipelined answers", [kept * 3 + request("POST", "/completion", body)], ANSWERED, "native", answers=4)
    yield Case("pipelined, the second is wrong", [alive + b"rubbish\r\n\r\n"], EITHER, answers=2)
    yield Case("a big body", [post("/completion", {"prompt": "a " * 2000000, "n_predict": 1})], REFUSED, "native")
    yield Case("a body of blanks", [post("/tokenize", b" " * 5000000 + b'{"content":"a"}')], EITHER, "native")


def leaving_cases():
    """Clients that go before there is an answer."""
    stream = post("/completion", {"prompt": "Hi", "n_predict": 200, "stream": True, "ignore_eos": True})
    whole = post("/v1/chat/completions", {**CHAT, "max_tokens": 200, "n": 8})
    for name, data in (("nothing", b""), ("half a line", b"GET /hea"), ("half a head", b"GET / HTTP/1.1\r\nHost: loc"), ("half a body", whole[:-20]),
                       ("no body", whole[:whole.index(b"\r\n\r\n") + 4]), ("half a chunk", b"POST /completion HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n123"),
                       ("a stream", stream), ("an answer", whole), ("an expectation", b"POST /completion HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")):
        for number in range(4):
            yield Case(f"leaves {name} {number}", [data] if data else [], leaves=True)


def cases(document, model):
    yield from parameter_cases(document)
    yield from list_cases()
    yield from json_cases(model)
    yield from shape_cases()
    yield from target_cases()
    yield from gate_cases()
    yield from http_cases()
    yield from leaving_cases()
