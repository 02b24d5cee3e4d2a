#!/usr/bin/env python3
"""LM Studio's routes on a real model: lists, figures, loading and unloading, and a chat that goes on."""

import time
import unittest

from server import Server

MESSAGES = [{"role": "user", "content": "Name three colours."}]


class LmStudioTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--ctx", 2048)
        cls.addClassCleanup(cls.server.__exit__)
        cls.server.__enter__()

    def post(self, path, body, status=200):
        answer = self.server.post(path, body)
        self.assertEqual(answer.status, status, answer.text)
        return answer

    def test_models_load_and_unload(self):
        def state():
            return self.server.get(f"/api/v0/models/{self.server.model}").json

        loaded = self.post("/api/v1/models/load", {"model": self.server.model, "context_length": 1024, "echo_load_config": True}).json
        self.assertEqual((loaded["status"], loaded["instance_id"], loaded["load_config"]["context_length"]), ("loaded", self.server.model, 2048))
        self.assertEqual((state()["state"], state()["loaded_context_length"], state()["type"]), ("loaded", 2048, "llm"))
        self.assertEqual(self.server.get("/api/v0/models").json["data"], [state()])
        model = self.server.get("/api/v1/models").json["models"][0]
        self.assertEqual((model["key"], model["loaded_instances"][0]["id"]), (self.server.model, self.server.model))
        self.assertEqual(model["loaded_instances"][0]["config"]["context_length"], 2048)
        self.assertEqual(self.post("/api/v1/models/unload", {"instance_id": self.server.model}).json, {"instance_id": self.server.model})
        deadline = time.monotonic() + 60  # it goes once nobody uses it
        while state()["state"] != "not-loaded" and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(state()["state"], "not-loaded")
        self.assertEqual(self.server.get("/api/v1/models").json["models"][0]["loaded_instances"], [])
        self.post("/api/v1/models/unload", {"instance_id": self.server.model}, 404)
        self.post("/api/v1/models/unload", {}, 400)
        self.post("/api/v1/models/load", {"model": "absent"}, 404)
        self.assertIn("--ctx", self.post("/api/v1/models/load", {"model": self.server.model, "context_length": 4096}, 400).text)

    def test_chat_with_figures(self):
        body = {"messages": MESSAGES, "temperature": 0, "max_tokens": 12}
        answer = self.post("/api/v0/chat/completions", body).json
        self.assertEqual(answer["stats"]["stop_reason"], "maxPredictedTokensReached")
        self.assertGreater(answer["stats"]["tokens_per_second"], 0)
        self.assertEqual((answer["model_info"]["format"], answer["model_info"]["context_length"]), ("gguf", 2048))
        self.assertEqual(answer["runtime"]["name"], "hearth")
        plain = self.post("/v1/chat/completions", body).json
        self.assertEqual(answer["choices"][0]["message"], plain["choices"][0]["message"])
        self.assertNotIn("stats", plain)
        last = self.post("/api/v0/chat/completions", {**body, "stream": True}).events[-2][1]
        self.assertEqual(last["stats"]["stop_reason"], "maxPredictedTokensReached")

    def test_native_chat(self):
        body = {"input": "Name three colours.", "temperature": 0, "max_output_tokens": 12}
        whole = self.post("/api/v1/chat", body).json
        plain = self.post("/v1/chat/completions", {"messages": MESSAGES, "temperature": 0, "max_tokens": 12}).json
        self.assertEqual(whole["output"], [{"type": "message", "content": plain["choices"][0]["message"]["content"]}])
        self.assertEqual((whole["stats"]["total_output_tokens"], whole["stats"]["reasoning_output_tokens"]), (12, 0))
        events = self.post("/api/v1/chat", {**body, "stream": True}).events
        names = [name for name, _ in events]
        self.assertEqual([name for name in names if not name.endswith((".progress", ".delta"))],
                         ["chat.start", "prompt_processing.start", "prompt_processing.end", "message.start", "message.end", "chat.end"])
        self.assertEqual("".join(data["content"] for name, data in events if name == "message.delta"), whole["output"][0]["content"])
        self.assertEqual(events[-1][1]["result"]["output"], whole["output"])
        again = self.post("/api/v1/chat", {**body, "input": "Why?", "previous_response_id": whole["response_id"]}).json
        self.assertGreater(again["stats"]["input_tokens"], whole["stats"]["input_tokens"] + 12)

    def test_what_cannot_be_done_is_refused(self):
        body = {"input": "Hi", "max_output_tokens": 1}
        for more, part in (({"integrations": ["mcp/x"]}, "integrations"), ({"previous_response_id": "resp_x"}, "previous_response_id"),
                           ({"input": [{"type": "image", "data_url": "data:,"}]}, "input[0]"), ({"input": 5}, "input"),
                           ({"temperature": -1}, "temperature")):
            answer = self.post("/api/v1/chat", {**body, **more}, 400)
            self.assertIn(part, answer.json["error"]["message"])


if __name__ == "__main__":
    unittest.main()
