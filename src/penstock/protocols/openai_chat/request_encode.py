"""OpenAI chat requests: ``ChatRequest`` -> JSON body; what was not said is not there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from msgspec.structs import replace

from penstock.protocols import data_url, effort
from penstock.protocols.functions import encode_tool, known_to
from penstock.protocols.kept import kept_for, rest
from penstock.protocols.loss import ASKED, RAW, asked
from penstock.protocols.openai_chat.request_decode import LEGACY, NAME, REASONING_KEYS, signed
from penstock.types import (
    CACHE,
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    Metadata,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

_SCALARS = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
)


_FORM = "answer"
_LONGEST_ID = 40
EVERYTHING = frozenset(ASKED)
DETAILS = "reasoning.reasoning_details"
"""Details of reasoning as an answer gave them, which few services take back."""


def encode_request(request: ChatRequest, can: frozenset[str] = EVERYTHING) -> dict[str, Any]:
    """The JSON body that asks it, as far as this service ``can`` be told (``loss.ASKED``)."""
    ours = request.protocol in ("", NAME)
    if request.protocol != NAME:
        request = replace(request, messages=tuple(map(_with_short_ids, request.messages)))
    body: dict[str, Any] = {"messages": list(_encode_messages(request, can))}
    if request.model:
        body["model"] = request.model
    if request.stream:
        body["stream"] = True
    scalars = (*_SCALARS, "top_k") if "top_k" in can else _SCALARS
    for name in scalars:
        if (value := getattr(request, name)) is not None:
            body[name] = value
    match body.get("response_format"):
        case {"type": "json_schema", "json_schema": Mapping() as form} if "name" not in form:
            named = {"name": _FORM, **form}  # OpenAI wants one; other protocols have none
            body["response_format"] = {"type": "json_schema", "json_schema": named}
    if request.reasoning_budget is not None and request.reasoning_effort is None:
        body["reasoning_effort"] = effort.effort_for(request.reasoning_budget)
    raw: dict[str, Any] = kept_for(NAME, request.metadata).get(RAW, {})
    if request.max_tokens is not None and not raw.get("max_completion_tokens"):
        body["max_tokens"] = request.max_tokens
    if request.stop is not None:
        body["stop"] = list(request.stop)
    if tools := list(_encode_tools(request, can)):
        body["tools"] = tools
    if (choice := _encode_choice(request.tool_choice, ours)) is not None:
        body["tool_choice"] = choice
    if lacks_tools(request):
        body = rest(body, "tool_choice", "parallel_tool_calls")
    return body | raw | (dict(request.extra) if ours else {})


def lacks_tools(request: ChatRequest) -> bool:
    """Whether there are no tools (left) to choose from, so that OpenAI refuses a choice; who speaks
    OpenAI's own words and names none says what it means."""
    is_left_alone = request.protocol == NAME and not request.tools
    return not is_left_alone and not any(known_to(NAME, request.tools))


def _encode_messages(request: ChatRequest, can: frozenset[str]) -> Iterator[dict[str, Any]]:
    """The messages; pictures in tools' answers, which have no place there, come in a user message
    after all of these answers. A message that nothing is left of is none."""
    for is_tool, run in groupby(request.messages, lambda message: message.role == "tool"):
        if not is_tool:
            typed = request.protocol == NAME
            yield from (said for message in run for said in _told(message, can, typed))
            continue
        beside: list[Part] = []
        for message in run:
            for part in message.content:
                if isinstance(part, ToolResultPart):
                    beside += [] if "tool_result.image" in can else _media(part.content)
                    yield _encode_result(part, message.metadata, can)
                else:
                    beside.append(part)
        yield from _told(Message("user", tuple(beside)), can, typed=False)


def _told(message: Message, can: frozenset[str], typed: bool) -> Iterator[dict[str, Any]]:
    """The message, unless nothing of it is said; an empty one that was ``typed`` so stays."""
    value = encode_message(message, can)
    is_empty = value.keys() <= {"role", "content"} and value["content"] in (None, "")
    said_nothing = typed and not message.content
    if not is_empty or said_nothing or _says_empty_text(message):
        yield value


