#!/usr/bin/env python3
"""The interactive chat on a pseudo-terminal: answers, commands, several lines, Ctrl-C, history."""

import json
import stat
import unittest

from program import PROGRAM, ProgramTest, Terminal, model_path

PROMPT = r">>> "
FIGURES = r"\[(\d+) tokens?, .*?context (\d+) of (\d+).*?\]"


class ChatTest(ProgramTest):
    def chat(self, *options, limit=24):
        terminal = Terminal([PROGRAM, "run", model_path(), "--temp", "0", "--max-tokens", str(limit), *options],
                            self.environment)
        self.addCleanup(terminal.__exit__)
        terminal.wait_for(r"/\? for help")
        terminal.wait_for(PROMPT)
        return terminal

    def ask(self, terminal, text):
        terminal.send(text + "\r")
        answer = terminal.wait_for(FIGURES)
        terminal.wait_for(PROMPT)
        return answer

    def command(self, terminal, text):
        terminal.send(text + "\r")
        terminal.wait_for(r"\r\n")
        return terminal.wait_for(PROMPT)

    def leave(self, terminal):
        terminal.send("/bye\r")
        self.assertEqual(terminal.exit_code(), 0)

    def test_conversation(self):
        terminal = self.chat()
        self.ask(terminal, "What is the capital of France?")
        self.assertRegex(self.command(terminal, "/show info"), r"messages +2")
        self.ask(terminal, "And of Italy?")
        self.assertRegex(self.command(terminal, "/show info"), r"messages +4")
        self.assertIn("Cleared", self.command(terminal, "/clear"))
        self.assertRegex(self.command(terminal, "/show info"), r"messages +0")
        self.leave(terminal)

    def test_control_d_leaves(self):
        terminal = self.chat()
        terminal.send("\x04")
        self.assertEqual(terminal.exit_code(), 0)

    def test_parameters(self):
        terminal = self.chat()
        self.assertIn("temperature is 0.5", self.command(terminal, "/set parameter temperature 0.5"))
        self.assertRegex(self.command(terminal, "/show parameters"), r"temperature +0.5")
        self.assertIn("between 0 and 1", self.command(terminal, "/set parameter top_p 3"))
        self.assertIn("no parameter", self.command(terminal, "/set parameter warmth 3"))
        self.assertIn("num_ctx is 300", self.command(terminal, "/set parameter num_ctx 300"))
        self.command(terminal, "/set parameter stop \"a b\" \"c\"")
        self.assertRegex(self.command(terminal, "/show parameters"), r'stop +"a b" "c"')
        self.assertIn("There is no system prompt", self.command(terminal, "/show system"))
        self.command(terminal, "/set system You are a cat.")
        self.assertIn("You are a cat.", self.command(terminal, "/show system"))
        self.assertIn("im_start", self.command(terminal, "/show template"))
        self.assertIn("did you mean", self.command(terminal, "/sett parameter"))
        self.assertIn("/set parameter", self.command(terminal, "/?"))
        self.command(terminal, "/set verbose")
        terminal.send("Hi\r")
        self.assertRegex(terminal.wait_for(r"seed +\d+"), r"tokens/s")
        self.leave(terminal)

    def test_several_lines(self):
        terminal = self.chat()
        terminal.send('"""first line\r')
        terminal.wait_for(r"\.\.\. ")
        terminal.send("second line\r")
        terminal.wait_for(r"\.\.\. ")
        terminal.send('third line"""\r')
        terminal.wait_for(FIGURES)
        terminal.wait_for(PROMPT)
        self.command(terminal, "/save several")
        chat = json.loads((self.home / "chats" / "several.json").read_text())
        self.assertEqual(chat["messages"][0], {"role": "user", "content": "first line\nsecond line\nthird line"})
        self.leave(terminal)

    def test_a_paste_is_one_message(self):
        terminal = self.chat()
        terminal.send("\x1b[200~one\ntwo\nthree\x1b[201~")
        terminal.wait_for("three")
        self.ask(terminal, "")
        self.command(terminal, "/save paste")
        chat = json.loads((self.home / "chats" / "paste.json").read_text())
        self.assertEqual(chat["messages"][0]["content"], "one\ntwo\nthree")
        self.leave(terminal)

    def test_save_and_load(self):
        terminal = self.chat()
        self.command(terminal, "/set system You are brief.")
        self.ask(terminal, "My name is Ada.")
        self.command(terminal, "/save ada")
        self.assertIn("cannot name a chat", self.command(terminal, "/save ../ada"))
        self.leave(terminal)
        path = self.home / "chats" / "ada.json"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        saved = json.loads(path.read_text())
        self.assertEqual(saved["system"], "You are brief.")
        self.assertEqual([message["role"] for message in saved["messages"]], ["user", "assistant"])

        terminal = self.chat()
        self.assertIn("2 messages", self.command(terminal, "/load ada"))
        self.assertIn("You are brief.", self.command(terminal, "/show system"))
        self.assertIn("ada", self.command(terminal, "/load"))
        path.write_text('{"format": "hearth chat", "version": 1, "model": 3}')
        self.assertIn("no saved chat", self.command(terminal, "/load ada"))
        self.assertIn("no saved chat 'nobody'", self.command(terminal, "/load nobody"))
        self.leave(terminal)

    def test_control_c_stops_the_answer_only(self):
        terminal = self.chat("--ignore-stop", limit=-1)
        terminal.send("Tell me a very long story.\r")
        terminal.wait_for(r"story\.\r\n.{20}")
        terminal.send("\x03")
        self.assertIn("stopped", terminal.wait_for(FIGURES))
        terminal.wait_for(PROMPT)
        terminal.send("half a line\x03")
        terminal.wait_for(r"\^C")
        terminal.wait_for(PROMPT)
        terminal.send("\x03")
        self.assertIn("Ctrl-D", terminal.wait_for(PROMPT))
        self.leave(terminal)

    def test_history(self):
        terminal = self.chat()
        self.ask(terminal, "Say grüezi.")
        self.leave(terminal)
        path = self.home / "chat_history"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual([json.loads(line) for line in path.read_text().splitlines()], ["Say grüezi.", "/bye"])
        terminal = self.chat()
        terminal.send("\x1b[A\x1b[A")  # twice up
        terminal.wait_for("Say grüezi.")
        terminal.send("\r")
        terminal.wait_for(FIGURES)
        terminal.wait_for(PROMPT)
        self.leave(terminal)

    def test_a_full_context_is_told(self):
        terminal = self.chat("--ctx", "64", "--ignore-stop", limit=-1)
        self.assertIn("context is full", self.ask(terminal, "Tell me a story."))
        terminal.send("Go on.\r")
        self.assertIn("num_ctx", terminal.wait_for(PROMPT))
        self.command(terminal, "/clear")
        self.ask(terminal, "Tell me a story.")
        self.leave(terminal)


if __name__ == "__main__":
    unittest.main()
