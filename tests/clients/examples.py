"""One request for every route of the server, by the names that GET /openapi.json gives them."""

import typing

from environment import PROMPT, server

MESSAGES = [{"role": "user", "content": PROMPT}]
SHORT = {"temperature": 0, "max_tokens": 6}

# What `hearth run` asks: nothing is left to defaults.
HOME_QUESTION = {"model": "", "messages": MESSAGES, "max_tokens": 6, "stop": [], "ignore_stop_tokens": False,
                 "tools": {"definitions": [], "choice": "auto", "name": "", "parallel": True},
                 "reasoning": {"wish": "default", "budget": -1, "effort": ""},
                 "sampler": {"temperature": 0, "top_p": 1, "min_p": 0, "repetition_penalty": 1, "presence_penalty": 0,
                             "frequency_penalty": 0, "typical_p": 1, "top_n_sigma": -1, "xtc_probability": 0, "xtc_threshold": 0.1,
                             "dynamic_range": 0, "dynamic_exponent": 1, "min_keep": 0, "dry_multiplier": 0, "dry_base": 1.75,
                             "dry_allowed_length": 2, "dry_window": 64, "dry_breakers": [], "mirostat": 0, "mirostat_tau": 5,
                             "mirostat_eta": 0.1, "top_k": 0, "penalty_window": 64, "logprobs": 1, "logit_bias": [[5, None]],
                             "order": ["temperature"], "seed": 2**64 - 1}}


class Example(typing.NamedTuple):
    target: str                        # the path to ask
    body: typing.Optional[dict] = None
    status: int = 200


def ollama_examples(model):
    options = {"options": {"temperature": 0, "num_predict": 6}}
    absent = {"model": "absent"}
    return {
        ("post", "/api/chat"): Example("/api/chat", {"model": model, "messages": MESSAGES, **options}),
        ("post", "/api/generate"): Example("/api/generate", {"model": model, "prompt": PROMPT, **options}),
        ("post", "/api/show"): Example("/api/show", {"model": model}),
        ("post", "/api/embed"): Example("/api/embed", {"model": model, "input": [PROMPT, "b"], **options}),
        ("post", "/api/embeddings"): Example("/api/embeddings", {"model": model, "prompt": PROMPT, **options}),
        # The model of these tests is a file of its own, which no route may change; ollama_test.py has a library to work on.
        ("post", "/api/pull"): Example("/api/pull", absent, 404),
        ("delete", "/api/delete"): Example("/api/delete", absent, 404),
        ("post", "/api/copy"): Example("/api/copy", {"source": "absent", "destination": "other"}, 404),
        ("post", "/api/create"): Example("/api/create", absent, 501),
        ("post", "/api/push"): Example("/api/push", absent, 501),
        ("post", "/api/blobs/{name}"): Example("/api/blobs/sha256:0", {}, 501),
    }


def native_examples():
    prompt = {"prompt": PROMPT, "temperature": 0, "n_predict": 6}
    gap = {"input_prefix": "def add(a, b):\n    return ", "input_suffix": "\n", "temperature": 0, "n_predict": 6}
    found = {
        ("post", "/completion"): Example("/completion", prompt),
        ("post", "/infill"): Example("/infill", gap),
        ("post", "/embedding"): Example("/embedding", {"content": [PROMPT, "b"]}),
        ("post", "/embeddings"): Example("/embeddings", {"input": PROMPT, "encoding_format": "base64"}),
        ("post", "/tokenize"): Example("/tokenize", {"content": PROMPT}),
        ("post", "/detokenize"): Example("/detokenize", {"tokens": [1, 2, 3]}),
        ("post", "/hearth/load"): Example("/hearth/load", {"model": server().model}),
        ("post", "/hearth/answer"): Example("/hearth/answer", HOME_QUESTION),
        ("post", "/lora-adapters"): Example("/lora-adapters", []),
        ("post", "/apply-template"): Example("/apply-template", {"messages": MESSAGES}),
    }
    for path in ("/rerank", "/reranking", "/v1/rerank", "/v1/reranking"):
        found["post", path] = Example(path, {"query": "a", "documents": ["b"]}, 501)
    return found


def lmstudio_examples(model):
    return {
        ("get", "/api/v0/models/{name}"): Example(f"/api/v0/models/{model}"),
        ("post", "/api/v0/chat/completions"): Example("/api/v0/chat/completions", {"messages": MESSAGES, **SHORT}),
        ("post", "/api/v0/completions"): Example("/api/v0/completions", {"prompt": PROMPT, **SHORT}),
        ("post", "/api/v0/embeddings"): Example("/api/v0/embeddings", {"input": PROMPT}),
        ("post", "/api/v1/chat"): Example("/api/v1/chat", {"input": PROMPT, "temperature": 0, "max_output_tokens": 6}),
        ("post", "/api/v1/models/load"): Example("/api/v1/models/load", {"model": model, "echo_load_config": True}),
        # After it the model is loaded again by whoever asks next.
        ("post", "/api/v1/models/unload"): Example("/api/v1/models/unload", {"instance_id": model}),
    }


def openai_examples(model, version, kept, forgotten):
    chat = {"messages": MESSAGES, **SHORT}
    return {
        ("get", f"{version}/models/{{name}}"): Example(f"{version}/models/{model}"),
        ("post", f"{version}/chat/completions"): Example(f"{version}/chat/completions", chat),
        ("post", f"{version}/chat/completions/input_tokens"): Example(f"{version}/chat/completions/input_tokens", chat),
        ("post", f"{version}/completions"): Example(f"{version}/completions", {"prompt": PROMPT, **SHORT}),
        ("post", f"{version}/responses"): Example(f"{version}/responses", {"input": PROMPT, **SHORT}),
        ("post", f"{version}/responses/input_tokens"): Example(f"{version}/responses/input_tokens", {"input": PROMPT}),
        ("get", f"{version}/responses/{{name}}"): Example(f"{version}/responses/{kept}"),
        ("delete", f"{version}/responses/{{name}}"): Example(f"{version}/responses/{forgotten}"),
    }


def examples():
    """{(method, path of the description): Example}"""
    model = server().model
    ids = [server().post("/v1/responses", {"input": PROMPT, **SHORT}).json["id"] for _ in range(4)]
    return {
        **openai_examples(model, "/v1", ids[0], ids[1]),
        **openai_examples(model, "", ids[2], ids[3]),
        **ollama_examples(model),
        **native_examples(),
        **lmstudio_examples(model),
        ("post", "/v1/embeddings"): Example("/v1/embeddings", {"input": [PROMPT, "b"], "dimensions": 8}),
        ("post", "/v1/messages"): Example("/v1/messages", {"model": model, "messages": MESSAGES, **SHORT}),
        ("post", "/v1/messages/count_tokens"): Example("/v1/messages/count_tokens", {"model": model, "messages": MESSAGES}),
    }