def _says_empty_text(message: Message) -> bool:
    return any(isinstance(part, TextPart) and not part.metadata for part in message.content)


def unsaid(request: ChatRequest, can: frozenset[str]) -> Iterator[str]:
    """What ``encode_request`` leaves out beside the features that it cannot say: a choice among no
    tools, details of reasoning, and what tools answered with that has no place in any message."""
    if lacks_tools(request):
        choices = ("tool_choice.", "parallel_tool_calls")
        yield from (said for said in asked(request, NAME) if said.startswith(choices))
    for message in request.messages:
        for part in message.content:
            if isinstance(part, ReasoningPart) and lost_details(part, can):
                yield DETAILS
            if isinstance(part, ToolResultPart):
                yield from {medium(inner) for inner in part.content} - {"", *can}


def _media(parts: Iterable[Part]) -> list[Part]:
    return [part for part in parts if not isinstance(part, TextPart)]


def _encode_result(
    part: ToolResultPart, metadata: Metadata | None, can: frozenset[str]
) -> dict[str, Any]:
    content = part.content
    if "tool_result.image" not in can:
        content = tuple(p for p in content if isinstance(p, TextPart))
    value: dict[str, Any] = {"role": "tool", "content": _encode_content(content, can)}
    if part.id:
        value["tool_call_id"] = part.id
    if part.name and not part.id:
        value["name"] = part.name
    kept = kept_for(NAME, metadata)
    return {**value, **rest(kept, RAW), **kept.get(RAW, {})}


def encode_message(message: Message, can: frozenset[str]) -> dict[str, Any]:
    """One message of a role other than ``tool``, as JSON values."""
    value: dict[str, Any] = {"role": message.role}
    said: list[Part] = []
    for part in message.content:
        match part:
            case ToolCallPart(_, name, arguments) if _kept(part).get("type") == LEGACY:
                value[LEGACY] = {"name": name, "arguments": arguments}
            case ToolCallPart():
                value.setdefault("tool_calls", []).append(_encode_call(part))
            case ReasoningPart():
                _join_reasoning(value, _encode_reasoning(part, can))
            case RefusalPart(text, None):
                value["refusal"] = value.get("refusal", "") + text
            case _:
                said.append(part)
    if said or message.role != "assistant":
        value["content"] = _encode_content(said, can)
    else:
        value["content"] = None
    return value | kept_for(NAME, message.metadata)


def _join_reasoning(value: dict[str, Any], more: dict[str, Any]) -> None:
    """A message has one place for reasoning: texts and details of several parts go on there."""
    for key, said in more.items():
        value[key] = value[key] + said if type(value.get(key)) is type(said) else said


def _encode_reasoning(part: ReasoningPart, can: frozenset[str]) -> dict[str, Any]:
    if is_typed(part):
        return _kept(part)[RAW] if _feature(part) in can else {}
    details = _kept(part).get("reasoning_details")
    if details and DETAILS in can:
        return {"reasoning_details": details}
    value: dict[str, Any] = {}
    if part.text and _feature(part) in can:
        value["reasoning_content"] = part.text
    if part.signature and "reasoning.signature" in can:
        value["reasoning_details"] = [signed(part.text, part.signature)]
    return value


def is_typed(part: ReasoningPart) -> bool:
    """Whether the caller itself wrote this reasoning, in OpenAI chat's shape."""
    return any(key in _kept(part).get(RAW, {}) for key in REASONING_KEYS)


def _feature(part: ReasoningPart) -> str:
    return "reasoning" if part.signature else "reasoning.unsigned"


def says_reasoning(request: ChatRequest) -> bool:
    """Whether the caller itself wrote any reasoning in OpenAI chat's shape."""
    said = (part for message in request.messages for part in message.content)
    return any(isinstance(part, ReasoningPart) and is_typed(part) for part in said)


def lost_details(part: ReasoningPart, can: frozenset[str]) -> bool:
    """Whether details of reasoning are not said back."""
    wanted = _feature(part) if is_typed(part) else DETAILS
    return "reasoning_details" in _kept(part) and wanted not in can


