"""One conversation with tools in every dialect of the server: asking, whole and streamed, and what comes back in one form."""

import json
import typing

WEATHER = {"name": "get_weather", "description": "Tells the current weather of a city.",
           "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "Name of the city"}},
                          "required": ["city"], "additionalProperties": False}}
TIME = {"name": "get_time", "description": "Tells the current time of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "hours": {"enum": [12, 24]}},
                       "required": ["city", "hours"], "additionalProperties": False}}


class Call(typing.NamedTuple):
    id: str
    name: str
    arguments: typing.Optional[dict]


class Said(typing.NamedTuple):
    """What an answer comes to."""
    text: str
    calls: list
    reasoning: str
    reason: str

    def without_ids(self):
        return self.text, [(call.name, call.arguments) for call in self.calls], self.reasoning, self.reason


def opened(text):
    """Arguments of a call; None if it was cut off."""
    try:
        return json.loads(text)
    except ValueError:
        return None


class Dialect:
    """`turns`: ("system", text), ("user", text), ("assistant", Said) and ("result", call id, text)."""

    def __init__(self, server):
        self.server = server

    def ask(self, turns, stream=False, tools=(WEATHER,), choice=None, parallel=None, max_tokens=60, **more):
        body = {**self.body(turns, max_tokens), **self.wishes(tools, choice, parallel), **more}
        answer = self.server.post(self.path, {**body, "stream": stream})
        if answer.status != 200:
            raise AssertionError(answer.text)
        return self.streamed(answer) if stream else self.whole(answer.json)

    def wishes(self, tools, choice, parallel):
        wishes = {"tools": [self.tool(tool) for tool in tools]} if tools else {}
        if choice:
            wishes["tool_choice"] = choice if choice in ("auto", "none", "required") else self.named(choice)
        if parallel is not None:
            wishes["parallel_tool_calls"] = parallel
        return wishes

    def tool(self, tool):
        return {"type": "function", "function": tool}

    def named(self, name):
        return {"type": "function", "function": {"name": name}}


class Chat(Dialect):
    path = "/v1/chat/completions"

    def body(self, turns, max_tokens):
        return {"messages": [message for turn in turns for message in self.messages(turn)], "temperature": 0, "max_tokens": max_tokens}

    def messages(self, turn):
        if turn[0] == "result":
            return [{"role": "tool", "tool_call_id": turn[1], "content": turn[2]}]
        if turn[0] in ("system", "user"):
            return [{"role": turn[0], "content": turn[1]}]
        calls = [{"id": call.id, "type": "function", "function": {"name": call.name, "arguments": json.dumps(call.arguments)}}
                 for call in turn[1].calls]
        return [{"role": "assistant", "content": turn[1].text or None, **({"tool_calls": calls} if calls else {})}]

    def whole(self, answer):
        choice = answer["choices"][0]
        message = choice["message"]
        calls = [Call(call["id"], call["function"]["name"], opened(call["function"]["arguments"]))
                 for call in message.get("tool_calls", [])]
        assert message.get("reasoning") == message.get("reasoning_content")
        return Said(message["content"] or "", calls, message.get("reasoning_content", ""), choice["finish_reason"])

    def streamed(self, answer):
        text, reasoning, reason, calls = "", "", None, []
        for _, data in answer.events:
            for choice in data["choices"] if data != "[DONE]" else []:
                delta, reason = choice["delta"], choice["finish_reason"] or reason
                text += delta.get("content") or ""
                reasoning += delta.get("reasoning_content") or ""
                for call in delta.get("tool_calls", []):
                    if call["index"] == len(calls):
                        calls.append([call["id"], call["function"]["name"], ""])
                        assert call["type"] == "function"
                    else:
                        assert "id" not in call
                    calls[call["index"]][2] += call["function"]["arguments"]
        return Said(text, [Call(*call[:2], opened(call[2])) for call in calls], reasoning, reason)


class LmStudio(Chat):
    path = "/api/v0/chat/completions"


class Ollama(Dialect):
    path = "/api/chat"

    def body(self, turns, max_tokens):
        return {"messages": [message for turn in turns for message in self.messages(turn)],
                "options": {"temperature": 0, "num_predict": max_tokens}}

    def messages(self, turn):
        if turn[0] == "result":
            return [{"role": "tool", "tool_name": "get_weather", "content": turn[2]}]
        if turn[0] in ("system", "user"):
            return [{"role": turn[0], "content": turn[1]}]
        calls = [{"function": {"name": call.name, "arguments": call.arguments}} for call in turn[1].calls]
        return [{"role": "assistant", "content": turn[1].text, **({"tool_calls": calls} if calls else {})}]

    def whole(self, answer):
        return self.gathered([answer])

    def streamed(self, answer):
        return self.gathered(answer.lines)

    def gathered(self, lines):
        messages = [line["message"] for line in lines]
        calls = [Call(call["id"], call["function"]["name"], call["function"]["arguments"])
                 for message in messages for call in message.get("tool_calls", [])]
        return Said("".join(message["content"] for message in messages), calls,
                    "".join(message.get("thinking", "") for message in messages), lines[-1]["done_reason"])


