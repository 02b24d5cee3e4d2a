"""Renders chat templates with the transformers package itself: the expected values of every template test.

render() gives {"text": ...} or {"error": ...}. strftime_now() sees the fixed time NOW.
"""
import copy
import datetime

from transformers.utils import chat_template_utils

NOW = [2026, 3, 7, 14, 5, 9]


class FixedDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(*NOW)


chat_template_utils.datetime = FixedDatetime


def render(template, variables):
    try:
        compiled = chat_template_utils._cached_compile_jinja_template(template)
        text = compiled.render(**copy.deepcopy(variables))  # the indent filter changes a list it is given
        text.encode("utf-8")
        return {"text": text}
    except Exception as error:  # whatever Python raises, a user of transformers sees as an error
        return {"error": f"{type(error).__name__}: {error}"}
