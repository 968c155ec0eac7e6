import base64
import struct

import openai
import pytest
from conftest import EMBEDDER, SMALL, raw, tokens


def likeness(a, b):
    return sum(x * y for x, y in zip(a, b))


def embed(client, texts, **options):
    return [item.embedding for item in client.embeddings.create(model=EMBEDDER, input=texts, **options).data]


def test_one(client):
    answer = client.embeddings.create(model=EMBEDDER, input="hello", encoding_format="float")
    assert answer.object == "list" and answer.model == EMBEDDER and answer.data[0].index == 0
    assert len(answer.data[0].embedding) == 384
    assert abs(likeness(answer.data[0].embedding, answer.data[0].embedding) - 1) < 1e-3, "unit length"
    assert answer.usage.prompt_tokens > 0 and answer.usage.total_tokens == answer.usage.prompt_tokens


def test_base64_is_the_same_vector():
    body = {"model": EMBEDDER, "input": "hello"}
    _, floats, _ = raw("POST", "/v1/embeddings", body)
    _, packed, _ = raw("POST", "/v1/embeddings", {**body, "encoding_format": "base64"})
    unpacked = struct.unpack("<384f", base64.b64decode(packed["data"][0]["embedding"]))
    assert max(abs(a - b) for a, b in zip(unpacked, floats["data"][0]["embedding"])) < 1e-6


def test_the_clients_default_is_read(client):
    """The client asks for base64 by itself and unpacks it."""
    assert likeness(embed(client, "hello")[0], embed(client, "hello", encoding_format="float")[0]) > 0.9999


def test_a_batch_keeps_its_order(client):
    texts = [f"sentence number {i}" for i in range(20)]
    batch = embed(client, texts)
    assert len(batch) == 20
    for i in (0, 7, 19):
        assert likeness(batch[i], embed(client, texts[i])[0]) > 0.999


def test_dimensions(client):
    whole, cut = embed(client, "hello")[0], embed(client, "hello", dimensions=64)[0]
    assert len(cut) == 64 and abs(likeness(cut, cut) - 1) < 1e-3
    length = likeness(whole[:64], whole[:64]) ** 0.5
    assert max(abs(a / length - b) for a, b in zip(whole, cut)) < 1e-3
    with pytest.raises(openai.BadRequestError) as caught:
        embed(client, "hello", dimensions=385)
    assert caught.value.param == "dimensions" and "384" in caught.value.message


def test_token_arrays(client):
    ids = tokens("hello world", EMBEDDER)
    by_text = embed(client, "hello world")[0]
    assert likeness(embed(client, [ids])[0], by_text) > 0.99
    assert likeness(embed(client, ids)[0], by_text) > 0.99


def test_likeness_crosses_languages(client):
    zh, en, off, off_zh = embed(
        client, ["年假可以休几天？", "How many days of annual leave do I get?", "The price of copper rose sharply.", "铜价大幅上涨。"]
    )
    assert likeness(zh, en) > likeness(zh, off) and likeness(off, off_zh) > likeness(off, en)


def test_long_texts_are_not_lost(client):
    """Longer than the model's 512 tokens: either embedded whole in some way or refused with numbers, never a server error."""
    try:
        [vector] = embed(client, "word " * 3000)
        assert abs(likeness(vector, vector) - 1) < 1e-3
    except openai.BadRequestError as error:
        assert "512" in error.message and error.param == "input"


@pytest.mark.parametrize("given", ["", [], ["a", ""], {"a": 1}])
def test_empty_and_wrong_inputs_are_refused(given):
    status, body, _ = raw("POST", "/v1/embeddings", {"model": EMBEDDER, "input": given})
    assert status == 400 and body["error"]["param"].startswith("input")


def test_a_generating_model_does_not_embed(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=SMALL, input="hello")
    assert caught.value.param == "model" and SMALL in caught.value.message
