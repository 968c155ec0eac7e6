"""What the suite shares. run.sh starts the servers and says where they are."""

import json
import os
import urllib.error
import urllib.request

import openai
import pytest

URL = os.environ["SUMERU_URL"]
GUARDED_URL = os.environ["SUMERU_GUARDED_URL"]
GUARDED_KEY = os.environ["SUMERU_GUARDED_KEY"]
SMALL = "smollm2-135m-instruct"  # English only, very quick
BILINGUAL = "qwen2.5-coder-0.5b-instruct"  # Chinese and English, knows tools
EMBEDDER = "multilingual-e5-small"


@pytest.fixture(scope="session")
def client():
    """The unmodified client. No retries: a test must see the first answer."""
    return openai.OpenAI(base_url=f"{URL}/v1", api_key="-", max_retries=0, timeout=120)


def user(text):
    return [{"role": "user", "content": text}]


def raw(method, path, body=None, headers=None, url=URL):
    """Status, parsed body (or text) and headers, without any client between."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        response = urllib.request.urlopen(request, timeout=120)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        text = response.read().decode()
        try:
            return response.status, json.loads(text), response.headers
        except json.JSONDecodeError:
            return response.status, text, response.headers


def tokens(text, model):
    """Ids of a text's tokens."""
    status, body, _ = raw("POST", "/tokenize", {"model": model, "text": text})
    assert status == 200, body
    return [token["id"] for token in body["tokens"]]


def settled(client, **asked):
    """An answer to a prompt that was read before. Whether a prompt is read in one go or found in the cache may change the last
    digits of a probability, so answers that are compared word by word are both of the second kind; test_sampling.py looks at the first."""
    client.chat.completions.create(**asked)
    return client.chat.completions.create(**asked)


def collect(stream):
    """A chat stream's chunks, put together: text, finish reason, usage, chunks."""
    text, reason, usage, chunks = "", None, None, []
    for chunk in stream:
        chunks.append(chunk)
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
    return text, reason, usage, chunks


def in_flight():
    """The gauges of /metrics that count requests in work or waiting, by name; what there is none of is an error."""
    status, text, _ = raw("GET", "/metrics")
    assert status == 200, text
    gauges = {}
    for line in text.splitlines():
        name = line.split("{")[0].split(" ")[0]
        if not line.startswith("#") and any(word in name for word in ("in_flight", "inflight", "pending", "active", "running")):
            gauges[line.rsplit(" ", 1)[0]] = float(line.rsplit(" ", 1)[1])
    assert gauges, f"/metrics counts nothing in flight:\n{text}"
    # The request for /metrics is under way while it counts.
    return {name: count - ("http_requests" in name) for name, count in gauges.items()}
