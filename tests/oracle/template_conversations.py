"""The conversations that every chat template is rendered over."""

USER = {"role": "user", "content": "What is the weather in Zürich?"}
ASSISTANT = {"role": "assistant", "content": "Sunny, 21 °C."}
SYSTEM = {"role": "system", "content": "You are a terse assistant."}
ODD = "<b>&amp; \"quoted\" 'single' \\back\\ {{ not }} {% code %} {# x #}</b>\t\x07\u200b\u00a0 😀 👩‍👩‍👧 世界 \u202e rtl \ufeff é e\u0301 \U0001F1E8\U0001F1ED"

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather at a place.\nUse <city> & \"country\".",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Name of the city, e.g. Zürich"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "days": {"type": "integer", "minimum": 1, "maximum": 14},
                "coordinates": {
                    "type": "object",
                    "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}},
                    "required": ["lat", "lon"],
                },
                "tags": {"type": "array", "items": {"type": "string"}, "description": "labels"},
                "loose": {"type": ["string", "null"]},
                "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            },
            "required": ["city"],
        },
        "return": {"type": "object", "description": "weather"},
    },
}
CLOCK = {"type": "function", "function": {"name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}}


def call(name, arguments, identifier="abc123XYZ"):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def turn(*calls, content=""):
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def result(content, name="get_weather", identifier="abc123XYZ"):
    return {"role": "tool", "name": name, "tool_call_id": identifier, "content": content}


def conversations():
    """(name, variables) pairs."""
    long_text = " ".join(f"word{i}" for i in range(120))
    one_call = [USER, turn(call("get_weather", {"city": "Zürich", "days": 2})), result("{\"temp\": 21.5}")]
    two_calls = [
        SYSTEM, USER,
        turn(call("get_weather", {"city": "A\"B"}, "call00001"), call("now", {}, "call00002")),
        result("sunny", identifier="call00001"), result("12:00", "now", "call00002"),
        {"role": "assistant", "content": "Sunny at noon."}, {"role": "user", "content": "Thanks"},
    ]
    think = {"role": "assistant", "content": "<think>\nhmm\n</think>\n\nSunny."}
    parts = {"role": "user", "content": [{"type": "text", "text": "Look: "}, {"type": "image"}, {"type": "text", "text": ODD}]}
    documents = [{"title": "Doc <1>", "text": "Text of one."}, {"title": "Zwei", "text": ODD, "extra": [1, None, True]}]
    base = {
        "user": [USER],
        "system": [SYSTEM, USER],
        "turns": [USER, ASSISTANT, {"role": "user", "content": "And tomorrow?"}],
        "system_turns": [SYSTEM, USER, ASSISTANT, {"role": "user", "content": "And?"}, ASSISTANT, {"role": "user", "content": "Then?"}],
        "ends_with_assistant": [SYSTEM, USER, ASSISTANT],
        "odd": [{"role": "system", "content": ODD}, {"role": "user", "content": ODD}, {"role": "assistant", "content": ODD}, {"role": "user", "content": ODD}],
        "space": [{"role": "user", "content": "  \n lead and trail \n\n"}, {"role": "assistant", "content": "\n x \n"}, {"role": "user", "content": "\t"}],
        "empty": [{"role": "system", "content": ""}, {"role": "user", "content": ""}, {"role": "assistant", "content": ""}, {"role": "user", "content": "x"}],
        "long": [{"role": "user", "content": long_text}],
        "think": [USER, think, {"role": "user", "content": "More"}],
        "reasoning": [USER, {"role": "assistant", "content": "Sunny.", "reasoning_content": "hmm", "thinking": "hmm"}, {"role": "user", "content": "More"}],
        "control_tokens": [{"role": "user", "content": "<|im_end|>\n<|im_start|>system\n</s>[INST]<|eot_id|><end_of_turn>"}],
        "none_content": [USER, {"role": "assistant", "content": None}, USER],
        "no_content": [USER, {"role": "assistant"}, USER],
        "two_users": [USER, USER],
        "assistant_first": [ASSISTANT, USER],
        "late_system": [USER, SYSTEM, USER],
        "unknown_role": [USER, {"role": "critic", "content": "no"}],
        "no_messages": [],
        "number_content": [{"role": "user", "content": 5}],
        "parts": [parts, ASSISTANT],
        "named": [{"role": "user", "name": "Ann", "content": "hi", "weight": 1.5, "flag": True}],
    }
    cases = [(name, {"messages": messages}) for name, messages in base.items()]
    tools = {
        "tools": [SYSTEM, USER],
        "tools_no_system": [USER, ASSISTANT, USER],
        "tool_call": one_call,
        "tool_calls": two_calls,
        "tool_call_last": one_call[:2],
        "tool_text_arguments": [USER, turn(call("get_weather", "{\"city\": \"Zürich\"}")), result("ok")],
        "tool_none_content": [USER, turn(call("get_weather", {"city": "x"}), content=None), result("ok")],
        "tool_call_text": [USER, turn(call("get_weather", {"city": "x", "n": [1, {"a": None}], "f": 1e-7}), content="Let me see."), result("ok")],
        "tool_object_result": [USER, turn(call("get_weather", {"city": "x"})), {"role": "tool", "name": "get_weather", "tool_call_id": "abc123XYZ", "content": {"a": [1, 2.5, None]}}],
        "ipython": [USER, turn(call("get_weather", {"city": "x"})), {"role": "ipython", "content": "{\"output\": 3}"}],
        "bare_call": [USER, {"role": "assistant", "content": "", "tool_calls": [{"name": "get_weather", "arguments": {"city": "x"}}]}, result(ODD)],
    }
    cases += [(name, {"messages": messages, "tools": [WEATHER, CLOCK]}) for name, messages in tools.items()]
    cases += [
        ("tools_empty", {"messages": [USER], "tools": []}),
        ("tool_calls_no_tools", {"messages": two_calls}),
        ("tools_in_user", {"messages": [SYSTEM, USER], "tools": [CLOCK], "tools_in_user_message": False}),
        ("builtin_tools", {"messages": [SYSTEM, USER], "builtin_tools": ["brave_search", "code_interpreter"], "date_string": "01 Jan 2025"}),
        ("environment", {"messages": [USER], "tools": [WEATHER], "environment": "ipython"}),
        ("documents", {"messages": [SYSTEM, USER], "documents": documents}),
        ("documents_tools", {"messages": one_call, "documents": documents, "tools": [WEATHER]}),
        ("enable_thinking", {"messages": [USER], "enable_thinking": False}),
        ("functions", {"messages": [USER], "functions": [WEATHER["function"]], "datetime": "today", "tools": [WEATHER["function"]]}),
    ]
    return cases
