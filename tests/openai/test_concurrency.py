import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from conftest import SMALL, URL, collect, in_flight, settled, user


def test_the_async_client(client):
    async def run():
        async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key="-", max_retries=0) as asynchronous:
            stream = await asynchronous.chat.completions.create(model=SMALL, messages=user("Count to five."), max_tokens=20, temperature=0, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    whole = settled(client, model=SMALL, messages=user("Count to five."), max_tokens=20, temperature=0)
    assert asyncio.run(run()) == whole.choices[0].message.content


def test_four_at_once(client):
    """Each gets its own answer, whole."""
    questions = ["Name a colour.", "Name an animal.", "Name a city.", "Name a fruit."]

    def ask(question):
        stream = client.chat.completions.create(
            model=SMALL, messages=user(question), max_tokens=24, temperature=0, stream=True, stream_options={"include_usage": True}
        )
        return collect(stream)

    alone = [ask(question) for question in questions]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(ask, questions))
    for one, many in zip(alone, together):
        assert many[2].prompt_tokens == one[2].prompt_tokens, "the question is its own"
        assert many[0].strip() and "\ufffd" not in many[0]
    assert len({text for text, *_ in together}) == 4, "and so is the answer"


def test_four_at_once_are_interleaved(client):
    """The second of two long streams has its first word before the first has its last."""
    ended, begun = [], []

    def ask(number):
        stream = client.chat.completions.create(model=SMALL, messages=user("Tell a long story."), max_tokens=150, temperature=1, seed=number, stream=True)
        for i, _ in enumerate(stream):
            if i == 1:
                begun.append(time.monotonic())
        ended.append(time.monotonic())

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ask, range(2)))
    assert max(begun) < min(ended)


def test_an_answer_is_the_same_alone_and_among_sixteen(client):
    """Some of the sixteen begin alike, so that one reads for others; the second time all of it is remembered."""

    def ask(number):
        story = "Once upon a time there was a small town by the sea. " * (number % 3 * 8)
        prompt = f"{story}The number {number} is"
        answer = client.completions.create(model=SMALL, prompt=prompt, max_tokens=16, temperature=0, logprobs=1)
        return answer.choices[0].text, answer.choices[0].logprobs.token_logprobs

    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(ask, range(16)))
    assert [ask(number) for number in range(16)] == together


@pytest.mark.parametrize("wait_for", ["first chunk", "nothing"])
def test_a_client_that_leaves_frees_its_slot(client, wait_for):
    for number in range(25):
        stream = client.chat.completions.create(
            model=SMALL, messages=user("Tell a very long story."), max_tokens=4000, temperature=1, seed=number, stream=True
        )
        if wait_for == "first chunk":
            next(iter(stream))
        stream.close()
    deadline = time.monotonic() + 10
    while (left := in_flight()) and any(left.values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(left.values()), f"still in flight: {left}"
    started = time.monotonic()
    assert client.chat.completions.create(model=SMALL, messages=user("Hi"), max_tokens=4).choices
    assert time.monotonic() - started < 10


def test_a_client_that_leaves_while_it_waits_for_a_whole_answer(client):
    impatient = client.with_options(timeout=0.3)
    # <|endoftext|> and <|im_end|> are forbidden: one story in a hundred is a few words long, and would be there in time.
    endless = {"0": -100, "2": -100}
    for _ in range(5):
        with pytest.raises(openai.APITimeoutError):
            impatient.chat.completions.create(
                model=SMALL, messages=user("Tell a very long story."), max_tokens=4000, temperature=1, logit_bias=endless
            )
    deadline = time.monotonic() + 10
    while (left := in_flight()) and any(left.values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(left.values()), f"still in flight: {left}"
