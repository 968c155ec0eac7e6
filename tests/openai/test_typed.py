"""Typed output: what is promised always holds, whatever the model would rather say."""

import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import tarfile

import jsonschema_rs
import openai
import pydantic
import pytest
from conftest import BILINGUAL, SMALL, raw, user

CACHE = pathlib.Path(__file__).parents[2] / ".cache" / "jsonschema-sdist"
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 40},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "city": {"enum": ["Beijing", "Shanghai", "Paris"]},
        "likes": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 3},
    },
    "required": ["name", "age", "city", "likes"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}, "day": {"enum": ["today", "tomorrow"]}},
            "required": ["city", "day"],
            "additionalProperties": False,
        },
    },
}
TRAIN = {"type": "function", "function": {"name": "train", "parameters": {"type": "object", "properties": {"to": {"enum": ["Paris", "Rome"]}}, "required": ["to"]}}}


def schema(value, name="answer"):
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": value}}


@pytest.mark.parametrize("temperature", [0, 1.5])
@pytest.mark.parametrize("model", [SMALL, BILINGUAL])
def test_a_schema_holds(client, model, temperature):
    asked = user("Li Wei is 34, lives in Shanghai and likes tea and chess. As JSON, please.")
    answer = client.chat.completions.create(model=model, messages=asked, response_format=schema(PERSON), temperature=temperature, seed=5, max_tokens=200)
    assert answer.choices[0].finish_reason == "stop"
    jsonschema_rs.validate(PERSON, json.loads(answer.choices[0].message.content))


def test_pydantic_models_are_parsed(client):
    class Person(pydantic.BaseModel):
        name: str
        age: int
        city: str

    answer = client.chat.completions.parse(model=BILINGUAL, messages=user("Li Wei is 34 and lives in Shanghai."), response_format=Person, temperature=0, max_tokens=100)
    assert answer.choices[0].message.parsed == Person(name="Li Wei", age=34, city="Shanghai")


def test_streamed_pieces_make_the_whole(client):
    asked = {"model": BILINGUAL, "messages": user("Li Wei is 34."), "response_format": schema(PERSON), "temperature": 0, "max_tokens": 200}
    whole = client.chat.completions.create(**asked).choices[0].message.content
    pieces = [choice.delta.content or "" for chunk in client.chat.completions.create(**asked, stream=True) for choice in chunk.choices]
    assert len([piece for piece in pieces if piece]) > 3, "partial JSON comes as it is written"
    assert "".join(pieces) == whole


def test_json_object(client):
    answer = client.chat.completions.create(model=BILINGUAL, messages=user("两个水果和它们的颜色，用 JSON"), response_format={"type": "json_object"}, temperature=0, max_tokens=200)
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_patterns_choices_and_grammars(client):
    def said(**form):
        answer = client.chat.completions.create(model=SMALL, messages=user("When and how?"), temperature=1.5, seed=3, max_tokens=60, extra_body=form)
        return answer.choices[0].message.content

    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}", said(regex="[0-9]{4}-[0-9]{2}"))
    assert said(choice=["是", "否", "I do not know"]) in ("是", "否", "I do not know")
    assert re.fullmatch(r"\d{1,2}( [+*] \d{1,2}){1,3}", said(grammar='start: N (OP N){1,3}\nN: /[0-9]{1,2}/\nOP: " + " | " * "'))


def test_completions_too(client):
    answer = client.completions.create(model=SMALL, prompt="Yes or no? ", max_tokens=5, extra_body={"choice": ["yes", "no"]})
    assert answer.choices[0].text in ("yes", "no")


def test_in_company_and_alone(client):
    """At temperature 0 the same, whoever else asks."""
    def ask(number):
        asked = user(f"Person {number} is {20 + number} years old.")
        answer = client.chat.completions.create(model=SMALL, messages=asked, response_format=schema(PERSON), temperature=0, max_tokens=150)
        return answer.choices[0].message.content

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        together = list(pool.map(ask, range(12)))
    assert together == [ask(number) for number in range(12)]


@pytest.mark.parametrize(
    ("choice", "names"),
    [("required", {"weather", "train"}), ({"type": "function", "function": {"name": "train"}}, {"train"})],
)
@pytest.mark.parametrize("parallel", [True, False])
def test_a_call_that_must_be_is(client, choice, names, parallel):
    answer = client.chat.completions.create(
        model=BILINGUAL, messages=user("Hello! How are you?"), tools=[WEATHER, TRAIN], tool_choice=choice, parallel_tool_calls=parallel, temperature=0, max_tokens=200
    )
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls" and (parallel or len(message.tool_calls) == 1)
    for call in message.tool_calls:
        assert call.function.name in names
        tool = {"weather": WEATHER, "train": TRAIN}[call.function.name]
        jsonschema_rs.validate(tool["function"]["parameters"], json.loads(call.function.arguments))


