"""An answer in the shape of a type: its JSON schema goes out, its value comes back, checked.

Any type that msgspec reads (a ``Struct``, a dataclass, a ``TypedDict``, an ``attrs`` class), or a
pydantic model, which brings its own schema and its own check.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_origin

import msgspec

from penstock.errors import InvalidRequest, UnexpectedAnswer
from penstock.events import Reply

_UNNAMEABLE = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME = 64
_SAYS_WHAT = frozenset(("type", "$ref", "anyOf", "allOf", "enum", "const"))
"""Keys of a schema that says what a value is."""


def is_type(form: object) -> bool:
    """Whether a ``response_format`` is a type, not the field's own words."""
    return form is not None and not isinstance(form, Mapping)


def form_of(kind: Any) -> dict[str, Any]:
    """The ``response_format`` that asks for a ``kind``, strict where every field must be there.
    Raises ``InvalidRequest`` for a type that is no object in JSON."""
    if not isinstance(kind, type) and get_origin(kind) is None:
        raise _refused(f"{type(kind).__name__} is neither a type nor a dict")
    schema = _closed(_schema(kind))
    if schema.get("type") != "object":
        raise _refused(f"{_name(kind)} is no object in JSON: wrap it in a class with a field")
    named = {"name": _name(kind), "schema": schema, "strict": _is_strict(schema)}
    return {"type": "json_schema", "json_schema": named}


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"response_format: {why}", param="response_format")


def read(reply: Reply, kind: Any) -> Any:
    """The value that the answer's text is. Raises ``UnexpectedAnswer`` saying why it is none."""
    try:
        if hasattr(kind, "model_validate_json"):
            return kind.model_validate_json(reply.text)
        return msgspec.json.decode(reply.text, type=kind)
    except Exception as error:  # a type may bring checks of its own
        raise UnexpectedAnswer(f"the answer is no {_name(kind)}: {_why(reply, error)}") from None


def _why(reply: Reply, error: Exception) -> str:
    if reply.refusal:
        return f"the model refused: {reply.refusal}"
    if reply.finish is not None and reply.finish.reason == "length":
        return "it was cut at max_tokens; allow more"
    return str(error).partition("\n")[0]


def _name(kind: Any) -> str:
    """The type's name in the letters that services allow."""
    return _UNNAMEABLE.sub("_", str(getattr(kind, "__name__", kind)))[:_LONGEST_NAME]


def _schema(kind: Any) -> dict[str, Any]:
    """The JSON schema, its root in place: services refuse one that is a reference."""
    try:
        made = kind.model_json_schema() if hasattr(kind, "model_json_schema") else None
        schema: dict[str, Any] = made if made is not None else msgspec.json.schema(kind)
    except Exception as error:  # names that lead nowhere, fields that are no JSON, and more
        raise _refused(f"{_name(kind)} has no JSON schema: {error}") from None
    reference = schema.get("$ref", "")
    if not reference:
        return schema
    name = reference.rpartition("/")[2]
    definitions = dict(schema["$defs"])
    root = definitions[name]
    if not _is_referred_to(name, definitions):
        del definitions[name]
    return {**root, "$defs": definitions} if definitions else dict(root)


def _is_referred_to(name: str, definitions: Mapping[str, Any]) -> bool:
    return f'"#/$defs/{name}"' in msgspec.json.encode(definitions).decode()


def _closed(value: Any) -> Any:
    """No object has fields beyond its own."""
    if isinstance(value, list):
        return [_closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    closed = {key: _closed(item) for key, item in value.items()}
    if closed.get("type") == "object" and isinstance(closed.get("properties"), dict):
        closed.setdefault("additionalProperties", False)
    return closed


def _is_strict(value: Any) -> bool:
    """Whether every object names all of its fields as required, and has no others, and nothing may
    be anything."""
    if isinstance(value, list):
        return all(map(_is_strict, value))
    if not isinstance(value, dict):
        return True
    if value.get("type") == "object":
        fields = value.get("properties")
        if not isinstance(fields, dict) or set(fields) != set(value.get("required", ())):
            return False
        if value.get("additionalProperties") is not False:
            return False
        if any(not _SAYS_WHAT & field.keys() for field in fields.values()):
            return False
    return "prefixItems" not in value and all(map(_is_strict, value.values()))
