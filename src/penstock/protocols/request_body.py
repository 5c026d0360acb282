"""A caller's JSON body, read into a type: what is missing or wrong is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from penstock.errors import InvalidRequest

T = TypeVar("T")


def read_body(body: Mapping[str, Any], type: type[T]) -> T:
    """``body`` as a ``type``. Raises ``InvalidRequest`` naming the field."""
    try:
        return msgspec.convert(dict(body), type)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except UnicodeEncodeError:
        raise InvalidRequest("a text holds half a character; send whole ones") from None


def _invalid(error: msgspec.ValidationError) -> InvalidRequest:
    what, _, where = str(error).partition(" - at `$")
    _, _, missing = what.partition("missing required field ")
    field = f"{where.strip('`')}.{missing.strip('`')}".strip(".")
    what = f"{field} is missing" if missing else f"{field}: {what}"
    return InvalidRequest(what, param=field)
