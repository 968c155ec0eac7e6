import math

import pytest
from conftest import BILINGUAL, SMALL, collect, tokens, user


def complete(client, prompt, model=SMALL, **options):
    return client.completions.create(model=model, prompt=prompt, **{"max_tokens": 24, "temperature": 0, **options})


def test_temperature_0_is_deterministic(client):
    """The first time a prompt is read in one go, later it is found in the cache: the answer is the same."""
    asked = {"model": SMALL, "max_tokens": 12, "temperature": 0, "logprobs": True}
    for question in ("Name an animal.", "Count to five.", "Tell a joke about a bus."):
        answers = [client.chat.completions.create(messages=user(question), **asked) for _ in range(3)]
        said = {answer.choices[0].message.content for answer in answers}
        first = [answer.choices[0].logprobs.content[0].logprob for answer in answers]
        assert len(said) == 1, f"{question} {said}; logprob of the first token: {first}"


def test_a_seed_makes_it_reproducible(client):
    def drawn(seed):
        return client.chat.completions.create(
            model=SMALL, messages=user("Invent a word."), max_tokens=24, temperature=1.3, seed=seed
        ).choices[0].message.content

    drawn(11)  # see conftest.settled
    assert drawn(11) == drawn(11)
    assert len({drawn(seed) for seed in (11, 12, 13)}) > 1


def test_top_p_and_top_k_narrow_to_greedy(client):
    greedy = complete(client, "The sun is").choices[0].text
    for narrow in ({"top_p": 1e-6}, {"extra_body": {"top_k": 1}}, {"extra_body": {"min_p": 1.0}}):
        assert complete(client, "The sun is", temperature=1.5, seed=3, **narrow).choices[0].text == greedy, narrow


@pytest.mark.parametrize("stream", [False, True])
def test_stop_across_token_borders(client, stream):
    """A stop string made of the end of one token and the beginning of the next."""
    prompt = "Once upon a time, there was a little"
    plain = complete(client, prompt, logprobs=0)
    text, pieces = plain.choices[0].text, plain.choices[0].logprobs.tokens
    for at in range(2, len(pieces) - 1):
        stop = pieces[at][-1] + pieces[at + 1][:2]
        if len(pieces[at]) > 1 and len(stop) == 3 and text.index(stop) == len("".join(pieces[: at + 1])) - 1:
            break
    else:
        pytest.fail(f"no border to test in {pieces}")
    answer = complete(client, prompt, stop=[stop, "zzzz"], stream=stream)
    if stream:
        chunks = list(answer)
        said = "".join(choice.text for chunk in chunks for choice in chunk.choices)
        reason = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    else:
        said, reason = answer.choices[0].text, [answer.choices[0].finish_reason]
    assert said == text[: text.index(stop)]
    assert reason == ["stop"]


def test_stop_in_chinese(client):
    prompt = "中国的首都是北京，"
    text = complete(client, prompt, model=BILINGUAL).choices[0].text
    han = [i for i, character in enumerate(text) if "\u4e00" <= character <= "\u9fff"]
    at = next(i for i in han if i >= 3 and i + 1 in han and text.index(text[i : i + 2]) == i)
    stop = text[at : at + 2]
    asked = {"model": BILINGUAL, "prompt": prompt, "max_tokens": 24, "temperature": 0, "stop": stop}
    assert client.completions.create(**asked).choices[0].text == text[:at]
    streamed = "".join(chunk.choices[0].text for chunk in client.completions.create(**asked, stream=True) if chunk.choices)
    assert streamed == text[:at]


def test_logprobs(client):
    answer = client.chat.completions.create(
        model=SMALL, messages=user("Name a colour."), max_tokens=8, temperature=0, logprobs=True, top_logprobs=4
    )
    content = answer.choices[0].logprobs.content
    assert len(content) == answer.usage.completion_tokens or len(content) == answer.usage.completion_tokens - 1  # without the end's token
    assert bytes(byte for token in content for byte in token.bytes).decode() == answer.choices[0].message.content
    for token in content:
        assert token.logprob <= 0 and len(token.top_logprobs) == 4
        likely = [rival.logprob for rival in token.top_logprobs]
        assert likely == sorted(likely, reverse=True)
        assert token.top_logprobs[0].token == token.token, "greedy takes the likeliest"
        assert sum(math.exp(logprob) for logprob in likely) <= 1.0001


def test_logprobs_streamed_are_the_same(client):
    asked = {"model": SMALL, "messages": user("Name a colour."), "max_tokens": 8, "temperature": 0, "logprobs": True, "top_logprobs": 2}
    whole = [token.token for token in client.chat.completions.create(**asked).choices[0].logprobs.content]
    streamed = [
        token.token
        for chunk in client.chat.completions.create(**asked, stream=True)
        for choice in chunk.choices
        if choice.logprobs
        for token in choice.logprobs.content or []
    ]
    assert streamed == whole


def test_logprobs_0_rivals(client):
    answer = client.chat.completions.create(model=SMALL, messages=user("Hi"), max_tokens=3, logprobs=True)
    assert all(token.top_logprobs == [] for token in answer.choices[0].logprobs.content)
    plain = client.chat.completions.create(model=SMALL, messages=user("Hi"), max_tokens=3)
    assert plain.choices[0].logprobs is None


def test_logit_bias_forces(client):
    [the] = tokens(" the", SMALL)
    answer = complete(client, "My favourite word is", max_tokens=3, logit_bias={str(the): 100})
    assert answer.choices[0].text == " the the the"


def test_logit_bias_bans(client):
    asked = {"max_tokens": 1, "logprobs": 1}
    [first] = complete(client, "The capital of France is", **asked).choices[0].logprobs.tokens
    [banned] = tokens(first, SMALL)
    [second] = complete(client, "The capital of France is", logit_bias={str(banned): -100}, **asked).choices[0].logprobs.tokens
    assert first == " Paris" and second != first


def test_penalties(client):
    """Only four words may be said; the more a word was said, the less it is said again."""
    words = [" red", " green", " blue", " black"]
    bias = {str(tokens(word, SMALL)[0]): 100 for word in words}

    def said(**options):
        text = complete(client, "red red red red", max_tokens=24, logit_bias=bias, **options).choices[0].text
        return text.split()

    def most(**options):
        return max(said(**options).count(word.strip()) for word in words)

    free = most()
    assert free > most(frequency_penalty=2)
    # What was said before, also in the prompt, counts half: every other word comes first.
    assert {*said(extra_body={"repetition_penalty": 2.0})[:3]} == {"green", "blue", "black"}
    assert most(frequency_penalty=-2) > 20, "a negative one says the same word for ever"
    assert most(presence_penalty=2) > 0, "counted once a word, so the order of words may change either way"


def test_neutral_penalties_change_nothing(client):
    free = complete(client, "The moon is").choices[0].text
    assert complete(client, "The moon is", presence_penalty=0, frequency_penalty=0).choices[0].text == free


def test_two_streams_do_not_mix(client):
    asked = {"model": SMALL, "max_tokens": 16, "temperature": 0, "stream": True}
    one = client.chat.completions.create(messages=user("Say A."), **asked)
    two = client.chat.completions.create(messages=user("Say B."), **asked)
    ids_two = {chunk.id for chunk in two}
    text, _, _, chunks = collect(one)
    assert text and ids_two.isdisjoint({chunk.id for chunk in chunks})
