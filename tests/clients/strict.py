"""Answers held against the public packages' own types, strictly: no conversion of types, every required field there."""

import json

import pydantic


def checked(kind, data):
    """What `kind` (a model of a package, or a union of them) makes of `data`; raises if it is not exactly that."""
    return pydantic.TypeAdapter(kind).validate_json(json.dumps(data), strict=True)