def _encode_content(parts: Iterable[Part], can: frozenset[str]) -> str | list[dict[str, Any]]:
    match tuple(parts):
        case (TextPart(text, metadata),) if not _marks(metadata, can):
            return text
        case several:
            return [said for part in several for said in _encode_part(part, can)] or ""


def _marks(metadata: Metadata | None, can: frozenset[str]) -> dict[str, Any]:
    """What stands beside a part's own key: what was kept of it, and its cache mark."""
    kept = rest(kept_for(NAME, metadata), RAW)
    if metadata and CACHE in metadata and "cache" in can:
        kept["cache_control"] = metadata[CACHE]
    return kept


def medium(part: Part) -> str:
    """The feature that a picture, sound or document is; empty for all else."""
    match part:
        case ImagePart(data=data):
            return "image.data" if data else "image.url"
        case FilePart(data=data, url=url):
            return "file.data" if data else "file.url" if url else "file.id"
        case AudioPart():
            return "audio"
        case _:
            return ""


def _encode_part(part: Part, can: frozenset[str]) -> Iterator[dict[str, Any]]:
    if (feature := medium(part)) and feature not in can:
        return
    kept = _marks(getattr(part, "metadata", None), can)
    match part:
        case TextPart(text):
            if text or kept or part.metadata is None:
                yield {"type": "text", "text": text, **kept}
        case RefusalPart(text):
            yield {"type": "refusal", "refusal": text, **kept}
        case ImagePart(url, data, media_type):
            source = data_url.join(media_type, data) if data else url
            yield _typed("image_url", {"url": source}, kept)
        case AudioPart(data, format):
            yield _typed("input_audio", {"data": data, "format": format}, kept)
        case FilePart():
            yield _typed("file", _encode_file(part), kept)
        case OpaquePart(protocol, value) if protocol == NAME:
            yield dict(value)
        case _:
            return


def _encode_file(part: FilePart) -> dict[str, Any]:
    value: dict[str, Any] = {}
    if part.data:
        media = part.media_type
        value["file_data"] = data_url.join(media, part.data) if media else part.data
    elif part.url:
        value["file_data"] = part.url
    if part.name:
        value["filename"] = part.name
    if part.id:
        value["file_id"] = part.id
    return value


def _encode_call(part: ToolCallPart) -> dict[str, Any]:
    kept = _kept(part)
    if kept.get("type") == "custom":
        custom = {"name": part.name, "input": part.arguments}
        return {"id": part.id, "type": "custom", "custom": custom}
    function = {"name": part.name, "arguments": part.arguments}
    typed = _typed("function", function, rest(kept, RAW))
    return {"id": part.id, **typed, **kept.get(RAW, {})}


def _with_short_ids(message: Message) -> Message:
    """The message with the ids of others' calls as OpenAI takes them."""
    content = (
        replace(part, id=_call_id(part.id))
        if isinstance(part, ToolCallPart | ToolResultPart)
        else part
        for part in message.content
    )
    return replace(message, content=tuple(content))


def _call_id(id: str) -> str:
    """An id of at most 40 characters: a longer one always as the same."""
    if len(id) <= _LONGEST_ID:
        return id
    return "call_" + hashlib.blake2b(id.encode(errors="surrogatepass"), digest_size=12).hexdigest()


def _encode_tools(request: ChatRequest, can: frozenset[str]) -> Iterator[dict[str, Any]]:
    for tool in known_to(NAME, request.tools):
        mark = (tool.metadata or {}).get(CACHE) if "cache" in can else None
        yield encode_tool(NAME, tool, {"cache_control": mark} if mark else None)


def _encode_choice(
    choice: str | Mapping[str, Any] | None, ours: bool
) -> str | dict[str, Any] | None:
    match choice:
        case None | str():
            return choice
        case {"name": _} if len(choice) == 1:
            return {"type": "function", "function": dict(choice)}
        case _:
            return dict(choice) if ours else None


def _kept(part: ReasoningPart | ToolCallPart) -> dict[str, Any]:
    return kept_for(NAME, part.metadata)


def _typed(kind: str, inner: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """An object of that type, with the unknown keys kept for it and for its inner object."""
    return {"type": kind, kind: {**inner, **kept.get(kind, {})}, **rest(kept, kind, RAW)}
