"""The input of a request to OpenAI Responses -> messages.

What the model said in one turn (reasoning, messages, calls, its service's own tools) are several
items; they become one assistant message, whose parts remember the items they came in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.errors import InvalidRequest
from penstock.protocols import data_url
from penstock.protocols.kept import keep
from penstock.protocols.openai_responses.citations import decode_annotations
from penstock.protocols.openai_responses.marks import (
    NAME,
    RAW_REASONING,
    is_made,
    join_texts,
    marked,
    rest_of,
)
from penstock.types import (
    FilePart,
    ImagePart,
    Message,
    Metadata,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

Json = Mapping[str, Any]

_ROLES: tuple[Role, ...] = ("user", "assistant", "system", "developer")
_MARKS = ("type", "id", "status")


def decode_input(input: str | list[Any] | None) -> tuple[Message, ...]:
    """The messages. Raises ``InvalidRequest`` naming the field."""
    if isinstance(input, str):
        return (Message("user", (TextPart(input),)),)
    messages: list[Message] = []
    for number, item in enumerate(input or ()):
        said = _decode_item(item, f"input[{number}]")
        last = messages[-1] if messages else None
        if last is not None and last.role == said.role and said.role in ("assistant", "tool"):
            messages[-1] = Message(said.role, (*last.content, *_set_apart(last, said)))
        else:
            messages.append(said)
    return tuple(messages)


def _set_apart(last: Message, said: Message) -> Iterator[Part]:
    """The parts that come after others; a text after a text remembers that it is another item."""
    first, *rest = said.content
    if isinstance(last.content[-1], TextPart | RefusalPart) and isinstance(
        first, TextPart | RefusalPart
    ):
        kept = dict((first.metadata or {}).get(NAME) or {})
        kept["raw"] = {**(kept.get("raw") or {}), "apart": True}
        metadata = {**(first.metadata or {}), NAME: kept}
        first = type(first)(first.text, metadata)
    yield first
    yield from rest


def _decode_item(item: Any, where: str) -> Message:
    if not isinstance(item, Mapping):
        raise InvalidRequest(f"{where} must be an object", param=where)
    kind = item.get("type", "message")
    if not isinstance(kind, str):
        raise InvalidRequest(f"{where}.type must be a string", param=f"{where}.type")
    match kind:
        case "message":
            return _decode_message(item, where)
        case "function_call" | "custom_tool_call":
            return Message("assistant", (_decode_call(item, kind, where),))
        case "reasoning":
            return Message("assistant", _decode_reasoning(item))
        case "function_call_output" | "custom_tool_call_output":
            return Message("tool", (_decode_result(item, kind, where),))
        case _ if kind.endswith(("_output", "_response")) and "execution" not in item:
            return Message("tool", (OpaquePart(NAME, dict(item)),))
        case _:
            return Message("assistant", (OpaquePart(NAME, dict(item)),))


def _decode_message(item: Json, where: str) -> Message:
    role = item.get("role")
    if role not in _ROLES:
        known = ", ".join(_ROLES)
        raise InvalidRequest(f"{where}.role is {role!r}: use one of {known}", param=where + ".role")
    parts = _decode_content(item.get("content"), role, where + ".content")
    raw = _marks_of(item)
    rest = rest_of(item, *_MARKS, "role", "content")
    if role != "assistant":
        return Message(role, parts, keep(NAME, marked(raw, **rest)))
    if not parts:
        return Message(role, (OpaquePart(NAME, dict(item)),))
    return Message(role, tuple(_of_item(parts, raw, rest)))


def _of_item(parts: tuple[Part, ...], raw: Json, rest: Json) -> Iterator[Part]:
    """An assistant's parts, which remember their item: the first all of it, the rest its id."""
    for number, part in enumerate(parts):
        said = raw if number == 0 else {key: raw[key] for key in ("id",) if key in raw}
        if not said and not (rest and number == 0):
            yield part
        elif isinstance(part, TextPart | RefusalPart):
            kept = dict((part.metadata or {}).get(NAME) or {})
            kept["raw"] = {**(kept.get("raw") or {}), **said}
            if rest and number == 0:
                kept["item"] = dict(rest)
            yield type(part)(part.text, {**(part.metadata or {}), NAME: kept})
        else:
            yield part


def _marks_of(item: Json) -> dict[str, Any]:
    """Id and status, as they are; an id of our own making is none."""
    said = {key: item[key] for key in ("id", "status") if key in item}
    if is_made(said.get("id")):
        del said["id"]
    return said


