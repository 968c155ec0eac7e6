import re

import openai
import pytest
from conftest import EMBEDDER, GUARDED_KEY, GUARDED_URL, SMALL, raw, user

CHAT = {"model": SMALL, "messages": user("hi"), "max_tokens": 1}


def test_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-9", messages=user("hi"))
    assert caught.value.code == "model_not_found" and caught.value.param == "model" and "gpt-9" in caught.value.message


def test_unknown_knowledge_base(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="kb/nothing-here", messages=user("hi"))
    assert "nothing-here" in caught.value.message


def test_an_embedder_does_not_chat(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=EMBEDDER, messages=user("hi"))
    assert caught.value.param == "model"


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"temprature": 1}, "temprature", "unknown_parameter"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"model": None}, "model", "missing_required_parameter"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": "hi"}, "messages", "invalid_type"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]}, "messages[0].content[0].type", "unsupported_parameter"),
        ({"messages": [{"role": "tool", "tool_call_id": "x", "content": "1"}]}, "messages[0].tool_call_id", "invalid_value"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"temperature": 2.5}, "temperature", "invalid_value"),
        ({"top_p": -0.1}, "top_p", "invalid_value"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": 1000}, "n", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"max_tokens": 1.5}, "max_tokens", "invalid_type"),
        ({"presence_penalty": 3}, "presence_penalty", "invalid_value"),
        ({"logprobs": "yes"}, "logprobs", "invalid_type"),
        ({"top_logprobs": 3}, "top_logprobs", "invalid_value"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "invalid_value"),
        ({"logit_bias": {"one": 1}}, "logit_bias.one", "invalid_value"),
        ({"logit_bias": {"1": 101}}, "logit_bias.1", "invalid_value"),
        ({"stop": [""]}, "stop[0]", "invalid_value"),
        ({"stop": 5}, "stop", "invalid_type"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        ({"functions": []}, "functions", "unsupported_parameter"),
        ({"reasoning_effort": "high"}, "reasoning_effort", "unsupported_parameter"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "unsupported_parameter"),
        ({"seed": "x"}, "seed", "invalid_type"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_wrong_requests_name_the_parameter(change, param, code):
    body = {name: value for name, value in {**CHAT, **change}.items() if value is not None}
    status, answer, _ = raw("POST", "/v1/chat/completions", body)
    error = answer["error"]
    assert (status, error["type"], error["param"], error["code"]) == (400, "invalid_request_error", param, code), error["message"]
    assert param.split("[")[0].split(".")[0] in error["message"]


def test_a_misspelt_name_is_suggested():
    _, answer, _ = raw("POST", "/v1/chat/completions", {**CHAT, "temprature": 1})
    assert "'temperature'" in answer["error"]["message"]


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[1]", b'"text"', b'{"model": "a", "model"}'])
def test_bodies_that_are_no_json_object(body):
    status, answer, _ = raw("POST", "/v1/chat/completions", body)
    assert status == 400 and answer["error"]["type"] == "invalid_request_error" and answer["error"]["message"]


def test_another_content_type():
    status, answer, _ = raw("POST", "/v1/chat/completions", b"model=a", {"Content-Type": "application/x-www-form-urlencoded"})
    assert status in (400, 415) and answer["error"]["message"]


def test_wrong_method():
    status, answer, headers = raw("GET", "/v1/chat/completions")
    assert status == 405 and answer["error"]["type"] == "invalid_request_error" and "POST" in headers["allow"]


def test_no_such_path():
    status, answer, _ = raw("POST", "/v1/nothing", {})
    assert status == 404 and answer["error"]["message"]
    status, answer, _ = raw("GET", "/v1/nothing")
    assert status == 404 and answer["error"]["message"]


def test_the_responses_api_is_not_there_yet(client):
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model=SMALL, input="hi")


def test_a_context_that_overflows_is_named_with_numbers(client):
    prompt = "The quick brown fox jumps over the lazy dog. " * 230_000
    assert len(prompt) > 10_000_000
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=SMALL, messages=user(prompt), max_tokens=5)
    assert caught.value.code == "context_length_exceeded" and caught.value.param == "messages"
    numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", caught.value.message)]
    assert 8192 in numbers and max(numbers) > 1_000_000, caught.value.message


def test_just_too_long_is_refused_and_just_short_enough_is_not(client):
    asked = {"model": SMALL, "echo": True, "max_tokens": 0, "prompt": [0] * 20}
    assert client.completions.create(**asked).usage.prompt_tokens == 20
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(**{**asked, "prompt": [300] * 8193})
    assert caught.value.code == "context_length_exceeded" and "8193" in caught.value.message.replace(",", "")


def test_dns_rebinding_is_refused():
    status, _, _ = raw("GET", "/v1/models", headers={"Host": "evil.example"})
    assert status in (400, 403, 421)
    status, _, _ = raw("POST", "/v1/chat/completions", CHAT, {"Origin": "https://evil.example"})
    assert status == 403


@pytest.mark.parametrize("key", ["wrong", "", GUARDED_KEY[:-1], GUARDED_KEY + "0"])
def test_a_wrong_key_is_refused(key):
    guarded = openai.OpenAI(base_url=f"{GUARDED_URL}/v1", api_key=key or "-", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as caught:
        guarded.models.list()
    assert caught.value.status_code == 401 and caught.value.code == "invalid_api_key"
    assert GUARDED_KEY not in caught.value.message


def test_no_key_is_refused_everywhere_but_health():
    for method, path in [("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("POST", "/tokenize"), ("GET", "/metrics"), ("GET", "/v1/knowledge_bases")]:
        status, answer, _ = raw(method, path, {} if method == "POST" else None, url=GUARDED_URL)
        assert status == 401 and answer["error"]["code"] == "invalid_api_key", path
    assert raw("GET", "/healthz", url=GUARDED_URL)[0] == 200


def test_the_right_key_opens():
    guarded = openai.OpenAI(base_url=f"{GUARDED_URL}/v1", api_key=GUARDED_KEY, max_retries=0, timeout=120)
    assert guarded.chat.completions.create(**CHAT).choices