class Responses(Dialect):
    path = "/v1/responses"

    def body(self, turns, max_tokens):
        return {"input": [item for turn in turns for item in self.items(turn)], "temperature": 0, "max_output_tokens": max_tokens}

    def items(self, turn):
        if turn[0] == "result":
            return [{"type": "function_call_output", "call_id": turn[1], "output": turn[2]}]
        if turn[0] in ("system", "user"):
            return [{"role": turn[0], "content": turn[1]}]
        text = [{"role": "assistant", "content": turn[1].text}] if turn[1].text else []
        return text + [{"type": "function_call", "call_id": call.id, "name": call.name, "arguments": json.dumps(call.arguments)}
                       for call in turn[1].calls]

    def tool(self, tool):
        return {"type": "function", "strict": True, **tool}

    def named(self, name):
        return {"type": "function", "name": name}

    def whole(self, answer):
        calls = [Call(item["call_id"], item["name"], opened(item["arguments"]))
                 for item in answer["output"] if item["type"] == "function_call"]
        text = [part["text"] for item in answer["output"] if item["type"] == "message" for part in item["content"]]
        reasoning = [part["text"] for item in answer["output"] if item["type"] == "reasoning"
                     for part in item.get("content", []) + item["summary"]]
        return Said("".join(text), calls, "".join(reasoning), answer["status"])

    def streamed(self, answer):
        """Every item is told piece by piece; what the pieces come to must be what the last event says."""
        pieces, items = {}, {}
        for number, (name, data) in enumerate(answer.events):
            assert data["type"] == name and data["sequence_number"] == number
            index = data.get("output_index")
            if name == "response.output_item.added":
                assert index == len(items)
                items[index], pieces[index] = data["item"], ""
            elif name.endswith(".delta"):
                assert data["item_id"] == items[index]["id"]
                pieces[index] += data["delta"]
            elif name == "response.output_item.done":
                items[index] = data["item"]
        final = answer.events[-1][1]["response"]
        assert final["output"] == list(items.values())
        for index, item in items.items():
            whole = item["arguments"] if item["type"] == "function_call" else (item.get("content") or item["summary"])[0]["text"]
            assert pieces[index] == whole, (pieces[index], whole)
        return self.whole(final)


class Anthropic(Dialect):
    path = "/v1/messages"

    def body(self, turns, max_tokens):
        return {"messages": [message for turn in turns for message in self.messages(turn)], "temperature": 0, "max_tokens": max_tokens}

    def messages(self, turn):
        if turn[0] == "result":
            return [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": turn[1], "content": turn[2]}]}]
        if turn[0] in ("system", "user"):
            return [{"role": turn[0], "content": turn[1]}]
        blocks = [{"type": "text", "text": turn[1].text}] if turn[1].text else []
        return [{"role": "assistant", "content": blocks + [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
                                                           for call in turn[1].calls]}]

    def tool(self, tool):
        return {"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}

    def wishes(self, tools, choice, parallel):
        wishes = {"tools": [self.tool(tool) for tool in tools]} if tools else {}
        kinds = {"auto": "auto", "none": "none", "required": "any"}
        if choice or parallel is not None:
            kind = kinds.get(choice or "auto")
            wishes["tool_choice"] = {"type": kind} if kind else {"type": "tool", "name": choice}
            if parallel is not None:
                wishes["tool_choice"]["disable_parallel_tool_use"] = not parallel
        return wishes

    def whole(self, answer):
        blocks = answer["content"]
        calls = [Call(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
        return Said("".join(block["text"] for block in blocks if block["type"] == "text"), calls,
                    "".join(block["thinking"] for block in blocks if block["type"] == "thinking"), answer["stop_reason"])

    def streamed(self, answer):
        blocks, inputs, reason = [], {}, None
        for name, data in answer.events:
            if name == "content_block_start":
                assert data["index"] == len(blocks)
                blocks.append(data["content_block"])
                inputs[data["index"]] = ""
            elif name == "content_block_delta":
                block, delta = blocks[data["index"]], data["delta"]
                if delta["type"] == "input_json_delta":
                    inputs[data["index"]] += delta["partial_json"]
                else:
                    field = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}[delta["type"]]
                    block[field] += delta[field]
            elif name == "content_block_stop" and blocks[data["index"]]["type"] == "tool_use":
                blocks[data["index"]]["input"] = opened(inputs[data["index"]])
            elif name == "message_delta":
                reason = data["delta"]["stop_reason"]
        return self.whole({"content": blocks, "stop_reason": reason})


VISIT = {"name": "visit", "description": "Goes to a city.",
         "parameters": {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome", "Oslo"]}}, "required": ["city"],
                        "additionalProperties": False}}
DIALECTS = (Chat, Responses, Anthropic, Ollama, LmStudio)
# Why an answer ended that called a tool.
CALLED = {Chat: "tool_calls", LmStudio: "tool_calls", Responses: "completed", Anthropic: "tool_use", Ollama: "stop"}