def _decode_content(content: Any, role: str, where: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (TextPart(content),)
    if not isinstance(content, list):
        raise InvalidRequest(f"{where} must be a string or a list of parts", param=where)
    return tuple(_decode_part(part, role, f"{where}[{i}]") for i, part in enumerate(content))


def _decode_part(part: Any, role: str, where: str) -> Part:
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        raise InvalidRequest(f"{where} must be an object with a type", param=where)
    match part:
        case {"type": "input_text" | "output_text" | "text" as kind, "text": str(text)}:
            usual = "output_text" if role == "assistant" else "input_text"
            return TextPart(text, _text_metadata(part, {"type": kind} if kind != usual else {}))
        case {"type": "refusal", "refusal": str(text)} if role == "assistant":
            return RefusalPart(text, keep(NAME, rest_of(part, "type", "refusal")))
        case {"type": "input_image", "image_url": str(url)} if not part.get("file_id"):
            media_type, data = data_url.split(url)
            kept = keep(NAME, rest_of(part, "type", "image_url"))
            return ImagePart("" if data else url, data, media_type, kept)
        case {"type": "input_file"}:
            return _decode_file(part, where)
        case {"type": "input_text" | "output_text" | "text"}:
            raise _missing(where + ".text")
        case _ if role == "assistant":
            return TextPart("", keep(NAME, {"part": dict(part)}))
        case _:
            return OpaquePart(NAME, dict(part))


def _text_metadata(part: Json, raw: Json) -> Metadata | None:
    annotations = part.get("annotations")
    shared, kept = decode_annotations(annotations if isinstance(annotations, list) else ())
    rest = rest_of(part, "type", "text", "annotations")
    if rest.get("logprobs") == []:
        del rest["logprobs"]
    return keep(NAME, marked(raw, **kept, **rest), **shared)


def _decode_file(part: Json, where: str) -> Part:
    said = {key: part.get(key) or "" for key in ("file_data", "file_id", "file_url", "filename")}
    wrong = next((key for key, value in said.items() if not isinstance(value, str)), None)
    if wrong:
        raise InvalidRequest(f"{where}.{wrong} must be a string", param=f"{where}.{wrong}")
    sources = [key for key in ("file_data", "file_id", "file_url") if said[key]]
    if len(sources) != 1:  # several, or none: not ours to choose
        return OpaquePart(NAME, dict(part))
    media_type, data = data_url.split(said["file_data"])
    kept = keep(NAME, rest_of(part, "type", *said))
    data, name = data or said["file_data"], said["filename"]
    return FilePart(data, media_type, name, said["file_id"], kept, said["file_url"])


def _decode_call(item: Json, kind: str, where: str) -> ToolCallPart:
    field = "input" if kind == "custom_tool_call" else "arguments"
    for key in ("call_id", "name", field):
        if not isinstance(item.get(key), str):
            raise _missing(f"{where}.{key}")
    rest = rest_of(item, *_MARKS, "call_id", "name", field)
    if kind == "custom_tool_call":
        rest["type"] = "custom"
    kept = keep(NAME, marked(_marks_of(item), **rest))
    return ToolCallPart(item["call_id"], item["name"], item[field], kept)


def _decode_result(item: Json, kind: str, where: str) -> ToolResultPart:
    if not isinstance(item.get("call_id"), str):
        raise _missing(f"{where}.call_id")
    output = item.get("output")
    parts = () if output is None else _decode_content(output, "tool", where + ".output")
    raw = _marks_of(item) | ({"type": kind} if kind != "function_call_output" else {})
    rest = rest_of(item, *_MARKS, "call_id", "output")
    return ToolResultPart(item["call_id"], parts, keep(NAME, marked(raw, **rest)))


def _decode_reasoning(item: Json) -> tuple[Part, ...]:
    """Summaries and words are two parts of one item; opaque where they are neither."""
    summary = _texts(item.get("summary"), "summary_text")
    words = _texts(item.get("content"), RAW_REASONING)
    signature = item.get("encrypted_content") or ""
    if summary is None or words is None or not isinstance(signature, str):
        return (OpaquePart(NAME, dict(item)),)
    rest = rest_of(item, *_MARKS, "summary", "content", "encrypted_content")
    said = [(join_texts(words), {"kind": RAW_REASONING})] if words else []
    if summary or not words:
        said.insert(0, (join_texts(summary), {}))
    if len(said) > 1 and not _marks_of(item).get("id"):
        return (OpaquePart(NAME, dict(item)),)  # nothing would hold the two together
    parts = []
    for number, ((text, starts), mark) in enumerate(said):
        raw = {**_marks_of(item), **mark, **({"starts": starts} if starts else {})}
        is_last = number == len(said) - 1
        kept = keep(NAME, marked(raw, **(rest if is_last else {})))
        parts.append(ReasoningPart(text, signature if is_last else "", kept))
    return tuple(parts)


def _texts(value: Any, kind: str) -> list[str] | None:
    """The texts of an item's summary or content; ``None`` where it holds anything else."""
    if not isinstance(value, list | None):
        return None
    texts = []
    for part in value or ():
        match part:
            case {"type": str(found), "text": str(text), **more} if found == kind and not more:
                texts.append(text)
            case _:
                return None
    return texts


def _missing(field: str) -> InvalidRequest:
    return InvalidRequest(f"{field} is missing or wrong", param=field)
