import openai
import pytest
from conftest import BILINGUAL, SMALL, tokens

PARIS = "The capital of France is Paris."


def test_complete(client):
    answer = client.completions.create(model=SMALL, prompt="The capital of France is", max_tokens=3, temperature=0)
    assert answer.object == "text_completion" and answer.id.startswith("cmpl")
    assert answer.choices[0].text.startswith(" Paris")
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 3


def test_16_tokens_unless_told(client):
    answer = client.completions.create(model=SMALL, prompt="Once upon a time", temperature=0)
    assert answer.usage.completion_tokens == 16


def test_stream(client):
    asked = {"model": SMALL, "prompt": "Once upon a time", "max_tokens": 20, "temperature": 0}
    whole = client.completions.create(**asked).choices[0].text
    chunks = list(client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == whole
    assert chunks[-1].usage.completion_tokens == 20 and chunks[-1].choices == []


def test_echo(client):
    asked = {"model": SMALL, "prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}
    plain = client.completions.create(**asked).choices[0].text
    assert client.completions.create(**asked, echo=True).choices[0].text == "Once upon a time" + plain


def test_scoring_a_prompt(client):
    """What evaluation harnesses do: echo, logprobs, no new token."""
    answer = client.completions.create(model=SMALL, prompt=PARIS, max_tokens=0, echo=True, logprobs=2)
    [choice] = answer.choices
    logprobs = choice.logprobs
    assert choice.text == PARIS and "".join(logprobs.tokens) == PARIS
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.top_logprobs) == len(tokens(PARIS, SMALL))
    assert logprobs.token_logprobs[0] is None and all(logprob <= 0 for logprob in logprobs.token_logprobs[1:])
    assert answer.usage.completion_tokens == 0
    for offset, token in zip(logprobs.text_offset, logprobs.tokens):
        assert PARIS[offset:].startswith(token)


def test_scores_tell_the_right_ending(client):
    def score(ending):
        answer = client.completions.create(model=SMALL, prompt="The capital of France is" + ending, max_tokens=0, echo=True, logprobs=0)
        return answer.choices[0].logprobs.token_logprobs[len(tokens("The capital of France is", SMALL))]

    assert score(" Paris") > score(" Rome") > score(" banana")


def test_scoring_agrees_with_generating(client):
    """A prompt is read many tokens at once, an answer one by one: both must see the same probabilities."""
    prompt = "Water boils at"
    made = client.completions.create(model=SMALL, prompt=prompt, max_tokens=8, temperature=0, logprobs=0)
    ids = tokens(prompt, SMALL)
    text = made.choices[0].text
    read = client.completions.create(model=SMALL, prompt=prompt + text, max_tokens=0, echo=True, logprobs=0).choices[0].logprobs
    if read.tokens[len(ids) :] != made.choices[0].logprobs.tokens:
        pytest.skip("the text is tokenised otherwise than it was generated")
    for generated, scored in zip(made.choices[0].logprobs.token_logprobs, read.token_logprobs[len(ids) :]):
        assert abs(generated - scored) < 0.1


def test_scoring_chinese_and_emoji(client):
    text = "今天天气很好😀𠮷"
    choice = client.completions.create(model=BILINGUAL, prompt=text, max_tokens=0, echo=True, logprobs=0).choices[0]
    assert choice.text == text
    assert len(choice.logprobs.tokens) == len(tokens(text, BILINGUAL))


def test_token_ids_are_the_text(client):
    asked = {"model": SMALL, "max_tokens": 8, "temperature": 0}
    ids = tokens("The capital of France is", SMALL)
    text = client.completions.create(prompt="The capital of France is", **asked)
    by_ids = client.completions.create(prompt=ids, **asked)
    assert by_ids.choices[0].text == text.choices[0].text
    assert by_ids.usage.prompt_tokens == text.usage.prompt_tokens == len(ids)


def test_several_prompts(client):
    prompts = ["The capital of France is", "The capital of Italy is", "Two plus two is"]
    asked = {"model": SMALL, "max_tokens": 4, "temperature": 0}
    answer = client.completions.create(prompt=prompts, n=2, **asked)
    assert [choice.index for choice in answer.choices] == list(range(6))
    for index, expected in enumerate([" Paris", " Paris", " Rome", " Rome"]):
        assert answer.choices[index].text.startswith(expected)


def test_arrays_of_token_ids(client):
    arrays = [tokens("The capital of France is", SMALL), tokens("Once upon a", SMALL)]
    answer = client.completions.create(model=SMALL, prompt=arrays, max_tokens=2, temperature=0)
    assert answer.choices[0].text.startswith(" Paris") and answer.choices[1].text.startswith(" time")


def test_suffix_is_refused_by_name(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model=SMALL, prompt="def f(", suffix="return x", max_tokens=4)
    assert caught.value.param == "suffix" and caught.value.code == "unsupported_parameter"


def test_token_ids_outside_the_vocabulary_are_refused(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model=SMALL, prompt=[10_000_000], max_tokens=1)
    assert "10000000" in caught.value.message.replace(",", "")