def test_arguments_come_as_they_are_written(client):
    asked = {"model": BILINGUAL, "messages": user("What is the weather in Paris?"), "tools": [WEATHER], "tool_choice": "required", "temperature": 0, "max_tokens": 200, "parallel_tool_calls": False}
    pieces = [call for chunk in client.chat.completions.create(stream=True, **asked) for choice in chunk.choices for call in choice.delta.tool_calls or []]
    assert pieces[0].id and pieces[0].function.name == "weather" and len(pieces) > 3
    assert all(piece.index == 0 and piece.id is None and piece.function.name is None for piece in pieces[1:])
    written = "".join(piece.function.arguments for piece in pieces)
    whole = client.chat.completions.create(**asked).choices[0].message.tool_calls[0].function.arguments
    assert written == whole
    jsonschema_rs.validate(WEATHER["function"]["parameters"], json.loads(whole))



def test_a_call_that_may_be_is_held_to_its_schema(client):
    answer = client.chat.completions.create(model=BILINGUAL, messages=user("What is the weather in Paris tomorrow?"), tools=[WEATHER], temperature=0, max_tokens=200)
    for call in answer.choices[0].message.tool_calls or []:
        jsonschema_rs.validate(WEATHER["function"]["parameters"], json.loads(call.function.arguments))


@pytest.mark.parametrize(
    ("form", "param", "part"),
    [
        ({"response_format": schema({"type": "array", "uniqueItems": True})}, "response_format", "uniqueItems"),
        ({"response_format": schema({"type": "strin"})}, "response_format", "strin"),
        ({"response_format": schema({"$ref": "https://example.com/x"})}, "response_format", "example.com"),
        ({"regex": "a(b"}, "regex", "unclosed"),
        ({"grammar": "start: nothing"}, "grammar", "nothing"),
        ({"tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": {"properties": {"a": {"uniqueItems": True}}}}}]}, "tools", "uniqueItems"),
        ({"regex": "a", "choice": ["a"]}, "choice", "regex"),
    ],
)
def test_what_cannot_be_honoured_is_named(client, form, param, part):
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=SMALL, messages=user("x"), max_tokens=5, extra_body=form)
    assert refused.value.param == param and part in refused.value.message


def test_what_would_take_forever_is_bounded(client):
    """Recursive, contradictory, enormous, and patterns that explode: an answer or an error, soon, and the server lives on."""
    chain = {f"d{at}": {"$ref": f"#/$defs/d{at + 1}"} for at in range(20_000)} | {"d20000": {"type": "null"}}
    tree = {"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}, "required": ["left", "right"]}
    wide = {"anyOf": [{"type": "object", "properties": {f"p{i}_{j}": {"type": "string", "pattern": f"^(a|b){{1,{i + 1}}}$"} for j in range(20)}} for i in range(200)]}
    forms = [
        {"response_format": schema({"$ref": "#/$defs/d0", "$defs": chain})},
        {"response_format": schema(tree)},
        {"response_format": schema({"allOf": [{"type": "string"}, {"type": "integer"}]})},
        {"response_format": schema(wide)},
        {"response_format": schema({"enum": [f"{'x' * (i % 97)}{i}" for i in range(20_000)]})},
        {"regex": "((a{1,900}){1,900}){1,900}"},
        {"regex": "(a|aa|aaa|b*)*(c?d?e?){1,500}x{500}$" * 20},
        {"grammar": "start: " + "(" * 20_000 + '"a"' + ")" * 20_000},
        {"grammar": "start: start start | /a/"},
    ]
    for form in forms:
        status, answer, _ = raw("POST", "/v1/chat/completions", {"model": SMALL, "messages": user("x"), "max_tokens": 8, **form})
        assert status in (200, 400) or "grammar" in answer["error"]["message"], (status, str(answer)[:300], str(form)[:80])
    assert client.chat.completions.create(model=SMALL, messages=user("x"), max_tokens=2).choices


def suite():
    """Every schema of the JSON Schema test suite (draft 2020-12), from the sources of PyPI's jsonschema."""
    if not (archives := list(CACHE.glob("*.tar.gz"))):
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "jsonschema==4.26.0", "-d", CACHE], check=True)
        archives = list(CACHE.glob("*.tar.gz"))
    with tarfile.open(archives[0]) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            if "/tests/draft2020-12/" in member.name and member.name.endswith(".json") and "/optional/" not in member.name:
                for group in json.load(archive.extractfile(member)):
                    yield f"{member.name.rsplit('/', 1)[-1]}: {group['description']}", group["schema"]


def test_every_schema_of_the_test_suite(client):
    """Answers to each schema that is taken are valid; one that is not taken is refused by name."""

    def ask(case):
        name, wanted = case
        body = {"model": SMALL, "messages": user(f"An example of: {name}"), "response_format": schema(wanted), "temperature": 0, "max_tokens": 48}
        status, answer, _ = raw("POST", "/v1/chat/completions", body)
        if status == 400:
            assert answer["error"]["param"] == "response_format" and answer["error"]["message"], (name, answer)
            return "refused"
        assert status == 200, (name, answer)
        choice = answer["choices"][0]
        if choice["finish_reason"] == "length":
            return "unfinished"
        value = json.loads(choice["message"]["content"])
        assert jsonschema_rs.validator_for(wanted).is_valid(value), (name, wanted, value)
        return "valid"

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        ended = list(pool.map(ask, suite()))
    counts = {how: ended.count(how) for how in set(ended)}
    print(counts)
    assert counts["valid"] > 60 and counts["valid"] + counts["unfinished"] > 150, counts
