"""Answers in the shape of a type: what goes out, and what is made of what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

import penstock
from penstock import structured
from penstock.errors import InvalidRequest, UnexpectedAnswer
from penstock.events import Finish, Reply
from penstock.provider import question
from penstock.types import Message, RefusalPart, TextPart


@dataclass
class Point:
    x: int
    y: int


class Line(msgspec.Struct):
    start: Point
    end: Point
    name: str = ""


class Tree(msgspec.Struct):
    children: list[Tree]


class Odd(msgspec.Struct):
    other: Even | None


class Even(msgspec.Struct):
    other: Odd | None


class Loose(msgspec.Struct):
    anything: Any
    pair: tuple[int, str]


class Place(TypedDict):
    name: str


class City(pydantic.BaseModel):
    name: str
    people: int


def schema(kind: Any) -> Any:
    form = structured.form_of(kind)
    assert form["type"] == "json_schema"
    return form["json_schema"]


def test_a_dataclass_is_a_closed_object_with_its_root_in_place() -> None:
    said = schema(Point)
    assert said["name"] == "Point"
    assert said["strict"] is True
    assert said["schema"]["type"] == "object"
    assert said["schema"]["additionalProperties"] is False
    assert set(said["schema"]["properties"]) == {"x", "y"}
    assert "$defs" not in said["schema"]


def test_types_within_are_defined_beside_and_a_default_makes_it_lenient() -> None:
    said = schema(Line)
    assert said["strict"] is False  # a strict schema has no optional field
    assert set(said["schema"]["$defs"]) == {"Point"}


def test_a_type_within_itself_stays_defined() -> None:
    said = schema(Tree)["schema"]
    assert set(said["$defs"]) == {"Tree"}
    assert said["type"] == "object"


def test_types_that_refer_to_each_other_are_all_defined() -> None:
    assert set(schema(Odd)["schema"]["$defs"]) == {"Odd", "Even"}


def test_a_field_that_may_be_anything_is_not_strict() -> None:
    assert schema(Loose)["strict"] is False


def test_a_name_has_the_letters_that_services_allow() -> None:
    Місто = msgspec.defstruct("Місто[a]", [("x", int)])
    assert schema(Місто)["name"] == "______a_"


class Strange(pydantic.BaseModel):
    made: Callable[[], int]


class Choosy(pydantic.BaseModel):
    name: str

    @pydantic.field_validator("name")
    @classmethod
    def known(cls, name: str) -> str:
        return {"a": "A"}[name]


def test_a_type_without_a_schema_and_a_check_that_fails_are_errors_of_ours() -> None:
    with pytest.raises(InvalidRequest, match="Strange has no JSON schema"):
        structured.form_of(Strange)
    assert structured.read(reply('{"name": "a"}'), Choosy).name == "A"
    with pytest.raises(UnexpectedAnswer, match="no Choosy"):
        structured.read(reply('{"name": "b"}'), Choosy)


def test_a_pydantic_model_brings_its_own_schema() -> None:
    assert set(schema(City)["schema"]["properties"]) == {"name", "people"}


@pytest.mark.parametrize("kind", [list[int], int, str, object(), City(name="a", people=1)])
def test_what_is_no_object_is_refused_by_name(kind: Any) -> None:
    with pytest.raises(InvalidRequest) as raised:
        structured.form_of(kind)
    assert raised.value.param == "response_format"


def reply(text: str, reason: Any = "stop", *more: Any) -> Reply:
    return Reply("", "", Message("assistant", (TextPart(text), *more)), Finish(reason))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Point, '{"x": 1, "y": 2}', Point(1, 2)),
        (Place, '{"name": "a"}', {"name": "a"}),
        (City, '{"name": "a", "people": 3}', City(name="a", people=3)),
    ],
)
def test_the_text_is_read_into_the_type(kind: Any, text: str, value: Any) -> None:
    assert structured.read(reply(text), kind) == value


@pytest.mark.parametrize(
    ("kind", "answer", "why"),
    [
        (Point, reply('{"x": "one", "y": 2}'), r"no Point: Expected `int`, got `str`"),
        (Point, reply("Here it is"), "no Point"),
        (Point, reply('{"x": 1', "length"), "cut at max_tokens"),
        (Point, reply("", "stop", RefusalPart("I will not.")), "refused: I will not."),
        (City, reply('{"name": "a"}'), "no City"),
    ],
)
def test_an_answer_that_is_none_says_why(kind: Any, answer: Reply, why: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=why):
        structured.read(answer, kind)


def test_a_call_with_a_type_asks_for_its_schema_and_gives_its_value() -> None:
    request = question("m", "Hi", {"response_format": Point})
    assert request.response_format == structured.form_of(Point)
    said = penstock.chat('{"x": 1, "y": 2}', "builtin/echo", response_format=Point)
    assert said.value == Point(1, 2)
    with pytest.raises(UnexpectedAnswer, match="no Point"):
        penstock.chat("no", "builtin/echo", response_format=Point)


def test_words_of_the_field_itself_stay_as_they_are() -> None:
    form = {"type": "json_object"}
    assert question("m", "Hi", {"response_format": form}).response_format == form
    assert penstock.chat("{}", "builtin/echo", response_format=form).value is None
