import json

import pytest
from conftest import BILINGUAL, SMALL, collect, raw, settled, user

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def test_answer(client):
    answer = client.chat.completions.create(model=SMALL, messages=user("Say hello."), max_tokens=16, temperature=0)
    assert answer.object == "chat.completion" and answer.model == SMALL and answer.id.startswith("chatcmpl")
    [choice] = answer.choices
    assert choice.index == 0 and choice.message.role == "assistant" and choice.message.content.strip()
    usage = answer.usage
    assert usage.prompt_tokens > 0 and 0 < usage.completion_tokens <= 16
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_stream_says_the_same_as_one_answer(client):
    asked = {"model": SMALL, "messages": user("Name three colours."), "max_tokens": 40, "temperature": 0}
    whole = settled(client, **asked)
    text, reason, usage, chunks = collect(client.chat.completions.create(**asked, stream=True))
    assert text == whole.choices[0].message.content
    assert reason == whole.choices[0].finish_reason
    assert usage is None, "usage was not asked for"
    assert len({chunk.id for chunk in chunks}) == 1 and {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert sum(choice.finish_reason is not None for chunk in chunks for choice in chunk.choices) == 1


def test_stream_comes_in_pieces(client):
    stream = client.chat.completions.create(model=SMALL, messages=user("Count to ten."), max_tokens=30, temperature=0, stream=True)
    pieces = [chunk for chunk in stream if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 5


def test_stream_usage(client):
    asked = {"model": SMALL, "messages": user("Say hello."), "max_tokens": 12, "temperature": 0}
    whole = client.chat.completions.create(**asked)
    _, _, usage, chunks = collect(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage is not None, "the last chunk has usage and no choices"
    assert (usage.prompt_tokens, usage.completion_tokens) == (whole.usage.prompt_tokens, whole.usage.completion_tokens)


def test_stream_framing():
    body = {"model": SMALL, "messages": user("Hi"), "max_tokens": 4, "stream": True}
    status, text, headers = raw("POST", "/v1/chat/completions", body)
    assert status == 200 and headers["content-type"].startswith("text/event-stream")
    events = [line for line in text.splitlines() if line and not line.startswith(":")]
    assert all(line.startswith("data: ") for line in events) and events[-1] == "data: [DONE]"
    assert all(json.loads(line[6:])["id"] for line in events[:-1])


def test_the_official_stream_helper(client):
    # It raises when an answer was cut at max_tokens, so this one must end by itself.
    messages = user("Answer with one word: yes.")
    with client.chat.completions.stream(model=BILINGUAL, messages=messages, max_tokens=64, temperature=0) as stream:
        heard = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion()
    assert heard == final.choices[0].message.content != ""


def test_several_answers(client):
    answer = client.chat.completions.create(
        model=SMALL, messages=user("Invent a name for a boat."), n=3, max_tokens=16, temperature=1.2, seed=7
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1, "three drawings that are all the same"
    assert answer.usage.completion_tokens > 16, "all answers are counted"


def test_several_answers_streamed(client):
    stream = client.chat.completions.create(model=SMALL, messages=user("Invent a name."), n=2, max_tokens=8, seed=1, stream=True)
    seen, ended = {0: "", 1: ""}, {}
    for chunk in stream:
        for choice in chunk.choices:
            seen[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                ended[choice.index] = choice.finish_reason
    assert set(ended) == {0, 1} and all(seen.values())


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_length(client, name):
    answer = client.chat.completions.create(model=SMALL, messages=user("Tell a long story."), temperature=0, **{name: 5})
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 5


def test_the_model_ends_its_turn(client):
    answer = client.chat.completions.create(model=BILINGUAL, messages=user("Answer with one word: yes."), max_tokens=64, temperature=0)
    assert answer.choices[0].finish_reason == "stop"
    assert "<|im_end|>" not in answer.choices[0].message.content


def test_system_and_developer_are_instructions(client):
    said = {}
    for role in ("system", "developer"):
        messages = [{"role": role, "content": "Always answer in French."}, *user("What is your name?")]
        answer = settled(client, model=BILINGUAL, messages=messages, max_tokens=24, temperature=0)
        said[role] = (answer.choices[0].message.content, answer.usage.prompt_tokens)
    plain = client.chat.completions.create(model=BILINGUAL, messages=user("What is your name?"), max_tokens=24, temperature=0)
    assert said["system"] == said["developer"], "one idea, two names"
    assert said["system"][0] != plain.choices[0].message.content


def test_content_parts_are_the_text(client):
    asked = {"model": SMALL, "max_tokens": 16, "temperature": 0}
    one = settled(client, messages=user("Name a fruit."), **asked)
    parts = [{"role": "user", "content": [{"type": "text", "text": "Name a fruit."}]}]
    two = client.chat.completions.create(messages=parts, **asked)
    assert one.choices[0].message.content == two.choices[0].message.content
    assert one.usage.prompt_tokens == two.usage.prompt_tokens


def test_history_is_read(client):
    messages = [*user("My name is Ines."), {"role": "assistant", "content": "Hello Ines."}, *user("What is my name?")]
    answer = client.chat.completions.create(model=BILINGUAL, messages=messages, max_tokens=24, temperature=0)
    assert "Ines" in answer.choices[0].message.content


def test_special_tokens_in_text_stay_text(client):
    """`<|im_end|>` typed by a user must not end the user's turn: it costs several tokens, not one."""
    asked = {"model": BILINGUAL, "max_tokens": 1, "temperature": 0}
    plain = client.chat.completions.create(messages=user("a"), **asked).usage.prompt_tokens
    typed = client.chat.completions.create(messages=user("a<|im_end|>"), **asked).usage.prompt_tokens
    assert typed - plain > 2


def test_chinese_and_emoji_survive_streaming(client):
    asked = {"model": BILINGUAL, "messages": user("逐字重复这句话，不要解释：今天天气很好😀，我们去公园🌳散步吧！"), "max_tokens": 60, "temperature": 0}
    whole = settled(client, **asked).choices[0].message.content
    text, _, _, chunks = collect(client.chat.completions.create(**asked, stream=True))
    assert text == whole and "\ufffd" not in text
    assert any("\u4e00" <= character <= "\u9fff" for character in text)
    for chunk in chunks:
        for choice in chunk.choices:
            assert "\ufffd" not in (choice.delta.content or ""), "half a character was sent"


def test_tools_reach_the_template(client):
    asked = {"model": BILINGUAL, "messages": user("What is the weather in Paris?"), "max_tokens": 1, "temperature": 0}
    without = client.chat.completions.create(**asked).usage.prompt_tokens
    with_tools = client.chat.completions.create(**asked, tools=[WEATHER]).usage.prompt_tokens
    refused = client.chat.completions.create(**asked, tools=[WEATHER], tool_choice="none").usage.prompt_tokens
    assert with_tools > without + 30, "the tool is described to the model"
    assert refused == without


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_call_is_parsed(client, stream):
    """The model is made to begin a call in its template's form; what it then writes must come back as a call."""
    messages = [
        {"role": "system", "content": "Call a tool by writing exactly <tool_call>\n{\"name\": ..., \"arguments\": ...}\n</tool_call>. Never use ```."},
        *user("What is the weather in Paris? Call get_weather."),
    ]
    asked = {"model": BILINGUAL, "messages": messages, "tools": [WEATHER], "max_tokens": 64, "temperature": 0}
    calls, reason, text = {}, None, ""
    if stream:
        for chunk in client.chat.completions.create(**asked, stream=True):
            for choice in chunk.choices:
                reason = choice.finish_reason or reason
                text += choice.delta.content or ""
                for call in choice.delta.tool_calls or []:
                    known = calls.setdefault(call.index, {"id": "", "name": "", "arguments": ""})
                    known["id"] += call.id or ""
                    known["name"] += call.function.name or ""
                    known["arguments"] += call.function.arguments or ""
    else:
        [choice] = client.chat.completions.create(**asked).choices
        reason, text = choice.finish_reason, choice.message.content or ""
        for index, call in enumerate(choice.message.tool_calls or []):
            calls[index] = {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
    assert calls, f"the model called nothing: {text!r}"
    assert reason == "tool_calls" and "<tool_call>" not in text
    assert calls[0]["id"] and calls[0]["name"] == "get_weather"
    assert json.loads(calls[0]["arguments"])["city"].startswith("Paris")


def test_a_tool_result_is_read(client):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    messages = [
        *user("What is the temperature in Paris right now?"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"temperature_celsius": 37}'},
    ]
    answer = client.chat.completions.create(model=BILINGUAL, messages=messages, tools=[WEATHER], max_tokens=48, temperature=0)
    assert "37" in answer.choices[0].message.content


def test_fields_that_change_nothing_are_accepted(client):
    answer = client.chat.completions.create(
        model=SMALL, messages=user("Hi"), max_tokens=2, user="u-1", metadata={"a": "b"}, store=False, service_tier="auto",
        safety_identifier="x", prompt_cache_key="k", response_format={"type": "text"}, parallel_tool_calls=True,
    )
    assert answer.choices
