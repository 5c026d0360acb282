"""Google's own kind of schema -> JSON schema.

Gemini's first schemas are a subset of OpenAPI 3.0: types in capitals, ``nullable``, numbers of
items as strings (https://ai.google.dev/api/caching#Schema). JSON schemas pass unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.protocols.gemini_generate.words import in_camel

_TYPES = frozenset(("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"))
_NAMED = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
"""Keywords that hold schemas under names of the caller's."""
_INNER = ("items", "additionalProperties", "anyOf", "oneOf", "allOf", "prefixItems", "not")
_ONLY_GOOGLES = ("nullable", "propertyOrdering")


def to_json_schema(value: Any) -> Any:
    """The JSON schema that says the same."""
    if isinstance(value, list):
        return [to_json_schema(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    said = in_camel(value)
    schema = {key: _keyword(key, item) for key, item in said.items() if key not in _ONLY_GOOGLES}
    if said.get("nullable") is True:
        _allow_null(schema)
    return schema


def _keyword(key: str, item: Any) -> Any:
    if key in _INNER:
        return to_json_schema(item)
    if key in _NAMED and isinstance(item, Mapping):
        return {name: to_json_schema(inner) for name, inner in item.items()}
    if key == "type":
        return [_type(of) for of in item] if isinstance(item, list) else _type(item)
    if key.startswith(("min", "max")) and isinstance(item, str) and item.isdecimal():
        return int(item)
    return item


def _type(name: Any) -> Any:
    return name.lower() if isinstance(name, str) and name in _TYPES else name


def _allow_null(schema: dict[str, Any]) -> None:
    if "type" in schema:
        known = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema["type"] = known if "null" in known else [*known, "null"]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
